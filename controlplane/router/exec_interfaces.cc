// show interfaces, show ip interface, show controllers, clear counters.
#include <algorithm>
#include <fmt/format.h>

#include "config/ios/text.h"
#include "controlplane/router/core.h"

namespace viaduct {

namespace {

using ios::Args;
using ios::ExecContext;

const char* admin_word(const InterfaceStatus& status) {
    if (!status.admin_up) {
        return "administratively down";
    }
    return status.line_up || status.has_port || !status.name.is_ethernet() ? "up" : "down";
}

const char* line_word(const InterfaceStatus& status) {
    return status.line_up ? "up" : "down";
}

const char* hardware_of(const InterfaceStatus& status) {
    switch (status.name.type) {
    case config::InterfaceType::loopback:
        return "Loopback";
    case config::InterfaceType::tunnel:
        return "Tunnel";
    case config::InterfaceType::ethernet:
        return "Ethernet";
    case config::InterfaceType::fast_ethernet:
        return "FastEthernet";
    case config::InterfaceType::gigabit_ethernet:
        return "GigabitEthernet";
    case config::InterfaceType::ten_gigabit_ethernet:
        return "TenGigabitEthernet";
    case config::InterfaceType::bri:
    case config::InterfaceType::atm:
    case config::InterfaceType::serial:
    case config::InterfaceType::async:
    case config::InterfaceType::null:
        return "not present on a virtual router";
    }
    return "";
}

void tunnel_lines(const RouterCore& router,
                  const InterfaceStatus& status,
                  const config::InterfaceConfig& config,
                  std::string& out) {
    const auto& tunnel = config.tunnel;
    out += config.keepalive_period_s ? fmt::format("  Keepalive set ({} sec), retries {}\n",
                                                   *config.keepalive_period_s,
                                                   config.keepalive_retries)
                                     : std::string("  Keepalive not set\n");
    const auto source =
        status.tunnel_source ? status.tunnel_source->to_string() : std::string("UNKNOWN");
    out += fmt::format("  Tunnel source {}", source);
    if (tunnel.source_interface) {
        out += fmt::format(" ({})", tunnel.source_interface->to_string());
    }
    out += tunnel.destination ? fmt::format(", destination {}\n", tunnel.destination->to_string())
                              : std::string(", destination UNKNOWN\n");
    const bool multipoint = tunnel.mode == config::TunnelMode::gre_multipoint;
    out += fmt::format("  Tunnel protocol/transport {}, ", multipoint ? "multi-GRE/IP" : "GRE/IP");
    out += tunnel.key ? fmt::format("key 0x{:X}, ", *tunnel.key) : std::string("key disabled, ");
    out += fmt::format("sequencing {}\n", tunnel.sequence_datagrams ? "enabled" : "disabled");
    if (tunnel.ttl) {
        out += fmt::format("  Tunnel TTL {}\n", *tunnel.ttl);
    }
    out += fmt::format("  Checksumming of packets {}\n", tunnel.checksum ? "enabled" : "disabled");
    if (!tunnel.protection_profile.empty()) {
        const bool known = router.model.crypto.ipsec_profiles.contains(tunnel.protection_profile);
        out += fmt::format("  Tunnel protection via IPSec (profile \"{}\"{})\n",
                           tunnel.protection_profile,
                           known ? "" : ", which is not defined: nothing passes");
    }
}

void counter_lines(const dataplane::InterfaceCounters& c, std::string& out) {
    out += fmt::format("     {} packets input, {} bytes\n", c.in_packets, c.in_bytes);
    out +=
        fmt::format("     Received {} multicasts, {} input drops\n", c.in_multicasts, c.in_drops);
    out += fmt::format("     {} packets output, {} bytes\n", c.out_packets, c.out_bytes);
    out += fmt::format("     {} output drops\n", c.out_drops);
}

void show_interface(const RouterCore& router,
                    const InterfaceStatus& status,
                    const ExecContext& context) {
    auto& out = context.out;
    const auto* config = router.settings(status.index);
    out += fmt::format("{} is {}, line protocol is {}\n",
                       status.name.to_string(),
                       admin_word(status),
                       line_word(status));
    if (config == nullptr) {
        return;
    }
    out += fmt::format("  Hardware is {}", hardware_of(status));
    if (status.name.is_ethernet()) {
        out += fmt::format(" ({}), address is {} (bia {})",
                           status.has_port ? status.driver : "no port",
                           status.mac.to_string(),
                           status.port_mac.to_string());
    }
    out += '\n';
    if (!config->description.empty()) {
        out += fmt::format("  Description: {}\n", config->description);
    }
    for (std::size_t i = 0; i < status.addresses.size(); ++i) {
        out += fmt::format("  {} is {}/{}\n",
                           i == 0 ? "Internet address" : "Secondary address",
                           status.addresses[i].address.to_string(),
                           status.addresses[i].length);
    }
    out += fmt::format("  MTU {} bytes, BW {} Kbit, DLY {} usec,\n",
                       medium_mtu(*config, status),
                       bandwidth_kbps(*config),
                       std::uint64_t{delay_10us(*config)} * 10);
    out += "     reliability 255/255, txload 1/255, rxload 1/255\n";
    out += fmt::format("  Encapsulation {}, loopback not set\n",
                       config->name.type == config::InterfaceType::tunnel     ? "TUNNEL"
                       : config->name.type == config::InterfaceType::loopback ? "LOOPBACK"
                                                                              : "ARPA");
    if (config->name.type == config::InterfaceType::tunnel) {
        tunnel_lines(router, status, *config, out);
    }
    out += fmt::format("  Last state change {} ago, {} flaps\n",
                       ios::clock_text(context.now - status.changed),
                       status.flaps);
    counter_lines(router.counters_since_clear(status.index), out);
}

/// Those that a command names: all, or one.
std::vector<const InterfaceStatus*> wanted(const RouterCore& router, const Args& args) {
    std::vector<const InterfaceStatus*> out;
    const auto one = args.interface("interface");
    for (const auto& [name, index] : router.indices) {
        if (!one || name == *one) {
            out.push_back(&router.interfaces.at(index));
        }
    }
    return out;
}

void show_json(const RouterCore& router, std::string& out) {
    out += "{\"interfaces\":[";
    const char* comma = "";
    for (const auto& [name, index] : router.indices) {
        const auto& status = router.interfaces.at(index);
        const auto c = router.counters_since_clear(index);
        out += fmt::format(
            "{}{{\"name\":\"{}\",\"admin_up\":{},\"line_up\":{},\"in_packets\":{},\"in_bytes\":{},"
            "\"out_packets\":{},\"out_bytes\":{},\"in_drops\":{},\"out_drops\":{}}}",
            comma,
            name.to_string(),
            status.admin_up,
            status.line_up,
            c.in_packets,
            c.in_bytes,
            c.out_packets,
            c.out_bytes,
            c.in_drops,
            c.out_drops);
        comma = ",";
    }
    out += "],\"drops\":{";
    comma = "";
    for (const auto& drop : router.plane.drop_counters()) {
        out += fmt::format("{}\"{}\":{}", comma, drop.reason, drop.packets);
        comma = ",";
    }
    out += "}}\n";
}

void show_ip_interface(const RouterCore& router, const InterfaceStatus& status, std::string& out) {
    const auto* config = router.settings(status.index);
    out += fmt::format("{} is {}, line protocol is {}\n",
                       status.name.to_string(),
                       admin_word(status),
                       line_word(status));
    if (config == nullptr || status.addresses.empty()) {
        out += "  Internet protocol processing disabled\n";
        return;
    }
    out += fmt::format("  Internet address is {}/{}\n",
                       status.addresses[0].address.to_string(),
                       status.addresses[0].length);
    out += "  Broadcast address is 255.255.255.255\n";
    // IOS: as document 004 shows it (row P4).
    out += config->address_source == config::AddressSource::dhcp
               ? "  Address determined by DHCP\n"
               : "  Address determined by setup command\n";
    const auto ip_mtu = std::find_if(router.published_interfaces.begin(),
                                     router.published_interfaces.end(),
                                     [&](const auto& i) { return i.index == status.index; });
    if (ip_mtu != router.published_interfaces.end()) {
        out += fmt::format("  MTU is {} bytes\n", ip_mtu->ip_mtu);
    }
    out +=
        config->helper_addresses.empty()
            ? std::string("  Helper address is not set\n")
            : fmt::format("  Helper address is {}\n", config->helper_addresses.front().to_string());
    out += "  Directed broadcast forwarding is disabled\n";
    const auto list = [](const std::string& name) {
        return name.empty() ? std::string("not set") : name;
    };
    out += fmt::format("  Outgoing access list is {}\n", list(config->access_group_out));
    out += fmt::format("  Inbound  access list is {}\n", list(config->access_group_in));
    out += fmt::format("  Proxy ARP is {}\n", config->ip_proxy_arp ? "enabled" : "disabled");
    out += fmt::format("  ICMP redirects are {} sent\n", config->ip_redirects ? "always" : "never");
    out += fmt::format("  ICMP unreachables are {} sent\n",
                       config->ip_unreachables ? "always" : "never");
    if (!config->crypto_map.empty()) {
        out += fmt::format("  Crypto map is {}\n", config->crypto_map);
    }
}

void show_brief(const RouterCore& router, const Args& args, std::string& out) {
    out += fmt::format("{:<27}{:<16}{:<4}{:<7}{:<22}{}\n",
                       "Interface",
                       "IP-Address",
                       "OK?",
                       "Method",
                       "Status",
                       "Protocol");
    for (const auto* status : wanted(router, args)) {
        const auto* config = router.settings(status->index);
        const char* method = "unset";
        if (config != nullptr && config->address_source == config::AddressSource::dhcp) {
            method = "DHCP";
        } else if (config != nullptr && config->address_source != config::AddressSource::none) {
            method = "NVRAM";
        }
        out += fmt::format("{:<27}{:<16}{:<4}{:<7}{:<22}{}\n",
                           status->name.to_string(),
                           status->primary() ? status->primary()->to_string() : "unassigned",
                           "YES",
                           method,
                           admin_word(*status),
                           line_word(*status));
    }
}

void show_controllers(const RouterCore& router, std::string& out) {
    out += fmt::format("Cipher code path: {}\n", router.plane.cipher_path());
    out += fmt::format("{:<20}{:>16}{:>14}{:>12}{:>14}\n",
                       "Stage",
                       "Packets",
                       "Vectors",
                       "Pkts/vector",
                       "Cycles/packet");
    for (const auto& stage : router.plane.stage_counters()) {
        const auto per = [](std::uint64_t a, std::uint64_t b) {
            return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
        };
        out += fmt::format("{:<20}{:>16}{:>14}{:>12.1f}{:>14.1f}\n",
                           stage.stage,
                           stage.packets,
                           stage.vectors,
                           per(stage.packets, stage.vectors),
                           per(stage.cycles, stage.packets));
    }
    out += "Dropped packets by reason:\n";
    for (const auto& drop : router.plane.drop_counters()) {
        if (drop.packets != 0) {
            out += fmt::format("  {:<40}{:>16}\n", drop.reason, drop.packets);
        }
    }
}

}  // namespace

dataplane::InterfaceCounters RouterCore::counters_since_clear(IfIndex index) const {
    auto counters = plane.interface_counters(index);
    if (const auto base = cleared.find(index); base != cleared.end()) {
        const auto& b = base->second;
        counters.in_packets -= b.in_packets;
        counters.in_bytes -= b.in_bytes;
        counters.out_packets -= b.out_packets;
        counters.out_bytes -= b.out_bytes;
        counters.in_drops -= b.in_drops;
        counters.out_drops -= b.out_drops;
        counters.in_multicasts -= b.in_multicasts;
    }
    return counters;
}

ios::ExecRows interface_rows(RouterCore& router) {
    ios::ExecRows rows;
    rows.push_back(
        {"show interfaces [ <interface:interface> ]",
         {{"show", "Show running system information"},
          {"interfaces", "Interface status and configuration"},
          {"interface", "Interface"}},
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             for (const auto* status : wanted(router, args)) {
                 show_interface(router, *status, context);
             }
             return nullptr;
         }});
    rows.push_back(
        {"show interfaces json",
         {{"json", "Counters as JSON, for scripts"}},
         1,
         [&router](ExecContext& context, const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
             show_json(router, context.out);
             return nullptr;
         }});
    rows.push_back(
        {"show ip interface [ <interface:interface> ]",
         {{"ip", "IP information"}, {"interface", "IP interface status and configuration"}},
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             for (const auto* status : wanted(router, args)) {
                 show_ip_interface(router, *status, context.out);
             }
             return nullptr;
         }});
    rows.push_back(
        {"show ip interface brief [ <interface:interface> ]",
         {{"brief", "Brief summary of IP status and configuration"}},
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             show_brief(router, args, context.out);
             return nullptr;
         }});
    rows.push_back(
        {"show controllers",
         {{"controllers", "Stages of the dataplane: packets, cycles, drops"}},
         1,
         [&router](ExecContext& context, const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
             show_controllers(router, context.out);
             return nullptr;
         }});
    rows.push_back(
        {"clear counters [ <interface:interface> ]",
         {{"clear", "Reset functions"}, {"counters", "Clear counters on one or all interfaces"}},
         15,
         [&router](ExecContext& /*context*/, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             for (const auto* status : wanted(router, args)) {
                 router.cleared[status->index] = router.plane.interface_counters(status->index);
             }
             if (!args.interface("interface")) {
                 router.plane.clear_counters();
             }
             return nullptr;
         }});
    return rows;
}

}  // namespace viaduct
