// ArenaCall: an engram_call with its arena, for whoever makes calls: the host, tests, the conformance kit.
// One thread at a time; reset() keeps the first block, so a reused call allocates nothing.
#pragma once

#include <engram/call.h>
#include <engram/cpp/text.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

namespace engram {

class ArenaCall {
public:
    static constexpr size_t kDefaultBudget = 1u << 20;

    explicit ArenaCall(uint32_t flags = 0, size_t budget = kDefaultBudget) : budget_(budget) {
        state_.call.size = sizeof(engram_call);
        state_.call.flags = flags;
        state_.call.ops = &kOps;
        state_.owner = this;
    }
    ArenaCall(const ArenaCall&) = delete;
    ArenaCall& operator=(const ArenaCall&) = delete;

    engram_call* get() { return &state_.call; }
    operator engram_call*() { return &state_.call; }

    // What fail() recorded last; empty if nothing failed.
    const std::string& message() const { return message_; }

    // Borrowed strings: must outlive the call's use.
    void setTenant(std::string_view tenant) { state_.call.tenant = borrow(tenant); }
    void setSubject(std::string_view subject) { state_.call.subject = borrow(subject); }
    void setRequestId(std::string_view id) { state_.call.request_id = borrow(id); }
    void setDeadline(uint64_t monotonic_ns) { state_.call.deadline_ns = monotonic_ns; }
    void setFlags(uint32_t flags) { state_.call.flags = flags; }

    void cancel() { cancelled_.store(1, std::memory_order_relaxed); }

    // Called by complete(); only for calls made with ENGRAM_CALL_MAY_PEND.
    void onComplete(std::function<void(engram_status)> done) { done_ = std::move(done); }

    void reset() {
        message_.clear();
        if (blocks_.size() > 1) blocks_.resize(1);
        spent_ = blocks_.empty() ? 0 : kBlock;
        cursor_ = blocks_.empty() ? nullptr : blocks_[0].get();
        left_ = blocks_.empty() ? 0 : kBlock;
        cancelled_.store(0, std::memory_order_relaxed);
    }

private:
    static constexpr size_t kBlock = 4096;

    struct State { // standard layout, so that the engram_call* leads back here
        engram_call call{};
        ArenaCall* owner = nullptr;
    };

    static ArenaCall& of(const engram_call* call) {
        return *reinterpret_cast<State*>(const_cast<engram_call*>(call))->owner;
    }

    void* alloc(size_t n, size_t align) {
        size_t pad = cursor_ ? (align - reinterpret_cast<uintptr_t>(cursor_) % align) % align : 0;
        if (!cursor_ || n > left_ || pad > left_ - n) {
            if (n > budget_ || align > kBlock) return nullptr;
            size_t size = n + align > kBlock ? n + align : kBlock;
            if (size > budget_ - (spent_ < budget_ ? spent_ : budget_)) return nullptr;
            blocks_.emplace_back(new char[size]);
            spent_ += size;
            cursor_ = blocks_.back().get();
            left_ = size;
            pad = (align - reinterpret_cast<uintptr_t>(cursor_) % align) % align;
        }
        void* p = cursor_ + pad;
        cursor_ += pad + n;
        left_ -= pad + n;
        return p;
    }

    State state_;
    size_t budget_, spent_ = 0, left_ = 0;
    char* cursor_ = nullptr;
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::string message_;
    std::atomic<int> cancelled_{0};
    std::function<void(engram_status)> done_;

    static const engram_call_ops kOps;
};

inline constexpr engram_call_ops ArenaCall::kOps = {
    sizeof(engram_call_ops), 0,
    [](engram_call* c, size_t n, size_t align) -> void* { return of(c).alloc(n, align); },
    [](engram_call* c, engram_status s, engram_str m) -> engram_status {
        try {
            of(c).message_.assign(view(m));
        } catch (const std::bad_alloc&) {
            of(c).message_.clear();  // the status is what counts; nothing may be thrown across the border
        }
        return s;
    },
    [](const engram_call* c) -> int { return of(c).cancelled_.load(std::memory_order_relaxed); },
    [](engram_call* c, engram_status s) {
        if (of(c).done_) of(c).done_(s);
    }};

}  // namespace engram
