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

int advise_huge(const rte_memseg_list* list, void*) {
    if (list->external == 0) {
        (void)madvise(list->base_va, list->len, MADV_HUGEPAGE);
    }
    return 0;
}

Result<rte_mempool*> make_pool(const char* name, unsigned buffers, std::size_t data_room) {
    auto* pool = rte_pktmbuf_pool_create(
        name, buffers, 256, kPrivateBytes, static_cast<std::uint16_t>(data_room), SOCKET_ID_ANY);
    if (pool == nullptr) {
        return failure(fmt::format("no memory for {} packet buffers of {} bytes: {}",
                                   buffers,
                                   data_room,
                                   rte_strerror(rte_errno)));
    }
    return pool;
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
    if (!options.hugepages) {
        rte_memseg_list_walk(advise_huge, nullptr);
    }
    const auto small = make_pool("viaduct_packets", options.buffers, options.buffer_bytes);
    if (!small) {
        return tl::unexpected(small.error());
    }
    const auto jumbo = make_pool("viaduct_jumbo", kJumboBuffers, kJumboRoom + RTE_PKTMBUF_HEADROOM);
    if (!jumbo) {
        return tl::unexpected(jumbo.error());
    }
    e.small = *small;
    e.jumbo = *jumbo;
    e.small_room = options.buffer_bytes - RTE_PKTMBUF_HEADROOM;
    e.started = true;
    return {};
}

void register_worker_thread() { (void)rte_thread_register(); }

void unregister_worker_thread() { rte_thread_unregister(); }

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
