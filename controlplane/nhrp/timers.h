// A table of deadlines by key: one deadline a key, the earliest first.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "dataplane/base/clock.h"

namespace viaduct::nhrp {

template <typename Key>
class TimerTable {
public:
    /// Replaces the key's deadline if it has one; kNever cancels.
    void set(const Key& key, TimePoint at) {
        cancel(key);
        if (at != kNever) {
            deadlines_.emplace(key, at);
            order_.emplace(at, key);
        }
    }

    void cancel(const Key& key) {
        const auto it = deadlines_.find(key);
        if (it != deadlines_.end()) {
            order_.erase({it->second, key});
            deadlines_.erase(it);
        }
    }

    [[nodiscard]] TimePoint next() const { return order_.empty() ? kNever : order_.begin()->first; }

    [[nodiscard]] TimePoint at(const Key& key) const {
        const auto it = deadlines_.find(key);
        return it == deadlines_.end() ? kNever : it->second;
    }

    /// Takes the earliest key that is due.
    std::optional<Key> pop(TimePoint now) {
        if (order_.empty() || order_.begin()->first > now) {
            return std::nullopt;
        }
        const Key key = order_.begin()->second;
        cancel(key);
        return key;
    }

    [[nodiscard]] std::size_t size() const { return deadlines_.size(); }

private:
    std::map<Key, TimePoint> deadlines_;
    std::set<std::pair<TimePoint, Key>> order_;
};

}  // namespace viaduct::nhrp
