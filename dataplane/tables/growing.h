// An array of atomic words that control grows and workers read by index: ids stay, the array may move.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <memory_resource>

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

    /// `memory` outlives it.
    GrowingArray(Rcu& rcu, std::pmr::memory_resource& memory, std::uint32_t start)
        : rcu_(rcu), memory_(memory), block_(new Block(memory, start)) {}

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
        return {b->slots, b->size};
    }

private:
    struct Block {
        Block(std::pmr::memory_resource& m, std::uint32_t n)
            : memory(m),
              slots(std::pmr::polymorphic_allocator<std::atomic<T>>(&m).allocate(n)),
              size(n) {
            std::uninitialized_value_construct_n(slots, n);
        }

        ~Block() {
            std::pmr::polymorphic_allocator<std::atomic<T>>(&memory).deallocate(slots, size);
        }

        Block(const Block&) = delete;
        Block& operator=(const Block&) = delete;
        Block(Block&&) = delete;
        Block& operator=(Block&&) = delete;

        std::pmr::memory_resource& memory;
        std::atomic<T>* slots;
        std::uint32_t size;
    };

    [[nodiscard]] Block* block() const { return block_.load(std::memory_order_relaxed); }

    void grow() {
        auto* old = block();
        auto* next = new Block(memory_, old->size * 2);
        for (std::uint32_t i = 0; i < old->size; ++i) {
            next->slots[i].store(old->slots[i].load(std::memory_order_relaxed),
                                 std::memory_order_relaxed);
        }
        block_.store(next, std::memory_order_release);
        rcu_.retire_object(old);
    }

    Rcu& rcu_;
    std::pmr::memory_resource& memory_;
    std::atomic<Block*> block_;
};

}  // namespace viaduct::dataplane
