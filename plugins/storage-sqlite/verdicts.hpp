// What conditions said about rows: a version never changes, so a row that only the file tells about (a name, a text) is read
// once for a condition, and what is decided by memory is found in a byte. Any thread.
#pragma once

#include <engram/record.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace engram::storage_sqlite {

// One condition's verdicts by place, a byte each.
class ConditionVerdicts {
public:
    enum class Verdict : uint8_t { Unknown, No, Yes };

    ConditionVerdicts(size_t places, const ConditionVerdicts* before);
    Verdict of(uint32_t place) const {
        return place < places_ ? verdicts_[place].load(std::memory_order_relaxed) : Verdict::Unknown;
    }
    void note(uint32_t place, Verdict verdict) {
        if (place < places_) verdicts_[place].store(verdict, std::memory_order_relaxed);
    }
    size_t places() const { return places_; }

private:
    size_t places_;
    std::unique_ptr<std::atomic<Verdict>[]> verdicts_;
};

class Verdicts {
public:
    // Those of a condition for `places` rows and more, empty at first. At most eight conditions are remembered, the last
    // used; nullptr for one too long to be.
    std::shared_ptr<ConditionVerdicts> of(const engram_filter_node& condition, size_t places);
    size_t bytes() const;

private:
    mutable std::mutex mutex_;
    std::list<std::pair<std::string, std::shared_ptr<ConditionVerdicts>>> remembered_;  // the last used first
};

}  // namespace engram::storage_sqlite
