#include "dataplane/tables/nat_memory.h"

#include <sys/mman.h>

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

void* map_zeroed(std::size_t bytes) {
    void* at = ::mmap(
        nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    VIADUCT_CHECK(at != MAP_FAILED);
    constexpr std::size_t kHuge = std::size_t{2} << 20U;
    if (bytes >= 2 * kHuge) {
        // Fewer misses of address translation where the kernel does it; else nothing changes.
        (void)::madvise(at, bytes, MADV_HUGEPAGE);
    }
    return at;
}

void unmap_zeroed(void* at, std::size_t bytes) {
    (void)::munmap(at, bytes);
}

}  // namespace viaduct::dataplane
