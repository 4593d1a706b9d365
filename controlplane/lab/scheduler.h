// Virtual or wall time for everything in a lab: one queue of events in order of (time, sequence), and the nodes
// that have something to do. One thread; no randomness; the same inputs give the same order of everything.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"

namespace viaduct::lab {

/// A whole Ethernet frame without its checksum. Shared, never changed: a flood to a thousand ears copies nothing.
using Frame = std::shared_ptr<const Bytes>;

struct Event;

/// Something that wanted to be told at a time.
class EventTarget {
public:
    EventTarget() = default;
    EventTarget(const EventTarget&) = delete;
    EventTarget& operator=(const EventTarget&) = delete;
    EventTarget(EventTarget&&) = delete;
    EventTarget& operator=(EventTarget&&) = delete;
    virtual ~EventTarget() = default;

    virtual void on_event(TimePoint now, Event& event) = 0;
};

struct Event {
    TimePoint at;
    std::uint64_t sequence = 0;
    EventTarget* target = nullptr;
    Frame frame;  // what arrives; empty: a wake-up
    std::uint32_t argument = 0;  // the target's own
};

class Scheduler;

/// A router or a host: takes frames at once (deliver) and works on them when all that happens at this instant
/// has been delivered (run), so that frames that arrive together are one vector.
class Node : public EventTarget {
public:
    explicit Node(Scheduler& scheduler) : scheduler_(scheduler) {}

    /// A frame arrived on this port. Only queues it; run() follows at the same time.
    virtual void deliver(TimePoint now, unsigned port, const Frame& frame) = 0;
    /// The cable of this port was taken out or put back.
    virtual void on_link(TimePoint now, unsigned port, bool up) = 0;
    /// Does all that can be done now.
    virtual void run(TimePoint now) = 0;
    /// When run() is wanted next if nothing arrives before; must be cheap.
    [[nodiscard]] virtual TimePoint next_deadline() const = 0;

    void on_event(TimePoint now, Event& event) final;

protected:
    [[nodiscard]] Scheduler& scheduler() const { return scheduler_; }

private:
    friend class Scheduler;
    Scheduler& scheduler_;
    bool ready_ = false;
    std::vector<TimePoint> wakes_;  // this node's wake-ups in the queue, the earliest last
};

class Scheduler {
public:
    /// The clock does not start at 0: what takes 0 for "never" or "long ago" shows.
    static constexpr TimePoint kStart{std::chrono::hours{1000}};

    [[nodiscard]] TimePoint now() const { return now_; }

    /// Nobody's deadline is asked for by scanning: this is the top of a heap.
    [[nodiscard]] TimePoint next_event() const;

    /// Events handled since the start.
    [[nodiscard]] std::uint64_t events() const { return handled_; }

    /// `at` earlier than now() means now.
    void post(TimePoint at, EventTarget& target, std::uint32_t argument = 0, Frame frame = {});
    /// run() is called once after everything of this instant has been delivered.
    void make_ready(Node& node);
    /// The node's deadline may have changed although it did not run.
    void rearm(Node& node);

    /// Handles everything up to and including `until`, then it is `until` (never backwards). Stops early, at the
    /// end of an instant, as soon as `stop` says so; `stop` may be empty.
    void run_until(TimePoint until, const std::function<bool()>& stop);

private:
    void run_ready();
    void run_instant();

    TimePoint now_ = kStart;
    std::uint64_t sequence_ = 0;
    std::uint64_t handled_ = 0;
    std::vector<Event> heap_;
    std::vector<Node*> ready_;
    std::vector<Node*> running_;
};

}  // namespace viaduct::lab
