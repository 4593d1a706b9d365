// A thread that drives one worker of a plane: in `viaduct run`, where nobody else does.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "dataplane/plane.h"

namespace viaduct::dataplane {

enum class Idle : std::uint8_t {
    adaptive,  // without work it sleeps, from 40 µs to 80 µs: virtual ports, many routers on few processors
    poll,  // never sleeps: NICs
};

struct WorkerThreadOptions {
    std::optional<unsigned> core;  // tied to this processor
    Idle idle = Idle::adaptive;
    /// Called on the thread after each turn that had work: wakes control. Must not block.
    std::function<void()> after_work = {};
};

class WorkerThread {
public:
    /// Starts at once. The plane outlives the thread.
    WorkerThread(Plane& plane, unsigned worker, const WorkerThreadOptions& options);
    /// Ends the turn that is under way and joins.
    ~WorkerThread();
    WorkerThread(const WorkerThread&) = delete;
    WorkerThread& operator=(const WorkerThread&) = delete;
    WorkerThread(WorkerThread&&) = delete;
    WorkerThread& operator=(WorkerThread&&) = delete;

    /// Turns and sleeps so far.
    [[nodiscard]] std::uint64_t turns() const { return turns_.load(std::memory_order_relaxed); }

    [[nodiscard]] std::uint64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }

private:
    void loop(unsigned worker, const WorkerThreadOptions& options);

    Plane& plane_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> turns_{0};
    std::atomic<std::uint64_t> sleeps_{0};
    std::thread thread_;
};

}  // namespace viaduct::dataplane
