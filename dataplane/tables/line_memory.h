// Memory for the records that packets touch at random: SAs, their counters and keys, the nodes of policies.
//
// Records are whole cache lines. A few stand in small pieces of memory; from 2 MB on the pieces are huge pages where the
// kernel has them for the asking (transparent_hugepage: madvise or always), because what a hundred thousand SAs cost is as
// much the misses of address translation as those of the cache. What is given back is used again for records of the same
// size; pieces go back to the kernel when the table ends.
//
// Arrays from 1 MB on get huge pages of their own. Control alone calls it. What is over 2 KB and no such array is the
// heap's.
#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <vector>

namespace viaduct::dataplane {

class LineMemory final : public std::pmr::memory_resource {
public:
    static constexpr std::size_t kLine = 64;
    static constexpr std::size_t kMostLines = 32;  // of one record

    LineMemory() = default;
    ~LineMemory() override;
    LineMemory(const LineMemory&) = delete;
    LineMemory& operator=(const LineMemory&) = delete;
    LineMemory(LineMemory&&) = delete;
    LineMemory& operator=(LineMemory&&) = delete;

    template <typename T, typename... Arguments>
    T* make(Arguments&&... arguments) {
        return std::pmr::polymorphic_allocator<>(this).new_object<T>(
            std::forward<Arguments>(arguments)...);
    }

    /// nullptr does nothing.
    template <typename T>
    void unmake(const T* object) {
        if (object != nullptr) {
            std::pmr::polymorphic_allocator<>(this).delete_object(const_cast<T*>(object));
        }
    }

    /// Bytes taken from the kernel for records.
    [[nodiscard]] std::size_t reserved() const { return reserved_; }

private:
    struct Piece {
        std::byte* at;
        std::size_t bytes;
    };

    /// Stands in a record that was given back.
    struct Free {
        Free* next;
    };

    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void* at, std::size_t bytes, std::size_t alignment) override;

    [[nodiscard]] bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
        return this == &other;
    }

    void add_piece();
    void put_free(void* at, std::size_t lines);

    std::vector<Piece> pieces_;
    std::array<Free*, kMostLines + 1> free_{};  // by lines
    std::byte* next_ = nullptr;  // not given out yet, of the last piece
    std::size_t left_ = 0;
    std::size_t reserved_ = 0;
};

}  // namespace viaduct::dataplane
