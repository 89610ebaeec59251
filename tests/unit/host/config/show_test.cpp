#include "config/keys.hpp"
#include "configuration.hpp"
#include "json/json.hpp"

using namespace engram::config;
using engram::testing::Configuration;

namespace {

// A secret in every place that can hold one.
Configuration secretive() {
    return Configuration(R"([server]
data = "/srv/${env:SECRET}"
trusted_proxies = ["10.0.0.7"]
[[plugin]]
use = "auth"
config = { url = "https://x", dsn = "literal-hush", nested = { api_key = "literal-hush" }, list = ["a", "p-${env:SECRET}"], pepper = ["literal-hush"], tries = 3 }
)");
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST("secrets never appear in what is shown") {
    Configuration c = secretive();
    c.sources.environment.emplace_back("SECRET", "hush-hush");
    const Settings s = c.settings();
    CHECK(has(s.plugins[0].config, "hush-hush"));
    for (const std::string& text : {show(s), showJson(s), std::get<std::string>(explain(s, "server.data")),
                                    std::get<std::string>(explainJson(s, "server.data"))}) {
        CHECK_MESSAGE(text, !has(text, "hush"));
        CHECK_MESSAGE(text, has(text, "[secret]"));
    }
    CHECK(has(show(s), "url = \"https://x\""));
    CHECK(has(show(s), "tries = 3"));
}

TEST("what is shown is a configuration again") {
    Configuration c(
        "[server]\nmax_connections = 5\ntrusted_proxies = [\"10.0.0.7\", \"::1\"]\n[log]\nfile = "
        "\"/a\\\"b\"\n"
        "[[plugin]]\nuse = \"a\"\nrequired = false\nconfig = { x = { y = [1, 2] }, \"odd key\" = \"z\" }\n");
    const Settings first = c.settings();
    const Settings again = Configuration(show(first)).settings();
    CHECK_EQ(first.max_connections, again.max_connections);
    CHECK(first.trusted_proxies == again.trusted_proxies);
    CHECK_TEXT(first.log_file, again.log_file);
    CHECK_TEXT(first.data, again.data);
    CHECK_TEXT(first.plugins[0].config, again.plugins[0].config);
    CHECK(again.plugins[0].need == PluginEntry::Need::Optional);
}

TEST("explain tells meaning, default, value and where it comes from") {
    Configuration c("[server]\nidle_seconds = 9\n");
    const std::string text = std::get<std::string>(explain(c.settings(), "server.idle_seconds"));
    for (const char* part :
         {"server.idle_seconds: ", "1 to 86400", "75", "9", "engram.toml:2", "ENGRAM_SERVER_IDLE_SECONDS"})
        CHECK_MESSAGE(text, has(text, part));
    const auto unknown = explain(c.settings(), "server.idle_second");
    CHECK(has(std::get<Problem>(unknown).hint, "did you mean 'server.idle_seconds'?"));
}

TEST("shown as JSON, every key is there") {
    Configuration c("");
    auto document = engram::json::parse(showJson(c.settings()));
    CHECK(document.ok());
    CHECK_EQ(keys().size(), size_t((*document)["keys"].Size()));
}

TEST("the reference has a line for every key") {
    const std::string text = reference();
    for (const Key& key : keys()) CHECK(has(text, "| `" + std::string(key.name) + "` |"));
}
