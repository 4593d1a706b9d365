// DUAL: the finite state machine of RFC 7868, 3.5, one destination at a time.
#include <algorithm>

#include "controlplane/eigrp/process.h"
#include "dataplane/base/check.h"

namespace viaduct::eigrp {

Path* Process::path_of(Route& r, NeighborId n) {
    const auto it = std::find_if(
        r.paths.begin(), r.paths.end(), [n](const Path& p) { return p.neighbor == n; });
    return it == r.paths.end() ? nullptr : &*it;
}

Metric Process::total_of(const Path& p) const {
    if (p.local()) {
        return p.reported;
    }
    const auto i = interfaces_.find(p.interface);
    return i == interfaces_.end() ? Metric{} : extend(p.reported, link_of(i->second));
}

void Process::set_distance(Path& p) const {
    const bool external = p.external != nullptr;
    // Our own ways are feasible whatever the feasible distance.
    p.rd = p.local() ? 0 : distance_of(p.reported, external, k_, style());
    p.distance = p.rd == kInfinity ? kInfinity : distance_of(total_of(p), external, k_, style());
}

// The way of least distance. Among equal ones a feasible one, our own, then the present successor.
const Path* Process::best_path(const Route& r) const {
    const Path* best = nullptr;
    const auto rank = [&](const Path& p) {
        return (feasible(r, p) ? 4 : 0) + (p.local() ? 2 : 0) +
               (r.has_successor && p.neighbor == r.successor ? 1 : 0);
    };
    for (const auto& p : r.paths) {
        if (p.distance == kInfinity) {
            continue;
        }
        if (best == nullptr || p.distance < best->distance ||
            (p.distance == best->distance && rank(p) > rank(*best))) {
            best = &p;
        }
    }
    return best;
}

const Path* Process::successor_path(const Route& r) const {
    if (!r.has_successor) {
        return nullptr;
    }
    const auto it = std::find_if(r.paths.begin(), r.paths.end(), [&](const Path& p) {
        return p.neighbor == r.successor && (p.neighbor != kSelf || p.origin == r.successor_origin);
    });
    return it == r.paths.end() || it->distance == kInfinity ? nullptr : &*it;
}

Route& Process::route_for(Ipv4Prefix p) {
    auto [it, fresh] = routes_.try_emplace(p);
    if (fresh) {
        it->second.prefix = p;
    }
    return it->second;
}

void Process::dual(TimePoint now, Route& r, Input in) {
    if (r.is_active()) {
        active_input(now, r, in);
    } else {
        passive_input(now, r, in);
    }
}

void Process::passive_input(TimePoint now, Route& r, Input in) {
    const Path* best = best_path(r);
    if (best != nullptr && feasible(r, *best)) {
        // RFC 7868, 3.5 (1), (2): the route stays passive; a query is answered.
        adopt(now, r);
        if (in.kind == Input::Kind::query) {
            reply(r, in.from);
        }
        return;
    }
    if (!r.has_successor) {
        // Nothing was known, and nothing is.
        if (in.kind == Input::Kind::query) {
            reply(r, in.from);
        }
        collect(r.prefix);
        return;
    }
    // (3) a query from the successor and no feasible successor; (4) anything else.
    const bool asked_by_successor = in.kind == Input::Kind::query && in.from == r.successor;
    go_active(now, r, asked_by_successor ? 3 : 1, in);
}

void Process::go_active(TimePoint now, Route& r, std::uint8_t origin_flag, Input in) {
    log_.debug(Debug::eigrp_fsm, "DUAL: Dest {} entering active state.", r.prefix.to_string());
    r.active = std::make_unique<Active>();
    ++active_routes_;
    Active& a = *r.active;
    a.origin_flag = origin_flag;
    a.since = now;
    freeze(r);
    if (origin_flag == 3) {
        a.reply_to = in.from;
    } else if (in.kind == Input::Kind::query) {
        reply(r, in.from);
    }
    install_frozen(r);
    ask(now, r, in);
    mark_summaries(r.prefix);
    if (a.pending.empty()) {
        complete(now, r);
    }
}

// What we report while active is the distance by the old successor, and feasible distance is reset to
// it: "new Feasible Successors are compared to the metric which made the route go to ACTIVE State with
// the current successor" (5).
void Process::freeze(Route& r) {
    const Path* s = successor_path(r);
    r.active->by_successor = s == nullptr ? kInfinity : s->distance;
    r.fd = r.rd = r.active->by_successor;
    if (s != nullptr) {
        r.reported = total_of(*s);
    } else {
        r.reported.delay_ps = kUnreachableDelay;
    }
}

void Process::ask(TimePoint now, Route& r, Input in) {
    send_queries(r, in);
    if (const auto half = half_active_time(); half && !r.active->pending.empty()) {
        timers_.set(key(Timer::active, route_id(r.prefix)), now + *half);
    }
}

// "A QUERY is sent to all neighbors on all interfaces that are not split horizon." The interface of the
// successor whose word made the route active is left out if nobody else is there; with others on it we
// ask them too, which the RFC leaves open and loop freedom wants. Stub routers are not asked.
void Process::send_queries(Route& r, Input in) {
    Active& a = *r.active;
    const bool by_successor =
        in.from != kSelf && in.from == r.successor && in.kind != Input::Kind::neighbor_down;
    for (auto& [index, i] : interfaces_) {
        if (i.up == 0 || i.up == i.stubs) {
            continue;
        }
        if (by_successor && index == r.successor_interface && i.config.split_horizon && i.up == 1) {
            continue;
        }
        for (const auto& [address, n] : i.neighbors) {
            if (n->state != NeighborState::up || n->stub) {
                continue;
            }
            a.pending.push_back(n->id);
            if (i.stubs != 0) {
                n->queries.push_back(r.prefix);
                unicasts_.push_back(n->id);
            }
        }
        if (i.stubs == 0) {
            i.queries.push_back(r.prefix);
        }
    }
    std::sort(a.pending.begin(), a.pending.end());
    a.sia.clear();
    log_.debug(Debug::eigrp_fsm, "DUAL: Set reply-status table. Count is {}.", a.pending.size());
}

void Process::active_input(TimePoint now, Route& r, Input in) {
    Active& a = *r.active;
    const bool from_successor = in.from != kSelf && r.has_successor && in.from == r.successor;
    const Path* s = successor_path(r);
    const Distance by_successor = s == nullptr ? kInfinity : s->distance;
    if (by_successor > a.by_successor) {
        // (9), (10): the distance by the successor grew, or its link failed.
        if (a.origin_flag == 1) {
            a.origin_flag = 0;
        } else if (a.origin_flag == 3) {
            a.origin_flag = 2;
        }
    }
    a.by_successor = by_successor;
    if (by_successor == kInfinity) {
        uninstall(r);
    }
    switch (in.kind) {
    case Input::Kind::query:
        if (from_successor) {
            // (5): another change, and the successor waits for us.
            if (a.origin_flag < 2) {
                a.origin_flag = 2;
            }
            a.reply_to = in.from;
        } else {
            reply(r, in.from);  // (6)
        }
        break;
    case Input::Kind::neighbor_down:
        if (a.reply_to == in.from) {
            a.reply_to = kSelf;
        }
        [[fallthrough]];
    case Input::Kind::reply: {
        // (8): a reply, or the link to the neighbour fails.
        const auto it = std::lower_bound(a.pending.begin(), a.pending.end(), in.from);
        if (it != a.pending.end() && *it == in.from) {
            a.pending.erase(it);
        }
        break;
    }
    case Input::Kind::change:
        break;  // (7)
    }
    if (a.pending.empty()) {
        complete(now, r);
    }
}

void Process::complete(TimePoint now, Route& r) {
    Active& a = *r.active;
    if (a.origin_flag == 0 || a.origin_flag == 2) {
        const Path* best = best_path(r);
        if (best == nullptr || !feasible(r, *best)) {
            // (11), (12): the last reply came, there is no feasible successor: ask again.
            a.origin_flag = a.origin_flag == 0 ? 1 : 3;
            freeze(r);
            ask(now, r, Input{});
            if (!a.pending.empty()) {
                return;
            }
        }
    }
    if (a.origin_flag == 1 || a.origin_flag == 3) {
        // (13), (15): "FD is reset to infinite value and the minimum of all the reported metrics is
        // chosen as FD".
        r.fd = kInfinity;
    }
    const NeighborId waiting = a.reply_to;
    passive(r);
    adopt(now, r);
    // Those who were not asked (stubs, neighbours that came up meanwhile) hear the outcome.
    const bool unasked = std::any_of(
        interfaces_.begin(), interfaces_.end(), [](const auto& i) { return i.second.stubs != 0; });
    if (r.rd != kInfinity || unasked) {
        touch(now, r);
    }
    if (waiting != kSelf) {
        reply(r, waiting);
    }
}

void Process::passive(Route& r) {
    log_.debug(Debug::eigrp_fsm, "DUAL: Freeing reply status table for {}", r.prefix.to_string());
    r.active.reset();
    --active_routes_;
    timers_.cancel(key(Timer::active, route_id(r.prefix)));
}

// IOS: of several successors each one's interface hears the poison reverse (capture "subnet up": the
// second way of equal cost is answered with it).
std::vector<IfIndex> Process::nearest_interfaces(const Route& r, const Path& best) const {
    std::vector<IfIndex> out;
    for (const auto& p : r.paths) {
        if (p.distance == best.distance && feasible(r, p) && p.origin != Origin::summary &&
            p.local() == best.local()) {
            out.push_back(p.interface);
        }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

// Takes the best way as it is now; the caller has seen that it is feasible, or that there is none.
void Process::adopt(TimePoint now, Route& r) {
    const Path* best = best_path(r);
    const Distance d = best == nullptr ? kInfinity : best->distance;
    bool changed = r.rd != d;
    r.rd = d;
    if (best == nullptr) {
        r.fd = kInfinity;
        r.reported.delay_ps = kUnreachableDelay;
        r.has_successor = false;
        r.successor_interfaces.clear();
    } else {
        VIADUCT_CHECK(feasible(r, *best));
        r.fd = std::min(r.fd, d);
        const auto total = total_of(*best);
        auto interfaces = nearest_interfaces(r, *best);
        changed = changed || !r.has_successor || r.reported != total ||
                  r.successor_interface != best->interface ||
                  r.successor_interfaces != interfaces || r.successor_hop != best->next_hop ||
                  r.successor_origin != best->origin || r.originator != best->originator ||
                  (r.external == nullptr) != (best->external == nullptr) ||
                  (r.external != nullptr && *r.external != *best->external);
        r.reported = total;
        r.external = best->external;
        r.originator = best->originator;
        r.has_successor = true;
        r.successor = best->neighbor;
        r.successor_origin = best->origin;
        r.successor_interface = best->interface;
        r.successor_interfaces = std::move(interfaces);
        r.successor_hop = best->next_hop;
    }
    if (changed) {
        touch(now, r);
        mark_summaries(r.prefix);
    }
    install(r);
    if (best == nullptr) {
        collect(r.prefix);
    }
}

void Process::uninstall(Route& r) {
    if (r.installed) {
        r.installed = false;
        r.next_hops.clear();
        actions_.emplace_back(RemoveRoute{asn_, r.prefix});
    }
}

void Process::publish(Route& r, std::vector<NextHop> hops, RouteKind kind, Distance d) {
    if (r.installed && r.installed_kind == kind && r.next_hops == hops) {
        return;
    }
    r.installed = true;
    r.installed_kind = kind;
    r.next_hops = std::move(hops);
    std::uint8_t administrative =
        kind == RouteKind::external ? config_.distance_external : config_.distance_internal;
    if (kind == RouteKind::summary) {
        administrative = 5;
        for (const auto& [index, i] : interfaces_) {
            for (const auto& s : i.summaries) {
                administrative = s.prefix == r.prefix ? s.distance : administrative;
            }
        }
    }
    actions_.emplace_back(InstallRoute{asn_,
                                       r.prefix,
                                       kind,
                                       administrative,
                                       rib_metric(d),
                                       r.next_hops,
                                       r.external == nullptr ? 0 : r.external->tag});
}

std::uint32_t Process::rib_metric(Distance d) const {
    const auto value = shown(d);
    // IOS: metric rib-scale 128 with wide metrics, to fit the routing table's 32 bits.
    const auto scaled = style() == MetricStyle::wide ? value / 128U : value;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(scaled, 0xFFFFFFFFU));
}

void Process::install(Route& r) {
    if (!r.has_successor) {
        uninstall(r);
        return;
    }
    if (r.successor == kSelf) {
        if (r.successor_origin == Origin::summary) {
            publish(r,
                    {NextHop{kNoInterface, Ipv4Address{}, rib_metric(r.rd)}},
                    RouteKind::summary,
                    r.rd);
        } else {
            uninstall(r);
        }
        return;
    }
    // Every way that meets the feasibility condition and is within `variance` times the best.
    const auto limit = shown(r.rd) * config_.variance;
    std::vector<const Path*> ways;
    for (const auto& p : r.paths) {
        const bool same_kind = (p.external != nullptr) == (r.external != nullptr);
        if (!p.local() && p.distance != kInfinity && feasible(r, p) && same_kind &&
            shown(p.distance) <= limit) {
            ways.push_back(&p);
        }
    }
    std::sort(ways.begin(), ways.end(), [&](const Path* a, const Path* b) {
        const auto rank = [&](const Path* p) {
            return std::tuple{p->distance, p->neighbor != r.successor, p->next_hop};
        };
        return rank(a) < rank(b);
    });
    ways.resize(
        std::min<std::size_t>(ways.size(), std::max<std::size_t>(config_.maximum_paths, 1)));
    std::vector<NextHop> hops;
    hops.reserve(ways.size());
    for (const auto* p : ways) {
        hops.push_back({p->interface, p->next_hop, rib_metric(p->distance)});
    }
    publish(r, std::move(hops), r.external ? RouteKind::external : RouteKind::internal, r.rd);
}

// While active the old successor carries the traffic as long as it reaches the destination; nothing
// else does, or the proof of loop freedom would not hold.
void Process::install_frozen(Route& r) {
    const Path* s = successor_path(r);
    if (s == nullptr || s->local()) {
        uninstall(r);
        return;
    }
    if (r.installed) {
        publish(r,
                {NextHop{s->interface, s->next_hop, rib_metric(s->distance)}},
                r.external ? RouteKind::external : RouteKind::internal,
                s->distance);
    }
}

void Process::reply(Route& r, NeighborId to) {
    if (Neighbor* n = find(to); n != nullptr) {
        n->replies.push_back(r.prefix);
        unicasts_.push_back(to);
    }
}

bool Process::is_consistent(const Route& r) const {
    const auto known = [this](NeighborId n) { return n == kSelf || by_id_.contains(n); };
    const bool ways = std::all_of(
        r.paths.begin(), r.paths.end(), [&](const Path& p) { return known(p.neighbor); });
    if (!r.is_active()) {
        return ways && (!r.has_successor || r.fd <= r.rd);
    }
    const auto& pending = r.active->pending;
    return ways && !pending.empty() && std::all_of(pending.begin(), pending.end(), known);
}

bool Process::is_consistent(const Interface& i) const {
    std::size_t lagging = 0;
    std::size_t up = 0;
    for (const auto& [address, n] : i.neighbors) {
        lagging += n->lagging() ? 1U : 0U;
        up += n->state == NeighborState::up ? 1U : 0U;
        // A packet under way has its timer; one that waits stands in the ready list.
        const bool moves =
            !n->lagging() || n->in_ready || timers_.armed(key(Timer::retransmit, n->id));
        if (!moves || !timers_.armed(key(Timer::hold, n->id))) {
            return false;
        }
    }
    return lagging == i.lagging && up == i.up;
}

bool Process::is_consistent() const {
    std::size_t active = 0;
    for (const auto& [prefix, r] : routes_) {
        active += r.is_active() ? 1U : 0U;
        if (r.prefix != prefix || !is_consistent(r)) {
            return false;
        }
    }
    std::size_t neighbors = 0;
    for (const auto& [index, i] : interfaces_) {
        neighbors += i.neighbors.size();
        if (!is_consistent(i)) {
            return false;
        }
    }
    return active == active_routes_ && neighbors == by_id_.size();
}

}  // namespace viaduct::eigrp
