#include "config/pix/lines.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "config/ios/words.h"

namespace viaduct::pix {

namespace {

using config::AccessEntry;
using config::AclAction;
using config::AddressMatch;
using config::InterfaceConfig;
using config::InterfaceName;
using config::InterfaceType;
using config::PortMatch;
using config::PortOperator;
using config::RunningConfig;
using ios::Args;

Result<void> done() {
    return {};
}

Result<InterfaceName> hardware(std::string_view text) {
    const auto name = InterfaceName::parse(text);
    if (!name || !name->is_ethernet() || name->unit.size() != 1) {
        return failure("Unknown interface " + std::string(text));
    }
    return *name;
}

InterfaceConfig& interface_of(RunningConfig& config, const InterfaceName& name) {
    return config.interfaces.try_emplace(name, InterfaceConfig{.name = name}).first->second;
}

Result<void> keep(RunningConfig& config, const Args& args) {
    config.pix_kept.push_back(args.line());
    return done();
}

Result<void> apply_nameif(RunningConfig& config, const Args& args) {
    const auto name = hardware(args.text("port"));
    const auto level = args.text("level");
    constexpr std::string_view kWord = "security";
    const auto number =
        level.starts_with(kWord)
            ? ios::parse_number(std::string_view(level).substr(kWord.size()), 0, 100)
            : std::nullopt;
    if (!name) {
        return tl::unexpected(name.error());
    }
    if (!number) {
        return failure("Invalid security level " + level);
    }
    for (const auto& [port, other] : config.pix_names) {
        if (other == args.text("name") && port != hardware_name(*name)) {
            return failure("interface name " + other + " is taken by " + port);
        }
    }
    interface_of(config, *name);
    config.pix_names[hardware_name(*name)] = args.text("name");
    config.pix_security[args.text("name")] = static_cast<std::uint8_t>(*number);
    return done();
}

Result<void> apply_interface(RunningConfig& config, const Args& args) {
    const auto name = hardware(args.text("port"));
    if (!name) {
        return tl::unexpected(name.error());
    }
    auto& interface = interface_of(config, *name);
    interface.speed = args.text("speed");
    interface.shutdown = args.has("shutdown");
    return done();
}

Result<InterfaceConfig*> named(RunningConfig& config, const Args& args) {
    const auto name = interface_named(config, args.text("name"));
    if (!name) {
        return tl::unexpected(name.error());
    }
    return &interface_of(config, *name);
}

Result<void> apply_address(RunningConfig& config, const Args& args) {
    auto interface = named(config, args);
    if (!interface) {
        return tl::unexpected(interface.error());
    }
    if (args.has("dhcp")) {
        (*interface)->address_source = config::AddressSource::dhcp;
        (*interface)->address.reset();
        return done();
    }
    const config::InterfaceAddress address{args.address("a"), *length_of_mask(args.address("m"))};
    const auto network = address.network();
    const bool edge = address.length < 31 && (address.address == network.network() ||
                                              address.address == network.broadcast());
    if (address.length == 0 || edge) {
        return failure("Bad IP address or mask");
    }
    (*interface)->address_source = config::AddressSource::fixed;
    (*interface)->address = address;
    return done();
}

Result<void> apply_mtu(RunningConfig& config, const Args& args) {
    auto interface = named(config, args);
    if (!interface) {
        return tl::unexpected(interface.error());
    }
    (*interface)->mtu = static_cast<std::uint16_t>(args.number("bytes"));
    return done();
}

Result<void> apply_arp_timeout(RunningConfig& config, const Args& args) {
    for (auto& [name, interface] : config.interfaces) {
        interface.arp_timeout_s = args.number("seconds");
    }
    return done();
}

Result<void> apply_route(RunningConfig& config, const Args& args) {
    const auto name = interface_named(config, args.text("name"));
    if (!name) {
        return tl::unexpected(name.error());
    }
    config::StaticRoute route;
    route.prefix = Ipv4Prefix{args.address("a"), *length_of_mask(args.address("m"))};
    if (route.prefix.network() != args.address("a")) {
        return failure("Invalid destination address");
    }
    route.interface = *name;
    route.gateway = args.address("gateway");
    route.distance = static_cast<std::uint8_t>(args.number("metric", 1));
    config.static_routes.push_back(route);
    return done();
}

/// A PIX says netmasks where IOS says wildcards.
AddressMatch read_match(const Args& args, const std::string& p) {
    AddressMatch match;
    if (args.has(p + "a")) {
        const auto mask = args.has(p + "m") ? args.address(p + "m") : Ipv4Address{0xFFFFFFFFU};
        match.wildcard = Ipv4Address{~mask.value()};
        match.address = Ipv4Address{args.address(p + "a").value() & mask.value()};
    }
    return match;
}

PortMatch read_port(const Args& args, const std::string& p) {
    constexpr std::array<std::pair<std::string_view, PortOperator>, 4> kOperators{
        {{"eq", PortOperator::eq},
         {"neq", PortOperator::neq},
         {"lt", PortOperator::lt},
         {"gt", PortOperator::gt}}};
    for (const auto& [word, op] : kOperators) {
        const auto name = p + std::string(word);
        if (args.has(name)) {
            return {op, static_cast<std::uint16_t>(args.number(name)), 0};
        }
    }
    if (args.has(p + "first")) {
        return {PortOperator::range,
                static_cast<std::uint16_t>(args.number(p + "first")),
                static_cast<std::uint16_t>(args.number(p + "last"))};
    }
    return {};
}

Result<void> apply_access_list(RunningConfig& config, const Args& args) {
    AccessEntry entry;
    entry.remark = args.text("remarktext");
    entry.action = args.has("permit") ? AclAction::permit : AclAction::deny;
    entry.source = read_match(args, "s");
    entry.destination = read_match(args, "d");
    entry.source_port = read_port(args, "s");
    entry.destination_port = read_port(args, "d");
    if (args.has("proto") && args.text("proto") != "ip") {
        entry.protocol = IpProtocol{static_cast<std::uint8_t>(args.number("proto"))};
    }
    const bool ports =
        entry.source_port.op != PortOperator::any || entry.destination_port.op != PortOperator::any;
    if (ports && entry.protocol != kProtoTcp && entry.protocol != kProtoUdp) {
        return failure("Ports belong to tcp and udp");
    }
    if (args.has("icmptype")) {
        entry.icmp_type = static_cast<std::uint8_t>(args.number("icmptype"));
    }
    for (const auto& name : ios::icmp_names()) {
        if (args.has(name.name)) {
            entry.icmp_type = name.type;
            entry.icmp_code = name.code;
        }
    }
    if (entry.icmp_type && entry.protocol != kProtoIcmp) {
        return failure("Message types belong to icmp");
    }
    entry.log = args.has("log");
    auto& list = config.access_lists[args.text("id")];
    list.named = true;
    entry.sequence = static_cast<std::uint32_t>(10 * (list.entries.size() + 1));
    list.entries.push_back(std::move(entry));
    return done();
}

Result<void> apply_access_group(RunningConfig& config, const Args& args) {
    auto interface = named(config, args);
    if (!interface) {
        return tl::unexpected(interface.error());
    }
    (*interface)->access_group_in = args.text("id");
    return done();
}

/// "3:00:00"
std::optional<std::uint32_t> read_clock(std::string_view text) {
    std::uint32_t seconds = 0;
    int parts = 0;
    while (parts < 3) {
        const auto colon = std::min(text.find(':'), text.size());
        const auto number = ios::parse_number(text.substr(0, colon), 0, 1193);
        if (!number) {
            return std::nullopt;
        }
        seconds = seconds * 60 + *number;
        ++parts;
        if (colon == text.size()) {
            break;
        }
        text.remove_prefix(colon + 1);
    }
    return parts == 3 ? std::optional(seconds) : std::nullopt;
}

/// `timeout xlate 3:00:00`, `timeout conn 1:00:00 half-closed 0:10:00 udp 0:02:00 …`: pairs of a word and a time.
Result<void> apply_timeout(RunningConfig& config, const Args& args) {
    auto timeouts = config.nat.timeouts;
    std::string_view rest = args.line();
    rest.remove_prefix(std::min(rest.find(' '), rest.size()));
    std::string_view what;
    while (!rest.empty()) {
        const auto begin = std::min(rest.find_first_not_of(' '), rest.size());
        const auto end = std::min(rest.find(' ', begin), rest.size());
        const auto word = rest.substr(begin, end - begin);
        rest.remove_prefix(end);
        const auto seconds = read_clock(word);
        if (!seconds) {
            what = word;
        } else if (what == "xlate") {
            timeouts.dynamic_s = *seconds;
        } else if (what == "conn") {
            timeouts.tcp_s = *seconds;
        } else if (what == "half-closed") {
            timeouts.half_closed_s = *seconds;
        } else if (what == "udp") {
            timeouts.udp_s = *seconds;
        } else if (what == "icmp") {
            timeouts.icmp_s = *seconds;
        }
    }
    config.nat.timeouts = timeouts;
    return keep(config, args);
}

Result<void> apply_hostname(RunningConfig& config, const Args& args) {
    config.system.hostname = args.text("name");
    return done();
}

Result<void> apply_domain(RunningConfig& config, const Args& args) {
    config.system.domain_name = args.text("name");
    return done();
}

Result<void> apply_version(RunningConfig& config, const Args& args) {
    config.system.version = args.text("version");
    return done();
}

std::string port_pattern(const std::string& p) {
    return "[ eq <" + p + "eq:port> | neq <" + p + "neq:port> | lt <" + p + "lt:port> | gt <" + p +
           "gt:port> | range <" + p + "first:port> <" + p + "last:port> ]";
}

std::string access_list_pattern() {
    std::string icmp;
    for (const auto& name : ios::icmp_names()) {
        icmp += " | " + std::string(name.name);
    }
    return "access-list <id:WORD> [ line <line-number:1-65535> ] [ extended ] { remark "
           "<remarktext:LINE> | { permit "
           "| deny } <proto:protocol> { any | host <sa:A.B.C.D> | <sa:A.B.C.D> <sm:mask> } " +
           port_pattern("s") + " { any | host <da:A.B.C.D> | <da:A.B.C.D> <dm:mask> } " +
           port_pattern("d") + " [ <icmptype:0-255>" + icmp + " ] [ log ] }";
}

std::vector<Row> build_rows() {
    std::vector<Row> all{
        {"PIX Version <version:WORD>", apply_version},
        {"interface <port:WORD> <speed:WORD> [ shutdown ]", apply_interface},
        {"nameif <port:WORD> <name:WORD> <level:WORD>", apply_nameif},
        {"hostname <name:WORD>", apply_hostname},
        {"domain-name <name:WORD>", apply_domain},
        {access_list_pattern(), apply_access_list},
        {"mtu <name:WORD> <bytes:64-9216>", apply_mtu},
        {"ip address <name:WORD> { <a:A.B.C.D> <m:mask> | dhcp [ <rest:LINE> ] }", apply_address},
        {"arp timeout <seconds:60-1215752>", apply_arp_timeout},
        // These three make config.nat when the whole file is read: build_nat().
        {"global <where:WORD> <id:1-2147483647> <what:LINE>", keep},
        {"nat <where:WORD> <id:0-2147483647> <what:LINE>", keep},
        {"static <where:WORD> <what:LINE>", keep},
        {"access-group <id:WORD> in interface <name:WORD>", apply_access_group},
        {"route <name:WORD> <a:A.B.C.D> <m:mask> <gateway:A.B.C.D> [ <metric:1-255> ]",
         apply_route},
        {"timeout <what:LINE>", apply_timeout},
    };
    for (const auto* word : {"http",        "enable",    "passwd",
                             "fixup",       "names",     "name",
                             "pager",       "logging",   "icmp",
                             "pdm",         "telnet",    "ssh",
                             "console",     "terminal",  "floodguard",
                             "snmp-server", "banner",    "clock",
                             "failover",    "no",        "ip audit",
                             "ip local",    "ip verify", "arp",
                             "ntp",         "privilege", "url-cache",
                             "service",     "alias",     "established",
                             "filter",      "virtual",   "management-access",
                             "auth-prompt", "age",       "tftp-server"}) {
        all.push_back({std::string(word) + " [ <what:LINE> ]", keep, Effect::kept});
    }
    for (const auto* word :
         {"isakmp",     "crypto",    "vpngroup", "sysopt",    "ca",           "aaa",
          "aaa-server", "username",  "dhcpd",    "dhcprelay", "object-group", "vpdn",
          "vpnclient",  "rip",       "router",   "conduit",   "outbound",     "apply",
          "url-server", "multicast", "igmp"}) {
        all.push_back({std::string(word) + " [ <what:LINE> ]", keep, Effect::not_run});
    }
    return all;
}

ios::CommandSet build_commands() {
    ios::CommandSet set;
    for (std::size_t id = 0; id < rows().size(); ++id) {
        set.add(id, rows()[id].pattern, {});
    }
    return set;
}

}  // namespace

const std::vector<Row>& rows() {
    static const std::vector<Row> kRows = build_rows();
    return kRows;
}

const ios::CommandSet& commands() {
    static const ios::CommandSet kCommands = build_commands();
    return kCommands;
}

KeptPlace kept_place(std::string_view line) {
    struct Word {
        std::string_view word;
        KeptPlace place;
    };

    constexpr std::array<Word, 18> kPlaces{{
        {"enable", KeptPlace::passwords},
        {"passwd", KeptPlace::passwords},
        {"clock", KeptPlace::names},
        {"fixup", KeptPlace::names},
        {"names", KeptPlace::names},
        {"name", KeptPlace::names},
        {"object-group", KeptPlace::names},
        {"pager", KeptPlace::terminal},
        {"logging", KeptPlace::terminal},
        {"icmp", KeptPlace::terminal},
        {"ip", KeptPlace::addresses},
        {"failover", KeptPlace::addresses},
        {"pdm", KeptPlace::addresses},
        {"global", KeptPlace::global},
        {"nat", KeptPlace::nat},
        {"static", KeptPlace::static_nat},
        {"timeout", KeptPlace::timeouts},
        {"Cryptochecksum", KeptPlace::checksum},
    }};
    const auto word = line.substr(0, line.find_first_of(" :"));
    const auto* found = std::find_if(
        kPlaces.begin(), kPlaces.end(), [word](const Word& row) { return row.word == word; });
    return found != kPlaces.end() ? found->place : KeptPlace::services;
}

std::string hardware_name(const InterfaceName& name) {
    auto text = name.to_string();
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return text;
}

Result<InterfaceName> interface_named(const RunningConfig& config, std::string_view name) {
    for (const auto& [port, given] : config.pix_names) {
        if (given == name) {
            return hardware(port);
        }
    }
    return failure("interface " + std::string(name) + " is not named by nameif");
}

}  // namespace viaduct::pix
