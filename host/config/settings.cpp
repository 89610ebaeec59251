#include "config/settings.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "config/interpolate.hpp"
#include "config/keys.hpp"
#include "config/plugin_entries.hpp"
#include "config/toml.hpp"
#include "config/words.hpp"

namespace engram::config {
namespace {

constexpr std::string_view kPrefix = "ENGRAM_";

// Variables that are no keys: the command line's own, and those of tests.
constexpr std::string_view kOtherVariables[] = {"ENGRAM_CONFIG",   "ENGRAM_CORPORA", "ENGRAM_URL", "ENGRAM_KEY",
                                                "ENGRAM_KEY_FILE", "ENGRAM_CA_FILE", "ENGRAM_LONG"};

std::vector<std::string> splitAtCommas(std::string_view text) {
    std::vector<std::string> items;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        std::string_view item = text.substr(0, comma);
        while (item.starts_with(' ')) item.remove_prefix(1);
        while (item.ends_with(' ')) item.remove_suffix(1);
        if (!item.empty()) items.emplace_back(item);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return items;
}

// The value of a key in the file as text items, if it has the key's type.
std::optional<std::vector<std::string>> itemsOf(const Key& key, const TomlValue& value) {
    const auto* text = std::get_if<std::string>(&value.value);
    const auto* whole = std::get_if<int64_t>(&value.value);
    const auto* array = std::get_if<TomlArray>(&value.value);
    if (key.kind == Kind::TextList) {
        if (!array) return std::nullopt;
        std::vector<std::string> items;
        for (const TomlValue& item : *array) {
            const auto* word = std::get_if<std::string>(&item.value);
            if (!word) return std::nullopt;
            items.push_back(*word);
        }
        return items;
    }
    if (whole && key.kind != Kind::Text) return std::vector{std::to_string(*whole)};
    if (text && key.kind != Kind::Integer) return std::vector{*text};
    return std::nullopt;
}

// "4MiB" or "4194304"; nothing if it is no such number or out of the key's range.
std::optional<int64_t> numberOf(const Key& key, std::string_view digits) {
    int64_t unit = 1;
    if (key.kind == Kind::Bytes) {
        constexpr std::pair<std::string_view, int64_t> kUnits[] = {
            {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
        for (const auto& [suffix, factor] : kUnits) {
            if (!digits.ends_with(suffix)) continue;
            digits.remove_suffix(suffix.size());
            while (digits.ends_with(' ')) digits.remove_suffix(1);
            unit = factor;
            break;
        }
    }
    int64_t value = 0;
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (digits.empty() || failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (value < 0 || value > key.most / unit || value * unit < key.least) return std::nullopt;
    return value * unit;
}

// Collects values by key, each with its source, and the problems met.
class Loader {
public:
    explicit Loader(const Sources& sources) : sources_(sources) {
        surroundings_.exe_folder = sources.exe_folder;
        surroundings_.environment = [this](const std::string& name) -> std::optional<std::string> {
            for (const auto& [key, value] : sources_.environment)
                if (key == name) return value;
            return std::nullopt;
        };
        for (const Key& key : keys()) {
            std::vector<std::string> items;
            if (!key.fallback.empty() || key.kind != Kind::TextList) items.emplace_back(key.fallback);
            raw_[std::string(key.name)] = {std::move(items), "default"};
            names_.push_back(key.name);
        }
    }

    std::variant<Settings, Problems> run() {
        if (auto file = findFile()) readFile(*file);
        readEnvironment();
        for (const auto& [key, value] : sources_.sets) override(key, value, "--set " + key);
        resolveAll();
        assign();
        checkAddresses();
        checkTls();
        checkOrigins();
        if (!problems_.empty()) return std::move(problems_);
        return std::move(settings_);
    }

private:
    struct Raw {
        std::vector<std::string> items;
        std::string source;
    };

    void problem(std::string where, std::string message, std::string hint) {
        problems_.push_back({std::move(where), std::move(message), std::move(hint)});
    }

    std::optional<std::string> findFile() {
        if (!sources_.file.empty()) return sources_.file;
        if (auto named = surroundings_.environment("ENGRAM_CONFIG"); named && !named->empty()) return *named;
        const std::string places[] = {sources_.exe_folder + "/../etc/engram/oss.toml",
                                      "/etc/engram/engram.toml"};
        std::error_code ignored;
        for (const std::string& place : places)
            if (std::filesystem::exists(place, ignored)) return place;
        problem(
            "configuration",
            "no file found: ENGRAM_CONFIG is not set, and there is no " + places[0] + " and no " + places[1],
            "name one with --config FILE or ENGRAM_CONFIG");
        return std::nullopt;
    }

    void readFile(const std::string& path) {
        settings_.file = path;
        auto parsed = readToml(path);
        if (auto* failed = std::get_if<Problems>(&parsed)) {
            problems_.insert(problems_.end(), failed->begin(), failed->end());
            return;
        }
        for (const auto& [section, value] : std::get<TomlTable>(parsed)) {
            if (section == "plugin")
                settings_.plugins = readPlugins(path, value, surroundings_, problems_);
            else if (auto* table = std::get_if<TomlTable>(&value.value))
                readSection(path, section, *table);
            else
                unknownKey(path + ":" + std::to_string(value.line), section);
        }
    }

    void readSection(const std::string& path, const std::string& section, const TomlTable& table) {
        for (const auto& [name, value] : table) {
            const std::string key_name = section + "." + name;
            const std::string where = path + ":" + std::to_string(value.line);
            const Key* key = findKey(key_name);
            if (!key) {
                unknownKey(where, key_name);
                continue;
            }
            auto items = itemsOf(*key, value);
            if (items)
                raw_[key_name] = {std::move(*items), where};
            else
                problem(where, key_name + " has a value of the wrong type",
                        "see engram config explain " + key_name);
        }
    }

    void unknownKey(const std::string& where, const std::string& name) {
        std::string hint = didYouMean(name, names_);
        // "lsiten" alone, or in the wrong section: compare what is behind the dot as well.
        if (!hint.starts_with("did")) {
            const std::string word = name.substr(name.find('.') + 1);
            for (std::string_view key : names_)
                if (key.substr(key.find('.') + 1) == word) hint = "did you mean " + inQuotes(key) + "?";
        }
        problem(where, "unknown key " + inQuotes(name), hint);
    }

    // Variables of the form ENGRAM_SECTION_KEY. Another ENGRAM_… is left alone (a plugin's ${env:…} may need
    // it) unless it begins like a section or resembles a key.
    void readEnvironment() {
        std::vector<std::string> variables;
        for (const Key& key : keys()) variables.push_back(variableOf(key.name));
        std::vector<std::string_view>
            endings;  // compared without the prefix, which would make all of them alike
        for (std::string_view variable : variables) endings.push_back(variable.substr(kPrefix.size()));
        for (const auto& [name, value] : sources_.environment) {
            if (!name.starts_with(kPrefix)) continue;
            if (std::find(std::begin(kOtherVariables), std::end(kOtherVariables), name) !=
                std::end(kOtherVariables))
                continue;
            const auto found = std::find(variables.begin(), variables.end(), name);
            if (found != variables.end()) {
                override(std::string(keys()[static_cast<size_t>(found - variables.begin())].name), value,
                         name);
                continue;
            }
            const auto close = closest(std::string_view(name).substr(kPrefix.size()), endings);
            if (close)
                problem(name, "is no configuration key",
                        "did you mean '" + std::string(kPrefix) + std::string(*close) + "'?");
            else if (namesSection(name))
                problem(name, "is no configuration key", "engram config explain lists the keys");
        }
    }

    static bool namesSection(std::string_view variable) {
        return std::any_of(keys().begin(), keys().end(), [&](const Key& key) {
            return variable.starts_with(variableOf(key.name.substr(0, key.name.find('.') + 1)));
        });
    }

    void override(const std::string& name, const std::string& value, const std::string& source) {
        const Key* key = findKey(name);
        if (!key) return unknownKey(source, name);
        raw_[name] = {key->kind == Kind::TextList ? splitAtCommas(value) : std::vector{value}, source};
    }

    void resolveAll() {
        for (auto& [key, raw] : raw_) {
            Origin origin{"", raw.source, {}};
            bool secret = false;
            for (std::string& item : raw.items) {
                auto resolved = interpolate(item, surroundings_);
                if (!resolved) {
                    problem(whereOf(key), key + ": " + resolved.error().message, resolved.error().hint);
                    continue;
                }
                secret = secret || resolved->origin == Interpolated::Origin::Secret;
                item = resolved->text;
                origin.value += (origin.items.empty() ? "" : ",") + item;
                origin.items.push_back(item);
            }
            settings_.resolved[key] = origin.value;
            if (secret) origin = {"[secret]", raw.source, {}};
            settings_.origins[key] = std::move(origin);
        }
    }

    std::string whereOf(const std::string& key) {
        return raw_[key].source == "default" ? "default of " + key : raw_[key].source;
    }

    std::string text(const std::string& key) {
        return raw_[key].items.empty() ? "" : raw_[key].items.front();
    }

    template <class T>
    void number(const std::string& name, T& out) {
        const Key& key = *findKey(name);
        if (auto value = numberOf(key, text(name))) {
            out = static_cast<T>(*value);
            return;
        }
        problem(whereOf(name),
                name + " is not a whole number from " + std::to_string(key.least) + " to " +
                    std::to_string(key.most),
                "see engram config explain " + name);
    }

    std::string oneOf(const std::string& key, std::span<const std::string_view> allowed) {
        const std::string value = text(key);
        if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
        std::string list;
        for (std::string_view word : allowed) list += (list.empty() ? "" : ", ") + std::string(word);
        const auto close = closest(value, allowed);
        problem(whereOf(key), key + " is not one of " + list,
                close ? "did you mean " + inQuotes(*close) + "?" : "see engram config explain " + key);
        return std::string(allowed.front());
    }

    void assign() {
        constexpr std::string_view kLevels[] = {"info", "debug", "warn", "error"}, kSwitch[] = {"on", "off"};
        Settings& s = settings_;
        s.listen = text("server.listen");
        s.admin_listen = text("server.admin_listen");
        s.data = text("server.data");
        number("server.io_threads", s.io_threads);
        number("server.cpu_threads", s.cpu_threads);
        number("server.blocking_threads", s.blocking_threads);
        number("server.queue_limit", s.queue_limit);
        number("server.drain_seconds", s.drain_seconds);
        number("server.answer_seconds", s.answer_seconds);
        number("server.max_body", s.max_body);
        number("server.max_connections", s.max_connections);
        number("server.max_connections_per_peer", s.max_connections_per_peer);
        number("server.header_seconds", s.header_seconds);
        number("server.body_seconds", s.body_seconds);
        number("server.idle_seconds", s.idle_seconds);
        s.trusted_proxies = raw_["server.trusted_proxies"].items;
        s.on_demand_listen = text("server.on_demand_listen");
        number("server.idle_exit_seconds", s.idle_exit_seconds);
        s.mcp_hosts = raw_["mcp.allowed_hosts"].items;
        s.mcp_origins = raw_["mcp.allowed_origins"].items;
        s.log_level = oneOf("log.level", kLevels);
        s.log_file = text("log.file");
        s.log_requests = oneOf("log.requests", kSwitch);
        s.plugin_dirs = raw_["plugins.dirs"].items;
        s.base_domain = text("tenancy.base_domain");
        s.default_tenant = text("tenancy.default_tenant");
        number("spool.max_bytes", s.spool_max_bytes);
        s.tls_certificate = text("tls.certificate");
        s.tls_key = text("tls.key");
        s.tls_key_password = text("tls.key_password");
        number("tls.check_seconds", s.tls_check_seconds);
        number("tls.hsts_seconds", s.hsts_seconds);
        s.cors_origins = raw_["cors.origins"].items;
    }

    void checkAddresses() {
        const std::string proxies = "server.trusted_proxies";
        for (const std::string& range : settings_.trusted_proxies)
            if (!isProxyRange(range))
                problem(whereOf(proxies), proxies + " has an entry that is no address or range of a proxy",
                        "write addresses such as \"10.0.0.7\" or \"10.0.0.0/24\"");
        for (const char* key : {"server.listen", "server.admin_listen", "server.on_demand_listen"}) {
            const std::string address = text(key);
            if (address.empty() && key == std::string_view("server.on_demand_listen")) continue;
            if (!parseAddress(address))
                problem(whereOf(key), std::string(key) + " is no address of the form IP:PORT",
                        "write an address such as \"127.0.0.1:7227\" or \"[::1]:7227\"");
        }
        const Problems exposed = checkExposure(settings_);
        problems_.insert(problems_.end(), exposed.begin(), exposed.end());
        if (settings_.data.empty()) problem(whereOf("server.data"), "server.data is empty", "name a folder");
    }

    void checkTls() {
        const Settings& s = settings_;
        if (s.tls_certificate.empty() != s.tls_key.empty()) {
            const char* missing = s.tls_key.empty() ? "tls.key" : "tls.certificate";
            problem(whereOf(s.tls_key.empty() ? "tls.certificate" : "tls.key"), std::string(missing) + " is not set",
                    "TLS needs both: tls.certificate and tls.key");
        }
        const bool literal = !s.tls_key_password.empty() && s.origins.at("tls.key_password").value != "[secret]";
        if (!literal) return;
        settings_.origins["tls.key_password"] = {"[secret]", raw_["tls.key_password"].source, {}};
        problem(whereOf("tls.key_password"), "tls.key_password is written out",
                "put it into a file of its own and write \"${file:/path}\"");
    }

    void checkOrigins() {
        for (const std::string& origin : settings_.cors_origins)
            if (!isOrigin(origin))
                problem(whereOf("cors.origins"), "cors.origins: " + inQuotes(origin) + " is no origin",
                        "write scheme, host and port as browsers send them, in lower case and without a path, such as "
                        "\"https://app.example.com\"; there is no wildcard");
    }

    const Sources& sources_;
    Surroundings surroundings_;
    std::vector<std::string_view> names_;
    std::map<std::string, Raw> raw_;
    Settings settings_;
    Problems problems_;
};

}  // namespace

std::variant<Settings, Problems> load(const Sources& sources) {
    return Loader(sources).run();
}

}  // namespace engram::config
