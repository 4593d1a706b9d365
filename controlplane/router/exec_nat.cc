// show ip nat translations, show ip nat statistics, clear ip nat.
#include <algorithm>
#include <fmt/format.h>

#include "controlplane/router/core.h"
#include "controlplane/router/nat_text.h"

namespace viaduct {

namespace {

using dataplane::NatFilter;
using dataplane::NatSession;
using dataplane::NatStatistics;
using ios::Args;
using ios::ExecContext;

/// More than a terminal can show; the table itself may hold a million.
constexpr std::size_t kMostShown = 65536;

std::optional<IpProtocol> protocol_of(const Args& args) {
    for (const auto& [word, protocol] : {std::pair{"tcp", kProtoTcp},
                                         {"udp", kProtoUdp},
                                         {"icmp", kProtoIcmp},
                                         {"esp", kProtoEsp},
                                         {"gre", kProtoGre}}) {
        if (args.has(word)) {
            return protocol;
        }
    }
    return std::nullopt;
}

void show_translations(RouterCore& router, ExecContext& context, const Args& args) {
    auto sessions = router.plane.nat_sessions(kMostShown);
    const auto protocol = protocol_of(args);
    std::erase_if(sessions, [&](const NatSession& s) {
        return (protocol && s.protocol != protocol) ||
               (args.has("local") && s.inside_local != args.address("local")) ||
               (args.has("global") && s.inside_global != args.address("global")) ||
               (args.has("outaddress") && s.outside_global != args.address("outaddress") &&
                s.outside_local != args.address("outaddress"));
    });
    if (sessions.empty()) {
        return;  // IOS prints nothing, not even the heads
    }
    context.out += translations_text(std::move(sessions),
                                     args.has("verbose") ? NatDetail::timers : NatDetail::brief,
                                     context.now);
}

void show_side(const RouterCore& router,
               const char* title,
               config::NatSide side,
               std::string& out) {
    out += title;
    std::string line;
    for (const auto& [name, interface] : router.model.interfaces) {
        if (interface.nat_side == side) {
            line += (line.empty() ? "  " : ", ") + name.to_string();
        }
    }
    out += line.empty() ? "" : line + "\n";
}

NatStatistics::Rule sum_of(const NatStatistics& statistics, const NatLine& line) {
    NatStatistics::Rule sum;
    for (const auto& rule : statistics.rules) {
        if (std::find(line.ids.begin(), line.ids.end(), rule.id) != line.ids.end()) {
            sum.sessions += rule.sessions;
            sum.addresses_in_use += rule.addresses_in_use;
            sum.misses += rule.misses;
        }
    }
    return sum;
}

void show_line(const RouterCore& router,
               const NatLine& line,
               const NatStatistics::Rule& sum,
               std::string& out) {
    out += fmt::format("[Id: {}] {} {} refcount {}\n",
                       line.ids.empty() ? 0U : line.ids.front(),
                       line.rule.route_map.empty() ? "access-list " + line.rule.access_list
                                                   : "route-map " + line.rule.route_map,
                       line.rule.interface ? "interface " + line.rule.interface->to_string()
                                           : "pool " + line.rule.pool,
                       sum.sessions);
    const auto pool = router.model.nat.pools.find(line.rule.pool);
    if (line.rule.interface || pool == router.model.nat.pools.end()) {
        return;
    }
    const auto total = pool->second.last.value() - pool->second.first.value() + 1;
    out += fmt::format(
        " pool {}: netmask {}\n        start {} end {}\n        type {}, total "
        "addresses {}, allocated {} ({}%), misses {}\n",
        line.rule.pool,
        mask_of(pool->second.length).to_string(),
        pool->second.first.to_string(),
        pool->second.last.to_string(),
        pool->second.rotary ? "rotary" : "generic",
        total,
        sum.addresses_in_use,
        std::uint64_t{100} * sum.addresses_in_use / total,
        sum.misses);
}

void show_statistics(const RouterCore& router, std::string& out) {
    const auto s = router.plane.nat_statistics();
    const auto& base = router.nat_cleared;
    out += fmt::format("Total active translations: {} ({} static, {} dynamic; {} extended)\n",
                       s.active,
                       s.statics,
                       s.active - std::min(s.statics, s.active),
                       s.extended);
    out += fmt::format("Peak translations: {}\n", s.peak);
    show_side(router, "Outside interfaces:\n", config::NatSide::outside, out);
    show_side(router, "Inside interfaces: \n", config::NatSide::inside, out);
    out += fmt::format("Hits: {}  Misses: {}\n", s.hits - base.hits, s.misses - base.misses);
    out += fmt::format("Expired translations: {}\n", s.expired - base.expired);
    out += fmt::format("Dropped: {} without address or port, {} over the limit\n",
                       s.exhausted - base.exhausted,
                       s.refused - base.refused);
    out += "Dynamic mappings:\n";
    for (const bool outside : {false, true}) {
        bool first = true;
        for (const auto& line : router.nat.lines) {
            if (line.rule.outside != outside) {
                continue;
            }
            if (first) {
                out += outside ? "-- Outside Source\n" : "-- Inside Source\n";
                first = false;
            }
            show_line(router, line, sum_of(s, line), out);
        }
    }
    for (const auto& problem : router.nat.problems) {
        out += "% " + problem + "\n";
    }
    out += "Queued Packets: 0\n";
}

void clear_translations(RouterCore& router, ExecContext& context, const Args& args) {
    NatFilter filter;
    filter.protocol = protocol_of(args);
    const auto take = [&args](const char* name, std::optional<Ipv4Address>& to) {
        if (args.has(name)) {
            to = args.address(name);
        }
    };
    take("ig", filter.inside_global);
    take("il", filter.inside_local);
    take("ol", filter.outside_local);
    take("og", filter.outside_global);
    const auto port = [&args](const char* name, std::optional<std::uint16_t>& to) {
        if (args.has(name)) {
            to = static_cast<std::uint16_t>(args.number(name));
        }
    };
    port("igp", filter.inside_global_port);
    port("ilp", filter.inside_local_port);
    port("olp", filter.outside_local_port);
    port("ogp", filter.outside_global_port);
    const bool all = !filter.protocol && !filter.inside_global && !filter.outside_global &&
                     !filter.outside_local;
    if (router.plane.clear_nat(filter) == 0 && !all) {
        context.out += "%Translation not found\n";
    }
}

const std::vector<ios::TokenHelp>& clear_help() {
    static const std::vector<ios::TokenHelp> kHelp{
        {"clear", "Reset functions"},
        {"nat", "Clear NAT"},
        {"translation", "Clear dynamic translation"},
        {"*", "Delete all dynamic translations"},
        {"forced", "Delete all dynamic translations (forcefully)"},
        {"inside", "Inside addresses (and ports)"},
        {"outside", "Outside addresses (and ports)"},
        {"tcp", "Transmission Control Protocol"},
        {"udp", "User Datagram Protocol"},
        {"ig", "Global IP address"},
        {"il", "Local IP address"},
        {"ol", "Local IP address"},
        {"og", "Global IP address"},
        {"igp", "Global port"},
        {"ilp", "Local port"},
        {"olp", "Local port"},
        {"ogp", "Global port"},
        {"statistics", "Clear translation statistics"}};
    return kHelp;
}

ios::ExecRow clear_row(RouterCore& router, std::string_view pattern) {
    return {pattern,
            clear_help(),
            15,
            [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
                clear_translations(router, context, args);
                return nullptr;
            }};
}

}  // namespace

ios::ExecRows nat_rows(RouterCore& router) {
    ios::ExecRows rows;
    rows.push_back(
        {"show ip nat translations ( verbose | tcp | udp | icmp | esp | gre | inside { global "
         "<global:A.B.C.D> | <local:A.B.C.D> } | outside <outaddress:A.B.C.D> )*",
         {{"nat", "IP NAT information"},
          {"translations", "Translation entries"},
          {"verbose", "Show extra information"},
          {"tcp", "TCP translations"},
          {"udp", "UDP translations"},
          {"icmp", "ICMP translations"},
          {"esp", "ESP translations"},
          {"gre", "GRE translations"},
          {"inside", "Translations of an inside address"},
          {"global", "By its global address"},
          {"outside", "Translations to an outside address"},
          {"local", "Inside local address"},
          {"outaddress", "Outside address"}},
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             show_translations(router, context, args);
             return nullptr;
         }});
    rows.push_back(
        {"show ip nat statistics",
         {{"nat", "IP NAT information"}, {"statistics", "Translation statistics"}},
         1,
         [&router](ExecContext& context, const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
             show_statistics(router, context.out);
             return nullptr;
         }});
    for (const auto* pattern :
         {"clear ip nat translation { * | forced }",
          "clear ip nat translation inside <ig:A.B.C.D> <il:A.B.C.D> [ outside <ol:A.B.C.D> "
          "<og:A.B.C.D> ]",
          "clear ip nat translation outside <ol:A.B.C.D> <og:A.B.C.D>",
          "clear ip nat translation { tcp | udp } inside <ig:A.B.C.D> <igp:1-65535> <il:A.B.C.D> "
          "<ilp:1-65535> [ outside <ol:A.B.C.D> <olp:1-65535> <og:A.B.C.D> <ogp:1-65535> ]"}) {
        rows.push_back(clear_row(router, pattern));
    }
    rows.push_back({"clear ip nat statistics",
                    clear_help(),
                    15,
                    [&router](ExecContext& /*context*/,
                              const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
                        router.nat_cleared = router.plane.nat_statistics();
                        return nullptr;
                    }});
    return rows;
}

}  // namespace viaduct
