// Static routes and key chains.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::StaticRoute;

constexpr std::size_t kMaxRoutes = 2000000;

Result<StaticRoute> read_route(const Args& args) {
    StaticRoute route;
    const auto mask = args.address("mask");
    route.prefix = Ipv4Prefix{args.address("prefix"), length_of_mask(mask).value_or(0)};
    // IOS: "%Inconsistent address and mask".
    if (route.prefix.network() != args.address("prefix")) {
        return failure("Inconsistent address and mask");
    }
    route.interface = args.interface("interface");
    if (args.has("gateway")) {
        route.gateway = args.address("gateway");
        if (route.gateway->is_multicast() || route.gateway->is_broadcast()) {
            return failure("Invalid next hop address");
        }
    }
    route.dhcp = args.has("dhcp");
    const auto normal = route.dhcp ? 254U : 1U;
    route.distance = static_cast<std::uint8_t>(args.number("distance", normal));
    if (args.has("tagvalue")) {
        route.tag = args.number("tagvalue");
    }
    route.name = args.text("namevalue");
    route.permanent = args.has("permanent");
    return route;
}

bool same_way(const StaticRoute& a, const StaticRoute& b) {
    return a.prefix == b.prefix && a.interface == b.interface && a.gateway == b.gateway &&
           a.dhcp == b.dhcp;
}

Result<void> apply_route(ConfigSession& session, const Args& args) {
    auto& routes = session.config().static_routes;
    auto route = read_route(args);
    if (!route) {
        return tl::unexpected(route.error());
    }
    const bool way = route->interface || route->gateway || route->dhcp;
    if (args.negated()) {
        session.route_index().clear();
        std::erase_if(routes, [&](const StaticRoute& other) {
            return way ? same_way(other, *route) : other.prefix == route->prefix;
        });
        return done();
    }
    if (auto* known = session.route_index().find(routes, *route)) {
        *known = *route;
        return done();
    }
    if (routes.size() >= kMaxRoutes) {
        return failure(fmt::format("Static routes: limit of {}", kMaxRoutes));
    }
    routes.push_back(*route);
    return done();
}

void write_routes(Writer& out) {
    for (const auto& route : out.config().static_routes) {
        auto line = fmt::format(
            "ip route {} {}", route.prefix.network().to_string(), route.prefix.mask().to_string());
        line += route.interface ? " " + route.interface->to_string() : "";
        line += route.gateway ? " " + route.gateway->to_string() : "";
        line += route.dhcp ? " dhcp" : "";
        line += route.distance != (route.dhcp ? 254 : 1) ? fmt::format(" {}", route.distance) : "";
        line += route.tag ? fmt::format(" tag {}", *route.tag) : "";
        line += route.name.empty() ? "" : " name " + quoted(route.name);
        line += route.permanent ? " permanent" : "";
        out.text(line);
    }
}

Row route_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "ip route <prefix:A.B.C.D> <mask:mask> { <interface:interface> [ "
            "<gateway:A.B.C.D> ] | <gateway:A.B.C.D> | dhcp } [ <distance:1-255> ] ( tag "
            "<tagvalue:1-4294967295> | name <namevalue:WORD> | permanent )*",
        .help =
            "Establish static routes|prefix: Destination prefix|mask: Destination prefix "
            "mask|gateway: Forwarding router's address|dhcp: Default gateway obtained from "
            "DHCP|distance: Distance metric for this route|tag: Set tag for this route|tagvalue: "
            "Tag "
            "value|name: Specify name of the next hop|namevalue: Name of the next hop|permanent: "
            "permanent route"};
    row.no =
        "ip route <prefix:A.B.C.D> <mask:mask> [ { <interface:interface> [ <gateway:A.B.C.D> ] | "
        "<gateway:A.B.C.D> | dhcp } [ <rest:LINE> ] ]";
    row.apply = apply_route;
    row.write = write_routes;
    row.examples = {
        "ip route 0.0.0.0 0.0.0.0 209.168.202.226",
        "ip route 3.3.3.0 255.255.255.0 Tunnel0",
        "ip route 10.0.0.0 255.0.0.0 Null0 250",
        "ip route 10.0.0.0 255.0.0.0 FastEthernet0/0 10.1.1.2 5 tag 7 name far permanent",
        "ip route 0.0.0.0 0.0.0.0 dhcp"};
    return at(Place::routes, std::move(row));
}

Row key_chain_row() {
    Row row{.mode = Mode::global,
            .pattern = "key chain <name:WORD>",
            .help = "Key-chain management|name: Key-chain name"};
    row.no = "key chain <name:WORD>";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& chains = session.config().key_chains;
        if (args.negated()) {
            chains.erase(args.text("name"));
            return done();
        }
        chains.try_emplace(args.text("name"));
        session.enter({.mode = Mode::key_chain, .name = args.text("name")});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, chain] : out.config().key_chains) {
            out.section("key chain " + quoted(name), {.mode = Mode::key_chain, .name = name});
        }
    };
    row.examples = {"key chain eigrp"};
    row.enters = true;
    return at(Place::key_chains, std::move(row));
}

Row chain_key_row() {
    Row row{.mode = Mode::key_chain,
            .pattern = "key <id:0-2147483647>",
            .help = "Configure a key|id: Key identifier"};
    row.no = "key <id:0-2147483647>";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        const auto name = session.scope().name;
        auto& chain = session.config().key_chains[name];
        const auto id = args.number("id");
        if (args.negated()) {
            chain.erase(id);
            return done();
        }
        if (!chain.contains(id) && chain.size() >= 256) {
            return failure("Keys of a chain: limit of 256");
        }
        chain.try_emplace(id);
        session.enter({.mode = Mode::key_chain_key, .name = name, .number = id});
        return done();
    };
    row.write = [](Writer& out) {
        const auto name = out.scope().name;
        for (const auto& [id, key] : out.config().key_chains.at(name)) {
            out.section(fmt::format("key {}", id),
                        {.mode = Mode::key_chain_key, .name = name, .number = id});
        }
    };
    row.examples = {"key 1"};
    row.enters = true;
    return row;
}

Row key_string_row() {
    Row row{
        .mode = Mode::key_chain_key,
        .pattern = "key-string " + std::string(kPasswordLine),
        .help =
            "Set key string|0: Specifies an UNENCRYPTED password will follow|7: Specifies a HIDDEN "
            "password will follow|plain: The UNENCRYPTED (cleartext) user password"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& key = session.object<config::KeyChainKey>().key_string;
        if (args.negated()) {
            key = {};
            return done();
        }
        auto read = read_password(args);
        if (!read) {
            return tl::unexpected(read.error());
        }
        key = stored(session.config().system, *read);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& key = out.object<config::KeyChainKey>().key_string;
        if (!key.empty()) {
            out.line("key-string {}", password_text(stored(out.config().system, key)));
        }
    };
    row.examples = {"key-string two words", "key-string 7 121A0C041104"};
    return row;
}

}  // namespace

Rows routing_rows() {
    return {route_row(), key_chain_row(), chain_key_row(), key_string_row()};
}

}  // namespace viaduct::ios
