// From the model to what runs: idempotent, compared with what was published before.
#include <algorithm>

#include "controlplane/log/event_log.h"
#include "controlplane/router/core.h"
#include "controlplane/router/trustpoints.h"

namespace viaduct {

namespace {

constexpr Duration kRefreshEvery = 1s;
constexpr unsigned kTunnelOverheadGre = 24;

/// A MAC address for an interface without a port of its own (never on a wire).
MacAddress made_up_mac(IfIndex index) {
    return MacAddress{
        MacAddress::Octets{0x02, 0x56, 0x44, 0, 0, static_cast<std::uint8_t>(index.value())}};
}

dataplane::DfPolicy df_of(const std::string& word) {
    if (word == "clear") {
        return dataplane::DfPolicy::clear;
    }
    return word == "set" ? dataplane::DfPolicy::set : dataplane::DfPolicy::copy;
}

bool has_discover(const config::RunningConfig& model, const std::string& map_name) {
    const auto map = model.crypto.maps.find(map_name);
    return map != model.crypto.maps.end() &&
           std::any_of(map->second.entries.begin(),
                       map->second.entries.end(),
                       [](const auto& entry) { return entry.second.discover; });
}

/// Global addresses of translations that lie on this interface's networks.
std::vector<arp::AddressRange> aliases_of(const NatPlan& nat, IfIndex index) {
    std::vector<arp::AddressRange> out;
    if (const auto found = nat.aliases.find(index); found != nat.aliases.end()) {
        for (const auto& range : found->second) {
            out.push_back({range.first, range.last});
        }
    }
    return out;
}

}  // namespace

std::uint32_t bandwidth_kbps(const config::InterfaceConfig& interface) {
    if (interface.bandwidth_kbps) {
        return *interface.bandwidth_kbps;
    }
    switch (interface.name.type) {
    case config::InterfaceType::loopback:
        return 8000000;
    case config::InterfaceType::tunnel:
        return 9;  // IOS 12.x: "BW 9 Kbit, DLY 500000 usec"
    case config::InterfaceType::ethernet:
        return 10000;
    case config::InterfaceType::fast_ethernet:
        return 100000;
    case config::InterfaceType::gigabit_ethernet:
        return 1000000;
    case config::InterfaceType::ten_gigabit_ethernet:
        return 10000000;
    case config::InterfaceType::bri:
    case config::InterfaceType::atm:
    case config::InterfaceType::serial:
    case config::InterfaceType::async:
    case config::InterfaceType::null:
        return 1544;
    }
    return 1544;
}

std::uint32_t delay_10us(const config::InterfaceConfig& interface) {
    if (interface.delay_10us) {
        return *interface.delay_10us;
    }
    switch (interface.name.type) {
    case config::InterfaceType::loopback:
        return 500;
    case config::InterfaceType::tunnel:
        return 50000;
    case config::InterfaceType::ethernet:
        return 100;
    case config::InterfaceType::fast_ethernet:
        return 10;
    case config::InterfaceType::gigabit_ethernet:
    case config::InterfaceType::ten_gigabit_ethernet:
        return 1;
    case config::InterfaceType::bri:
    case config::InterfaceType::atm:
    case config::InterfaceType::serial:
    case config::InterfaceType::async:
    case config::InterfaceType::null:
        return 2000;
    }
    return 2000;
}

std::uint16_t medium_mtu(const config::InterfaceConfig& interface, const InterfaceStatus& status) {
    if (interface.name.type == config::InterfaceType::tunnel ||
        interface.name.type == config::InterfaceType::loopback) {
        return interface.mtu.value_or(1514);
    }
    const auto wanted = interface.mtu.value_or(1500);
    return status.has_port ? std::min(wanted, status.port_mtu) : wanted;
}

IfIndex RouterCore::index_of(const config::InterfaceName& name) {
    const auto found = indices.find(name);
    if (found != indices.end()) {
        return found->second;
    }
    const IfIndex index{static_cast<std::uint16_t>(indices.size() + 1)};
    indices[name] = index;
    auto& status = interfaces[index];
    status.index = index;
    status.name = name;
    return index;
}

const InterfaceStatus* RouterCore::status(IfIndex index) const {
    const auto found = interfaces.find(index);
    return found == interfaces.end() ? nullptr : &found->second;
}

const config::InterfaceConfig* RouterCore::settings(IfIndex index) const {
    const auto* found = status(index);
    if (found == nullptr) {
        return nullptr;
    }
    const auto config = model.interfaces.find(found->name);
    return config == model.interfaces.end() ? nullptr : &config->second;
}

void RouterCore::reconcile() {
    reconcile_at = kNever;
    for (const auto& [name, config] : model.interfaces) {
        index_of(name);
    }
    update_interfaces();
    update_nat();
    update_access_lists();
    update_connected_routes();
    update_static_routes();
    commit_routes();
    // Tunnels need routes to their destinations, so they are looked at again once the routes are there.
    update_interfaces();
    update_connected_routes();
    update_static_routes();
    configure_engines();
    publish_interfaces();
    publish_esp_udp_ports();
    commit_routes();
    next_refresh = now + kRefreshEvery;
    carry();
}

void RouterCore::refresh() {
    refresh_wanted = false;
    next_refresh = now + kRefreshEvery;
    watch_nat();
    debug_nat();
    bool changed = false;
    // IOS: `debug nhrp` shows what is forwarded within a fabric, whether or not anybody is redirected.
    if (const bool debugged = log.enabled(Debug::nhrp); debugged != nhrp_debugged) {
        nhrp_debugged = debugged;
        publish_interfaces();
    }
    for (auto& [index, status] : interfaces) {
        if (auto* port = plane.port(index);
            port != nullptr && port->link_up() != status.port_link) {
            status.port_link = port->link_up();
            changed = true;
        }
    }
    if (changed) {
        reconcile();
    }
}

void RouterCore::update_status(InterfaceStatus& status, const config::InterfaceConfig& config) {
    using config::InterfaceType;
    status.mac =
        config.mac_address.value_or(status.has_port ? status.port_mac : made_up_mac(status.index));
    status.admin_up = !config.shutdown;
    const auto before = status.addresses;
    if (config.address_source == config::AddressSource::fixed && config.address) {
        status.addresses.assign(1, *config.address);
        status.addresses.insert(
            status.addresses.end(), config.secondaries.begin(), config.secondaries.end());
    } else if (config.address_source == config::AddressSource::unnumbered && config.unnumbered) {
        status.addresses.clear();
        const auto other = indices.find(*config.unnumbered);
        if (other != indices.end()) {
            if (const auto primary = interfaces.at(other->second).primary()) {
                status.addresses.push_back({*primary, 32});
            }
        }
    } else {
        status.addresses.clear();
        const auto lease = leases.find(status.index);
        if (config.address_source == config::AddressSource::dhcp && lease != leases.end()) {
            status.addresses.push_back({lease->second.address, lease->second.length});
        }
    }
    status.tunnel_source.reset();
    bool up = status.admin_up;
    if (config.name.type == InterfaceType::tunnel) {
        if (config.tunnel.source_address) {
            status.tunnel_source = config.tunnel.source_address;
        } else if (config.tunnel.source_interface) {
            const auto other = indices.find(*config.tunnel.source_interface);
            if (other != indices.end() && interfaces.at(other->second).line_up) {
                status.tunnel_source = interfaces.at(other->second).primary();
            }
        }
        up = up && status.tunnel_source.has_value();
        if (config.tunnel.mode != config::TunnelMode::gre_multipoint) {
            up = up && config.tunnel.destination &&
                 !rib.look_up(*config.tunnel.destination).paths.empty();
        }
        status.held_down = up && config.keepalive_period_s && keepalives.down(status.index);
        up = up && !status.held_down;
    } else if (config.name.is_ethernet()) {
        up = up && status.has_port && status.port_link;
    } else if (config.name.type != InterfaceType::loopback) {
        up = false;
    }
    if (up != status.line_up) {
        status.line_up = up;
        status.changed = now;
        if (started != now) {
            ++status.flaps;
            log.message("LINEPROTO",
                        Severity::notifications,
                        "UPDOWN",
                        "Line protocol on Interface {}, changed state to {}",
                        status.name.to_string(),
                        up ? "up" : "down");
        }
    }
}

void RouterCore::update_interfaces() {
    for (auto& [index, status] : interfaces) {
        const auto config = model.interfaces.find(status.name);
        if (config == model.interfaces.end()) {
            // `no interface Tunnel0`, or a port without a line in the file.
            status.admin_up = false;
            status.line_up = false;
            status.held_down = false;
            status.addresses.clear();
            continue;
        }
        update_status(status, config->second);
    }
    update_client_loopbacks();
}

dataplane::AclId RouterCore::acl_id(const std::string& name) {
    if (name.empty() || (!model.access_lists.contains(name) && !nat.access_lists.contains(name))) {
        return {};  // IOS: an access group whose list does not exist permits everything
    }
    const auto next = static_cast<std::uint16_t>(acl_ids.size() + 1);
    return acl_ids.try_emplace(name, dataplane::AclId{next}).first->second;
}

void RouterCore::update_access_lists() {
    auto wanted = nat.access_lists;
    for (const auto& [name, interface] : model.interfaces) {
        for (const auto& list_name : {interface.access_group_in, interface.access_group_out}) {
            const auto list = model.access_lists.find(list_name);
            if (list != model.access_lists.end() && !wanted.contains(list_name)) {
                wanted[list_name] = acl_rules_of(list->second);
            }
        }
    }
    for (const auto& [name, rules] : wanted) {
        const auto old = published_acls.find(name);
        if (old == published_acls.end() || old->second != rules) {
            plane.publish_acl(acl_id(name), rules);
        }
    }
    // Translation rules name lists: new lists stand before them, old ones go behind them.
    publish_nat();
    for (const auto& [name, rules] : published_acls) {
        if (!wanted.contains(name)) {
            plane.remove_acl(acl_ids.at(name));
        }
    }
    published_acls = std::move(wanted);
}

void RouterCore::update_connected_routes() {
    std::vector<rib::Route> connected;
    std::vector<rib::Route> local;
    for (const auto& [index, status] : interfaces) {
        if (!status.line_up) {
            continue;
        }
        for (const auto& address : status.addresses) {
            if (address.length < 32) {
                connected.push_back({address.network(),
                                     rib::Source::connected,
                                     0,
                                     0,
                                     {{index, {}, false}},
                                     0,
                                     now});
            }
            local.push_back(
                {{address.address, 32}, rib::Source::local, 0, 0, {{index, {}, false}}, 0, now});
        }
    }
    add_client_addresses(local);
    rib.replace_all(rib::Source::connected, std::move(connected));
    rib.replace_all(rib::Source::local, std::move(local));
}

void RouterCore::update_static_routes() {
    std::map<std::pair<Ipv4Prefix, std::uint8_t>, rib::Route> wanted;
    for (const auto& route : model.static_routes) {
        rib::Path path;
        if (route.dhcp) {
            continue;  // offered with the lease
        }
        if (route.interface) {
            if (route.interface->type == config::InterfaceType::null) {
                path.null0 = true;
            } else {
                const auto found = indices.find(*route.interface);
                if (found == indices.end() || !interfaces.at(found->second).line_up) {
                    continue;  // IOS: a route out of an interface that is down is not offered
                }
                path.interface = found->second;
            }
        }
        path.gateway = route.gateway;
        auto& offer = wanted[{route.prefix, route.distance}];
        offer.prefix = route.prefix;
        offer.source = rib::Source::static_route;
        offer.distance = route.distance;
        offer.tag = route.tag.value_or(0);
        offer.since = now;
        offer.paths.push_back(path);
    }
    std::vector<rib::Route> routes;
    for (auto& [key, route] : wanted) {
        routes.push_back(std::move(route));
    }
    rib.replace_all(rib::Source::static_route, std::move(routes));
    rib.replace_all(rib::Source::dhcp, lease_routes());
}

std::optional<ProtectedTunnel> RouterCore::protected_tunnel(const InterfaceStatus& status) const {
    const auto config = model.interfaces.find(status.name);
    if (config == model.interfaces.end() || config->second.tunnel.protection_profile.empty() ||
        !status.tunnel_source) {
        return std::nullopt;
    }
    const auto& tunnel = config->second.tunnel;
    return ProtectedTunnel{protection_owner(status.index),
                           *status.tunnel_source,
                           tunnel.protection_profile,
                           tunnel.mode == config::TunnelMode::gre_multipoint,
                           tunnel.destination};
}

dataplane::Interface RouterCore::describe_interface(const InterfaceStatus& status) {
    using dataplane::InterfaceKind;
    dataplane::Interface out;
    out.index = status.index;
    out.up = status.line_up || status.held_down;
    out.mac = status.mac;
    const auto* config = settings(status.index);
    if (config == nullptr) {
        if (status.name.type == config::InterfaceType::loopback) {
            out.kind = InterfaceKind::loopback;  // an EzVPN client's own
        }
        return out;
    }
    switch (config->name.type) {
    case config::InterfaceType::loopback:
        out.kind = InterfaceKind::loopback;
        break;
    case config::InterfaceType::tunnel:
        out.kind = config->tunnel.mode == config::TunnelMode::gre_multipoint
                       ? InterfaceKind::tunnel_multipoint
                       : InterfaceKind::tunnel_point_to_point;
        break;
    case config::InterfaceType::null:
        out.kind = InterfaceKind::null;
        break;
    case config::InterfaceType::ethernet:
    case config::InterfaceType::fast_ethernet:
    case config::InterfaceType::gigabit_ethernet:
    case config::InterfaceType::ten_gigabit_ethernet:
    case config::InterfaceType::bri:
    case config::InterfaceType::atm:
    case config::InterfaceType::serial:
    case config::InterfaceType::async:
        out.kind = InterfaceKind::ethernet;
        break;
    }
    out.mtu = medium_mtu(*config, status);
    out.tcp_mss = config->tcp_adjust_mss.value_or(0);
    const auto side = nat_side_of(model, *config);
    // A PIX asks the list of a lower interface only about what is of no connection: the gate does.
    const bool gate = model.dialect == config::Dialect::pix && side == config::NatSide::outside;
    out.acl_in = gate ? dataplane::AclId{} : acl_id(config->access_group_in);
    out.acl_out = acl_id(config->access_group_out);
    out.policy = protection.policy_of(status.index);
    const auto& fragmentation = config->crypto_fragmentation.empty() ? model.crypto.fragmentation
                                                                     : config->crypto_fragmentation;
    out.fragment_before_encryption = fragmentation != "after-encryption";
    out.esp_df = df_of(config->crypto_df_bit.empty() ? model.crypto.df_bit : config->crypto_df_bit);
    out.ted_discover = has_discover(model, config->crypto_map);
    out.nat_side = translation_side(*config);
    out.redirects = config->ip_redirects;
    out.nhrp_network = config->nhrp.network_id.value_or(0);
    out.nhrp_redirect = config->nhrp.redirect || nhrp_debugged;
    if (config->name.type == config::InterfaceType::tunnel && status.tunnel_source) {
        auto& tunnel = out.tunnel;
        tunnel.source = *status.tunnel_source;
        tunnel.destination = config->tunnel.destination.value_or(Ipv4Address{});
        tunnel.key = config->tunnel.key;
        tunnel.checksum = config->tunnel.checksum;
        tunnel.sequence = config->tunnel.sequence_datagrams;
        tunnel.ttl = config->tunnel.ttl.value_or(255);
        tunnel.tos = config->tunnel.tos;
        tunnel.path_mtu_discovery = config->tunnel.path_mtu_discovery;
        const auto protection_of = protected_tunnel(status);
        tunnel.protected_by_ipsec = !config->tunnel.protection_profile.empty();
        if (protection_of && !protection_of->multipoint && protection_of->destination) {
            tunnel.slot =
                protection.tunnel_slot(*protection_of, {*protection_of->destination, std::nullopt});
        }
        // IOS: 1514 minus the encapsulation when nothing is configured.
        const auto overhead = kTunnelOverheadGre + (tunnel.key ? 4U : 0U) +
                              (tunnel.checksum ? 4U : 0U) + (tunnel.sequence ? 4U : 0U);
        out.mtu = static_cast<std::uint16_t>(1500 - overhead);
    }
    out.ip_mtu = config->ip_mtu.value_or(out.mtu);
    return out;
}

void RouterCore::publish_interfaces() {
    std::vector<dataplane::Interface> wanted;
    for (const auto& [index, status] : interfaces) {
        wanted.push_back(describe_interface(status));
    }
    if (wanted == published_interfaces) {
        return;
    }
    plane.publish_interfaces(wanted);
    published_interfaces = std::move(wanted);
    for (const auto& interface : published_interfaces) {
        forwarding.interface_changed(interface.index);
    }
}

void RouterCore::configure_engines() {
    std::vector<arp::Interface> arp_interfaces;
    std::vector<ike::LocalInterface> ike_interfaces;
    for (const auto& [index, status] : interfaces) {
        const auto* config = settings(index);
        if (config == nullptr) {
            continue;
        }
        if (config->name.is_ethernet()) {
            arp_interfaces.push_back({index,
                                      status.name,
                                      status.line_up,
                                      status.mac,
                                      status.addresses,
                                      config->ip_proxy_arp,
                                      std::chrono::seconds(config->arp_timeout_s),
                                      aliases_of(nat, index)});
        }
        ike::LocalInterface local;
        local.index = index;
        local.name = status.name;
        local.up = status.line_up;
        local.crypto_map = config->crypto_map;
        local.mtu = medium_mtu(*config, status);
        if (config->name.type == config::InterfaceType::tunnel) {
            local.ipsec_profile = config->tunnel.protection_profile;
            local.multipoint = config->tunnel.mode == config::TunnelMode::gre_multipoint;
            local.tunnel_destination = config->tunnel.destination;
            local.address = status.tunnel_source.value_or(Ipv4Address{});
            if (config->tunnel.source_interface &&
                indices.contains(*config->tunnel.source_interface)) {
                local.source_interface = indices.at(*config->tunnel.source_interface);
            }
        } else {
            local.address = status.primary().value_or(Ipv4Address{});
        }
        ike_interfaces.push_back(local);
    }
    record_events(log, model.system.logging.events);
    configure_dhcp();
    arp.configure(now, std::move(arp_interfaces), model.static_arp);
    carry_arp();
    protection.configure(model, interfaces);
    for (const auto& problem : protection.problems()) {
        log.message("CRYPTO", Severity::warnings, "POLICY", "{}", problem);
    }
    aaa.configure(model);
    if (trustpoints_read != model.crypto.trustpoints) {
        trustpoints_read = model.crypto.trustpoints;
        ike.set_trustpoints(now, load_trustpoints(model.crypto, options.read_file, log));
    }
    ike.configure(now, model, std::move(ike_interfaces));
    configure_keepalives();
    configure_nhrp();
    configure_eigrp();
}

dataplane::NextHop RouterCore::describe(const rib::ResolvedPath& path) {
    using Kind = dataplane::NextHop::Kind;
    dataplane::NextHop hop;
    hop.interface = path.interface;
    hop.gateway = path.gateway.value_or(Ipv4Address{});
    if (path.null0) {
        hop.kind = Kind::null0;
        return hop;
    }
    if (path.local) {
        hop.kind = Kind::local;
        return hop;
    }
    const auto* at = status(path.interface);
    const auto* config = settings(path.interface);
    if (at == nullptr || config == nullptr || !at->line_up) {
        return hop;  // drop
    }
    if (config->name.type == config::InterfaceType::tunnel) {
        describe_tunnel_hop(path, *at, *config, hop);
        return hop;
    }
    if (config->name.is_ethernet()) {
        const auto mac = path.gateway ? arp.find(path.interface, *path.gateway) : std::nullopt;
        hop.kind = mac ? Kind::ethernet : Kind::glean;
        hop.mac = mac.value_or(MacAddress{});
        return hop;
    }
    hop.kind = config->name.type == config::InterfaceType::loopback ? Kind::null0 : Kind::drop;
    return hop;
}

void RouterCore::commit_routes() {
    forwarding.apply(rib.commit());
    forwarding.commit();
}

}  // namespace viaduct
