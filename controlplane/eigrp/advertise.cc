// What is told to whom: the log of changed destinations, and how it becomes packets.
//
// Every change of what we report about a destination gets the next serial number and an entry at the
// log's end; an older entry of the same destination is then void. An interface's cursor is the serial
// up to which its neighbours have been told (or the packets stand in their queues).
#include <algorithm>

#include "controlplane/eigrp/process.h"

namespace viaduct::eigrp {

void Process::touch(TimePoint now, Route& r) {
    (void)now;
    r.serial = ++serial_;
    log_entries_.push_back({r.serial, r.prefix});
}

std::size_t Process::log_index(std::uint64_t after) const {
    const auto it = std::upper_bound(
        log_entries_.begin(), log_entries_.end(), after, [](std::uint64_t s, const LogEntry& e) {
            return s < e.serial;
        });
    return static_cast<std::size_t>(it - log_entries_.begin());
}

// Void entries are dropped when they are the most.
void Process::compact_log() {
    if (log_entries_.size() < 2 * routes_.size() + 256) {
        return;
    }
    std::deque<LogEntry> kept;
    for (const auto& e : log_entries_) {
        const auto r = routes_.find(e.prefix);
        if (r != routes_.end() && r->second.serial == e.serial) {
            kept.push_back(e);
        }
    }
    log_entries_.swap(kept);
}

// A destination without a way is kept until everybody has been told.
void Process::collect(Ipv4Prefix p) {
    dead_.push_back(p);
}

void Process::reap() {
    if (dead_.empty()) {
        return;
    }
    std::uint64_t told = log_end();
    for (const auto& [index, i] : interfaces_) {
        if (i.up != 0) {
            told = std::min(told, i.cursor);
        }
        if (i.catching_up != 0) {
            for (const auto& [address, n] : i.neighbors) {
                told = n->catch_up ? std::min(told, n->catch_up->cursor) : told;
            }
        }
    }
    std::vector<Ipv4Prefix> later;
    for (const auto p : dead_) {
        const auto it = routes_.find(p);
        if (it == routes_.end() || it->second.is_active() || it->second.has_successor ||
            !it->second.paths.empty()) {
            continue;
        }
        if (it->second.serial > told) {
            later.push_back(p);
        } else {
            routes_.erase(it);
        }
    }
    dead_.swap(later);
}

bool Process::stub_allows(const Route& r) const {
    const auto& stub = config_.stub;
    if (!stub.enabled) {
        return true;
    }
    if (stub.receive_only || r.successor != kSelf) {
        return false;
    }
    switch (r.successor_origin) {
    case Origin::connected:
        return stub.connected;
    case Origin::summary:
        return stub.summary;
    case Origin::redistributed: {
        const auto protocol =
            r.external == nullptr ? 0 : static_cast<unsigned>(r.external->protocol);
        if (protocol == static_cast<unsigned>(ExternalProtocol::connected)) {
            return stub.connected || stub.redistributed;
        }
        return stub.static_routes || stub.redistributed;
    }
    case Origin::neighbor:
        break;
    }
    return false;
}

Process::Visibility Process::visibility(const Interface& i, const Route& r) const {
    const auto p = r.prefix;
    if (!distribute_permits(policies_, config_, false, i.name, p)) {
        return Visibility::never;
    }
    bool own_summary = false;
    for (const auto& s : i.summaries) {
        if (s.prefix == p) {
            own_summary = true;
        } else if (s.prefix.contains(p)) {
            // "The summary is advertised instead": but only while there is one.
            const auto summary = routes_.find(s.prefix);
            if (summary != routes_.end() && summary->second.has_successor) {
                return Visibility::never;
            }
        }
    }
    if (!r.has_successor) {
        return Visibility::yes;
    }
    if (r.successor_origin == Origin::summary && r.successor == kSelf && !own_summary) {
        return Visibility::not_now;
    }
    return stub_allows(r) ? Visibility::yes : Visibility::not_now;
}

void Process::set_next_hop(const Interface& i, const Route& r, RouteTlv& t) const {
    if (!i.config.next_hop_self && r.successor != kSelf && r.successor_interface == i.state.index) {
        // `no ip next-hop-self eigrp`: a spoke hears of the spoke behind which the network is.
        t.next_hop = r.successor_hop;
    }
}

std::optional<RouteTlv> Process::told(const Interface& i, Ipv4Prefix p, Telling telling) const {
    const auto it = routes_.find(p);
    if (it != routes_.end()) {
        return told(i, it->second, telling);
    }
    if (telling != Telling::query && telling != Telling::reply) {
        return std::nullopt;
    }
    // "When a QUERY is received for a route that doesn't exist in our topology table, a REPLY with
    // infinite metric is sent" (RFC 7868, 4.3).
    RouteTlv t;
    t.prefix = p;
    t.originator = router_id_;
    return t;
}

std::optional<RouteTlv> Process::told(const Interface& i, const Route& r, Telling telling) const {
    RouteTlv t;
    t.prefix = r.prefix;
    t.originator = router_id_;
    const bool must_answer = telling == Telling::query || telling == Telling::reply;
    if (r.is_active() && !must_answer) {
        return std::nullopt;
    }
    t.metric = r.reported;
    if (r.external != nullptr) {
        t.external = *r.external;
    }
    if (!r.originator.is_unspecified()) {
        t.originator = r.originator;
    }
    const auto visible = visibility(i, r);
    const auto& nearest = r.successor_interfaces;
    const bool same_interface = r.has_successor && i.config.split_horizon &&
                                std::binary_search(nearest.begin(), nearest.end(), i.state.index);
    // The interface's own network is known to whoever is on it.
    const bool own_network = same_interface && r.successor == kSelf;
    if (!must_answer && (visible == Visibility::never || own_network)) {
        return std::nullopt;
    }
    if (visible != Visibility::yes || same_interface) {
        t.metric.delay_ps = kUnreachableDelay;  // "poison reverse"
    }
    if (telling == Telling::table && !t.metric.reachable()) {
        return std::nullopt;
    }
    if (t.metric.reachable()) {
        const auto offset = offset_of(policies_, config_, false, i.name, r.prefix);
        t.metric.delay_ps += delay_from_classic(offset);
        set_next_hop(i, r, t);
    }
    return t;
}

Process::Audience Process::audience(const Neighbor& n) const {
    return takes_wide(n) ? Audience::wide : Audience::classic;
}

// "Routers using Version 1.2 TLVs do not understand version 2.0 TLVs, therefore Version 2.0 routers must
// send the packet with both TLV formats in a mixed network." (RFC 7868, 6.7.4)
Process::Audience Process::audience(const Interface& i) const {
    if (i.wide == 0) {
        return Audience::classic;
    }
    return i.wide == i.neighbors.size() ? Audience::wide : Audience::both;
}

bool Process::append(Body& b, RouteTlv t, Audience a) {
    const bool classic = a != Audience::wide;
    const bool wide = a != Audience::classic;
    RouteTlv second = t;
    t.style = MetricStyle::classic;
    second.style = MetricStyle::wide;
    const auto bytes = (classic ? route_bytes(t) : 0) + (wide ? route_bytes(second) : 0);
    if (b.out.size() + bytes > b.limit) {
        return false;
    }
    if (classic) {
        write_route(b.out, t);
    }
    if (wide) {
        write_route(b.out, second);
    }
    return true;
}

std::size_t Process::body_limit(const Interface& i) const {
    const std::size_t overhead =
        kIpHeaderBytes + kHeaderBytes + (i.keys ? kAuthenticationBytes : 0);
    return std::max<std::size_t>(i.state.ip_mtu, overhead + 128) - overhead;
}

std::shared_ptr<OutPacket> Process::new_packet(Opcode op, std::uint32_t flags, Body& b) {
    auto packet = std::make_shared<OutPacket>();
    packet->opcode = op;
    packet->flags = flags;
    packet->sequence = next_sequence();
    packet->tlvs = b.out.take();
    return packet;
}

// Puts what comes after `cursor` in the log into the body, as much as fits; true at the log's end.
bool Process::read_log(
    Body& b, const Interface& i, Audience whom, Telling telling, std::uint64_t& cursor) const {
    for (auto at = log_index(cursor); at < log_entries_.size(); ++at) {
        const auto& e = log_entries_[at];
        const auto r = routes_.find(e.prefix);
        const bool current = r != routes_.end() && r->second.serial == e.serial;
        const auto t = current ? told(i, r->second, telling) : std::nullopt;
        if (t && !append(b, *t, whom)) {
            return false;
        }
        cursor = e.serial;
    }
    cursor = log_end();
    return true;
}

std::shared_ptr<OutPacket> Process::packetize_update(Interface& i) {
    Body b{ByteWriter{}, body_limit(i)};
    read_log(b, i, audience(i), Telling::update, i.cursor);
    return b.out.size() == 0 ? nullptr : new_packet(Opcode::update, 0, b);
}

// Of what is to be asked, as much as one packet takes; a route that is passive again needs no asking.
std::shared_ptr<OutPacket> Process::packetize_query(Interface& i) {
    Body b{ByteWriter{}, body_limit(i)};
    const auto whom = audience(i);
    std::size_t done = 0;
    for (; done < i.queries.size(); ++done) {
        const auto r = routes_.find(i.queries[done]);
        if (r == routes_.end() || !r->second.is_active()) {
            continue;
        }
        if (const auto t = told(i, i.queries[done], Telling::query); t && !append(b, *t, whom)) {
            break;
        }
    }
    i.queries.erase(i.queries.begin(), i.queries.begin() + static_cast<std::ptrdiff_t>(done));
    return b.out.size() == 0 ? nullptr : new_packet(Opcode::query, 0, b);
}

void Process::packetize_catch_up(TimePoint now, Neighbor& n) {
    (void)now;
    constexpr std::size_t kAhead = 2;
    const Interface& i = *n.interface;
    const auto whom = audience(n);
    while (n.catch_up && n.queue.size() < kAhead) {
        CatchUp& c = *n.catch_up;
        const auto telling = c.initial ? Telling::table : Telling::update;
        Body b{ByteWriter{}, body_limit(i)};
        const bool end = read_log(b, i, whom, telling, c.cursor);
        const bool initial = c.initial;
        if (end) {
            n.catch_up.reset();
            --n.interface->catching_up;
        }
        if (b.out.size() != 0 || (end && initial)) {
            const auto flags = end && initial ? kFlagEndOfTable : 0U;
            enqueue(n, new_packet(Opcode::update, flags, b));
        }
    }
}

// Replies, SIA queries and replies, and queries that are for this neighbour alone.
void Process::packetize_neighbor(TimePoint now, Neighbor& n) {
    (void)now;
    const Interface& i = *n.interface;
    const auto whom = audience(n);
    Body b{ByteWriter{}, body_limit(i)};
    const auto close = [&](Opcode op) {
        if (b.out.size() != 0) {
            enqueue(n, new_packet(op, 0, b));
            b = Body{ByteWriter{}, body_limit(i)};
        }
    };
    const auto add = [&](Opcode op, std::optional<RouteTlv> t) {
        if (t && !append(b, *t, whom)) {
            close(op);
            append(b, *t, whom);
        }
    };
    for (const auto p : std::exchange(n.replies, {})) {
        add(Opcode::reply, told(i, p, Telling::reply));
    }
    close(Opcode::reply);
    for (const auto p : std::exchange(n.queries, {})) {
        const auto r = routes_.find(p);
        if (r != routes_.end() && r->second.is_active()) {
            add(Opcode::query, told(i, p, Telling::query));
        }
    }
    close(Opcode::query);
    for (const auto p : std::exchange(n.sia_queries, {})) {
        auto t = told(i, p, Telling::query);
        if (t) {
            t->flags |= kRouteActive;
        }
        add(Opcode::sia_query, t);
    }
    close(Opcode::sia_query);
    for (const auto& [p, active] : std::exchange(n.sia_replies, {})) {
        auto t = told(i, p, Telling::reply);
        if (t && active) {
            t->flags |= kRouteActive;
        }
        add(Opcode::sia_reply, t);
    }
    close(Opcode::sia_reply);
}

}  // namespace viaduct::eigrp
