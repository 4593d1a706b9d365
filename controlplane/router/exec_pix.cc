// What a PIX's console has and IOS's has not: show xlate, show conn, clear xlate, show route. Texts of version 6.3.
#include <algorithm>
#include <fmt/format.h>

#include "controlplane/router/core.h"
#include "controlplane/router/nat_text.h"

namespace viaduct {

namespace {

using dataplane::NatFilter;
using dataplane::NatSession;
using ios::Args;
using ios::ExecContext;

constexpr std::size_t kMostXlates = 65536;

bool is_pix(const RouterCore& router, std::string& out) {
    if (router.model.dialect == config::Dialect::pix) {
        return true;
    }
    out += "% A command of the PIX dialect; here: show ip nat translations\n";
    return false;
}

PixSides sides_of(const RouterCore& router) {
    PixSides sides;
    for (const auto& [port, name] : router.model.pix_names) {
        const auto interface = config::InterfaceName::parse(port);
        const auto found =
            interface ? router.model.interfaces.find(*interface) : router.model.interfaces.end();
        if (found == router.model.interfaces.end()) {
            continue;
        }
        if (nat_side_of(router.model, found->second) == config::NatSide::inside) {
            sides.inside = name;
        } else if (router.model.pix_security.at(name) == 0) {
            sides.outside = name;
        }
    }
    return sides;
}

NatFilter filter_of(const Args& args) {
    NatFilter filter;
    if (args.has("ga")) {
        filter.inside_global = args.address("ga");
    }
    if (args.has("la")) {
        filter.inside_local = args.address("la");
    }
    if (args.has("gp")) {
        filter.inside_global_port = static_cast<std::uint16_t>(args.number("gp"));
    }
    if (args.has("lp")) {
        filter.inside_local_port = static_cast<std::uint16_t>(args.number("lp"));
    }
    return filter;
}

void show_xlate(RouterCore& router, ExecContext& context, const Args& args) {
    if (!is_pix(router, context.out)) {
        return;
    }
    const auto filter = filter_of(args);
    auto sessions = router.plane.nat_sessions(kMostXlates);
    std::erase_if(sessions, [&filter](const NatSession& s) {
        const auto other = [](const auto& wanted, const auto& is) {
            return wanted && *wanted != is;
        };
        return other(filter.inside_global, s.inside_global) ||
               other(filter.inside_local, s.inside_local) ||
               other(filter.inside_global_port, s.inside_global_port) ||
               other(filter.inside_local_port, s.inside_local_port);
    });
    const auto xlates = xlates_of(std::move(sessions));
    router.most_xlates = std::max(router.most_xlates, xlates.size());
    context.out += xlate_text(xlates,
                              router.most_xlates,
                              sides_of(router),
                              args.has("debug")    ? NatDetail::timers
                              : args.has("detail") ? NatDetail::detail
                                                   : NatDetail::brief,
                              context.now);
}

std::string netmask_text(const Ipv4Prefix& prefix) {
    return prefix.network().to_string() + " " + prefix.mask().to_string();
}

/// "        outside 0.0.0.0 0.0.0.0 171.69.88.1 1 OTHER static"
void show_route(const RouterCore& router, std::string& out) {
    if (!is_pix(router, out)) {
        return;
    }
    for (const auto* route : router.rib.installed()) {
        if (route->paths.empty() || route->source == rib::Source::local) {
            continue;
        }
        const auto found = router.rib.look_up(route->prefix.network());
        const auto& path = route->paths.front();
        const auto index = path.interface ? *path.interface
                           : found.paths.empty() ? IfIndex{}
                                                 : found.paths.front().interface;
        const auto* status = router.status(index);
        const bool connected = route->source == rib::Source::connected;
        const auto gateway = connected && status != nullptr
                                 ? status->primary().value_or(Ipv4Address{})
                                 : path.gateway.value_or(Ipv4Address{});
        out += fmt::format("        {} {} {} {} {}\n",
                           router.pix_name(index),
                           netmask_text(route->prefix),
                           gateway.to_string(),
                           std::max<unsigned>(1, route->distance),
                           connected ? "CONNECT static" : "OTHER static");
    }
}

}  // namespace

std::string RouterCore::pix_name(IfIndex index) const {
    const auto* at = status(index);
    if (at == nullptr) {
        return "";
    }
    for (const auto& [port, name] : model.pix_names) {
        if (config::InterfaceName::parse(port) == at->name) {
            return name;
        }
    }
    return at->name.to_string();
}

std::string RouterCore::pix_arp() const {
    std::vector<PixArp> lines;
    for (const auto& entry : arp.entries(now)) {
        const auto* at = status(entry.interface);
        const bool own = at != nullptr && entry.mac == at->mac;
        if (entry.mac && !own) {
            lines.push_back({pix_name(entry.interface), entry.address, *entry.mac});
        }
    }
    // The document's listing: by interface in the order of the hardware, the highest address first.
    std::stable_sort(lines.begin(), lines.end(), [this](const PixArp& a, const PixArp& b) {
        const auto port = [this](const PixArp& line) {
            const auto found =
                std::find_if(model.pix_names.begin(), model.pix_names.end(), [&](const auto& n) {
                    return n.second == line.interface;
                });
            return found == model.pix_names.end() ? std::string{} : found->first;
        };
        return std::pair(port(a), b.address) < std::pair(port(b), a.address);
    });
    return pix_arp_text(lines);
}

ios::ExecRows pix_rows(RouterCore& router) {
    const std::vector<ios::TokenHelp> help{{"xlate", "Translation slots (PIX)"},
                                           {"detail", "Protocol, interfaces and flags"},
                                           {"debug", "The same with idle times"},
                                           {"global", "Of this global address"},
                                           {"local", "Of this local address"},
                                           {"ga", "Global address"},
                                           {"la", "Local address"},
                                           {"gport", "Of this global port"},
                                           {"lport", "Of this local port"},
                                           {"gp", "Global port"},
                                           {"lp", "Local port"},
                                           {"count", "How many"},
                                           {"conn", "Connections (PIX)"},
                                           {"route", "Routes (PIX)"}};
    ios::ExecRows rows;
    rows.push_back(
        {"show xlate ( detail | debug | global <ga:A.B.C.D> | local <la:A.B.C.D> | gport "
         "<gp:1-65535> | lport <lp:1-65535> )*",
         help,
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             show_xlate(router, context, args);
             return nullptr;
         }});
    rows.push_back(
        {"clear xlate ( global <ga:A.B.C.D> | local <la:A.B.C.D> | gport <gp:1-65535> | lport "
         "<lp:1-65535> )*",
         help,
         15,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             if (is_pix(router, context.out)) {
                 router.plane.clear_nat(filter_of(args));
             }
             return nullptr;
         }});
    rows.push_back(
        {"show conn [ count ]",
         help,
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             if (is_pix(router, context.out)) {
                 const auto text = conn_text(router.plane.nat_sessions(kMostXlates),
                                             router.plane.nat_statistics().peak,
                                             context.now);
                 context.out += args.has("count") ? text.substr(0, text.find('\n') + 1) : text;
             }
             return nullptr;
         }});
    rows.push_back(
        {"show route",
         help,
         1,
         [&router](ExecContext& context, const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
             show_route(router, context.out);
             return nullptr;
         }});
    return rows;
}

}  // namespace viaduct
