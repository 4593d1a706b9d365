// What comes in: who may speak to us, in which order, and what a packet's destinations say.
#include <algorithm>

#include "controlplane/eigrp/process.h"

namespace viaduct::eigrp {

namespace {

Counter counter_of(WireError e) {
    switch (e) {
    case WireError::truncated:
        return Counter::drop_truncated;
    case WireError::version:
        return Counter::drop_version;
    case WireError::checksum:
        return Counter::drop_checksum;
    case WireError::tlv_length:
        return Counter::drop_tlv_length;
    case WireError::prefix:
        return Counter::drop_prefix;
    }
    return Counter::drop_truncated;
}

bool usable(Ipv4Prefix p) {
    const auto a = p.network();
    return !(a.is_multicast() || a.is_loopback() || a.value() >= 0xF0000000U);
}

/// What a packet says, apart from its numbers (FNV-1a over opcode and TLVs).
std::uint64_t digest_of(BytesView packet) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001B3U; };
    add(packet[1]);
    for (const auto byte : packet.subspan(kHeaderBytes)) {
        add(byte);
    }
    return hash;
}

}  // namespace

// A stranger costs a counter, and one line in half a minute; never state.
void Process::drop(TimePoint now, Counter c, const Interface* i, Ipv4Address source) {
    counters_.add(c);
    const auto [it, fresh] = logged_.try_emplace(c, now);
    if (!fresh && now - it->second < kDropLogInterval) {
        return;
    }
    it->second = now;
    if (!config_.log_neighbor_warnings) {
        return;
    }
    const auto on = i == nullptr ? std::string("unknown interface") : i->name.to_string();
    if (c == Counter::drop_not_on_subnet && i != nullptr) {
        log_.message("DUAL",
                     Severity::informational,
                     "NBRINFO",
                     "IP-EIGRP({}) Neighbor {} not on common subnet for {} ({}/{})",
                     asn_.value(),
                     source.to_string(),
                     on,
                     i->state.address.to_string(),
                     i->state.length);
    } else if (c == Counter::drop_k_values) {
        log_.message("DUAL",
                     Severity::notifications,
                     "NBRCHANGE",
                     "IP-EIGRP(0) {}: Neighbor {} ({}) is down: K-value mismatch",
                     asn_.value(),
                     source.to_string(),
                     on);
    } else if (c == Counter::drop_authentication) {
        log_.message("DUAL",
                     Severity::notifications,
                     "NBRCHANGE",
                     "IP-EIGRP(0) {}: Neighbor {} ({}) is down: Auth failure",
                     asn_.value(),
                     source.to_string(),
                     on);
    } else {
        log_.debug(Debug::eigrp_packets,
                   "EIGRP: {}: ignored packet from {} on {}",
                   kCounterNames[static_cast<std::size_t>(c)],
                   source.to_string(),
                   on);
    }
}

/// IOS: `maximum-prefix` counts all prefixes of the process. At three quarters it warns; beyond it all neighbours are
/// taken down for five minutes, after the third time for good, until they are cleared by hand.
void Process::on_prefix_limit(TimePoint now) {
    constexpr Duration kRestart = std::chrono::minutes{5};
    constexpr unsigned kRestarts = 3;
    constexpr std::size_t kWarnPercent = 75;
    const std::size_t wanted = routes_.size() + 1;
    if (wanted <= config_.maximum_prefix) {
        const bool near = wanted * 100 > std::size_t{config_.maximum_prefix} * kWarnPercent;
        if (near && !near_limit_) {
            log_.message("DUAL",
                         Severity::warnings,
                         "PFXLIMITTHR",
                         "IP-EIGRP(0) {}: Threshold prefix level({}) reached.",
                         asn_.value(),
                         config_.maximum_prefix * kWarnPercent / 100);
        }
        near_limit_ = near;
        return;
    }
    log_.message("DUAL",
                 Severity::errors,
                 "PFXLIMIT",
                 "IP-EIGRP(0) {}: Prefix limit reached({}).",
                 asn_.value(),
                 config_.maximum_prefix);
    suspended_until_ = ++suspensions_ > kRestarts ? kNever : now + kRestart;
    near_limit_ = false;
    for (const auto& [id, neighbor] : by_id_) {
        doomed_.emplace_back(id, "prefix-limit exceeded");
    }
}

bool Process::accept_source(TimePoint now,
                            Interface& i,
                            Ipv4Address source,
                            Ipv4Address destination) {
    if (!i.active()) {
        drop(now, Counter::drop_passive_interface, &i, source);
        return false;
    }
    const auto is_own = [&](Ipv4Address a) { return a == source; };
    const auto& second = i.state.secondaries;
    if (is_own(i.state.address) || std::any_of(second.begin(), second.end(), [&](const auto& s) {
            return is_own(s.address);
        })) {
        drop(now, Counter::drop_own_address, &i, source);
        return false;
    }
    if (!i.state.has_on_link(source) || source.is_unspecified() || source.is_multicast()) {
        drop(now, Counter::drop_not_on_subnet, &i, source);
        return false;
    }
    if (i.unicast_only) {
        const auto& list = i.static_neighbors;
        if (destination.is_multicast() ||
            std::find(list.begin(), list.end(), source) == list.end()) {
            drop(now, Counter::drop_multicast_unicast_only, &i, source);
            return false;
        }
    }
    return true;
}

bool Process::authentic(TimePoint now, const Interface& i, BytesView packet, bool claims) const {
    if (!i.keys) {
        return !claims;
    }
    const auto id = key_id_of(packet);
    const auto* key = id ? i.keys->accepting(*id, calendar_, now) : nullptr;
    return key != nullptr && verify(packet, key->secret);
}

void Process::count_received(const Header& h) {
    switch (h.opcode) {
    case Opcode::update:
        counters_.add(Counter::update_received);
        break;
    case Opcode::query:
        counters_.add(Counter::query_received);
        break;
    case Opcode::reply:
        counters_.add(Counter::reply_received);
        break;
    case Opcode::sia_query:
        counters_.add(Counter::sia_query_received);
        break;
    case Opcode::sia_reply:
        counters_.add(Counter::sia_reply_received);
        break;
    case Opcode::hello:
        counters_.add(h.ack != 0 ? Counter::ack_received : Counter::hello_received);
        break;
    case Opcode::request:
        break;
    }
}

void Process::on_packet(TimePoint now,
                        IfIndex interface,
                        Ipv4Address source,
                        Ipv4Address destination,
                        BytesView payload) {
    const auto found = interfaces_.find(interface);
    if (found == interfaces_.end()) {
        drop(now, Counter::drop_no_interface, nullptr, source);
        return;
    }
    Interface& i = found->second;
    if (now < suspended_until_) {
        drop(now, Counter::drop_suspended, &i, source);
        return;
    }
    if (!accept_source(now, i, source, destination)) {
        return;
    }
    const auto packet = parse_packet(payload);
    if (!packet) {
        drop(now, counter_of(packet.error()), &i, source);
        return;
    }
    const Header& h = packet->header;
    if (h.virtual_router != 0) {
        drop(now, Counter::drop_virtual_router, &i, source);
        return;
    }
    // "Routers receiving a mismatch in authentication shall discard the packet."
    if (!authentic(now, i, payload, packet->authenticated)) {
        drop(now, Counter::drop_authentication, &i, source);
        return;
    }
    for (unsigned u = 0; u < packet->unknown_tlvs; ++u) {
        counters_.add(Counter::ignored_unknown_tlv);
    }
    count_received(h);
    if (log_.enabled(Debug::eigrp_packets)) {
        log_.debug(Debug::eigrp_packets,
                   "EIGRP: Received {} on {} nbr {}",
                   name_of(h),
                   i.name.to_string(),
                   source.to_string());
        log_.debug(Debug::eigrp_packets,
                   "  AS {}, Flags 0x{:X}, Seq {}/{} idbQ 0/0",
                   asn_.value(),
                   h.flags,
                   h.sequence,
                   h.ack);
    }
    Neighbor* n = find(i, source);
    if (h.opcode == Opcode::hello && h.ack == 0) {
        on_hello(now, i, source, *packet);
    } else if (n == nullptr) {
        drop(now, Counter::drop_not_neighbor, &i, source);
    } else {
        heard(now, *n);
        // "Packets that are network layer multicast must contain acknowledgment number of 0."
        if (h.ack != 0 && !destination.is_multicast()) {
            on_ack(now, *n, h.ack);
        }
        if (h.opcode != Opcode::hello) {
            on_reliable(now, *n, *packet, destination.is_multicast(), digest_of(payload));
        }
    }
    flush(now);
}

/// FRR 8.4 gives a reply the number of the packet before it. By the RFC that is a duplicate, and the route that
/// waits for this reply would be active until it is stuck. A duplicate says the same again: what has the number of the
/// last packet and another body is none, and a reply that is waited for is taken for an answer. What it says of ways
/// is not believed: FRR's tells of the way through ourselves. Correct peers never send such.
void Process::on_old_sequence(TimePoint now, Neighbor& n, const Packet& p, std::uint64_t digest) {
    const auto awaited = [&](const RouteTlv& t) {
        const auto it = routes_.find(t.prefix);
        return it != routes_.end() && it->second.is_active() &&
               std::binary_search(
                   it->second.active->pending.begin(), it->second.active->pending.end(), n.id);
    };
    n.ack_owed = p.header.sequence;
    acks_.push_back(n.id);
    // A digest of ours over MD5's own would differ from one retransmission to the next.
    if (p.header.opcode == Opcode::reply && p.header.sequence == n.last_sequence &&
        digest != n.last_digest && !p.authenticated &&
        std::any_of(p.routes.begin(), p.routes.end(), awaited)) {
        counters_.add(Counter::taken_reused_sequence);
        n.last_digest = digest;
        auto answer = p;
        for (auto& route : answer.routes) {
            route.metric.delay_ps = kUnreachableDelay;
        }
        on_body(now, n, answer);
        return;
    }
    // "Router A detects the duplicate and simply acknowledges the packet."
    counters_.add(Counter::drop_duplicate);
    ++n.interface->out_of_sequence;
}

void Process::on_reliable(
    TimePoint now, Neighbor& n, const Packet& p, bool by_multicast, std::uint64_t digest) {
    const Header& h = p.header;
    if (h.sequence == 0) {
        drop(now, Counter::drop_opcode, n.interface, n.address);
        return;
    }
    if ((h.flags & kFlagInit) != 0) {
        on_init(now, n, p);
        return;
    }
    if (!n.init_received) {
        counters_.add(Counter::drop_before_init);
        return;
    }
    if (!sequence_before(n.last_sequence, h.sequence)) {
        on_old_sequence(now, n, p, digest);
        return;
    }
    if (by_multicast && (h.flags & kFlagConditionalReceive) != 0) {
        // "Packets received … with the CR-flag MUST be discarded and not acknowledged" unless in
        // conditional receive mode.
        if (!n.conditional_any && n.conditional != h.sequence) {
            counters_.add(Counter::drop_conditional_receive);
            return;
        }
    }
    n.conditional.reset();
    n.conditional_any = false;
    n.last_sequence = h.sequence;
    n.last_digest = digest;
    n.ack_owed = h.sequence;
    acks_.push_back(n.id);
    on_body(now, n, p);
}

// The peer begins anew. Three cases: it answers the INIT of this very adjacency, or ours is not
// acknowledged yet – then ours still stands and only what we had from it is void; or it has forgotten us.
void Process::on_init(TimePoint now, Neighbor& n, const Packet& p) {
    const auto sequence = p.header.sequence;
    const auto acknowledge = [this](Neighbor& to, std::uint32_t s) {
        to.ack_owed = s;
        acks_.push_back(to.id);
    };
    Neighbor* to = &n;
    if (n.init_received) {
        const bool duplicate = sequence == n.init_sequence && recently_started(now, n);
        const bool stale = sequence_before(sequence, n.init_sequence) && just_started(now, n);
        if (duplicate || stale) {
            counters_.add(Counter::drop_duplicate);
            acknowledge(n, sequence);
            return;
        }
        const bool answers_ours = p.header.ack != 0 && p.header.ack == n.own_init_sequence;
        if (n.state == NeighborState::pending || answers_ours) {
            // Without this two routers that restart at once would restart each other for ever.
            forget_paths(now, n.id);
        } else {
            to = &renew_neighbor(now, n);
        }
    }
    to->init_received = true;
    to->init_sequence = sequence;
    to->last_sequence = sequence;
    acknowledge(*to, sequence);
    // "When a router sends an UPDATE with the INIT-Flag set … the receiving neighbor must also send an
    // UPDATE with the INIT-Flag." Ours carries the acknowledgement.
    start_neighbor(now, *to);
    on_body(now, *to, p);
}

// "Useful when a neighbor goes down and comes back up before the router detects it went down."
Neighbor& Process::renew_neighbor(TimePoint now, Neighbor& n) {
    Interface& i = *n.interface;
    const auto address = n.address;
    const auto hold = n.hold;
    const auto version = n.version;
    const auto known = n.version_known;
    const auto stub = n.stub;
    neighbor_down(now, n, "peer restarted");
    Neighbor& fresh = new_neighbor(now, i, address, nullptr);
    fresh.hold = hold;
    fresh.version = version;
    fresh.version_known = known;
    fresh.stub = stub;
    i.wide += takes_wide(fresh) ? 1U : 0U;
    timers_.set(key(Timer::hold, fresh.id), now + hold * 2 / 3);
    return fresh;
}

void Process::on_body(TimePoint now, Neighbor& n, const Packet& p) {
    const auto op = p.header.opcode;
    n.last_update = now;
    switch (op) {
    case Opcode::update:
    case Opcode::query:
    case Opcode::reply:
        for (const auto& t : p.routes) {
            on_route(now, n, op, t);
        }
        break;
    case Opcode::sia_query:
        for (const auto& t : p.routes) {
            on_sia_query(now, n, t);
        }
        break;
    case Opcode::sia_reply:
        for (const auto& t : p.routes) {
            on_sia_reply(now, n, t);
        }
        break;
    case Opcode::hello:
    case Opcode::request:
        drop(now, Counter::drop_opcode, n.interface, n.address);
        break;
    }
}

Metric Process::received_metric(const Interface& i, const RouteTlv& t) {
    Metric m = t.metric;
    const auto ignore = [&](Counter c) {
        counters_.add(c);
        m.delay_ps = kUnreachableDelay;
    };
    if (!m.reachable()) {
        return m;
    }
    const bool own_external = t.external && t.external->router_id == router_id_;
    const bool own_internal = t.style == MetricStyle::wide && t.originator == router_id_;
    if (own_external || own_internal) {
        ignore(Counter::ignored_own_router_id);
    } else if (!usable(t.prefix)) {
        ignore(Counter::drop_prefix);
    } else if (!distribute_permits(policies_, config_, true, i.name, t.prefix)) {
        ignore(Counter::ignored_filtered);
    } else if (m.hops >= kMaximumHops || t.next_hop == i.state.address) {
        // A way whose next hop is ourselves is no way.
        m.delay_ps = kUnreachableDelay;
    } else {
        m.delay_ps += delay_from_classic(offset_of(policies_, config_, true, i.name, t.prefix));
    }
    return m;
}

void Process::on_route(TimePoint now, Neighbor& n, Opcode op, const RouteTlv& t) {
    if (takes_wide(n) && t.style == MetricStyle::classic) {
        counters_.add(Counter::ignored_foreign_format);
        return;  // the wide TLV of the same destination stands in the packet too
    }
    const Interface& i = *n.interface;
    const Metric m = received_metric(i, t);
    auto it = routes_.lower_bound(t.prefix);
    if (it == routes_.end() || it->first != t.prefix) {
        if (!m.reachable()) {
            if (op == Opcode::query) {
                n.replies.push_back(t.prefix);
                unicasts_.push_back(n.id);
            }
            return;
        }
        if (config_.maximum_prefix != 0 && now >= suspended_until_) {
            on_prefix_limit(now);
        }
        if (now < suspended_until_) {
            return;  // all neighbours go with this input
        }
        if (routes_.size() >= options_.maximum_routes) {
            drop(now, Counter::drop_route_limit, n.interface, n.address);
            if (op == Opcode::query) {
                n.replies.push_back(t.prefix);
                unicasts_.push_back(n.id);
            }
            return;
        }
        it = routes_.try_emplace(it, t.prefix);
        it->second.prefix = t.prefix;
    }
    Route& r = it->second;
    record(n, r, t, m);
    Input in{Input::Kind::change, n.id};
    if (op == Opcode::query) {
        in.kind = Input::Kind::query;
    } else if (op == Opcode::reply) {
        const bool awaited =
            r.is_active() &&
            std::binary_search(r.active->pending.begin(), r.active->pending.end(), n.id);
        if (awaited) {
            in.kind = Input::Kind::reply;
        } else {
            // The RFC has it discarded; what it says is still the neighbour's newest word.
            counters_.add(Counter::ignored_unexpected_reply);
        }
    }
    dual(now, r, in);
}

// Writes down what the neighbour says about its distance.
void Process::record(const Neighbor& n, Route& r, const RouteTlv& t, const Metric& m) {
    Path* p = path_of(r, n.id);
    if (!m.reachable()) {
        if (p != nullptr) {
            r.paths.erase(r.paths.begin() + (p - r.paths.data()));
        }
        return;
    }
    if (p == nullptr) {
        p = &r.paths.emplace_back();
        p->neighbor = n.id;
        p->interface = n.interface->state.index;
    }
    p->reported = m;
    p->next_hop = !t.next_hop.is_unspecified() && n.interface->state.network().contains(t.next_hop)
                      ? t.next_hop
                      : n.address;
    p->originator = t.style == MetricStyle::wide ? t.originator : Ipv4Address{};
    if (!t.external) {
        p->external.reset();
    } else if (p->external == nullptr || *p->external != *t.external) {
        p->external = std::make_shared<External>(*t.external);
    }
    set_distance(*p);
    if (p->distance == kInfinity) {
        r.paths.erase(r.paths.begin() + (p - r.paths.data()));
    }
}

void Process::on_interface_timer(TimePoint now, Timer timer, IfIndex index) {
    const auto i = interfaces_.find(index);
    if (i == interfaces_.end()) {
        return;
    }
    if (timer == Timer::hello) {
        send_hello(now, i->second);
        schedule_hello(now, i->second);
    } else {
        want_flush(i->second);
    }
}

void Process::on_neighbor_timer(TimePoint now, Timer timer, NeighborId id) {
    Neighbor* n = find(id);
    if (n == nullptr) {
        return;
    }
    if (timer == Timer::hold) {
        on_hold_timer(now, *n);
    } else if (timer == Timer::retransmit) {
        on_retransmit(now, *n);
    } else {
        start_neighbor(now, *n);
    }
}

void Process::on_time(TimePoint now) {
    while (const auto due = timers_.pop(now)) {
        const auto id = *due & 0x00FFFFFFFFFFFFFFU;
        const auto timer = static_cast<Timer>(*due >> 56U);
        switch (timer) {
        case Timer::hello:
        case Timer::flush:
            on_interface_timer(now, timer, IfIndex{static_cast<std::uint16_t>(id)});
            break;
        case Timer::hold:
        case Timer::retransmit:
        case Timer::start:
            on_neighbor_timer(now, timer, static_cast<NeighborId>(id));
            break;
        case Timer::active:
            on_active_timer(now,
                            Ipv4Prefix{Ipv4Address{static_cast<std::uint32_t>(id >> 8U)},
                                       static_cast<unsigned>(id & 0xFFU)});
            break;
        }
    }
    flush(now);
}

}  // namespace viaduct::eigrp
