// A memory made ready for storage: analysed, embedded, laid out as the record of the ABI. Moves, does not copy.
#pragma once

#include "engine/analysis.hpp"
#include "engine/memory.hpp"

#include <engram/storage.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace engram::engine {

class Prepared {
public:
    Prepared(Memory memory, Analysis analysis, std::vector<float> vector, uint32_t space);
    Prepared(Prepared&&) = default;
    Prepared& operator=(Prepared&&) = default;

    // A vector more, of another space.
    void add(uint32_t space, std::vector<float> vector) { vectors_.push_back({space, std::move(vector)}); }

    std::vector<uint32_t> spaces() const {
        std::vector<uint32_t> out;
        for (const SpaceVector& vector : vectors_) out.push_back(vector.space);
        return out;
    }
    bool has(uint32_t space) const {
        return std::any_of(vectors_.begin(), vectors_.end(), [&](const SpaceVector& v) { return v.space == space; });
    }

    const Memory& memory() const { return memory_; }
    size_t bytes() const { return memory_.content.size() + memory_.metadata.size(); }
    // The record; its pointers lead into this object and hold until it moves or ends.
    const engram_record* record();

private:
    Memory memory_;
    Analysis analysis_;
    struct SpaceVector {
        uint32_t space;
        std::vector<float> values;
    };
    std::vector<SpaceVector> vectors_;
    std::vector<engram_term> terms_;
    std::vector<engram_str> tags_;
    std::vector<engram_vector> vectors_abi_;
    engram_record record_{};
};

// What a row of storage says, as a Memory.
Memory memoryOf(const engram_record& record);

// Collects rows as memories.
struct MemoryRows {
    std::vector<Memory> memories;
    engram_rows sink() {
        auto push = [](void* ctx, size_t, const engram_record* record) -> engram_status {
            static_cast<MemoryRows*>(ctx)->memories.push_back(memoryOf(*record));
            return ENGRAM_OK;
        };
        return {sizeof(engram_rows), 0, this, push};
    }
};

}  // namespace engram::engine
