// NHRP and what it says of the stations behind multipoint tunnels: adjacencies, multicast peers, shortcut
// routes, tunnels wanted from IKE.
#include <algorithm>
#include <fmt/format.h>
#include <variant>

#include "controlplane/ike/session_rows.h"
#include "controlplane/ip/packet.h"
#include "controlplane/router/core.h"
#include "dataplane/base/overloaded.h"

namespace viaduct {

namespace {

constexpr Duration kUsageEvery = 2s;
constexpr std::uint16_t kGreNhrp = 0x2001;
constexpr std::uint8_t kDistanceNhrp = 250;  // IOS
constexpr std::uint8_t kDistanceOverride = 0;  // in front of what it overrides

Station station_of_nbma(const nhrp::Nbma& nbma) {
    return {nbma.address, nbma.original};
}

/// IOS: releases before 12.4 send no NAT extension and say an MTU of 1514; `version` of the file decides how we
/// speak, so that the documents' sizes are met (84, 104, 112, 132).
bool old_release(const std::string& version) {
    const auto dot = version.find('.');
    if (dot == std::string::npos) {
        return false;
    }
    const auto major = std::strtoul(version.c_str(), nullptr, 10);
    const auto minor = std::strtoul(version.c_str() + dot + 1, nullptr, 10);
    return major < 12 || (major == 12 && minor < 4);
}

}  // namespace

std::optional<nhrp::Route> NhrpRouteLookup::lookup(Ipv4Address destination) const {
    const auto [route, paths] = router_.rib.look_up_without(destination, rib::Source::nhrp);
    if (!route || paths.empty() || paths.front().null0) {
        return std::nullopt;
    }
    return nhrp::Route{paths.front().interface,
                       paths.front().gateway.value_or(Ipv4Address{}),
                       route->prefix,
                       false};
}

std::string NhrpRouteLookup::interface_name(IfIndex index) const {
    const auto* at = router_.status(index);
    return at == nullptr ? std::string("Null0") : at->name.to_string();
}

nhrp::IpsecView::Phase DmvpnIpsecView::phase(Ipv4Address local, const nhrp::Nbma& remote) const {
    return router_.ike.phase1_stands(local, remote.address) ? Phase::ipsec : Phase::ike;
}

std::string DmvpnIpsecView::session(const nhrp::Interface& interface,
                                    const nhrp::Nbma& remote) const {
    const auto text = ike::show_dmvpn_session(router_.ike,
                                              router_.now,
                                              router_.protection_owner(interface.index),
                                              interface.nbma,
                                              remote.address,
                                              remote.original);
    return text.empty() ? text : fmt::format("Interface: {}\n{}", interface.name, text);
}

void RouterCore::configure_nhrp() {
    std::vector<nhrp::Interface> wanted;
    for (const auto& [index, at] : interfaces) {
        const auto* config = settings(index);
        if (config == nullptr || config->name.type != config::InterfaceType::tunnel ||
            !at.line_up || !config->nhrp.network_id || at.addresses.empty() || !at.tunnel_source) {
            continue;
        }
        nhrp::Interface tunnel;
        tunnel.index = index;
        tunnel.name = at.name.to_string();
        tunnel.address = at.addresses.front().address;
        tunnel.length = at.addresses.front().length;
        tunnel.nbma = *at.tunnel_source;
        tunnel.destination = config->tunnel.destination;
        tunnel.nhrp = config->nhrp;
        tunnel.multipoint = config->tunnel.mode == config::TunnelMode::gre_multipoint;
        tunnel.protection = !config->tunnel.protection_profile.empty();
        tunnel.protection_profile = config->tunnel.protection_profile;
        // IOS 15: the largest packet, less GRE's key.
        constexpr std::uint16_t kLargest = 17916;
        constexpr std::uint16_t kKeyBytes = 4;
        tunnel.cie_mtu = config->tunnel.key ? kLargest - kKeyBytes : kLargest;
        if (old_release(model.system.version)) {
            tunnel.nat_extension = false;
            tunnel.cie_mtu = 1514;
        }
        wanted.push_back(std::move(tunnel));
    }
    nhrp.configure(now, wanted);
    std::erase_if(tunnel_adjacencies, [this](const auto& item) {
        const auto* at = status(item.first.first);
        return at == nullptr || !at->line_up;
    });
}

void RouterCore::configure_keepalives() {
    constexpr std::uint16_t kDefaultPeriod = 10;
    std::vector<TunnelKeepalives::Tunnel> wanted;
    for (const auto& [index, at] : interfaces) {
        const auto* config = settings(index);
        if (config == nullptr || config->name.type != config::InterfaceType::tunnel ||
            !config->keepalive_period_s || !(at.line_up || at.held_down) || !at.tunnel_source ||
            !config->tunnel.destination ||
            config->tunnel.mode == config::TunnelMode::gre_multipoint) {
            continue;
        }
        if (!config->tunnel.protection_profile.empty()) {
            // The answer would come in the clear, and be dropped.
            if (keepalives_refused.insert(index).second) {
                log.message("TUN",
                            Severity::warnings,
                            "KEEPALIVE",
                            "{}: keepalives are not sent on a tunnel with tunnel protection",
                            at.name.to_string());
            }
            continue;
        }
        const auto period =
            *config->keepalive_period_s == 0 ? kDefaultPeriod : *config->keepalive_period_s;
        wanted.push_back({index,
                          *at.tunnel_source,
                          *config->tunnel.destination,
                          config->tunnel.key,
                          std::chrono::seconds(period),
                          config->keepalive_retries});
    }
    keepalives.configure(now, wanted);
}

void RouterCore::carry_keepalives() {
    for (const auto& send : keepalives.take_packets()) {
        dataplane::InjectOptions way;
        way.interface = send.tunnel;
        plane.inject(send.packet, way);
    }
    if (keepalives.take_changed()) {
        reconcile_wanted = true;  // carry_dhcp follows
    }
}

dataplane::SlotId RouterCore::slot_of(IfIndex tunnel, const Station& station) {
    const auto* at = status(tunnel);
    const auto wanted = at == nullptr ? std::nullopt : protected_tunnel(*at);
    return wanted ? protection.tunnel_slot(*wanted, station) : dataplane::kNoSlot;
}

void RouterCore::describe_tunnel_hop(const rib::ResolvedPath& path,
                                     const InterfaceStatus& at,
                                     const config::InterfaceConfig& config,
                                     dataplane::NextHop& hop) {
    using Kind = dataplane::NextHop::Kind;
    if (config.tunnel.mode != config::TunnelMode::gre_multipoint) {
        hop.kind = Kind::tunnel;
        hop.nbma = config.tunnel.destination.value_or(Ipv4Address{});
        if (const auto tunnel = protected_tunnel(at)) {
            hop.slot = protection.tunnel_slot(*tunnel, {hop.nbma, std::nullopt});
        }
        return;
    }
    const auto found = path.gateway ? tunnel_adjacencies.find({path.interface, *path.gateway})
                                    : tunnel_adjacencies.end();
    if (found != tunnel_adjacencies.end() && !found->second.temporary) {
        hop.kind = Kind::tunnel;
        hop.nbma = found->second.station.address;
        hop.slot = slot_of(path.interface, found->second.station);
        return;
    }
    hop.kind = Kind::resolve;
    // Meanwhile by the hub, if there is one that is not itself what is asked for.
    for (const auto address : servers_by_worth(path.interface, config)) {
        const rib::ResolvedPath hub{path.interface, address, false, false};
        if (path.gateway != hub.gateway && tunnel_adjacencies.contains({path.interface, address})) {
            if (const auto id = forwarding.find(hub)) {
                hop.meanwhile = *id;
                break;
            }
        }
    }
}

/// Those that respond first, the better ones before; then the others as they are configured.
std::vector<Ipv4Address> RouterCore::servers_by_worth(IfIndex tunnel,
                                                      const config::InterfaceConfig& config) const {
    std::vector<Ipv4Address> out;
    const auto found = nhrp.tunnels().find(tunnel);
    if (found != nhrp.tunnels().end()) {
        std::vector<std::pair<unsigned, Ipv4Address>> responding;
        for (const auto& server : found->second.servers) {
            if (server.state == nhrp::ServerState::responding) {
                responding.emplace_back(server.config.priority, server.config.protocol_address);
            }
        }
        std::ranges::stable_sort(responding, {}, [](const auto& s) { return s.first; });
        for (const auto& [priority, address] : responding) {
            out.push_back(address);
        }
    }
    for (const auto& server : config.nhrp.servers) {
        if (std::ranges::find(out, server.protocol_address) == out.end()) {
            out.push_back(server.protocol_address);
        }
    }
    return out;
}

/// What is not resolved goes by another server from now on, where the best is another one.
void RouterCore::follow_best_servers() {
    for (const auto& [index, tunnel] : nhrp.tunnels()) {
        const auto* config = settings(index);
        if (config == nullptr || tunnel.servers.empty()) {
            continue;
        }
        const auto best = servers_by_worth(index, *config);
        auto& known = best_servers[index];
        if (!best.empty() && known != best.front()) {
            known = best.front();
            forwarding.interface_changed(index);
        }
    }
}

IfIndex RouterCore::protection_owner(IfIndex tunnel) const {
    const auto* wanted = settings(tunnel);
    const auto* at = status(tunnel);
    if (wanted == nullptr || at == nullptr || !wanted->tunnel.protection_shared ||
        wanted->tunnel.mode != config::TunnelMode::gre_multipoint) {
        return tunnel;
    }
    for (const auto& [index, other] : interfaces) {
        const auto* config = settings(index);
        if (config != nullptr && config->tunnel.protection_shared && other.line_up &&
            config->tunnel.mode == config::TunnelMode::gre_multipoint &&
            config->tunnel.protection_profile == wanted->tunnel.protection_profile &&
            other.tunnel_source == at->tunnel_source) {
            return index;
        }
    }
    return tunnel;
}

std::optional<ike::PolicyRef> RouterCore::tunnel_policy(IfIndex tunnel) const {
    const auto* config = settings(tunnel);
    if (config == nullptr) {
        return std::nullopt;
    }
    ike::PolicyRef policy;
    policy.interface = protection_owner(tunnel);
    policy.ipsec_profile = config->tunnel.protection_profile;
    return policy;
}

void RouterCore::request_tunnel(IfIndex tunnel, const Station& station) {
    (void)slot_of(tunnel, station);  // made now, so that the SA finds its place
    const auto owner = protection_owner(tunnel);
    if (ike.child_stands(owner, station.address, station.original)) {
        const auto* at = status(tunnel);
        nhrp.on_tunnel_state(now,
                             at->tunnel_source.value_or(Ipv4Address{}),
                             station.address,
                             nhrp::Engine::TunnelState::up,
                             station.original);
        return;
    }
    if (const auto acquire = protection.acquire_tunnel(owner, station)) {
        ike.on_acquire(now, *acquire);
    }
}

void RouterCore::release_tunnel(IfIndex tunnel, const nhrp::Nbma& remote) {
    const auto owner = protection_owner(tunnel);
    for (const auto& [index, at] : interfaces) {
        if (index != tunnel && protection_owner(index) == owner &&
            nhrp.wants_tunnel(index, remote)) {
            return;  // one that shares the SAs still goes there
        }
    }
    if (const auto policy = tunnel_policy(tunnel)) {
        ike.on_release(now, *policy, remote.address, remote.original);
    }
    protection.release_tunnel_slot(owner, station_of_nbma(remote));
}

void RouterCore::carry_nhrp() {
    for (auto& action : nhrp.take_actions()) {
        std::visit(
            Overloaded{
                [this](const nhrp::SendPacket& a) {
                    dataplane::InjectOptions way;
                    way.interface = a.tunnel;
                    way.nbma = a.to.address;
                    way.slot = slot_of(a.tunnel, station_of_nbma(a.to));
                    way.gre_protocol = kGreNhrp;
                    plane.inject(a.nhrp, way);
                },
                [this](const nhrp::SetAdjacency& a) {
                    tunnel_adjacencies[{a.tunnel, a.protocol_address}] = {station_of_nbma(a.nbma),
                                                                          a.temporary};
                    // Held for as long as the adjacency is there: others name it as their way meanwhile.
                    forwarding.keep({a.tunnel, a.protocol_address, false, false});
                    forwarding.neighbor_changed(a.tunnel, a.protocol_address, true);
                    forwarding.interface_changed(a.tunnel);
                },
                [this](const nhrp::RemoveAdjacency& a) {
                    tunnel_adjacencies.erase({a.tunnel, a.protocol_address});
                    forwarding.neighbor_gone(a.tunnel, a.protocol_address);
                    forwarding.drop({a.tunnel, a.protocol_address, false, false});
                    forwarding.interface_changed(a.tunnel);
                },
                [this](const nhrp::SetMulticastPeers& a) {
                    auto& peers = multicast_peers[a.tunnel];
                    peers.clear();
                    for (const auto& peer : a.peers) {
                        peers.push_back(station_of_nbma(peer));
                    }
                },
                [this](const nhrp::RequestTunnel& a) {
                    request_tunnel(a.tunnel, station_of_nbma(a.nbma_remote));
                },
                [this](const nhrp::ReleaseTunnel& a) { release_tunnel(a.tunnel, a.nbma_remote); },
                [this](const nhrp::ResetTunnel& a) {
                    if (const auto policy = tunnel_policy(a.tunnel)) {
                        ike.on_release(now, *policy, a.nbma_remote.address, a.nbma_remote.original);
                    }
                },
                [this](const nhrp::InstallRoute& a) {
                    const bool over = a.kind == nhrp::RouteKind::next_hop_override;
                    rib::Route route;
                    route.prefix = a.prefix;
                    route.source = rib::Source::nhrp;
                    route.distance = over ? kDistanceOverride : kDistanceNhrp;
                    route.paths = {{a.tunnel, a.next_hop, false}};
                    route.since = now;
                    route.override_next_hop = over;
                    rib.offer(std::move(route));
                },
                [this](const nhrp::RemoveRoute& a) { rib.withdraw(a.prefix, rib::Source::nhrp); }},
            action);
    }
    follow_best_servers();
}

void RouterCore::on_nhrp_packet(const dataplane::Punt& punt) {
    // The SA tells stations behind one NAT apart.
    const auto station = protection.station_of(punt.sa);
    nhrp.on_packet(now,
                   punt.in,
                   punt.nbma,
                   punt.packet,
                   station && station->address == punt.nbma ? station->original : std::nullopt);
}

void RouterCore::on_resolve(dataplane::Punt& punt) {
    const auto packet = ip::parse(punt.packet);
    ByteReader reader(punt.packet);
    reader.skip(16);
    const auto destination = packet ? packet->destination : reader.address();
    const auto target = punt.address.is_unspecified() ? destination : punt.address;
    nhrp.on_resolution_needed(now, punt.out, target, destination);
}

void RouterCore::report_used_adjacencies() {
    next_usage_report = now + kUsageEvery;
    for (const auto id : plane.take_used_next_hops()) {
        if (const auto path = forwarding.path_of(id); path && path->gateway) {
            nhrp.set_used(now, path->interface, *path->gateway);
        }
    }
}

}  // namespace viaduct
