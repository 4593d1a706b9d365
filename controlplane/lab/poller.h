// Waits for descriptors in real time (epoll), and lets another thread end the wait.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "dataplane/base/clock.h"

namespace viaduct::lab {

class Poller {
public:
    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;
    Poller(Poller&&) = delete;
    Poller& operator=(Poller&&) = delete;

    /// `on_readable` is called in dispatch(). The descriptor stays the caller's.
    void watch(int descriptor, std::function<void()> on_readable);
    void forget(int descriptor);
    /// At most this long (not negative); 0 only looks.
    void wait(Duration longest);
    /// Calls for what wait() found. Apart from it, so that the clock is set in between.
    void dispatch();
    /// Thread-safe.
    void wake();

private:
    int epoll_ = -1;
    int event_ = -1;
    std::map<int, std::function<void()>> watched_;
    std::vector<int> found_;
};

}  // namespace viaduct::lab
