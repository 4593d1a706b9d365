// Stuck in active (RFC 7868, 4.4): who does not answer a query is asked whether it still works on it.
#include <algorithm>

#include "controlplane/eigrp/process.h"

namespace viaduct::eigrp {

namespace {

constexpr std::uint8_t kAnswered = 0x80;
constexpr std::uint8_t kCountMask = 0x7F;
/// "Cisco also limits the number of SIA-REPLY messages allowed to three."
constexpr std::uint8_t kMaximumSiaQueries = 3;
constexpr std::uint16_t kDefaultActiveMinutes = 3;

}  // namespace

std::optional<Duration> Process::half_active_time() const {
    if (config_.active_time_disabled) {
        return std::nullopt;
    }
    const Duration whole =
        std::chrono::minutes{config_.active_time_minutes.value_or(kDefaultActiveMinutes)};
    return whole / 2;
}

void Process::on_active_timer(TimePoint now, Ipv4Prefix prefix) {
    const auto it = routes_.find(prefix);
    if (it == routes_.end() || !it->second.is_active()) {
        return;
    }
    Active& a = *it->second.active;
    for (const auto id : a.pending) {
        auto entry =
            std::find_if(a.sia.begin(), a.sia.end(), [id](const auto& e) { return e.first == id; });
        if (entry == a.sia.end()) {
            entry = a.sia.insert(a.sia.end(), {id, 0});
        }
        const unsigned count = entry->second & kCountMask;
        const bool stuck =
            (count != 0 && (entry->second & kAnswered) == 0) || count >= kMaximumSiaQueries;
        Neighbor* n = find(id);
        if (n == nullptr) {
            continue;
        }
        if (stuck) {
            log_.message("DUAL",
                         Severity::errors,
                         "SIA",
                         "Route {} stuck-in-active state in IP-EIGRP(0) {}.  Cleaning up",
                         prefix.to_string(),
                         asn_.value());
            // "Cisco currently implements option (b)": reset the adjacency with that neighbour.
            doomed_.emplace_back(id, "stuck in active");
            continue;
        }
        entry->second = static_cast<std::uint8_t>(count + 1);
        n->sia_queries.push_back(prefix);
        unicasts_.push_back(id);
    }
    if (const auto half = half_active_time()) {
        timers_.set(key(Timer::active, route_id(prefix)), now + *half);
    }
}

void Process::on_sia_query(TimePoint now, Neighbor& n, const RouteTlv& t) {
    if (takes_wide(n) && t.style == MetricStyle::classic) {
        counters_.add(Counter::ignored_foreign_format);
        return;
    }
    const auto it = routes_.find(t.prefix);
    if (it == routes_.end() || !it->second.is_active()) {
        // "If the router receives an SIA-QUERY referencing a destination for which it has not received
        // the original QUERY, the router should treat the packet as though it was a standard QUERY".
        on_route(now, n, Opcode::query, t);
    }
    const auto again = routes_.find(t.prefix);
    if (again != routes_.end() && again->second.is_active()) {
        if (again->second.has_successor && again->second.successor == n.id &&
            again->second.active->reply_to == kSelf) {
            on_route(now, n, Opcode::query, t);
        }
        const auto still = routes_.find(t.prefix);
        if (still != routes_.end() && still->second.is_active()) {
            n.sia_replies.emplace_back(t.prefix, true);
            unicasts_.push_back(n.id);
        }
    }
}

void Process::on_sia_reply(TimePoint now, Neighbor& n, const RouteTlv& t) {
    const auto it = routes_.find(t.prefix);
    if (it == routes_.end() || !it->second.is_active()) {
        counters_.add(Counter::ignored_unexpected_reply);
        return;
    }
    if ((t.flags & kRouteActive) == 0) {
        on_route(now, n, Opcode::reply, t);
        return;
    }
    for (auto& [id, state] : it->second.active->sia) {
        if (id == n.id) {
            state |= kAnswered;
        }
    }
}

}  // namespace viaduct::eigrp
