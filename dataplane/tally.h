// A counter with one writer (a worker) and readers elsewhere (control): a plain add, no lock prefix.
#pragma once

#include <atomic>
#include <cstdint>

namespace viaduct::dataplane {

class Tally {
public:
    void add(std::uint64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }

    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace viaduct::dataplane
