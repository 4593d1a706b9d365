// What an EzVPN server gave, put into effect (row N16), and what its connection waits for.
//
//   client             the inside hosts leave by the assigned address: a translation rule with ports for what goes to the
//                      split-tunnel networks (everything, without such), and the address is the router's own, so that the
//                      server's side can ping it
//   network-extension  the inside network keeps its addresses; nothing to do here
//   network-plus       as network-extension, and the address stands on a loopback interface of its own, Loopback10000 for
//                      the first client (IOS): for pings, and for what the router itself sends with it as source
//
// All of it is a consequence of `ezvpn_given`; a reconcile puts it there and takes it away.
#include <algorithm>

#include "controlplane/router/core.h"

namespace viaduct {

void RouterCore::on_client_configured(const ike::ClientConfigured& given) {
    if (given.up) {
        ezvpn_given[given.ezvpn] = given;
    } else {
        ezvpn_given.erase(given.ezvpn);
    }
    reconcile_wanted = true;
}

const ike::ClientConfigured* RouterCore::translating_client(const std::string& name) const {
    const auto client = model.crypto.ezvpn_clients.find(name);
    const auto given = ezvpn_given.find(name);
    const bool translates =
        client != model.crypto.ezvpn_clients.end() && given != ezvpn_given.end() &&
        client->second.mode == config::EzvpnClient::Mode::client && given->second.address;
    return translates ? &given->second : nullptr;
}

std::uint8_t RouterCore::translation_side(const config::InterfaceConfig& interface) const {
    constexpr std::uint8_t kInside = 1;
    constexpr std::uint8_t kOutside = 2;
    const auto side = nat_side_of(model, interface);
    if (side == config::NatSide::none && translating_client(interface.ezvpn_client) != nullptr) {
        return interface.ezvpn_inside ? kInside : kOutside;
    }
    return static_cast<std::uint8_t>(side);
}

void RouterCore::add_client_translations(NatPlan& plan) {
    for (const auto& [name, client] : model.crypto.ezvpn_clients) {
        const auto* given = translating_client(name);
        if (given == nullptr) {
            continue;
        }
        dataplane::NatDynamic rule;
        rule.id = nat_ids.of("ezvpn " + name);
        rule.range = {*given->address, *given->address};
        rule.overload = true;
        std::vector<dataplane::AclRule> permitted;
        auto networks = given->split_include;
        if (networks.empty()) {
            networks.emplace_back(Ipv4Address{}, 0);
        }
        for (const auto& [index, status] : interfaces) {
            const auto* config = settings(index);
            if (config == nullptr || config->ezvpn_client != name) {
                continue;
            }
            if (!config->ezvpn_inside) {
                rule.out = index;
                continue;
            }
            for (const auto& own : status.addresses) {
                for (const auto& network : networks) {
                    dataplane::AclRule line;
                    line.permit = true;
                    line.selector.source = own.network().network();
                    line.selector.source_mask = mask_of(own.length);
                    line.selector.destination = network.network();
                    line.selector.destination_mask = mask_of(network.length());
                    permitted.push_back(line);
                }
            }
        }
        // Before the configured rules: what goes into the tunnel has the tunnel's address.
        const auto list = "ezvpn " + name;
        plan.access_lists[list] = std::move(permitted);
        plan.lists.insert(plan.lists.begin(), list);
        plan.policy.dynamics.insert(plan.policy.dynamics.begin(), rule);
    }
}

void RouterCore::update_client_loopbacks() {
    std::uint16_t number = 10000;
    for (const auto& [name, client] : model.crypto.ezvpn_clients) {
        const config::InterfaceName loopback{config::InterfaceType::loopback, {number++}};
        const auto given = ezvpn_given.find(name);
        if (client.mode != config::EzvpnClient::Mode::network_plus || given == ezvpn_given.end() ||
            !given->second.address || model.interfaces.contains(loopback)) {
            continue;
        }
        auto& at = interfaces.at(index_of(loopback));
        at.admin_up = true;
        at.line_up = true;
        at.addresses = {{*given->second.address, 32}};
    }
}

void RouterCore::add_client_addresses(std::vector<rib::Route>& local) const {
    for (const auto& [name, given] : ezvpn_given) {
        const auto client = model.crypto.ezvpn_clients.find(name);
        if (!given.address || client == model.crypto.ezvpn_clients.end() ||
            client->second.mode == config::EzvpnClient::Mode::network_plus) {
            continue;
        }
        for (const auto& [index, status] : interfaces) {
            const auto* config = settings(index);
            if (config != nullptr && config->ezvpn_client == name && !config->ezvpn_inside &&
                status.line_up) {
                local.push_back(
                    {{*given.address, 32}, rib::Source::local, 0, 0, {{index, {}, false}}, 0, now});
            }
        }
    }
}

void RouterCore::publish_esp_udp_ports() {
    std::vector<L4Port> ports;
    const auto add = [&ports](L4Port port) {
        if (std::find(ports.begin(), ports.end(), port) == ports.end()) {
            ports.push_back(port);
        }
    };
    for (const auto& [name, group] : model.crypto.client_groups) {
        if (group.ipsec_udp) {
            add(L4Port{group.ipsec_udp_port});
        }
    }
    for (const auto& [name, given] : ezvpn_given) {
        if (given.esp_udp_port) {
            add(*given.esp_udp_port);
        }
    }
    if (ports != published_esp_udp_ports) {
        plane.publish_esp_udp_ports(ports);
        published_esp_udp_ports = std::move(ports);
    }
}

}  // namespace viaduct
