#include "controlplane/lab/scheduler.h"

#include <algorithm>

namespace viaduct::lab {

namespace {

/// A node that is still due after it ran is called again a little later, never in the same instant: one that
/// cannot make its deadline go away does not stop the clock.
constexpr Duration kShortestSleep = 1us;

bool later(const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
}

}  // namespace

void Node::on_event(TimePoint now, Event& event) {
    while (!wakes_.empty() && wakes_.back() <= event.at) {
        wakes_.pop_back();
    }
    if (next_deadline() <= now) {
        scheduler_.make_ready(*this);
    } else {
        scheduler_.rearm(*this);
    }
}

TimePoint Scheduler::next_event() const {
    if (!ready_.empty()) {
        return now_;
    }
    return heap_.empty() ? kNever : heap_.front().at;
}

void Scheduler::post(TimePoint at, EventTarget& target, std::uint32_t argument, Frame frame) {
    heap_.push_back({std::max(at, now_), sequence_++, &target, std::move(frame), argument});
    std::push_heap(heap_.begin(), heap_.end(), later);
}

void Scheduler::make_ready(Node& node) {
    if (!node.ready_) {
        node.ready_ = true;
        ready_.push_back(&node);
    }
}

void Scheduler::rearm(Node& node) {
    const auto deadline = node.next_deadline();
    if (deadline == kNever || node.ready_) {
        return;
    }
    const auto wake = std::max(deadline, now_ + kShortestSleep);
    if (node.wakes_.empty() || wake < node.wakes_.back()) {
        node.wakes_.push_back(wake);
        post(wake, node);
    }
}

void Scheduler::run_ready() {
    running_.swap(ready_);
    for (auto* node : running_) {
        node->ready_ = false;
        node->run(now_);
        rearm(*node);
    }
    running_.clear();
}

void Scheduler::run_instant() {
    while (!heap_.empty() && heap_.front().at <= now_) {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        auto event = std::move(heap_.back());
        heap_.pop_back();
        ++handled_;
        event.target->on_event(now_, event);
    }
    run_ready();
}

void Scheduler::run_until(TimePoint until, const std::function<bool()>& stop) {
    while (next_event() <= until) {
        now_ = std::max(now_, next_event());
        run_instant();
        if (stop && stop()) {
            return;
        }
    }
    now_ = std::max(now_, until);
}

}  // namespace viaduct::lab
