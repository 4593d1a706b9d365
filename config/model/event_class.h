// Event classes of the filterable event log (N15): what a message is about, as the VPN 3000 concentrator
// sorts its log. Severities are that log's 1 … 13: 1 faults, 2–3 warnings, 4–6 information, 7–9 debugging in
// growing detail, 10–13 packets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace viaduct::config {

enum class EventClass : std::uint8_t {
    auth,
    authdbg,
    cert,
    ike,
    ikedbg,
    ikedecode,
    ipsec,
    ipsecdbg,
    kCount,
};

inline constexpr std::size_t kEventClasses = static_cast<std::size_t>(EventClass::kCount);

inline constexpr std::array<std::string_view, kEventClasses> kEventClassNames{
    "AUTH", "AUTHDBG", "CERT", "IKE", "IKEDBG", "IKEDECODE", "IPSEC", "IPSECDBG"};

/// `event class C severity-to-log N severity-to-console N`: the highest severity that is kept and shown.
struct EventClassConfig {
    /// The concentrator's default.
    std::uint8_t to_log = 5;
    /// 0: `logging console` and `debug` decide, as for every other message.
    std::uint8_t to_console = 0;

    bool operator==(const EventClassConfig&) const = default;
};

using EventConfig = std::array<EventClassConfig, kEventClasses>;

}  // namespace viaduct::config
