// Registration: a client's with its servers, and a server's of its clients.
#include <algorithm>

#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/timing.h"

namespace viaduct::nhrp {
namespace {

char letter(ServerState state) {
    switch (state) {
    case ServerState::waiting:
        return 'W';
    case ServerState::expecting:
        return 'E';
    case ServerState::responding:
        return 'R';
    }
    return '?';
}

/// A third of the hold time, unless configured.
Duration refresh_interval(const config::NhrpConfig& config) {
    const auto third = std::max<unsigned>(config.holdtime_s / 3U, 1U);
    return std::chrono::seconds(
        config.registration_timeout_s.value_or(static_cast<std::uint16_t>(third)));
}

}  // namespace

// ---- Client ------------------------------------------------------------------------------------------

void Engine::set_server_state(
    TimePoint now, Tunnel& tunnel, Server& server, ServerState state, std::string_view reason) {
    if (server.state == state) {
        return;
    }
    const auto old = std::exchange(server.state, state);
    server.since = now;
    const auto address = server.config.protocol_address.to_string();
    log_.debug(Debug::nhrp,
               "NHRP: NHS {} on {}: {} -> {}, {}",
               address,
               tunnel.interface.name,
               letter(old),
               letter(state),
               reason);
    if (state == ServerState::responding) {
        log_.message("DMVPN",
                     Severity::notifications,
                     "NHRP_NHS_UP",
                     "{} {} is UP",
                     tunnel.interface.name,
                     address);
    } else if (old == ServerState::responding) {
        log_.message("DMVPN",
                     Severity::notifications,
                     "NHRP_NHS_DOWN",
                     "{} {} is DOWN, {}",
                     tunnel.interface.name,
                     address,
                     reason);
    }
    if (state == ServerState::waiting) {
        server.request_id = 0;
        timers_.cancel(
            {Timer::registration, tunnel.interface.index, server.config.protocol_address.value()});
    }
}

/// Which servers of each cluster are wanted: all, or as many as `max-connections` says, the best first.
/// A lesser one is begun with when too few better ones respond or are being tried; one that responds has
/// to wait when enough better ones stood for the fallback time. Changes one server and says so, or says
/// that all is as it should be.
bool Engine::change_one_server(TimePoint now, Tunnel& tunnel) {
    const auto& config = tunnel.interface.nhrp;
    const Duration patience =
        config.fallback_s ? Duration{std::chrono::seconds(*config.fallback_s)} : kFallbackDelay;
    std::map<std::uint8_t, std::vector<Server*>> clusters;
    for (auto& server : tunnel.servers) {
        clusters[server.config.cluster].push_back(&server);
    }
    for (auto& [cluster, members] : clusters) {
        // Equally good ones in the order of configuration, which is the vector's.
        std::ranges::sort(
            members, {}, [](const Server* s) { return std::pair{s->config.priority, s}; });
        const auto limit = config.cluster_max_connections.find(cluster);
        const std::size_t wanted =
            limit == config.cluster_max_connections.end() ? members.size() : limit->second;
        std::size_t settled = 0;
        std::size_t begun = 0;
        for (auto* server : members) {
            const bool up = server->state == ServerState::responding;
            const bool wait = (up ? settled : begun) >= wanted;
            if (wait && server->state != ServerState::waiting) {
                set_server_state(
                    now, tunnel, *server, ServerState::waiting, "enough better servers");
                return true;
            }
            if (!wait && server->state == ServerState::waiting) {
                server->unanswered = 0;
                set_server_state(now, tunnel, *server, ServerState::expecting, "wanted");
                return true;
            }
            const bool tried =
                server->state == ServerState::expecting && server->unanswered < kServerTries;
            begun += up || tried ? 1 : 0;
            settled += up && now - server->since >= patience ? 1 : 0;
            if (up && now - server->since < patience) {
                timers_.set({Timer::fallback, tunnel.interface.index, 0}, server->since + patience);
            }
        }
    }
    return false;
}

void Engine::choose_servers(TimePoint now, Tunnel& tunnel) {
    while (change_one_server(now, tunnel)) {
    }
    for (auto& server : tunnel.servers) {
        const TimerKey key{
            Timer::registration, tunnel.interface.index, server.config.protocol_address.value()};
        if (server.state != ServerState::waiting && timers_.at(key) == kNever) {
            server.retry = {};
            send_registration(now, tunnel, server);
        }
    }
    retarget_temporary(tunnel);
}

void Engine::send_registration(TimePoint now, Tunnel& tunnel, Server& server) {
    const auto& interface = tunnel.interface;
    // IOS: 1, 2, 4 … 64 s after one that is not answered.
    server.retry = server.retry == Duration{}
                       ? kRegistrationRetry
                       : std::min<Duration>(server.retry * 2, kRegistrationRetryMax);
    timers_.set({Timer::registration, interface.index, server.config.protocol_address.value()},
                now + server.retry);
    ++server.unanswered;
    if (!server.nbma) {
        drop(tunnel, Drop::no_server);  // `ip nhrp nhs` without a map
        return;
    }
    if (!ready(tunnel, *server.nbma)) {
        request_tunnel(tunnel, *server.nbma);  // then at once
        return;
    }
    if (server.request_id == 0) {
        server.request_id = next_request_id();
    }
    const bool unique = !interface.nhrp.registration_no_unique;
    Packet packet;
    packet.type = PacketType::registration_request;
    packet.flags = static_cast<std::uint16_t>((unique ? kRegistrationUnique : 0U) |
                                              (interface.nat_extension ? kNatSupported : 0U));
    packet.request_id = server.request_id;
    packet.source_nbma = interface.nbma;
    packet.source_protocol = interface.address;
    packet.destination_protocol = server.config.protocol_address;
    Cie cie;
    // IOS: 12.x says "unique" by the prefix length too, 15.x says 32.
    cie.prefix_length = unique && !interface.nat_extension ? kPrefixUnique : 32;
    cie.mtu = interface.cie_mtu;
    cie.holding_time_s = interface.nhrp.holdtime_s;
    packet.cies.push_back(cie);
    packet.extensions = request_extensions(tunnel);
    if (auto* nat = packet.find(ExtensionType::nat_address)) {
        // IOS: the server as the client sees it.
        Cie seen = own_cie(tunnel, 32);
        seen.holding_time_s = 0;
        seen.nbma = server.nbma->address;
        seen.protocol = server.config.protocol_address;
        *nat = make_extension(ExtensionType::nat_address, {&seen, 1});
    }
    if (send(now, tunnel, {server.config.protocol_address, *server.nbma}, packet, "Send")) {
        ++server.requests_sent;
    }
}

void Engine::on_registration_timer(TimePoint now, Tunnel& tunnel, Server& server) {
    if (server.state == ServerState::waiting) {
        return;
    }
    if (server.request_id != 0) {
        ++server.requests_failed;
    }
    if (server.unanswered >= kServerDownAfter) {
        set_server_state(now, tunnel, server, ServerState::expecting, "no registration reply");
    }
    if (server.unanswered == kServerDownAfter && tunnel.interface.protection && server.nbma &&
        ready(tunnel, *server.nbma)) {
        actions_.emplace_back(
            ResetTunnel{tunnel.interface.index, tunnel.interface.nbma, *server.nbma});
    }
    send_registration(now, tunnel, server);
    choose_servers(now, tunnel);
}

void Engine::learn_public_nbma(Tunnel& tunnel, const Packet& reply) {
    const auto* nat = reply.find(ExtensionType::nat_address);
    const auto cies = nat == nullptr ? std::nullopt : parse_cies(nat->data);
    std::optional<Ipv4Address> seen;
    for (const auto& cie : cies.value_or(std::vector<Cie>{})) {
        if (cie.protocol == tunnel.interface.address && cie.nbma &&
            cie.nbma != tunnel.interface.nbma) {
            seen = cie.nbma;
        }
    }
    if (seen != tunnel.public_nbma) {
        log_.debug(Debug::nhrp_extension,
                   "NHRP: {}: NBMA address {} is seen as {}",
                   tunnel.interface.name,
                   tunnel.interface.nbma.to_string(),
                   seen.value_or(tunnel.interface.nbma).to_string());
        tunnel.public_nbma = seen;
    }
}

void Engine::on_registration_reply(Received& r) {
    auto& tunnel = r.tunnel;
    const auto it = std::ranges::find_if(tunnel.servers, [&](const Server& s) {
        return s.request_id != 0 && s.request_id == r.packet.request_id &&
               s.config.protocol_address == r.packet.destination_protocol;
    });
    if (it == tunnel.servers.end()) {
        drop(tunnel, Drop::unmatched_reply);  // a duplicate, or late
        return;
    }
    auto& server = *it;
    if (r.packet.cies.empty()) {
        drop(tunnel, Drop::invalid_reply);
        return;
    }
    ++server.replies_received;
    server.last_reply = r.now;
    server.request_id = 0;
    server.unanswered = 0;
    const auto code = static_cast<CieCode>(r.packet.cies.front().code);
    const TimerKey timer{
        Timer::registration, tunnel.interface.index, server.config.protocol_address.value()};
    if (code != CieCode::success) {
        if (r.now >= tunnel.log_allowed) {
            tunnel.log_allowed = r.now + kLogInterval;
            log_.message("NHRP",
                         Severity::errors,
                         "PAKREPLY",
                         "Receive Registration Reply packet with error - {}({})",
                         to_string(code),
                         r.packet.cies.front().code);
        }
        ++server.requests_failed;
        // The server is there but will not have us: try on, slowly.
        server.retry = kRegistrationRetryMax;
        timers_.set(timer, r.now + kRegistrationRetryMax);
        server.unanswered = kServerTries;
        set_server_state(r.now, tunnel, server, ServerState::expecting, to_string(code));
        choose_servers(r.now, tunnel);
        return;
    }
    server.retry = {};
    learn_public_nbma(tunnel, r.packet);
    timers_.set(timer, r.now + refresh_interval(tunnel.interface.nhrp));
    set_server_state(r.now, tunnel, server, ServerState::responding, "registration reply");
    choose_servers(r.now, tunnel);
}

void Engine::deregister(TimePoint now, Tunnel& tunnel, Ipv4Address protocol, const Server& server) {
    // RFC 2332, 5.2.5: a client that goes asks its server to forget it; nobody waits for the answer.
    if (server.state != ServerState::responding || !server.nbma || !ready(tunnel, *server.nbma)) {
        return;
    }
    Packet packet;
    packet.type = PacketType::purge_request;
    packet.flags = kPurgeNoReply;
    packet.request_id = next_request_id();
    packet.source_nbma = tunnel.interface.nbma;
    packet.source_protocol = protocol;
    packet.destination_protocol = server.config.protocol_address;
    Cie cie;
    cie.prefix_length = 32;
    cie.protocol = protocol;
    packet.cies.push_back(cie);
    packet.extensions = request_extensions(tunnel);
    send(now, tunnel, {server.config.protocol_address, *server.nbma}, packet, "Send");
}

// ---- Server ------------------------------------------------------------------------------------------

void Engine::on_registration_request(Received& r) {
    const auto nbma = requester_of(r);
    Packet reply = make_reply(r.tunnel, r.packet, PacketType::registration_reply);
    if (reply.cies.empty()) {
        complain(r.now, r.tunnel, r.from(), Drop::malformed);
        return;
    }
    for (auto& cie : reply.cies) {
        cie.code = static_cast<std::uint8_t>(register_station(r, cie, nbma));
    }
    if (auto* nat = reply.find(ExtensionType::nat_address); nat != nullptr && nbma.original) {
        // IOS: a client behind a NAT is told how it is seen.
        auto cies = parse_cies(nat->data).value_or(std::vector<Cie>{});
        auto seen = own_cie(r.tunnel, 32);
        seen.holding_time_s = 0;
        seen.nbma = nbma.address;
        seen.protocol = r.packet.source_protocol;
        cies.push_back(seen);
        *nat = make_extension(ExtensionType::nat_address, cies);
    }
    send(r.now, r.tunnel, {r.packet.source_protocol, nbma}, reply, "Send");
}

CieCode Engine::register_station(Received& r, const Cie& cie, const Nbma& nbma) {
    auto& tunnel = r.tunnel;
    const auto& interface = tunnel.interface;
    const auto protocol = cie.protocol.value_or(r.packet.source_protocol);
    const Ipv4Prefix subnet{interface.address, interface.length};
    const CacheKey key{interface.index, {protocol, 32}};
    auto* entry = cache_.find(key);
    // Hosts of this tunnel's network for themselves, and nothing that we know better.
    const bool host =
        cie.prefix_length == 32 || cie.prefix_length == kPrefixUnique || cie.prefix_length == 0;
    const bool outside =
        interface.length < 32 && (!subnet.contains(protocol) || protocol == subnet.broadcast() ||
                                  protocol == subnet.network());
    if (!host || outside || protocol == interface.address || protocol.is_unspecified() ||
        protocol != r.packet.source_protocol || protocol.is_multicast() ||
        (entry != nullptr && entry->type == EntryType::configured)) {
        drop(tunnel, Drop::registration_prohibited);
        return CieCode::administratively_prohibited;
    }
    const bool unique = (r.packet.flags & kRegistrationUnique) != 0;
    if (entry != nullptr && entry->registered && entry->unique && entry->nbma != nbma) {
        log_.debug(Debug::nhrp,
                   "NHRP: Unique address {} is registered already with NBMA {}",
                   protocol.to_string(),
                   entry->nbma.address.to_string());
        drop(tunnel, Drop::registration_not_unique);
        return CieCode::unique_already_registered;
    }
    if (cie.holding_time_s == 0) {
        if (entry != nullptr && entry->registered) {
            remove_entry(r.now, key, "holding time 0");
        }
        return CieCode::success;
    }
    if (entry == nullptr) {
        entry = make_entry(r.now, tunnel, key);
        if (entry == nullptr) {
            return CieCode::insufficient_resources;
        }
    } else if (entry->nbma != nbma) {
        change_nbma(r.now, *entry, nbma);
    }
    end_resolution({interface.index, protocol});
    cache_.set_nbma(*entry, nbma);
    if (!entry->registered) {
        entry->registered = true;
        add_multicast(r.now, tunnel, nbma);
    }
    entry->type = EntryType::dynamic;
    entry->implicit = false;
    entry->negative = false;
    entry->authoritative = true;
    entry->unique = unique;
    entry->nat = (r.packet.flags & kNatSupported) != 0;
    entry->mtu = cie.mtu;
    entry->holding_time_s = cie.holding_time_s;
    entry->expires = r.now + std::chrono::seconds(cie.holding_time_s);
    const bool known = entry->adjacencies.contains(protocol) &&
                       entry->holds_peer == interface.protection && !entry->waiting_for_sa;
    if (known) {
        schedule_entry(r.now, *entry);  // only longer than before
    } else {
        complete_entry(r.now, tunnel, *entry);
    }
    return CieCode::success;
}

}  // namespace viaduct::nhrp
