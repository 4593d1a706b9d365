// One ordered table of deadlines: what is due next is its first entry, whatever the number of
// neighbours.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "dataplane/base/clock.h"

namespace viaduct::eigrp {

class TimerTable {
public:
    using Key = std::uint64_t;

    /// Arms, or moves, the timer of this key.
    void set(Key key, TimePoint due) {
        const auto [it, fresh] = due_.try_emplace(key, due);
        if (!fresh) {
            if (it->second == due) {
                return;
            }
            order_.erase({it->second, key});
            it->second = due;
        }
        order_.insert({due, key});
    }

    void cancel(Key key) {
        const auto it = due_.find(key);
        if (it != due_.end()) {
            order_.erase({it->second, key});
            due_.erase(it);
        }
    }

    [[nodiscard]] bool armed(Key key) const { return due_.contains(key); }

    [[nodiscard]] TimePoint next() const { return order_.empty() ? kNever : order_.begin()->first; }

    /// Takes out the first timer that is due at `now`.
    std::optional<Key> pop(TimePoint now) {
        if (order_.empty() || order_.begin()->first > now) {
            return std::nullopt;
        }
        const Key key = order_.begin()->second;
        order_.erase(order_.begin());
        due_.erase(key);
        return key;
    }

    [[nodiscard]] std::size_t size() const { return order_.size(); }

private:
    std::set<std::pair<TimePoint, Key>> order_;
    std::unordered_map<Key, TimePoint> due_;
};

}  // namespace viaduct::eigrp
