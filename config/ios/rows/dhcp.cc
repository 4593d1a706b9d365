// The DHCP server: excluded addresses, pools, service.
#include <algorithm>

#include "config/ios/fields.h"
#include "config/ios/words.h"

namespace viaduct::ios {

namespace {

using config::DhcpConfig;
using config::DhcpExcluded;
using config::DhcpPool;

constexpr Mode kPoolMode = Mode::dhcp_pool;
constexpr std::uint32_t kMinute = 60;
constexpr std::uint32_t kHour = 3600;
constexpr std::uint32_t kDay = 86400;

Row excluded_row() {
    Row row{.mode = Mode::global,
            .pattern = "ip dhcp excluded-address <first:A.B.C.D> [ <last:A.B.C.D> ]",
            .help =
                "Prevent DHCP from assigning certain addresses|first: Low IP address|last: High IP "
                "address|dhcp: Configure DHCP server and relay parameters"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& excluded = session.config().dhcp.excluded;
        const auto first = args.address("first");
        const DhcpExcluded range{first, args.has("last") ? args.address("last") : first};
        if (range.last < range.first) {
            return failure("Low address is above the high address");
        }
        std::erase(excluded, range);
        if (!args.negated()) {
            if (excluded.size() >= 4096) {
                return failure("Excluded ranges: limit of 4096");
            }
            excluded.push_back(range);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& range : out.config().dhcp.excluded) {
            out.line("ip dhcp excluded-address {}{}",
                     range.first.to_string(),
                     range.first == range.last ? "" : " " + range.last.to_string());
        }
    };
    row.examples = {"ip dhcp excluded-address 10.1.1.1 10.1.1.9",
                    "ip dhcp excluded-address 10.1.1.254"};
    return at(Place::dhcp, std::move(row));
}

Row dhcp_pool_row() {
    Row row{.mode = Mode::global,
            .pattern = "ip dhcp pool <name:WORD>",
            .help = "Configure DHCP address pools|name: Pool name"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& pools = session.config().dhcp.pools;
        const auto name = args.text("name");
        if (args.negated()) {
            pools.erase(name);
            return done();
        }
        if (!pools.contains(name) && pools.size() >= 4096) {
            return failure("DHCP pools: limit of 4096");
        }
        pools.try_emplace(name);
        session.enter({.mode = kPoolMode, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, pool] : out.config().dhcp.pools) {
            out.separator();
            out.section("ip dhcp pool " + quoted(name), {.mode = kPoolMode, .name = name});
        }
    };
    row.examples = {"ip dhcp pool lan"};
    row.enters = true;
    return at(Place::dhcp, std::move(row));
}

/// "A.B.C.D mask" or "A.B.C.D /24"; a classful mask where neither stands there.
Result<unsigned> read_length(const Args& args, Ipv4Address address) {
    if (args.has("m")) {
        return *length_of_mask(args.address("m"));
    }
    if (args.has("slash")) {
        const auto text = args.text("slash");
        const auto bits = text.starts_with('/')
                              ? parse_number(std::string_view(text).substr(1), 1, 32)
                              : std::nullopt;
        return bits ? Result<unsigned>(*bits) : failure("Invalid mask: " + text);
    }
    const auto top = address.value() >> 24U;
    return top < 128 ? 8U : top < 192 ? 16U : 24U;
}

Row dhcp_network_row() {
    Row row{.mode = kPoolMode,
            .pattern = "network <a:A.B.C.D> [ <m:mask> | <slash:WORD> ]",
            .help =
                "Network number and mask|a: Network number in dotted-decimal notation|m: Network "
                "mask|slash: Network mask as /LENGTH"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& pool = session.object<DhcpPool>();
        if (args.negated()) {
            pool.network.reset();
            return done();
        }
        const auto length = read_length(args, args.address("a"));
        if (!length) {
            return tl::unexpected(length.error());
        }
        if (pool.host) {
            return failure("This command may not be used with host pools");
        }
        pool.network = Ipv4Prefix(args.address("a"), *length);
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& network = out.object<DhcpPool>().network) {
            out.line("network {} {}", network->network().to_string(), network->mask().to_string());
        }
    };
    row.examples = {"network 10.1.1.0 255.255.255.0", "network 10.2.0.0 /16", "network 10.0.0.0"};
    return row;
}

Row dhcp_host_row() {
    Row row{
        .mode = kPoolMode,
        .pattern = "host <a:A.B.C.D> [ <m:mask> | <slash:WORD> ]",
        .help =
            "Client IP address and mask|a: Client address|m: Network mask|slash: Network mask as "
            "/LENGTH"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& pool = session.object<DhcpPool>();
        if (args.negated()) {
            pool.host.reset();
            return done();
        }
        const auto length = read_length(args, args.address("a"));
        if (!length) {
            return tl::unexpected(length.error());
        }
        if (pool.network) {
            return failure("This command may not be used with network, origin, vrf or relay pools");
        }
        pool.host = config::InterfaceAddress{args.address("a"), *length};
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& host = out.object<DhcpPool>().host) {
            out.line("host {} {}", host->address.to_string(), mask_of(host->length).to_string());
        }
    };
    row.examples = {"host 10.1.1.50 255.255.255.0"};
    return row;
}

Row hardware_row() {
    Row row{.mode = kPoolMode,
            .pattern = "hardware-address <mac:H.H.H>",
            .help = "Client hardware address|mac: Client hardware address"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.object<DhcpPool>().hardware_address =
            args.negated() ? std::nullopt : args.mac("mac");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& mac = out.object<DhcpPool>().hardware_address) {
            out.line("hardware-address {}", mac->to_string());
        }
    };
    row.examples = {"hardware-address 0200.0000.0050"};
    return row;
}

/// A line of one to eight addresses that replaces the one before.
Row addresses_row(const std::string& word,
                  std::vector<Ipv4Address> DhcpPool::* field,
                  const std::string& help) {
    std::string pattern = word + " <a1:A.B.C.D>";
    std::string closing;
    for (int i = 2; i <= 8; ++i) {
        pattern += " [ <a" + std::to_string(i) + ":A.B.C.D>";
        closing += " ]";
    }
    Row row{.mode = kPoolMode, .pattern = pattern + closing, .help = help};
    row.apply = [field](ConfigSession& session, const Args& args) {
        auto& list = session.object<DhcpPool>().*field;
        list.clear();
        for (int i = 1; i <= 8 && !args.negated(); ++i) {
            const auto name = "a" + std::to_string(i);
            if (args.has(name)) {
                list.push_back(args.address(name));
            }
        }
        return done();
    };
    row.write = [field, word](Writer& out) {
        const auto& list = out.object<DhcpPool>().*field;
        std::string text;
        for (const auto& address : list) {
            text += " " + address.to_string();
        }
        if (!list.empty()) {
            out.line("{}{}", word, text);
        }
    };
    row.examples = {word + " 10.1.1.1", word + " 10.1.1.1 10.1.1.2"};
    return row;
}

Row lease_row() {
    Row row{
        .mode = kPoolMode,
        .pattern = "lease { infinite | <days:0-365> [ <hours:0-23> [ <minutes:0-59> ] ] }",
        .help =
            "Address lease time|infinite: Infinite lease|days: Days|hours: Hours|minutes: Minutes"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& pool = session.object<DhcpPool>();
        const auto seconds = args.number("days") * kDay + args.number("hours") * kHour +
                             args.number("minutes") * kMinute;
        if (!args.negated() && !args.has("infinite") && seconds == 0) {
            return failure("A lease is at least a minute");
        }
        pool.lease_infinite = !args.negated() && args.has("infinite");
        pool.lease_s.reset();
        if (!args.negated() && !pool.lease_infinite && seconds != kDay) {
            pool.lease_s = seconds;
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& pool = out.object<DhcpPool>();
        if (pool.lease_infinite) {
            out.line("lease infinite");
        } else if (const auto s = pool.lease_s) {
            const auto minutes = *s % kHour / kMinute;
            const auto hours = *s % kDay / kHour;
            out.line("lease {}{}{}",
                     *s / kDay,
                     hours + minutes != 0 ? fmt::format(" {}", hours) : "",
                     minutes != 0 ? fmt::format(" {}", minutes) : "");
        }
    };
    row.examples = {"lease infinite", "lease 7", "lease 0 2", "lease 0 0 5"};
    return row;
}

Row next_server_row() {
    Row row{.mode = kPoolMode,
            .pattern = "next-server <a:A.B.C.D>",
            .help = "Next server in boot process|a: Server's address"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& server = session.object<DhcpPool>().next_server;
        server = args.address("a");
        if (args.negated()) {
            server.reset();
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& server = out.object<DhcpPool>().next_server) {
            out.line("next-server {}", server->to_string());
        }
    };
    row.examples = {"next-server 10.1.1.9"};
    return row;
}

Row option_row() {
    Row row{.mode = kPoolMode,
            .pattern = "option <code:0-254> { ascii | hex | ip } <data:LINE>",
            .help =
                "Raw DHCP options|code: DHCP option code|ascii: Data is an NVT ASCII string|hex: "
                "Data is a "
                "hexadecimal string|ip: Data is one or more IP addresses|data: Data"};
    row.no = "option <code:0-254> [ <rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& options = session.object<DhcpPool>().options;
        const auto code = static_cast<std::uint8_t>(args.number("code"));
        if (args.negated()) {
            options.erase(code);
            return done();
        }
        const std::string kind = args.has("ascii") ? "ascii" : args.has("hex") ? "hex" : "ip";
        options[code] = kind + " " + args.text("data");
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [code, text] : out.object<DhcpPool>().options) {
            out.line("option {} {}", code, text);
        }
    };
    row.examples = {"option 150 ip 10.1.1.9", "option 66 ascii tftp.cisco.com"};
    return row;
}

}  // namespace

Rows dhcp_rows() {
    return {
        at(Place::dhcp,
           flag_row(Mode::global,
                    "service dhcp",
                    &DhcpConfig::service,
                    "Enable DHCP server and relay agent")),
        excluded_row(),
        at(Place::dhcp,
           examples({"ip dhcp ping packets 0"},
                    number_row(Mode::global,
                               "ip dhcp ping packets",
                               "0-10",
                               &DhcpConfig::ping_packets,
                               "Specify number of ping packets|value: Number of ping packets (0 "
                               "disables ping)|ping: Specify ping parameters used by DHCP"))),
        at(Place::dhcp,
           examples({"ip dhcp ping timeout 500"},
                    number_row(Mode::global,
                               "ip dhcp ping timeout",
                               "100-10000",
                               &DhcpConfig::ping_timeout_ms,
                               "Specify ping timeout|value: Ping timeout in milliseconds"))),
        dhcp_pool_row(),
        dhcp_network_row(),
        dhcp_host_row(),
        examples({"client-identifier 0102.0000.0000.50"},
                 text_row(kPoolMode,
                          "client-identifier",
                          "WORD",
                          &DhcpPool::client_identifier,
                          "Client identifier|text: Dotted-hexadecimal string")),
        hardware_row(),
        addresses_row("default-router",
                      &DhcpPool::default_routers,
                      "Default routers|a1: Router's IP address"),
        addresses_row("dns-server", &DhcpPool::dns_servers, "DNS servers|a1: Server's IP address"),
        addresses_row("netbios-name-server",
                      &DhcpPool::netbios_servers,
                      "NetBIOS (WINS) name servers|a1: Server's IP address"),
        examples({"netbios-node-type h-node"},
                 text_row(kPoolMode,
                          "netbios-node-type",
                          "WORD",
                          &DhcpPool::netbios_node_type,
                          "NetBIOS node type|text: b-node, p-node, m-node, h-node or hexadecimal")),
        examples({"domain-name cisco.com"},
                 text_row(kPoolMode,
                          "domain-name",
                          "WORD",
                          &DhcpPool::domain_name,
                          "Domain name|text: Domain name")),
        examples({"bootfile image.bin"},
                 text_row(kPoolMode,
                          "bootfile",
                          "WORD",
                          &DhcpPool::bootfile,
                          "Boot file name|text: Boot file name")),
        next_server_row(),
        option_row(),
        lease_row(),
    };
}

}  // namespace viaduct::ios
