#include "controlplane/eigrp/metric.h"

namespace viaduct::eigrp {

namespace {

constexpr std::uint64_t kBandwidthScale = 10'000'000;
constexpr std::uint64_t kWideScale = 65536;
__extension__ using Wide = unsigned __int128;

Distance classic_composite(const Metric& m, const KValues& k) {
    const std::uint64_t bw = classic_bandwidth(m.bandwidth_kbps);
    std::uint64_t value =
        k[0] * bw + k[1] * bw / (256U - m.load) + std::uint64_t{k[2]} * classic_delay(m.delay_ps);
    if (k[4] != 0) {
        value = value * k[4] / std::max<std::uint64_t>(1, std::uint64_t{m.reliability} + k[3]);
    }
    return value >= kClassicUnreachable ? kInfinity : std::max<Distance>(value, 1);
}

Distance wide_composite(const Metric& m, const KValues& k) {
    const Wide throughput =
        Wide{kBandwidthScale} * kWideScale / std::max<std::uint32_t>(1, m.bandwidth_kbps);
    const Wide latency = Wide{m.delay_ps} * kWideScale / 1'000'000U;
    Wide value = k[0] * throughput + k[1] * throughput / (256U - m.load) + k[2] * latency;
    if (k[4] != 0) {
        value = value * k[4] / std::max<unsigned>(1, unsigned{m.reliability} + k[3]);
    }
    const Wide limit = Wide{1} << 62U;
    return value >= limit ? kInfinity : std::max<Distance>(static_cast<Distance>(value), 1);
}

}  // namespace

std::uint32_t classic_delay(std::uint64_t delay_ps) {
    if (delay_ps >= delay_from_classic(kClassicUnreachable)) {
        return kClassicUnreachable;
    }
    // One unit is 10 us / 256 = 78125 / 2 ps.
    return static_cast<std::uint32_t>((delay_ps * 2U + 78124U) / 78125U);
}

std::uint64_t delay_from_classic(std::uint32_t scaled) {
    return std::uint64_t{scaled} * 78125U / 2U;
}

std::uint32_t classic_bandwidth(std::uint32_t kbps) {
    return static_cast<std::uint32_t>(kBandwidthScale / std::max<std::uint32_t>(1, kbps) * 256U);
}

std::uint32_t bandwidth_from_classic(std::uint32_t scaled) {
    return scaled == 0 ? 0xFFFFFFFFU : static_cast<std::uint32_t>(kBandwidthScale * 256U / scaled);
}

Metric extend(const Metric& path, const Metric& link) {
    Metric out = path;
    if (!path.reachable()) {
        return out;
    }
    const auto sum = path.delay_ps + link.delay_ps;
    out.delay_ps = sum < path.delay_ps ? kUnreachableDelay : sum;
    out.bandwidth_kbps = std::min(path.bandwidth_kbps, link.bandwidth_kbps);
    out.mtu = std::min(path.mtu, link.mtu);
    out.reliability = std::min(path.reliability, link.reliability);
    out.load = std::max(path.load, link.load);
    if (path.hops >= kMaximumHops) {
        out.delay_ps = kUnreachableDelay;
    } else {
        ++out.hops;
    }
    return out;
}

Distance composite(const Metric& m, const KValues& k, MetricStyle style) {
    if (!m.reachable()) {
        return kInfinity;
    }
    return style == MetricStyle::classic ? classic_composite(m, k) : wide_composite(m, k);
}

}  // namespace viaduct::eigrp
