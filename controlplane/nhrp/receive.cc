// What all received packets have in common: admission, authentication, transit records, forwarding,
// error indications.
#include <algorithm>

#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/timing.h"

namespace viaduct::nhrp {
namespace {

Drop drop_of(ParseError error) {
    switch (error) {
    case ParseError::bad_checksum:
        return Drop::bad_checksum;
    case ParseError::unknown_type:
        return Drop::unknown_type;
    case ParseError::truncated:
    case ParseError::bad_length:
    case ParseError::bad_version:
    case ParseError::bad_address_family:
    case ParseError::bad_address_length:
    case ParseError::bad_extension:
    case ParseError::too_many_entries:
        return Drop::malformed;
    }
    return Drop::malformed;
}

bool is_request(PacketType type) {
    return type == PacketType::resolution_request || type == PacketType::registration_request ||
           type == PacketType::purge_request;
}

bool is_reply(PacketType type) {
    return type == PacketType::resolution_reply || type == PacketType::registration_reply ||
           type == PacketType::purge_reply;
}

/// Where a packet wants to go: a request to its destination, a reply back to its request's source.
Ipv4Address addressee(const Packet& packet) {
    return is_reply(packet.type) ? packet.source_protocol : packet.destination_protocol;
}

}  // namespace

/// One line a tunnel and kLogInterval, whoever sends how much.
void Engine::complain(TimePoint now, Tunnel& tunnel, Ipv4Address from, Drop reason) {
    drop(tunnel, reason);
    if (now < tunnel.log_allowed) {
        ++tunnel.log_suppressed;
        return;
    }
    tunnel.log_allowed = now + kLogInterval;
    log_.message("NHRP",
                 Severity::errors,
                 "BADPACKET",
                 "Dropped packet from {} on {}, reason: {} ({} more not logged)",
                 from.to_string(),
                 tunnel.interface.name,
                 to_string(reason),
                 tunnel.log_suppressed);
    tunnel.log_suppressed = 0;
}

bool Engine::admit(TimePoint now, Tunnel& tunnel, Ipv4Address from) {
    if (!sources_.contains(from) && sources_.size() >= limits_.sources) {
        // Those that were quiet long enough to have their burst again need not be remembered.
        const auto full = std::chrono::seconds(limits_.source_burst / limits_.source_per_s + 1);
        std::erase_if(sources_, [&](const auto& item) { return now - item.second.at >= full; });
        if (sources_.size() >= limits_.sources) {
            drop(tunnel, Drop::source_rate_exceeded);
            return false;
        }
    }
    const auto [it, added] =
        sources_.try_emplace(from, Bucket{static_cast<double>(limits_.source_burst), now});
    auto& bucket = it->second;
    const std::chrono::duration<double> passed = now - bucket.at;
    bucket.tokens = std::min<double>(limits_.source_burst,
                                     bucket.tokens + passed.count() * limits_.source_per_s);
    bucket.at = now;
    if (bucket.tokens < 1) {
        drop(tunnel, Drop::source_rate_exceeded);
        return false;
    }
    bucket.tokens -= 1;
    return true;
}

void Engine::on_packet(TimePoint now,
                       IfIndex index,
                       Ipv4Address from,
                       BytesView nhrp,
                       std::optional<Ipv4Address> nat_original) {
    auto* tunnel = find_tunnel(index);
    if (tunnel == nullptr || !admit(now, *tunnel, from)) {
        return;
    }
    auto parsed = parse(nhrp);
    if (!parsed) {
        complain(now, *tunnel, from, drop_of(parsed.error()));
        return;
    }
    const bool first_hop = parsed->hop_count == 255 && is_request(parsed->type) &&
                           from != parsed->source_nbma && !parsed->source_nbma.is_unspecified();
    if (!nat_original && first_hop) {
        nat_original = parsed->source_nbma;  // in the clear: by its own word
    }
    Received r{now, *tunnel, {from, nat_original}, std::move(*parsed), nhrp.size(), nhrp};
    ++tunnel->traffic.received.at(static_cast<std::size_t>(r.packet.type));
    const bool to_us = addressee(r.packet) == tunnel->interface.address;
    log_.debug(Debug::nhrp,
               "NHRP: Receive {} via {}, packet size: {}",
               to_string(r.packet.type),
               tunnel->interface.name,
               r.size);
    debug_packet(r.packet, r.size);
    if (r.packet.type != PacketType::error_indication) {
        log_.debug(Debug::nhrp,
                   "NHRP: netid_in = {}, to_us = {}",
                   is_reply(r.packet.type) ? 0 : tunnel->interface.nhrp.network_id.value_or(0),
                   to_us ? 1 : 0);
        if (!authenticated(r)) {
            return;
        }
    }
    // Nobody else speaks with our addresses; our own request that comes back went round a loop.
    if (from == tunnel->interface.nbma ||
        (is_request(r.packet.type) && r.packet.source_protocol == tunnel->interface.address)) {
        complain(now, *tunnel, from, Drop::spoofed_source);
        return;
    }
    dispatch(r);
}

bool Engine::authenticated(Received& r) {
    const auto& password = r.tunnel.interface.nhrp.authentication;
    if (password.empty()) {
        return true;
    }
    const auto* extension = r.packet.find(ExtensionType::authentication);
    if (extension != nullptr && authentication_matches(*extension, password)) {
        return true;
    }
    log_.debug(Debug::nhrp, "NHRP: Authentication failed for packet from {}", r.from().to_string());
    complain(r.now, r.tunnel, r.from(), Drop::authentication_failed);
    send_error(r, ErrorCode::authentication_failure, 0);
    return false;
}

bool Engine::extensions_known(Received& r) {
    // RFC 2332, 5.3: an extension that is compulsory and not recognized is answered with an error
    // indication; by the stations at the ends, transit passes it on.
    for (const auto& extension : r.packet.extensions) {
        const bool known = extension.type <= 5 || extension.type == 7 || extension.type == 8 ||
                           extension.type == 9;
        if (!known && extension.compulsory) {
            drop(r.tunnel, Drop::unknown_extension);
            send_error(r, ErrorCode::unrecognized_extension, extension.type);
            return false;
        }
    }
    return true;
}

void Engine::dispatch(Received& r) {
    const bool to_us = addressee(r.packet) == r.tunnel.interface.address;
    switch (r.packet.type) {
    case PacketType::resolution_request:
        on_resolution_request(r);
        return;
    case PacketType::error_indication:
        on_error_indication(r);
        return;
    case PacketType::traffic_indication:
        on_traffic_indication(r);
        return;
    case PacketType::resolution_reply:
    case PacketType::registration_request:
    case PacketType::registration_reply:
    case PacketType::purge_request:
    case PacketType::purge_reply:
        break;
    }
    if (!to_us) {
        forward_towards(r, addressee(r.packet));
        return;
    }
    if (!extensions_known(r)) {
        return;
    }
    switch (r.packet.type) {
    case PacketType::resolution_reply:
        on_resolution_reply(r);
        return;
    case PacketType::registration_request:
        on_registration_request(r);
        return;
    case PacketType::registration_reply:
        on_registration_reply(r);
        return;
    case PacketType::purge_request:
        on_purge_request(r);
        return;
    case PacketType::purge_reply:
        on_purge_reply(r);
        return;
    case PacketType::resolution_request:
    case PacketType::error_indication:
    case PacketType::traffic_indication:
        return;  // above
    }
}

// ---- Transit -----------------------------------------------------------------------------------------

/// RFC 2332, 5.3.2: each server that passes a request on adds itself; who finds itself there already has
/// found a loop. False if so.
bool Engine::record_transit(Received& r, Tunnel& out, ExtensionType which) {
    auto* extension = r.packet.find(which);
    if (extension == nullptr) {
        return true;
    }
    auto cies = parse_cies(extension->data);
    if (!cies) {
        complain(r.now, r.tunnel, r.from(), Drop::malformed);
        return false;
    }
    const bool seen = std::ranges::any_of(*cies, [&](const Cie& cie) {
        return std::ranges::any_of(tunnels_, [&](const auto& item) {
            return cie.protocol == item.second.interface.address &&
                   cie.nbma == item.second.interface.nbma;
        });
    });
    if (seen) {
        drop(r.tunnel, Drop::loop_detected);
        send_error(r, ErrorCode::loop_detected, 0);
        return false;
    }
    if (out.interface.nhrp.record && cies->size() < kMaxCies) {
        cies->push_back(own_cie(out, 0));
        *extension = make_extension(which, *cies);
    }
    return true;
}

void Engine::forward(Received& r, Tunnel& out, const Hop& hop) {
    auto& packet = r.packet;
    // RFC 2332, 5.1: a packet whose hop count would reach zero is not passed on.
    if (packet.hop_count <= 1) {
        drop(r.tunnel, Drop::hop_count_exceeded);
        send_error(r, ErrorCode::hop_count_exceeded, 0);
        return;
    }
    const auto station = is_reply(packet.type) ? Nbma{packet.source_nbma, {}} : requester_of(r);
    const auto which =
        is_reply(packet.type) ? ExtensionType::reverse_transit : ExtensionType::forward_transit;
    if (!record_transit(r, out, which)) {
        return;
    }
    --packet.hop_count;
    // The asker is behind a NAT and may not know it: say how we see it.
    auto* nat = packet.find(ExtensionType::nat_address);
    if (!is_reply(packet.type) && station.original && nat != nullptr) {
        auto cies = parse_cies(nat->data).value_or(std::vector<Cie>{});
        const bool said = std::ranges::any_of(cies, [&](const Cie& cie) {
            return cie.protocol == packet.source_protocol && cie.nbma;
        });
        if (!said && cies.size() < kMaxCies) {
            auto cie = own_cie(out, 32);
            cie.holding_time_s = 0;
            cie.nbma = station.address;
            cie.protocol = packet.source_protocol;
            cies.push_back(cie);
            *nat = make_extension(ExtensionType::nat_address, cies);
        }
    }
    std::erase_if(packet.extensions, [](const Extension& e) {
        return e.type == static_cast<std::uint16_t>(ExtensionType::authentication);
    });
    if (const auto& password = out.interface.nhrp.authentication; !password.empty()) {
        const auto before_nat =
            std::ranges::find(packet.extensions,
                              static_cast<std::uint16_t>(ExtensionType::nat_address),
                              &Extension::type);
        packet.extensions.insert(before_nat, make_authentication(password));
    }
    send(r.now, out, hop, packet, "Forwarding");
}

/// Replies, purges and what else is not for us go where their addressee is known to be.
void Engine::forward_towards(Received& r, Ipv4Address destination) {
    const auto same_fabric = [&](IfIndex index) {
        const auto* tunnel = find_tunnel(index);
        return tunnel != nullptr &&
               tunnel->interface.nhrp.network_id == r.tunnel.interface.nhrp.network_id;
    };
    IfIndex out = r.tunnel.interface.index;
    Ipv4Address hop = destination;
    if (cache_.find_host(out, destination) == nullptr) {
        const auto route = routes_.lookup(destination);
        if (!route || !same_fabric(route->out)) {
            drop(r.tunnel, Drop::no_route);
            return;
        }
        out = route->out;
        hop = route->next_hop.is_unspecified() ? destination : route->next_hop;
    }
    const auto* entry = cache_.find_host(out, hop);
    const bool back = entry != nullptr && same_station(entry->nbma, r.sender);
    if (entry == nullptr || !entry->complete() || back) {
        drop(r.tunnel, Drop::no_route);
        return;
    }
    forward(r, *find_tunnel(out), {hop, entry->nbma});
}

// ---- Errors ------------------------------------------------------------------------------------------

void Engine::send_error(Received& r, ErrorCode code, std::uint16_t offset) {
    // RFC 2332, 5.2.7: never in answer to an error indication.
    if (r.packet.type == PacketType::error_indication || r.raw.empty()) {
        return;
    }
    if (r.now >= r.tunnel.error_allowed) {
        r.tunnel.error_allowed = r.now + 1s;
        r.tunnel.errors_in_burst = 0;
    }
    if (r.tunnel.errors_in_burst++ >= kErrorsPerSecond) {
        return;
    }
    Packet error;
    error.type = PacketType::error_indication;
    error.error_code = static_cast<std::uint16_t>(code);
    error.error_offset = offset;
    error.source_nbma = r.tunnel.interface.nbma;
    error.source_protocol = r.tunnel.interface.address;
    error.destination_protocol = r.packet.source_protocol;
    error.contents.assign(r.raw.begin(), r.raw.end());
    // Who asked may be some servers away: a packet that went round a loop comes from the last of them. Where it is
    // registered here, it is told directly.
    const auto* asker = cache_.find_host(r.tunnel.interface.index, r.packet.source_protocol);
    const bool known = asker != nullptr && asker->complete();
    send(
        r.now, r.tunnel, {r.packet.source_protocol, known ? asker->nbma : r.sender}, error, "Send");
}

void Engine::on_error_indication(Received& r) {
    if (r.packet.destination_protocol != r.tunnel.interface.address) {
        forward_towards(r, r.packet.destination_protocol);
        return;
    }
    const auto cause = parse(r.packet.contents);
    const bool ours = cause && cause->source_protocol == r.tunnel.interface.address;
    if (!ours) {
        drop(r.tunnel, Drop::unmatched_reply);
        return;
    }
    if (r.now >= r.tunnel.log_allowed) {
        r.tunnel.log_allowed = r.now + kLogInterval;
        log_.message("NHRP",
                     Severity::errors,
                     "PAKERROR",
                     "Received Error Indication from {}, code: {}({}), (trigger src: {} (nbma: {}) "
                     "dst: {}), offset: {}",
                     r.packet.source_protocol.to_string(),
                     to_string(static_cast<ErrorCode>(r.packet.error_code)),
                     r.packet.error_code,
                     cause->source_protocol.to_string(),
                     cause->source_nbma.to_string(),
                     cause->destination_protocol.to_string(),
                     r.packet.error_offset);
    }
    const auto it = pending_by_id_.find(cause->request_id);
    if (it == pending_by_id_.end() || cause->type != PacketType::resolution_request ||
        it->second != TargetKey{r.tunnel.interface.index, cause->destination_protocol}) {
        return;
    }
    // The question cannot be answered this way; authentication may be put right, so that one goes on.
    const auto code = static_cast<ErrorCode>(r.packet.error_code);
    if (code == ErrorCode::loop_detected || code == ErrorCode::hop_count_exceeded ||
        code == ErrorCode::protocol_address_unreachable) {
        const auto key = it->second;
        end_resolution(key);
        if (auto* entry = cache_.find_host(key.tunnel, key.target);
            entry != nullptr && entry->type == EntryType::incomplete) {
            entry->negative = true;
        }
    }
}

}  // namespace viaduct::nhrp
