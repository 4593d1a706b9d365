#include "controlplane/lab/poller.h"

#include <algorithm>
#include <array>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "dataplane/base/check.h"

namespace viaduct::lab {

Poller::Poller()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    VIADUCT_CHECK(epoll_ >= 0 && event_ >= 0);
    watch(event_, [this] {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto n = read(event_, &count, sizeof(count));
    });
}

Poller::~Poller() {
    close(event_);
    close(epoll_);
}

void Poller::watch(int descriptor, std::function<void()> on_readable) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    VIADUCT_CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0);
    watched_[descriptor] = std::move(on_readable);
}

void Poller::forget(int descriptor) {
    if (watched_.erase(descriptor) > 0) {
        epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    }
}

void Poller::wait(Duration longest) {
    // Whole milliseconds, rounded up so as not to spin before a deadline; a day is as good as for ever.
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::min<Duration>(longest, 24h));
    std::array<epoll_event, 64> events{};
    const auto n = epoll_wait(epoll_,
                              events.data(),
                              static_cast<int>(events.size()),
                              static_cast<int>(std::max<std::int64_t>(ms.count(), 0)));
    for (int i = 0; i < n; ++i) {
        found_.push_back(events.at(static_cast<std::size_t>(i)).data.fd);
    }
}

void Poller::dispatch() {
    for (const int descriptor : std::exchange(found_, {})) {
        const auto watched = watched_.find(descriptor);
        if (watched != watched_.end()) {
            const auto call = watched->second;  // may forget itself
            call();
        }
    }
}

void Poller::wake() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = write(event_, &one, sizeof(one));
}

}  // namespace viaduct::lab
