// Memory that is read here and there: from a megabyte on it is asked for in the processor's large pages, since finding a
// small page costs more than reading a row from it. Any thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace engram::storage_sqlite {

template <class T>
struct LargePages {
    using value_type = T;

    LargePages() = default;
    template <class U>
    LargePages(const LargePages<U>&) {}

    T* allocate(size_t n) {
        constexpr size_t kPage = 2u << 20;
        const size_t bytes = n * sizeof(T);
        if (bytes < kPage / 2) return static_cast<T*>(checked(std::malloc(bytes)));
        const size_t whole = (bytes + kPage - 1) / kPage * kPage;
        void* memory = checked(std::aligned_alloc(kPage, whole));
        madvise(memory, whole, MADV_HUGEPAGE);  // a kernel without them goes on with small ones
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, size_t) { std::free(memory); }

    bool operator==(const LargePages&) const = default;

private:
    static void* checked(void* memory) {
        if (!memory) throw std::bad_alloc();
        return memory;
    }
};

}  // namespace engram::storage_sqlite
