#include "controlplane/eigrp/exec.h"

#include <algorithm>
#include <fmt/format.h>

#include "config/ios/text.h"
#include "controlplane/eigrp/process.h"

namespace viaduct::eigrp {

namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

template <typename F>
void each_process(const Engine& engine, std::optional<Asn> asn, F&& f) {
    for (const auto& [number, process] : engine.processes()) {
        if (!asn || *asn == number) {
            f(*process);
        }
    }
}

std::size_t prefixes_of(const Process& p, NeighborId id) {
    std::size_t n = 0;
    for (const auto& [prefix, r] : p.routes()) {
        n += static_cast<std::size_t>(std::count_if(
            r.paths.begin(), r.paths.end(), [id](const Path& w) { return w.neighbor == id; }));
    }
    return n;
}

std::string stub_words(std::uint16_t flags) {
    std::string words;
    const auto add = [&](std::uint16_t bit, const char* word) {
        if ((flags & bit) != 0) {
            words += word;
            words += ' ';
        }
    };
    add(kStubReceiveOnly, "RECEIVE-ONLY");
    add(kStubConnected, "CONNECTED");
    add(kStubStatic, "STATIC");
    add(kStubSummary, "SUMMARY");
    add(kStubRedistributed, "REDISTRIBUTED");
    return words;
}

void add_neighbor_detail(std::string& out, const Process& p, const Neighbor& n) {
    out += fmt::format("   Version {}.{}/{}.{}, Retrans: {}, Retries: {}",
                       n.version.os_major,
                       n.version.os_minor,
                       n.version.tlv_major,
                       n.version.tlv_minor,
                       n.retransmissions,
                       n.retries);
    if (n.state == NeighborState::pending) {
        out += ", Waiting for Init Ack";
    }
    out += fmt::format(", Prefixes: {}\n", prefixes_of(p, n.id));
    if (n.stub) {
        out += fmt::format("   Stub Peer Advertising ( {}) Routes\n   Suppressing queries\n",
                           stub_words(*n.stub));
    }
    for (const auto& q : n.queue) {
        out += fmt::format("    {} seq {} ser 0-0 {}\n",
                           q.packet->opcode == Opcode::update  ? "UPDATE"
                           : q.packet->opcode == Opcode::query ? "QUERY"
                                                               : "REPLY",
                           q.packet->sequence,
                           q.sent ? "Sent" : "Pending");
    }
}

std::string metric_text(Distance d) {
    return d == kInfinity ? "Inaccessible" : std::to_string(shown(d));
}

std::string interface_name(const Process& p, IfIndex index) {
    const auto i = p.interfaces().find(index);
    return i == p.interfaces().end() ? "Null0" : i->second.name.to_string();
}

std::size_t successors(const Route& r) {
    if (r.is_active() || !r.has_successor) {
        return 0;
    }
    return static_cast<std::size_t>(
        std::count_if(r.paths.begin(), r.paths.end(), [&](const Path& p) {
            return p.distance == r.rd && p.rd < r.fd;
        }));
}

std::string path_line(const Process& process, const Path& p) {
    const auto numbers = fmt::format("({}/{})", shown(p.distance), p.local() ? 0 : shown(p.rd));
    switch (p.origin) {
    case Origin::connected:
        return "via Connected, " + interface_name(process, p.interface);
    case Origin::summary:
        return "via Summary " + numbers + ", Null0";
    case Origin::redistributed:
        return (p.external != nullptr && p.external->protocol ==
                                             static_cast<std::uint8_t>(ExternalProtocol::connected)
                    ? "via Rconnected "
                    : "via Rstatic ") +
               numbers;
    case Origin::neighbor:
        break;
    }
    return fmt::format(
        "via {} {}, {}", p.next_hop.to_string(), numbers, interface_name(process, p.interface));
}

std::vector<const Path*> by_distance(const Route& r) {
    std::vector<const Path*> out;
    for (const auto& p : r.paths) {
        out.push_back(&p);
    }
    std::stable_sort(out.begin(), out.end(), [](const Path* a, const Path* b) {
        return a->distance < b->distance;
    });
    return out;
}

std::string_view origin_words(std::uint8_t flag) {
    switch (flag) {
    case 1:
        return "Local origin";
    case 3:
        return "Successor Origin";
    case 2:
        return "Multiple Origins";
    default:
        return "Clear";
    }
}

void add_route(
    std::string& out, const Process& process, TimePoint now, const Route& r, Links links) {
    out += fmt::format("{} {}, {} successors, FD is {}",
                       r.is_active() ? 'A' : 'P',
                       r.prefix.to_string(),
                       successors(r),
                       metric_text(r.fd));
    if (links == Links::all) {
        out += fmt::format(", serno {}", r.serial);
    }
    if (r.external != nullptr && r.external->tag != 0) {
        out += fmt::format(", tag is {}", r.external->tag);
    }
    out += '\n';
    if (r.is_active()) {
        out += fmt::format("    {} replies, active {}, query-origin: {}\n",
                           r.active->pending.size(),
                           ios::age_text(now - r.active->since),
                           origin_words(r.active->origin_flag));
    }
    for (const auto* p : by_distance(r)) {
        if (links == Links::all || r.is_active() || p->rd < r.fd) {
            out += "        " + path_line(process, *p) + '\n';
        }
    }
    if (r.is_active()) {
        out += "    Remaining replies:\n";
        for (const auto id : r.active->pending) {
            if (const auto* n = process.neighbor(id)) {
                out += fmt::format("         via {}, r, {}\n",
                                   n->address.to_string(),
                                   n->interface->name.to_string());
            }
        }
    }
}

std::string_view protocol_name(std::uint8_t protocol) {
    switch (static_cast<ExternalProtocol>(protocol)) {
    case ExternalProtocol::igrp:
        return "IGRP";
    case ExternalProtocol::eigrp:
        return "EIGRP";
    case ExternalProtocol::static_route:
        return "Static";
    case ExternalProtocol::rip:
        return "RIP";
    case ExternalProtocol::hello:
        return "Hello";
    case ExternalProtocol::ospf:
        return "OSPF";
    case ExternalProtocol::isis:
        return "IS-IS";
    case ExternalProtocol::egp:
        return "EGP";
    case ExternalProtocol::bgp:
        return "BGP";
    case ExternalProtocol::idrp:
        return "IDRP";
    case ExternalProtocol::connected:
        return "Connected";
    }
    return "Unknown protocol";
}

void add_descriptor(std::string& out, const Process& process, const Path& p) {
    const auto from = p.origin == Origin::connected       ? std::string("Connected")
                      : p.origin == Origin::summary       ? std::string("0.0.0.0")
                      : p.origin == Origin::redistributed ? std::string("Redistributed")
                                                          : std::string();
    const auto* n = process.neighbor(p.neighbor);
    out += fmt::format(
        "  {} ({}), from {}, Send flag is 0x0\n",
        p.next_hop.to_string(),
        p.local() && p.origin != Origin::connected ? "Null0" : interface_name(process, p.interface),
        n == nullptr ? from : n->address.to_string());
    const auto m = process.total_of(p);
    out += fmt::format("      Composite metric is ({}/{}), Route is {}\n",
                       shown(p.distance),
                       p.local() ? 0 : shown(p.rd),
                       p.external ? "External" : "Internal");
    out += "      Vector metric:\n";
    out += fmt::format("        Minimum bandwidth is {} Kbit\n", m.bandwidth_kbps);
    out += fmt::format("        Total delay is {} microseconds\n", m.delay_ps / 1'000'000U);
    out += fmt::format("        Reliability is {}/255\n", m.reliability);
    out += fmt::format("        Load is {}/255\n", m.load);
    out += fmt::format("        Minimum MTU is {}\n", m.mtu);
    out += fmt::format("        Hop count is {}\n", m.hops);
    if (p.external != nullptr) {
        const auto& e = *p.external;
        out += "      External data:\n";
        out += fmt::format("        Originating router is {}{}\n",
                           e.router_id.to_string(),
                           e.router_id == process.router_id() ? " (this system)" : "");
        out += fmt::format("        AS number of route is {}\n", e.asn);
        out += fmt::format("        External protocol is {}, external metric is {}\n",
                           protocol_name(e.protocol),
                           e.metric);
        out += fmt::format("        Administrator tag is {} (0x{:08X})\n", e.tag, e.tag);
    }
}

void add_interface_detail(std::string& out, const Process& process, const Interface& i) {
    out += fmt::format("  Hello interval is {} sec\n", i.hello_s);
    out += "  Next xmit serial <none>\n";
    out += fmt::format("  Un/reliable mcasts: {}/{}  Un/reliable ucasts: {}/{}\n",
                       i.unreliable_multicast,
                       i.multicast_sent,
                       i.unreliable_unicast,
                       i.unicast_sent);
    out += fmt::format("  Mcast exceptions: {}  CR packets: {}  ACKs suppressed: 0\n",
                       i.conditional_sent,
                       i.conditional_sent);
    out += fmt::format("  Retransmissions sent: {}  Out-of-sequence rcvd: {}\n",
                       i.retransmissions,
                       i.out_of_sequence);
    if (i.config.authentication_md5) {
        out += fmt::format("  Authentication mode is md5,  key-chain is \"{}\"\n",
                           i.config.key_chain.empty() ? "<not set>" : i.config.key_chain);
    } else {
        out += "  Authentication mode is not set\n";
    }
    for (const auto& s : i.summaries) {
        (void)process;
        out += fmt::format("  Summary {} distance {}\n", s.prefix.to_string(), s.distance);
    }
}

std::string filter_text(const config::EigrpConfig& c, bool inbound) {
    for (const auto& f : c.distribute_lists) {
        if (f.inbound == inbound && !f.interface) {
            return (f.prefix_list ? "(prefix-list) " : "") + f.access_list;
        }
    }
    return "not set";
}

void add_protocol(std::string& out, const Process& p, TimePoint now) {
    const auto& c = p.config();
    const auto as = p.asn().value();
    out += fmt::format("Routing Protocol is \"eigrp {}\"\n", as);
    out += fmt::format("  Outgoing update filter list for all interfaces is {}\n",
                       filter_text(c, false));
    out += fmt::format("  Incoming update filter list for all interfaces is {}\n",
                       filter_text(c, true));
    out += "  Default networks flagged in outgoing updates\n";
    out += "  Default networks accepted from incoming updates\n";
    out += fmt::format("  EIGRP metric weight K1={}, K2={}, K3={}, K4={}, K5={}\n",
                       c.k[0],
                       c.k[1],
                       c.k[2],
                       c.k[3],
                       c.k[4]);
    out += fmt::format("  EIGRP maximum hopcount {}\n", kMaximumHops);
    out += fmt::format("  EIGRP maximum metric variance {}\n", c.variance);
    out += "  Redistributing: ";
    for (const auto& r : c.redistributions) {
        using Source = config::EigrpRedistribution::Source;
        out += r.source == Source::connected       ? "connected, "
               : r.source == Source::static_routes ? "static, "
                                                   : "";
    }
    out += fmt::format("eigrp {}\n", as);
    if (c.stub.enabled) {
        out += "  EIGRP stub\n";
    }
    out += fmt::format("  Automatic network summarization is {}in effect\n",
                       c.auto_summary ? "" : "not ");
    out += fmt::format("  Maximum path: {}\n  Routing for Networks:\n", c.maximum_paths);
    for (const auto& n : c.networks) {
        const auto length =
            n.wildcard ? length_of_mask(Ipv4Address{~n.wildcard->value()}) : std::nullopt;
        out += "    " + n.address.to_string();
        out += length ? '/' + std::to_string(*length) : "";
        out += n.wildcard && !length ? ' ' + n.wildcard->to_string() : "";
        out += '\n';
    }
    std::string passive;
    std::string sources;
    for (const auto& [index, i] : p.interfaces()) {
        passive += i.passive ? "    " + i.name.to_string() + '\n' : "";
        for (const auto& [address, n] : i.neighbors) {
            sources += fmt::format("    {:<15}{:>9}      {}\n",
                                   address.to_string(),
                                   c.distance_internal,
                                   ios::age_text(now - n->last_update));
        }
    }
    out += passive.empty() ? "" : "  Passive Interface(s):\n" + passive;
    out +=
        "  Routing Information Sources:\n    Gateway         Distance      Last Update\n" + sources;
    out += fmt::format(
        "  Distance: internal {} external {}\n\n", c.distance_internal, c.distance_external);
}

std::optional<Asn> asn_of(const ios::Args& args) {
    return args.has("asn") ? std::optional(Asn{static_cast<std::uint16_t>(args.number("asn"))})
                           : std::nullopt;
}

/// "10.1.0.0", "10.1.0.0 255.255.0.0" or "10.1.0.0/16"; without a mask the class decides.
std::optional<Ipv4Prefix> prefix_of(const Engine& engine, const ios::Args& args) {
    const auto text = args.text("prefix");
    if (const auto whole = Ipv4Prefix::parse(text)) {
        return whole;
    }
    const auto address = Ipv4Address::parse(text);
    if (!address) {
        return std::nullopt;
    }
    if (args.has("mask")) {
        const auto length = length_of_mask(args.address("mask"));
        return length ? std::optional(Ipv4Prefix{*address, *length}) : std::nullopt;
    }
    std::optional<Ipv4Prefix> best;
    for (const auto& [asn, process] : engine.processes()) {
        for (const auto& [prefix, r] : process->routes()) {
            if (prefix.contains(*address) && (!best || prefix.length() > best->length())) {
                best = prefix;
            }
        }
    }
    return best ? best : classful_network(*address);
}

}  // namespace

std::string show_neighbors(const Engine& engine,
                           TimePoint now,
                           std::optional<Asn> asn,
                           const std::optional<config::InterfaceName>& interface,
                           Detail detail) {
    std::string out;
    each_process(engine, asn, [&](const Process& p) {
        out += fmt::format("IP-EIGRP neighbors for process {}\n", p.asn().value());
        std::vector<const Neighbor*> list;
        for (const auto& [index, i] : p.interfaces()) {
            for (const auto& [address, n] : i.neighbors) {
                if (!interface || *interface == i.name) {
                    list.push_back(n.get());
                }
            }
        }
        if (list.empty()) {
            return;
        }
        std::sort(list.begin(), list.end(), [](const Neighbor* a, const Neighbor* b) {
            return a->serial > b->serial;
        });
        out +=
            "H   Address                 Interface       Hold Uptime   SRTT   RTO  Q  Seq Type\n"
            "                                            (sec)         (ms)       Cnt Num\n";
        for (const auto* n : list) {
            const auto left = std::max<std::int64_t>(
                0, duration_cast<seconds>(n->last_heard + n->hold - now).count());
            out += fmt::format("{:<4}{:<24}{:<16}{:>4} {:<8} {:>4} {:>5} {:>2}  {:<4}{}\n",
                               n->serial,
                               n->address.to_string(),
                               n->interface->name.short_string(),
                               left,
                               ios::age_text(now - n->since),
                               n->srtt_ms,
                               n->rto_ms,
                               n->queue.size(),
                               n->last_sequence,
                               n->interface->unicast_only ? "S" : "");
            if (detail == Detail::detail) {
                add_neighbor_detail(out, p, *n);
            }
        }
    });
    return out;
}

std::string show_interfaces(const Engine& engine,
                            std::optional<Asn> asn,
                            const std::optional<config::InterfaceName>& interface,
                            Detail detail) {
    std::string out;
    each_process(engine, asn, [&](const Process& p) {
        out += fmt::format(
            "IP-EIGRP interfaces for process {}\n\n"
            "                        Xmit Queue   Mean   Pacing Time   Multicast    Pending\n"
            "Interface        Peers  Un/Reliable  SRTT   Un/Reliable   Flow Timer   Routes\n",
            p.asn().value());
        for (const auto& [index, i] : p.interfaces()) {
            if (i.passive || (interface && *interface != i.name)) {
                continue;
            }
            const auto srtt = i.neighbors.empty() ? 0 : i.srtt_sum / i.neighbors.size();
            // IOS: the slashes stand below each other.
            out += fmt::format("{:<16}{:>4}{:>9}/{:<5}{:>6}{:>8}/{:<6}{:>8}{:>12}\n",
                               i.name.short_string(),
                               i.neighbors.size(),
                               0,
                               i.lagging,
                               srtt,
                               Process::pacing_ms(i, 40),
                               Process::pacing_ms(i, std::size_t{i.state.ip_mtu} + kIpHeaderBytes),
                               i.neighbors.empty() ? 0 : Process::flow_timer_ms(i),
                               i.queries.size());
            if (detail == Detail::detail) {
                add_interface_detail(out, p, i);
            }
        }
    });
    return out;
}

std::string show_topology(const Engine& engine,
                          TimePoint now,
                          std::optional<Asn> asn,
                          Links links) {
    std::string out;
    each_process(engine, asn, [&](const Process& p) {
        out += fmt::format("IP-EIGRP Topology Table for AS({})/ID({})\n\n",
                           p.asn().value(),
                           p.router_id().to_string());
        out +=
            "Codes: P - Passive, A - Active, U - Update, Q - Query, R - Reply,\n"
            "       r - reply Status, s - sia Status \n\n";
        for (const auto& [prefix, r] : p.routes()) {
            const bool wanted = links == Links::all || r.is_active() ||
                                (links == Links::feasible && r.has_successor);
            if (wanted) {
                add_route(out, p, now, r, links);
            }
        }
    });
    return out;
}

std::string show_topology_entry(const Engine& engine, std::optional<Asn> asn, Ipv4Prefix prefix) {
    std::string out;
    each_process(engine, asn, [&](const Process& p) {
        const auto it = p.routes().find(prefix);
        if (it == p.routes().end()) {
            out +=
                fmt::format("% IP-EIGRP (AS {}): Route not in topology table\n", p.asn().value());
            return;
        }
        const Route& r = it->second;
        out += fmt::format(
            "IP-EIGRP (AS {}): Topology entry for {}\n", p.asn().value(), prefix.to_string());
        out += fmt::format(
            "  State is {}, Query origin flag is {}, {} Successor(s), FD is {}\n"
            "  Routing Descriptor Blocks:\n",
            r.is_active() ? "Active" : "Passive",
            r.is_active() ? r.active->origin_flag : 1,
            successors(r),
            shown(r.fd));
        for (const auto* path : by_distance(r)) {
            add_descriptor(out, p, *path);
        }
    });
    return out;
}

std::string show_traffic(const Engine& engine, std::optional<Asn> asn) {
    std::string out;
    const auto drops = [&out](const Counters& c) {
        for (auto i = static_cast<std::size_t>(Counter::retransmitted);
             i < static_cast<std::size_t>(Counter::kCount);
             ++i) {
            if (c[static_cast<Counter>(i)] != 0) {
                out += fmt::format("  {}: {}\n", kCounterNames.at(i), c[static_cast<Counter>(i)]);
            }
        }
    };
    each_process(engine, asn, [&](const Process& p) {
        const auto& c = p.counters();
        const auto pair = [&](std::string_view name, Counter sent, Counter received) {
            out += fmt::format("  {} sent/received: {}/{}\n", name, c[sent], c[received]);
        };
        out += fmt::format("IP-EIGRP Traffic Statistics for AS {}\n", p.asn().value());
        pair("Hellos", Counter::hello_sent, Counter::hello_received);
        pair("Updates", Counter::update_sent, Counter::update_received);
        pair("Queries", Counter::query_sent, Counter::query_received);
        pair("Replies", Counter::reply_sent, Counter::reply_received);
        pair("Acks", Counter::ack_sent, Counter::ack_received);
        pair("SIA-Queries", Counter::sia_query_sent, Counter::sia_query_received);
        pair("SIA-Replies", Counter::sia_reply_sent, Counter::sia_reply_received);
        drops(c);
        out += '\n';
    });
    if (!asn) {
        drops(engine.counters());
    }
    return out;
}

std::string show_protocols(const Engine& engine, TimePoint now) {
    std::string out;
    each_process(engine, std::nullopt, [&](const Process& p) { add_protocol(out, p, now); });
    return out;
}

ios::ExecRows exec_rows(Engine& engine) {
    using Job = std::unique_ptr<ios::ExecJob>;
    using ios::Args;
    using ios::ExecContext;
    const auto detail = [](const Args& a) {
        return a.has("detail") ? Detail::detail : Detail::brief;
    };
    ios::ExecRows rows;
    rows.push_back(
        {"show ip eigrp neighbors [ <asn:1-65535> ] [ <interface:interface> ] [ detail ]",
         {{"eigrp", "IP-EIGRP show commands"},
          {"neighbors", "IP-EIGRP neighbors"},
          {"asn", "Autonomous System"},
          {"interface", "Interface"},
          {"detail", "Show detailed peer information"}},
         1,
         [&engine, detail](ExecContext& c, const Args& a) -> Job {
             c.out += show_neighbors(engine, c.now, asn_of(a), a.interface("interface"), detail(a));
             return nullptr;
         }});
    rows.push_back(
        {"show ip eigrp interfaces [ <asn:1-65535> ] [ <interface:interface> ] [ detail ]",
         {{"interfaces", "IP-EIGRP interfaces"},
          {"asn", "Autonomous System"},
          {"interface", "Interface"},
          {"detail", "Show detailed interface information"}},
         1,
         [&engine, detail](ExecContext& c, const Args& a) -> Job {
             c.out += show_interfaces(engine, asn_of(a), a.interface("interface"), detail(a));
             return nullptr;
         }});
    rows.push_back({"show ip eigrp topology [ <asn:1-65535> ] [ { all-links | active } ]",
                    {{"topology", "IP-EIGRP Topology Table"},
                     {"asn", "Autonomous System"},
                     {"all-links", "Show all links in topology table"},
                     {"active", "Show only active entries"}},
                    1,
                    [&engine](ExecContext& c, const Args& a) -> Job {
                        const auto links = a.has("all-links") ? Links::all
                                           : a.has("active")  ? Links::active
                                                              : Links::feasible;
                        c.out += show_topology(engine, c.now, asn_of(a), links);
                        return nullptr;
                    }});
    rows.push_back({"show ip eigrp topology [ <asn:1-65535> ] <prefix:A.B.C.D> [ <mask:mask> ]",
                    {{"asn", "Autonomous System"},
                     {"prefix", "Network to display information about"},
                     {"mask", "Network mask"}},
                    1,
                    [&engine](ExecContext& c, const Args& a) -> Job {
                        if (const auto prefix = prefix_of(engine, a)) {
                            c.out += show_topology_entry(engine, asn_of(a), *prefix);
                        } else {
                            c.out += "% Invalid network or mask\n";
                        }
                        return nullptr;
                    }});
    rows.push_back({"show ip eigrp traffic [ <asn:1-65535> ]",
                    {{"traffic", "IP-EIGRP Traffic Statistics"}, {"asn", "Autonomous System"}},
                    1,
                    [&engine](ExecContext& c, const Args& a) -> Job {
                        c.out += show_traffic(engine, asn_of(a));
                        return nullptr;
                    }});
    rows.push_back({"show ip protocols",
                    {{"protocols", "IP routing protocol process parameters and statistics"}},
                    1,
                    [&engine](ExecContext& c, const Args&) -> Job {
                        c.out += show_protocols(engine, c.now);
                        return nullptr;
                    }});
    rows.push_back({"clear ip eigrp neighbors [ { <address:A.B.C.D> | <interface:interface> } ]",
                    {{"eigrp", "Clear IP-EIGRP"},
                     {"neighbors", "Clear IP-EIGRP neighbors"},
                     {"address", "IP-EIGRP neighbor address"},
                     {"interface", "Interface"}},
                    15,
                    [&engine](ExecContext& c, const Args& a) -> Job {
                        engine.clear_neighbors(
                            c.now,
                            a.has("address") ? std::optional(a.address("address")) : std::nullopt,
                            a.interface("interface"));
                        return nullptr;
                    }});
    return rows;
}

}  // namespace viaduct::eigrp
