#include "config/keys.hpp"
#include "config/settings.hpp"
#include "config/toml_text.hpp"
#include "config/words.hpp"
#include "json/json.hpp"

namespace engram::config {
namespace {

constexpr std::string_view kSecret = "[secret]";

std::string_view nameOf(Kind kind) {
    switch (kind) {
        case Kind::Text:
            return "text";
        case Kind::Integer:
            return "whole number";
        case Kind::Bytes:
            return "bytes, or text with KiB, MiB or GiB";
        case Kind::TextList:
            return "list of text";
    }
    return "";
}

std::string_view nameOf(Change change) { return change == Change::Reload ? "reload" : "restart"; }

std::string asToml(const Key& key, const Origin& origin) {
    if (origin.value == kSecret) return tomlText(kSecret);
    if (key.kind == Kind::Integer) return origin.value;
    if (key.kind != Kind::TextList) return tomlText(origin.value);
    std::string out = "[";
    for (const std::string& item : origin.items) out += (out.size() > 1 ? ", " : "") + tomlText(item);
    return out + "]";
}

std::string range(const Key& key) {
    if (key.kind != Kind::Integer && key.kind != Kind::Bytes) return {};
    return std::to_string(key.least) + " to " + std::to_string(key.most);
}

void member(json::Writer& out, std::string_view name, std::string_view value) {
    out.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void writeJson(json::Writer& out, const Key& key, const Origin& origin) {
    out.StartObject();
    member(out, "key", key.name);
    member(out, "about", key.about);
    member(out, "type", nameOf(key.kind));
    member(out, "range", range(key));
    member(out, "default", key.fallback);
    member(out, "value", origin.value);
    member(out, "source", origin.source);
    member(out, "variable", variableOf(key.name));
    member(out, "takes_effect", nameOf(key.change));
    out.EndObject();
}

Problem unknown(const std::string& name) {
    std::vector<std::string_view> names;
    for (const Key& key : keys()) names.push_back(key.name);
    return {name, "is no configuration key", didYouMean(name, names)};
}

}  // namespace

std::string show(const Settings& settings) {
    std::string out = "# " + settings.file + "\n", section;
    for (const Key& key : keys()) {
        const std::string name(key.name), own_section = name.substr(0, name.find('.'));
        if (own_section != section) {
            section = own_section;
            out += "\n[" + section + "]\n";
        }
        const Origin& origin = settings.origins.at(name);
        out += name.substr(section.size() + 1) + " = " + asToml(key, origin) + "  # " + origin.source + "\n";
    }
    for (const PluginEntry& plugin : settings.plugins) {
        out += "\n[[plugin]]  # " + plugin.where + "\nuse = " + tomlText(plugin.use) +
               "\nname = " + tomlText(plugin.name) + "\n";
        if (plugin.need == PluginEntry::Need::Optional) out += "required = false\n";
        if (!plugin.sha256.empty()) out += "sha256 = " + tomlText(plugin.sha256) + "\n";
        if (plugin.shown != "{}") out += "config = " + plugin.shown + "\n";
    }
    return out;
}

std::string showJson(const Settings& settings) {
    json::Buffer buffer;
    json::Writer out(buffer);
    out.StartObject();
    member(out, "file", settings.file);
    out.Key("keys");
    out.StartArray();
    for (const Key& key : keys()) writeJson(out, key, settings.origins.at(std::string(key.name)));
    out.EndArray();
    out.Key("plugins");
    out.StartArray();
    for (const PluginEntry& plugin : settings.plugins) {
        out.StartObject();
        member(out, "use", plugin.use);
        member(out, "name", plugin.name);
        out.Key("required");
        out.Bool(plugin.need == PluginEntry::Need::Required);
        member(out, "sha256", plugin.sha256);
        member(out, "config", plugin.shown);
        member(out, "source", plugin.where);
        out.EndObject();
    }
    out.EndArray();
    out.EndObject();
    return {buffer.GetString(), buffer.GetSize()};
}

std::variant<std::string, Problem> explain(const Settings& settings, const std::string& name) {
    const Key* key = findKey(name);
    if (!key) return unknown(name);
    const Origin& origin = settings.origins.at(name);
    std::string out = name + ": " + std::string(key->about) + "\n";
    const auto line = [&](std::string_view label, std::string_view value) {
        if (!value.empty())
            out +=
                "  " + std::string(label) + std::string(10 - label.size(), ' ') + std::string(value) + "\n";
    };
    line("type", nameOf(key->kind));
    line("range", range(*key));
    line("default", key->fallback.empty() ? "(empty)" : key->fallback);
    line("value", origin.value.empty() ? "(empty)" : std::string_view(origin.value));
    line("from", origin.source);
    line("variable", variableOf(name));
    line("effect", key->change == Change::Reload ? "with engram config reload" : "with a restart");
    return out;
}

std::variant<std::string, Problem> explainJson(const Settings& settings, const std::string& name) {
    const Key* key = findKey(name);
    if (!key) return unknown(name);
    json::Buffer buffer;
    json::Writer out(buffer);
    writeJson(out, *key, settings.origins.at(name));
    return std::string(buffer.GetString(), buffer.GetSize());
}

std::string reference() {
    std::string out = "| key | type | range | default | takes effect | about |\n|---|---|---|---|---|---|\n";
    for (const Key& key : keys())
        out += "| `" + std::string(key.name) + "` | " + std::string(nameOf(key.kind)) + " | " + range(key) +
               " | `" + std::string(key.fallback) + "` | " + std::string(nameOf(key.change)) + " | " +
               std::string(key.about) + " |\n";
    return out;
}

}  // namespace engram::config
