// The values of a tenant's metadata at the paths that filters ask about, in memory: a column a path, a number a row.
//
// A tenant that is never asked for metadata pays nothing. The first condition on a path makes an empty column, maintenance
// fills it in the order of places, and from then on what is written is added. What a column does not know, be it that it is
// not filled yet, that a value is long or that all tenants together have taken what they may, is read from the file.
// A row takes 8 bytes a path, a value 96 bytes and itself, however many rows have it.
//
// Guarded by the tenant: changed under its exclusive index lock, read under the shared one.
#pragma once

#include "metadata.hpp"
#include "shared_texts.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engram::storage_sqlite {

// Bytes that the columns of all tenants may take. Any thread.
class Allowance {
public:
    explicit Allowance(size_t most) : most_(most) {}
    bool take(size_t bytes);
    void giveBack(size_t bytes) { taken_.fetch_sub(bytes); }
    size_t taken() const { return taken_.load(); }
    bool hasRoom(size_t bytes) const { return taken() + bytes <= most_; }

private:
    const size_t most_;
    std::atomic<size_t> taken_{0};
};

class MetadataColumn {
public:
    static constexpr uint32_t kUnknown = UINT32_MAX;
    static constexpr size_t kLongestValue = 1024;

    MetadataColumn(std::string path, Allowance& allowance);
    MetadataColumn(const MetadataColumn&) = delete;
    ~MetadataColumn() { allowance_.giveBack(bytes_); }

    // By place; kUnknown, and places that are not there: not kept.
    const std::vector<uint32_t>& numbers() const { return numbers_; }
    uint32_t numberOf(uint32_t place) const { return place < numbers_.size() ? numbers_[place] : kUnknown; }
    const std::string& value(uint32_t number) const { return values_.text(number); }  // encoded

    const std::string& path() const { return path_; }
    uint32_t places() const { return static_cast<uint32_t>(numbers_.size()); }
    std::string valueIn(const Metadata& metadata) const { return encodeValue(metadata.at(pointer_)); }
    // The value of the next place. False: the allowance is used up.
    bool add(std::string_view value);
    // A place whose row is gone.
    bool addNone();
    void forget(uint32_t place);
    size_t bytes() const { return bytes_; }

private:
    bool take(size_t bytes);
    void giveBack(size_t bytes);

    const std::string path_;
    const rapidjson::Pointer pointer_;
    Allowance& allowance_;
    SharedTexts values_;
    std::vector<uint32_t> numbers_;  // by place
    size_t bytes_ = 0;
};

class MetadataColumns {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr size_t kPaths = 8;
    // A column that was not asked for so long is dropped: where there is another path to be kept, and anyway.
    static constexpr std::chrono::minutes kMakesRoom{1}, kUnused{10};

    explicit MetadataColumns(std::shared_ptr<Allowance> allowance) : allowance_(std::move(allowance)) {}

    // The column of a path, perhaps still to be filled; nullptr: there are enough others. Valid while the lock is held, and
    // until trim(). Shared lock.
    MetadataColumn* of(std::string_view path, Clock::time_point now);
    // One that lacks places of so many, while there is room; nullptr: none. Shared lock.
    MetadataColumn* unfilled(uint32_t places);
    // True: trim() has something to drop. Shared lock.
    bool mayTrim(Clock::time_point now) const;
    void trim(Clock::time_point now);
    // A row that was written at the place after all others, and one that was purged.
    void add(uint32_t place, std::string_view metadata);
    void forget(uint32_t place);
    size_t bytes() const;

private:
    struct Asked {
        std::unique_ptr<MetadataColumn> column;
        Clock::time_point last;
    };
    using Columns = std::vector<Asked>;
    Columns::const_iterator longestUnused() const;
    bool isOverdue(const Asked& asked, Clock::time_point now) const;

    const std::shared_ptr<Allowance> allowance_;
    mutable std::mutex mutex_;  // of what follows, among those who hold the shared lock
    Columns columns_;
    bool crowded_ = false;  // there was no room for a path
};

}  // namespace engram::storage_sqlite
