// `ip …` lines of an interface: addresses, access groups, ICMP behaviour, MTU, NAT side, helpers.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::AddressSource;
using config::InterfaceAddress;
using config::InterfaceConfig;

/// Why an interface cannot have this address; nothing if it can.
std::optional<std::string> bad_address(const config::RunningConfig& config,
                                       const InterfaceConfig& interface,
                                       const InterfaceAddress& address) {
    const auto network = address.network();
    const auto a = address.address;
    // IOS: "Bad mask /24 for address 10.0.0.0" for the network's own and its broadcast address.
    const bool edge = address.length < 31 && (a == network.network() || a == network.broadcast());
    if (address.length == 0 || edge) {
        return fmt::format("Bad mask /{} for address {}", address.length, a.to_string());
    }
    if (a.is_multicast() || a.is_broadcast() || a.is_loopback() || a.value() >> 24U == 0) {
        return fmt::format("Not a valid host address - {}", a.to_string());
    }
    if (address.length == 32 && interface.name.type != config::InterfaceType::loopback) {
        return fmt::format("Bad mask /32 for address {}", a.to_string());
    }
    for (const auto& [name, other] : config.interfaces) {
        if (name == interface.name || other.shutdown) {
            continue;
        }
        const auto overlaps = [&network](const InterfaceAddress& taken) {
            return taken.network().contains(network) || network.contains(taken.network());
        };
        if ((other.address && overlaps(*other.address)) ||
            std::any_of(other.secondaries.begin(), other.secondaries.end(), overlaps)) {
            return fmt::format(
                "{} overlaps with {}", network.network().to_string(), name.to_string());
        }
    }
    return std::nullopt;
}

void clear_address(InterfaceConfig& interface) {
    const InterfaceConfig normal;
    interface.address_source = normal.address_source;
    interface.address.reset();
    interface.secondaries.clear();
    interface.unnumbered.reset();
    interface.dhcp_client_id.clear();
    interface.dhcp_hostname.clear();
}

Result<void> remove_address(InterfaceConfig& interface, const Args& args) {
    if (!args.has("a")) {
        clear_address(interface);
        return done();
    }
    const auto same = [&args](const InterfaceAddress& a) { return a.address == args.address("a"); };
    if (args.has("secondary")) {
        std::erase_if(interface.secondaries, same);
        return done();
    }
    if (interface.address && same(*interface.address)) {
        if (!interface.secondaries.empty()) {
            return failure("Must delete secondary before deleting primary");
        }
        clear_address(interface);
    }
    return done();
}

Row fixed_row() {
    Row row{.mode = Mode::interface,
            .pattern = "ip address <a:A.B.C.D> <mask:mask> [ secondary ]",
            .help =
                "Set the IP address of an interface|a: IP address|mask: IP subnet "
                "mask|secondary: Make this IP address a secondary address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& interface = session.object<InterfaceConfig>();
        if (args.negated()) {
            return remove_address(interface, args);
        }
        const InterfaceAddress address{args.address("a"), *length_of_mask(args.address("mask"))};
        if (auto why = bad_address(session.config(), interface, address)) {
            return failure(*why);
        }
        const auto same = [&address](const InterfaceAddress& a) {
            return a.address == address.address;
        };
        if (args.has("secondary")) {
            // IOS wants the primary address first; a running configuration has the secondaries first.
            if (interface.address && same(*interface.address)) {
                return failure("Primary address cannot be secondary");
            }
            if (interface.secondaries.size() >= 256) {
                return failure("Secondary addresses: limit of 256");
            }
            std::erase_if(interface.secondaries, same);
            interface.secondaries.push_back(address);
            return done();
        }
        auto secondaries = std::move(interface.secondaries);
        clear_address(interface);
        std::erase_if(secondaries, same);
        interface.secondaries = std::move(secondaries);
        interface.address_source = AddressSource::fixed;
        interface.address = address;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& interface = out.object<InterfaceConfig>();
        for (const auto& a : interface.secondaries) {
            out.line(
                "ip address {} {} secondary", a.address.to_string(), mask_of(a.length).to_string());
        }
        switch (interface.address_source) {
        case AddressSource::none:
            if (interface.secondaries.empty()) {
                out.line("no ip address");
            }
            return;
        case AddressSource::fixed:
            return out.line("ip address {} {}",
                            interface.address->address.to_string(),
                            mask_of(interface.address->length).to_string());
        case AddressSource::dhcp:
            return out.line(
                "ip address dhcp{}{}",
                interface.dhcp_client_id.empty() ? "" : " client-id " + interface.dhcp_client_id,
                interface.dhcp_hostname.empty() ? ""
                                                : " hostname " + quoted(interface.dhcp_hostname));
        case AddressSource::negotiated:
            return out.line("ip address negotiated");
        case AddressSource::unnumbered:
            return out.line("ip unnumbered {}", interface.unnumbered->to_string());
        }
    };
    row.examples = {"ip address 10.1.1.1 255.255.254.0",
                    "ip address 10.9.1.1 255.255.255.0 secondary"};
    return row;
}

Row dhcp_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "ip address dhcp [ client-id <client:interface> ] [ hostname <name:WORD> ]",
        .help =
            "Set the IP address of an interface|dhcp: IP Address negotiated via DHCP|client-id: "
            "Specify client-id to use|hostname: Specify value for hostname option|name: Hostname "
            "string"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& interface = session.object<InterfaceConfig>();
        if (!args.negated() && !interface.name.is_ethernet()) {
            return failure("DHCP needs an Ethernet interface");
        }
        clear_address(interface);
        if (!args.negated()) {
            interface.address_source = AddressSource::dhcp;
            interface.dhcp_client_id = args.text("client");
            interface.dhcp_hostname = args.text("name");
        }
        return done();
    };
    row.examples = {"ip address dhcp", "ip address dhcp client-id FastEthernet0/0 hostname spoke"};
    return row;
}

Row negotiated_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "ip address negotiated",
        .help = "Set the IP address of an interface|negotiated: IP Address negotiated over PPP"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& interface = session.object<InterfaceConfig>();
        clear_address(interface);
        if (!args.negated()) {
            interface.address_source = AddressSource::negotiated;
        }
        return done();
    };
    row.examples = {"ip address negotiated"};
    row.effect = Effect::kept;
    return row;
}

Row unnumbered_row() {
    Row row{.mode = Mode::interface,
            .pattern = "ip unnumbered <interface:interface>",
            .help = "Enable IP processing without an explicit address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& interface = session.object<InterfaceConfig>();
        if (args.negated()) {
            clear_address(interface);
            return done();
        }
        if (interface.name.is_ethernet() || args.interface("interface") == interface.name) {
            return failure("Point-to-point (non-multi-access) interfaces only");
        }
        clear_address(interface);
        interface.address_source = AddressSource::unnumbered;
        interface.unnumbered = args.interface("interface");
        return done();
    };
    row.examples = {"ip unnumbered FastEthernet0/0"};
    return in_context("interface Tunnel0", std::move(row));
}

Row access_group_row() {
    Row row{.mode = Mode::interface,
            .pattern = "ip access-group <list:WORD> { in | out }",
            .help =
                "Specify access control for packets|list: IP access list (standard or "
                "extended)|in: inbound packets|out: outbound packets"};
    row.no = "ip access-group [ <list:WORD> ] { in | out }";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& interface = session.object<InterfaceConfig>();
        auto& list = args.has("in") ? interface.access_group_in : interface.access_group_out;
        list = args.negated() ? "" : args.text("list");
        return done();
    };
    row.write = [](Writer& out) {
        const auto& interface = out.object<InterfaceConfig>();
        if (!interface.access_group_in.empty()) {
            out.line("ip access-group {} in", quoted(interface.access_group_in));
        }
        if (!interface.access_group_out.empty()) {
            out.line("ip access-group {} out", quoted(interface.access_group_out));
        }
    };
    row.examples = {"ip access-group 101 in", "ip access-group inside out"};
    return row;
}

Row helper_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "ip helper-address <address:A.B.C.D>",
        .help = "Specify a destination address for UDP broadcasts|address: IP destination address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& helpers = session.object<InterfaceConfig>().helper_addresses;
        if (args.negated() && !args.has("address")) {
            helpers.clear();
            return done();
        }
        const auto address = args.address("address");
        const bool known = std::find(helpers.begin(), helpers.end(), address) != helpers.end();
        if (args.negated()) {
            std::erase(helpers, address);
        } else if (!known) {
            if (helpers.size() >= 16) {
                return failure("Helper addresses: limit of 16");
            }
            helpers.push_back(address);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& address : out.object<InterfaceConfig>().helper_addresses) {
            out.line("ip helper-address {}", address.to_string());
        }
    };
    row.examples = {"ip helper-address 10.0.0.9"};
    return row;
}

Row nat_side_row() {
    Row row{.mode = Mode::interface,
            .pattern = "ip nat { inside | outside }",
            .help =
                "NAT interface commands|inside: Inside interface for address translation|outside: "
                "Outside interface for address translation"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& side = session.object<InterfaceConfig>().nat_side;
        side = args.negated()       ? config::NatSide::none
               : args.has("inside") ? config::NatSide::inside
                                    : config::NatSide::outside;
        return done();
    };
    row.write = [](Writer& out) {
        const auto side = out.object<InterfaceConfig>().nat_side;
        if (side != config::NatSide::none) {
            out.line("ip nat {}", side == config::NatSide::inside ? "inside" : "outside");
        }
    };
    row.examples = {"ip nat inside", "ip nat outside"};
    return row;
}

}  // namespace

Rows ip_interface_rows() {
    return {
        fixed_row(),
        dhcp_row(),
        negotiated_row(),
        unnumbered_row(),
        access_group_row(),
        helper_row(),
        flag_row(Mode::interface,
                 "ip redirects",
                 &InterfaceConfig::ip_redirects,
                 "Enable sending ICMP Redirect messages"),
        flag_row(Mode::interface,
                 "ip unreachables",
                 &InterfaceConfig::ip_unreachables,
                 "Enable sending ICMP Unreachable messages"),
        flag_row(
            Mode::interface, "ip proxy-arp", &InterfaceConfig::ip_proxy_arp, "Enable proxy ARP"),
        flag_row(Mode::interface,
                 "ip directed-broadcast",
                 &InterfaceConfig::ip_directed_broadcast,
                 "Enable forwarding of directed broadcasts"),
        flag_row(Mode::interface,
                 "ip mask-reply",
                 &InterfaceConfig::ip_mask_reply,
                 "Enable sending ICMP Mask Reply messages"),
        examples({"ip mtu 1440"},
                 number_row(Mode::interface,
                            "ip mtu",
                            "68-9216",
                            &InterfaceConfig::ip_mtu,
                            "Set IP Maximum Transmission Unit|value: MTU (bytes)")),
        nat_side_row(),
        examples(
            {"ip tcp adjust-mss 1360"},
            number_row(Mode::interface,
                       "ip tcp adjust-mss",
                       "500-1460",
                       &InterfaceConfig::tcp_adjust_mss,
                       "Adjust the mss of transit packets|value: Maximum segment size in bytes")),
        examples({"ip policy route-map policy"},
                 effect(Effect::later,
                        text_row(Mode::interface,
                                 "ip policy route-map",
                                 "WORD",
                                 &InterfaceConfig::policy_route_map,
                                 "Enable policy routing|text: Route map name"))),
    };
}

}  // namespace viaduct::ios
