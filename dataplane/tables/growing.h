// An array of atomic words that control grows and workers read by index: ids stay, the array may move.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/tables/rcu.h"

namespace viaduct::dataplane {

template <typename T>
class GrowingArray {
public:
    struct View {
        const std::atomic<T>* at = nullptr;
        std::uint32_t size = 0;

        /// T{} beyond the end.
        [[nodiscard]] T get(std::uint32_t i) const {
            return i < size ? at[i].load(std::memory_order_acquire) : T{};
        }

        [[nodiscard]] const void* address(std::uint32_t i) const { return at + (i < size ? i : 0); }
    };

    GrowingArray(Rcu& rcu, std::uint32_t start) : rcu_(rcu), block_(new Block(start)) {}

    ~GrowingArray() { delete block_.load(std::memory_order_relaxed); }

    GrowingArray(const GrowingArray&) = delete;
    GrowingArray& operator=(const GrowingArray&) = delete;
    GrowingArray(GrowingArray&&) = delete;
    GrowingArray& operator=(GrowingArray&&) = delete;

    // ── control ──
    /// Stores and returns what stood there before.
    T set(std::uint32_t i, T value) {
        while (i >= block()->size) {
            grow();
        }
        return block()->slots[i].exchange(value, std::memory_order_acq_rel);
    }

    [[nodiscard]] T get(std::uint32_t i) const { return view().get(i); }

    // ── workers ──
    [[nodiscard]] View view() const {
        const auto* b = block_.load(std::memory_order_acquire);
        return {b->slots.get(), b->size};
    }

private:
    struct Block {
        explicit Block(std::uint32_t n) : slots(new std::atomic<T>[n] {}), size(n) {}

        std::unique_ptr<std::atomic<T>[]> slots;
        std::uint32_t size;
    };

    [[nodiscard]] Block* block() const { return block_.load(std::memory_order_relaxed); }

    void grow() {
        auto* old = block();
        auto* next = new Block(old->size * 2);
        for (std::uint32_t i = 0; i < old->size; ++i) {
            next->slots[i].store(old->slots[i].load(std::memory_order_relaxed),
                                 std::memory_order_relaxed);
        }
        block_.store(next, std::memory_order_release);
        rcu_.retire_object(old);
    }

    Rcu& rcu_;
    std::atomic<Block*> block_;
};

}  // namespace viaduct::dataplane
