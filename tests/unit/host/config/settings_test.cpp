#include <filesystem>

#include "configuration.hpp"

using engram::config::PluginEntry;
using engram::testing::Configuration;

TEST("an empty file gives the defaults") {
    const auto s = Configuration("").settings();
    CHECK_TEXT("127.0.0.1:7227", s.listen);
    CHECK_TEXT("/home/ada/.local/share/engram", s.data);
    CHECK_TEXT("/opt/engram/bin/../lib/engram/plugins", s.plugin_dirs.at(0));
    CHECK_EQ(uint64_t(4) << 20, s.max_body);
    CHECK(s.trusted_proxies.empty());
    CHECK(s.plugins.empty());
}

TEST("--set wins over the environment, the environment over the file") {
    Configuration c("[server]\nmax_connections = 1\nidle_seconds = 2\nbody_seconds = 3\n");
    c.sources.environment.emplace_back("ENGRAM_SERVER_MAX_CONNECTIONS", "10");
    c.sources.environment.emplace_back("ENGRAM_SERVER_IDLE_SECONDS", "20");
    c.sources.sets = {{"server.max_connections", "99"}, {"server.max_connections", "100"}};
    const auto s = c.settings();
    CHECK_EQ(size_t(100), s.max_connections);
    CHECK_EQ(20u, s.idle_seconds);
    CHECK_EQ(3u, s.body_seconds);
    CHECK_TEXT("--set server.max_connections", s.origins.at("server.max_connections").source);
    CHECK_TEXT("ENGRAM_SERVER_IDLE_SECONDS", s.origins.at("server.idle_seconds").source);
    CHECK_TEXT(c.file + ":4", s.origins.at("server.body_seconds").source);
}

TEST("plugins keep their order, and their configuration becomes JSON") {
    Configuration c(R"([[plugin]]
use = "quota-local"
config = { rpm = 600, ratio = 0.5, on = true, hosts = ["a", "b"], "odd key" = { x = "1" } }
[[plugin]]
use = "quota-local"
name = "second"
required = false
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
)");
    const auto plugins = c.settings().plugins;
    CHECK_EQ(size_t(2), plugins.size());
    CHECK_TEXT("quota-local", plugins[0].name);
    CHECK_TEXT(c.file + ":1", plugins[0].where);
    CHECK_TEXT(R"({"hosts":["a","b"],"odd key":{"x":"1"},"on":true,"ratio":0.5,"rpm":600})",
               plugins[0].config);
    CHECK_TEXT("second", plugins[1].name);
    CHECK(plugins[1].need == PluginEntry::Need::Optional);
    CHECK_TEXT("{}", plugins[1].config);
}

TEST("a typo is told with its line and what was meant") {
    Configuration("\n[server]\nlsiten = \"127.0.0.1:1\"\n")
        .refused(3, "'server.lsiten'", "did you mean 'server.listen'?");
    Configuration("[sevrer]\nlisten = \"127.0.0.1:1\"\n")
        .refused(2, "'sevrer.listen'", "did you mean 'server.listen'?");
    Configuration("listen = \"127.0.0.1:1\"\n").refused(1, "'listen'", "did you mean 'server.listen'?");
    Configuration("[[plugin]]\nuse = \"a\"\nconifg = {}\n")
        .refused(3, "'plugin.conifg'", "did you mean 'config'?");
    Configuration("[server]\nquux = 1\n").refused(2, "'server.quux'", "engram config explain");
}

TEST("a duplicate key and broken TOML are told with their line") {
    Configuration("[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n").refused(3, "");
    Configuration("[server]\n\nlisten = \n").refused(3, "");
    Configuration("[server\n").refused(1, "");
}

TEST("values of the wrong type or out of range are refused") {
    Configuration("[server]\nlisten = 7227\n").refused(2, "wrong type");
    Configuration("[server]\nlisten = [\"127.0.0.1:1\"]\n").refused(2, "wrong type");
    Configuration("[server]\nidle_seconds = \"75\"\n").refused(2, "wrong type");
    Configuration("[server]\nidle_seconds = 75.0\n").refused(2, "wrong type");
    Configuration("[server]\ntrusted_proxies = \"10.0.0.7\"\n").refused(2, "wrong type");
    Configuration("[server]\nidle_seconds = 0\n").refused(2, "from 1 to 86400");
    Configuration("[server]\nmax_body = \"4MB\"\n").refused(2, "from 1024 to");
    Configuration("[server]\nmax_body = \"99999999999GiB\"\n").refused(2, "from 1024 to");
    Configuration("[log]\nlevel = \"inof\"\n").refused(2, "debug", "did you mean 'info'?");
    Configuration("[[plugin]]\nuse = \"a\"\nrequired = \"no\"\n").refused(3, "true or false");
    Configuration("[[plugin]]\nuse = \"a\"\nconfig = { x = nan }\n").refused(3, "not finite");
    Configuration("[[plugin]]\nuse = \"a\"\nsha256 = \"abc\"\n")
        .refused(3, "64 hexadecimal digits", "sha256sum");
    Configuration("[plugin]\nuse = \"a\"\n").refused(1, "must be a list", "[[plugin]]");
    CHECK_EQ(uint64_t(8) << 10, Configuration("[server]\nmax_body = \"8 KiB\"\n").settings().max_body);
    CHECK_EQ(uint64_t(2048), Configuration("[server]\nmax_body = 2048\n").settings().max_body);
}

TEST("plugins need a file name and a name of their own") {
    Configuration("[[plugin]]\nname = \"a\"\n").refused(1, "without 'use'");
    Configuration("[[plugin]]\nuse = \"../a\"\n").refused(1, "not a path", "plugins.dirs");
    Configuration("[[plugin]]\nuse = \"a\"\n[[plugin]]\nuse = \"a\"\n")
        .refused(3, "two plugins are named 'a'", "name =");
}

TEST("all problems are told at once") {
    Configuration c("[server]\nlsiten = \"x\"\nidle_seconds = 0\n[log]\nlevel = \"loud\"\n[[plugin]]\n");
    CHECK_EQ(size_t(4), c.problems().size());
}

TEST("references are resolved, and one that cannot be names key and fix") {
    Configuration c(
        "[server]\ndata = \"${env:DATA}/x\"\n[[plugin]]\nuse = \"a\"\nconfig = { t = \"${env:T}\" }\n");
    c.sources.environment.emplace_back("DATA", "/srv");
    c.refused(5, "${env:T}", "export T=");
    c.sources.environment.emplace_back("T", "s3\"cret");
    CHECK_TEXT("/srv/x", c.settings().data);
    CHECK_TEXT(R"({"t":"s3\"cret"})", c.settings().plugins[0].config);

    Configuration("[server]\ndata = \"${env:NOPE}\"\n")
        .refused(2, "server.data: ${env:NOPE}", "export NOPE=");
    Configuration("[server]\ndata = \"${evn:NOPE}\"\n").refused(2, "unknown scheme", "env:");
    Configuration("[server]\ndata = \"${xdg:runtime}\"\n").refused(2, "XDG_RUNTIME_DIR is not set");
    Configuration("[server]\ndata = \"${env:HOME\"\n").refused(2, "without '}'");
    Configuration("[server]\ndata = \"${file:relative}\"\n").refused(2, "relative", "absolute");
    Configuration("[server]\ndata = \"${file:/proc}\"\n").refused(2, "cannot be read");
    Configuration("[server]\ndata = \"${file:/nonexistent}\"\n").refused(2, "cannot be read");
}

TEST("a file's last line end is no part of the value") {
    Configuration c("[[plugin]]\nuse = \"a\"\nconfig = { t = \"${file:FILE}\" }\n");
    std::ofstream(c.folder / "token") << "sesame\n";
    std::ofstream(c.file) << "[[plugin]]\nuse = \"a\"\nconfig = { t = \"${file:" << c.folder / "token"
                          << "}\" }\n";
    CHECK_TEXT(R"({"t":"sesame"})", c.settings().plugins[0].config);
}

TEST("a variable that looks like a key and is none is refused, others are left alone") {
    Configuration c("");
    for (const char* other :
         {"ENGRAM_CORPORA", "ENGRAM_KEY", "ENGRAM_MY_PEPPER", "ENGRAM_AUTH_FILE", "ENGRAM_", "ENGRAMS"})
        c.sources.environment.emplace_back(other, "x");
    c.settings();
    c.sources.environment.emplace_back("ENGRAM_SERVER_LISTN", "x");
    c.refused(0, "no configuration key", "did you mean 'ENGRAM_SERVER_LISTEN'?");
    c.sources.environment.back().first = "ENGRAM_SEVER_LISTEN";
    c.refused(0, "no configuration key", "did you mean 'ENGRAM_SERVER_LISTEN'?");
    c.sources.environment.back().first = "ENGRAM_LOG_COLOUR_OF_LINES";
    c.refused(0, "no configuration key");
    CHECK_TEXT("ENGRAM_LOG_COLOUR_OF_LINES", c.problems()[0].where);
}

TEST("an unknown --set is refused with what was meant") {
    Configuration c("");
    c.sources.sets = {{"server.lisen", "127.0.0.1:0"}};
    c.refused(0, "'server.lisen'", "did you mean 'server.listen'?");
}

TEST("listening beyond loopback needs TLS or a proxy that is named") {
    const std::string line = "[server]\nlisten = \"0.0.0.0:7227\"\n";
    Configuration(line).refused(2, "without TLS", "server.trusted_proxies");
    Configuration(line + "trusted_proxies = [\"10.0.0.7\"]\n").settings();
    Configuration(line + "[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n").settings();
    Configuration(line + "trusted_proxies = [\"0.0.0.0/0\"]\n").refused(3, "no address or range");
    Configuration("[server]\nlisten = \"example.com:80\"\n").refused(2, "no address", "127.0.0.1:7227");
}

TEST("the admin listener stays on loopback whatever stands in front") {
    for (const char* more : {"", "trusted_proxies = [\"10.0.0.7\"]\n", "[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n"})
        for (const char* address : {"0.0.0.0:7228", "[::]:7228", "10.0.0.5:7228"})
            Configuration("[server]\nadmin_listen = \"" + std::string(address) + "\"\n" + more)
                .refused(2, "server.admin_listen", "127.0.0.1");
}

TEST("TLS needs certificate and key, and the key's password from elsewhere") {
    Configuration("[tls]\ncertificate = \"/c\"\n").refused(2, "tls.key is not set");
    Configuration("[tls]\nkey = \"/k\"\n").refused(2, "tls.certificate is not set");
    Configuration literal("[tls]\ncertificate = \"/c\"\nkey = \"/k\"\nkey_password = \"hunter2\"\n");
    literal.refused(4, "tls.key_password is written out", "${file:");
    CHECK(literal.problems()[0].text().find("hunter2") == std::string::npos);
    Configuration c("[tls]\ncertificate = \"/c\"\nkey = \"/k\"\nkey_password = \"${env:PASSWORD}\"\n");
    c.sources.environment.emplace_back("PASSWORD", "hunter2");
    const auto s = c.settings();
    CHECK_TEXT("hunter2", s.tls_key_password);
    CHECK(engram::config::show(s).find("hunter2") == std::string::npos);
}

TEST("CORS takes exact origins alone") {
    CHECK_EQ(size_t(1), Configuration("[cors]\norigins = [\"https://a.example\"]\n").settings().cors_origins.size());
    Configuration("[cors]\norigins = [\"https://a.example\", \"*\"]\n").refused(2, "'*' is no origin", "no wildcard");
}

TEST("a reload keeps what needs a restart and tells both kinds apart") {
    const auto running = Configuration("[server]\nlisten = \"127.0.0.1:1\"\nidle_seconds = 5\n").settings();
    auto next = Configuration("[server]\nlisten = \"127.0.0.1:2\"\nidle_seconds = 6\nio_threads = 3\n").settings();
    const auto changes = engram::config::keepUntilRestart(running, next);
    CHECK(changes.reload == std::vector<std::string>{"server.idle_seconds"});
    CHECK(changes.restart == (std::vector<std::string>{"server.listen", "server.io_threads"}));
    CHECK_TEXT("127.0.0.1:1", next.listen);
    CHECK_EQ(0u, next.io_threads);
    CHECK_EQ(6u, next.idle_seconds);
    // The next reload of the same file tells it again.
    auto again = Configuration("[server]\nlisten = \"127.0.0.1:2\"\nidle_seconds = 6\nio_threads = 3\n").settings();
    CHECK_EQ(size_t(2), engram::config::keepUntilRestart(next, again).restart.size());
}

TEST("what a reload would expose is a problem, though the file alone is not") {
    const auto running =
        Configuration("[server]\nlisten = \"0.0.0.0:1\"\n[tls]\ncertificate = \"/c\"\nkey = \"/k\"\n").settings();
    auto next = Configuration("[server]\nlisten = \"127.0.0.1:1\"\n").settings();
    CHECK(engram::config::checkExposure(next).empty());
    engram::config::keepUntilRestart(running, next);
    CHECK_EQ(size_t(1), engram::config::checkExposure(next).size());
}

TEST("a list in the environment is split at commas") {
    Configuration c("");
    c.sources.environment.emplace_back("ENGRAM_SERVER_TRUSTED_PROXIES", "10.0.0.7, 10.0.1.0/24,");
    const auto proxies = c.settings().trusted_proxies;
    CHECK_EQ(size_t(2), proxies.size());
    CHECK_TEXT("10.0.1.0/24", proxies[1]);
}

TEST("without a file, the places searched are named") {
    Configuration c("");
    c.sources.file.clear();
    c.sources.exe_folder = c.folder.path() + "/bin";
    if (!std::filesystem::exists("/etc/engram/engram.toml"))
        c.refused(0, c.sources.exe_folder + "/../etc/engram/oss.toml and no /etc/engram/engram.toml",
                  "--config FILE");
    std::filesystem::create_directories(c.folder / "etc/engram");
    std::filesystem::create_directories(c.folder / "bin");
    std::ofstream(c.folder / "etc/engram/oss.toml") << "[server]\nidle_seconds = 5\n";
    CHECK_EQ(5u, c.settings().idle_seconds);
    c.sources.environment.emplace_back("ENGRAM_CONFIG", c.file);
    CHECK_EQ(75u, c.settings().idle_seconds);
}

TEST("a file that is missing, a folder or huge is refused") {
    Configuration c("");
    c.sources.file = c.folder / "nope.toml";
    c.refused(0, "cannot be read");
    c.sources.file = c.folder.path();
    c.refused(0, "cannot be read");
    Configuration(std::string(2 << 20, '#')).refused(0, "over 1 MiB");
}

TEST("the OSS product's file is valid and changes no default") {
    Configuration c("");
    const auto defaults = c.settings();
    c.sources.file = OSS_TOML;
    const auto oss = c.settings();
    CHECK_EQ(size_t(8), oss.plugins.size());
    CHECK_TEXT(defaults.listen, oss.listen);
    CHECK_TEXT(defaults.data, oss.data);
    CHECK(defaults.plugin_dirs == oss.plugin_dirs);
}
