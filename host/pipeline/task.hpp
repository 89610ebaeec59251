// A callable that can be moved but need not be copied (std::move_only_function comes with C++23). One thread at a time.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace engram::pipeline {

class Task {
public:
    Task() = default;
    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, Task>)
    Task(F&& f) : held_(std::make_unique<Held<std::decay_t<F>>>(std::forward<F>(f))) {}

    explicit operator bool() const { return held_ != nullptr; }
    void operator()() { held_->run(); }

private:
    struct Callable {
        virtual ~Callable() = default;
        virtual void run() = 0;
    };
    template <class F>
    struct Held final : Callable {
        explicit Held(F f) : f_(std::move(f)) {}
        void run() override { f_(); }
        F f_;
    };
    std::unique_ptr<Callable> held_;
};

}  // namespace engram::pipeline
