// `router eigrp`.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::EigrpConfig;
using config::EigrpFilter;
using config::EigrpNetwork;
using config::EigrpRedistribution;
using config::EigrpSeedMetric;
using config::EigrpStub;

constexpr Mode kEigrpMode = Mode::router_eigrp;
constexpr std::size_t kMaxNeighborLines = 4096;

Row enter_eigrp_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "router eigrp <asn:1-65535>",
        .help = "Enhanced Interior Gateway Routing Protocol (EIGRP)|asn: Autonomous system number"};
    row.no = "router eigrp <asn:1-65535>";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& processes = session.config().eigrp;
        const Asn asn{static_cast<std::uint16_t>(args.number("asn"))};
        if (args.negated()) {
            processes.erase(asn);
            return done();
        }
        if (!processes.contains(asn) && processes.size() >= 30) {
            return failure("EIGRP processes: limit of 30");  // IOS: 30 a router
        }
        processes.try_emplace(asn);
        session.enter({.mode = kEigrpMode, .number = asn.value()});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [asn, process] : out.config().eigrp) {
            out.separator();
            out.section(fmt::format("router eigrp {}", asn.value()),
                        {.mode = kEigrpMode, .number = asn.value()});
        }
    };
    row.examples = {"router eigrp 90"};
    row.enters = true;
    return at(Place::routers, std::move(row));
}

/// IOS keeps a classful network with its host bits cleared.
Ipv4Address classful(Ipv4Address a) {
    const auto top = a.value() >> 24U;
    const unsigned length = top < 128 ? 8 : top < 192 ? 16 : 24;
    return Ipv4Prefix{a, length}.network();
}

Row eigrp_network_row() {
    Row row{.mode = kEigrpMode,
            .pattern = "network <address:A.B.C.D> [ <wildcard:wildcard> ]",
            .help =
                "Enable routing on an IP network|address: Network number|wildcard: EIGRP wild card "
                "bits"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& networks = session.object<EigrpConfig>().networks;
        EigrpNetwork network{classful(args.address("address")), std::nullopt};
        if (args.has("wildcard")) {
            auto wildcard = args.address("wildcard").value();
            // IOS: a netmask typed instead of a wildcard is turned round.
            if (length_of_mask(Ipv4Address{wildcard}) && (wildcard >> 31U) != 0 &&
                wildcard != ~0U) {
                wildcard = ~wildcard;
            }
            network.wildcard = Ipv4Address{wildcard};
            network.address = Ipv4Address{args.address("address").value() & ~wildcard};
        }
        std::erase(networks, network);
        if (!args.negated()) {
            if (networks.size() >= 4096) {
                return failure("EIGRP networks: limit of 4096");
            }
            networks.push_back(network);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& network : out.object<EigrpConfig>().networks) {
            out.line("network {}{}",
                     network.address.to_string(),
                     network.wildcard ? " " + network.wildcard->to_string() : "");
        }
    };
    row.examples = {"network 192.168.1.0", "network 1.1.1.0 0.0.0.255"};
    return row;
}

Row passive_row() {
    Row row{.mode = kEigrpMode,
            .pattern = "passive-interface { default | <interface:interface> }",
            .help =
                "Suppress routing updates on an interface|default: Suppress routing updates on all "
                "interfaces"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& process = session.object<EigrpConfig>();
        if (args.has("default")) {
            process.passive_default = !args.negated();
            process.passive_interfaces.clear();
            process.not_passive.clear();
            return done();
        }
        const auto name = *args.interface("interface");
        std::erase(process.passive_interfaces, name);
        std::erase(process.not_passive, name);
        const bool listed = process.passive_default == args.negated() && !args.has(kDefaultWord);
        if (listed) {
            (args.negated() ? process.not_passive : process.passive_interfaces).push_back(name);
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& process = out.object<EigrpConfig>();
        if (process.passive_default) {
            out.line("passive-interface default");
        }
        for (const auto& name : process.not_passive) {
            out.line("no passive-interface {}", name.to_string());
        }
        for (const auto& name : process.passive_interfaces) {
            out.line("passive-interface {}", name.to_string());
        }
    };
    row.examples = {"passive-interface FastEthernet0/1", "passive-interface default"};
    return row;
}

constexpr std::string_view kMetricPattern =
    "<bandwidth:1-4294967295> <delay:0-4294967295> <reliability:0-255> <load:1-255> <mtu:1-65535>";
constexpr std::string_view kMetricHelp =
    "|bandwidth: Bandwidth metric in Kbits per second|delay: EIGRP delay metric, in 10 microsecond "
    "units|reliability: EIGRP reliability metric where 255 is 100% reliable|load: EIGRP Effective "
    "bandwidth "
    "metric (Loading) where 255 is 100% loaded|mtu: EIGRP MTU of the path";

std::optional<EigrpSeedMetric> read_metric(const Args& args) {
    if (!args.has("bandwidth")) {
        return std::nullopt;
    }
    return EigrpSeedMetric{args.number("bandwidth"),
                           args.number("delay"),
                           static_cast<std::uint8_t>(args.number("reliability")),
                           static_cast<std::uint8_t>(args.number("load")),
                           args.number("mtu")};
}

std::string metric_text(const EigrpSeedMetric& metric) {
    return fmt::format("{} {} {} {} {}",
                       metric.bandwidth_kbps,
                       metric.delay_10us,
                       metric.reliability,
                       metric.load,
                       metric.mtu);
}

Row redistribute_row() {
    Row row{
        .mode = kEigrpMode,
        .pattern = "redistribute { connected | static | eigrp <asn:1-65535> } ( metric " +
                   std::string(kMetricPattern) + " | route-map <map:WORD> )*",
        .help =
            "Redistribute information from another routing protocol|connected: Connected|static: "
            "Static routes|eigrp: Enhanced Interior Gateway Routing Protocol (EIGRP)|asn: "
            "Autonomous "
            "system number|metric: Metric for redistributed routes|route-map: Route map "
            "reference|map: Pointer to route-map entries" +
            std::string(kMetricHelp)};
    row.no = "redistribute { connected | static | eigrp <asn:1-65535> } [ <rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        EigrpRedistribution entry;
        entry.source = args.has("static")  ? EigrpRedistribution::Source::static_routes
                       : args.has("eigrp") ? EigrpRedistribution::Source::eigrp
                                           : EigrpRedistribution::Source::connected;
        entry.asn = Asn{static_cast<std::uint16_t>(args.number("asn"))};
        entry.metric = read_metric(args);
        entry.route_map = args.text("map");
        if (args.has("eigrp") && args.number("asn") == session.scope().number) {
            return failure("Redistribution of a process into itself");
        }
        auto& all = session.object<EigrpConfig>().redistributions;
        const auto same = [&entry](const EigrpRedistribution& other) {
            return other.source == entry.source && other.asn == entry.asn;
        };
        const auto found = std::find_if(all.begin(), all.end(), same);
        if (args.negated()) {
            std::erase_if(all, same);
        } else if (found != all.end()) {
            *found = entry;
        } else {
            all.push_back(entry);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& entry : out.object<EigrpConfig>().redistributions) {
            std::string source = "connected";
            if (entry.source == EigrpRedistribution::Source::static_routes) {
                source = "static";
            } else if (entry.source == EigrpRedistribution::Source::eigrp) {
                source = fmt::format("eigrp {}", entry.asn.value());
            }
            out.line("redistribute {}{}{}",
                     source,
                     entry.metric ? " metric " + metric_text(*entry.metric) : "",
                     entry.route_map.empty() ? "" : " route-map " + quoted(entry.route_map));
        }
    };
    row.examples = {"redistribute static",
                    "redistribute connected metric 10000 100 255 1 1500",
                    "redistribute eigrp 91 route-map policy"};
    return row;
}

Row default_metric_row() {
    Row row{.mode = kEigrpMode,
            .pattern = "default-metric " + std::string(kMetricPattern),
            .help = "Set metric of redistributed routes" + std::string(kMetricHelp)};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.object<EigrpConfig>().default_metric =
            args.negated() ? std::nullopt : read_metric(args);
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& metric = out.object<EigrpConfig>().default_metric) {
            out.line("default-metric {}", metric_text(*metric));
        }
    };
    row.examples = {"default-metric 10000 100 255 1 1500"};
    return row;
}

Row distance_row() {
    Row row{.mode = kEigrpMode,
            .pattern = "distance eigrp <internal:1-255> <external:1-255>",
            .help =
                "Define an administrative distance|eigrp: IP-EIGRP distance|internal: Distance for "
                "internal routes|external: Distance for external routes"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& process = session.object<EigrpConfig>();
        const EigrpConfig normal;
        process.distance_internal = normal.distance_internal;
        process.distance_external = normal.distance_external;
        if (!args.negated()) {
            process.distance_internal = static_cast<std::uint8_t>(args.number("internal"));
            process.distance_external = static_cast<std::uint8_t>(args.number("external"));
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& process = out.object<EigrpConfig>();
        const EigrpConfig normal;
        if (process.distance_internal != normal.distance_internal ||
            process.distance_external != normal.distance_external) {
            out.line("distance eigrp {} {}", process.distance_internal, process.distance_external);
        }
    };
    row.examples = {"distance eigrp 80 130"};
    return row;
}

Row router_id_row() {
    Row row{
        .mode = kEigrpMode,
        .pattern = "eigrp router-id <address:A.B.C.D>",
        .help = "router-id for this EIGRP process|address: EIGRP Router-ID in IP address format"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& id = session.object<EigrpConfig>().router_id;
        if (args.negated()) {
            id.reset();
            return done();
        }
        if (args.address("address").is_unspecified() || args.address("address").is_broadcast()) {
            return failure("Invalid router-id");
        }
        id = args.address("address");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& id = out.object<EigrpConfig>().router_id) {
            out.line("eigrp router-id {}", id->to_string());
        }
    };
    row.examples = {"eigrp router-id 10.0.0.1"};
    return row;
}

Row stub_row() {
    Row row{
        .mode = kEigrpMode,
        .pattern = "eigrp stub ( connected | summary | static | redistributed | receive-only )*",
        .help =
            "Set EIGRP as stubbed router|connected: Do advertise connected routes|summary: Do "
            "advertise summary routes|static: Do advertise static routes|redistributed: Do "
            "advertise "
            "redistributed routes|receive-only: Set IP-EIGRP as receive only neighbor"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        EigrpStub stub;
        if (!args.negated()) {
            stub.enabled = true;
            stub.static_routes = args.has("static");
            stub.redistributed = args.has("redistributed");
            stub.receive_only = args.has("receive-only");
            const bool said = stub.static_routes || stub.redistributed || stub.receive_only ||
                              args.has("connected") || args.has("summary");
            stub.connected = !said || args.has("connected");
            stub.summary = !said || args.has("summary");
            if (stub.receive_only &&
                (stub.connected || stub.summary || stub.static_routes || stub.redistributed)) {
                return failure("receive-only excludes all others");
            }
        }
        session.object<EigrpConfig>().stub = stub;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& stub = out.object<EigrpConfig>().stub;
        if (stub.enabled) {
            out.line("eigrp stub{}{}{}{}{}",
                     stub.connected ? " connected" : "",
                     stub.summary ? " summary" : "",
                     stub.static_routes ? " static" : "",
                     stub.redistributed ? " redistributed" : "",
                     stub.receive_only ? " receive-only" : "");
        }
    };
    row.examples = {
        "eigrp stub", "eigrp stub receive-only", "eigrp stub connected static redistributed"};
    return row;
}

Row filter_row(bool offset) {
    const std::string what = offset ? "offset-list" : "distribute-list";
    Row row{
        .mode = kEigrpMode,
        .pattern = offset ? "offset-list <list:WORD> { in | out } <offset:0-2147483647> [ "
                            "<interface:interface> ]"
                          : "distribute-list { prefix <name:WORD> | <list:WORD> } { in | out } [ "
                            "<interface:interface> ]",
        .help = (offset ? "Add or subtract offset from EIGRP metrics"
                        : "Filter networks in routing updates") +
                std::string(
                    "|list: IP access list|prefix: Filtering incoming or outgoing updates based "
                    "on prefixes|in: Filter incoming routing updates|out: Filter outgoing "
                    "routing updates|offset: Offset")};
    row.no = row.pattern;
    row.apply = [offset](ConfigSession& session, const Args& args) -> Result<void> {
        EigrpFilter filter;
        filter.prefix_list = !offset && args.has("prefix");
        filter.access_list = args.text(filter.prefix_list ? "name" : "list");
        filter.inbound = args.has("in");
        filter.interface = args.interface("interface");
        filter.offset = args.number("offset");
        auto& process = session.object<EigrpConfig>();
        auto& all = offset ? process.offset_lists : process.distribute_lists;
        // One list a direction and interface.
        std::erase_if(all, [&filter](const EigrpFilter& other) {
            return other.inbound == filter.inbound && other.interface == filter.interface;
        });
        if (!args.negated()) {
            all.push_back(filter);
        }
        return done();
    };
    row.write = [offset](Writer& out) {
        const auto& process = out.object<EigrpConfig>();
        for (const auto& filter : offset ? process.offset_lists : process.distribute_lists) {
            const auto interface = filter.interface ? " " + filter.interface->to_string() : "";
            const auto way = filter.inbound ? "in" : "out";
            if (offset) {
                out.line("offset-list {} {} {}{}",
                         quoted(filter.access_list),
                         way,
                         filter.offset,
                         interface);
            } else {
                out.line("distribute-list {}{} {}{}",
                         filter.prefix_list ? "prefix " : "",
                         quoted(filter.access_list),
                         way,
                         interface);
            }
        }
    };
    row.examples = offset
                       ? std::vector<std::string>{"offset-list 10 in 100",
                                                  "offset-list 10 out 50 FastEthernet0/0"}
                       : std::vector<std::string>{"distribute-list 10 out",
                                                  "distribute-list prefix lans in FastEthernet0/0"};
    return row;
}

Row weights_row() {
    Row row{.mode = kEigrpMode,
            .pattern =
                "metric weights <tos:0-8> <k1:0-255> <k2:0-255> <k3:0-255> <k4:0-255> <k5:0-255> [ "
                "<k6:0-255> ]",
            .help =
                "Modify EIGRP coefficients|metric: Modify metrics and parameters for "
                "advertisement|tos: "
                "Type Of Service (Only TOS 0 supported)|k1: K1|k2: K2|k3: K3|k4: K4|k5: K5|k6: K6"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& k = session.object<EigrpConfig>().k;
        const EigrpConfig normal;
        std::size_t i = 0;
        for (const auto* name : {"k1", "k2", "k3", "k4", "k5", "k6"}) {
            k[i] = args.negated() ? normal.k[i] : static_cast<std::uint8_t>(args.number(name));
            ++i;
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& k = out.object<EigrpConfig>().k;
        const EigrpConfig normal;
        if (!std::equal(std::begin(k), std::end(k), std::begin(normal.k))) {
            out.line("metric weights 0 {} {} {} {} {}{}",
                     k[0],
                     k[1],
                     k[2],
                     k[3],
                     k[4],
                     k[5] != 0 ? fmt::format(" {}", k[5]) : "");
        }
    };
    row.examples = {"metric weights 0 1 1 1 0 0", "metric weights 0 1 0 1 0 0 1"};
    return row;
}

Row active_time_row() {
    Row row{.mode = kEigrpMode,
            .pattern = "timers active-time { disabled | <minutes:1-65535> }",
            .help =
                "EIGRP time limit for active state|timers: Adjust routing timers|disabled: disable "
                "EIGRP "
                "time limit for active state|minutes: EIGRP active-state time limit in minutes"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& process = session.object<EigrpConfig>();
        process.active_time_disabled = !args.negated() && args.has("disabled");
        process.active_time_minutes.reset();
        if (!args.negated() && args.has("minutes")) {
            process.active_time_minutes = static_cast<std::uint16_t>(args.number("minutes"));
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& process = out.object<EigrpConfig>();
        if (process.active_time_disabled) {
            out.line("timers active-time disabled");
        } else if (process.active_time_minutes) {
            out.line("timers active-time {}", *process.active_time_minutes);
        }
    };
    row.examples = {"timers active-time 5", "timers active-time disabled"};
    return row;
}

Row neighbor_row() {
    Row row{.mode = kEigrpMode,
            .pattern = "neighbor <address:A.B.C.D> [ <interface:interface> ]",
            .help =
                "Specify a neighbor router|address: Neighbor address|"
                "interface: Interface"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& neighbors = session.object<EigrpConfig>().neighbors;
        const config::EigrpNeighbor line{args.address("address"), args.interface("interface")};
        std::erase_if(neighbors, [&](const config::EigrpNeighbor& other) {
            return other.address == line.address &&
                   (!line.interface || !other.interface || other.interface == line.interface);
        });
        if (args.negated()) {
            return done();
        }
        if (neighbors.size() >= kMaxNeighborLines) {
            return failure(fmt::format("Neighbors: limit of {}", kMaxNeighborLines));
        }
        neighbors.push_back(line);
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& line : out.object<EigrpConfig>().neighbors) {
            out.line("neighbor {}{}",
                     line.address.to_string(),
                     line.interface ? " " + line.interface->to_string() : "");
        }
    };
    row.examples = {"neighbor 10.0.0.2", "neighbor 10.0.0.3 FastEthernet0/1"};
    return row;
}

}  // namespace

Rows eigrp_rows() {
    return {
        enter_eigrp_row(),
        redistribute_row(),
        passive_row(),
        filter_row(true),
        eigrp_network_row(),
        default_metric_row(),
        filter_row(false),
        distance_row(),
        examples({"maximum-paths 6"},
                 number_row(kEigrpMode,
                            "maximum-paths",
                            "1-16",
                            &EigrpConfig::maximum_paths,
                            "Forward packets over multiple paths|value: Number of "
                            "paths")),
        examples({"variance 2"},
                 number_row(kEigrpMode,
                            "variance",
                            "1-128",
                            &EigrpConfig::variance,
                            "Control load balancing variance|value: Metric variance "
                            "multiplier")),
        examples({"maximum-prefix 1000"},
                 number_row(kEigrpMode,
                            "maximum-prefix",
                            "1-4294967295",
                            &EigrpConfig::maximum_prefix,
                            "Maximum number of prefixes acceptable in "
                            "aggregate|value: Maximum number of prefixes")),
        weights_row(),
        active_time_row(),
        neighbor_row(),
        flag_row(kEigrpMode,
                 "auto-summary",
                 &EigrpConfig::auto_summary,
                 "Enable automatic network number summarization"),
        router_id_row(),
        stub_row(),
        flag_row(kEigrpMode,
                 "eigrp log-neighbor-changes",
                 &EigrpConfig::log_neighbor_changes,
                 "Enable/Disable IP-EIGRP neighbor logging"),
        flag_row(kEigrpMode,
                 "eigrp log-neighbor-warnings",
                 &EigrpConfig::log_neighbor_warnings,
                 "Enable/Disable IP-EIGRP neighbor warnings"),
        flag_row(kEigrpMode, "shutdown", &EigrpConfig::shutdown, "Shutdown protocol"),
    };
}

}  // namespace viaduct::ios
