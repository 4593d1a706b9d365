#include "controlplane/console/control_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controlplane/console/machine.h"

namespace viaduct::console {

namespace {

/// While packets flow control looks at the workers' rings this often …
constexpr Duration kBusyTurn = 500us;
/// … and sleeps until it is woken when none have come for this long.
constexpr Duration kBusyFor = 100ms;
/// The longest sleep: link states, which nobody announces.
constexpr Duration kLongestSleep = 1s;

timespec to_timespec(Duration d) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(d);
    return {.tv_sec = seconds.count(), .tv_nsec = (d - seconds).count()};
}

bool watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

ControlLoop::ControlLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        ::sigaddset(&set, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_ = FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

ControlLoop::Signals ControlLoop::take_signals() {
    Signals taken;
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            taken.hang_up = true;
        } else {
            taken.terminate = true;
        }
    }
    return taken;
}

void ControlLoop::wait(const Parts& parts, bool busy, std::uint64_t busy_turns) const {
    TimePoint until = parts.router.next_deadline();
    if (parts.server != nullptr) {
        until = std::min(until, parts.server->next_deadline());
    }
    const TimePoint now = monotonic_now();
    const Duration left = until <= now ? Duration{} : until - now;
    const timespec timeout = to_timespec(std::min(left, busy ? kBusyTurn : kLongestSleep));
    std::array<epoll_event, 4> events{};
    parts.wake_up.set_sleeping(!busy);
    if (!busy && parts.workers.busy_turns() != busy_turns) {
        parts.wake_up.set_sleeping(false);
        return;
    }
    ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    parts.wake_up.set_sleeping(false);
    parts.wake_up.drain();
}

void ControlLoop::leave(const Parts& parts) {
    // The neighbours are told; the workers send it. They are not waited for longer than this.
    constexpr Duration kLeaveTime = 20ms;
    const auto begin = monotonic_now();
    parts.router.leave(begin);
    for (auto now = begin; now - begin < kLeaveTime; now = monotonic_now()) {
        parts.router.poll(now, wall_now());
        const timespec pause = to_timespec(1ms);
        ::nanosleep(&pause, nullptr);
    }
}

Result<ControlLoop::End> ControlLoop::run(const Parts& parts,
                                          const std::function<void()>& on_hangup) {
    if (!watch(epoll_.get(), signals_.get()) || !watch(epoll_.get(), parts.wake_up.fd()) ||
        (parts.server != nullptr && !watch(epoll_.get(), parts.server->fd()))) {
        return failure("the control thread cannot watch its descriptors");
    }
    std::uint64_t busy_turns = 0;
    TimePoint last_traffic{};
    while (true) {
        const TimePoint now = monotonic_now();
        const WallTime wall = wall_now();
        parts.console.on_clock(now, wall);
        parts.router.poll(now, wall);
        if (parts.server != nullptr) {
            parts.server->service(now, wall);
        }
        const Signals signals = take_signals();
        if (signals.hang_up) {
            on_hangup();
        }
        if (signals.terminate || parts.router.reload_requested()) {
            leave(parts);
        }
        if (signals.terminate) {
            return End::terminated;
        }
        if (parts.router.reload_requested()) {
            return End::reload;
        }
        if (const std::uint64_t total = parts.workers.busy_turns(); total != busy_turns) {
            busy_turns = total;
            last_traffic = now;
        }
        wait(parts, now - last_traffic < kBusyFor, busy_turns);
    }
}

}  // namespace viaduct::console
