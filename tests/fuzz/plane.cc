// The dataplane: two gateways with a crypto map, an mGRE tunnel and access lists are handed frames of any bytes. Nothing
// crashes, every buffer comes back, and nothing of the protected flow leaves on the wire in the clear.
//
// Input: one byte that chooses where and as what it comes in (LAN, wire; a whole frame, or an IP packet that gets an
// Ethernet header and a right checksum so that it comes past the first checks; behind an ESP or GRE header), then the bytes.
#include "dataplane/plane.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "dataplane/base/checksum.h"
#include "dataplane/packet.h"
#include "dataplane/ports/memory_port.h"
#include "tests/fuzz/plane_harness.h"

using namespace viaduct;
using namespace viaduct::dataplane;

namespace {

const Bytes kAuthKey(20, 0x0b);
constexpr IfIndex kLan{1};
constexpr IfIndex kWire{2};
constexpr IfIndex kTunnel{3};

Ipv4Address ip(std::string_view text) {
    return Ipv4Address::parse(text).value();
}

Ipv4Prefix net(std::string_view text) {
    return Ipv4Prefix::parse(text).value();
}

struct Router {
    Router() {
        for (const auto index : {kLan, kWire}) {
            auto port =
                std::make_unique<MemoryPort>(mac(static_cast<std::uint8_t>(index.value())), 1514);
            (index == kLan ? lan : wire) = port.get();
            plane.attach_port(index, std::move(port));
        }
        add_interfaces();
        add_routes();
        add_sas();
    }

    void add_interfaces() {
        AclRule deny;
        deny.selector.protocol = IpProtocol{6};
        deny.selector.destination_port_first = 23;
        deny.selector.destination_port_last = 23;
        AclRule permit;
        permit.permit = true;
        plane.publish_acl(AclId{1}, std::vector{deny, permit});
        PolicyRule rule;
        rule.priority = 10;
        rule.selector.source = ip("10.1.0.0");
        rule.selector.source_mask = ip("255.255.0.0");
        rule.selector.destination = ip("10.2.0.0");
        rule.selector.destination_mask = ip("255.255.0.0");
        rule.slot = slot = plane.add_slot();
        selector = rule.selector;
        plane.publish_policy(PolicyId{1}, std::vector{rule});
        Interface a;
        a.index = kLan;
        a.up = true;
        a.mac = mac(1);
        a.acl_in = AclId{1};
        a.tcp_mss = 1360;
        Interface b = a;
        b.index = kWire;
        b.mac = mac(2);
        b.policy = PolicyId{1};
        b.ted_discover = true;
        Interface t;
        t.index = kTunnel;
        t.kind = InterfaceKind::tunnel_multipoint;
        t.up = true;
        t.mtu = 1476;
        t.ip_mtu = 1400;
        t.tunnel.source = ip("192.0.2.1");
        t.tunnel.key = 7;
        t.nhrp_network = 1;
        plane.publish_interfaces(std::vector{a, b, t});
    }

    void add_routes() {
        const auto route = [&](std::string_view prefix, const NextHop& n) {
            plane.set_route(net(prefix), plane.add_next_hop(n));
        };
        NextHop local;
        local.kind = NextHop::Kind::local;
        route("10.1.0.1/32", local);
        route("192.0.2.1/32", local);
        route("10.9.0.1/32", local);
        NextHop host;
        host.kind = NextHop::Kind::ethernet;
        host.interface = kLan;
        host.mac = mac(9);
        route("10.1.0.0/16", host);
        host.interface = kWire;
        route("0.0.0.0/0", host);
        NextHop spoke;
        spoke.kind = NextHop::Kind::tunnel;
        spoke.interface = kTunnel;
        spoke.nbma = ip("192.0.2.7");
        route("10.9.0.0/24", spoke);
        plane.commit_routes();
    }

    void add_sas() {
        const auto reserved = plane.reserve_inbound();
        SaParameters p;
        p.cipher = crypto::Cipher::null;  // so that made bytes come through to what stands behind
        p.auth = crypto::Auth::hmac_sha1_96;
        p.auth_key = Secret(kAuthKey);
        p.spi = reserved->spi;
        p.local = ip("192.0.2.1");
        p.remote = ip("192.0.2.2");
        p.replay_window = 0;
        p.interface = kWire;
        SaParameters inbound = p;
        inbound.selector.source = selector.destination;
        inbound.selector.source_mask = selector.destination_mask;
        inbound.selector.destination = selector.source;
        inbound.selector.destination_mask = selector.source_mask;
        spi = reserved->spi;
        if (!plane.install_inbound(reserved->index, inbound)) {
            std::abort();
        }
    }

    Plane plane{small_plane()};
    MemoryPort* lan = nullptr;
    MemoryPort* wire = nullptr;
    SlotId slot;
    Selector selector;
    Spi spi;
    TimePoint now{Duration{1'000'000'000}};
};

Bytes ethernet(MacAddress to, BytesView packet) {
    ByteWriter w;
    w.bytes(to.octets()).bytes(mac(77).octets()).u16(0x0800).bytes(packet);
    return w.take();
}

/// An outer header of ours around the bytes.
Bytes wrapped(IpProtocol protocol, BytesView payload) {
    ByteWriter w;
    w.u8(0x45)
        .u8(0)
        .u16(static_cast<std::uint16_t>(20 + payload.size()))
        .u32(0)
        .u8(64)
        .u8(protocol.value())
        .u16(0);
    w.address(ip("192.0.2.2")).address(ip("192.0.2.1"));
    w.patch_u16(10, internet_checksum(w.view()));
    w.bytes(payload);
    return w.take();
}

/// HMAC-SHA-1-96 (RFC 2404).
Bytes icv(BytesView authenticated) {
    Bytes digest(20);
    unsigned length = 0;
    (void)HMAC(EVP_sha1(),
               kAuthKey.data(),
               static_cast<int>(kAuthKey.size()),
               authenticated.data(),
               authenticated.size(),
               digest.data(),
               &length);
    digest.resize(12);
    return digest;
}

/// Protected and in the clear on the wire: what must never be.
bool leaks(const Bytes& frame) {
    return frame.size() >= 34 && frame[12] == 8 && frame[13] == 0 && frame[26] == 10 &&
           frame[27] == 1 && frame[30] == 10 && frame[31] == 2;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Router router;
    if (size < 2 || size > 1500) {
        return 0;
    }
    const BytesView rest(data + 1, size - 1);
    const bool from_wire = (data[0] & 1U) != 0;
    auto& port = from_wire ? *router.wire : *router.lan;
    const auto to = mac(from_wire ? 2 : 1);
    ByteWriter esp;
    switch (data[0] >> 1U & 3U) {
    case 0:
        (void)port.deliver(rest);
        break;
    case 1:
        (void)port.deliver(ethernet(to, mended(rest)));
        break;
    case 2:
        esp.u32(router.spi.value()).u32(1).bytes(rest);
        esp.bytes(icv(esp.view()));
        (void)port.deliver(ethernet(to, wrapped(IpProtocol{50}, esp.view())));
        break;
    default:
        (void)port.deliver(ethernet(to, wrapped(IpProtocol{47}, rest)));
        break;
    }
    router.now += Duration{1'000'000};
    for (int turn = 0; turn < 50 && router.plane.run_once(0, router.now) != 0; ++turn) {
    }
    (void)router.plane.take_punts(1000);
    (void)router.plane.take_events();
    (void)router.lan->take_transmitted_bytes();
    for (const auto& frame : router.wire->take_transmitted_bytes()) {
        if (leaks(frame)) {
            std::abort();
        }
    }
    // The bounded reassembly may hold a few.
    if (buffers_in_use() > 4096) {
        std::abort();
    }
    return 0;
}
