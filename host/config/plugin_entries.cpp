#include "config/plugin_entries.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "config/toml_text.hpp"
#include "config/words.hpp"
#include "json/json.hpp"

namespace engram::config {
namespace {

constexpr std::string_view kSecret = "\"[secret]\"";
constexpr size_t kMaxPlugins = 64;

// Names that say "secret" wherever they stand, so that a literal written beside them is not shown either.
bool soundsSecret(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::array kWords = {"secret", "password", "passwd", "passphrase",
                                   "token",  "pepper",   "dsn",    "credential"};
    const bool has = std::any_of(kWords.begin(), kWords.end(),
                                 [&](const char* word) { return name.find(word) != std::string::npos; });
    return has || name == "key" || name.ends_with("_key");
}

class Reader {
public:
    Reader(const std::string& path, const Surroundings& surroundings, Problems& problems)
        : path_(path), surroundings_(surroundings), problems_(problems) {}

    PluginEntry read(const TomlValue& value) {
        PluginEntry plugin;
        plugin.where = where(value);
        plugin.config = plugin.shown = "{}";
        if (const auto* table = std::get_if<TomlTable>(&value.value))
            for (const auto& [name, member] : *table) readMember(name, member, plugin);
        if (plugin.use.empty())
            problem(plugin.where, "a plugin without 'use'", "name its file: use = \"quota-local\"");
        if (plugin.use.find('/') != std::string::npos)
            problem(plugin.where, "'use' must be a file name, not a path",
                    "put the folder into plugins.dirs");
        if (plugin.name.empty()) plugin.name = plugin.use;
        return plugin;
    }

    std::string where(const TomlValue& value) const { return path_ + ":" + std::to_string(value.line); }
    void problem(std::string at, std::string message, std::string hint) {
        problems_.push_back({std::move(at), std::move(message), std::move(hint)});
    }

private:
    void readMember(const std::string& name, const TomlValue& value, PluginEntry& plugin) {
        static constexpr std::string_view kNames[] = {"use", "name", "required", "sha256", "config"};
        if (name == "use")
            plugin.use = text(name, value);
        else if (name == "name")
            plugin.name = text(name, value);
        else if (name == "sha256")
            plugin.sha256 = pin(value);
        else if (name == "required")
            plugin.need = need(value);
        else if (name == "config")
            readConfig(value, plugin);
        else
            problem(where(value), "unknown key " + inQuotes("plugin." + name), didYouMean(name, kNames));
    }

    std::string text(const std::string& name, const TomlValue& value) {
        if (const auto* found = std::get_if<std::string>(&value.value)) return *found;
        problem(where(value), "plugin." + name + " must be text", "write " + name + " = \"…\"");
        return {};
    }

    std::string pin(const TomlValue& value) {
        std::string hex = text("sha256", value);
        const bool valid =
            hex.size() == 64 && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
        if (!valid)
            problem(where(value), "plugin.sha256 must be 64 hexadecimal digits", "print it with sha256sum");
        return hex;
    }

    PluginEntry::Need need(const TomlValue& value) {
        const auto* flag = std::get_if<bool>(&value.value);
        if (!flag) problem(where(value), "plugin.required must be true or false", "write required = false");
        return flag && !*flag ? PluginEntry::Need::Optional : PluginEntry::Need::Required;
    }

    void readConfig(const TomlValue& value, PluginEntry& plugin) {
        if (!std::holds_alternative<TomlTable>(value.value)) {
            problem(where(value), "plugin.config must be a table", "write config = { key = value }");
            return;
        }
        json::Buffer buffer;
        json::Writer out(buffer);
        plugin.shown.clear();
        write(out, plugin.shown, value, Plainness::Plain);
        plugin.config = {buffer.GetString(), buffer.GetSize()};
    }

    enum class Plainness { Plain, Secret };

    // Writes the value twice: as JSON for the plugin, and as TOML without secrets for people.
    void write(json::Writer& out, std::string& shown, const TomlValue& value, Plainness plainness) {
        if (const auto* array = std::get_if<TomlArray>(&value.value)) {
            out.StartArray();
            shown += "[";
            for (size_t i = 0; i < array->size(); ++i) {
                shown += i ? ", " : "";
                write(out, shown, (*array)[i], plainness);
            }
            shown += "]";
            out.EndArray();
        } else if (const auto* table = std::get_if<TomlTable>(&value.value)) {
            out.StartObject();
            shown += "{";
            for (size_t i = 0; i < table->size(); ++i) {
                const auto& [name, member] = (*table)[i];
                out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
                shown += (i ? ", " : " ") + tomlKey(name) + " = ";
                write(out, shown, member, soundsSecret(name) ? Plainness::Secret : plainness);
            }
            shown += table->empty() ? "}" : " }";
            out.EndObject();
        } else {
            writeScalar(out, shown, value, plainness);
        }
    }

    void writeScalar(json::Writer& out, std::string& shown, const TomlValue& value, Plainness plainness) {
        std::string plain;
        if (const auto* words = std::get_if<std::string>(&value.value)) {
            auto resolved = interpolate(*words, surroundings_);
            if (!resolved) problem(where(value), resolved.error().message, resolved.error().hint);
            const Interpolated result = resolved ? *resolved : Interpolated{};
            if (result.origin == Interpolated::Origin::Secret) plainness = Plainness::Secret;
            out.String(result.text.data(), static_cast<rapidjson::SizeType>(result.text.size()));
            plain = tomlText(result.text);
        } else if (const auto* whole = std::get_if<int64_t>(&value.value)) {
            out.Int64(*whole);
            plain = std::to_string(*whole);
        } else if (const auto* real = std::get_if<double>(&value.value)) {
            if (!std::isfinite(*real))
                problem(where(value), "a number that is not finite", "write a finite number");
            out.Double(std::isfinite(*real) ? *real : 0);
            plain = std::to_string(*real);
        } else {
            const bool flag = std::get<bool>(value.value);
            out.Bool(flag);
            plain = flag ? "true" : "false";
        }
        shown += plainness == Plainness::Secret ? kSecret : std::string_view(plain);
    }

    const std::string& path_;
    const Surroundings& surroundings_;
    Problems& problems_;
};

}  // namespace

std::vector<PluginEntry> readPlugins(const std::string& path, const TomlValue& value,
                                     const Surroundings& surroundings, Problems& problems) {
    Reader reader(path, surroundings, problems);
    std::vector<PluginEntry> plugins;
    const auto* entries = std::get_if<TomlArray>(&value.value);
    if (!entries || entries->size() > kMaxPlugins) {
        reader.problem(reader.where(value), "plugin must be a list of at most 64 tables", "write [[plugin]]");
        return plugins;
    }
    std::set<std::string> names;
    for (const TomlValue& entry : *entries) {
        PluginEntry plugin = reader.read(entry);
        if (!names.insert(plugin.name).second)
            reader.problem(plugin.where, "two plugins are named " + inQuotes(plugin.name),
                           "give one a name of its own with name = \"…\"");
        plugins.push_back(std::move(plugin));
    }
    return plugins;
}

}  // namespace engram::config
