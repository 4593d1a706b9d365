// A bounded ring between two threads: one puts, one takes, neither waits.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>

namespace viaduct::dataplane {

template <typename T>
class Ring {
public:
    /// `size` is rounded up to a power of two.
    explicit Ring(std::size_t size) : mask_(std::bit_ceil(size) - 1), slots_(new T[mask_ + 1]) {}

    /// The putting thread alone. False: full.
    bool put(T value) {
        const auto tail = tail_.load(std::memory_order_relaxed);
        if (tail - head_.load(std::memory_order_acquire) > mask_) {
            return false;
        }
        slots_[tail & mask_] = value;
        tail_.store(tail + 1, std::memory_order_release);
        return true;
    }

    /// The taking thread alone. False: empty.
    bool take(T& value) {
        const auto head = head_.load(std::memory_order_relaxed);
        if (head == tail_.load(std::memory_order_acquire)) {
            return false;
        }
        value = slots_[head & mask_];
        head_.store(head + 1, std::memory_order_release);
        return true;
    }

    [[nodiscard]] bool empty() const {
        return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
    }

private:
    std::size_t mask_;
    std::unique_ptr<T[]> slots_;
    alignas(64) std::atomic<std::size_t> head_{0};
    alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace viaduct::dataplane
