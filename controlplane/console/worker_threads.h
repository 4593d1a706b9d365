// The threads that drive a router's workers: one each, on its core if the platform names one.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "config/platform/platform.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/machine_time.h"
#include "dataplane/plane.h"
#include "dataplane/worker_thread.h"

namespace viaduct::console {

/// The machine's monotonic clock as the router's.
TimePoint monotonic_now();
/// The same for what measures, with a way to wait.
MachineTime machine_time();

/// How the threads wake the control thread, which sleeps while nothing happens.
class WakeUp {
public:
    WakeUp();
    ~WakeUp();
    WakeUp(const WakeUp&) = delete;
    WakeUp& operator=(const WakeUp&) = delete;
    WakeUp(WakeUp&&) = delete;
    WakeUp& operator=(WakeUp&&) = delete;

    /// Readable after signal().
    [[nodiscard]] int fd() const { return fd_; }

    /// Any thread: wakes control wherever it is.
    void signal() const;

    /// Worker threads: something was handled. A system call only if control sleeps.
    void note_traffic() {
        if (sleeping_.load() && sleeping_.exchange(false)) {
            signal();
        }
    }

    /// Control: before and after its sleep. Having said that it sleeps it must look at the workers' counts once
    /// more: what was handled before this store did not wake it (both orders are sequentially consistent).
    void set_sleeping(bool on) { sleeping_.store(on); }

    void drain() const;

private:
    int fd_;
    std::atomic<bool> sleeping_ = false;  // control writes true; whoever wakes it writes false
};

class WorkerThreads {
public:
    /// One thread for each of plane.workers(); `cores` may be empty (no binding) or name one core each.
    WorkerThreads(dataplane::Plane& plane,
                  WakeUp& wake_up,
                  const std::vector<unsigned>& cores,
                  config::Idle idle);

    /// Turns of all workers that had work, since the start.
    [[nodiscard]] std::uint64_t busy_turns() const;

private:
    /// One worker's own cache line: it writes, control reads.
    struct alignas(64) Count {
        std::atomic<std::uint64_t> busy_turns = 0;
    };

    std::vector<Count> counts_;
    std::vector<std::unique_ptr<dataplane::WorkerThread>> threads_;  // last: they use the counts
};

}  // namespace viaduct::console
