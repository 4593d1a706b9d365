// Interfaces: what is not IP, NHRP, EIGRP or tunnel: name, description, speed, keepalive, crypto, hardware that
// a virtual router does not have.
#include <algorithm>

#include "config/ios/fields.h"
#include "config/ios/kept_lines.h"

namespace viaduct::ios {

namespace {

using config::InterfaceConfig;
using config::InterfaceName;
using config::InterfaceType;

bool is_virtual(InterfaceType type) {
    return type == InterfaceType::loopback || type == InterfaceType::tunnel;
}

Row enter_interface_row() {
    Row row{.mode = Mode::global,
            .pattern = "interface <name:interface>",
            .help = "Select an interface to configure"};
    row.no = "interface <name:interface>";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& interfaces = session.config().interfaces;
        const auto name = *args.interface("name");
        if (args.has(kDefaultWord)) {
            if (interfaces.contains(name)) {
                interfaces[name] = InterfaceConfig{.name = name};
            }
            return done();
        }
        if (args.negated()) {
            const bool real = name.is_ethernet() && interfaces.contains(name);
            if (real) {
                return failure("Removal of physical interfaces is not permitted");
            }
            interfaces.erase(name);
            return done();
        }
        if (is_virtual(name.type) && name.unit.size() != 1) {
            return failure("Invalid interface number: " + name.to_string());
        }
        if (!interfaces.contains(name) && interfaces.size() >= 4096) {
            return failure("Interfaces: limit of 4096");
        }
        interfaces.try_emplace(name, InterfaceConfig{.name = name});
        session.enter({.mode = Mode::interface, .interface = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, interface] : out.config().interfaces) {
            out.separator();
            out.section("interface " + name.to_string(),
                        {.mode = Mode::interface, .interface = name});
        }
    };
    row.examples = {"interface Tunnel0", "interface Loopback 7"};
    row.enters = true;
    return at(Place::interfaces, std::move(row));
}

Row mac_row() {
    Row row{.mode = Mode::interface,
            .pattern = "mac-address <mac:H.H.H>",
            .help = "Manually set interface MAC address|mac: MAC address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& interface = session.object<InterfaceConfig>();
        if (args.negated()) {
            interface.mac_address.reset();
            return done();
        }
        if (!interface.name.is_ethernet()) {
            return failure("A MAC address needs an Ethernet interface");
        }
        if (args.mac("mac")->is_multicast() || *args.mac("mac") == MacAddress{}) {
            return failure("Invalid MAC address");
        }
        interface.mac_address = args.mac("mac");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& mac = out.object<InterfaceConfig>().mac_address) {
            out.line("mac-address {}", mac->to_string());
        }
    };
    row.examples = {"mac-address 0200.0000.0001"};
    return row;
}

/// On a tunnel none are sent unless configured; IOS refuses them on a multipoint tunnel.
Result<void> tunnel_keepalive(InterfaceConfig& interface, const Args& args) {
    constexpr std::uint16_t kDefaultPeriod = 10;
    const InterfaceConfig normal;
    const bool off =
        args.negated() || args.has(kDefaultWord) || args.number("period", kDefaultPeriod) == 0;
    if (!off && interface.tunnel.mode == config::TunnelMode::gre_multipoint) {
        return failure("Keepalives are not supported on a multipoint tunnel");
    }
    interface.keepalive = true;
    interface.keepalive_period_s.reset();
    interface.keepalive_retries = normal.keepalive_retries;
    if (!off) {
        interface.keepalive_period_s =
            static_cast<std::uint16_t>(args.number("period", kDefaultPeriod));
        interface.keepalive_retries =
            static_cast<std::uint8_t>(args.number("retries", normal.keepalive_retries));
    }
    return done();
}

Row interface_keepalive_row() {
    Row row{.mode = Mode::interface,
            .pattern = "keepalive [ <period:0-32767> [ <retries:1-255> ] ]",
            .help =
                "Enable keepalive|period: Keepalive period (default 10 seconds)|retries: Keepalive "
                "retries"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& interface = session.object<InterfaceConfig>();
        const InterfaceConfig normal;
        const bool restores = args.has(kDefaultWord);
        if (interface.name.type == config::InterfaceType::tunnel) {
            return tunnel_keepalive(interface, args);
        }
        interface.keepalive = !args.negated() && (restores || args.number("period", 1) != 0);
        interface.keepalive_period_s.reset();
        interface.keepalive_retries = normal.keepalive_retries;
        if (interface.keepalive && !restores && args.has("period")) {
            interface.keepalive_period_s = static_cast<std::uint16_t>(args.number("period"));
            interface.keepalive_retries =
                static_cast<std::uint8_t>(args.number("retries", normal.keepalive_retries));
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& interface = out.object<InterfaceConfig>();
        if (!interface.keepalive) {
            out.line("no keepalive");
        } else if (interface.keepalive_period_s) {
            out.line("keepalive {} {}", *interface.keepalive_period_s, interface.keepalive_retries);
        }
    };
    row.examples = {"no keepalive", "keepalive 5 4"};
    row.default_on = true;
    row.three_states = true;
    return row;
}

Row interface_crypto_map_row() {
    auto row = text_row(Mode::interface,
                        "crypto map",
                        "WORD",
                        &InterfaceConfig::crypto_map,
                        "Assign a Crypto Map|text: Crypto Map tag");
    return examples({"crypto map mymap"}, std::move(row));
}

Row ezvpn_row() {
    Row row{.mode = Mode::interface,
            .pattern = "crypto ipsec client ezvpn <name:WORD> [ inside | outside ]",
            .help =
                "Easy VPN client configuration|name: Name of the Easy VPN client|inside: Inside "
                "interface|outside: Outside interface"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& interface = session.object<InterfaceConfig>();
        interface.ezvpn_client = args.negated() ? "" : args.text("name");
        interface.ezvpn_inside = !args.negated() && args.has("inside");
        return done();
    };
    row.write = [](Writer& out) {
        const auto& interface = out.object<InterfaceConfig>();
        if (!interface.ezvpn_client.empty()) {
            out.line("crypto ipsec client ezvpn {}{}",
                     quoted(interface.ezvpn_client),
                     interface.ezvpn_inside ? " inside" : "");
        }
    };
    row.examples = {"crypto ipsec client ezvpn home", "crypto ipsec client ezvpn home inside"};
    return row;
}

/// Lines of Ethernet drivers and switching paths, and of the interfaces that a virtual router lacks.
Row kept_interface_row(const std::string& pattern,
                       const std::string& help,
                       std::vector<std::string> lines) {
    Row row{.mode = Mode::interface, .pattern = pattern, .help = help};
    row.apply = [identity = leading_words(pattern)](ConfigSession& session, const Args& args) {
        keep_line(session.object<InterfaceConfig>().kept, args, identity);
        return done();
    };
    row.examples = std::move(lines);
    row.effect = Effect::kept;
    return row;
}

Row hardware(const std::string& pattern, const std::string& help, std::vector<std::string> lines) {
    auto row = kept_interface_row(pattern, help, std::move(lines));
    row.apply = [apply = row.apply](ConfigSession& session, const Args& args) -> Result<void> {
        const auto type = session.object<InterfaceConfig>().name.type;
        if (type < InterfaceType::bri || type == InterfaceType::null) {
            return failure("This line belongs to BRI, ATM, Serial and Async interfaces");
        }
        return apply(session, args);
    };
    row.context = "interface Serial0/0";
    return row;
}

Rows hardware_lines() {
    return {
        hardware("clockrate <rate:LINE>",
                 "Configure serial interface clock speed",
                 {"clockrate 2000000"}),
        hardware("clock <what:LINE>", "Configure serial interface clock", {"clock rate 64000"}),
        hardware("atm <what:LINE>", "Modify ATM parameters", {"no atm ilmi-keepalive"}),
        hardware("pvc <what:LINE>", "Configure ATM PVC parameters", {"pvc 1/32"}),
        hardware("dsl <what:LINE>", "Configure ADSL Settings", {"dsl operating-mode auto"}),
        hardware("isdn <what:LINE>",
                 "ISDN Interface configuration commands",
                 {"isdn switch-type basic-net3"}),
        hardware("dialer <what:LINE>", "Dial-on-demand routing (DDR) commands", {"dialer pool 1"}),
        hardware(
            "dialer-group <group:1-128>", "Assign interface to dialer-list", {"dialer-group 1"}),
        hardware("ppp <what:LINE>", "Point-to-Point Protocol", {"ppp authentication chap"}),
        hardware(
            "frame-relay <what:LINE>", "Set frame relay parameters", {"frame-relay lmi-type ansi"}),
        hardware("peer <what:LINE>",
                 "Peer parameters for point to point interfaces",
                 {"peer default ip address pool p"}),
        hardware("async <what:LINE>", "Async interface parameters", {"async mode interactive"}),
        hardware("serial <what:LINE>", "serial interface commands", {"serial restart-delay 0"}),
        hardware("physical-layer { sync | async }",
                 "Configure sync/async physical layer on serial "
                 "interface",
                 {"physical-layer async"}),
        hardware("compress <what:LINE>", "Set serial interface for compression", {"compress stac"}),
    };
}

Rows kept_lines() {
    Rows rows{
        kept_interface_row("ip mroute-cache",
                           "Enable switching cache for incoming multicast packets",
                           {"no ip mroute-cache"}),
        kept_interface_row("ip route-cache [ cef | flow | policy | same-interface | distributed ]",
                           "Enable fast-switching cache for outgoing packets",
                           {"no ip route-cache", "ip route-cache flow"}),
        kept_interface_row("ip virtual-reassembly [ <what:LINE> ]",
                           "Enable IP Virtual Reassembly",
                           {"ip virtual-reassembly"}),
        kept_interface_row("ip split-horizon", "Perform split horizon", {"no ip split-horizon"}),
        kept_interface_row("qos pre-classify",
                           "Enable QoS classification before packets are tunnel encapsulated",
                           {"qos pre-classify"}),
        kept_interface_row("ip pim <what:LINE>", "PIM interface commands", {"ip pim sparse-mode"}),
        kept_interface_row("ip igmp <what:LINE>", "IGMP interface commands", {"ip igmp version 2"}),
        kept_interface_row(
            "ip rip <what:LINE>", "Router Information Protocol", {"ip rip send version 2"}),
        kept_interface_row(
            "ip ospf <what:LINE>", "OSPF interface commands", {"ip ospf network broadcast"}),
        kept_interface_row(
            "ip flow { ingress | egress }", "NetFlow related commands", {"ip flow ingress"}),
        kept_interface_row("ip accounting [ <what:LINE> ]",
                           "Enable IP accounting on this interface",
                           {"ip accounting"}),
        kept_interface_row("ip inspect <what:LINE>", "Apply inspect name", {"ip inspect fw out"}),
        kept_interface_row("ipv6 <what:LINE>", "IPv6 interface subcommands", {"ipv6 enable"}),
        kept_interface_row("cdp <what:LINE>", "CDP interface subcommands", {"no cdp enable"}),
        kept_interface_row("mop <what:LINE>", "DEC MOP server commands", {"no mop enabled"}),
        kept_interface_row(
            "snmp <what:LINE>", "Modify SNMP interface parameters", {"snmp trap link-status"}),
        kept_interface_row("hold-queue <length:0-65535> { in | out }",
                           "Set hold queue depth",
                           {"hold-queue 100 out"}),
        kept_interface_row("tx-ring-limit <limit:1-32767>",
                           "Configure PA level transmit ring limit",
                           {"tx-ring-limit 10"}),
        kept_interface_row("carrier-delay <delay:LINE>",
                           "Specify delay for interface transitions",
                           {"carrier-delay 2"}),
        kept_interface_row("logging event <what:LINE>",
                           "Configure interface logging events",
                           {"logging event link-status"}),
        kept_interface_row("service-policy { input | output } <policy:WORD>",
                           "Configure QoS Service Policy",
                           {"service-policy output voice"}),
        kept_interface_row("standby <what:LINE>",
                           "HSRP interface configuration commands",
                           {"standby 1 ip 10.0.0.1"}),
        kept_interface_row(
            "media-type <what:LINE>", "Interface media type", {"media-type 100BaseX"}),
        kept_interface_row(
            "fair-queue [ <what:LINE> ]", "Enable Fair Queuing on an Interface", {"no fair-queue"}),
        kept_interface_row("max-reserved-bandwidth <percent:1-100>",
                           "Maximum Reservable Bandwidth on an Interface",
                           {"max-reserved-bandwidth 80"}),
        kept_interface_row("random-detect [ <what:LINE> ]",
                           "Enable Weighted Random Early Detection (WRED) on an "
                           "Interface",
                           {"random-detect"}),
        kept_interface_row("traffic-shape <what:LINE>",
                           "Enable Traffic Shaping on an Interface or Sub-Interface",
                           {"traffic-shape rate 64000"}),
        kept_interface_row("encapsulation <what:LINE>",
                           "Set encapsulation type for an interface",
                           {"encapsulation ppp"}),
    };
    rows.front().write = [](Writer& out) {
        for (const auto& line : out.object<InterfaceConfig>().kept) {
            out.text(line);
        }
    };
    auto more = hardware_lines();
    std::move(more.begin(), more.end(), std::back_inserter(rows));
    return rows;
}

/// Behind the addresses, as IOS writes them.
Rows port_rows() {
    return {
        flag_row(Mode::interface,
                 "shutdown",
                 &InterfaceConfig::shutdown,
                 "Shutdown the selected interface"),
        effect(Effect::kept,
               choice_row(Mode::interface,
                          "duplex",
                          {"auto", "full", "half"},
                          &InterfaceConfig::duplex,
                          "Configure duplex operation.")),
        effect(Effect::kept,
               choice_row(Mode::interface,
                          "speed",
                          {"auto", "10", "100", "1000"},
                          &InterfaceConfig::speed,
                          "Configure speed operation.")),
        interface_keepalive_row(),
        examples({"load-interval 30"},
                 number_row(
                     Mode::interface,
                     "load-interval",
                     "30-600",
                     &InterfaceConfig::load_interval_s,
                     "Specify interval for load calculation for an interface|value: Load interval "
                     "delay in seconds")),
        examples({"arp timeout 60"},
                 number_row(Mode::interface,
                            "arp timeout",
                            "0-2147483",
                            &InterfaceConfig::arp_timeout_s,
                            "Set ARP cache timeout|value: Seconds")),
    };
}

Rows crypto_rows() {
    return {
        interface_crypto_map_row(),
        ezvpn_row(),
        choice_row(
            Mode::interface,
            "crypto ipsec df-bit",
            {"clear", "set", "copy"},
            &InterfaceConfig::crypto_df_bit,
            "Handling of encapsulated DF bit.|clear: Clear DF bit|set: Set DF bit|copy: Copy DF "
            "bit"),
        choice_row(Mode::interface,
                   "crypto ipsec fragmentation",
                   {"before-encryption", "after-encryption"},
                   &InterfaceConfig::crypto_fragmentation,
                   "Handling of fragmentation of near-MTU sized packets"),
    };
}

}  // namespace

Rows interface_rows() {
    Rows rows{
        enter_interface_row(),
        examples(
            {"description Outside interface"},
            text_row(Mode::interface,
                     "description",
                     "LINE",
                     &InterfaceConfig::description,
                     "Interface specific description|text: Up to 240 characters describing this "
                     "interface")),
        mac_row(),
        examples({"bandwidth 10000"},
                 number_row(Mode::interface,
                            "bandwidth",
                            "1-10000000",
                            &InterfaceConfig::bandwidth_kbps,
                            "Set bandwidth informational parameter|value: Bandwidth in kilobits")),
        examples({"mtu 1400"},
                 number_row(Mode::interface,
                            "mtu",
                            "64-9216",
                            &InterfaceConfig::mtu,
                            "Set the interface Maximum Transmission Unit (MTU)|value: MTU "
                            "size in bytes")),
        examples({"delay 1000"},
                 number_row(Mode::interface,
                            "delay",
                            "1-16777215",
                            &InterfaceConfig::delay_10us,
                            "Specify interface throughput delay|value: Throughput delay (tens of "
                            "microseconds)")),
    };
    const auto append = [&rows](Rows more, Place place) {
        for (auto& row : more) {
            rows.push_back(at(place, std::move(row)));
        }
    };
    append(port_rows(), Place::interfaces);
    append(kept_lines(), Place::interfaces);
    append(crypto_rows(), Place::routers);
    return rows;
}

}  // namespace viaduct::ios
