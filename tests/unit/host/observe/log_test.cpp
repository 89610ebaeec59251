#include "observe/log.hpp"

#include "json/json.hpp"
#include "support/temporary_folder.hpp"
#include "support/test.hpp"

#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/stat.h>

using namespace engram;
using namespace engram::observe;
using engram::testing::TemporaryFolder;

namespace {

std::unique_ptr<Log> open(const std::string& file, Level level = Level::Info, size_t buffer = 8u << 20) {
    Log::Options options;
    options.file = file;
    options.level = level;
    options.buffer_bytes = buffer;
    auto log = Log::open(options);
    CHECK_MESSAGE(log ? "" : log.error().message, log.ok());
    return std::move(*log);
}

std::vector<json::Document> lines(const std::string& file) {
    std::vector<json::Document> out;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        auto parsed = json::parse(line);
        CHECK_MESSAGE(line, parsed.ok());
        out.push_back(std::move(*parsed));
    }
    return out;
}

}  // namespace

TEST("a line is one JSON object with time, level, message and fields, whatever they contain") {
    TemporaryFolder folder;
    open(folder / "log")->write(Level::Warn, "a \"quoted\"\nmessage", {{"why", "tab\t\xFF end"}});
    const auto all = lines(folder / "log");
    CHECK_EQ(size_t(1), all.size());
    CHECK_TEXT("warn", all[0]["level"].GetString());
    CHECK_TEXT("a \"quoted\"\nmessage", all[0]["message"].GetString());
    CHECK_TEXT("tab\t\xEF\xBF\xBD end", all[0]["why"].GetString());
    const std::string time = all[0]["time"].GetString();
    CHECK_EQ(size_t(24), time.size());
    CHECK(time[10] == 'T' && time[19] == '.' && time[23] == 'Z');
}

TEST("a request's line has its fields, numbers as numbers, no secret") {
    TemporaryFolder folder;
    AccessLine line;
    line.request_id = "r-1";
    line.tenant_id = "t-1";
    line.tenant_slug = "acme";
    const std::string user = "key:egm_live_" + std::string(62, 'S');
    line.user_id = user;
    line.route = "memory.get";
    line.method = "GET";
    line.status_code = 503;
    line.latency_ms = 12.0345;
    line.error_code = "unavailable";
    open(folder / "log")->access(line);
    const auto all = lines(folder / "log");
    CHECK_EQ(503, all.at(0)["status_code"].GetInt());
    CHECK(all[0]["latency_ms"].GetDouble() > 12.033 && all[0]["latency_ms"].GetDouble() < 12.035);
    for (const char* name : {"request_id", "tenant_id", "tenant_slug", "user_id", "route", "method", "error_code"})
        CHECK_MESSAGE(name, all[0].HasMember(name));
    CHECK(std::string(all[0]["user_id"].GetString()).find("SSS") == std::string::npos);
}

TEST("lines below the level are not written") {
    TemporaryFolder folder;
    {
        auto log = open(folder / "log", Level::Warn);
        log->write(Level::Debug, "no");
        log->write(Level::Info, "no");
        log->access({});
        log->write(Level::Warn, "yes");
        log->write(Level::Error, "yes");
    }
    CHECK_EQ(size_t(2), lines(folder / "log").size());
}

TEST("every line is written or counted as dropped, and none is cut") {
    TemporaryFolder folder;
    constexpr int kThreads = 4, kEach = 500;
    uint64_t dropped = 0;
    {
        auto log = open(folder / "log", Level::Info, 4096);
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t)
            threads.emplace_back([&log] {
                for (int i = 0; i < kEach; ++i) log->write(Level::Info, std::string(100, 'x'));
            });
        for (std::thread& thread : threads) thread.join();
        dropped = log->dropped();
    }
    CHECK(dropped > 0);
    CHECK_EQ(size_t(kThreads * kEach), lines(folder / "log").size() + dropped);
}

TEST("a line larger than the buffer is dropped and counted") {
    TemporaryFolder folder;
    auto log = open(folder / "log", Level::Info, 200);
    log->write(Level::Info, std::string(1000, 'x'));
    CHECK_EQ(uint64_t(1), log->dropped());
}

TEST("a file is appended to, and one that cannot be opened is an error with its name") {
    TemporaryFolder folder;
    open(folder / "log")->write(Level::Info, "one");
    open(folder / "log")->write(Level::Info, "two");
    CHECK_EQ(size_t(2), lines(folder / "log").size());
    struct stat info {};
    CHECK_EQ(0, stat((folder / "log").c_str(), &info));
    CHECK_EQ(mode_t(0), info.st_mode & 07);  // not for others
    Log::Options options;
    options.file = folder / "no/such/log";
    auto failed = Log::open(options);
    CHECK(!failed && failed.error().message.find("no/such/log") != std::string::npos);
    CHECK(!failed.error().hint.empty());
}

TEST("a bounded file becomes the one before, so that two of them are all there is") {
    TemporaryFolder folder;
    const std::string file = folder.path() + "/log";
    Log::Options options;
    options.file = file;
    options.max_bytes = 4096;
    {
        auto log = Log::open(options);
        CHECK(log.ok());
        for (int i = 0; i < 400; ++i) {
            (*log)->write(Level::Info, "line " + std::to_string(i));
            (*log)->flush();
        }
    }
    CHECK(!lines(file).empty());
    CHECK(!lines(file + ".1").empty());
    CHECK(std::filesystem::file_size(file) < 4096 + 200);
    CHECK(std::filesystem::file_size(file + ".1") < 4096 + 200);
    CHECK_TEXT("line 399", lines(file).back()["message"].GetString());
    CHECK(!std::filesystem::exists(file + ".2"));
}
