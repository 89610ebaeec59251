// The time of day behind a seam, so that tests can jump. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace engram::engine {

class Clock {
public:
    virtual ~Clock() = default;
    virtual int64_t now() const = 0;  // milliseconds since the epoch
};

class SystemClock final : public Clock {
public:
    int64_t now() const override {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
    }
};

}  // namespace engram::engine
