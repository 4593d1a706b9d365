#include "controlplane/nhrp/exec.h"

#include <algorithm>
#include <fmt/format.h>
#include <ranges>

#include "config/ios/text.h"
#include "config/model/interface.h"

namespace viaduct::nhrp {
namespace {

std::string short_name(const std::string& name) {
    const auto parsed = config::InterfaceName::parse(name);
    return parsed ? parsed->short_string() : name;
}

std::string_view type_word(const CacheEntry& entry) {
    switch (entry.type) {
    case EntryType::configured:
    case EntryType::local:
        return "static";
    case EntryType::dynamic:
        return entry.waiting_for_sa ? "incomplete" : "dynamic";
    case EntryType::incomplete:
        return "incomplete";
    }
    return "";
}

std::string flag_words(const CacheEntry& entry, Detail detail) {
    std::string out;
    const auto add = [&](bool on, std::string_view word) {
        if (on) {
            out += word;
            out += ' ';
        }
    };
    const bool all = detail == Detail::detail;
    add(all && entry.authoritative, "authoritative");
    add(entry.unique, "unique");
    add(entry.router, "router");
    add(all && entry.nat, "nat");
    add(entry.implicit, "implicit");
    add(entry.registered, "registered");
    add(entry.ever_used, "used");
    add(entry.nhop || entry.registered, "nhop");
    add(entry.route.has_value(), "rib");
    add(entry.route == RouteKind::next_hop_override, "nho");
    add(entry.type == EntryType::local, "local");
    add(entry.type == EntryType::incomplete, "negative");
    return out;
}

bool selected(const CacheEntry& entry, CacheFilter filter, std::optional<Ipv4Address> address) {
    if (address && !entry.key.target.contains(*address)) {
        return false;
    }
    switch (filter) {
    case CacheFilter::all:
        return entry.type != EntryType::local || address.has_value();
    case CacheFilter::dynamic:
        return entry.type == EntryType::dynamic;
    case CacheFilter::configured:
        return entry.type == EntryType::configured;
    case CacheFilter::incomplete:
        return entry.type == EntryType::incomplete || entry.waiting_for_sa;
    case CacheFilter::local:
        return entry.type == EntryType::local;
    case CacheFilter::shortcut:
        return entry.route.has_value() || entry.nhop;
    }
    return false;
}

const Engine::Tunnel& tunnel_of(const Engine& engine, const CacheEntry& entry) {
    return engine.tunnels().at(entry.key.tunnel);
}

bool no_socket(const Engine& engine, const CacheEntry& entry) {
    const auto& interface = tunnel_of(engine, entry).interface;
    return interface.protection && entry.type != EntryType::local &&
           entry.type != EntryType::incomplete && !engine.sa_stands(interface.nbma, entry.nbma);
}

std::string_view server_letters(ServerState state) {
    switch (state) {
    case ServerState::waiting:
        return " W";
    case ServerState::expecting:
        return " E";
    case ServerState::responding:
        return "RE";
    }
    return "";
}

}  // namespace

std::string show_cache(const Engine& engine,
                       TimePoint now,
                       CacheFilter filter,
                       std::optional<Ipv4Address> address,
                       Detail detail) {
    std::string out;
    for (const auto& entry : std::views::values(engine.cache().entries())) {
        if (!selected(entry, filter, address)) {
            continue;
        }
        const bool incomplete = entry.type == EntryType::incomplete;
        out += incomplete
                   ? fmt::format("{}\n", entry.key.target.to_string())
                   : fmt::format(
                         "{} via {}\n", entry.key.target.to_string(), entry.next_hop.to_string());
        const auto end = entry.expires == kNever || entry.type == EntryType::local
                             ? std::string("never expire")
                             : fmt::format("expire {}", ios::age_text(entry.expires - now));
        out += fmt::format("   {} created {}, {}\n",
                           tunnel_of(engine, entry).interface.name,
                           ios::age_text(now - entry.created),
                           end);
        out += fmt::format("   Type: {}, Flags: {}\n", type_word(entry), flag_words(entry, detail));
        if (incomplete) {
            out += fmt::format("   Cache hits: {}\n", entry.hits);
            continue;
        }
        out += fmt::format("   NBMA address: {} \n", entry.nbma.address.to_string());
        if (entry.nbma.original) {
            out +=
                fmt::format("    (Claimed NBMA address: {}) \n", entry.nbma.original->to_string());
        }
        if (no_socket(engine, entry)) {
            out += "    (no-socket) \n";
        }
        if (detail == Detail::detail) {
            for (const auto& requester : entry.requesters) {
                if (requester.until > now) {
                    out += fmt::format("  Requester: {} Request ID expire {}\n",
                                       requester.protocol.to_string(),
                                       ios::age_text(requester.until - now));
                }
            }
        }
    }
    return out;
}

std::string show_cache_brief(const Engine& engine) {
    std::string out =
        "   Target             Via            NBMA           Mode   Intfc   Claimed \n";
    for (const auto& entry : std::views::values(engine.cache().entries())) {
        if (!selected(entry, CacheFilter::all, std::nullopt)) {
            continue;
        }
        const bool incomplete = entry.type == EntryType::incomplete;
        out += fmt::format("{:>18} {:<15} {:<15} {:<7} {:<7} <{:^16}>\n",
                           entry.key.target.to_string(),
                           entry.next_hop.to_string(),
                           incomplete ? "incomplete" : entry.nbma.address.to_string(),
                           type_word(entry),
                           short_name(tunnel_of(engine, entry).interface.name),
                           entry.nbma.original ? entry.nbma.original->to_string() : "");
    }
    return out;
}

std::string show_servers(const Engine& engine, TimePoint now, Detail detail) {
    std::string out = "Legend: E=Expecting replies, R=Responding, W=Waiting\n";
    for (const auto& tunnel : std::views::values(engine.tunnels())) {
        if (tunnel.servers.empty()) {
            continue;
        }
        out += fmt::format("{}:\n", tunnel.interface.name);
        std::string pending;
        for (const auto& server : tunnel.servers) {
            const auto address = server.config.protocol_address.to_string();
            out += fmt::format("{}  {} priority = {} cluster = {}",
                               address,
                               server_letters(server.state),
                               server.config.priority,
                               server.config.cluster);
            if (detail == Detail::detail) {
                out += fmt::format("  req-sent {}  req-failed {}  repl-recv {}",
                                   server.requests_sent,
                                   server.requests_failed,
                                   server.replies_received);
                if (server.replies_received != 0) {
                    out += fmt::format(" ({} ago)", ios::age_text(now - server.last_reply));
                }
            }
            out += '\n';
            if (server.request_id != 0) {
                pending += fmt::format(
                    "Registration Request: Reqid {}, Ret {}  NHS {} ({})\n",
                    server.request_id,
                    std::chrono::duration_cast<std::chrono::seconds>(server.retry).count(),
                    address,
                    short_name(tunnel.interface.name));
            }
        }
        if (detail == Detail::detail && !pending.empty()) {
            out += "\nPending Registration Requests:\n" + pending;
        }
    }
    return out;
}

std::string show_multicast(const Engine& engine) {
    std::string out = "  I/F     NBMA address\n";
    for (const auto& [index, tunnel] : engine.tunnels()) {
        for (const auto& peer : engine.multicast_peers(index)) {
            const bool dynamic = tunnel.dynamic_multicast.contains(peer);
            out += fmt::format("{:<10} {:<15}  Flags: {:<8} (Enabled)\n",
                               tunnel.interface.name,
                               peer.address.to_string(),
                               dynamic ? "dynamic" : "static");
        }
    }
    return out;
}

std::string show_traffic(const Engine& engine) {
    std::string out;
    for (const auto& tunnel : std::views::values(engine.tunnels())) {
        const auto& config = tunnel.interface.nhrp;
        const auto usage = config.max_send == 0 ? 0U : tunnel.window_sent * 100U / config.max_send;
        out += fmt::format("{}: Max-send limit:{}Pkts/{}Sec, Usage:{}%\n",
                           tunnel.interface.name,
                           config.max_send,
                           config.max_send_every_10s * 10,
                           usage);
        const auto suppressed =
            tunnel.traffic.drops.at(static_cast<std::size_t>(Drop::redirect_suppressed));
        const auto part = [&](std::string_view title, const auto& counts, std::uint64_t redirect) {
            std::uint64_t total = 0;
            for (const auto n : counts) {
                total += n;
            }
            out += fmt::format("   {}: Total {}\n", title, total);
            const auto n = [&](PacketType type) {
                return counts.at(static_cast<std::size_t>(type));
            };
            out += fmt::format(
                "         {} Resolution Request  {} Resolution Reply  {} Registration Request \n",
                n(PacketType::resolution_request),
                n(PacketType::resolution_reply),
                n(PacketType::registration_request));
            out +=
                fmt::format("         {} Registration Reply  {} Purge Request  {} Purge Reply \n",
                            n(PacketType::registration_reply),
                            n(PacketType::purge_request),
                            n(PacketType::purge_reply));
            out += fmt::format(
                "         {} Error Indication  {} Traffic Indication  {} Redirect Suppress \n",
                n(PacketType::error_indication),
                n(PacketType::traffic_indication),
                redirect);
        };
        part("Sent", tunnel.traffic.sent, suppressed);
        part("Rcvd", tunnel.traffic.received, 0);
        // Ours: why something was dropped or refused.
        bool title = false;
        for (std::size_t i = 0; i < tunnel.traffic.drops.size(); ++i) {
            if (tunnel.traffic.drops.at(i) != 0) {
                out += std::exchange(title, true) ? "" : "   Dropped or refused:\n";
                out += fmt::format("         {} {}\n",
                                   tunnel.traffic.drops.at(i),
                                   to_string(static_cast<Drop>(i)));
            }
        }
    }
    return out;
}

std::string show_summary(const Engine& engine) {
    std::size_t statics = 0;
    std::size_t dynamics = 0;
    std::size_t incompletes = 0;
    for (const auto& entry : std::views::values(engine.cache().entries())) {
        statics += entry.type == EntryType::configured || entry.type == EntryType::local ? 1 : 0;
        dynamics += entry.type == EntryType::dynamic ? 1 : 0;
        incompletes += entry.type == EntryType::incomplete ? 1 : 0;
    }
    return fmt::format(
        "IP NHRP cache {} entries\n    {} static  {} dynamic  {} incomplete\n"
        "{} resolutions under way, {} delayed requests\n",
        engine.cache().size(),
        statics,
        dynamics,
        incompletes,
        engine.resolutions_under_way(),
        engine.delayed_requests());
}

namespace {

using Show = std::function<std::string(const ios::ExecContext&, const ios::Args&)>;

ios::ExecRow show_row(std::string_view pattern, std::vector<ios::TokenHelp> help, Show show) {
    return {pattern,
            std::move(help),
            1,
            [show = std::move(show)](ios::ExecContext& c,
                                     const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
                c.out += show(c, args);
                return nullptr;
            }};
}

Detail detail_of(const ios::Args& args) {
    return args.has("detail") ? Detail::detail : Detail::normal;
}

CacheFilter filter_of(const ios::Args& args) {
    return args.has("dynamic")      ? CacheFilter::dynamic
           : args.has("static")     ? CacheFilter::configured
           : args.has("incomplete") ? CacheFilter::incomplete
           : args.has("local")      ? CacheFilter::local
           : args.has("shortcut")   ? CacheFilter::shortcut
                                    : CacheFilter::all;
}

std::optional<Ipv4Address> address_of(const ios::Args& args) {
    return args.has("address") ? std::optional{args.address("address")} : std::nullopt;
}

void add_clear_rows(ios::ExecRows& rows, Engine& engine) {
    using Job = std::unique_ptr<ios::ExecJob>;
    rows.push_back({"clear ip nhrp [ <address:A.B.C.D> ]",
                    {{"nhrp", "Clear the NHRP cache"}, {"address", "Destination address"}},
                    15,
                    [&engine](ios::ExecContext& c, const ios::Args& args) -> Job {
                        engine.on_clear(c.now, address_of(args));
                        return nullptr;
                    }});
    rows.push_back({"clear ip nhrp counters",
                    {{"counters", "Clear the NHRP traffic counters"}},
                    15,
                    [&engine](ios::ExecContext&, const ios::Args&) -> Job {
                        engine.clear_counters();
                        return nullptr;
                    }});
}

}  // namespace

ios::ExecRows exec_rows(Engine& engine, const IpsecView* ipsec) {
    using ios::Args;
    using ios::ExecContext;
    ios::ExecRows rows;
    rows.push_back(show_row(
        "show ip nhrp [ { dynamic | static | incomplete | local | shortcut } ] [ detail ]",
        {{"nhrp", "NHRP information"},
         {"dynamic", "Display dynamic (learned) cache entries"},
         {"static", "Display static cache entries"},
         {"incomplete", "Display incomplete cache entries"},
         {"local", "Display local cache entries"},
         {"shortcut", "Display shortcut cache entries"},
         {"detail", "Display detailed information"}},
        [&engine](const ExecContext& c, const Args& args) {
            return show_cache(engine, c.now, filter_of(args), std::nullopt, detail_of(args));
        }));
    rows.push_back(show_row(
        "show ip nhrp <address:A.B.C.D> [ detail ]",
        {{"address", "Destination address"}, {"detail", "Display detailed information"}},
        [&engine](const ExecContext& c, const Args& args) {
            return show_cache(engine, c.now, CacheFilter::all, address_of(args), detail_of(args));
        }));
    rows.push_back(
        show_row("show ip nhrp brief",
                 {{"brief", "Display a short output of the cache"}},
                 [&engine](const ExecContext&, const Args&) { return show_cache_brief(engine); }));
    rows.push_back(show_row(
        "show ip nhrp nhs [ detail ]",
        {{"nhs", "NHRP nexthop server information"}, {"detail", "Display detailed information"}},
        [&engine](const ExecContext& c, const Args& args) {
            return show_servers(engine, c.now, detail_of(args));
        }));
    rows.push_back(
        show_row("show ip nhrp multicast",
                 {{"multicast", "NHRP multicast mapping information"}},
                 [&engine](const ExecContext&, const Args&) { return show_multicast(engine); }));
    rows.push_back(
        show_row("show ip nhrp traffic",
                 {{"traffic", "NHRP traffic statistics"}},
                 [&engine](const ExecContext&, const Args&) { return show_traffic(engine); }));
    rows.push_back(
        show_row("show ip nhrp summary",
                 {{"summary", "NHRP cache summary"}},
                 [&engine](const ExecContext&, const Args&) { return show_summary(engine); }));
    rows.push_back(
        show_row("show dmvpn [ detail ]",
                 {{"dmvpn", "DMVPN information"}, {"detail", "Detailed DMVPN information"}},
                 [&engine, ipsec](const ExecContext& c, const Args& args) {
                     return show_dmvpn(engine, ipsec, c.now, detail_of(args));
                 }));
    add_clear_rows(rows, engine);
    return rows;
}

}  // namespace viaduct::nhrp
