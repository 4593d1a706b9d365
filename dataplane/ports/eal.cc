#include "dataplane/ports/eal.h"

#include <array>
#include <fmt/format.h>
#include <mutex>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memory.h>

#include "dataplane/ports/pools.h"

namespace viaduct::dataplane {

namespace {

// DPDK's environment is one a process, and so is this.
struct Environment {
    std::mutex starting;
    bool started = false;
    rte_mempool* small = nullptr;
    rte_mempool* jumbo = nullptr;
    std::size_t small_room = 0;
};

Environment& environment() {
    static Environment e;
    return e;
}

constexpr unsigned kPrivateBytes = 128;  // a Parcel (worker.h)
constexpr unsigned kJumboBuffers = 1024;
/// Buffers that a worker keeps for itself: two vectors, so that what it has just sent is what it receives
/// into next, still in its cache.
constexpr unsigned kPoolCache = 512;

int first_cpu() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    (void)sched_getaffinity(0, sizeof(allowed), &allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &allowed)) {
            return cpu;
        }
    }
    return 0;
}

std::vector<std::string> arguments(const EalOptions& options) {
    std::vector<std::string> args{"viaduct",
                                  "--file-prefix",
                                  fmt::format("viaduct-{}", getpid()),
                                  "--no-telemetry",
                                  "--no-shconf",
                                  "--log-level=error",
                                  fmt::format("--lcores=0@{}", first_cpu())};
    if (options.hugepages) {
        args.insert(args.end(), {"--in-memory", "-m", fmt::format("{}", options.memory_mb)});
    } else {
        args.insert(args.end(), {"--no-huge", "-m", fmt::format("{}", options.memory_mb)});
    }
    if (!options.load_drivers) {
        args.emplace_back("--no-pci");
    }
    args.insert(args.end(), options.extra.begin(), options.extra.end());
    return args;
}

void unmap(rte_mempool_memhdr* part, void* length) {
    (void)munmap(part->addr, reinterpret_cast<std::uintptr_t>(length));
}

/// Memory for a pool without hugetlbfs: ours instead of DPDK's, because the kernel makes large pages of
/// it on its own (transparent huge pages; of DPDK's shared memory it does not). Fewer translation misses are worth
/// a quarter of the packets per second.
bool populate_with_large_pages(rte_mempool* pool, unsigned buffers) {
    constexpr std::size_t kLargePage = std::size_t{2} << 20U;
    const std::size_t each = pool->header_size + pool->elt_size + pool->trailer_size;
    const auto length = (each * buffers + 2 * kLargePage - 1) / kLargePage * kLargePage;
    void* memory = mmap(nullptr,
                        length,
                        PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1,
                        0);
    if (memory == MAP_FAILED) {
        return false;
    }
    (void)madvise(memory, length, MADV_HUGEPAGE);
    const auto start =
        (reinterpret_cast<std::uintptr_t>(memory) + kLargePage - 1) / kLargePage * kLargePage;
    const auto usable = length - (start - reinterpret_cast<std::uintptr_t>(memory));
    const int added = rte_mempool_populate_iova(pool,
                                                reinterpret_cast<char*>(start),
                                                start,
                                                usable,
                                                unmap,
                                                reinterpret_cast<void*>(usable));
    return added == static_cast<int>(buffers);
}

Result<rte_mempool*> make_pool(const char* name,
                               unsigned buffers,
                               std::size_t data_room,
                               bool hugepages) {
    if (hugepages) {
        auto* pool = rte_pktmbuf_pool_create(name,
                                             buffers,
                                             kPoolCache,
                                             kPrivateBytes,
                                             static_cast<std::uint16_t>(data_room),
                                             SOCKET_ID_ANY);
        if (pool != nullptr) {
            return pool;
        }
    } else {
        // Addresses are virtual ones here, so a buffer may lie across pages; else each would take a whole one.
        auto* pool = rte_mempool_create_empty(
            name,
            buffers,
            static_cast<unsigned>(sizeof(rte_mbuf) + kPrivateBytes + data_room),
            kPoolCache,
            sizeof(rte_pktmbuf_pool_private),
            SOCKET_ID_ANY,
            RTE_MEMPOOL_F_NO_IOVA_CONTIG);
        if (pool != nullptr) {
            rte_pktmbuf_pool_private settings{};
            settings.mbuf_data_room_size = static_cast<std::uint16_t>(data_room);
            settings.mbuf_priv_size = kPrivateBytes;
            rte_pktmbuf_pool_init(pool, &settings);
            if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), nullptr) == 0 &&
                populate_with_large_pages(pool, buffers)) {
                rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
                return pool;
            }
        }
    }
    return failure(fmt::format("no memory for {} packet buffers of {} bytes: {}",
                               buffers,
                               data_room,
                               rte_strerror(rte_errno)));
}

}  // namespace

Result<void> start_eal(const EalOptions& options) {
    auto& e = environment();
    const std::lock_guard guard(e.starting);
    if (e.started) {
        return {};
    }
    auto args = arguments(options);
    std::vector<char*> argv;
    argv.reserve(args.size() + 1);
    for (auto& a : args) {
        argv.push_back(a.data());
    }
    argv.push_back(nullptr);
    // DPDK ties the calling thread to one processor; where control runs is not DPDK's to say.
    cpu_set_t affinity;
    CPU_ZERO(&affinity);
    (void)sched_getaffinity(0, sizeof(affinity), &affinity);
    const int status = rte_eal_init(static_cast<int>(args.size()), argv.data());
    (void)sched_setaffinity(0, sizeof(affinity), &affinity);
    if (status < 0) {
        return failure(
            fmt::format("DPDK's environment does not start: {}", rte_strerror(rte_errno)));
    }
    const auto small =
        make_pool("viaduct_packets", options.buffers, options.buffer_bytes, options.hugepages);
    if (!small) {
        return tl::unexpected(small.error());
    }
    const auto jumbo = make_pool(
        "viaduct_jumbo", kJumboBuffers, kJumboRoom + RTE_PKTMBUF_HEADROOM, options.hugepages);
    if (!jumbo) {
        return tl::unexpected(jumbo.error());
    }
    e.small = *small;
    e.jumbo = *jumbo;
    e.small_room = options.buffer_bytes - RTE_PKTMBUF_HEADROOM;
    e.started = true;
    return {};
}

void register_worker_thread() {
    (void)rte_thread_register();
}

void unregister_worker_thread() {
    rte_thread_unregister();
}

rte_mempool* small_pool() {
    return environment().small;
}

rte_mempool* jumbo_pool() {
    return environment().jumbo;
}

rte_mempool* pool_for(std::size_t bytes) {
    // Room is kept behind the data for padding and the integrity value of ESP.
    constexpr std::size_t kTail = 128;
    const auto& e = environment();
    if (bytes + kTail <= e.small_room) {
        return e.small;
    }
    return bytes + kTail <= kJumboRoom ? e.jumbo : nullptr;
}

}  // namespace viaduct::dataplane
