// Resolution: asking for the NBMA address of a next hop or destination, answering, passing on.
#include <algorithm>

#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/timing.h"
#include "dataplane/base/check.h"

namespace viaduct::nhrp {

// ---- Asking ------------------------------------------------------------------------------------------

/// Whom to ask about the target, and by whom its packets go meanwhile: the server that its route leads to,
/// else the best that responds, else the best that there is.
std::optional<Engine::Hop> Engine::server_hop(Tunnel& tunnel, Ipv4Address target) {
    const auto route = routes_.lookup(target);
    const Server* best = nullptr;
    for (const auto& server : tunnel.servers) {
        if (!server.nbma || server.state == ServerState::waiting ||
            server.config.protocol_address == target) {
            continue;
        }
        const auto rank = [&](const Server& s) {
            const bool on_route = route && route->next_hop == s.config.protocol_address;
            return std::tuple{s.state != ServerState::responding, !on_route, s.config.priority};
        };
        if (best == nullptr || rank(server) < rank(*best)) {
            best = &server;
        }
    }
    if (best == nullptr) {
        return std::nullopt;
    }
    return Hop{best->config.protocol_address, *best->nbma};
}

void Engine::on_resolution_needed(TimePoint now,
                                  IfIndex index,
                                  Ipv4Address target,
                                  Ipv4Address packet_destination) {
    auto* tunnel = find_tunnel(index);
    if (tunnel == nullptr || !tunnel->interface.multipoint || target.is_unspecified() ||
        target.is_multicast() || target.is_broadcast() || target == tunnel->interface.address ||
        packet_destination.is_multicast()) {
        return;
    }
    auto* entry = cache_.longest(index, target, [](const CacheEntry& e) { return e.complete(); });
    if (entry != nullptr) {
        // Known: a network's entry serves each of its hosts.
        ++entry->hits;
        set_adjacency(*entry, target, entry->nbma, false);
        set_used(now, index, target);
        return;
    }
    const auto server = server_hop(*tunnel, target);
    if (!server) {
        drop(*tunnel, Drop::no_server);
        return;
    }
    log_.debug(Debug::nhrp,
               "NHRP: Sending packet to NHS {} on {}",
               server->protocol.to_string(),
               tunnel->interface.name);
    entry = cache_.find_host(index, target);
    if (entry == nullptr) {
        start_resolution(now, *tunnel, target, Why::packet);
        entry = cache_.find_host(index, target);
    }
    if (entry != nullptr) {
        ++entry->hits;
        set_adjacency(*entry, target, server->nbma, true);
    }
}

void Engine::start_resolution(TimePoint now, Tunnel& tunnel, Ipv4Address target, Why why) {
    const TargetKey key{tunnel.interface.index, target};
    if (tunnel.interface.nhrp.server_only || pending_.contains(key)) {
        return;
    }
    if (pending_.size() >= limits_.resolutions) {
        drop(tunnel, Drop::resolution_queue_full);
        return;
    }
    if (why != Why::refresh && cache_.find_host(key.tunnel, target) == nullptr) {
        auto* entry = make_entry(now, tunnel, {key.tunnel, {target, 32}});
        if (entry == nullptr) {
            return;
        }
        entry->type = EntryType::incomplete;
        entry->expires = now + kIncompleteLife;
        schedule_entry(now, *entry);
    }
    const auto id = next_request_id();
    pending_[key] = {id, 0, why};
    pending_by_id_[id] = key;
    timers_.set({Timer::resolution, key.tunnel, target.value()}, now + kResolutionDelay);
}

void Engine::end_resolution(const TargetKey& key) {
    const auto it = pending_.find(key);
    if (it == pending_.end()) {
        return;
    }
    pending_by_id_.erase(it->second.request_id);
    pending_.erase(it);
    timers_.cancel({Timer::resolution, key.tunnel, key.target.value()});
}

void Engine::on_resolution_timer(TimePoint now, const TargetKey& key) {
    const auto it = pending_.find(key);
    VIADUCT_CHECK(it != pending_.end());
    auto& tunnel = tunnels_.at(key.tunnel);
    auto& pending = it->second;
    const auto wait = std::min<Duration>(kResolutionRetry * (1U << std::min(pending.tries, 5U)),
                                         kResolutionRetryMax);
    timers_.set({Timer::resolution, key.tunnel, key.target.value()}, now + wait);
    ++pending.tries;
    const auto server = server_hop(tunnel, key.target);
    if (!server) {
        drop(tunnel, Drop::no_server);
        return;
    }
    const auto& interface = tunnel.interface;
    Packet packet;
    packet.type = PacketType::resolution_request;
    packet.flags = static_cast<std::uint16_t>(kResolutionRouter | kResolutionAuthoritative |
                                              kResolutionSourceStable |
                                              (interface.nat_extension ? kNatSupported : 0U));
    // RFC 2332, 5.2.0.1: a repeated request has the same request id.
    packet.request_id = pending.request_id;
    packet.source_nbma = interface.nbma;
    packet.source_protocol = interface.address;
    packet.destination_protocol = key.target;
    Cie cie;
    cie.mtu = interface.cie_mtu;
    cie.holding_time_s = interface.nhrp.holdtime_s;
    packet.cies.push_back(cie);
    packet.extensions = request_extensions(tunnel);
    if (auto* nat = packet.find(ExtensionType::nat_address); nat != nullptr && tunnel.public_nbma) {
        auto seen = own_cie(tunnel, 32);
        seen.holding_time_s = 0;
        seen.nbma = tunnel.public_nbma;
        *nat = make_extension(ExtensionType::nat_address, {&seen, 1});
    }
    send(now, tunnel, *server, packet, "Send");
}

// ---- Being asked -------------------------------------------------------------------------------------

/// The asker's addresses: what it says itself and, behind a NAT, what its server or we saw.
Nbma Engine::requester_of(const Received& r) {
    const auto& packet = r.packet;
    const Nbma plain{packet.source_nbma, std::nullopt};
    if (const auto* nat = packet.find(ExtensionType::nat_address)) {
        for (const auto& cie : parse_cies(nat->data).value_or(std::vector<Cie>{})) {
            if (cie.protocol == packet.source_protocol && cie.nbma &&
                cie.nbma != packet.source_nbma) {
                return {*cie.nbma, packet.source_nbma};
            }
        }
    }
    const auto* transit = packet.find(ExtensionType::forward_transit);
    const bool direct = transit == nullptr || transit->data.empty();
    if (direct && packet.hop_count == 255 && r.from != packet.source_nbma) {
        return {
            r.from,
            packet.source_nbma.is_unspecified() ? std::nullopt : std::optional{packet.source_nbma}};
    }
    return plain;
}

/// A station behind the same NAT as we are is reached by its own address.
Nbma Engine::reachable(const Tunnel& tunnel, const Nbma& station) {
    if (station.original && tunnel.public_nbma == station.address) {
        return {*station.original, std::nullopt};
    }
    return station;
}

Engine::Verdict Engine::decide(Tunnel& in, Ipv4Address destination, Ipv4Address from) {
    Verdict verdict;
    const auto& interface = in.interface;
    if (destination == interface.address) {
        verdict.kind = Verdict::Kind::answer_own;
        verdict.prefix = {destination, 32};
        verdict.client = destination;
        return verdict;
    }
    verdict.route = routes_.lookup(destination);
    auto* out = verdict.route ? find_tunnel(verdict.route->out) : nullptr;
    const bool same_fabric =
        out != nullptr && out->interface.nhrp.network_id == interface.nhrp.network_id;
    if (verdict.route && !same_fabric) {
        // We are where the fabric ends. A default route is no promise for everything.
        verdict.kind = Verdict::Kind::answer_own;
        verdict.prefix = verdict.route->prefix.length() == 0 ? Ipv4Prefix{destination, 32}
                                                             : verdict.route->prefix;
        verdict.client = interface.address;
        return verdict;
    }
    auto& way = same_fabric ? *out : in;
    const auto next = same_fabric && !verdict.route->next_hop.is_unspecified()
                          ? verdict.route->next_hop
                          : destination;
    verdict.out = way.interface.index;
    auto* entry = cache_.find_host(verdict.out, next);
    if (entry != nullptr && entry->complete()) {
        const bool own_client = entry->registered || entry->type == EntryType::static_;
        if (next == destination && own_client && !way.interface.nhrp.redirect) {
            verdict.kind = Verdict::Kind::answer_cached;
            verdict.entry = entry;
            return verdict;
        }
        if (own_client && entry->nbma != Nbma{from, std::nullopt}) {
            verdict.kind = Verdict::Kind::forward;
            verdict.entry = entry;
            verdict.hop = {next, entry->nbma};
            return verdict;
        }
    }
    // A hub behind a hub: its server may know.
    const auto server = server_hop(way, destination);
    if (server && server->nbma.address != from) {
        verdict.kind = Verdict::Kind::forward;
        verdict.hop = *server;
    }
    return verdict;
}

void Engine::on_resolution_request(Received& r) {
    const auto requester = reachable(r.tunnel, requester_of(r));
    if (requester.address == r.tunnel.interface.nbma || r.packet.source_protocol.is_unspecified()) {
        complain(r.now, r.tunnel, r.from, Drop::spoofed_source);
        return;
    }
    const auto& interface = r.tunnel.interface;
    const auto verdict = decide(r.tunnel, r.packet.destination_protocol, r.from);
    const bool is_egress = verdict.kind == Verdict::Kind::answer_own;
    if (is_egress && !ready(r.tunnel, requester)) {
        delay_request(r, requester);
        return;
    }
    log_.debug(Debug::nhrp,
               "NHRP: No need to delay processing of resolution event nbma src:{} nbma dst:{}",
               interface.nbma.to_string(),
               requester.address.to_string());
    process_resolution_request(r, requester);
}

void Engine::delay_request(Received& r, const Nbma& requester) {
    const auto& interface = r.tunnel.interface;
    const PeerKey peer{interface.index, requester};
    const auto same = [&](std::uint32_t id) {
        const auto& other = delayed_.at(id).request;
        return other.source_protocol == r.packet.source_protocol &&
               other.destination_protocol == r.packet.destination_protocol;
    };
    const auto known = delayed_by_peer_.find(peer);
    if (known != delayed_by_peer_.end() && std::ranges::any_of(known->second, same)) {
        log_.debug(Debug::nhrp, "NHRP: Resolution request is already being processed (delayed).");
        log_.debug(Debug::nhrp,
                   "NHRP: Resolution Request not queued. Already being processed (delayed).");
        return;
    }
    if (delayed_.size() >= limits_.delayed) {
        drop(r.tunnel, Drop::delayed_queue_full);
        return;
    }
    log_.debug(
        Debug::nhrp,
        "NHRP: Delaying resolution request nbma src:{} nbma dst:{} reason:IPSEC-IFC: need to "
        "wait for IPsec SAs.",
        interface.nbma.to_string(),
        requester.address.to_string());
    if (requester.original) {
        // We cannot build a tunnel to it: it must build one to us, so it has to have the answer first.
        if (const auto* back = cache_.of_nbma(interface.index, r.from).empty()
                                   ? nullptr
                                   : cache_.of_nbma(interface.index, r.from).front()) {
            Received copy = r;
            const auto verdict = decide(r.tunnel, r.packet.destination_protocol, r.from);
            answer(copy, back->nbma, verdict);
        }
    }
    const auto id = ++last_delayed_id_;
    delayed_[id] = {interface.index, requester, r.from, r.packet, r.size};
    delayed_by_peer_[peer].push_back(id);
    timers_.set({Timer::delayed, interface.index, id}, r.now + kDelayedLife);
    if (delayed_by_peer_[peer].size() == 1) {
        request_tunnel(r.tunnel, requester);
    }
}

void Engine::process_delayed(TimePoint now, Tunnel& tunnel, const Nbma& remote) {
    const auto index = tunnel.interface.index;
    std::vector<std::uint32_t> due;
    for (auto it = delayed_by_peer_.lower_bound({index, {remote.address, std::nullopt}});
         it != delayed_by_peer_.end() && it->first.tunnel == index &&
         it->first.nbma.address == remote.address;) {
        if (ready(tunnel, it->first.nbma)) {
            due.insert(due.end(), it->second.begin(), it->second.end());
            it = delayed_by_peer_.erase(it);
        } else {
            ++it;
        }
    }
    for (const auto id : due) {
        const auto node = delayed_.extract(id);
        timers_.cancel({Timer::delayed, index, id});
        const auto& item = node.mapped();
        log_.debug(Debug::nhrp,
                   "NHRP: Process delayed resolution request src:{} dst:{}",
                   item.request.source_protocol.to_string(),
                   item.request.destination_protocol.to_string());
        log_.debug(Debug::nhrp,
                   "NHRP: No need to delay processing of resolution event nbma src:{} nbma dst:{}",
                   tunnel.interface.nbma.to_string(),
                   item.requester.address.to_string());
        Received r{now, tunnel, item.from, item.request, item.size, {}};
        process_resolution_request(r, item.requester);
    }
}

void Engine::process_resolution_request(Received& r, const Nbma& requester) {
    const auto verdict = decide(r.tunnel, r.packet.destination_protocol, r.from);
    const auto netid = [](const Tunnel* tunnel) {
        return tunnel == nullptr ? 0U : tunnel->interface.nhrp.network_id.value_or(0);
    };
    const auto out = verdict.route ? verdict.route->out : r.tunnel.interface.index;
    if (log_.enabled(Debug::nhrp)) {
        log_.debug(Debug::nhrp, "NHRP: nhrp_rtlookup yielded {}", routes_.interface_name(out));
        log_.debug(Debug::nhrp,
                   "NHRP: netid_out {}, netid_in {}",
                   netid(find_tunnel(out)),
                   netid(&r.tunnel));
    }
    // IOS shows a pointer here: the entry that answers, or none.
    const bool cached = verdict.kind == Verdict::Kind::answer_cached;
    log_.debug(Debug::nhrp,
               "NHRP: nhrp_cache_lookup_comp returned 0x{:X}",
               cached ? 0x63000000U + verdict.entry->id * 0x40U : 0U);
    switch (verdict.kind) {
    case Verdict::Kind::answer_own:
        if (!extensions_known(r)) {
            return;
        }
        answer(r, requester, verdict);
        learn_requester(r.now, r.tunnel, r.packet, requester);
        return;
    case Verdict::Kind::answer_cached:
        if (extensions_known(r)) {
            answer(r, requester, verdict);
        }
        return;
    case Verdict::Kind::forward:
        log_.debug(Debug::nhrp, "NHRP: calling nhrp_forward");
        forward(r, tunnels_.at(verdict.out), verdict.hop);
        return;
    case Verdict::Kind::refuse:
        drop(r.tunnel, Drop::no_route);
        refuse(r, CieCode::no_binding);
        return;
    }
}

void Engine::answer(Received& r, const Nbma& requester, const Verdict& verdict) {
    auto& tunnel = r.tunnel;
    const auto& interface = tunnel.interface;
    Packet reply = make_reply(tunnel, r.packet, PacketType::resolution_reply);
    reply.flags |= kResolutionAuthoritative | kResolutionDestinationStable | kResolutionUnique;
    Cie cie = own_cie(tunnel, 32);
    std::optional<Cie> seen;
    CacheEntry* source = verdict.entry;
    if (verdict.kind == Verdict::Kind::answer_own) {
        cie.prefix_length = static_cast<std::uint8_t>(verdict.prefix.length());
        cie.protocol = verdict.client;
        if (tunnel.public_nbma) {
            seen = cie;
            seen->nbma = tunnel.public_nbma;
        }
        source = nullptr;
        if (verdict.prefix.network() != interface.address || verdict.prefix.length() != 32) {
            // Remembered, so that those whom we told can be told when it is no longer so.
            const CacheKey key{interface.index, verdict.prefix};
            source = cache_.find(key);
            if (source == nullptr) {
                source = make_entry(r.now, tunnel, key);
                if (source != nullptr) {
                    source->type = EntryType::local;
                    source->asked = r.packet.destination_protocol;
                    cache_.set_nbma(*source, {interface.nbma, std::nullopt});
                    source->next_hop = interface.address;
                }
            }
            if (source != nullptr && source->type == EntryType::local) {
                source->expires = r.now + std::chrono::seconds(interface.nhrp.holdtime_s);
                schedule_entry(r.now, *source);
            }
        }
    } else {
        const auto& entry = *verdict.entry;
        cie.protocol = entry.key.target.network();
        cie.nbma = entry.nbma.original.value_or(entry.nbma.address);
        cie.mtu = entry.mtu;
        if (entry.expires != kNever) {
            const auto left = std::chrono::ceil<std::chrono::seconds>(entry.expires - r.now);
            cie.holding_time_s = static_cast<std::uint16_t>(
                std::clamp<std::int64_t>(left.count(), 1, entry.holding_time_s));
        }
        if (entry.nbma.original) {
            seen = cie;
            seen->nbma = entry.nbma.address;
        }
    }
    reply.cies = {cie};
    if (auto* nat = reply.find(ExtensionType::nat_address); nat != nullptr && seen) {
        auto cies = parse_cies(nat->data).value_or(std::vector<Cie>{});
        seen->holding_time_s = 0;
        cies.push_back(*seen);
        *nat = make_extension(ExtensionType::nat_address, cies);
    }
    if (source != nullptr) {
        std::erase_if(source->requesters, [&](const Requester& q) {
            return q.protocol == r.packet.source_protocol || q.until <= r.now;
        });
        if (source->requesters.size() >= limits_.requesters) {
            source->requesters.erase(source->requesters.begin());
        }
        source->requesters.push_back({r.packet.source_protocol,
                                      requester,
                                      r.now + std::chrono::seconds(cie.holding_time_s)});
    }
    // A cached answer for somebody else's client goes back the way it came.
    Hop to{r.packet.source_protocol, requester};
    if (!ready(tunnel, requester)) {
        to.nbma = {r.from, std::nullopt};
    }
    send(r.now, tunnel, to, reply, "Send");
}

void Engine::refuse(Received& r, CieCode code) {
    Packet reply = make_reply(r.tunnel, r.packet, PacketType::resolution_reply);
    Cie cie;
    cie.code = static_cast<std::uint8_t>(code);
    cie.prefix_length = 32;
    cie.mtu = r.tunnel.interface.cie_mtu;
    cie.holding_time_s = static_cast<std::uint16_t>(
        std::chrono::duration_cast<std::chrono::seconds>(kIncompleteLife).count());
    reply.cies = {cie};
    send(r.now, r.tunnel, {r.packet.source_protocol, {r.from, std::nullopt}}, reply, "Send");
}

// ---- Being answered ----------------------------------------------------------------------------------

void Engine::on_resolution_reply(Received& r) {
    const auto index = r.tunnel.interface.index;
    const auto it = pending_by_id_.find(r.packet.request_id);
    if (it == pending_by_id_.end() ||
        it->second != TargetKey{index, r.packet.destination_protocol}) {
        drop(r.tunnel, Drop::unmatched_reply);
        return;
    }
    const auto key = it->second;
    if (r.packet.cies.empty()) {
        drop(r.tunnel, Drop::invalid_reply);
        return;
    }
    const auto cie = r.packet.cies.front();
    if (cie.code == static_cast<std::uint8_t>(CieCode::success)) {
        accept_reply(r, key, cie);
        return;
    }
    log_.debug(Debug::nhrp,
               "NHRP: Resolution of {} refused: {}({})",
               key.target.to_string(),
               to_string(static_cast<CieCode>(cie.code)),
               cie.code);
    end_resolution(key);
    if (auto* entry = cache_.find_host(index, key.target);
        entry != nullptr && entry->type == EntryType::incomplete) {
        entry->negative = true;  // by the hub until it ends
        entry->expires = r.now + kIncompleteLife;
        schedule_entry(r.now, *entry);
    }
}

void Engine::accept_reply(Received& r, const TargetKey& key, const Cie& cie) {
    auto& tunnel = r.tunnel;
    const auto& interface = tunnel.interface;
    Nbma nbma{cie.nbma.value_or(Ipv4Address{}), std::nullopt};
    const auto via = cie.protocol.value_or(key.target);
    if (const auto* nat = r.packet.find(ExtensionType::nat_address)) {
        for (const auto& seen : parse_cies(nat->data).value_or(std::vector<Cie>{})) {
            if (seen.protocol == via && seen.nbma && seen.nbma != cie.nbma) {
                nbma = {*seen.nbma, cie.nbma};
            }
        }
    }
    nbma = reachable(tunnel, nbma);
    const bool sane = !nbma.address.is_unspecified() && !nbma.address.is_multicast() &&
                      nbma.address != interface.nbma && via != interface.address &&
                      cie.holding_time_s != 0 &&
                      (cie.prefix_length <= 32 || cie.prefix_length == kPrefixUnique);
    if (!sane) {
        drop(tunnel, Drop::invalid_reply);
        return;
    }
    // Not wider than our own route: what the answer says of other networks was not asked.
    const auto route = routes_.lookup(key.target);
    unsigned length =
        cie.prefix_length == kPrefixUnique || cie.prefix_length == 0 ? 32U : cie.prefix_length;
    if (via == key.target ||
        (route && route->out == interface.index &&
         Ipv4Prefix{interface.address, interface.length}.contains(key.target))) {
        length = 32;
    } else if (route) {
        length = std::max(length, route->prefix.length());
    }
    end_resolution(key);
    std::set<Ipv4Address> adjacencies;
    if (const auto* incomplete = cache_.find_host(key.tunnel, key.target);
        incomplete != nullptr && length != 32 && incomplete->type != EntryType::static_ &&
        !incomplete->registered) {
        adjacencies = incomplete->adjacencies;
    }
    const auto store = [&](const Ipv4Prefix& target, bool nhop) -> CacheEntry* {
        auto* entry = cache_.find({key.tunnel, target});
        if (entry == nullptr) {
            entry = make_entry(r.now, tunnel, {key.tunnel, target});
        } else if (entry->type == EntryType::static_ || entry->registered ||
                   entry->type == EntryType::local) {
            return nullptr;
        }
        if (entry == nullptr) {
            return nullptr;
        }
        if (entry->type != EntryType::incomplete && entry->nbma != nbma) {
            change_nbma(r.now, *entry, nbma);
        }
        if (entry->next_hop != via) {
            remove_route(*entry);
        }
        cache_.set_nbma(*entry, nbma);
        entry->type = EntryType::dynamic;
        entry->negative = false;
        entry->implicit = false;
        entry->authoritative = (r.packet.flags & kResolutionAuthoritative) != 0;
        entry->router = (r.packet.flags & kResolutionRouter) != 0;
        entry->next_hop = via;
        entry->nhop = entry->nhop || nhop;
        entry->asked = nhop ? via : key.target;
        entry->mtu = cie.mtu;
        entry->holding_time_s = cie.holding_time_s;
        entry->expires = r.now + std::chrono::seconds(cie.holding_time_s);
        return entry;
    };
    const bool waits = !ready(tunnel, nbma);
    if (waits && delayed_by_peer_.contains({key.tunnel, nbma})) {
        log_.debug(Debug::nhrp, "NHRP: Resolution request is already being processed (delayed).");
        log_.debug(Debug::nhrp,
                   "NHRP: Resolution Request not queued. Already being processed (delayed).");
    } else if (waits) {
        log_.debug(Debug::nhrp,
                   "NHRP: Delaying resolution request nbma src:{} nbma dst:{} reason:IPSEC-IFC: "
                   "need to wait for IPsec SAs.",
                   interface.nbma.to_string(),
                   nbma.address.to_string());
    } else {
        log_.debug(Debug::nhrp,
                   "NHRP: No need to delay processing of resolution event nbma src:{} nbma dst:{}",
                   interface.nbma.to_string(),
                   nbma.address.to_string());
    }
    const Ipv4Prefix target{key.target, length};
    if (via != key.target || length != 32) {
        if (auto* hop = store({via, 32}, true)) {
            complete_entry(r.now, tunnel, *hop);
        }
    }
    auto* entry = store(target, false);
    if (entry == nullptr) {
        return;
    }
    if (!adjacencies.empty()) {
        remove_entry(r.now, {key.tunnel, {key.target, 32}}, "answered by a network");
        entry = cache_.find({key.tunnel, target});
        entry->adjacencies.insert(adjacencies.begin(), adjacencies.end());
    } else if (length != 32 && cache_.find_host(key.tunnel, key.target) != nullptr &&
               cache_.find_host(key.tunnel, key.target)->type == EntryType::incomplete) {
        remove_entry(r.now, {key.tunnel, {key.target, 32}}, "answered by a network");
    }
    complete_entry(r.now, tunnel, *entry);
}

}  // namespace viaduct::nhrp
