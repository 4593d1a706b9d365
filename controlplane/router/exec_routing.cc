// show ip route, show arp, show access-lists and their clears.
#include <algorithm>
#include <fmt/format.h>

#include "config/ios/access_text.h"
#include "config/ios/text.h"
#include "controlplane/router/core.h"

namespace viaduct {

namespace {

using ios::Args;
using ios::ExecContext;

const char* code_of(const rib::Route& route) {
    switch (route.source) {
    case rib::Source::connected:
        return "C";
    case rib::Source::local:
        return "L";
    case rib::Source::static_route:
    case rib::Source::dhcp:
    case rib::Source::reverse:
        return "S";
    case rib::Source::eigrp:
    case rib::Source::eigrp_summary:
        return "D";
    case rib::Source::eigrp_external:
        return "D EX";
    case rib::Source::nhrp:
        return "H";
    }
    return "";
}

constexpr const char* kCodes =
    "Codes: C - connected, S - static, R - RIP, M - mobile, B - BGP\n"
    "       D - EIGRP, EX - EIGRP external, H - NHRP, L - local\n"
    "       * - candidate default, % - next hop override\n\n";

std::string interface_text(const RouterCore& router, IfIndex index) {
    const auto* status = router.status(index);
    return status == nullptr ? std::string("Null0") : status->name.to_string();
}

enum class Overridden : std::uint8_t { no, yes };

void show_route_line(const RouterCore& router,
                     const rib::Route& route,
                     TimePoint now,
                     Overridden overridden,
                     std::string& out) {
    const bool candidate_default = route.prefix.length() == 0;
    auto code = fmt::format("{}{}{}",
                            code_of(route),
                            candidate_default ? "*" : "",
                            overridden == Overridden::yes ? "   %" : "");
    const auto head = fmt::format("{:<8} {}", code, route.prefix.to_string());
    if (route.source == rib::Source::connected || route.source == rib::Source::local) {
        out +=
            fmt::format("{} is directly connected, {}\n",
                        head,
                        interface_text(router, route.paths.front().interface.value_or(IfIndex{})));
        return;
    }
    bool first = true;
    for (const auto& path : route.paths) {
        const auto lead = first ? head : std::string(head.size(), ' ');
        const auto interface = path.null0       ? std::string("Null0")
                               : path.interface ? interface_text(router, *path.interface)
                                                : "";
        if (path.gateway) {
            out += fmt::format(
                "{} [{}/{}] via {}", lead, route.distance, route.metric, path.gateway->to_string());
            if (route.source == rib::Source::eigrp || route.source == rib::Source::eigrp_external ||
                route.source == rib::Source::nhrp) {
                out += ", " + ios::age_text(now - route.since);
            }
            out += interface.empty() ? "" : ", " + interface;
            out += '\n';
        } else if (route.source == rib::Source::eigrp_summary) {
            out += fmt::format(
                "{} is a summary, {}, {}\n", lead, ios::age_text(now - route.since), interface);
        } else {
            out += fmt::format("{} is directly connected, {}\n", lead, interface);
        }
        first = false;
    }
}

/// The route whose next hop NHRP overrides by this one.
std::optional<rib::Route> overridden_by(const RouterCore& router, const rib::Route& route) {
    if (!route.override_next_hop) {
        return std::nullopt;
    }
    auto under = router.rib.look_up_without(route.prefix.network(), rib::Source::nhrp).first;
    return under && under->prefix == route.prefix ? under : std::nullopt;
}

/// IOS: what overrides a route's next hop is said by `show ip route next-hop-override`.
void show_override(const RouterCore& router,
                   const rib::Route& under,
                   const rib::Route& route,
                   TimePoint now,
                   std::string& out) {
    for (const auto& path : route.paths) {
        if (path.gateway && path.interface) {
            out += fmt::format("{:>21}[NHO][{}/1] via {}, {}, {}\n",
                               "",
                               under.distance,
                               path.gateway->to_string(),
                               ios::age_text(now - route.since),
                               interface_text(router, *path.interface));
        }
    }
}

bool of_kind(const rib::Route& route, const Args& args) {
    using rib::Source;
    if (args.has("connected")) {
        return route.source == Source::connected || route.source == Source::local;
    }
    if (args.has("static")) {
        return route.source == Source::static_route || route.source == Source::dhcp ||
               route.source == Source::reverse;
    }
    if (args.has("eigrp")) {
        return route.source == Source::eigrp || route.source == Source::eigrp_external ||
               route.source == Source::eigrp_summary;
    }
    if (args.has("nhrp")) {
        return route.source == Source::nhrp;
    }
    return true;
}

void show_routes(const RouterCore& router, const ExecContext& context, const Args& args) {
    auto& out = context.out;
    out += kCodes;
    const auto* fallback = router.rib.find(Ipv4Prefix{});
    if (fallback == nullptr || fallback->paths.empty()) {
        out += "Gateway of last resort is not set\n\n";
    } else if (fallback->paths.front().gateway) {
        out += fmt::format("Gateway of last resort is {} to network 0.0.0.0\n\n",
                           fallback->paths.front().gateway->to_string());
    } else {
        out += "Gateway of last resort is 0.0.0.0 to network 0.0.0.0\n\n";
    }
    for (const auto* route : router.rib.installed()) {
        const auto under = overridden_by(router, *route);
        const bool overrides = args.has("next-hop-override");
        if (overrides ? !under : !of_kind(under ? *under : *route, args)) {
            continue;
        }
        // IOS: the route stands as it was told, with %.
        show_route_line(router,
                        under ? *under : *route,
                        context.now,
                        under ? Overridden::yes : Overridden::no,
                        out);
        if (overrides) {
            show_override(router, *under, *route, context.now, out);
        }
    }
    // Row P8: what stands in the configuration and leads nowhere is said here.
    for (const auto* route : router.rib.unresolved()) {
        if (of_kind(*route, args) && !route->paths.empty() && route->paths.front().gateway) {
            out += fmt::format(
                "Not installed: {} via {}: next hop is unreachable (on no connected network)\n",
                route->prefix.to_string(),
                route->paths.front().gateway->to_string());
        }
    }
}

void show_one_route(const RouterCore& router, const ExecContext& context, Ipv4Address address) {
    auto& out = context.out;
    const auto found = router.rib.look_up(address);
    if (found.route == nullptr) {
        out += "% Network not in table\n";
        return;
    }
    out += fmt::format("Routing entry for {}\n", found.route->prefix.to_string());
    out += fmt::format("  Known via \"{}\", distance {}, metric {}\n",
                       found.route->source == rib::Source::connected ? "connected"
                       : found.route->source == rib::Source::local   ? "local"
                       : found.route->source == rib::Source::nhrp    ? "nhrp"
                       : found.route->source == rib::Source::eigrp ||
                               found.route->source == rib::Source::eigrp_external
                           ? "eigrp"
                           : "static",
                       found.route->distance,
                       found.route->metric);
    out += "  Routing Descriptor Blocks:\n";
    for (const auto& path : found.paths) {
        out += fmt::format("  * {}{}\n",
                           path.gateway ? path.gateway->to_string() + ", via "
                                        : std::string("directly connected, via "),
                           path.null0 ? "Null0" : interface_text(router, path.interface));
    }
}

void show_arp(const RouterCore& router, const ExecContext& context) {
    auto& out = context.out;
    if (router.model.dialect == config::Dialect::pix) {
        out += router.pix_arp();
        return;
    }
    out += "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n";
    for (const auto& entry : router.arp.entries(context.now)) {
        const auto minutes =
            entry.age ? std::to_string(
                            std::chrono::duration_cast<std::chrono::minutes>(*entry.age).count())
                      : "-";
        out += fmt::format("Internet  {:<15}  {:>9}  {:<14}  ARPA   {}\n",
                           entry.address.to_string(),
                           minutes,
                           entry.mac ? entry.mac->to_string() : "Incomplete",
                           interface_text(router, entry.interface));
    }
}

void show_access_lists(const RouterCore& router, const Args& args, std::string& out) {
    for (const auto& [name, list] : router.model.access_lists) {
        if (args.has("name") && args.text("name") != name) {
            continue;
        }
        out += fmt::format("{} IP access list {}\n", list.extended ? "Extended" : "Standard", name);
        const auto id = router.acl_ids.find(name);
        std::size_t rule = 0;
        for (const auto& line : list.entries) {
            out += fmt::format(
                "    {} {}", line.sequence, ios::access_entry_text(line, list.extended));
            if (line.remark.empty()) {
                if (id != router.acl_ids.end() && router.published_acls.contains(name)) {
                    if (const auto hits = router.plane.acl_hits(id->second, rule); hits != 0) {
                        out += fmt::format(" ({} match{})", hits, hits == 1 ? "" : "es");
                    }
                }
                ++rule;
            }
            out += '\n';
        }
    }
}

}  // namespace

ios::ExecRows routing_rows(RouterCore& router) {
    ios::ExecRows rows;
    rows.push_back(
        {"show ip route [ { connected | static | eigrp | nhrp | next-hop-override | "
         "<address:A.B.C.D> } ]",
         {{"route", "IP routing table"},
          {"connected", "Connected"},
          {"static", "Static routes"},
          {"eigrp", "Enhanced Interior Gateway Routing Protocol (EIGRP)"},
          {"nhrp", "Next Hop Resolution Protocol (NHRP)"},
          {"next-hop-override", "Only Next-Hop Override routes"},
          {"address", "Network to display information about"}},
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             if (args.has("address")) {
                 show_one_route(router, context, args.address("address"));
             } else {
                 show_routes(router, context, args);
             }
             return nullptr;
         }});
    for (const auto* pattern : {"show arp", "show ip arp"}) {
        rows.push_back({pattern,
                        {{"arp", "ARP table"}},
                        1,
                        [&router](ExecContext& context,
                                  const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
                            show_arp(router, context);
                            return nullptr;
                        }});
    }
    for (const auto* pattern : {"clear arp-cache", "clear ip arp"}) {
        rows.push_back({pattern,
                        {{"arp-cache", "Clear the entire ARP cache"}},
                        15,
                        [&router](ExecContext& context,
                                  const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
                            router.arp.clear(context.now);
                            router.carry();
                            return nullptr;
                        }});
    }
    for (const auto* pattern :
         {"show access-lists [ <name:WORD> ]", "show ip access-lists [ <name:WORD> ]"}) {
        rows.push_back(
            {pattern,
             {{"access-lists", "List access lists"}, {"name", "Access list number or name"}},
             1,
             [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
                 show_access_lists(router, args, context.out);
                 return nullptr;
             }});
    }
    return rows;
}

}  // namespace viaduct
