#include "dataplane/worker_thread.h"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/prctl.h>

#include "dataplane/ports/eal.h"

namespace viaduct::dataplane {

namespace {

/// Turns without work before an adaptive worker sleeps: some ten microseconds.
constexpr unsigned kPatience = 64;
/// The first sleep; each further one without work is twice as long, up to what a packet may wait: with the kernel's own
/// delay that stays under 100 µs.
constexpr long kShortestNap = 40'000;  // ns
constexpr long kLongestNap = 80'000;  // ns

TimePoint monotonic_now() {
    timespec t{};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return TimePoint{Duration{std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec}};
}

void prepare_thread(unsigned worker, const WorkerThreadOptions& options) {
    // Signals are control's.
    sigset_t all;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, nullptr);
    (void)pthread_setname_np(pthread_self(), fmt::format("worker-{}", worker).c_str());
    if (options.core) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(*options.core, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
    // Linux rounds a sleep up by this much; its default alone would be 50 µs.
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    register_worker_thread();
}

}  // namespace

WorkerThread::WorkerThread(Plane& plane, unsigned worker, const WorkerThreadOptions& options)
    : plane_(plane), thread_([this, worker, options] { loop(worker, options); }) {}

WorkerThread::~WorkerThread() {
    stop_.store(true, std::memory_order_relaxed);
    thread_.join();
}

void WorkerThread::loop(unsigned worker, const WorkerThreadOptions& options) {
    prepare_thread(worker, options);
    unsigned idle_turns = 0;
    long nap_ns = kShortestNap;
    while (!stop_.load(std::memory_order_relaxed)) {
        const auto handled = plane_.run_once(worker, monotonic_now());
        turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        if (handled != 0) {
            idle_turns = 0;
            nap_ns = kShortestNap;
            if (options.after_work) {
                options.after_work();
            }
            continue;
        }
        if (options.idle == Idle::poll || ++idle_turns < kPatience) {
            continue;
        }
        const timespec nap{0, nap_ns};
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, nullptr);
        nap_ns = std::min(nap_ns * 2, kLongestNap);
        sleeps_.store(sleeps_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    unregister_worker_thread();
}

}  // namespace viaduct::dataplane
