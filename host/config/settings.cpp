#include "config/settings.hpp"

#include "config/did_you_mean.hpp"
#include "config/keys.hpp"
#include "config/toml.hpp"
#include "json/json.hpp"

#include <charconv>
#include <filesystem>
#include <optional>
#include <set>

namespace engram::config {
namespace {

using Values = std::map<std::string, std::vector<std::string>>;

std::string upperSnake(std::string_view key) {
    std::string out = "ENGRAM_";
    for (char c : key) out += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return out;
}

std::string inQuotes(std::string_view word) { return "'" + std::string(word) + "'"; }

std::string suggestion(std::string_view word, const std::vector<std::string_view>& among) {
    auto close = closest(word, among);
    return close ? "did you mean " + inQuotes(*close) + "?" : "see engram config explain";
}

std::vector<std::string_view> keyNames() {
    std::vector<std::string_view> names;
    for (const Key& key : keys()) names.push_back(key.name);
    return names;
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
    }

    std::variant<Settings, Problems> run() {
        for (const Key& key : keys()) {
            std::vector<std::string> items;
            if (!key.fallback.empty() || key.kind != Kind::TextList) items.emplace_back(key.fallback);
            raw_[std::string(key.name)] = {items, "default"};
        }
        if (auto file = findFile()) readFile(*file);
        readEnvironment();
        for (const auto& [key, value] : sources_.sets) override(key, value, "--set " + key);
        resolveAll();
        assign();
        checkExposure();
        if (!problems_.empty()) return problems_;
        return settings_;
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
        if (auto named = surroundings_.environment("ENGRAM_CONFIG")) return *named;
        const std::string places[] = {sources_.exe_folder + "/../etc/engram/oss.toml", "/etc/engram/engram.toml"};
        for (const std::string& place : places)
            if (std::filesystem::exists(place)) return place;
        problem("configuration", "no file found in " + places[0] + " and " + places[1],
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
            const std::string where = path + ":" + std::to_string(value.line);
            if (section == "plugin") readPlugins(path, value);
            else if (auto* table = std::get_if<TomlTable>(&value.value)) readSection(path, section, *table);
            else problem(where, "unknown key " + inQuotes(section), "keys stand in a section, e.g. [server]");
        }
    }

    void readSection(const std::string& path, const std::string& section, const TomlTable& table) {
        for (const auto& [name, value] : table) {
            const std::string key = section + "." + name;
            const std::string where = path + ":" + std::to_string(value.line);
            if (!findKey(key)) {
                problem(where, "unknown key " + inQuotes(key), suggestion(key, keyNames()));
                continue;
            }
            std::vector<std::string> items;
            if (auto* array = std::get_if<TomlArray>(&value.value)) {
                for (const TomlValue& item : *array) items.push_back(scalar(item, where, key));
            } else {
                items.push_back(scalar(value, where, key));
            }
            raw_[key] = {std::move(items), where};
        }
    }

    std::string scalar(const TomlValue& value, const std::string& where, const std::string& key) {
        if (auto* text = std::get_if<std::string>(&value.value)) return *text;
        if (auto* number = std::get_if<int64_t>(&value.value)) return std::to_string(*number);
        if (auto* flag = std::get_if<bool>(&value.value)) return *flag ? "true" : "false";
        problem(where, key + " has a value of the wrong type", "see engram config explain " + key);
        return {};
    }

    void readPlugins(const std::string& path, const TomlValue& value) {
        const auto* entries = std::get_if<TomlArray>(&value.value);
        if (!entries) {
            problem(path + ":" + std::to_string(value.line), "plugin must be a list", "write [[plugin]]");
            return;
        }
        std::set<std::string> names;
        for (const TomlValue& entry : *entries) {
            PluginEntry plugin;
            plugin.where = path + ":" + std::to_string(entry.line);
            plugin.config = "{}";
            if (const auto* table = std::get_if<TomlTable>(&entry.value)) readPlugin(path, *table, plugin);
            if (plugin.use.empty()) problem(plugin.where, "a plugin without 'use'", "name its file: use = \"quota-local\"");
            if (plugin.use.find('/') != std::string::npos)
                problem(plugin.where, "'use' must be a file name, not a path", "put the folder into plugins.dirs");
            if (plugin.name.empty()) plugin.name = plugin.use;
            if (!names.insert(plugin.name).second)
                problem(plugin.where, "two plugins are named " + inQuotes(plugin.name), "give one a name of its own");
            settings_.plugins.push_back(std::move(plugin));
        }
    }

    void readPlugin(const std::string& path, const TomlTable& table, PluginEntry& plugin) {
        for (const auto& [name, value] : table) {
            const std::string where = path + ":" + std::to_string(value.line);
            if (name == "use") plugin.use = scalar(value, where, "plugin.use");
            else if (name == "name") plugin.name = scalar(value, where, "plugin.name");
            else if (name == "sha256") plugin.sha256 = scalar(value, where, "plugin.sha256");
            else if (name == "required")
                plugin.need = scalar(value, where, "plugin.required") == "false" ? PluginEntry::Need::Optional
                                                                                  : PluginEntry::Need::Required;
            else if (name == "config") plugin.config = pluginConfig(value, where);
            else
                problem(where, "unknown key " + inQuotes("plugin." + name),
                        suggestion(name, {"use", "name", "required", "sha256", "config"}));
        }
    }

    std::string pluginConfig(const TomlValue& value, const std::string& where) {
        json::Buffer buffer;
        json::Writer out(buffer);
        if (!std::holds_alternative<TomlTable>(value.value)) {
            problem(where, "config must be a table", "write config = { key = value }");
            return "{}";
        }
        writeJson(out, value, where);
        return {buffer.GetString(), buffer.GetSize()};
    }

    void writeJson(json::Writer& out, const TomlValue& value, const std::string& where) {
        if (auto* text = std::get_if<std::string>(&value.value)) {
            const std::string resolved = resolve(*text, where).text;
            out.String(resolved.data(), static_cast<rapidjson::SizeType>(resolved.size()));
        } else if (auto* number = std::get_if<int64_t>(&value.value)) {
            out.Int64(*number);
        } else if (auto* real = std::get_if<double>(&value.value)) {
            out.Double(*real);
        } else if (auto* flag = std::get_if<bool>(&value.value)) {
            out.Bool(*flag);
        } else if (auto* array = std::get_if<TomlArray>(&value.value)) {
            out.StartArray();
            for (const TomlValue& item : *array) writeJson(out, item, where);
            out.EndArray();
        } else {
            out.StartObject();
            for (const auto& [name, member] : std::get<TomlTable>(value.value)) {
                out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
                writeJson(out, member, where);
            }
            out.EndObject();
        }
    }

    // Variables of the form ENGRAM_SECTION_KEY; those of other tools of ours are left alone.
    void readEnvironment() {
        static const std::set<std::string> kOthers = {"ENGRAM_CONFIG", "ENGRAM_CORPORA", "ENGRAM_URL", "ENGRAM_KEY",
                                                      "ENGRAM_KEY_FILE", "ENGRAM_LONG"};
        std::vector<std::string> variables;
        for (const Key& key : keys()) variables.push_back(upperSnake(key.name));
        for (const auto& [name, value] : sources_.environment) {
            if (!name.starts_with("ENGRAM_") || kOthers.contains(name)) continue;
            bool known = false;
            for (const Key& key : keys())
                if (upperSnake(key.name) == name) {
                    override(std::string(key.name), value, name);
                    known = true;
                }
            if (!known)
                problem(name, "is no configuration key",
                        suggestion(name, std::vector<std::string_view>(variables.begin(), variables.end())));
        }
    }

    void override(const std::string& key, const std::string& value, const std::string& source) {
        const Key* known = findKey(key);
        if (!known) {
            problem(source, "unknown key " + inQuotes(key), suggestion(key, keyNames()));
            return;
        }
        std::vector<std::string> items;
        if (known->kind == Kind::TextList) {
            for (size_t start = 0; start <= value.size();) {
                const size_t comma = std::min(value.find(',', start), value.size());
                if (comma > start) items.push_back(value.substr(start, comma - start));
                start = comma + 1;
            }
        } else {
            items.push_back(value);
        }
        raw_[key] = {std::move(items), source};
    }

    Interpolated resolve(const std::string& text, const std::string& where) {
        auto resolved = interpolate(text, surroundings_);
        if (resolved) return *resolved;
        problem(where, resolved.error().message, resolved.error().hint);
        return {};
    }

    void resolveAll() {
        for (auto& [key, raw] : raw_) {
            std::string shown;
            bool secret = false;
            for (std::string& item : raw.items) {
                Interpolated resolved = resolve(item, raw.source == "default" ? key : raw.source);
                secret = secret || resolved.origin == Interpolated::Origin::Secret;
                item = resolved.text;
                shown += (shown.empty() ? "" : ",") + item;
            }
            settings_.origins[key] = {secret ? "[secret]" : shown, raw.source};
        }
    }

    std::string text(const std::string& key) { return raw_[key].items.empty() ? "" : raw_[key].items.front(); }

    int64_t number(const std::string& key) {
        const Key& known = *findKey(key);
        std::string_view digits = raw_[key].items.empty() ? std::string_view() : raw_[key].items.front();
        int64_t unit = 1;
        if (known.kind == Kind::Bytes) {
            constexpr std::pair<std::string_view, int64_t> kUnits[] = {
                {"KiB", 1024}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
            for (const auto& [suffix, factor] : kUnits)
                if (digits.ends_with(suffix)) {
                    digits.remove_suffix(suffix.size());
                    unit = factor;
                }
        }
        int64_t value = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        const bool whole = failed == std::errc() && end == digits.data() + digits.size() && !digits.empty();
        if (!whole || value < 0 || value > known.most / unit || value * unit < known.least) {
            problem(whereOf(key), key + " is not a whole number from " + std::to_string(known.least) + " to " +
                                      std::to_string(known.most),
                    "see engram config explain " + key);
            return known.least;
        }
        return value * unit;
    }

    std::string whereOf(const std::string& key) {
        return raw_[key].source == "default" ? "default of " + key : raw_[key].source;
    }

    std::string oneOf(const std::string& key, const std::vector<std::string_view>& allowed) {
        const std::string value = text(key);
        for (std::string_view word : allowed)
            if (word == value) return value;
        problem(whereOf(key), key + " is " + inQuotes(value), suggestion(value, allowed));
        return std::string(allowed.front());
    }

    void assign() {
        Settings& s = settings_;
        s.listen = text("server.listen");
        s.admin_listen = text("server.admin_listen");
        s.data = text("server.data");
        s.io_threads = static_cast<unsigned>(number("server.io_threads"));
        s.cpu_threads = static_cast<unsigned>(number("server.cpu_threads"));
        s.blocking_threads = static_cast<unsigned>(number("server.blocking_threads"));
        s.queue_limit = static_cast<size_t>(number("server.queue_limit"));
        s.drain_seconds = static_cast<unsigned>(number("server.drain_seconds"));
        s.max_body = static_cast<uint64_t>(number("server.max_body"));
        s.max_connections = static_cast<size_t>(number("server.max_connections"));
        s.max_connections_per_peer = static_cast<size_t>(number("server.max_connections_per_peer"));
        s.header_seconds = static_cast<unsigned>(number("server.header_seconds"));
        s.body_seconds = static_cast<unsigned>(number("server.body_seconds"));
        s.idle_seconds = static_cast<unsigned>(number("server.idle_seconds"));
        s.trusted_proxies = raw_["server.trusted_proxies"].items;
        s.log_level = oneOf("log.level", {"info", "debug", "warn", "error"});
        s.log_file = text("log.file");
        s.log_requests = oneOf("log.requests", {"on", "off"});
        s.plugin_dirs = raw_["plugins.dirs"].items;
        s.base_domain = text("tenancy.base_domain");
        s.default_tenant = text("tenancy.default_tenant");
        s.spool_max_bytes = static_cast<uint64_t>(number("spool.max_bytes"));
    }

    void checkExposure() {
        for (const char* key : {"server.listen", "server.admin_listen"}) {
            const std::string address = text(key);
            const size_t colon = address.rfind(':');
            if (colon == std::string::npos || colon == 0 || colon + 1 == address.size())
                problem(whereOf(key), std::string(key) + " is " + inQuotes(address), "write HOST:PORT, e.g. 127.0.0.1:7227");
            else if (!isLoopback(address) && settings_.trusted_proxies.empty())
                problem(whereOf(key),
                        std::string(key) + " = " + address + " would serve other machines without TLS",
                        "listen on 127.0.0.1, or put a TLS proxy in front and name it in server.trusted_proxies");
        }
    }

    const Sources& sources_;
    Surroundings surroundings_;
    std::map<std::string, Raw> raw_;
    Settings settings_;
    Problems problems_;
};

}  // namespace

std::variant<Settings, Problems> load(const Sources& sources) { return Loader(sources).run(); }

bool isLoopback(const std::string& host_and_port) {
    const std::string host = host_and_port.substr(0, host_and_port.rfind(':'));
    return host.starts_with("127.") || host == "[::1]" || host == "localhost";
}

std::string show(const Settings& settings) {
    std::string out = "# " + settings.file + "\n", section;
    for (const Key& key : keys()) {
        const std::string name(key.name);
        const std::string own_section = name.substr(0, name.find('.'));
        if (own_section != section) {
            section = own_section;
            out += "\n[" + section + "]\n";
        }
        const Origin& origin = settings.origins.at(name);
        const bool bare = key.kind == Kind::Integer;
        out += name.substr(section.size() + 1) + " = " + (bare ? origin.value : "\"" + origin.value + "\"") + "  # " +
               origin.source + "\n";
    }
    for (const PluginEntry& plugin : settings.plugins)
        out += "\n[[plugin]]  # " + plugin.where + "\nuse = \"" + plugin.use + "\"\nname = \"" + plugin.name + "\"\n";
    return out;
}

std::variant<std::string, Problem> explain(const Settings& settings, const std::string& name) {
    const Key* key = findKey(name);
    if (!key) return Problem{name, "is no configuration key", suggestion(name, keyNames())};
    const Origin& origin = settings.origins.at(name);
    constexpr const char* kKinds[] = {"text", "whole number", "bytes (KiB, MiB, GiB)", "list of text"};
    return name + ": " + std::string(key->about) + "\n  type     " + kKinds[static_cast<int>(key->kind)] +
           "\n  default  " + std::string(key->fallback) + "\n  value    " + origin.value + "\n  from     " +
           origin.source + "\n  variable " + upperSnake(name) + "\n";
}

}  // namespace engram::config
