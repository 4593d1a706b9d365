#include "tests/unit/dataplane/gateways.h"

#include <catch2/catch.hpp>

namespace viaduct::dataplane::test {

Selector mirror(const Selector& s) {
    auto m = s;
    std::swap(m.source, m.destination);
    std::swap(m.source_mask, m.destination_mask);
    std::swap(m.source_port_first, m.destination_port_first);
    std::swap(m.source_port_last, m.destination_port_last);
    return m;
}

Selector between(std::string_view source_prefix, std::string_view destination_prefix) {
    Selector s;
    s.source = net(source_prefix).network();
    s.source_mask = net(source_prefix).mask();
    s.destination = net(destination_prefix).network();
    s.destination_mask = net(destination_prefix).mask();
    return s;
}

OneWay connect(Router& from,
               Router& to,
               std::string_view from_address,
               std::string_view to_address,
               const SaOptions& o,
               Random& random) {
    OneWay way;
    const auto reserved = to.plane.reserve_inbound();
    REQUIRE(reserved);
    auto& p = way.parameters;
    p.spi = reserved->spi;
    p.local = ip(from_address);
    p.remote = ip(to_address);
    p.tunnel_mode = o.tunnel_mode;
    p.cipher = o.cipher;
    p.auth = o.auth;
    p.cipher_key = Secret(random.bytes(info(o.cipher).key_bytes + info(o.cipher).salt_bytes));
    p.auth_key = Secret(random.bytes(info(o.auth).key_bytes));
    p.udp = o.udp;
    p.replay_window = o.replay_window;
    p.df = o.df;
    p.path_mtu = o.path_mtu;
    p.fragment_before_encryption = o.fragment_before_encryption;
    p.selector = o.selector;
    p.interface = o.interface;
    p.protects_tunnel = o.protects_tunnel;
    p.soft_packets = o.soft_packets;
    p.soft_bytes = o.soft_bytes;
    p.hard_bytes = o.hard_bytes;
    const auto out = from.plane.install_outbound(p);
    REQUIRE(out);
    way.outbound = *out;
    way.inbound = reserved->index;
    auto in = p;
    in.local = p.remote;
    in.remote = p.local;
    in.selector = mirror(p.selector);
    if (p.udp) {
        in.udp = UdpEncapsulation{p.udp->remote, p.udp->local};
    }
    REQUIRE(to.plane.install_inbound(reserved->index, in));
    return way;
}

Gateways::Gateways(std::uint16_t lan_mtu, std::uint16_t wire_mtu, const PlaneOptions& options)
    : a(options), b(options) {
    const auto side =
        [&](Router& r, const char* lan, const char* host, const char* outside, const char* peer) {
            r.add_ethernet(1, std::string(lan) + "/24", lan_mtu);
            r.add_ethernet(2, std::string(outside) + "/24", wire_mtu);
            r.add_neighbour(1, host, 101);
            const auto gateway = r.add_neighbour(2, peer, 2);
            r.add_route("0.0.0.0/0", gateway);
            slot_a = slot_b;
            slot_b = r.plane.add_slot();
        };
    side(a, "10.1.0.1", "10.1.0.2", "192.0.2.1", "192.0.2.2");
    side(b, "10.2.0.1", "10.2.0.2", "192.0.2.2", "192.0.2.1");
}

void Gateways::protect(const SaOptions& options) {
    const auto map = [&](Router& r, SlotId slot, const Selector& selector) {
        PolicyRule rule;
        rule.priority = 10;
        rule.selector = selector;
        rule.slot = slot;
        rule.cookie = 77;
        r.plane.publish_policy(PolicyId{1}, std::vector{rule});
        r.change(2, [](Interface& i) { i.policy = PolicyId{1}; });
    };
    auto selector = options.selector;
    if (selector == Selector{}) {
        selector = between("10.1.0.0/24", "10.2.0.0/24");
    }
    map(a, slot_a, selector);
    map(b, slot_b, mirror(selector));
}

void Gateways::install(const SaOptions& options) {
    auto o = options;
    if (o.selector == Selector{}) {
        o.selector = between("10.1.0.0/24", "10.2.0.0/24");
    }
    a_to_b = connect(a, b, "192.0.2.1", "192.0.2.2", o, random);
    o.selector = mirror(o.selector);
    if (o.udp) {
        std::swap(o.udp->local, o.udp->remote);
    }
    b_to_a = connect(b, a, "192.0.2.2", "192.0.2.1", o, random);
    a.plane.set_slot(slot_a, a_to_b.outbound);
    b.plane.set_slot(slot_b, b_to_a.outbound);
}

void Gateways::run() {
    const auto carry = [&](Router& from, Router& to, std::vector<Bytes>& seen) {
        auto frames = from.sent(2);
        for (auto& f : frames) {
            if (f.size() >= 34) {
                seen.push_back(ip_of(f));
            }
            if (!on_wire || on_wire(f)) {
                to.receive_frame(2, f);
            }
        }
        return !frames.empty();
    };
    for (int turn = 0; turn < 100; ++turn) {
        a.run();
        b.run();
        const bool one = carry(a, b, wire_a_to_b);
        const bool two = carry(b, a, wire_b_to_a);
        if (!one && !two) {
            return;
        }
    }
    FAIL("the wire does not come to rest");
}

}  // namespace viaduct::dataplane::test
