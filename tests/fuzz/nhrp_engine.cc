// Fuzz target: the NHRP engine as a hub that is a client as well. The input is a program: packets (with
// checksum and size put right), packets to resolve and redirect, tunnels up and down, time, configuration.
#include <algorithm>

#include "controlplane/nhrp/engine.h"
#include "dataplane/base/check.h"
#include "dataplane/base/checksum.h"

namespace {

using namespace viaduct;
using namespace viaduct::nhrp;

constexpr IfIndex kTunnel{1};

class NoLog final : public LogSink {
public:
    void on_message(const LogMessage& /*message*/) override {}
};

class FixedRoutes final : public RouteLookup {
public:
    [[nodiscard]] std::optional<Route> lookup(Ipv4Address destination) const override {
        const auto top = destination.value() >> 24U;
        if (top == 10) {
            return Route{kTunnel, {}, {destination, 24}};
        }
        if (top == 20) {
            return Route{IfIndex{2}, {}, {destination, 16}};
        }
        if (top == 30) {
            return Route{kTunnel, Ipv4Address{10, 0, 0, 3}, {destination, 24}};
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string interface_name(IfIndex /*index*/) const override { return "x"; }
};

/// A few addresses that mean something, so that the fuzzer meets itself.
Ipv4Address pick(unsigned n) {
    static constexpr std::uint32_t kSome[] = {0x0A000001,
                                              0x0A000002,
                                              0x0A000003,
                                              0x0A000004,
                                              0x14000001,
                                              0x1E000001,
                                              0x01010101,
                                              0x01010102};
    return Ipv4Address{kSome[n % 8U]};
}

Interface interface(std::uint8_t bits) {
    Interface out;
    out.index = kTunnel;
    out.name = "Tunnel0";
    out.address = pick(0);
    out.nbma = Ipv4Address{9, 9, 9, 9};
    out.nhrp.network_id = 1;
    out.nhrp.redirect = (bits & 1U) != 0;
    out.nhrp.shortcut = (bits & 2U) != 0;
    out.protection = (bits & 4U) != 0;
    out.nat_extension = (bits & 8U) != 0;
    out.nhrp.multicast_dynamic = (bits & 16U) != 0;
    out.nhrp.holdtime_s = (bits & 32U) != 0 ? 5 : 600;
    if ((bits & 64U) != 0) {
        out.nhrp.servers.push_back({pick(1), pick(6), true});
    }
    if ((bits & 128U) != 0) {
        out.nhrp.maps.push_back({pick(2), 32, pick(7)});
    }
    return out;
}

Bytes repaired(BytesView bytes) {
    ByteWriter out(Bytes(bytes.begin(), bytes.end()));
    if (bytes.size() >= 20) {
        out.patch_u16(10, static_cast<std::uint16_t>(bytes.size()));
        out.patch_u16(12, 0);
        out.patch_u16(12, internet_checksum(out.view()));
    }
    return out.take();
}

void step(Engine& engine, TimePoint& now, ByteReader& input) {
    const auto op = input.u8();
    const auto high = static_cast<unsigned>(op >> 4U);
    const auto a = pick(input.u8());
    const auto b = pick(high);
    const Ipv4Address local{9, 9, 9, 9};
    switch (op & 0xFU) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: {
        const auto length = std::min<std::size_t>(input.u8(), input.remaining());
        const auto original = (op & 0xFU) > 2U ? std::optional{b} : std::nullopt;
        engine.on_packet(now, kTunnel, a, repaired(input.bytes(length)), original);
        break;
    }
    case 5:
        engine.on_resolution_needed(now, kTunnel, a, b);
        break;
    case 6: {
        ByteWriter packet;
        packet.u8(0x45).zeros(11).address(b).address(a).zeros(8);
        engine.on_redirect(now, kTunnel, kTunnel, pick(op), packet.view());
        break;
    }
    case 7:
        engine.on_tunnel_state(now,
                               local,
                               a,
                               Engine::TunnelState::up,
                               (high & 1U) != 0 ? std::optional{b} : std::nullopt);
        break;
    case 8:
        engine.on_tunnel_state(now,
                               local,
                               a,
                               Engine::TunnelState::down,
                               (high & 1U) != 0 ? std::optional{b} : std::nullopt);
        break;
    case 9:
        engine.set_used(now, kTunnel, a);
        break;
    case 10:
        engine.on_clear(now, high == 0 ? std::nullopt : std::optional{a});
        break;
    case 11:
        engine.configure(now, {interface(input.u8())});
        break;
    case 12:
        engine.configure(now, {});
        engine.configure(now, {interface(input.u8())});
        break;
    case 13:
        engine.on_routes_changed(now);
        break;
    default:
        now += 100ms * (1U << high);
        engine.on_time(now);
        break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    NoLog sink;
    Log log(sink);
    SeededRandom random(1);
    const FixedRoutes routes;
    Engine engine(random,
                  log,
                  routes,
                  {.cache_entries = 16,
                   .resolutions = 4,
                   .delayed = 4,
                   .requesters = 2,
                   .redirects = 4,
                   .sources = 4,
                   .purges = 4,
                   .adjacencies = 3,
                   .source_burst = 1000});
    TimePoint now{100s};
    ByteReader input({data, size});
    engine.configure(now, {interface(input.u8())});
    while (input.remaining() != 0) {
        step(engine, now, input);
        for (auto& action : engine.take_actions()) {
            if (const auto* sent = std::get_if<SendPacket>(&action)) {
                VIADUCT_CHECK(parse(sent->nhrp).has_value());
            }
        }
        VIADUCT_CHECK(engine.is_consistent());
    }
    return 0;
}
