#include "pipeline/task.hpp"

#include "support/test.hpp"

#include <memory>

using engram::pipeline::Task;

TEST("a task holds what cannot be copied, runs it, and lets it go") {
    auto counter = std::make_shared<int>(0);
    {
        Task task([counter, only = std::make_unique<int>(5)] { *counter += *only; });
        Task moved = std::move(task);
        CHECK(!task);
        CHECK(moved);
        moved();
        moved();
        CHECK_EQ(2L, counter.use_count());
        moved = Task();
        CHECK_EQ(1L, counter.use_count());
    }
    CHECK_EQ(10, *counter);
    CHECK(!Task());
}
