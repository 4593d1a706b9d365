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
    const auto next_hop = route ? route->next_hop : Ipv4Address{};
    const Server* best = nullptr;
    for (const auto& server : tunnel.servers) {
        if (!server.nbma || server.state == ServerState::waiting ||
            server.config.protocol_address == target) {
            continue;
        }
        const auto rank = [&](const Server& s) {
            return std::tuple{s.state != ServerState::responding,
                              next_hop != s.config.protocol_address,
                              s.config.priority};
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
        set_used(now, index, target);
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
    const auto* entry = cache_.find_host(key.tunnel, key.target);
    const bool waited_for = entry != nullptr && entry->type == EntryType::incomplete;
    if (pending.tries >= kRefreshTries && !waited_for) {
        end_resolution(key);  // the entry that was to be refreshed ends by itself
        return;
    }
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
    if (direct && packet.hop_count == 255 && r.from() != packet.source_nbma) {
        return {
            r.from(),
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

Engine::Verdict Engine::decide(Tunnel& in, Ipv4Address destination, const Nbma& sender) {
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
    // Without a route, or with one to the tunnel itself, the destination is its own next hop.
    const auto gateway = verdict.route ? verdict.route->next_hop : Ipv4Address{};
    const auto next = gateway.is_unspecified() ? destination : gateway;
    verdict.out = way.interface.index;
    auto* entry = cache_.find_host(verdict.out, next);
    if (entry != nullptr && entry->complete()) {
        const bool own_client = entry->registered || entry->type == EntryType::configured;
        if (next == destination && own_client && !way.interface.nhrp.redirect) {
            verdict.kind = Verdict::Kind::answer_cached;
            verdict.entry = entry;
            return verdict;
        }
        if (own_client && !same_station(entry->nbma, sender)) {
            verdict.kind = Verdict::Kind::forward;
            verdict.entry = entry;
            verdict.hop = {next, entry->nbma};
            return verdict;
        }
    }
    // A hub behind a hub: its server may know.
    const auto server = server_hop(way, destination);
    if (server && server->nbma.address != sender.address) {
        verdict.kind = Verdict::Kind::forward;
        verdict.hop = *server;
    }
    return verdict;
}

void Engine::on_resolution_request(Received& r) {
    const auto requester = reachable(r.tunnel, requester_of(r));
    if (requester.address == r.tunnel.interface.nbma || r.packet.source_protocol.is_unspecified()) {
        complain(r.now, r.tunnel, r.from(), Drop::spoofed_source);
        return;
    }
    const auto& interface = r.tunnel.interface;
    const auto verdict = decide(r.tunnel, r.packet.destination_protocol, r.sender);
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
        const auto back = cache_.of_nbma(interface.index, r.from());
        if (!back.empty()) {
            Received copy = r;
            const auto verdict = decide(r.tunnel, r.packet.destination_protocol, r.sender);
            answer(copy, r.sender.original ? r.sender : back.front()->nbma, verdict);
        }
    }
    const auto id = ++last_delayed_id_;
    delayed_[id] = {interface.index, requester, r.sender, r.packet, r.size};
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
        Received r{now, tunnel, item.sender, item.request, item.size, {}};
        process_resolution_request(r, item.requester);
    }
}

void Engine::process_resolution_request(Received& r, const Nbma& requester) {
    const auto verdict = decide(r.tunnel, r.packet.destination_protocol, r.sender);
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

/// What we say about ourselves: the destination, or the network that it is in behind us.
Engine::Answer Engine::own_answer(Received& r, const Verdict& verdict) {
    auto& tunnel = r.tunnel;
    const auto& interface = tunnel.interface;
    Answer out;
    out.cie = own_cie(tunnel, static_cast<std::uint8_t>(verdict.prefix.length()));
    out.cie.protocol = verdict.client;
    out.seen_as = tunnel.public_nbma;
    if (verdict.prefix == Ipv4Prefix{interface.address, 32}) {
        return out;
    }
    // Remembered, so that those whom we told can be told when it is no longer so.
    const CacheKey key{interface.index, verdict.prefix};
    out.source = cache_.find(key);
    if (out.source == nullptr) {
        out.source = make_entry(r.now, tunnel, key);
        if (out.source == nullptr) {
            return out;
        }
        out.source->type = EntryType::local;
        out.source->asked = r.packet.destination_protocol;
        out.source->next_hop = interface.address;
        cache_.set_nbma(*out.source, {interface.nbma, std::nullopt});
    }
    if (out.source->type == EntryType::local) {
        out.source->expires = r.now + std::chrono::seconds(interface.nhrp.holdtime_s);
        schedule_entry(r.now, *out.source);
    }
    return out;
}

/// What a client registered, or the operator configured, with the time that is left of it.
Engine::Answer Engine::cached_answer(const Received& r, CacheEntry& entry) const {
    Answer out;
    out.cie = own_cie(r.tunnel, 32);
    out.cie.protocol = entry.key.target.network();
    out.cie.nbma = entry.nbma.original.value_or(entry.nbma.address);
    out.cie.mtu = entry.mtu;
    if (entry.expires != kNever) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(entry.expires - r.now);
        out.cie.holding_time_s = static_cast<std::uint16_t>(
            std::clamp<std::int64_t>(left.count(), 1, entry.holding_time_s));
    }
    if (entry.nbma.original) {
        out.seen_as = entry.nbma.address;
    }
    out.source = &entry;
    return out;
}

void Engine::answer(Received& r, const Nbma& requester, const Verdict& verdict) {
    auto& tunnel = r.tunnel;
    const auto what = verdict.kind == Verdict::Kind::answer_own ? own_answer(r, verdict)
                                                                : cached_answer(r, *verdict.entry);
    Packet reply = make_reply(tunnel, r.packet, PacketType::resolution_reply);
    reply.flags |= kResolutionAuthoritative | kResolutionDestinationStable | kResolutionUnique;
    reply.cies = {what.cie};
    if (auto* nat = reply.find(ExtensionType::nat_address); nat != nullptr && what.seen_as) {
        auto cies = parse_cies(nat->data).value_or(std::vector<Cie>{});
        auto seen = what.cie;
        seen.holding_time_s = 0;
        seen.nbma = what.seen_as;
        cies.push_back(seen);
        *nat = make_extension(ExtensionType::nat_address, cies);
    }
    if (what.source != nullptr) {
        auto& told = what.source->requesters;
        std::erase_if(told, [&](const Requester& q) {
            return q.protocol == r.packet.source_protocol || q.until <= r.now;
        });
        if (told.size() >= limits_.requesters) {
            told.erase(told.begin());
        }
        told.push_back({r.packet.source_protocol,
                        requester,
                        r.now + std::chrono::seconds(what.cie.holding_time_s)});
    }
    // An answer for somebody else's client goes back the way the question came.
    Hop to{r.packet.source_protocol, requester};
    if (!ready(tunnel, requester)) {
        to.nbma = r.sender;
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
    send(r.now, r.tunnel, {r.packet.source_protocol, r.sender}, reply, "Send");
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
        accept_reply(r, key);
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

/// The station that an answer names: as its server or its NAT shows it to us.
Nbma Engine::station_of(const Tunnel& tunnel, const Packet& reply, Ipv4Address protocol) {
    const auto& cie = reply.cies.front();
    Nbma out{cie.nbma.value_or(Ipv4Address{}), std::nullopt};
    if (const auto* nat = reply.find(ExtensionType::nat_address)) {
        for (const auto& seen : parse_cies(nat->data).value_or(std::vector<Cie>{})) {
            if (seen.protocol == protocol && seen.nbma && seen.nbma != cie.nbma) {
                out = {*seen.nbma, cie.nbma};
            }
        }
    }
    return reachable(tunnel, out);
}

/// Of what the answer says: nothing wider than our own route, for it was not asked about other networks.
Ipv4Prefix Engine::answered_prefix(const Tunnel& tunnel, Ipv4Address target, const Cie& cie) const {
    const auto& interface = tunnel.interface;
    const bool whole = cie.prefix_length == kPrefixUnique || cie.prefix_length == 0;
    const bool in_fabric = Ipv4Prefix{interface.address, interface.length}.contains(target);
    if (whole || in_fabric || cie.protocol.value_or(target) == target) {
        return {target, 32};
    }
    const auto route = routes_.lookup(target);
    return {target, std::max<unsigned>(cie.prefix_length, route ? route->prefix.length() : 0U)};
}

CacheEntry* Engine::store_answer(Received& r,
                                 const CacheKey& key,
                                 Ipv4Address asked,
                                 const Nbma& nbma) {
    const auto& cie = r.packet.cies.front();
    auto* entry = cache_.find(key);
    if (entry == nullptr) {
        entry = make_entry(r.now, r.tunnel, key);
    } else if (entry->type == EntryType::configured || entry->registered ||
               entry->type == EntryType::local) {
        return nullptr;  // we know better
    } else if (entry->type == EntryType::dynamic) {
        change_nbma(r.now, *entry, nbma);
    }
    if (entry == nullptr) {
        return nullptr;
    }
    const auto via = cie.protocol.value_or(asked);
    if (entry->next_hop != via) {
        remove_route(*entry);
    }
    cache_.set_nbma(*entry, nbma);
    entry->type = EntryType::dynamic;
    entry->negative = false;
    entry->implicit = false;
    entry->authoritative = (r.packet.flags & kResolutionAuthoritative) != 0;
    entry->router = (r.packet.flags & kResolutionRouter) != 0;
    entry->nat = (r.packet.flags & kNatSupported) != 0;
    entry->next_hop = via;
    entry->asked = asked;
    entry->mtu = cie.mtu;
    entry->holding_time_s = cie.holding_time_s;
    entry->expires = r.now + std::chrono::seconds(cie.holding_time_s);
    return entry;
}

void Engine::debug_reply(const Tunnel& tunnel, const Nbma& nbma) {
    const auto local = tunnel.interface.nbma.to_string();
    if (ready(tunnel, nbma)) {
        log_.debug(Debug::nhrp,
                   "NHRP: No need to delay processing of resolution event nbma src:{} nbma dst:{}",
                   local,
                   nbma.address.to_string());
    } else if (delayed_by_peer_.contains({tunnel.interface.index, nbma})) {
        log_.debug(Debug::nhrp, "NHRP: Resolution request is already being processed (delayed).");
        log_.debug(Debug::nhrp,
                   "NHRP: Resolution Request not queued. Already being processed (delayed).");
    } else {
        log_.debug(Debug::nhrp,
                   "NHRP: Delaying resolution request nbma src:{} nbma dst:{} reason:IPSEC-IFC: "
                   "need to wait for IPsec SAs.",
                   local,
                   nbma.address.to_string());
    }
}

void Engine::accept_reply(Received& r, const TargetKey& key) {
    auto& tunnel = r.tunnel;
    const auto& interface = tunnel.interface;
    const auto& cie = r.packet.cies.front();
    const auto via = cie.protocol.value_or(key.target);
    const auto nbma = station_of(tunnel, r.packet, via);
    const bool sane = !nbma.address.is_unspecified() && !nbma.address.is_multicast() &&
                      nbma.address != interface.nbma && via != interface.address &&
                      cie.holding_time_s != 0 &&
                      (cie.prefix_length <= 32 || cie.prefix_length == kPrefixUnique);
    if (!sane) {
        drop(tunnel, Drop::invalid_reply);
        return;
    }
    end_resolution(key);
    debug_reply(tunnel, nbma);
    const auto target = answered_prefix(tunnel, key.target, cie);
    if (via != target.network() || target.length() != 32) {
        // The adjacency of the shortcut's next hop.
        if (auto* hop = store_answer(r, {key.tunnel, {via, 32}}, via, nbma)) {
            hop->nhop = true;
            complete_entry(r.now, tunnel, *hop);
        }
    }
    auto* entry = store_answer(r, {key.tunnel, target}, key.target, nbma);
    if (entry == nullptr) {
        return;
    }
    auto* host = cache_.find_host(key.tunnel, key.target);
    const bool replaced = host != nullptr && host != entry && host->type == EntryType::incomplete;
    if (replaced) {
        // The adjacencies change hands; none is missing for a moment.
        entry->adjacencies.insert(host->adjacencies.begin(), host->adjacencies.end());
    }
    complete_entry(r.now, tunnel, *entry);
    if (replaced) {
        remove_entry(r.now, host->key, "answered by a network");
    }
}

}  // namespace viaduct::nhrp
