// Address translation: a router with port translation, a static and sessions of FTP, UDP and ping is handed packets of any
// bytes from both sides. Nothing crashes, every buffer comes back, and no packet leaves outside with an inside source.
//
// Input: one byte that chooses the side and what stands before the bytes (nothing: an IP packet whose header is made
// right; the control connection of FTP; an ICMP error's header), then the bytes.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "dataplane/base/checksum.h"
#include "dataplane/packet.h"
#include "dataplane/plane.h"
#include "dataplane/ports/memory_port.h"
#include "tests/fuzz/plane_harness.h"

using namespace viaduct;
using namespace viaduct::dataplane;

namespace {

constexpr IfIndex kInside{1};
constexpr IfIndex kOutside{2};
const Ipv4Address kHost{10, 1, 0, 2};
const Ipv4Address kGlobal{192, 0, 2, 1};
const Ipv4Address kServer{203, 0, 113, 9};

Bytes packet(Ipv4Address from, Ipv4Address to, std::uint8_t protocol, BytesView payload) {
    ByteWriter w;
    w.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(20 + payload.size())).u32(0).u8(64);
    w.u8(protocol).u16(0).address(from).address(to);
    w.patch_u16(10, internet_checksum(w.view()));
    w.bytes(payload);
    return w.take();
}

Bytes tcp(std::uint16_t from, std::uint16_t to, std::uint8_t flags, BytesView payload) {
    ByteWriter w;
    w.u16(from).u16(to).u32(1000).u32(2000).u8(0x50).u8(flags).u16(8192).u32(0).bytes(payload);
    return w.take();
}

struct Router {
    Router() {
        std::vector<Interface> interfaces;
        for (const auto index : {kInside, kOutside}) {
            const auto number = static_cast<std::uint8_t>(index.value());
            auto port = std::make_unique<MemoryPort>(mac(number), 1514);
            (index == kInside ? inside : outside) = port.get();
            plane.attach_port(index, std::move(port));
            Interface i;
            i.index = index;
            i.up = true;
            i.mac = mac(number);
            i.nat_side = number;
            interfaces.push_back(i);
        }
        plane.publish_interfaces(interfaces);
        NextHop n;
        n.kind = NextHop::Kind::local;
        plane.set_route(Ipv4Prefix{kGlobal, 32}, plane.add_next_hop(n));
        n.kind = NextHop::Kind::ethernet;
        n.mac = mac(9);
        n.interface = kInside;
        plane.set_route(Ipv4Prefix{kHost, 16}, plane.add_next_hop(n));
        n.interface = kOutside;
        plane.set_route(Ipv4Prefix{}, plane.add_next_hop(n));
        plane.commit_routes();
        AclRule permit;
        permit.permit = true;
        plane.publish_acl(AclId{1}, std::vector{permit});
        NatPolicy policy;
        policy.dynamics = {
            {.id = 1, .match = AclId{1}, .range = {kGlobal, kGlobal}, .overload = true}};
        policy.statics = {{.id = 2,
                           .protocol = kProtoTcp,
                           .local = Ipv4Address{10, 1, 0, 3},
                           .local_port = 21,
                           .global = kGlobal,
                           .global_port = 21}};
        plane.publish_nat(policy);
    }

    void deliver(bool from_outside, BytesView ip) {
        ByteWriter w;
        w.bytes(mac(from_outside ? 2 : 1).octets()).bytes(mac(77).octets()).u16(0x0800).bytes(ip);
        (void)(from_outside ? outside : inside)->deliver(w.view());
        for (int turn = 0; turn < 50 && plane.run_once(0, now) != 0; ++turn) {
        }
    }

    Plane plane{small_plane()};
    MemoryPort* inside = nullptr;
    MemoryPort* outside = nullptr;
    TimePoint now{Duration{1'000'000'000}};
};

/// An address behind us outside.
bool leaks(const Bytes& frame) {
    return frame.size() >= 34 && frame[12] == 8 && frame[13] == 0 && frame[26] == 10 &&
           frame[27] == 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Router router;
    if (size < 1 || size > 1400) {
        return 0;
    }
    const BytesView rest(data + 1, size - 1);
    const bool from_outside = (data[0] & 1U) != 0;
    constexpr std::uint8_t kSyn = 2;
    constexpr std::uint8_t kAck = 16;
    router.deliver(false, packet(kHost, kServer, 6, tcp(40000, 21, kSyn, {})));
    router.deliver(true, packet(kServer, kGlobal, 6, tcp(50000, 21, kSyn, {})));
    switch (data[0] >> 1U & 3U) {
    case 0:
        router.deliver(from_outside, mended(rest));
        break;
    case 1:
        router.deliver(false, packet(kHost, kServer, 6, tcp(40000, 21, kAck, rest)));
        router.deliver(true, packet(kServer, kGlobal, 6, tcp(21, 40000, kAck, rest)));
        break;
    case 2:
        router.deliver(false,
                       packet(Ipv4Address{10, 1, 0, 3}, kServer, 6, tcp(21, 50000, kAck, rest)));
        break;
    default: {
        ByteWriter error;
        error.u8(11).u8(0).u16(0).u32(0).bytes(rest);
        router.deliver(from_outside,
                       from_outside ? packet(kServer, kGlobal, 1, error.view())
                                    : packet(kHost, kServer, 1, error.view()));
        break;
    }
    }
    router.now += Duration{(data[0] & 0x80U) != 0 ? 70'000'000'000 : 1'000'000};
    (void)router.plane.take_punts(1000);
    (void)router.inside->take_transmitted_bytes();
    // Who is outside may write any source.
    const bool from_anyone = from_outside && (data[0] >> 1U & 3U) == 0;
    for (const auto& frame : router.outside->take_transmitted_bytes()) {
        if (!from_anyone && leaks(frame)) {
            std::abort();
        }
    }
    if (buffers_in_use() > 4096 || router.plane.nat_statistics().extended > 256) {
        std::abort();
    }
    return 0;
}
