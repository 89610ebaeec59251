#include "loader/plugin_set.hpp"

#include <engram/auth.h>
#include <engram/metering.h>
#include <sys/stat.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "support/temporary_folder.hpp"
#include "support/test.hpp"

namespace fs = std::filesystem;
using engram::ArenaCall;
using engram::config::PluginEntry;
using engram::config::Problems;
using engram::loader::HostOutlets;
using engram::loader::PluginSet;
using engram::loader::State;
using engram::testing::TemporaryFolder;

namespace {

constexpr auto kPatience = std::chrono::seconds(20);

PluginEntry entry(const std::string& use, const std::string& config = "{}") {
    PluginEntry out;
    out.use = out.name = use;
    out.config = config;
    out.where = "test.toml:1";
    return out;
}

PluginEntry auth() {
    return entry("fake-auth", R"({"token":"sesame-open"})");
}

// The smallest set that is allowed.
std::vector<PluginEntry> base() {
    return {auth(), entry("fake-storage"), entry("fake-tenancy")};
}

std::vector<PluginEntry> with(PluginEntry more) {
    auto entries = base();
    entries.push_back(std::move(more));
    return entries;
}

std::vector<fs::path> folders() {
    return {fs::path(PLUGIN_FAKE_AUTH).parent_path()};
}

// What plugins write to the log, for a test to wait for.
class Log {
public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
        changed_.notify_all();
    }
    bool waitFor(const std::string& line) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kPatience, [&] { return positionOf(line) < lines_.size(); });
    }
    size_t find(const std::string& line) {
        const std::lock_guard lock(mutex_);
        return positionOf(line);
    }
    size_t size() {
        const std::lock_guard lock(mutex_);
        return lines_.size();
    }

private:
    size_t positionOf(const std::string& line) const {
        return static_cast<size_t>(std::find(lines_.begin(), lines_.end(), line) - lines_.begin());
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> lines_;
};

struct Stage {
    TemporaryFolder data;
    Log log;
    std::vector<std::string> metrics;

    HostOutlets outlets() {
        HostOutlets out;
        out.data = data.path();
        out.log = [this](uint32_t, std::string_view instance, std::string_view message,
                         std::span<const engram_kv> kv) {
            std::string line = std::string(instance) + ": " + std::string(message);
            for (const engram_kv& field : kv)
                line +=
                    " " + std::string(engram::view(field.key)) + "=" + std::string(engram::view(field.value));
            log.add(line);
        };
        out.define_metric = [this](uint32_t, const std::string& name, const std::string&,
                                   const std::vector<std::string>& labels) -> engram::Result<uint64_t> {
            metrics.push_back("define " + name + " " + labels.at(0));
            return uint64_t(5);
        };
        out.add_metric = [this](uint64_t id, std::span<const std::string_view> labels, double value) {
            metrics.push_back("add " + std::to_string(id) + " " + std::string(labels[0]) + " " +
                              std::to_string(value));
        };
        return out;
    }
    std::unique_ptr<PluginSet> load(const std::vector<PluginEntry>& entries) {
        auto loaded = PluginSet::load(entries, folders(), outlets());
        if (auto* problems = std::get_if<Problems>(&loaded)) CHECK_MESSAGE(problems->front().text(), false);
        return std::get<std::unique_ptr<PluginSet>>(std::move(loaded));
    }
    Problems refusal(const std::vector<PluginEntry>& entries) {
        auto loaded = PluginSet::load(entries, folders(), outlets());
        CHECK_MESSAGE("the set was not refused", std::holds_alternative<Problems>(loaded));
        return std::get<Problems>(loaded);
    }
    // The set is refused for one reason that has these words in message and hint.
    void refuses(const std::vector<PluginEntry>& entries, const std::string& reason, const std::string& fix) {
        const Problems problems = refusal(entries);
        const std::string all = problems.front().text();
        CHECK_EQ(size_t(1), problems.size());
        CHECK_MESSAGE(all, problems[0].message.find(reason) != std::string::npos);
        CHECK_MESSAGE(all, problems[0].hint.find(fix) != std::string::npos);
    }
};

std::chrono::steady_clock::time_point soon() {
    return std::chrono::steady_clock::now() + kPatience;
}

}  // namespace

TEST("a set is started with tenancy first, storage second, and stopped in reverse") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    CHECK(stage.log.find("fake-storage: storage started") <
          stage.log.find("fake-auth: auth started epoch=7"));
    CHECK(fs::exists(stage.data / "tenants/started"));
    struct stat status {};
    CHECK(stat((stage.data / "tenants").c_str(), &status) == 0 && (status.st_mode & 0777) == 0700);
    set->stop(soon());
    CHECK(stage.log.waitFor("fake-storage: storage stopped"));
    for (const auto& state : set->states()) CHECK(state.state == State::Stopped);
}

TEST("defaults of the schema reach the plugin, services that it did not ask for do not") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    auto bound = set->all<engram_auth_v1>(ENGRAM_AUTH);
    CHECK_EQ(size_t(1), bound.size());
    ArenaCall call;
    engram_credential credential{};
    credential.value = engram_lit("sesame-open");
    engram_principal principal{};
    CHECK_EQ(ENGRAM_OK + 0, bound[0].table->authenticate(bound[0].self, call, &credential, &principal) + 0);
    CHECK_TEXT("limit:3", engram::view(principal.subject));
    CHECK_TEXT("no tasks", engram::view(principal.display));
    CHECK_TEXT("fake-auth", bound[0].instance);
}

TEST("metrics of a plugin carry its prefix") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    CHECK_EQ(size_t(2), stage.metrics.size());
    CHECK_TEXT("define engram_fake_auth_checks_total outcome", stage.metrics[0]);
    CHECK_TEXT("add 5 ok 2.000000", stage.metrics[1]);
}

TEST("instances of one plugin come in the order of the configuration") {
    Stage stage;
    PluginEntry second = auth();
    second.name = "second";
    auto set = stage.load({second, auth(), entry("fake-storage"), entry("fake-tenancy")});
    CHECK(set->all<engram_auth_v1>(ENGRAM_AUTH).empty());
    CHECK(set->start().empty());
    auto bound = set->all<engram_auth_v1>(ENGRAM_AUTH);
    CHECK_EQ(size_t(2), bound.size());
    CHECK_TEXT("second", bound[0].instance);
    CHECK_TEXT("fake-auth", bound[1].instance);
}

TEST("tasks of an instance have ended before its stop is called") {
    Stage stage;
    auto set = stage.load(with(entry("fake-metering")));
    CHECK(set->start().empty());
    CHECK(stage.log.waitFor("fake-metering: tick"));
    set->stop(soon());
    const size_t stopped = stage.log.find("fake-metering: metering stopped");
    // After its stop, only the other instances may have spoken: storage is the last.
    CHECK_EQ(stage.log.size() - 2, stopped);
}

TEST("an instance whose task does not end is left alone, the others are stopped") {
    static Stage stage;  // the task may use it until the process ends
    auto set = stage.load(with(entry("fake-stuck")));
    CHECK(set->start().empty());
    CHECK(stage.log.waitFor("fake-stuck: asleep"));
    set->stop(std::chrono::steady_clock::now());
    CHECK(stage.log.waitFor("fake-stuck: a task was still running at the deadline; stop() was not called"));
    CHECK(stage.log.waitFor("fake-storage: storage stopped"));
    CHECK(stage.log.find("fake-stuck: stop called") == stage.log.size());
}

TEST("states tell what each plugin is and how it feels") {
    Stage stage;
    auto set = stage.load(with(entry("fake-metering")));
    CHECK(set->start().empty());
    const auto states = set->states();
    CHECK_EQ(size_t(4), states.size());
    CHECK_TEXT("fake-auth", states[0].id);
    CHECK_TEXT("1.2.3", states[0].version);
    CHECK_TEXT("stable", states[0].status);
    CHECK_TEXT("", states[0].health);
    CHECK_TEXT("engram.metering/1", states[3].interfaces.at(0));
    CHECK(states[3].health.find("the moon is full") != std::string::npos);
    CHECK_TEXT("started", nameOf(states[3].state));
}

TEST("a required plugin that cannot be started is a problem that names it") {
    Stage stage;
    auto set = stage.load(with(entry("fake-broken-start")));
    const Problems problems = set->start();
    CHECK_EQ(size_t(1), problems.size());
    CHECK(problems[0].message.find("the disk is on fire") != std::string::npos);
    CHECK(problems[0].message.find("fake-broken-start.so") != std::string::npos);
    set->stop(soon());
}

TEST("a plugin that is not required is degraded and not used") {
    Stage stage;
    PluginEntry broken = entry("fake-broken-start");
    broken.need = PluginEntry::Need::Optional;
    auto set = stage.load(with(broken));
    CHECK(set->start().empty());
    CHECK(set->states()[3].state == State::Degraded);
    CHECK(set->states()[3].health.find("the disk is on fire") != std::string::npos);
    CHECK(set->all<engram_metering_v1>(ENGRAM_METERING).empty());
}

TEST("a missing file is refused with the folders searched and a suggestion") {
    Stage stage;
    stage.refuses(with(entry("fake-metring")), "there is no file fake-metring.so in " + folders()[0].string(),
                  "did you mean use = \"fake-metering\"?");
}

TEST("a plugin for a newer ABI is refused") {
    Stage().refuses(with(entry("fake-new-abi")), "needs ABI 1.99", "upgrade Engram");
}

TEST("a plugin compiled against another draft is refused") {
    Stage().refuses(with(entry("fake-old-draft")), "another draft of engram.metering/1", "rebuild it");
}

TEST("a plugin that does not give what its manifest promises is refused") {
    Stage().refuses(with(entry("fake-no-table")), "promises engram.metering/1", "rebuild it");
}

TEST("a plugin that asks for a service no host has is refused") {
    Stage().refuses(with(entry("fake-greedy")), "asks for the service engram.host.teleport/1",
                    "this version of Engram");
}

TEST("a configuration that breaks its schema is refused with its pointer and without the value") {
    auto entries = base();
    entries[0].config = R"({"token":"short"})";
    Stage stage;
    stage.refuses(entries, "config /token breaks the rule \"minLength\": 8", "at least eight characters");
    CHECK(stage.refusal(entries)[0].text().find("short") == std::string::npos);
}

TEST("a configuration that the plugin itself refuses is a problem with its message") {
    auto entries = base();
    entries[0].config = R"({"token":"forbidden"})";
    Stage().refuses(entries, "that token is known to everybody", "correct");
}

TEST("two owners of a route are refused by name") {
    PluginEntry one = entry("fake-routes", R"({"path":"/console/{file}"})"), two = one;
    two.name = "rival";
    two.config = R"({"path":"/console/{page}"})";
    auto entries = with(one);
    entries.push_back(two);
    Stage().refuses(entries, "belongs to plugin 'fake-routes' and to 'rival'", "remove one");
}

TEST("routes under the host's own paths are refused") {
    for (const char* path : {"/v1/things", "/mcp", "/healthz", "/{anything}", "nowhere", "/"})
        Stage().refuses(with(entry("fake-routes", "{\"path\":\"" + std::string(path) + "\"}")),
                        "the route GET ", "below a path of the plugin's own");
    Stage stage;
    auto set = stage.load(with(entry("fake-routes", R"({"path":"/v1x/things"})")));
    CHECK(set->start().empty());
}

TEST("a set without auth, with two storages or with a name used twice is refused") {
    Stage stage;
    stage.refuses({entry("fake-storage"), entry("fake-tenancy")}, "no plugin provides engram.auth/1",
                  "auth-apikey");
    PluginEntry second = entry("fake-storage");
    stage.refuses(with(second), "two plugins are named 'fake-storage'", "name =");
    second.name = "other";
    stage.refuses(with(second), "more than one plugin provides engram.storage/1: fake-storage, other",
                  "keep one");
    second = entry("fake-metering");
    second.name = "tenants";
    stage.refuses(with(second), "the name is taken by the host", "name =");
}

TEST("all problems are told at once") {
    auto entries = with(entry("fake-old-draft"));
    entries.push_back(entry("fake-nothing-like-it"));
    entries[0].config = R"({"tokne":"sesame-open"})";
    const Problems problems = Stage().refusal(entries);
    CHECK_EQ(size_t(3), problems.size());
    CHECK(problems[0].hint.find("did you mean 'token'?") != std::string::npos);
    CHECK_TEXT("test.toml:1", problems[0].where);
}

TEST("inspection tells what would be loaded without loading it") {
    auto found = engram::loader::inspectAll(base(), folders());
    CHECK(std::holds_alternative<std::vector<engram::loader::Found>>(found));
    CHECK_TEXT("fake-auth", std::get<std::vector<engram::loader::Found>>(found)[0].file.manifest.id);
}

namespace {

PluginSet::Reloaded reloaded(const PluginSet& running, const std::vector<PluginEntry>& entries) {
    auto outcome = PluginSet::reload(running, entries, folders());
    if (auto* problems = std::get_if<Problems>(&outcome)) CHECK_MESSAGE(problems->front().text(), false);
    return std::move(std::get<PluginSet::Reloaded>(outcome));
}

const void* selfOf(const PluginSet& set) { return set.all<engram_auth_v1>(ENGRAM_AUTH).at(0).self; }

}  // namespace

TEST("a reload keeps what did not change and makes anew what did") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    auto same = reloaded(*set, base());
    CHECK(same.changed.empty() && same.needs_restart.empty());
    CHECK(selfOf(*set) == selfOf(*same.set));
    auto entries = base();
    entries[0].config = R"({"token":"another-token"})";
    auto changed = reloaded(*set, entries);
    CHECK(changed.changed == std::vector<std::string>{"fake-auth"});
    CHECK(selfOf(*set) != selfOf(*changed.set));
    set->handOver(*changed.set);
    set.reset();  // stops and destroys the old auth alone
    CHECK(stage.log.find("fake-storage: storage stopped") == stage.log.size());
    changed.set->stop(soon());
    CHECK(stage.log.waitFor("fake-storage: storage stopped"));
}

TEST("a set that was not handed over ends without touching the running one") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    reloaded(*set, with(entry("fake-routes", R"({"path":"/fake"})")));
    CHECK(stage.log.find("fake-storage: storage stopped") == stage.log.size());
    CHECK(set->states()[1].state == State::Started);
    CHECK_EQ(size_t(3), set->states().size());
}

TEST("a reload that is refused has started nothing that stays and names the problem") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    auto outcome = PluginSet::reload(*set, with(entry("fake-broken-start")), folders());
    // A metering plugin waits for a restart whatever it would do; one of the chain must start.
    CHECK(std::holds_alternative<PluginSet::Reloaded>(outcome));
    auto entries = base();
    entries[0].config = R"({"token":"forbidden"})";
    outcome = PluginSet::reload(*set, entries, folders());
    CHECK(std::get<Problems>(outcome)[0].message.find("that token is known to everybody") != std::string::npos);
    CHECK(set->states()[0].state == State::Started);
}

TEST("storage, tenancy and sinks stay until a restart and are named") {
    Stage stage;
    auto set = stage.load(with(entry("fake-metering")));
    CHECK(set->start().empty());
    auto entries = base();
    entries[1].sha256 = "";
    entries[1].need = PluginEntry::Need::Optional;
    auto next = reloaded(*set, entries);
    CHECK(next.needs_restart == (std::vector<std::string>{"fake-storage", "fake-metering"}));
    CHECK(next.changed.empty());
    CHECK_EQ(size_t(1), next.set->all<engram_metering_v1>(ENGRAM_METERING).size());
}

TEST("the address of an instance that is gone may be another's") {
    Stage stage;
    auto set = stage.load(base());
    CHECK(set->start().empty());
    for (int i = 0; i < 50; ++i) {
        auto entries = base();
        entries[0].config = R"({"token":"token-number-)" + std::to_string(i) + "\"}";
        auto next = reloaded(*set, entries);
        set->handOver(*next.set);
        set = std::move(next.set);
    }
    for (const auto& state : set->states()) CHECK(state.state == State::Started);
}
