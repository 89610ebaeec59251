#include "cli/doctor.hpp"

#include "cli/bundle.hpp"
#include "cli/client_commands.hpp"
#include "config/data_directory.hpp"
#include "config/process_sources.hpp"
#include "health/clock.hpp"
#include "health/disk.hpp"
#include "health/files.hpp"
#include "health/fixes.hpp"
#include "health/limits.hpp"
#include "health/local_server.hpp"
#include "health/ports.hpp"
#include "health/setup.hpp"

#include <algorithm>
#include <filesystem>

#include <sysexits.h>

namespace engram::cli {
namespace {

namespace fs = std::filesystem;
using Takes = Option::Takes;

constexpr int kFound = 1;  // there is an error among the findings

struct Diagnosis {
    std::optional<config::Settings> settings;
    std::string data;          // empty if the configuration does not say
    health::Findings own;      // of this process: some of them --fix can fix
    health::Report report;     // with the server's, sorted; version: the server's, empty if none answered
};

enum class Reply { Told, Refused, None };

// The server's findings, if it tells them; else `failed` says why.
Reply askServer(Transport& transport, const Arguments& arguments, Diagnosis& out, Error& failed) {
    auto answer = transport.send({"GET", arguments.has("integrity") ? "/v1/admin/health?integrity=true" : "/v1/admin/health", "", {}});
    if (!answer) {
        failed = answer.error();
        return Reply::None;
    }
    auto report = health::readReport(answer->body);
    if (answer->status == 200 && report) {
        out.report.version = report->version;
        for (health::Finding& found : report->findings) out.report.findings.push_back(std::move(found));
        if (report->version != ENGRAM_VERSION)
            out.own.push_back(health::finding("version_skew", "client " ENGRAM_VERSION ", server " + report->version));
        return Reply::Told;
    }
    auto problem = json::parse(answer->body);
    failed = {"", problem ? text(*problem, "detail") : "the server answered with status " + std::to_string(answer->status),
              problem ? text(*problem, "hint") : "", ""};
    if (answer->status == 404)
        out.own.push_back(health::finding("version_skew", "client " ENGRAM_VERSION ", and the server has no health report"));
    return Reply::Refused;
}

// The closest folder above that is there: where the data would be made.
std::string existing(fs::path path) {
    std::error_code failed;
    while (path.has_parent_path() && path != path.parent_path() && !fs::exists(path, failed)) path = path.parent_path();
    return path.string();
}

// What a server would say of itself, while none runs.
void lookWithoutServer(const Diagnosis& at, health::Findings& out) {
    if (auto disk = health::readDisk(existing(at.data))) health::judgeDisk(*disk, out);
    else out.push_back(health::finding("data_unreadable", disk.error().message));
    health::judgeYear(health::readClock(), out);
    if (health::lockHolder(at.data) == health::Holder::Somebody) return;
    health::checkLeftovers(at.data, out);
    if (!at.settings) return;
    health::checkPort(at.settings->listen, "server.listen", out);
    health::checkPort(at.settings->admin_listen, "server.admin_listen", out);
    health::LimitFacts limits = health::readLimits(0);
    limits.descriptors = 0;  // the server raises its own
    health::judgeLimits(limits, out);
}

Diagnosis diagnose(const Arguments& arguments) {
    Diagnosis out;
    out.settings = health::checkSetup(config::sourcesOf(arguments.get("config"), {}), out.own);
    out.data = arguments.get("data", out.settings ? out.settings->data : "");
    if (out.data.empty()) return out;
    std::error_code failed;
    if (const fs::path real = fs::weakly_canonical(out.data, failed); !failed) out.data = real.string();
    health::checkFiles(out.data, out.own);
    auto socket = config::socketPath(out.data);
    if (!socket) {
        out.own.push_back(health::finding("server_silent", socket.error().message, socket.error().hint));
        return out;
    }
    Error why;
    const Reply reply = askServer(*overSocket(*socket), arguments, out, why);
    if (reply == Reply::Refused) out.own.push_back(health::finding("server_refuses", why.message));
    if (reply == Reply::None) health::checkServer(out.data, *socket, out.own);
    if (reply != Reply::Told) lookWithoutServer(out, out.own);
    health::checkOtherSockets(*socket, out.own);
    return out;
}

void join(Diagnosis& at) {
    at.report.findings.insert(at.report.findings.end(), at.own.begin(), at.own.end());
    health::sortFindings(at.report.findings);
}

std::string withFixes(const health::Report& report, const std::vector<health::Fix>& fixes) {
    auto document = json::parse(health::write(report));
    json::Value list(rapidjson::kArrayType);
    auto& allocator = document->GetAllocator();
    for (const health::Fix& fix : fixes) {
        json::Value one(rapidjson::kObjectType);
        one.AddMember("code", json::copy(fix.code, allocator), allocator);
        one.AddMember("done", json::copy(fix.done, allocator), allocator);
        one.AddMember("error", json::copy(fix.error, allocator), allocator);
        list.PushBack(one, allocator);
    }
    document->AddMember("fixes", list, allocator);
    return json::write(*document);
}

void print(const health::Report& report, std::ostream& out) {
    size_t count[3] = {};
    for (const health::Finding& found : report.findings) {
        ++count[static_cast<size_t>(found.severity)];
        std::string severity(health::nameOf(found.severity));
        severity.resize(8, ' ');
        out << severity << " " << shorten(found.title, 200) << "  [" << shorten(found.code, 60) << "]\n"
            << "         " << shorten(found.evidence, 1000) << "\n";
        if (!found.fix.empty()) out << "         fix: " << shorten(found.fix, 1000) << "\n";
    }
    out << (report.version.empty() ? "no server answers" : "server " + shorten(report.version, 40) + " answers") << "; "
        << count[2] << " errors, " << count[1] << " warnings, " << count[0] << " notes\n";
}

int writeBundle(const Arguments& arguments, const Diagnosis& at, Streams streams) {
    BundleSources sources{at.settings, at.report, arguments.get("admin-url")};
    if (sources.admin_url.empty() && at.settings && !at.settings->admin_listen.ends_with(":0"))
        sources.admin_url = "http://" + at.settings->admin_listen;
    const std::string path = arguments.get("bundle");
    if (auto written = writeArchive(path, bundleMembers(sources), std::time(nullptr)); !written)
        return tell(written.error(), EX_CANTCREAT, streams);
    streams.err << "wrote " << path << "; look through it before you send it\n";
    return EX_OK;
}

int finish(const Arguments& arguments, const Diagnosis& at, const std::vector<health::Fix>& fixes, Streams streams) {
    const bool fixing = arguments.has("fix");
    if (arguments.has("json")) streams.out << (fixing ? withFixes(at.report, fixes) : health::write(at.report)) << "\n";
    else print(at.report, streams.out);
    if (arguments.has("bundle"))
        if (const int failed = writeBundle(arguments, at, streams)) return failed;
    return health::worst(at.report.findings) == health::Severity::Error ? kFound : EX_OK;
}

int elsewhere(const Arguments& arguments, Streams streams) {
    if (arguments.has("fix") || arguments.has("bundle"))
        return tell({"", "--fix and --bundle work on the server's own machine", "run engram doctor there", ""}, EX_USAGE, streams);
    auto transport = connectFromArguments(arguments);
    if (!transport) return tell(transport.error(), EX_UNAVAILABLE, streams);
    Diagnosis at;
    Error why;
    if (askServer(**transport, arguments, at, why) != Reply::Told) return tell(why, EX_UNAVAILABLE, streams);
    join(at);
    return finish(arguments, at, {}, streams);
}

int doctor(const Arguments& arguments, Streams streams) {
    if (arguments.has("dry-run") && !arguments.has("fix"))
        return tell({"", "--dry-run says what --fix would do", "engram doctor --fix --dry-run", ""}, EX_USAGE, streams);
    const char* url = std::getenv("ENGRAM_URL");
    if (arguments.has("url") || (url && *url)) return elsewhere(arguments, streams);
    Diagnosis at = diagnose(arguments);
    std::vector<health::Fix> fixes;
    if (arguments.has("fix")) {
        const auto mode = arguments.has("dry-run") ? health::Mode::DryRun : health::Mode::Apply;
        fixes = health::applyFixes(at.own, at.data, mode);
        if (!arguments.has("json"))
            for (const health::Fix& fix : fixes)
                streams.out << (mode == health::Mode::DryRun ? "would " : "") << fix.done
                            << (fix.error.empty() ? "" : ": " + fix.error) << "\n";
        if (mode == health::Mode::Apply) at = diagnose(arguments);  // what is left
    }
    join(at);
    return finish(arguments, at, fixes, streams);
}

}  // namespace

void addDoctor(std::vector<Command>& commands) {
    std::vector<Option> options = {
        {"integrity", Takes::Nothing, "", "have the server read through every file, too"},
        {"fix", Takes::Nothing, "", "fix what is safe to fix: permissions, stale sockets, leftovers"},
        {"dry-run", Takes::Nothing, "", "with --fix: say what would be done"},
        {"bundle", Takes::Value, "FILE.tgz", "write a redacted bundle for support"},
        {"admin-url", Takes::Value, "URL", "where the bundle's metrics come from"},
    };
    for (const Option& option : kConnectionOptions) options.push_back(option);
    commands.push_back({"doctor", "", "", "find out what is wrong, and how to fix it; 1 if there is an error", 0, 0,
                        std::move(options), &doctor});
}

}  // namespace engram::cli
