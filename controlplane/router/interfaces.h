// The interfaces of one router at run time: indices, ports, addresses in force, line protocol.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/model/running_config.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/strong.h"

namespace viaduct {

/// What an interface is now, as opposed to what is configured (config::InterfaceConfig).
struct InterfaceStatus {
    IfIndex index;
    config::InterfaceName name;
    bool has_port = false;
    std::string driver;
    MacAddress port_mac;
    MacAddress mac;
    std::uint16_t port_mtu = 1500;
    bool port_link = false;
    bool admin_up = false;
    bool line_up = false;
    std::vector<config::InterfaceAddress> addresses;  // in force, primary first
    TimePoint changed{};
    // Tunnels:
    std::optional<Ipv4Address> tunnel_source;
    /// Nothing but unanswered keepalives holds the line protocol down: packets may still come in.
    bool held_down = false;
    std::uint32_t flaps = 0;

    [[nodiscard]] std::optional<Ipv4Address> primary() const {
        return addresses.empty() ? std::nullopt : std::optional(addresses.front().address);
    }
};

/// Values of IOS where the configuration is silent.
std::uint32_t bandwidth_kbps(const config::InterfaceConfig& interface);
std::uint32_t delay_10us(const config::InterfaceConfig& interface);
/// The largest layer-3 packet that the medium carries.
std::uint16_t medium_mtu(const config::InterfaceConfig& interface, const InterfaceStatus& status);

}  // namespace viaduct
