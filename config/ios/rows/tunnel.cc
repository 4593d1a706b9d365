// `tunnel …` lines of a tunnel interface.
#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::InterfaceConfig;
using config::TunnelConfig;
using config::TunnelMode;

constexpr std::string_view kContext = "interface Tunnel0";

/// These lines belong to tunnel interfaces alone.
Row tunnel(Row row) {
    row.apply = [apply = std::move(row.apply)](ConfigSession& session,
                                               const Args& args) -> Result<void> {
        if (session.object<InterfaceConfig>().name.type != config::InterfaceType::tunnel) {
            return failure("This line belongs to a Tunnel interface");
        }
        return apply(session, args);
    };
    row.context = kContext;
    return row;
}

Row tunnel_source_row() {
    Row row{.mode = Mode::interface,
            .pattern = "tunnel source { <address:A.B.C.D> | <interface:interface> }",
            .help = "source of tunnel packets|address: IP address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& tunnel = session.object<TunnelConfig>();
        if (!args.negated() &&
            args.interface("interface") == session.object<InterfaceConfig>().name) {
            return failure("A tunnel cannot be its own source");
        }
        tunnel.source_address.reset();
        tunnel.source_interface.reset();
        if (!args.negated() && args.has("address")) {
            tunnel.source_address = args.address("address");
        } else if (!args.negated()) {
            tunnel.source_interface = args.interface("interface");
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& tunnel = out.object<TunnelConfig>();
        if (tunnel.source_address) {
            out.line("tunnel source {}", tunnel.source_address->to_string());
        } else if (tunnel.source_interface) {
            out.line("tunnel source {}", tunnel.source_interface->to_string());
        }
    };
    row.examples = {"tunnel source FastEthernet0/0", "tunnel source 10.0.0.1"};
    return tunnel(std::move(row));
}

Row destination_row() {
    Row row{.mode = Mode::interface,
            .pattern = "tunnel destination <address:A.B.C.D>",
            .help = "destination of tunnel|address: IP address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& tunnel = session.object<TunnelConfig>();
        if (args.negated()) {
            tunnel.destination.reset();
            return done();
        }
        if (tunnel.mode == TunnelMode::gre_multipoint) {
            return failure("Tunnel destination cannot be configured under existing mode");
        }
        tunnel.destination = args.address("address");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& address = out.object<TunnelConfig>().destination) {
            out.line("tunnel destination {}", address->to_string());
        }
    };
    row.examples = {"tunnel destination 10.0.0.2"};
    return tunnel(std::move(row));
}

Row tunnel_mode_row() {
    Row row{.mode = Mode::interface,
            .pattern = "tunnel mode { gre { ip | multipoint } | ipsec ipv4 }",
            .help =
                "tunnel encapsulation method|gre: generic route encapsulation protocol|ip: over "
                "IP|multipoint: over IP (multipoint)|ipsec: IPSec tunnel encapsulation|ipv4: over "
                "IPv4"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& tunnel = session.object<TunnelConfig>();
        if (args.negated()) {
            tunnel.mode = TunnelConfig{}.mode;
            return done();
        }
        const auto mode = args.has("multipoint") ? TunnelMode::gre_multipoint
                          : args.has("ipsec")    ? TunnelMode::ipsec_ipv4
                                                 : TunnelMode::gre_ip;
        if (mode == TunnelMode::gre_multipoint && tunnel.destination) {
            return failure("Tunnel destination must be removed before multipoint mode");
        }
        tunnel.mode = mode;
        if (mode == TunnelMode::gre_multipoint) {
            auto& interface = session.object<InterfaceConfig>();
            interface.keepalive_period_s.reset();
            interface.keepalive_retries = InterfaceConfig{}.keepalive_retries;
        }
        return done();
    };
    row.write = [](Writer& out) {
        switch (out.object<TunnelConfig>().mode) {
        case TunnelMode::gre_ip:
            return;
        case TunnelMode::gre_multipoint:
            return out.line("tunnel mode gre multipoint");
        case TunnelMode::ipsec_ipv4:
            return out.line("tunnel mode ipsec ipv4");
        }
    };
    row.examples = {"tunnel mode gre multipoint", "tunnel mode ipsec ipv4", "tunnel mode gre ip"};
    return tunnel(std::move(row));
}

Row protection_row() {
    Row row{
        .mode = Mode::interface,
        .pattern = "tunnel protection ipsec profile <name:WORD> [ shared ]",
        .help =
            "Enable tunnel protection|ipsec: Use IPSec to protect this tunnel interface|profile: "
            "Use a IPSec profile|shared: Use a shared socket"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& tunnel = session.object<TunnelConfig>();
        tunnel.protection_profile = args.negated() ? "" : args.text("name");
        tunnel.protection_shared = !args.negated() && args.has("shared");
        return done();
    };
    row.no = "tunnel protection [ ipsec profile [ <name:WORD> [ shared ] ] ]";
    row.write = [](Writer& out) {
        const auto& tunnel = out.object<TunnelConfig>();
        if (!tunnel.protection_profile.empty()) {
            out.line("tunnel protection ipsec profile {}{}",
                     quoted(tunnel.protection_profile),
                     tunnel.protection_shared ? " shared" : "");
        }
    };
    row.examples = {"tunnel protection ipsec profile cisco",
                    "tunnel protection ipsec profile cisco shared"};
    return tunnel(std::move(row));
}

}  // namespace

Rows tunnel_rows() {
    return {
        tunnel_source_row(),
        tunnel_mode_row(),
        destination_row(),
        tunnel(examples({"tunnel key 0", "tunnel key 4294967295"},
                        number_row(Mode::interface,
                                   "tunnel key",
                                   "0-4294967295",
                                   &TunnelConfig::key,
                                   "security or selector key|value: key"))),
        tunnel(flag_row(Mode::interface,
                        "tunnel checksum",
                        &TunnelConfig::checksum,
                        "enable end to end checksumming of packets")),
        tunnel(flag_row(Mode::interface,
                        "tunnel sequence-datagrams",
                        &TunnelConfig::sequence_datagrams,
                        "drop datagrams arriving out of order")),
        tunnel(examples({"tunnel ttl 64"},
                        number_row(Mode::interface,
                                   "tunnel ttl",
                                   "1-255",
                                   &TunnelConfig::ttl,
                                   "set time to live|value: ttl"))),
        tunnel(examples({"tunnel tos 192"},
                        number_row(Mode::interface,
                                   "tunnel tos",
                                   "0-255",
                                   &TunnelConfig::tos,
                                   "set type of sevice byte|value: tos"))),
        tunnel(flag_row(Mode::interface,
                        "tunnel path-mtu-discovery",
                        &TunnelConfig::path_mtu_discovery,
                        "Enable Path MTU Discovery on tunnel")),
        protection_row(),
    };
}

}  // namespace viaduct::ios
