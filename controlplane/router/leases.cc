// DHCP in the Router: addresses of interfaces that follow a lease, the server's and the relay's messages.
#include <algorithm>
#include <variant>

#include "controlplane/ip/packet.h"
#include "controlplane/router/core.h"
#include "dataplane/base/overloaded.h"

namespace viaduct {

namespace {

constexpr std::uint8_t kDistanceDhcp = 254;  // IOS: the default route of option 3

}  // namespace

void RouterCore::configure_dhcp() {
    std::vector<dhcp::ClientInterface> clients;
    std::vector<dhcp::ServerInterface> served;
    for (const auto& [index, at] : interfaces) {
        const auto* config = settings(index);
        if (config == nullptr) {
            continue;
        }
        if (config->address_source == config::AddressSource::dhcp) {
            const auto hostname =
                config->dhcp_hostname.empty() ? model.system.hostname : config->dhcp_hostname;
            clients.push_back(
                {index, at.name, at.mac, at.line_up, config->dhcp_client_id, hostname});
        }
        if (!at.addresses.empty()) {
            served.push_back({index,
                              at.line_up,
                              at.addresses.front().address,
                              at.addresses.front().length,
                              at.mac,
                              config->helper_addresses});
        }
    }
    dhcp_client.configure(now, std::move(clients));
    dhcp_server.configure(model.dhcp, std::move(served));
}

void RouterCore::on_dhcp(const dataplane::Punt& punt,
                         const ip::Packet& packet,
                         const ip::Udp& udp) {
    auto message = dhcp::parse(udp.payload);
    if (!message) {
        ++punts_dropped;
        return;
    }
    if (message->reply && udp.destination == dhcp::kClientPort) {
        dhcp_client.on_message(now, punt.in, packet.source, *message);
    } else if (message->reply) {
        dhcp_server.on_reply(now, *message);
    } else {
        dhcp_server.on_request(
            now, punt.in, packet.source, packet.destination, std::move(*message));
    }
}

Bytes RouterCore::udp_packet(ike::Endpoint from, ike::Endpoint to, BytesView payload) {
    const auto udp = ip::write_udp(from.address, to.address, {from.port, to.port, payload});
    ip::Packet packet;
    packet.id = static_cast<std::uint16_t>(random.u32());
    packet.protocol = kProtoUdp;
    packet.source = from.address;
    packet.destination = to.address;
    packet.payload = udp;
    return ip::write(packet);
}

void RouterCore::on_lease(IfIndex interface, const std::optional<dhcp::Lease>& lease) {
    auto& at = interfaces.at(interface);
    at.addresses.clear();
    if (lease) {
        at.addresses.push_back({lease->address, lease->length});
        leases[interface] = *lease;
    } else {
        leases.erase(interface);
    }
    // The crypto map, the NAT rules and everything else that names this interface follow the address.
    reconcile_wanted = true;
}

std::vector<rib::Route> RouterCore::lease_routes() const {
    std::vector<rib::Route> out;
    for (const auto& [index, lease] : leases) {
        if (lease.routers.empty()) {
            continue;
        }
        out.push_back({Ipv4Prefix{},
                       rib::Source::dhcp,
                       kDistanceDhcp,
                       0,
                       {{std::nullopt, lease.routers.front(), false}},
                       0,
                       now});
        for (const auto& route : model.static_routes) {
            if (route.dhcp) {
                out.push_back({route.prefix,
                               rib::Source::dhcp,
                               route.distance,
                               0,
                               {{std::nullopt, lease.routers.front(), false}},
                               0,
                               now});
            }
        }
        break;  // the first interface's lease gives the default route
    }
    return out;
}

void RouterCore::carry_dhcp() {
    for (auto& action : dhcp_client.take_actions()) {
        std::visit(
            Overloaded{[this](const dhcp::ClientSend& a) {
                           dataplane::InjectOptions way;
                           way.bypass_policy = true;
                           if (a.destination.is_broadcast()) {
                               way.interface = a.interface;
                           }
                           plane.inject(udp_packet({a.source, dhcp::kClientPort},
                                                   {a.destination, dhcp::kServerPort},
                                                   a.payload),
                                        way);
                       },
                       [this](const dhcp::LeaseChanged& a) { on_lease(a.interface, a.lease); }},
            action);
    }
    for (auto& action : dhcp_server.take_actions()) {
        std::visit(
            Overloaded{
                [this](const dhcp::ServerReply& a) {
                    const auto* at = status(a.interface);
                    const auto packet = udp_packet({a.source, dhcp::kServerPort},
                                                   {a.destination, dhcp::kClientPort},
                                                   a.payload);
                    ByteWriter frame;
                    frame.bytes(a.mac.octets()).bytes(at->mac.octets()).u16(0x0800).bytes(packet);
                    plane.inject_frame(a.interface, frame.view());
                },
                [this](const dhcp::ServerUnicast& a) {
                    plane.inject(udp_packet({a.source, a.source_port},
                                            {a.destination, a.destination_port},
                                            a.payload),
                                 {});
                }},
            action);
    }
    if (reconcile_wanted) {
        reconcile_wanted = false;
        reconcile();
    }
}

}  // namespace viaduct
