// All deadlines of the engine in one ordered set: an object has at most one deadline of a kind.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "dataplane/base/clock.h"

namespace viaduct::ike {

enum class TimerKind : std::uint8_t {
    phase1_setup,  // owner: IKE SA. Not established in time
    phase1_retransmit,
    phase1_soft,  // negotiate the next one
    phase1_hard,
    phase1_delete,  // superseded: goes with a notify
    dpd,
    nat_keepalive,
    exchange_retransmit,  // owner: IKE SA, detail: message ID
    transaction_retransmit,
    client_setup,  // XAUTH and Mode-Config take too long, or the next step is due
    ezvpn_retry,  // owner: an EzVPN client's number
    exchange_purge,  // a finished exchange is forgotten
    child_soft,  // owner: IPsec SA pair
    child_outbound_end,
    child_hard,
    child_drain,
    child_idle,
    request,  // owner: a request that waits
    fragment,  // owner: a reassembly
    ted,  // owner: a discovery's number, detail: what it waits for
};

struct TimerKey {
    TimerKind kind = TimerKind::phase1_setup;
    std::uint64_t owner = 0;
    std::uint32_t detail = 0;

    auto operator<=>(const TimerKey&) const = default;
};

class Timers {
public:
    void set(TimerKey key, TimePoint when) {
        cancel(key);
        due_.emplace(when, key);
        when_.emplace(key, when);
    }

    void cancel(TimerKey key) {
        const auto it = when_.find(key);
        if (it != when_.end()) {
            due_.erase({it->second, key});
            when_.erase(it);
        }
    }

    [[nodiscard]] TimePoint next() const { return due_.empty() ? kNever : due_.begin()->first; }

    [[nodiscard]] std::optional<TimePoint> of(TimerKey key) const {
        const auto it = when_.find(key);
        return it == when_.end() ? std::nullopt : std::optional(it->second);
    }

    /// Takes one that is due.
    std::optional<TimerKey> pop(TimePoint now) {
        if (due_.empty() || due_.begin()->first > now) {
            return std::nullopt;
        }
        const auto key = due_.begin()->second;
        cancel(key);
        return key;
    }

    [[nodiscard]] std::size_t size() const { return due_.size(); }

private:
    std::set<std::pair<TimePoint, TimerKey>> due_;
    std::map<TimerKey, TimePoint> when_;
};

}  // namespace viaduct::ike
