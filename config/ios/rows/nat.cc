// Address translation.
#include <algorithm>
#include <array>

#include "config/ios/fields.h"
#include "config/ios/words.h"

namespace viaduct::ios {

namespace {

using config::NatDynamicRule;
using config::NatPool;
using config::NatStaticRule;
using config::NatTimeouts;

constexpr std::size_t kMaxRules = 16384;

Row nat_pool_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "ip nat pool <name:WORD> <first:A.B.C.D> <last:A.B.C.D> { netmask <m:mask> | "
            "prefix-length <length:1-32> } [ type rotary ]",
        .help =
            "Define pool of addresses|name: Pool name|first: Start IP address|last: End IP "
            "address|netmask: Specify the network mask|m: Network mask|prefix-length: Specify the "
            "prefix length|length: Prefix length|type: Specify the pool type|rotary: Rotary "
            "address pool"};
    row.no = "ip nat pool <name:WORD> [ <rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& pools = session.config().nat.pools;
        if (args.negated()) {
            pools.erase(args.text("name"));
            return done();
        }
        NatPool pool;
        pool.first = args.address("first");
        pool.last = args.address("last");
        pool.length = args.has("m") ? *length_of_mask(args.address("m")) : args.number("length");
        pool.rotary = args.has("rotary");
        if (pool.last < pool.first) {
            return failure("End address less than start address");
        }
        if (!Ipv4Prefix(pool.first, pool.length).contains(pool.last)) {
            return failure("Start and end addresses on different subnets");
        }
        pools[args.text("name")] = pool;
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, pool] : out.config().nat.pools) {
            out.line("ip nat pool {} {} {} netmask {}{}",
                     quoted(name),
                     pool.first.to_string(),
                     pool.last.to_string(),
                     mask_of(pool.length).to_string(),
                     pool.rotary ? " type rotary" : "");
        }
    };
    row.examples = {"ip nat pool public 192.0.2.1 192.0.2.14 netmask 255.255.255.240",
                    "ip nat pool round 192.0.2.1 192.0.2.4 prefix-length 24 type rotary"};
    return at(Place::nat, std::move(row));
}

struct TimeoutWord {
    std::string_view word;
    std::uint32_t NatTimeouts::* field;
};

constexpr std::array<TimeoutWord, 7> kTimeouts{{{"timeout", &NatTimeouts::dynamic_s},
                                                {"udp-timeout", &NatTimeouts::udp_s},
                                                {"dns-timeout", &NatTimeouts::dns_s},
                                                {"tcp-timeout", &NatTimeouts::tcp_s},
                                                {"finrst-timeout", &NatTimeouts::finrst_s},
                                                {"syn-timeout", &NatTimeouts::syn_s},
                                                {"icmp-timeout", &NatTimeouts::icmp_s}}};

Rows timeout_rows() {
    Rows rows;
    for (const auto& timeout : kTimeouts) {
        const auto words = "ip nat translation " + std::string(timeout.word);
        auto row = number_row(Mode::global,
                              words,
                              "1-2147483647",
                              timeout.field,
                              "Specify timeout for NAT translations|value: Timeout in "
                              "seconds|translation: NAT translation entry configuration");
        row.examples = {words + " 120"};
        rows.push_back(at(Place::nat, std::move(row)));
    }
    auto limit = number_row(Mode::global,
                            "ip nat translation max-entries",
                            "1-2147483647",
                            &NatTimeouts::max_entries,
                            "Specify maximum number of NAT entries|value: Number of entries");
    limit.examples = {"ip nat translation max-entries 1000"};
    rows.push_back(at(Place::nat, std::move(limit)));
    return rows;
}

Result<void> apply_dynamic(ConfigSession& session, const Args& args) {
    NatDynamicRule rule;
    rule.outside = args.has("outside");
    rule.access_list = args.text("acl");
    rule.route_map = args.text("routemap");
    rule.interface = args.interface("name");
    rule.pool = args.text("poolname");
    rule.overload = args.has("overload") || rule.interface.has_value();
    auto& rules = session.config().nat.dynamic_rules;
    const auto same = [&rule](const NatDynamicRule& other) {
        return other.outside == rule.outside && other.access_list == rule.access_list &&
               other.route_map == rule.route_map;
    };
    if (rule.outside && (rule.interface || rule.overload)) {
        return failure("Outside sources are translated to a pool, without overload");
    }
    const auto found = std::find_if(rules.begin(), rules.end(), same);
    if (args.negated()) {
        std::erase_if(rules, same);
    } else if (found != rules.end()) {
        *found = rule;
    } else if (rules.size() >= kMaxRules) {
        return failure(fmt::format("NAT rules: limit of {}", kMaxRules));
    } else {
        rules.push_back(rule);
    }
    return done();
}

Row dynamic_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "ip nat { inside | outside } source { list <acl:WORD> | route-map <routemap:WORD> } { "
            "interface <name:interface> | pool <poolname:WORD> } [ overload ]",
        .help =
            "Source address translation|inside: Inside address translation|outside: Outside "
            "address "
            "translation|list: Specify access list describing local addresses|acl: Access "
            "list|route-map: Specify route-map|routemap: Route-map name|interface: Specify "
            "interface "
            "for global address|pool: Name pool of global addresses|poolname: Pool name|overload: "
            "Overload an address translation"};
    row.no =
        "ip nat { inside | outside } source { list <acl:WORD> | route-map <routemap:WORD> } [ "
        "<rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        return apply_dynamic(session, args);
    };
    row.write = [](Writer& out) {
        for (const auto& rule : out.config().nat.dynamic_rules) {
            const auto from = rule.route_map.empty() ? "list " + quoted(rule.access_list)
                                                     : "route-map " + quoted(rule.route_map);
            const auto to = rule.interface ? "interface " + rule.interface->to_string()
                                           : "pool " + quoted(rule.pool);
            out.line("ip nat {} source {} {}{}",
                     rule.outside ? "outside" : "inside",
                     from,
                     to,
                     rule.overload ? " overload" : "");
        }
    };
    row.examples = {"ip nat inside source list 1 interface FastEthernet0/0 overload",
                    "ip nat inside source route-map nonat pool public overload",
                    "ip nat outside source list 2 pool public"};
    return at(Place::nat, std::move(row));
}

Result<void> apply_static(ConfigSession& session, const Args& args) {
    NatStaticRule rule;
    rule.outside = args.has("outside");
    if (args.has("tcp") || args.has("udp")) {
        rule.protocol = args.has("tcp") ? kProtoTcp : kProtoUdp;
        rule.local_port = static_cast<std::uint16_t>(args.number("lport"));
        rule.global_port = static_cast<std::uint16_t>(args.number("gport"));
    } else if (args.has("esp")) {
        rule.protocol = kProtoEsp;
    }
    rule.local = args.address("local");
    if (args.has("name") && rule.outside) {
        return failure("Outside sources are translated to an address, not to an interface");
    }
    if (args.has("name")) {
        rule.global_interface = args.interface("name");
    } else {
        rule.global = args.address("global");
    }
    if (args.has("network")) {
        rule.network_length = static_cast<std::uint8_t>(
            args.has("m") ? *length_of_mask(args.address("m")) : args.number("bits", 32));
        rule.local = Ipv4Prefix(rule.local, rule.network_length).network();
        rule.global = Ipv4Prefix(*rule.global, rule.network_length).network();
    }
    rule.extendable = args.has("extendable");
    rule.no_alias = args.has("no-alias");
    auto& rules = session.config().nat.static_rules;
    const auto same = [&rule](const NatStaticRule& other) {
        return other.outside == rule.outside && other.protocol == rule.protocol &&
               other.local == rule.local && other.local_port == rule.local_port &&
               other.global == rule.global && other.global_interface == rule.global_interface &&
               other.global_port == rule.global_port && other.network_length == rule.network_length;
    };
    std::erase_if(rules, same);
    if (!args.negated()) {
        const bool taken =
            std::any_of(rules.begin(), rules.end(), [&rule](const NatStaticRule& other) {
                return other.outside == rule.outside && other.protocol == rule.protocol &&
                       other.global == rule.global &&
                       other.global_interface == rule.global_interface &&
                       other.global_port == rule.global_port &&
                       other.network_length == rule.network_length;
            });
        if (taken) {
            return failure("similar static entry already exists");
        }
        if (rules.size() >= kMaxRules) {
            return failure(fmt::format("NAT rules: limit of {}", kMaxRules));
        }
        rules.push_back(rule);
    }
    return done();
}

std::string static_text(const NatStaticRule& rule) {
    const auto to = rule.global_interface ? "interface " + rule.global_interface->to_string()
                                          : rule.global->to_string();
    std::string out = rule.outside ? "outside" : "inside";
    out += " source static ";
    if (rule.protocol == kProtoEsp) {
        out += "esp " + rule.local.to_string() + " " + to;
    } else if (rule.protocol) {
        out += fmt::format("{} {} {} {} {}",
                           protocol_text(rule.protocol->value()),
                           rule.local.to_string(),
                           rule.local_port,
                           to,
                           rule.global_port);
    } else if (rule.network_length != 32) {
        out += fmt::format("network {} {} /{}", rule.local.to_string(), to, rule.network_length);
    } else {
        out += rule.local.to_string() + " " + to;
    }
    return out + (rule.extendable ? " extendable" : "") + (rule.no_alias ? " no-alias" : "");
}

Row static_row() {
    const std::string pattern =
        "ip nat { inside | outside } source static { { tcp | udp } <local:A.B.C.D> <lport:1-65535> "
        "{ interface "
        "<name:interface> | <global:A.B.C.D> } <gport:1-65535> | esp <local:A.B.C.D> { interface "
        "<name:interface> | <global:A.B.C.D> } | <local:A.B.C.D> { interface <name:interface> | "
        "<global:A.B.C.D> } } ( extendable | no-alias )*";
    Row row{
        .mode = Mode::global,
        .pattern = pattern,
        .help =
            "Specify static local->global mapping|source: Source address translation|inside: "
            "Inside "
            "address translation|outside: Outside address translation|tcp: Transmission Control "
            "Protocol|udp: User Datagram Protocol|esp: IPSec-ESP (Tunnel mode) support|local: "
            "Inside "
            "local IP address|lport: Local UDP/TCP port|global: Inside global IP address|gport: "
            "Global UDP/TCP port|interface: Specify interface for global address|extendable: "
            "Extend "
            "this translation when used|no-alias: Do not create an alias for the global address"};
    row.no = pattern;
    row.apply = [](ConfigSession& session, const Args& args) {
        return apply_static(session, args);
    };
    row.write = [](Writer& out) {
        for (const auto& rule : out.config().nat.static_rules) {
            out.line("ip nat {}", static_text(rule));
        }
    };
    row.examples = {"ip nat inside source static 10.0.0.5 192.0.2.5",
                    "ip nat inside source static tcp 10.0.0.5 80 192.0.2.5 8080 extendable",
                    "ip nat inside source static udp 10.0.0.5 500 interface FastEthernet0/0 500",
                    "ip nat inside source static esp 10.0.0.5 interface FastEthernet0/0",
                    "ip nat outside source static 192.0.2.9 10.0.0.9 no-alias"};
    return at(Place::nat, std::move(row));
}

/// "/24" is a WORD; it is read here.
Row nat_network_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "ip nat { inside | outside } source static network <local:A.B.C.D> <global:A.B.C.D> { "
            "<m:mask> | <slash:WORD> } ( extendable | no-alias )*",
        .help =
            "Subnet translation|local: Inside local network|global: Inside global network|m: "
            "Network "
            "mask|slash: Network mask as /LENGTH"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto with_bits = args;
        if (args.has("slash")) {
            const auto text = args.text("slash");
            const auto bits = text.starts_with('/')
                                  ? parse_number(std::string_view(text).substr(1), 1, 31)
                                  : std::nullopt;
            if (!bits) {
                return failure("Invalid network mask: " + text);
            }
            with_bits.set("bits", std::to_string(*bits));
        }
        return apply_static(session, with_bits);
    };
    row.examples = {
        "ip nat inside source static network 10.1.0.0 192.168.1.0 /24",
        "ip nat inside source static network 10.1.0.0 192.168.0.0 255.255.0.0 no-alias"};
    return at(Place::nat, std::move(row));
}

}  // namespace

Rows nat_rows() {
    Rows rows = timeout_rows();
    rows.push_back(nat_pool_row());
    rows.push_back(dynamic_row());
    rows.push_back(nat_network_row());
    rows.push_back(static_row());
    return rows;
}

}  // namespace viaduct::ios
