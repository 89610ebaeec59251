#include "tenants.hpp"

#include <algorithm>

namespace engram::storage_postgres {

using Clock = std::chrono::steady_clock;

std::optional<engram_uuid> tenantOf(std::string_view text) {
    engram_uuid id{};
    size_t nibble = 0;
    if (text.size() != 36) return std::nullopt;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = text[i];
        if (hyphen != (c == '-')) return std::nullopt;
        if (hyphen) continue;
        const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0) return std::nullopt;
        id.bytes[nibble / 2] = static_cast<uint8_t>(id.bytes[nibble / 2] << 4 | value);
        ++nibble;
    }
    return id;
}

std::shared_ptr<SearchIndex> Tenant::index() {
    std::lock_guard lock(mutex_);
    used_ = Clock::now();
    if (!index_) index_ = std::make_shared<SearchIndex>();
    return index_;
}

size_t Tenant::dropIndexIfUnusedSince(Clock::time_point before) {
    std::shared_ptr<SearchIndex> dropped;  // its memory is given back outside of the lock
    std::lock_guard lock(mutex_);
    if (!index_ || used_ >= before) return 0;
    dropped.swap(index_);
    return dropped->bytes();
}

size_t Tenant::indexBytes() const {
    std::lock_guard lock(mutex_);
    return index_ ? index_->bytes() : 0;
}

Clock::time_point Tenant::used() const {
    std::lock_guard lock(mutex_);
    return used_;
}

uint64_t Tenant::lag(uint64_t lsn) const {
    std::lock_guard lock(mutex_);
    return index_ ? index_->lag(lsn) : 0;
}

void Tenant::heard(uint64_t lsn) {
    {
        std::lock_guard lock(mutex_);
        if (lsn <= lsn_) return;
        lsn_ = lsn;
    }
    news_.notify_all();
}

bool Tenant::awaitAbove(uint64_t after, Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return news_.wait_until(lock, deadline, [&] { return lsn_ > after; });
}

bool Tenant::mayAsk(std::chrono::milliseconds interval) {
    std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (now < next_ask_) return false;
    next_ask_ = now + interval;
    return true;
}

uint64_t Tenants::open(const engram_uuid& id, const std::string& text) {
    std::lock_guard lock(mutex_);
    auto [it, fresh] = handles_.emplace(text, next_);
    if (fresh) open_.emplace(next_++, std::make_shared<Tenant>(id, text));
    ++open_.at(it->second)->opened_;
    return it->second;
}

bool Tenants::close(uint64_t handle) {
    std::shared_ptr<Tenant> closed;
    std::lock_guard lock(mutex_);
    auto it = open_.find(handle);
    if (it == open_.end()) return false;
    if (--it->second->opened_ > 0) return true;
    closed = it->second;
    handles_.erase(closed->text);
    open_.erase(it);
    return true;
}

bool Tenants::isOpen(const std::string& text) const {
    std::lock_guard lock(mutex_);
    return handles_.contains(text);
}

std::shared_ptr<Tenant> Tenants::get(uint64_t handle) const {
    std::lock_guard lock(mutex_);
    auto it = open_.find(handle);
    return it == open_.end() ? nullptr : it->second;
}

void Tenants::trim(size_t max_bytes, std::chrono::seconds idle) {
    std::vector<std::shared_ptr<Tenant>> all;
    {
        std::lock_guard lock(mutex_);
        for (const auto& [handle, tenant] : open_) all.push_back(tenant);
    }
    const auto now = Clock::now();
    size_t bytes = 0;
    std::vector<std::pair<Clock::time_point, Tenant*>> order;
    for (const auto& tenant : all) {
        tenant->dropIndexIfUnusedSince(now - idle);
        bytes += tenant->indexBytes();
        order.emplace_back(tenant->used(), tenant.get());
    }
    std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [used, tenant] : order) {
        if (bytes <= max_bytes) return;
        bytes -= std::min(bytes, tenant->dropIndexIfUnusedSince(now));
    }
}

void Tenants::clear() {
    std::lock_guard lock(mutex_);
    open_.clear();
    handles_.clear();
}

}  // namespace engram::storage_postgres
