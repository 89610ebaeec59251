#include "engine/prepared.hpp"

#include <engram/cpp/text.hpp>

namespace engram::engine {
namespace {

engram_time abiTime(const std::optional<int64_t>& time) { return time ? *time : ENGRAM_TIME_NONE; }

std::optional<int64_t> timeOf(engram_time time) {
    return time == ENGRAM_TIME_NONE ? std::nullopt : std::optional<int64_t>(time);
}

}  // namespace

Prepared::Prepared(Memory memory, Analysis analysis, std::vector<float> vector, uint32_t space)
    : memory_(std::move(memory)), analysis_(std::move(analysis)) {
    if (!vector.empty()) add(space, std::move(vector));
}

const engram_record* Prepared::record() {
    terms_.clear();
    for (const Term& term : analysis_.terms) terms_.push_back({borrow(term.text), term.count, 0});
    tags_.clear();
    for (const std::string& tag : memory_.tags) tags_.push_back(borrow(tag));
    vectors_abi_.clear();
    for (const SpaceVector& vector : vectors_)
        vectors_abi_.push_back({vector.space, static_cast<uint32_t>(vector.values.size()), vector.values.data()});
    record_ = {};
    record_.size = sizeof record_;
    record_.kind = ENGRAM_KIND_MEMORY;
    record_.id = memory_.id.abi();
    record_.workspace = borrow(memory_.workspace);
    record_.name = borrow(memory_.name);
    record_.type = borrow(memory_.type);
    record_.text = borrow(memory_.content);
    record_.metadata = borrow(memory_.metadata);
    record_.tags = tags_.data();
    record_.n_tags = tags_.size();
    record_.importance = memory_.importance;
    record_.pinned = memory_.pinned ? 1 : 0;
    record_.occurred_at = abiTime(memory_.occurred_at);
    record_.expires_at = abiTime(memory_.expires_at);
    record_.created_at = memory_.created_at;
    record_.updated_at = memory_.updated_at;
    record_.valid_from = abiTime(memory_.valid_from);
    record_.valid_until = abiTime(memory_.valid_until);
    record_.terms = terms_.data();
    record_.n_terms = terms_.size();
    record_.vectors = vectors_abi_.data();
    record_.n_vectors = vectors_abi_.size();
    record_.length = analysis_.length;
    return &record_;
}

Memory memoryOf(const engram_record& record) {
    Memory memory;
    memory.id = Uuid::from(record.id);
    memory.workspace = view(record.workspace);
    memory.name = view(record.name);
    memory.type = view(record.type);
    memory.content = view(record.text);
    memory.metadata = record.metadata.len ? view(record.metadata) : "{}";
    for (size_t i = 0; i < record.n_tags; ++i) memory.tags.emplace_back(view(record.tags[i]));
    memory.importance = record.importance;
    memory.pinned = record.pinned != 0;
    memory.occurred_at = timeOf(record.occurred_at);
    memory.expires_at = timeOf(record.expires_at);
    memory.valid_from = timeOf(record.valid_from);
    memory.valid_until = timeOf(record.valid_until);
    memory.created_at = record.created_at;
    memory.updated_at = record.updated_at;
    memory.version = record.version;
    memory.lsn = record.lsn_from;
    memory.state = record.deleted ? Memory::State::Deleted : Memory::State::Live;
    return memory;
}

}  // namespace engram::engine
