#include "controlplane/console/worker_threads.h"

#include <chrono>
#include <sys/eventfd.h>
#include <thread>
#include <unistd.h>

#include "dataplane/base/check.h"

namespace viaduct::console {

TimePoint monotonic_now() {
    return TimePoint(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

MachineTime machine_time() {
    return {monotonic_now, [](Duration wait) { std::this_thread::sleep_for(wait); }};
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
    : counts_(plane.workers()) {
    for (unsigned i = 0; i < plane.workers(); ++i) {
        dataplane::WorkerThreadOptions options;
        if (i < cores.size()) {
            options.core = cores[i];
        }
        options.idle =
            idle == config::Idle::poll ? dataplane::Idle::poll : dataplane::Idle::adaptive;
        options.after_work = [&count = counts_[i].busy_turns, &wake_up] {
            count.store(count.load(std::memory_order_relaxed) + 1);
            wake_up.note_traffic();
        };
        threads_.push_back(std::make_unique<dataplane::WorkerThread>(plane, i, options));
    }
}

std::uint64_t WorkerThreads::busy_turns() const {
    std::uint64_t total = 0;
    for (const Count& count : counts_) {
        total += count.busy_turns.load();
    }
    return total;
}

}  // namespace viaduct::console
