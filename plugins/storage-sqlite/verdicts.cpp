#include "verdicts.hpp"

#include <engram/cpp/text.hpp>

#include <algorithm>

namespace engram::storage_sqlite {
namespace {

constexpr size_t kConditions = 8;
constexpr size_t kLongestKey = 4096;

template <class T>
void append(std::string& out, const T& number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append(std::string& out, engram_str text) {
    append(out, text.len);
    out += view(text);
}

// Two conditions with the same key are the same; empty: too long.
std::string keyOf(const engram_filter_node& condition) {
    std::string key;
    append(key, condition.op);
    append(key, condition.field);
    append(key, condition.path);
    for (size_t i = 0; i < condition.n_values && key.size() <= kLongestKey; ++i) {
        const engram_value& value = condition.values[i];
        append(key, value.type);
        switch (value.type) {
            case ENGRAM_VALUE_STRING: append(key, value.string); break;
            case ENGRAM_VALUE_INTEGER: append(key, value.integer); break;
            case ENGRAM_VALUE_REAL: append(key, value.real); break;
            default: append(key, value.boolean); break;
        }
    }
    return key.size() > kLongestKey ? std::string() : key;
}

}  // namespace

ConditionVerdicts::ConditionVerdicts(size_t places, const ConditionVerdicts* before)
    : places_(places), verdicts_(std::make_unique<std::atomic<Verdict>[]>(places)) {
    const size_t known = before ? std::min(places, before->places_) : 0;
    for (uint32_t i = 0; i < known; ++i) note(i, before->of(i));
}

std::shared_ptr<ConditionVerdicts> Verdicts::of(const engram_filter_node& condition, size_t places) {
    std::string key = keyOf(condition);
    if (key.empty()) return nullptr;
    std::lock_guard lock(mutex_);
    auto it = std::find_if(remembered_.begin(), remembered_.end(), [&](const auto& entry) { return entry.first == key; });
    if (it == remembered_.end()) {
        if (remembered_.size() == kConditions) remembered_.pop_back();
        remembered_.emplace_front(std::move(key), nullptr);
    } else {
        remembered_.splice(remembered_.begin(), remembered_, it);
    }
    auto& verdicts = remembered_.front().second;
    // With some room, so that it is not made anew after every write.
    if (!verdicts || verdicts->places() < places)
        verdicts = std::make_shared<ConditionVerdicts>(places + places / 8 + 64, verdicts.get());
    return verdicts;
}

size_t Verdicts::bytes() const {
    std::lock_guard lock(mutex_);
    size_t sum = 0;
    for (const auto& [key, verdicts] : remembered_) sum += key.capacity() + verdicts->places();
    return sum;
}

}  // namespace engram::storage_sqlite
