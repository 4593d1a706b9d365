#include "config/ios/words.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace viaduct::ios {

namespace {

// IOS: the names that `access-list … eq ?` lists.
constexpr std::array<PortName, 51> kPorts{{
    {"bgp", 179, true, false},
    {"biff", 512, false, true},
    {"bootpc", 68, false, true},
    {"bootps", 67, false, true},
    {"chargen", 19, true, false},
    {"cmd", 514, true, false},
    {"daytime", 13, true, false},
    {"discard", 9, true, true},
    {"dnsix", 195, false, true},
    {"domain", 53, true, true},
    {"echo", 7, true, true},
    {"exec", 512, true, false},
    {"finger", 79, true, false},
    {"ftp", 21, true, false},
    {"ftp-data", 20, true, false},
    {"gopher", 70, true, false},
    {"hostname", 101, true, false},
    {"ident", 113, true, false},
    {"irc", 194, true, false},
    {"isakmp", 500, false, true},
    {"klogin", 543, true, false},
    {"kshell", 544, true, false},
    {"login", 513, true, false},
    {"lpd", 515, true, false},
    {"mobile-ip", 434, false, true},
    {"nameserver", 42, false, true},
    {"netbios-dgm", 138, false, true},
    {"netbios-ns", 137, false, true},
    {"netbios-ss", 139, false, true},
    {"nntp", 119, true, false},
    {"non500-isakmp", 4500, false, true},
    {"ntp", 123, false, true},
    {"pim-auto-rp", 496, true, true},
    {"pop2", 109, true, false},
    {"pop3", 110, true, false},
    {"rip", 520, false, true},
    {"smtp", 25, true, false},
    {"snmp", 161, false, true},
    {"snmptrap", 162, false, true},
    {"sunrpc", 111, true, true},
    {"syslog", 514, false, true},
    {"tacacs", 49, true, true},
    {"talk", 517, true, true},
    {"telnet", 23, true, false},
    {"tftp", 69, false, true},
    {"time", 37, true, true},
    {"uucp", 540, true, false},
    {"who", 513, false, true},
    {"whois", 43, true, false},
    {"www", 80, true, false},
    {"xdmcp", 177, false, true},
}};

constexpr std::array<ProtocolName, 13> kProtocols{{
    {"ahp", 51},
    {"eigrp", 88},
    {"esp", 50},
    {"gre", 47},
    {"icmp", 1},
    {"igmp", 2},
    {"ipinip", 4},
    {"nos", 94},
    {"ospf", 89},
    {"pcp", 108},
    {"pim", 103},
    {"tcp", 6},
    {"udp", 17},
}};

constexpr std::uint8_t kNone = 0xFF;

struct IcmpRow {
    std::string_view name;
    std::uint8_t type;
    std::uint8_t code;
};

constexpr std::array<IcmpRow, 39> kIcmp{{
    {"administratively-prohibited", 3, 13},
    {"alternate-address", 6, kNone},
    {"conversion-error", 31, kNone},
    {"dod-host-prohibited", 3, 10},
    {"dod-net-prohibited", 3, 9},
    {"echo", 8, kNone},
    {"echo-reply", 0, kNone},
    {"general-parameter-problem", 12, 0},
    {"host-isolated", 3, 8},
    {"host-precedence-unreachable", 3, 14},
    {"host-redirect", 5, 1},
    {"host-tos-redirect", 5, 3},
    {"host-tos-unreachable", 3, 12},
    {"host-unknown", 3, 7},
    {"host-unreachable", 3, 1},
    {"information-reply", 16, kNone},
    {"information-request", 15, kNone},
    {"mask-reply", 18, kNone},
    {"mask-request", 17, kNone},
    {"mobile-redirect", 32, kNone},
    {"net-redirect", 5, 0},
    {"net-tos-redirect", 5, 2},
    {"net-tos-unreachable", 3, 11},
    {"net-unreachable", 3, 0},
    {"network-unknown", 3, 6},
    {"no-room-for-option", 12, 2},
    {"option-missing", 12, 1},
    {"packet-too-big", 3, 4},
    {"parameter-problem", 12, kNone},
    {"port-unreachable", 3, 3},
    {"precedence-unreachable", 3, 15},
    {"protocol-unreachable", 3, 2},
    {"reassembly-timeout", 11, 1},
    {"redirect", 5, kNone},
    {"router-advertisement", 9, kNone},
    {"source-quench", 4, kNone},
    {"source-route-failed", 3, 5},
    {"time-exceeded", 11, kNone},
    {"unreachable", 3, kNone},
}};

}  // namespace

std::span<const PortName> port_names() {
    return kPorts;
}

std::span<const ProtocolName> protocol_names() {
    return kProtocols;
}

std::span<const IcmpName> icmp_names() {
    static const auto kNames = [] {
        std::array<IcmpName, kIcmp.size()> names{};
        for (std::size_t i = 0; i < kIcmp.size(); ++i) {
            names[i] = {kIcmp[i].name, kIcmp[i].type, std::nullopt};
            if (kIcmp[i].code != kNone) {
                names[i].code = kIcmp[i].code;
            }
        }
        return names;
    }();
    return kNames;
}

std::optional<std::uint32_t> parse_number(std::string_view text,
                                          std::uint32_t low,
                                          std::uint32_t high) {
    std::uint32_t number = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (text.empty() || error != std::errc{} || stop != end || number < low || number > high) {
        return std::nullopt;
    }
    return number;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const auto* found = std::find_if(
        kPorts.begin(), kPorts.end(), [text](const PortName& row) { return row.name == text; });
    if (found != kPorts.end()) {
        return found->number;
    }
    const auto number = parse_number(text, 0, 65535);
    return number ? std::optional{static_cast<std::uint16_t>(*number)} : std::nullopt;
}

std::optional<std::uint8_t> parse_protocol(std::string_view text) {
    const auto* found = std::find_if(
        kProtocols.begin(), kProtocols.end(), [text](const auto& row) { return row.name == text; });
    if (found != kProtocols.end()) {
        return found->number;
    }
    const auto number = parse_number(text, 0, 255);
    return number ? std::optional{static_cast<std::uint8_t>(*number)} : std::nullopt;
}

std::string port_text(std::uint16_t port, bool tcp) {
    const auto* found = std::find_if(kPorts.begin(), kPorts.end(), [&](const PortName& row) {
        return row.number == port && (tcp ? row.tcp : row.udp);
    });
    return found != kPorts.end() ? std::string(found->name) : std::to_string(port);
}

std::string protocol_text(std::uint8_t protocol) {
    const auto* found = std::find_if(kProtocols.begin(), kProtocols.end(), [&](const auto& row) {
        return row.number == protocol;
    });
    return found != kProtocols.end() ? std::string(found->name) : std::to_string(protocol);
}

std::string_view icmp_name(std::uint8_t type, std::optional<std::uint8_t> code) {
    const auto* found = std::find_if(kIcmp.begin(), kIcmp.end(), [&](const IcmpRow& row) {
        return row.type == type && row.code == code.value_or(kNone);
    });
    return found != kIcmp.end() ? found->name : std::string_view{};
}

}  // namespace viaduct::ios
