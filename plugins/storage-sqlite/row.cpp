#include "row.hpp"

#include <cstring>

namespace engram::storage_sqlite {
namespace {

[[noreturn]] void damaged(const char* what) { throw SqliteError(SQLITE_CORRUPT, std::string("damaged ") + what); }

}  // namespace

engram_time Row::time(int column) const {
    return s_.isNull(column) ? ENGRAM_TIME_NONE : s_.integer(column);
}

engram_uuid Row::uuid(int column) const {
    engram_uuid id{};
    const std::string_view bytes = s_.blob(column);
    if (bytes.size() == sizeof id.bytes) std::memcpy(id.bytes, bytes.data(), sizeof id.bytes);
    return id;
}

const std::vector<std::string>& Row::tags() {
    if (!tags_read_ && !decodeTexts(s_.blob(10), tags_)) damaged("tags");
    tags_read_ = true;
    return tags_;
}

const engram_record* Row::record(uint32_t want) {
    engram_record& r = record_;
    r.size = sizeof r;
    r.kind = static_cast<uint32_t>(s_.integer(2));
    r.id = uuid(1);
    r.workspace = borrow(s_.text(3));
    r.type = borrow(s_.text(5));
    r.parent = uuid(6);
    r.position = static_cast<uint64_t>(s_.integer(7));
    r.importance = s_.real(11);
    r.occurred_at = time(12);
    r.created_at = time(13);
    r.updated_at = time(14);
    r.expires_at = time(15);
    r.valid_from = time(16);
    r.valid_until = time(17);
    r.length = static_cast<uint32_t>(s_.integer(18));
    r.deleted = deleted() ? 1 : 0;
    r.pinned = pinned() ? 1 : 0;
    r.version = static_cast<uint64_t>(s_.integer(20));
    r.lsn_from = r.rid = rid();
    r.lsn_to = lsnTo();
    if (want & ENGRAM_WANT_TEXT) r.text = borrow(s_.text(8));
    if (want & ENGRAM_WANT_METADATA) {
        r.name = borrow(s_.text(4));
        r.metadata = borrow(s_.text(9));
        for (const std::string& tag : tags()) tag_views_.push_back(borrow(tag));
        r.tags = tag_views_.data();
        r.n_tags = tag_views_.size();
    }
    if (want & ENGRAM_WANT_TERMS) {
        if (!decodeTerms(s_.blob(22), term_views_)) damaged("terms");
        for (const TermCount& t : term_views_) terms_.push_back({borrow(t.term), t.tf, 0});
        r.terms = terms_.data();
        r.n_terms = terms_.size();
    }
    if (want & ENGRAM_WANT_VECTORS) {
        std::vector<QuantisedVector> quantised;
        if (!decodeVectors(s_.blob(23), quantised)) damaged("vectors");
        for (const QuantisedVector& q : quantised) {
            std::vector<float>& values = components_.emplace_back();
            for (int8_t code : q.codes) values.push_back(static_cast<float>(code) * q.scale);
        }
        for (size_t i = 0; i < quantised.size(); ++i)
            vectors_.push_back({quantised[i].space, static_cast<uint32_t>(components_[i].size()), components_[i].data()});
        r.vectors = vectors_.data();
        r.n_vectors = vectors_.size();
    }
    return &r;
}

std::optional<filter::Scalar> Row::field(const engram_filter_node& node) {
    using filter::Scalar;
    auto text = [&](int column) -> std::optional<Scalar> {
        const std::string_view value = s_.text(column);
        if (value.empty()) return std::nullopt;
        return Scalar::ofText(value);
    };
    auto when = [&](int column) -> std::optional<Scalar> {
        if (s_.isNull(column)) return std::nullopt;
        return Scalar::ofInteger(s_.integer(column));
    };
    switch (node.field) {
        case ENGRAM_FIELD_ID: return Scalar::ofText(text_ = filter::uuidText(uuid(1).bytes));
        case ENGRAM_FIELD_WORKSPACE: return Scalar::ofText(s_.text(3));
        case ENGRAM_FIELD_NAME: return text(4);
        case ENGRAM_FIELD_TYPE: return text(5);
        case ENGRAM_FIELD_PARENT: {
            const engram_uuid parent = uuid(6);
            if (engram_uuid none{}; std::memcmp(&parent, &none, sizeof none) == 0) return std::nullopt;
            return Scalar::ofText(text_ = filter::uuidText(parent.bytes));
        }
        case ENGRAM_FIELD_POSITION: return Scalar::ofInteger(s_.integer(7));
        case ENGRAM_FIELD_METADATA: return metadata().scalarAt(view(node.path));
        case ENGRAM_FIELD_PINNED: return Scalar::ofBool(pinned());
        case ENGRAM_FIELD_TEXT: return text(8);
        case ENGRAM_FIELD_IMPORTANCE: return Scalar::ofReal(s_.real(11));
        case ENGRAM_FIELD_OCCURRED_AT: return when(12);
        case ENGRAM_FIELD_CREATED_AT: return when(13);
        case ENGRAM_FIELD_UPDATED_AT: return when(14);
        case ENGRAM_FIELD_EXPIRES_AT: return when(15);
        case ENGRAM_FIELD_VALID_FROM: return when(16);
        case ENGRAM_FIELD_VALID_UNTIL: return when(17);
        default: return std::nullopt;
    }
}

const Metadata& Row::metadata() {
    if (!metadata_) metadata_.emplace(s_.text(9));
    return *metadata_;
}

bool Row::anyElement(const engram_filter_node& node, const filter::ElementTest& test) {
    return metadata().anyElementAt(view(node.path), test);
}

}  // namespace engram::storage_sqlite
