#include "controlplane/console/worker_threads.h"

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/ports/eal.h"

namespace viaduct::console {

namespace {

/// An idle worker first spins (a burst often follows a burst), then sleeps, twice as long each time.
constexpr unsigned kSpins = 256;
constexpr std::chrono::microseconds kShortestSleep{10};
constexpr std::chrono::microseconds kLongestSleep{500};

void pause_a_moment() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

void bind(std::thread& thread, unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    // The core was checked at the start; without it the worker runs where the system puts it.
    ::pthread_setaffinity_np(thread.native_handle(), sizeof(set), &set);
}

}  // namespace

TimePoint monotonic_now() {
    return TimePoint(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

WakeUp::WakeUp() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    VIADUCT_CHECK(fd_ >= 0);
}

WakeUp::~WakeUp() {
    ::close(fd_);
}

void WakeUp::signal() const {
    const std::uint64_t one = 1;
    // Full means that it has been signalled very often already.
    [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof(one));
}

void WakeUp::drain() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(fd_, &count, sizeof(count));
}

WorkerThreads::WorkerThreads(dataplane::Plane& plane,
                             WakeUp& wake_up,
                             const std::vector<unsigned>& cores,
                             config::Idle idle)
    : plane_(plane), wake_up_(wake_up), counts_(plane.workers()) {
    for (unsigned i = 0; i < plane.workers(); ++i) {
        threads_.emplace_back([this, i, idle] { run(i, idle); });
        ::pthread_setname_np(threads_.back().native_handle(),
                             ("worker " + std::to_string(i)).c_str());
        if (i < cores.size()) {
            bind(threads_.back(), cores[i]);
        }
    }
}

WorkerThreads::~WorkerThreads() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
        thread.join();
    }
}

std::uint64_t WorkerThreads::handled() const {
    std::uint64_t total = 0;
    for (const Count& count : counts_) {
        total += count.handled.load();
    }
    return total;
}

void WorkerThreads::run(unsigned index, config::Idle idle) {
    std::atomic<std::uint64_t>& handled = counts_[index].handled;
    std::uint64_t total = 0;
    unsigned spins = 0;
    auto sleep = kShortestSleep;
    dataplane::register_worker_thread();
    while (!stopping_.load(std::memory_order_relaxed)) {
        const std::size_t n = plane_.run_once(index, monotonic_now());
        if (n > 0) {
            total += n;
            handled.store(total);
            wake_up_.note_traffic();
            spins = 0;
            sleep = kShortestSleep;
        } else if (idle == config::Idle::poll || ++spins < kSpins) {
            pause_a_moment();
        } else {
            std::this_thread::sleep_for(sleep);
            sleep = std::min(sleep * 2, kLongestSleep);
        }
    }
    dataplane::unregister_worker_thread();
}

}  // namespace viaduct::console
