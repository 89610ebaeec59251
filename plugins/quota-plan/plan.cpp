#include "plan.hpp"

#include <algorithm>

namespace engram::quota_plan {

std::string read(const rapidjson::Value& object, Unknown unknown, Plan& plan) {
    for (const auto& member : object.GetObject()) {
        const std::string_view name(member.name.GetString(), member.name.GetStringLength());
        const auto unit = std::find(kUnitNames.begin(), kUnitNames.end(), name);
        if (unit == kUnitNames.end()) {
            if (unknown == Unknown::Refuse) return std::string(name);
            continue;
        }
        uint64_t& max = plan.max[static_cast<size_t>(unit - kUnitNames.begin())];
        const rapidjson::Value& value = member.value;
        if (value.IsNull() || (value.IsInt() && value.GetInt() == -1)) max = kUnlimited;
        else if (value.IsUint64()) max = value.GetUint64();
        else return std::string(name);
    }
    return {};
}

}  // namespace engram::quota_plan
