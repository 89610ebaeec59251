// Memory of its own for a handler that must never be lost: one that listens, or looks after deadlines. Asio asks for memory
// each time a handler waits; with this it has some although the process has none. One handler at a time; one thread.
#pragma once

#include <cstddef>
#include <new>

namespace engram::http {

class HandlerMemory {
public:
    HandlerMemory() = default;
    HandlerMemory(const HandlerMemory&) = delete;

    // For boost::asio::bind_allocator. What does not fit, or comes while it is taken, is allocated as usual.
    template <class T>
    struct Allocator {
        using value_type = T;
        HandlerMemory* memory;

        explicit Allocator(HandlerMemory& of) : memory(&of) {}
        template <class U>
        Allocator(const Allocator<U>& other) : memory(other.memory) {}

        T* allocate(size_t n) { return static_cast<T*>(memory->take(n * sizeof(T))); }
        void deallocate(T* at, size_t) { memory->give(at); }
        bool operator==(const Allocator&) const = default;
    };
    Allocator<std::byte> allocator() { return Allocator<std::byte>(*this); }

private:
    void* take(size_t bytes) {
        if (taken_ || bytes > sizeof room_) return ::operator new(bytes);
        taken_ = true;
        return room_;
    }
    void give(void* at) {
        if (at == room_) taken_ = false;
        else ::operator delete(at);
    }

    alignas(std::max_align_t) std::byte room_[512];
    bool taken_ = false;
};

}  // namespace engram::http
