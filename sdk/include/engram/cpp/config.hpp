// A plugin's configuration, read by JSON pointer during create(). The host has checked it against the manifest's
// schema and filled in defaults, so reads fail only on a mismatch between the two. Needs the service engram.host.json/1
// in the manifest: without it reading throws, and the plugin is refused with that reason. Valid in the constructor only.
#pragma once

#include <engram/cpp/text.hpp>
#include <engram/host/json.h>

#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>

namespace engram {
inline namespace skin_1 {

class Config {
public:
    Config(const engram_host* host, engram_call* call, engram_str json)
        : host_(host), call_(call), json_(json),
          reader_(static_cast<const engram_host_json_v1*>(host->get(host, ENGRAM_HOST_JSON))) {}

    std::string_view json() const { return view(json_); }

    std::optional<std::string> find(std::string_view pointer) const { return at(pointer); }
    std::string text(std::string_view pointer, std::string_view fallback = {}) const {
        auto v = at(pointer);
        return v ? *v : std::string(fallback);
    }
    double number(std::string_view pointer, double fallback) const {
        auto v = at(pointer);
        return v ? std::strtod(v->c_str(), nullptr) : fallback;
    }
    int64_t integer(std::string_view pointer, int64_t fallback) const {
        auto v = at(pointer);
        return v ? std::strtoll(v->c_str(), nullptr, 10) : fallback;
    }
    bool flag(std::string_view pointer, bool fallback) const {
        auto v = at(pointer);
        return v ? *v == "true" : fallback;
    }

private:
    std::optional<std::string> at(std::string_view pointer) const {
        uint32_t type = 0;
        engram_str value{};
        if (!reader_) throw std::logic_error("to read its configuration the manifest must list engram.host.json/1 in services");
        if (reader_->at(host_, call_, json_, borrow(pointer), &type, &value) != ENGRAM_OK)
            return std::nullopt;
        return std::string(view(value));
    }

    const engram_host* host_;
    engram_call* call_;
    engram_str json_;
    const engram_host_json_v1* reader_;
};

}  // namespace skin_1
}  // namespace engram
