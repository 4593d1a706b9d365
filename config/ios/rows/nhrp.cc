// `ip nhrp …` lines of a tunnel interface.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::NhrpConfig;
using config::NhrpServer;
using config::NhrpStaticMap;

Row nhrp(Row row) {
    row.apply = [apply = std::move(row.apply)](ConfigSession& session,
                                               const Args& args) -> Result<void> {
        if (session.object<config::InterfaceConfig>().name.type != config::InterfaceType::tunnel) {
            return failure("NHRP runs on Tunnel interfaces");
        }
        return apply(session, args);
    };
    row.context = "interface Tunnel0";
    return row;
}

Row nhrp_authentication_row() {
    Row row{.mode = Mode::interface,
            .pattern = "ip nhrp authentication <text:WORD>",
            .help = "Authentication string|text: NHRP authentication string (1 to 8 characters)"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        const auto text = args.negated() ? "" : args.text("text");
        if (text.size() > 8) {
            return failure("NHRP authentication string: at most 8 characters");
        }
        session.object<NhrpConfig>().authentication = text;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& text = out.object<NhrpConfig>().authentication;
        if (!text.empty()) {
            out.line("ip nhrp authentication {}", quoted(text));
        }
    };
    row.examples = {"ip nhrp authentication cisco123"};
    return nhrp(std::move(row));
}

Row multicast_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "ip nhrp map multicast { dynamic | <nbma:A.B.C.D> }",
        .help =
            "Use this NBMA mapping for all broadcasts/multicasts|dynamic: Dynamically learn "
            "destinations from client registrations on hub|nbma: IP NBMA address|map: Map dest IP "
            "addresses to NBMA addresses"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& config = session.object<NhrpConfig>();
        if (args.has("dynamic")) {
            config.multicast_dynamic = !args.negated();
            return done();
        }
        if (args.negated() && !args.has("nbma")) {
            config.multicast_maps.clear();
            config.multicast_dynamic = false;
            return done();
        }
        std::erase(config.multicast_maps, args.address("nbma"));
        if (!args.negated()) {
            config.multicast_maps.push_back(args.address("nbma"));
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& config = out.object<NhrpConfig>();
        if (config.multicast_dynamic) {
            out.line("ip nhrp map multicast dynamic");
        }
        for (const auto& nbma : config.multicast_maps) {
            out.line("ip nhrp map multicast {}", nbma.to_string());
        }
    };
    row.examples = {"ip nhrp map multicast dynamic", "ip nhrp map multicast 209.168.202.225"};
    return nhrp(std::move(row));
}

Row nhrp_map_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "ip nhrp map <address:A.B.C.D> [ <mask:mask> ] <nbma:A.B.C.D>",
        .help =
            "Map dest IP addresses to NBMA addresses|address: IP address of destination|mask: IP "
            "network mask of destination|nbma: IP NBMA address"};
    row.no = "ip nhrp map <address:A.B.C.D> [ <mask:mask> ] [ <nbma:A.B.C.D> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& maps = session.object<NhrpConfig>().maps;
        NhrpStaticMap map;
        map.protocol_address = args.address("address");
        map.nbma_address = args.address("nbma");
        if (args.has("mask")) {
            map.length = *length_of_mask(args.address("mask"));
        }
        const auto same = [&map](const NhrpStaticMap& other) {
            return other.protocol_address == map.protocol_address && other.length == map.length;
        };
        auto found = std::find_if(maps.begin(), maps.end(), same);
        if (args.negated()) {
            std::erase_if(maps, same);
        } else if (found != maps.end()) {
            *found = map;
        } else if (maps.size() >= 4096) {
            return failure("NHRP static mappings: limit of 4096");
        } else {
            maps.push_back(map);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& map : out.object<NhrpConfig>().maps) {
            const auto mask = map.length == 32 ? "" : " " + mask_of(map.length).to_string();
            out.line("ip nhrp map {}{} {}",
                     map.protocol_address.to_string(),
                     mask,
                     map.nbma_address.to_string());
        }
    };
    row.examples = {"ip nhrp map 192.168.1.1 209.168.202.225",
                    "ip nhrp map 10.9.0.0 255.255.0.0 209.168.202.225"};
    return nhrp(std::move(row));
}

Row nhrp_server_row() {
    Row row{
        .mode = Mode::interface,
        .pattern =
            "ip nhrp nhs <address:A.B.C.D> [ nbma <hub:A.B.C.D> [ multicast ] ] [ priority "
            "<level:0-255> ] [ cluster <number:0-10> ]",
        .help =
            "Specify a next hop server|address: IP address of next hop server|nbma: NBMA address "
            "of the NHS|multicast: Use the NBMA address for multicast|priority: NHS "
            "priority|cluster: "
            "NHS cluster number"};
    row.no = "ip nhrp nhs <address:A.B.C.D> [ <rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& servers = session.object<NhrpConfig>().servers;
        NhrpServer server;
        server.protocol_address = args.address("address");
        if (args.has("nbma")) {
            server.nbma_address = args.address("hub");
        }
        server.multicast = args.has("multicast");
        server.priority = static_cast<std::uint8_t>(args.number("level"));
        server.cluster = static_cast<std::uint8_t>(args.number("number"));
        const auto same = [&server](const NhrpServer& other) {
            return other.protocol_address == server.protocol_address;
        };
        auto found = std::find_if(servers.begin(), servers.end(), same);
        if (args.negated()) {
            std::erase_if(servers, same);
        } else if (found != servers.end()) {
            *found = server;
        } else if (servers.size() >= 256) {
            return failure("NHRP servers: limit of 256");
        } else {
            servers.push_back(server);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& server : out.object<NhrpConfig>().servers) {
            auto line = "ip nhrp nhs " + server.protocol_address.to_string();
            if (server.nbma_address) {
                line += " nbma " + server.nbma_address->to_string();
                line += server.multicast ? " multicast" : "";
            }
            line += server.priority != 0 ? fmt::format(" priority {}", server.priority) : "";
            line += server.cluster != 0 ? fmt::format(" cluster {}", server.cluster) : "";
            out.text(line);
        }
    };
    row.examples = {"ip nhrp nhs 192.168.1.1",
                    "ip nhrp nhs 192.168.1.1 nbma 209.168.202.225 multicast priority 1 cluster 2"};
    return nhrp(std::move(row));
}

Row cluster_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "ip nhrp nhs cluster <group:0-10> max-connections <most:0-255>",
        .help =
            "Limit the servers of a cluster|cluster: NHS cluster|group: NHS cluster "
            "number|max-connections: Number of servers to be connected to|most: Number of servers"};
    row.no = "ip nhrp nhs cluster <group:0-10> [ max-connections [ <most:0-255> ] ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& limits = session.object<NhrpConfig>().cluster_max_connections;
        const auto cluster = static_cast<std::uint8_t>(args.number("group"));
        limits.erase(cluster);
        if (!args.negated()) {
            limits[cluster] = static_cast<std::uint8_t>(args.number("most"));
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [cluster, most] : out.object<NhrpConfig>().cluster_max_connections) {
            out.line("ip nhrp nhs cluster {} max-connections {}", cluster, most);
        }
    };
    row.examples = {"ip nhrp nhs cluster 1 max-connections 2"};
    return nhrp(std::move(row));
}

Row max_send_row() {
    Row row{.mode = Mode::interface,
            .pattern = "ip nhrp max-send <packets:1-65535> every <seconds:1-65535>",
            .help =
                "Rate limit NHRP traffic|packets: Number of packets|every: Per so many "
                "seconds|seconds: Seconds, a multiple of ten"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& config = session.object<NhrpConfig>();
        const NhrpConfig normal;
        if (args.negated()) {
            config.max_send = normal.max_send;
            config.max_send_every_10s = normal.max_send_every_10s;
            return done();
        }
        if (args.number("seconds") % 10 != 0) {
            return failure("Seconds must be a multiple of 10");
        }
        config.max_send = static_cast<std::uint16_t>(args.number("packets"));
        config.max_send_every_10s = static_cast<std::uint16_t>(args.number("seconds") / 10);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& config = out.object<NhrpConfig>();
        const NhrpConfig normal;
        if (config.max_send != normal.max_send ||
            config.max_send_every_10s != normal.max_send_every_10s) {
            out.line("ip nhrp max-send {} every {}",
                     config.max_send,
                     unsigned{config.max_send_every_10s} * 10);
        }
    };
    row.examples = {"ip nhrp max-send 200 every 20"};
    return nhrp(std::move(row));
}

}  // namespace

Rows nhrp_rows() {
    return {
        nhrp_authentication_row(),
        multicast_row(),
        nhrp_map_row(),
        nhrp(examples({"ip nhrp network-id 1"},
                      number_row(Mode::interface,
                                 "ip nhrp network-id",
                                 "1-4294967295",
                                 &NhrpConfig::network_id,
                                 "NBMA network identifier|value: Network identifier"))),
        nhrp(examples({"ip nhrp holdtime 600"},
                      number_row(Mode::interface,
                                 "ip nhrp holdtime",
                                 "1-65535",
                                 &NhrpConfig::holdtime_s,
                                 "Advertised holdtime|value: Number of seconds"))),
        nhrp_server_row(),
        cluster_row(),
        nhrp(examples(
            {"ip nhrp nhs fallback 60"},
            number_row(Mode::interface,
                       "ip nhrp nhs fallback",
                       "0-60",
                       &NhrpConfig::fallback_s,
                       "Time until a better server that came back is used|value: Seconds"))),
        max_send_row(),
        nhrp(examples(
            {"ip nhrp registration timeout 60"},
            number_row(Mode::interface,
                       "ip nhrp registration timeout",
                       "1-65535",
                       &NhrpConfig::registration_timeout_s,
                       "Registration timeout|value: Number of seconds|registration: Settings "
                       "for registration requests"))),
        nhrp(flag_row(Mode::interface,
                      "ip nhrp registration no-unique",
                      &NhrpConfig::registration_no_unique,
                      "Don't set unique flag")),
        nhrp(flag_row(Mode::interface,
                      "ip nhrp server-only",
                      &NhrpConfig::server_only,
                      "Disable NHRP requests")),
        nhrp(flag_row(
            Mode::interface, "ip nhrp record", &NhrpConfig::record, "Allow NHRP record option")),
        nhrp(flag_row(Mode::interface,
                      "ip nhrp shortcut",
                      &NhrpConfig::shortcut,
                      "Enable shortcut switching")),
        nhrp(flag_row(Mode::interface,
                      "ip nhrp redirect",
                      &NhrpConfig::redirect,
                      "Enable NHRP redirect traffic indication")),
    };
}

}  // namespace viaduct::ios
