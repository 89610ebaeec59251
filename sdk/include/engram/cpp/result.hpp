// Result<T>: a value or an Error that a caller can act on. Values; no thread of their own.
#pragma once

#include <engram/status.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace engram {

// `code` is one of sdk/schema/errors.json ("memory_not_found"); `message` names the thing and the reason; `hint` says
// what to do next, may be empty; `pointer` is the JSON pointer of the offending input, may be empty; `cause` is what only the
// operator may see: it goes to the log; `counted`: of a limit that was reached, how much is allowed and how much was used.
struct Error {
    struct Counted {
        uint64_t limit = 0, used = 0;
    };
    std::string code;
    std::string message;
    std::string hint;
    std::string pointer;
    std::string cause{};
    std::optional<Counted> counted{};
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() { return std::get<0>(state_); }
    const T& value() const { return std::get<0>(state_); }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    Error& error() { return std::get<1>(state_); }
    const Error& error() const { return std::get<1>(state_); }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool ok() const { return !error_; }
    explicit operator bool() const { return ok(); }
    Error& error() { return *error_; }
    const Error& error() const { return *error_; }

private:
    std::optional<Error> error_;
};

}  // namespace engram
