#include "conditions.hpp"

#include "row.hpp"

#include <engram/cpp/filter.hpp>
#include <engram/cpp/text.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

namespace engram::storage_sqlite {
namespace {

using filter::Scalar;

constexpr engram_time kFirstTime = ENGRAM_TIME_NONE + 1, kLastTime = std::numeric_limits<engram_time>::max();
static_assert(ENGRAM_TIME_NONE == std::numeric_limits<engram_time>::min());

engram_time RowFacts::*timeOf(uint32_t field) {
    switch (field) {
        case ENGRAM_FIELD_CREATED_AT: return &RowFacts::created_at;
        case ENGRAM_FIELD_UPDATED_AT: return &RowFacts::updated_at;
        case ENGRAM_FIELD_OCCURRED_AT: return &RowFacts::occurred_at;
        case ENGRAM_FIELD_EXPIRES_AT: return &RowFacts::expires_at;
        default: return nullptr;
    }
}

std::optional<Scalar> unlessEmpty(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return Scalar::ofText(text);
}

// A record's fields that are in memory. The others are absent.
class FactFields {
public:
    FactFields(uint32_t place, const Facts& facts) : facts_(facts), row_(facts.rows()[place]), place_(place) {}

    std::optional<Scalar> field(const engram_filter_node& n) {
        switch (n.field) {
            case ENGRAM_FIELD_ID: return Scalar::ofText(text_ = filter::uuidText(row_.id.bytes));
            case ENGRAM_FIELD_WORKSPACE: return Scalar::ofText(facts_.workspace_names.text(row_.workspace));
            case ENGRAM_FIELD_TYPE: return unlessEmpty(facts_.type(facts_.typeOf()[place_]));
            case ENGRAM_FIELD_IMPORTANCE: return Scalar::ofReal(row_.importance);
            case ENGRAM_FIELD_PINNED: return Scalar::ofBool(row_.pinned != 0);
            default: break;
        }
        const auto time = timeOf(n.field);
        if (!time || row_.*time == ENGRAM_TIME_NONE) return std::nullopt;
        return Scalar::ofInteger(row_.*time);
    }
    bool anyElement(const engram_filter_node&, const filter::ElementTest&) { return false; }
    const std::vector<std::string>& tags() {
        tags_.clear();
        if (!decodeTexts(facts_.tags(facts_.tagsOf()[place_]), tags_)) throw SqliteError(SQLITE_CORRUPT, "damaged tags");
        return tags_;
    }

private:
    const Facts& facts_;
    const RowFacts& row_;
    const uint32_t place_;
    std::string text_;
    std::vector<std::string> tags_;
};

}  // namespace

Condition::Condition(const engram_filter& filter, size_t index, Tenant& tenant, Connection& db)
    : filter_(filter), index_(index), facts_(tenant.facts), db_(db) {
    if (const auto time = timeOf(node().field); time && becomesInterval(time)) {
        if (node().field == ENGRAM_FIELD_OCCURRED_AT) times_ = &facts_.occurredAt();
        by_ = node().field == ENGRAM_FIELD_EXPIRES_AT && !facts_.anyExpires() ? By::NoTime : By::Time;
        return;
    }
    switch (node().field) {
        case ENGRAM_FIELD_ID: return;  // asked about once and never again
        case ENGRAM_FIELD_WORKSPACE:
        case ENGRAM_FIELD_IMPORTANCE:
        case ENGRAM_FIELD_PINNED: break;
        case ENGRAM_FIELD_TYPE: numbers_ = &facts_.typeOf(); break;
        case ENGRAM_FIELD_TAG: numbers_ = &facts_.tagsOf(); break;
        case ENGRAM_FIELD_METADATA:
            by_ = By::Metadata;
            column_ = tenant.metadata.of(view(node().path), MetadataColumns::Clock::now());
            if (column_) numbers_ = &column_->numbers();
            break;
        default:
            if (!timeOf(node().field)) by_ = By::File;
    }
    of_rows_ = tenant.verdicts.of(node(), facts_.rows().size());
}

bool Condition::isCheap() const {
    if (by_ == By::Time || by_ == By::NoTime) return true;
    return of_rows_ && (by_ == By::Memory || (column_ && column_->places() >= facts_.rows().size()));
}

bool Condition::becomesInterval(engram_time RowFacts::*time) {
    time_ = time;
    first_ = kFirstTime;
    last_ = kLastTime;
    if (node().op == ENGRAM_EXISTS) return true;
    if (node().op == ENGRAM_IN || node().values[0].type != ENGRAM_VALUE_INTEGER) return false;
    const engram_time value = node().values[0].integer;
    const bool lowest = value < kFirstTime, highest = value == kLastTime;
    switch (node().op) {
        case ENGRAM_NE: all_but_ = true; [[fallthrough]];
        case ENGRAM_EQ: first_ = std::max(value, kFirstTime); [[fallthrough]];
        case ENGRAM_LE: last_ = value; return true;
        case ENGRAM_LT: last_ = lowest ? ENGRAM_TIME_NONE : value - 1; return true;
        case ENGRAM_GE: first_ = std::max(value, kFirstTime); return true;
        case ENGRAM_GT:
            first_ = highest ? kLastTime : value + 1;
            if (highest) last_ = ENGRAM_TIME_NONE;  // nothing is later
            return true;
        default: return false;
    }
}

template <class Fields>
bool Condition::evaluate(Fields& fields) const {
    return filter::Evaluator<Fields>(filter_, fields).node(index_);
}

bool Condition::decide(uint32_t place) {
    const uint32_t number = numbers_ && place < numbers_->size() ? (*numbers_)[place] : MetadataColumn::kUnknown;
    bool passes = false;
    if (number != MetadataColumn::kUnknown) passes = passesByValue(place, number);
    else passes = by_ == By::Memory ? passesInMemory(place) : passesInFile(facts_.rows()[place].rid);
    if (of_rows_) of_rows_->note(place, passes ? Verdict::Yes : Verdict::No);
    return passes;
}

bool Condition::passesByValue(uint32_t place, uint32_t number) {
    if (number >= of_values_.size()) of_values_.resize(std::max<size_t>(2 * of_values_.size(), number + 1));
    Verdict& verdict = of_values_[number];
    if (verdict == Verdict::Unknown)
        verdict = (column_ ? valuePasses(number) : passesInMemory(place)) ? Verdict::Yes : Verdict::No;
    return verdict == Verdict::Yes;
}

bool Condition::valuePasses(uint32_t number) const {
    MetadataField field(column_->value(number));
    return evaluate(field);
}

bool Condition::passesInMemory(uint32_t place) const {
    FactFields fields(place, facts_);
    return evaluate(fields);
}

bool Condition::passesInFile(uint64_t rid) {
    constexpr const char* kRow = "SELECT " ENGRAM_ROW_COLUMNS " FROM versions WHERE rid = ?";
    constexpr const char* kMetadata = "SELECT metadata FROM versions WHERE rid = ?";  // what stands behind it is not read
    Statement statement = db_.statement(by_ == By::Metadata ? kMetadata : kRow);
    statement.bind(1, rid);
    if (!statement.step()) throw SqliteError(SQLITE_CORRUPT, "a row of the index is not in the file");
    if (by_ == By::Metadata) {
        const rapidjson::Pointer path(node().path.ptr, node().path.len);
        const std::string value = encodeValue(Metadata(statement.text(0)).at(path));
        MetadataField field(value);
        return evaluate(field);
    }
    Row row(statement);
    return evaluate(row);
}

}  // namespace engram::storage_sqlite
