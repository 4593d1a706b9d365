// EIGRP and the routing table: interfaces and routes down to it, its packets and routes up.
#include <variant>

#include "controlplane/ip/packet.h"
#include "controlplane/router/core.h"
#include "dataplane/base/overloaded.h"

namespace viaduct {

namespace {

rib::Source source_of(eigrp::RouteKind kind) {
    switch (kind) {
    case eigrp::RouteKind::internal:
        return rib::Source::eigrp;
    case eigrp::RouteKind::external:
        return rib::Source::eigrp_external;
    case eigrp::RouteKind::summary:
        return rib::Source::eigrp_summary;
    }
    return rib::Source::eigrp;
}

}  // namespace

void RouterCore::configure_eigrp() {
    eigrp::Configuration wanted;
    wanted.processes = model.eigrp;
    if (!wanted.processes.empty()) {
        wanted.interfaces = model.interfaces;
        wanted.key_chains = model.key_chains;
        wanted.local_offset_min = model.system.clock_offset_min;
        wanted.policies = {model.access_lists, model.prefix_lists, model.route_maps};
    }
    eigrp.configure(now, wanted);
    std::vector<eigrp::InterfaceState> states;
    if (!wanted.processes.empty()) {
        for (const auto& [index, at] : interfaces) {
            const auto* config = settings(index);
            if (config == nullptr) {
                continue;
            }
            eigrp::InterfaceState state;
            state.index = index;
            state.name = at.name;
            state.up = at.line_up;
            if (!at.addresses.empty()) {
                state.address = at.addresses.front().address;
                state.length = at.addresses.front().length;
                state.secondaries.assign(at.addresses.begin() + 1, at.addresses.end());
            }
            state.bandwidth_kbps = bandwidth_kbps(*config);
            state.delay_10us = delay_10us(*config);
            state.ip_mtu = config->ip_mtu.value_or(1500);
            state.multipoint = config->name.type == config::InterfaceType::tunnel &&
                               config->tunnel.mode == config::TunnelMode::gre_multipoint;
            state.loopback = config->name.type == config::InterfaceType::loopback;
            states.push_back(std::move(state));
        }
    }
    eigrp.set_interfaces(now, std::move(states));
}

bool RouterCore::say_goodbyes(const config::RunningConfig& wanted) {
    std::vector<IfIndex> going;
    for (const auto& [index, at] : interfaces) {
        const auto found = wanted.interfaces.find(at.name);
        if (at.line_up && (found == wanted.interfaces.end() || found->second.shutdown)) {
            going.push_back(index);
        }
    }
    const bool any = !going.empty() && eigrp.say_goodbye(now, going);
    if (any) {
        carry_eigrp();
    }
    return any;
}

void RouterCore::tell_routes() {
    routes_told = rib.generation();
    nhrp.on_routes_changed(now);
    if (model.eigrp.empty()) {
        return;
    }
    std::vector<eigrp::RedistributedRoute> connected;
    std::vector<eigrp::RedistributedRoute> fixed;
    for (const auto* route : rib.installed()) {
        eigrp::RedistributedRoute out{route->prefix, route->tag, std::nullopt};
        if (!route->paths.empty() && route->paths.front().interface) {
            if (const auto* at = status(*route->paths.front().interface)) {
                out.interface = at->name;
            }
        }
        if (route->source == rib::Source::connected) {
            connected.push_back(std::move(out));
        } else if (route->source == rib::Source::static_route ||
                   route->source == rib::Source::reverse || route->source == rib::Source::dhcp) {
            fixed.push_back(std::move(out));
        }
    }
    eigrp.set_redistributed(now, eigrp::RedistributedSource::connected, std::move(connected));
    eigrp.set_redistributed(now, eigrp::RedistributedSource::static_routes, std::move(fixed));
}

void RouterCore::send_eigrp(const eigrp::SendPacket& action) {
    const auto* at = status(action.interface);
    const auto* config = settings(action.interface);
    if (at == nullptr || config == nullptr || !at->primary()) {
        return;
    }
    ip::Packet packet;
    packet.tos = 0xC0;
    packet.ttl = 2;  // IOS: as captured
    packet.id = 0;  // RFC 6864: an atomic datagram's ID means nothing; IOS sends 0 here
    packet.protocol = kProtoEigrp;
    packet.source = *at->primary();
    packet.destination = action.destination;
    packet.payload = action.payload;
    const auto bytes = ip::write(packet);
    dataplane::InjectOptions way;
    way.interface = action.interface;
    const bool multipoint = config->name.type == config::InterfaceType::tunnel &&
                            config->tunnel.mode == config::TunnelMode::gre_multipoint;
    if (!multipoint) {
        if (!action.destination.is_multicast()) {
            way.next_hop = action.destination;
        }
        plane.inject(bytes, way);
        return;
    }
    if (!action.destination.is_multicast()) {
        const auto found = tunnel_adjacencies.find({action.interface, action.destination});
        if (found != tunnel_adjacencies.end()) {
            way.nbma = found->second.station.address;
            way.slot = slot_of(action.interface, found->second.station);
            plane.inject(bytes, way);
        }
        return;
    }
    // Row D2, "Multicast" of the issue: replicated to the registered peers, each for its own SA.
    const auto peers = multicast_peers.find(action.interface);
    if (peers == multicast_peers.end()) {
        return;
    }
    for (const auto& peer : peers->second) {
        way.nbma = peer.address;
        way.slot = slot_of(action.interface, peer);
        plane.inject(bytes, way);
    }
}

void RouterCore::carry_eigrp() {
    for (auto& action : eigrp.take_actions()) {
        std::visit(Overloaded{[this](const eigrp::SendPacket& a) { send_eigrp(a); },
                              [this](const eigrp::InstallRoute& a) {
                                  rib::Route route;
                                  route.prefix = a.prefix;
                                  route.source = source_of(a.kind);
                                  route.distance = a.distance;
                                  route.metric = a.metric;
                                  route.tag = a.tag;
                                  route.since = now;
                                  for (const auto& hop : a.next_hops) {
                                      rib::Path path;
                                      if (hop.interface == kNoInterface) {
                                          path.null0 = true;
                                      } else {
                                          path.interface = hop.interface;
                                          path.gateway = hop.gateway;
                                      }
                                      route.paths.push_back(path);
                                  }
                                  for (const auto other : {rib::Source::eigrp,
                                                           rib::Source::eigrp_external,
                                                           rib::Source::eigrp_summary}) {
                                      if (other != route.source) {
                                          rib.withdraw(a.prefix, other);
                                      }
                                  }
                                  rib.offer(std::move(route));
                              },
                              [this](const eigrp::RemoveRoute& a) {
                                  for (const auto source : {rib::Source::eigrp,
                                                            rib::Source::eigrp_external,
                                                            rib::Source::eigrp_summary}) {
                                      rib.withdraw(a.prefix, source);
                                  }
                              }},
                   action);
    }
}

}  // namespace viaduct
