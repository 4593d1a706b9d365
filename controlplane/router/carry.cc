// What one engine says to the others: actions carried out, each kind in one place.
#include <utility>
#include <variant>

#include "controlplane/ip/packet.h"
#include "controlplane/router/core.h"
#include "dataplane/base/overloaded.h"

namespace viaduct {

std::optional<Ipv4Address> RouterCore::source_for(Ipv4Address destination) const {
    const auto found = rib.look_up(destination);
    if (found.paths.empty() || found.paths.front().null0) {
        return std::nullopt;
    }
    if (found.paths.front().local) {
        return destination;
    }
    const auto* at = status(found.paths.front().interface);
    return at == nullptr ? std::nullopt : at->primary();
}

void RouterCore::run_timers() {
    if (arp.next_deadline() <= now) {
        arp.on_time(now);
    }
    if (ike.next_deadline() <= now) {
        ike.on_time(now);
    }
    if (aaa.next_deadline() <= now) {
        aaa.on_time(now);
    }
    if (now >= next_usage_report) {
        report_used_adjacencies();
    }
    if (nhrp.next_deadline() <= now) {
        nhrp.on_time(now);
    }
    if (eigrp.next_deadline() <= now) {
        eigrp.on_time(now);
    }
    if (keepalives.next_deadline() <= now) {
        keepalives.on_time(now);
    }
    if (dhcp_client.next_deadline() <= now) {
        dhcp_client.on_time(now);
    }
    if (dhcp_server.next_deadline() <= now) {
        dhcp_server.on_time(now);
    }
}

void RouterCore::carry() {
    carry_keepalives();
    carry_dhcp();
    // One engine's actions may wake another; each pass carries what is there, and few passes settle it.
    constexpr int kPasses = 4;
    for (int pass = 0; pass < kPasses; ++pass) {
        carry_arp();
        carry_ike();
        carry_aaa();
        carry_nhrp();
        carry_eigrp();
        carry_icmp();
        commit_routes();
        if (rib.generation() == routes_told) {
            break;
        }
        tell_routes();
    }
    if (std::exchange(reconcile_wanted, false)) {
        reconcile();
    }
}

void RouterCore::carry_arp() {
    for (auto& action : arp.take_actions()) {
        std::visit(
            Overloaded{[this](arp::SendFrame& a) { plane.inject_frame(a.interface, a.frame); },
                       [this](const arp::SetNeighbor& a) {
                           forwarding.neighbor_changed(a.interface, a.address, true);
                           forwarding.commit();
                       },
                       [this](const arp::RemoveNeighbor& a) {
                           forwarding.neighbor_gone(a.interface, a.address);
                           forwarding.commit();
                       },
                       [this](const arp::ReleasePacket& a) {
                           // Policies were applied before the packet came up: it only goes out now.
                           dataplane::InjectOptions way;
                           way.interface = a.interface;
                           way.next_hop = a.address;
                           way.bypass_policy = true;
                           plane.inject(a.packet, way);
                       },
                       [this](const arp::UnreachablePacket& a) {
                           constexpr std::uint8_t kCodeHost = 1;
                           icmp.send_unreachable(now, a.packet, answer_from(a.in), kCodeHost);
                       }},
            action);
    }
}

void RouterCore::carry_icmp() {
    for (const auto& action : icmp.take_actions()) {
        plane.inject(action.packet, {});
    }
}

void RouterCore::carry_ike() {
    for (auto& action : ike.take_actions()) {
        std::visit(Overloaded{[this](const ike::SendPacket& a) {
                                  dataplane::InjectOptions way;
                                  way.bypass_policy = true;
                                  plane.inject(udp_packet(a.local, a.remote, a.payload), way);
                              },
                              [this](const ike::InstallInbound& a) { protection.install(a); },
                              [this](const ike::InstallOutbound& a) { protection.install(a); },
                              [this](const ike::RemoveChild& a) { protection.remove(a); },
                              [this](const ike::MoveChild& a) { protection.move(a); },
                              [this](const ike::ChildState& a) {
                                  // The station as GRE sees it: behind a NAT that is, in tunnel mode,
                                  // not IKE's peer. Down says that none stands: not while one does.
                                  const auto remote = a.proxies.remote.address;
                                  const bool stands =
                                      !a.up && ike.child_stands(
                                                   a.policy.interface, remote, a.remote_original);
                                  if (a.policy.crypto_map.empty() && !stands) {
                                      nhrp.on_tunnel_state(now,
                                                           a.local,
                                                           remote,
                                                           a.up ? nhrp::Engine::TunnelState::up
                                                                : nhrp::Engine::TunnelState::down,
                                                           a.remote_original);
                                  }
                              },
                              [this](const ike::AuthenticateUser& a) { authenticate(a); },
                              [this](const ike::ClientConfigured& a) { on_client_configured(a); }},
                   action);
    }
    if (protection.take_reverse_routes_changed()) {
        std::vector<rib::Route> routes;
        for (const auto& [prefix, peer] : protection.reverse_routes()) {
            routes.push_back(
                {prefix, rib::Source::reverse, 1, 0, {{std::nullopt, peer, false}}, 0, now});
        }
        rib.replace_all(rib::Source::reverse, std::move(routes));
    }
}

void RouterCore::authenticate(const ike::AuthenticateUser& login) {
    // RADIUS sees the address that its answer comes to.
    if (!model.aaa.radius_servers.empty()) {
        aaa.set_nas_address(
            source_for(model.aaa.radius_servers.front().address).value_or(Ipv4Address{}));
    }
    aaa::Request request;
    request.id = login.request;
    request.list = login.list;
    request.user = login.user;
    request.password = login.password;
    request.calling_station = login.remote.address.to_string();
    aaa.authenticate(now, std::move(request));
}

void RouterCore::carry_aaa() {
    const auto actions = aaa.take_actions();
    for (const auto& action : actions) {
        std::visit(
            Overloaded{[this](const aaa::SendPacket& a) {
                           const auto source = source_for(a.server);
                           if (!source) {
                               return;  // no route: the request times out
                           }
                           const auto udp = ip::write_udp(
                               *source, a.server, {a.local_port, a.server_port, a.payload});
                           ip::Packet packet;
                           packet.id = static_cast<std::uint16_t>(random.u32());
                           packet.protocol = kProtoUdp;
                           packet.source = *source;
                           packet.destination = a.server;
                           packet.payload = udp;
                           plane.inject(ip::write(packet), {});
                       },
                       [this](const aaa::Decision& a) {
                           ike.on_authentication(
                               now, a.request, {a.accepted, a.framed_address, a.group, a.message});
                       }},
            action);
    }
    if (!actions.empty()) {
        carry_ike();  // the verdict goes on its way in the same turn
    }
}

void RouterCore::carry_sa_events() {
    using Kind = dataplane::SaEvent::Kind;
    for (const auto& event : plane.take_events()) {
        const auto child = protection.child_of(event.sa);
        if (!child) {
            continue;
        }
        switch (event.kind) {
        case Kind::soft_limit:
            ike.on_sa_notice(now, *child, ike::SaNotice::soft_limit);
            break;
        case Kind::hard_limit:
            ike.on_sa_notice(now, *child, ike::SaNotice::hard_limit);
            break;
        case Kind::first_packet:
            ike.on_sa_notice(now, *child, ike::SaNotice::first_packet);
            break;
        case Kind::peer_moved:
            ike.on_peer_moved(now, *child, {event.remote, event.remote_port});
            break;
        }
    }
}

}  // namespace viaduct
