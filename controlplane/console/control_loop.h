// The control thread of `viaduct run`: sleeps until a socket, a signal, a worker or a deadline wants it,
// then gives Router and console their turn.
#pragma once

#include <cstdint>
#include <functional>

#include "controlplane/console/console.h"
#include "controlplane/console/file_descriptor.h"
#include "controlplane/console/server.h"
#include "controlplane/console/worker_threads.h"
#include "controlplane/router/router.h"
#include "dataplane/base/result.h"

namespace viaduct::console {

class ControlLoop {
public:
    enum class End : std::uint8_t { terminated, reload };

    /// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those that are started later: make it before
    /// any other thread.
    ControlLoop();

    struct Parts {
        Router& router;
        Console& console;
        Server* server;  // nullptr: no console
        WakeUp& wake_up;
        const WorkerThreads& workers;
    };

    /// Until SIGTERM, SIGINT or `reload`. `on_hangup` is called for SIGHUP.
    Result<End> run(const Parts& parts, const std::function<void()>& on_hangup);

private:
    /// What the signals that came ask for.
    struct Signals {
        bool terminate = false;
        bool hang_up = false;
    };

    Signals take_signals();
    /// `busy_turns`: the workers' count that control has seen to.
    static void leave(const Parts& parts);
    void wait(const Parts& parts, bool busy, std::uint64_t busy_turns) const;

    FileDescriptor signals_;
    FileDescriptor epoll_;
};

}  // namespace viaduct::console
