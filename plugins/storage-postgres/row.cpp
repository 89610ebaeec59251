#include "row.hpp"

#include <rapidjson/pointer.h>

#include <cstring>

namespace engram::storage_postgres {
namespace {

[[noreturn]] void damaged(const char* what) { throw PostgresError("XX001", std::string("damaged ") + what); }

bool isNone(const engram_uuid& id) {
    constexpr engram_uuid kNone{};
    return std::memcmp(&id, &kNone, sizeof id) == 0;
}

}  // namespace

const std::vector<std::string>& Row::tags() {
    if (!tags_read_ && !decodeTexts(r_.bytes(n_, 10), tags_)) damaged("tags");
    tags_read_ = true;
    return tags_;
}

const engram_record* Row::record(uint32_t want) {
    engram_record& r = record_;
    r.size = sizeof r;
    r.lsn_from = r.rid = rid();
    r.id = id();
    r.kind = static_cast<uint32_t>(r_.small(n_, 2));
    r.workspace = str(3);
    r.name = str(4);
    r.type = str(5);
    r.parent = binary::toUuid(r_.bytes(n_, 6));
    r.position = static_cast<uint64_t>(r_.integer(n_, 7));
    r.text = str(8);
    r.metadata = str(9);
    r.importance = binary::toReal(r_.bytes(n_, 11));
    r.occurred_at = r_.time(n_, 12);
    r.created_at = r_.time(n_, 13);
    r.updated_at = r_.time(n_, 14);
    r.expires_at = r_.time(n_, 15);
    r.valid_from = r_.time(n_, 16);
    r.valid_until = r_.time(n_, 17);
    r.length = static_cast<uint32_t>(r_.small(n_, 18));
    r.deleted = deleted() ? 1 : 0;
    r.pinned = pinned() ? 1 : 0;
    r.version = static_cast<uint64_t>(r_.integer(n_, 20));
    r.lsn_to = lsnOf(r_.integer(n_, 21));
    if (want & ENGRAM_WANT_METADATA) {
        for (const std::string& tag : tags()) tag_views_.push_back(borrow(tag));
        r.tags = tag_views_.data();
        r.n_tags = tag_views_.size();
    }
    if (want & ENGRAM_WANT_TERMS) {
        if (!decodeTerms(r_.bytes(n_, 22), term_views_)) damaged("terms");
        for (const TermCount& t : term_views_) terms_.push_back({borrow(t.term), t.tf, 0});
        r.terms = terms_.data();
        r.n_terms = terms_.size();
    }
    if (want & ENGRAM_WANT_VECTORS) readVectors();
    return &r;
}

// For each: space, number of codes, scale, codes.
void Row::readVectors() {
    constexpr size_t kHead = 12;
    std::vector<uint32_t> spaces;
    for (std::string_view bytes = r_.bytes(n_, 23); !bytes.empty();) {
        if (bytes.size() < kHead) damaged("vectors");
        const auto n = static_cast<uint32_t>(binary::toSmall(bytes.substr(4, 4)));
        const float scale = binary::toSingle(bytes.substr(8, 4));
        spaces.push_back(static_cast<uint32_t>(binary::toSmall(bytes.substr(0, 4))));
        bytes.remove_prefix(kHead);
        if (n > bytes.size()) damaged("vectors");
        std::vector<float>& values = components_.emplace_back();
        for (uint32_t i = 0; i < n; ++i) values.push_back(static_cast<float>(codeAt(bytes, i)) * scale);
        bytes.remove_prefix(n);
    }
    for (size_t i = 0; i < spaces.size(); ++i)
        vectors_.push_back({spaces[i], static_cast<uint32_t>(components_[i].size()), components_[i].data()});
    record_.vectors = vectors_.data();
    record_.n_vectors = vectors_.size();
}

std::optional<filter::Scalar> Row::field(const engram_filter_node& node) {
    using filter::Scalar;
    auto text = [&](int column) -> std::optional<Scalar> {
        const std::string_view value = r_.bytes(n_, column);
        if (value.empty()) return std::nullopt;
        return Scalar::ofText(value);
    };
    auto when = [&](int column) -> std::optional<Scalar> {
        if (r_.isNull(n_, column)) return std::nullopt;
        return Scalar::ofInteger(r_.integer(n_, column));
    };
    switch (node.field) {
        case ENGRAM_FIELD_ID: return Scalar::ofText(text_ = filter::uuidText(id().bytes));
        case ENGRAM_FIELD_WORKSPACE: return Scalar::ofText(r_.bytes(n_, 3));
        case ENGRAM_FIELD_NAME: return text(4);
        case ENGRAM_FIELD_TYPE: return text(5);
        case ENGRAM_FIELD_PARENT: {
            const engram_uuid parent = binary::toUuid(r_.bytes(n_, 6));
            if (isNone(parent)) return std::nullopt;
            return Scalar::ofText(text_ = filter::uuidText(parent.bytes));
        }
        case ENGRAM_FIELD_POSITION: return Scalar::ofInteger(r_.integer(n_, 7));
        case ENGRAM_FIELD_METADATA: return filter::scalarOf(metadata(view(node.path)));
        case ENGRAM_FIELD_PINNED: return Scalar::ofBool(pinned());
        case ENGRAM_FIELD_TEXT: return text(8);
        case ENGRAM_FIELD_IMPORTANCE: return Scalar::ofReal(binary::toReal(r_.bytes(n_, 11)));
        case ENGRAM_FIELD_OCCURRED_AT: return when(12);
        case ENGRAM_FIELD_CREATED_AT: return when(13);
        case ENGRAM_FIELD_UPDATED_AT: return when(14);
        case ENGRAM_FIELD_EXPIRES_AT: return when(15);
        case ENGRAM_FIELD_VALID_FROM: return when(16);
        case ENGRAM_FIELD_VALID_UNTIL: return when(17);
        default: return std::nullopt;
    }
}

const rapidjson::Value* Row::metadata(std::string_view path) {
    if (!metadata_read_) {
        const std::string_view json = r_.bytes(n_, 9);
        metadata_.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag>(json.data(), json.size());
        metadata_read_ = true;
    }
    if (metadata_.HasParseError()) return nullptr;
    return rapidjson::Pointer(path.data(), path.size()).Get(metadata_);
}

bool Row::anyElement(const engram_filter_node& node, const filter::ElementTest& test) {
    return filter::anyElementOf(metadata(view(node.path)), test);
}

engram_edge edgeAt(const Result& result, int row) {
    engram_edge edge{};
    edge.size = sizeof edge;
    edge.lsn_from = static_cast<uint64_t>(result.integer(row, 0));
    edge.from = binary::toUuid(result.bytes(row, 1));
    edge.to = binary::toUuid(result.bytes(row, 2));
    edge.type = borrow(result.bytes(row, 3));
    edge.weight = binary::toReal(result.bytes(row, 4));
    edge.valid_from = result.time(row, 5);
    edge.valid_until = result.time(row, 6);
    edge.created_at = result.time(row, 7);
    edge.metadata = borrow(result.bytes(row, 8));
    edge.deleted = result.small(row, 9) != 0 ? 1 : 0;
    edge.lsn_to = lsnOf(result.integer(row, 10));
    return edge;
}

}  // namespace engram::storage_postgres
