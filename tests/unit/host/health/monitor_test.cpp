#include "health/monitor.hpp"

#include "codes.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>

using namespace engram;
using namespace engram::health;

namespace {

struct World {
    testing::TemporaryFolder folder;
    std::atomic<uint64_t> spool{0};
    std::mutex mutex;
    std::condition_variable changed;
    size_t published = 0;
    Findings last;
    std::vector<std::string> appeared;

    Monitor::Options options(std::chrono::seconds interval = std::chrono::seconds(3600)) {
        return {folder.path(), 0, 1024, interval};
    }
    Monitor::Outlets outlets() {
        Monitor::Outlets out;
        out.plugins = [](loader::Depth depth) {
            return std::vector<loader::InstanceState>{
                {"p", "", "", "", "", loader::State::Started, {}, depth == loader::Depth::Thorough ? "file damaged" : "", false}};
        };
        out.spool_bytes = [this] { return spool.load(); };
        out.log_dropped = [] { return uint64_t(0); };
        out.publish = [this](const Findings& findings) {
            std::lock_guard lock(mutex);
            ++published;
            last = findings;
            changed.notify_all();
        };
        out.appeared = [this](const Finding& found) { appeared.push_back(found.code); };
        return out;
    }
    bool has(const std::string& code) {
        for (const Finding& found : last)
            if (found.code == code) return true;
        return false;
    }
};

}  // namespace

TEST("a run publishes what it found and tells of an issue when it appears, not again while it stays") {
    World world;
    Monitor monitor(world.options(), world.outlets());
    monitor.run(loader::Depth::Quick);
    CHECK(!world.has("spool_backlog"));
    world.spool = 1000;
    monitor.run(loader::Depth::Quick);
    monitor.run(loader::Depth::Quick);
    CHECK(world.has("spool_backlog"));
    CHECK_EQ(std::ptrdiff_t(1), std::count(world.appeared.begin(), world.appeared.end(), "spool_backlog"));
    world.spool = 0;
    monitor.run(loader::Depth::Quick);
    world.spool = 1000;
    monitor.run(loader::Depth::Quick);
    CHECK_EQ(std::ptrdiff_t(2), std::count(world.appeared.begin(), world.appeared.end(), "spool_backlog"));
}

TEST("plugins look through their files only when somebody asks") {
    World world;
    Monitor monitor(world.options(), world.outlets());
    CHECK(codesOf(monitor.run(loader::Depth::Quick)).find("plugin_unwell") == std::string::npos);
    CHECK(codesOf(monitor.run(loader::Depth::Thorough)).find("plugin_unwell") != std::string::npos);
}

TEST("once started it runs by itself, and again after each interval, until it is stopped") {
    World world;
    Monitor monitor(world.options(std::chrono::seconds(0)), world.outlets());
    monitor.start();
    {
        std::unique_lock lock(world.mutex);
        CHECK(world.changed.wait_for(lock, std::chrono::seconds(60), [&] { return world.published >= 4; }));
    }
    const auto later = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    CHECK(monitor.stop(later));
    const size_t published = world.published;
    CHECK(monitor.stop(later));
    CHECK_EQ(published, world.published);
}

TEST("a check that hangs does not hold up whoever stops the monitor") {
    World world;
    std::promise<void> asked, go;
    Monitor::Outlets outlets = world.outlets();
    outlets.log_dropped = [&] {
        asked.set_value();
        go.get_future().wait();
        return uint64_t(0);
    };
    Monitor monitor(world.options(), std::move(outlets));
    monitor.start();
    asked.get_future().wait();
    CHECK(!monitor.stop(std::chrono::steady_clock::now()));
    go.set_value();
    CHECK(monitor.stop(std::chrono::steady_clock::now() + std::chrono::seconds(60)));
}
