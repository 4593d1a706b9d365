// EIGRP's vector metric, its composite value, and how the two formats of the wire convert.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace viaduct::eigrp {

/// K1 … K6 (RFC 7868, 5.5). Two routers become neighbours only if theirs are the same.
using KValues = std::array<std::uint8_t, 6>;
inline constexpr KValues kDefaultK{1, 0, 1, 0, 0, 0};
/// What a goodbye hello carries: K1 … K5 255, K6 0.
inline constexpr KValues kGoodbyeK{255, 255, 255, 255, 255, 0};

inline constexpr std::uint64_t kUnreachableDelay = ~std::uint64_t{0};
/// RFC 7868, 5.6.2.2: EIGRP_MAX_HOPS.
inline constexpr std::uint8_t kMaximumHops = 100;

/// A vector of the path from a router to a destination. Held in the wide format's units, so that
/// classic values (39.0625 ns a unit of delay) and wide ones live in one table.
struct Metric {
    std::uint64_t delay_ps = kUnreachableDelay;
    std::uint32_t bandwidth_kbps = 0;
    std::uint32_t mtu = 0;  // 24 bits on the wire
    std::uint8_t hops = 0;
    std::uint8_t reliability = 255;  // 255: 100 %
    std::uint8_t load = 1;  // 255: 100 %

    [[nodiscard]] bool reachable() const { return delay_ps != kUnreachableDelay; }

    bool operator==(const Metric&) const = default;
};

/// The classic wire's values: delay and bandwidth times 256. 0xFFFFFFFF is "unreachable".
inline constexpr std::uint32_t kClassicUnreachable = 0xFFFFFFFFU;
/// Rounds up, so that what a neighbour hears is never better than what we compare with.
std::uint32_t classic_delay(std::uint64_t delay_ps);
std::uint64_t delay_from_classic(std::uint32_t scaled);
/// RFC 7868, 5.6.1.1: "When converting the real bandwidth to the composite bandwidth, truncate before
/// applying the scaling factor. When converting the composite bandwidth to the real bandwidth, apply
/// the scaling factor before the division and only then truncate."
std::uint32_t classic_bandwidth(std::uint32_t kbps);
std::uint32_t bandwidth_from_classic(std::uint32_t scaled);

/// Tens of microseconds (the unit of `delay` on an interface) in picoseconds.
constexpr std::uint64_t delay_from_10us(std::uint32_t tens) {
    return std::uint64_t{tens} * 10'000'000U;
}

/// `path` seen over an interface with `link`'s bandwidth, delay, MTU, reliability and load.
Metric extend(const Metric& path, const Metric& link);

/// A distance that DUAL compares: the composite metric; bit 63 set for an external route, because
/// "Internal routes MUST be preferred over external routes independent of the metric" (RFC 7868,
/// 5.4.1). Adding a link never clears the bit, so the order stays one that DUAL may use.
using Distance = std::uint64_t;
inline constexpr Distance kInfinity = ~Distance{0};
inline constexpr Distance kExternalBit = Distance{1} << 63U;

enum class MetricStyle : std::uint8_t { classic, wide };

/// RFC 7868, 5.6.1.1 and 5.6.2.5, without the external bit. kInfinity if unreachable, and in the
/// classic style from 0xFFFFFFFF on.
Distance composite(const Metric& m, const KValues& k, MetricStyle style);

inline Distance distance_of(const Metric& m, bool external, const KValues& k, MetricStyle style) {
    const auto d = composite(m, k, style);
    return d == kInfinity || !external ? d : d | kExternalBit;
}

/// As `show ip eigrp topology` and the routing table say it: 4294967295 for infinity.
constexpr std::uint64_t shown(Distance d) {
    return d == kInfinity ? 0xFFFFFFFFU : d & ~kExternalBit;
}

}  // namespace viaduct::eigrp
