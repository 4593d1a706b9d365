#include "dataplane/tables/line_memory.h"

#include <algorithm>
#include <new>
#include <sys/mman.h>

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kFirstPiece = std::size_t{16} << 10U;
constexpr std::size_t kHugePage = std::size_t{2} << 20U;

std::byte* map(std::size_t bytes) {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    VIADUCT_CHECK(at != MAP_FAILED);
    return static_cast<std::byte*>(at);
}

/// Whole huge pages, where they can stand; the kernel may fill them with small ones.
std::byte* map_huge(std::size_t bytes) {
    auto* at = map(bytes + kHugePage);
    const auto before = (kHugePage - reinterpret_cast<std::uintptr_t>(at) % kHugePage) % kHugePage;
    if (before != 0) {
        (void)::munmap(at, before);
    }
    (void)::munmap(at + before + bytes, kHugePage - before);
    (void)::madvise(at + before, bytes, MADV_HUGEPAGE);
    return at + before;
}

std::size_t in_huge_pages(std::size_t bytes) {
    return (bytes + kHugePage - 1) / kHugePage * kHugePage;
}

bool is_large_array(std::size_t bytes) {
    return bytes >= kHugePage / 2;
}

std::size_t lines_of(std::size_t bytes) {
    return (bytes + LineMemory::kLine - 1) / LineMemory::kLine;
}

}  // namespace

LineMemory::~LineMemory() {
    for (const auto& piece : pieces_) {
        (void)::munmap(piece.at, piece.bytes);
    }
}

/// Twice the last one, until a piece is a huge page.
void LineMemory::add_piece() {
    for (auto lines = std::min(left_ / kLine, kMostLines); lines != 0;
         lines = std::min(left_ / kLine, kMostLines)) {
        put_free(next_, lines);
        next_ += lines * kLine;
        left_ -= lines * kLine;
    }
    const auto bytes =
        pieces_.empty() ? kFirstPiece : std::min(pieces_.back().bytes * 2, kHugePage);
    next_ = bytes == kHugePage ? map_huge(bytes) : map(bytes);
    left_ = bytes;
    pieces_.push_back({next_, bytes});
    reserved_ += bytes;
}

void LineMemory::put_free(void* at, std::size_t lines) {
    free_[lines] = ::new (at) Free{free_[lines]};
}

void* LineMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
    if (is_large_array(bytes)) {
        return map_huge(in_huge_pages(bytes));
    }
    const auto lines = lines_of(bytes);
    if (lines > kMostLines || alignment > kLine) {
        return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    if (auto* free = free_[lines]; free != nullptr) {
        free_[lines] = free->next;
        return free;
    }
    if (left_ < lines * kLine) {
        add_piece();
    }
    auto* at = next_;
    next_ += lines * kLine;
    left_ -= lines * kLine;
    return at;
}

void LineMemory::do_deallocate(void* at, std::size_t bytes, std::size_t alignment) {
    if (is_large_array(bytes)) {
        (void)::munmap(at, in_huge_pages(bytes));
        return;
    }
    const auto lines = lines_of(bytes);
    if (lines > kMostLines || alignment > kLine) {
        std::pmr::new_delete_resource()->deallocate(at, bytes, alignment);
        return;
    }
    put_free(at, lines);
}

}  // namespace viaduct::dataplane
