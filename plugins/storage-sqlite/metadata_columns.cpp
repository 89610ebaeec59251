#include "metadata_columns.hpp"

#include <algorithm>

namespace engram::storage_sqlite {
namespace {

constexpr size_t kPlaceBytes = 2 * sizeof(uint32_t);  // a vector that grows has up to as much room as elements
constexpr size_t kRoom = 64 << 10;                    // for which it is worth to read rows

}  // namespace

bool Allowance::take(size_t bytes) {
    if (taken_.fetch_add(bytes) + bytes <= most_) return true;
    giveBack(bytes);
    return false;
}

MetadataColumn::MetadataColumn(std::string path, Allowance& allowance)
    : path_(std::move(path)), pointer_(path_.data(), path_.size()), allowance_(allowance) {}

bool MetadataColumn::take(size_t bytes) {
    if (!allowance_.take(bytes)) return false;
    bytes_ += bytes;
    return true;
}

void MetadataColumn::giveBack(size_t bytes) {
    allowance_.giveBack(bytes);
    bytes_ -= bytes;
}

bool MetadataColumn::add(std::string_view value) {
    if (value.size() > kLongestValue) return addNone();
    const size_t most = SharedTexts::bytesOf(value);
    if (!take(kPlaceBytes + most)) return false;
    const size_t before = values_.bytes();
    numbers_.push_back(values_.take(value));
    giveBack(most - (values_.bytes() - before));
    return true;
}

bool MetadataColumn::addNone() {
    if (!take(kPlaceBytes)) return false;
    numbers_.push_back(kUnknown);
    return true;
}

void MetadataColumn::forget(uint32_t place) {
    if (numberOf(place) == kUnknown) return;
    const size_t before = values_.bytes();
    values_.giveBack(numbers_[place]);
    giveBack(before - values_.bytes());
    numbers_[place] = kUnknown;
}

MetadataColumn* MetadataColumns::of(std::string_view path, Clock::time_point now) {
    std::lock_guard lock(mutex_);
    auto known = std::find_if(columns_.begin(), columns_.end(), [&](const Asked& one) { return one.column->path() == path; });
    if (known == columns_.end()) {
        if (columns_.size() == kPaths) {
            crowded_ = true;
            return nullptr;
        }
        known = columns_.insert(columns_.end(), {std::make_unique<MetadataColumn>(std::string(path), *allowance_), now});
    }
    known->last = now;
    return known->column.get();
}

MetadataColumn* MetadataColumns::unfilled(uint32_t places) {
    std::lock_guard lock(mutex_);
    if (!allowance_->hasRoom(kRoom)) return nullptr;
    for (const Asked& asked : columns_)
        if (asked.column->places() < places) return asked.column.get();
    return nullptr;
}

MetadataColumns::Columns::const_iterator MetadataColumns::longestUnused() const {
    return std::min_element(columns_.begin(), columns_.end(), [](const Asked& a, const Asked& b) { return a.last < b.last; });
}

bool MetadataColumns::isOverdue(const Asked& asked, Clock::time_point now) const {
    return now - asked.last >= (crowded_ ? kMakesRoom : kUnused);
}

bool MetadataColumns::mayTrim(Clock::time_point now) const {
    std::lock_guard lock(mutex_);
    return !columns_.empty() && isOverdue(*longestUnused(), now);
}

void MetadataColumns::trim(Clock::time_point now) {
    if (const auto one = longestUnused(); one != columns_.end() && isOverdue(*one, now)) columns_.erase(one);
    crowded_ = false;
}

void MetadataColumns::add(uint32_t place, std::string_view metadata) {
    std::optional<Metadata> parsed;
    for (const Asked& asked : columns_) {
        if (asked.column->places() != place) continue;
        if (!parsed) parsed.emplace(metadata);
        asked.column->add(asked.column->valueIn(*parsed));
    }
}

void MetadataColumns::forget(uint32_t place) {
    for (const Asked& asked : columns_) asked.column->forget(place);
}

size_t MetadataColumns::bytes() const {
    std::lock_guard lock(mutex_);
    size_t sum = 0;
    for (const Asked& asked : columns_) sum += asked.column->bytes();
    return sum;
}

}  // namespace engram::storage_sqlite
