// Purges, and Cisco's traffic indications (the redirect of phase 3).
#include <algorithm>

#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/timing.h"
#include "dataplane/base/check.h"

namespace viaduct::nhrp {
namespace {

/// Source and destination of an IPv4 header; nullopt if it is none.
struct Flow {
    Ipv4Address source;
    Ipv4Address destination;
    std::size_t header_bytes = 0;
};

std::optional<Flow> read_flow(BytesView packet) {
    ByteReader reader(packet);
    const auto first = reader.u8();
    reader.skip(11);
    const auto source = reader.address();
    const auto destination = reader.address();
    const std::size_t header = std::size_t{first & 0xFU} * 4;
    if (!reader.ok() || first >> 4U != 4 || header < 20 || header > packet.size()) {
        return std::nullopt;
    }
    return Flow{source, destination, header};
}

constexpr std::size_t kIndicatedPayload = 8;  // IOS: header and 8 bytes (captures of real gear)

}  // namespace

// ---- Purge -------------------------------------------------------------------------------------------

void Engine::purge_requesters(TimePoint now, CacheEntry& entry) {
    auto& tunnel = tunnels_.at(entry.key.tunnel);
    for (const auto& requester : std::exchange(entry.requesters, {})) {
        if (requester.until > now && requester.protocol != entry.key.target.network()) {
            send_purge(now, tunnel, {requester.protocol, requester.nbma}, entry.key.target);
        }
    }
}

void Engine::send_purge(TimePoint now, Tunnel& tunnel, const Hop& to, const Ipv4Prefix& what) {
    const auto& interface = tunnel.interface;
    Packet packet;
    packet.type = PacketType::purge_request;
    packet.request_id = next_request_id();
    packet.source_nbma = interface.nbma;
    packet.source_protocol = interface.address;
    packet.destination_protocol = to.protocol;
    Cie cie;
    cie.prefix_length = static_cast<std::uint8_t>(what.length());
    cie.protocol = what.network();
    packet.cies.push_back(cie);
    packet.extensions = request_extensions(tunnel);
    send(now, tunnel, to, packet, "Send");
    if (purges_.size() < limits_.purges) {
        const auto id = packet.request_id;
        purges_[id] = {interface.index, to.nbma, std::move(packet), 1};
        timers_.set({Timer::purge, interface.index, id}, now + kPurgeRetry);
    }
}

void Engine::on_purge_timer(TimePoint now, std::uint32_t id) {
    const auto it = purges_.find(id);
    VIADUCT_CHECK(it != purges_.end());
    auto& purge = it->second;
    auto& tunnel = tunnels_.at(purge.tunnel);
    if (purge.tries++ >= kPurgeTries) {
        purges_.erase(it);
        return;
    }
    timers_.set({Timer::purge, purge.tunnel, id}, now + kPurgeRetry * (1U << purge.tries));
    send(now, tunnel, {purge.packet.destination_protocol, purge.to}, purge.packet, "Send");
}

/// A client takes back its own registration; a server or an egress router takes back what it answered.
void Engine::on_purge_request(Received& r) {
    auto& tunnel = r.tunnel;
    const auto index = tunnel.interface.index;
    // Only from whom we deal with.
    const bool known = !cache_.of_nbma(index, r.from()).empty();
    for (const auto& cie : r.packet.cies) {
        const auto address = cie.protocol.value_or(r.packet.source_protocol);
        const unsigned length =
            cie.prefix_length > 32 || cie.prefix_length == 0 ? 32U : cie.prefix_length;
        const CacheKey key{index, {address, length}};
        const auto* entry = cache_.find(key);
        if (entry == nullptr) {
            continue;
        }
        const bool owner =
            address == r.packet.source_protocol && same_station(entry->nbma, r.sender);
        const bool learned = entry->type == EntryType::dynamic && !entry->registered;
        if (entry->type == EntryType::configured || entry->type == EntryType::local ||
            !(owner || (known && learned))) {
            drop(tunnel, Drop::purge_refused);
            continue;
        }
        if (entry->type == EntryType::dynamic) {
            remove_entry(r.now, key, "purged");
        }
    }
    if (!known || (r.packet.flags & kPurgeNoReply) != 0) {
        return;
    }
    send(r.now,
         tunnel,
         {r.packet.source_protocol, r.sender},
         make_reply(tunnel, r.packet, PacketType::purge_reply),
         "Send");
}

void Engine::on_purge_reply(Received& r) {
    const auto it = purges_.find(r.packet.request_id);
    if (it == purges_.end() || it->second.tunnel != r.tunnel.interface.index) {
        drop(r.tunnel, Drop::unmatched_reply);
        return;
    }
    timers_.cancel({Timer::purge, it->second.tunnel, it->first});
    purges_.erase(it);
}

// ---- Phase 3 -----------------------------------------------------------------------------------------

void Engine::on_redirect(TimePoint now,
                         IfIndex in_tunnel,
                         IfIndex out_tunnel,
                         Ipv4Address from_nbma,
                         BytesView offending_ip_packet) {
    auto* in = find_tunnel(in_tunnel);
    const auto* out = find_tunnel(out_tunnel);
    if (in == nullptr || out == nullptr ||
        in->interface.nhrp.network_id != out->interface.nhrp.network_id) {
        return;
    }
    log_.debug(Debug::nhrp,
               "NHRP: Forwarding packet within same fabric {} -> {}",
               in->interface.name,
               out->interface.name);
    const auto flow = read_flow(offending_ip_packet);
    if (!in->interface.nhrp.redirect || !flow || flow->destination.is_multicast()) {
        return;
    }
    // Two stations behind one NAT: the one whose route leads there, if the flow's source tells.
    const auto stations = cache_.of_nbma(in_tunnel, from_nbma);
    const auto route = routes_.lookup(flow->source);
    const auto back = route && !route->next_hop.is_unspecified() ? route->next_hop : flow->source;
    const CacheEntry* spoke = nullptr;
    for (const auto* station : stations) {
        if (station->host() && station->complete() &&
            (spoke == nullptr || station->key.target.network() == back)) {
            spoke = station;
        }
    }
    if (spoke == nullptr) {
        drop(*in, Drop::redirect_ignored);
        return;
    }
    const RedirectKey key{spoke->key.target.network(), flow->source, flow->destination};
    if (const auto it = redirects_.find(key); it != redirects_.end() && it->second > now) {
        drop(*in, Drop::redirect_suppressed);
        return;
    }
    if (redirects_.size() >= limits_.redirects) {
        std::erase_if(redirects_, [&](const auto& item) { return item.second <= now; });
        if (redirects_.size() >= limits_.redirects) {
            drop(*in, Drop::redirect_suppressed);
            return;
        }
    }
    redirects_[key] = now + kRedirectInterval;
    Packet packet;
    packet.type = PacketType::traffic_indication;
    packet.source_nbma = in->interface.nbma;
    packet.source_protocol = in->interface.address;
    packet.destination_protocol = key.spoke;
    const auto bytes = offending_ip_packet.first(
        std::min(offending_ip_packet.size(), flow->header_bytes + kIndicatedPayload));
    packet.contents.assign(bytes.begin(), bytes.end());
    packet.extensions = request_extensions(*in);
    std::erase_if(packet.extensions, [](const Extension& e) {
        return e.type == static_cast<std::uint16_t>(ExtensionType::responder_address);
    });
    send(now, *in, {key.spoke, spoke->nbma}, packet, "Send");
}

void Engine::on_traffic_indication(Received& r) {
    auto& tunnel = r.tunnel;
    const auto& interface = tunnel.interface;
    if (r.packet.destination_protocol != interface.address) {
        forward_towards(r, r.packet.destination_protocol);
        return;
    }
    const auto flow = read_flow(r.packet.contents);
    if (!flow) {
        drop(tunnel, Drop::malformed);
        return;
    }
    // Only what we did send that way, and only from a station that we know.
    const auto route = routes_.lookup(flow->destination);
    const bool by_tunnel = route && route->out == interface.index;
    if (!interface.nhrp.shortcut || !by_tunnel || flow->destination == interface.address ||
        flow->destination.is_multicast() || cache_.of_nbma(interface.index, r.from()).empty()) {
        drop(tunnel, Drop::redirect_ignored);
        return;
    }
    const auto* known = cache_.longest(
        interface.index, flow->destination, [](const CacheEntry& e) { return e.complete(); });
    if (known != nullptr && (known->route || known->host())) {
        return;  // the packet was on its way before the shortcut stood
    }
    start_resolution(r.now, tunnel, flow->destination, Why::redirect);
}

}  // namespace viaduct::nhrp
