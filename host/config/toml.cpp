#include "config/toml.hpp"

#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace engram::config {
namespace {

constexpr uintmax_t kMaxFile = 1 << 20;

TomlValue convert(const toml::node& node) {
    TomlValue out;
    out.line = static_cast<int>(node.source().begin.line);
    if (const auto* table = node.as_table()) {
        TomlTable members;
        for (const auto& [key, value] : *table) members.push_back({std::string(key.str()), convert(value)});
        out.value = std::move(members);
    } else if (const auto* array = node.as_array()) {
        TomlArray items;
        for (const auto& item : *array) items.push_back(convert(item));
        out.value = std::move(items);
    } else if (const auto* integer = node.as_integer()) {
        out.value = integer->get();
    } else if (const auto* real = node.as_floating_point()) {
        out.value = real->get();
    } else if (const auto* flag = node.as_boolean()) {
        out.value = flag->get();
    } else if (const auto* text = node.as_string()) {
        out.value = text->get();
    } else {
        std::ostringstream text_of_date;
        node.visit([&](const auto& value) {
            if constexpr (toml::is_date<decltype(value)> || toml::is_time<decltype(value)> ||
                          toml::is_date_time<decltype(value)>)
                text_of_date << value.get();
        });
        out.value = text_of_date.str();
    }
    return out;
}

}  // namespace

std::variant<TomlTable, Problems> readToml(const std::string& path) {
    std::error_code failed;
    const auto size =
        std::filesystem::is_regular_file(path, failed) ? std::filesystem::file_size(path, failed) : 0;
    std::ifstream file(path, std::ios::binary);
    if (failed || !file || !std::filesystem::is_regular_file(path, failed))
        return Problems{{path, "cannot be read", "check the path and the mode of the file"}};
    if (size > kMaxFile) return Problems{{path, "is over 1 MiB", "is it a configuration file?"}};
    return parseToml(std::string(std::istreambuf_iterator<char>(file), {}), path);
}

std::variant<TomlTable, Problems> parseToml(const std::string& text, const std::string& name) {
    try {
        const toml::table table = toml::parse(text, name);
        return std::get<TomlTable>(convert(table).value);
    } catch (const toml::parse_error& e) {
        return Problems{{name + ":" + std::to_string(e.source().begin.line), std::string(e.description()),
                         "see https://toml.io for the format"}};
    }
}

}  // namespace engram::config
