// What interfaces ask beside forwarding: access lists, policies, TED, TCP's segment size, reassembly.
//
//     10.1.0.2 ── 1 [10.1.0.1  router  10.2.0.1] 2 ── 10.2.0.2
#include <map>

#include <catch2/catch.hpp>

#include "dataplane/base/checksum.h"
#include "dataplane/base/random.h"
#include "dataplane/packet.h"
#include "dataplane/tables/acl.h"
#include "dataplane/tables/policy.h"
#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane::test {

namespace {

struct TwoLans : Router {
    TwoLans() {
        add_ethernet(1, "10.1.0.1/24");
        add_ethernet(2, "10.2.0.1/24");
        add_neighbour(1, "10.1.0.2", 101);
        add_neighbour(2, "10.2.0.2", 102);
    }

    bool passes(BytesView packet) {
        receive(1, packet);
        run();
        return sent(2).size() == 1;
    }
};

AclRule line(bool permit) {
    AclRule r;
    r.permit = permit;
    return r;
}

Bytes packet_of(IpProtocol protocol,
                Bytes payload,
                std::uint8_t tos = 0,
                std::uint16_t fragment = 0) {
    Ip p;
    p.protocol = protocol;
    p.tos = tos;
    p.fragment = fragment;
    p.payload = std::move(payload);
    return p.build();
}

std::vector<AclRule> all_kinds_of_lines() {
    std::vector<AclRule> rules;
    auto r = line(false);
    r.selector.protocol = kProtoTcp;
    r.selector.destination_port_first = r.selector.destination_port_last = 23;
    rules.push_back(r);  // 0: deny tcp any any eq 23
    r = line(true);
    r.selector.protocol = kProtoTcp;
    r.established = true;
    rules.push_back(r);  // 1: permit tcp any any established
    r = line(true);
    r.selector.protocol = kProtoTcp;
    r.selector.destination_port_first = 1024;
    rules.push_back(r);  // 2: permit tcp any any gt 1023
    r = line(true);
    r.selector.protocol = kProtoIcmp;
    r.icmp_type = 8;
    rules.push_back(r);  // 3: permit icmp any any echo
    r = line(false);
    r.selector.protocol = kProtoUdp;
    r.dscp = 46;
    rules.push_back(r);  // 4: deny udp any any dscp ef
    r = line(false);
    r.selector.protocol = kProtoUdp;
    r.fragments = true;
    rules.push_back(r);  // 5: deny udp any any fragments
    r = line(true);
    r.selector.protocol = kProtoUdp;
    r.selector.source = ip("10.1.0.0");
    r.selector.source_mask = ip("255.255.0.255");  // holes are allowed
    r.selector.source = ip("10.1.0.2");
    rules.push_back(r);  // 6
    return rules;
}

}  // namespace

TEST_CASE(
    "access lists: first line that fits decides, its hits are counted, nothing fits is denied") {
    const auto padding = GENERATE(0, 40);  // a long list goes to DPDK's library
    TwoLans r;
    auto rules = all_kinds_of_lines();
    for (int i = 0; i < padding; ++i) {
        auto never = line(true);
        never.selector.source = Ipv4Address{0xC0000000U + static_cast<unsigned>(i)};
        never.selector.source_mask = mask_of(32);
        rules.push_back(never);
    }
    r.plane.publish_acl(AclId{5}, rules);
    const bool in = GENERATE(true, false);
    r.change(in ? 1 : 2, [in](Interface& i) { (in ? i.acl_in : i.acl_out) = AclId{5}; });
    INFO("padding " << padding << " in " << in);
    const auto to = [](std::uint16_t port, std::uint8_t flags) {
        return packet_of(kProtoTcp, tcp(5000, port, flags, {}, {}));
    };
    CHECK_FALSE(r.passes(to(23, 0x02)));
    CHECK_FALSE(r.passes(to(80, 0x02)));
    CHECK(r.passes(to(80, 0x10)));
    CHECK(r.passes(to(80, 0x04)));
    CHECK(r.passes(to(1024, 0x02)));
    CHECK(r.passes(packet_of(kProtoIcmp, Bytes{8, 0, 0, 0, 0, 0, 0, 0})));
    CHECK_FALSE(r.passes(packet_of(kProtoIcmp, Bytes{0, 0, 0, 0, 0, 0, 0, 0})));
    CHECK_FALSE(r.passes(packet_of(kProtoUdp, udp(1, 2, {}), 46 << 2)));
    CHECK(r.passes(packet_of(kProtoUdp, udp(1, 2, {}), 45 << 2)));
    CHECK_FALSE(r.passes(packet_of(kProtoUdp, udp(1, 2, {}), 0, 0x2001)));
    CHECK(r.passes(packet_of(kProtoUdp, udp(1, 2, {}), 0, 0x2000)));
    // A later fragment of TCP: the deny line with a port does not apply, "gt 1023" lets it pass.
    CHECK(r.passes(packet_of(kProtoTcp, counting(24), 0, 0x0003)));
    CHECK_FALSE(r.passes(packet_of(kProtoGre, counting(24))));
    CHECK_FALSE(r.passes(packet_of(kProtoTcp, counting(3))));
    CHECK(r.plane.acl_hits(AclId{5}, 0) == 1);
    CHECK(r.plane.acl_hits(AclId{5}, 1) == 2);
    CHECK(r.plane.acl_hits(AclId{5}, 2) == 2);
    CHECK(r.plane.acl_hits(AclId{5}, 3) == 1);
    CHECK(r.plane.acl_hits(AclId{5}, 6) == 2);
    CHECK(r.drops(in ? "acl_in_denied" : "acl_out_denied") == 7);
    const auto punts = r.punts();
    REQUIRE(punts.size() == 7);
    CHECK(punts[0].reason == PuntReason::unreachable);
    CHECK(punts[0].code == 13);
    // What the router itself sends is not held against the list out.
    REQUIRE(r.plane.inject(packet_of(kProtoGre, counting(24)), {}));
    r.run();
    CHECK(r.sent(2).size() == 1);
    r.plane.remove_acl(AclId{5});
    CHECK(r.passes(packet_of(kProtoGre, counting(24))));
}

TEST_CASE("long access lists decide as short ones do: random rules, random packets") {
    TwoLans dpdk;
    const auto seed = GENERATE(1U, 2U, 3U);
    SeededRandom random(seed);
    std::vector<AclRule> rules;
    for (int i = 0; i < 300; ++i) {
        auto r = line(random.below(2) == 0);
        r.selector.source = Ipv4Address{0x0A010000U + static_cast<std::uint32_t>(random.below(16))};
        r.selector.source_mask =
            Ipv4Address{0xFFFFFFF0U | static_cast<std::uint32_t>(random.below(16))};
        r.selector.destination = Ipv4Address{static_cast<std::uint32_t>(random.below(8)) << 29U};
        r.selector.destination_mask = mask_of(static_cast<unsigned>(random.below(4)));
        if (random.below(2) == 0) {
            r.selector.protocol =
                IpProtocol{static_cast<std::uint8_t>(random.below(2) == 0 ? 6 : 17)};
            r.selector.destination_port_first = static_cast<std::uint16_t>(random.below(100));
            r.selector.destination_port_last =
                static_cast<std::uint16_t>(r.selector.destination_port_first + random.below(30));
            r.established = r.selector.protocol == kProtoTcp && random.below(3) == 0;
        } else if (random.below(3) == 0) {
            r.fragments = true;
        }
        if (random.below(5) == 0) {
            r.precedence = static_cast<std::uint8_t>(random.below(8));
        }
        rules.push_back(r);
    }
    const Acl whole(rules, 1);
    std::vector<std::unique_ptr<Acl>> single;
    for (const auto& r : rules) {
        single.push_back(std::make_unique<Acl>(std::span(&r, 1), 1));
    }
    for (int i = 0; i < 3000; ++i) {
        AclKey k;
        k.source = 0x0A010000U + static_cast<std::uint32_t>(random.below(16));
        k.destination = random.u32();
        k.protocol = random.below(2) == 0 ? 6 : 17;
        k.later_fragment = random.below(5) == 0;
        k.has_layer4 = !k.later_fragment;
        if (k.has_layer4) {
            k.destination_port = static_cast<std::uint16_t>(random.below(140));
            k.tcp_flags =
                k.protocol == 6 ? static_cast<std::uint8_t>(random.u32()) : std::uint8_t{0};
        }
        k.tos = static_cast<std::uint8_t>(random.u32());
        bool expected = false;
        for (std::size_t n = 0; n < rules.size(); ++n) {
            const auto before = single[n]->hits(0);
            const bool permitted = single[n]->permits(k, 0);
            if (single[n]->hits(0) != before) {
                expected = permitted;
                break;
            }
        }
        REQUIRE(whole.permits(k, 0) == expected);
    }
}

TEST_CASE("policies: lowest priority wins, deny lines go on, ports, fragments, discover") {
    TwoLans r;
    const auto slot = r.plane.add_slot();
    std::vector<PolicyRule> rules(4);
    rules[0].priority = 10;  // entry 10: deny tcp any any eq 80
    rules[0].selector.protocol = kProtoTcp;
    rules[0].selector.destination_port_first = rules[0].selector.destination_port_last = 80;
    rules[0].action = PolicyRule::Action::next_entry;
    rules[0].continue_at = 20;
    rules[1].priority = 11;  // permit tcp any any range 70 90
    rules[1].selector.protocol = kProtoTcp;
    rules[1].selector.destination_port_first = 70;
    rules[1].selector.destination_port_last = 90;
    rules[1].slot = slot;
    rules[1].cookie = 11;
    rules[2].priority = 20;  // entry 20: permit ip any 10.2.0.0/24 tos any
    rules[2].selector.protocol = kProtoUdp;
    rules[2].slot = slot;
    rules[2].cookie = 20;
    rules[3].priority = 30;
    rules[3].selector.protocol = kProtoIcmp;
    rules[3].action = PolicyRule::Action::discover;
    rules[3].cookie = 30;
    r.plane.publish_policy(PolicyId{2}, rules);
    r.change(2, [](Interface& i) { i.policy = PolicyId{2}; });
    const auto cookie = [&](BytesView packet) {
        const bool passed = r.passes(packet);
        const auto punts = r.punts();
        REQUIRE(punts.size() == (passed ? 0 : 1));
        return passed ? 0U : punts[0].cookie;
    };
    const auto to = [](std::uint16_t port, std::uint16_t fragment = 0) {
        return packet_of(kProtoTcp, tcp(5000, port, 2, {}, counting(12)), 0, fragment);
    };
    CHECK(cookie(to(69)) == 0);
    CHECK(cookie(to(70)) == 11);
    CHECK(cookie(to(79)) == 11);
    CHECK(cookie(to(80)) == 0);
    CHECK(cookie(to(81)) == 11);
    CHECK(cookie(to(90)) == 11);
    CHECK(cookie(to(91)) == 0);
    CHECK(cookie(packet_of(kProtoUdp, udp(1, 2, {}))) == 20);
    // A later fragment has no ports: the first rule that fits without them has it, here the deny line.
    CHECK(cookie(to(85, 0x0004)) == 0);
    CHECK(cookie(packet_of(kProtoIcmp, counting(8))) == 30);
    CHECK(r.drops("policy_discover") == 1);
    // A flow of lower priority number goes before the discover rule; taken away, it is as before.
    PolicyRule flow;
    flow.priority = 25;
    flow.selector.source = ip("10.1.0.2");
    flow.selector.source_mask = mask_of(32);
    flow.slot = slot;
    flow.cookie = 25;
    r.plane.add_flow(PolicyId{2}, flow);
    CHECK(cookie(packet_of(kProtoIcmp, counting(8))) == 25);
    r.plane.publish_policy(PolicyId{2}, {});  // flows stay
    CHECK(cookie(packet_of(kProtoIcmp, counting(8))) == 25);
    r.plane.remove_flow(PolicyId{2}, flow);
    CHECK(cookie(packet_of(kProtoIcmp, counting(8))) == 0);
    // A chain of deny lines without an end stops.
    std::vector<PolicyRule> endless;
    for (std::uint64_t i = 0; i < 400; ++i) {
        PolicyRule deny;
        deny.priority = i;
        deny.action = PolicyRule::Action::next_entry;
        deny.continue_at = i + 1;
        endless.push_back(deny);
    }
    r.plane.publish_policy(PolicyId{2}, endless);
    r.receive(1, to(1));
    r.run();
    CHECK(r.drops("policy_too_deep") == 1);
    r.plane.remove_policy(PolicyId{2});
    CHECK(r.passes(to(1)));
}

TEST_CASE("policies: random rules decide as a plain search does, while flows come and go") {
    const auto seed = GENERATE(1U, 2U, 3U, 4U);
    SeededRandom random(seed);
    LineMemory memory;  // outlives what rcu has still to free
    Rcu rcu(1);
    Policy policy(rcu, memory);
    std::map<std::uint64_t, PolicyRule> known;
    const auto random_rule = [&](std::uint64_t priority) {
        PolicyRule r;
        r.priority = priority;
        r.selector.source = Ipv4Address{static_cast<std::uint32_t>(random.below(4))};
        r.selector.source_mask = Ipv4Address{static_cast<std::uint32_t>(random.below(4))};
        r.selector.destination = Ipv4Address{static_cast<std::uint32_t>(random.below(4))};
        r.selector.destination_mask = Ipv4Address{static_cast<std::uint32_t>(random.below(4))};
        r.selector.source = Ipv4Address{r.selector.source.value() & r.selector.source_mask.value()};
        r.selector.destination =
            Ipv4Address{r.selector.destination.value() & r.selector.destination_mask.value()};
        if (random.below(3) == 0) {
            r.selector.protocol = IpProtocol{17};
            r.selector.source_port_first = static_cast<std::uint16_t>(random.below(40));
            r.selector.source_port_last =
                static_cast<std::uint16_t>(r.selector.source_port_first + random.below(60));
        }
        r.cookie = static_cast<std::uint32_t>(priority);
        return r;
    };
    const auto slow = [&](std::uint32_t s,
                          std::uint32_t d,
                          std::uint8_t protocol,
                          std::uint16_t port) -> std::uint32_t {
        for (const auto& [priority, r] : known) {
            const auto& x = r.selector;
            if ((s & x.source_mask.value()) == x.source.value() &&
                (d & x.destination_mask.value()) == x.destination.value() &&
                (!x.protocol || x.protocol->value() == protocol) && port >= x.source_port_first &&
                port <= x.source_port_last) {
                return r.cookie;
            }
        }
        return 0;
    };
    std::vector<PolicyRule> statics;
    for (int i = 0; i < 20; ++i) {
        statics.push_back(random_rule(1000 + random.below(1000) * 2));
        if (!known.emplace(statics.back().priority, statics.back()).second) {
            statics.pop_back();
        }
    }
    policy.publish(statics);
    for (int round = 0; round < 300; ++round) {
        const auto priority = 1 + random.below(1500) * 2;
        const auto found = known.find(priority);
        if (found == known.end()) {
            const auto rule = random_rule(priority);
            policy.add_flow(rule);
            known.emplace(priority, rule);
        } else {
            policy.remove_flow(found->second);
            known.erase(found);
        }
        rcu.reclaim();
        for (int probe = 0; probe < 40; ++probe) {
            const auto s = static_cast<std::uint32_t>(random.below(4));
            const auto d = static_cast<std::uint32_t>(random.below(4));
            const std::uint8_t protocol = random.below(2) == 0 ? 17 : 6;
            const auto port = static_cast<std::uint16_t>(random.below(120));
            bool too_deep = false;
            const auto* rule = policy.find(FlowKey::of(s, d, protocol, port, 0), false, too_deep);
            REQUIRE((rule == nullptr ? 0 : rule->cookie) == slow(s, d, protocol, port));
        }
    }
    rcu.drain();
}

TEST_CASE(
    "ip tcp adjust-mss: SYNs are clamped, at odd places too, with the right checksum; others are "
    "left alone") {
    TwoLans r;
    r.change(2, [](Interface& i) { i.tcp_mss = 1300; });
    const auto checksum_of = [](BytesView p) {
        ByteWriter pseudo;
        pseudo.bytes(p.subspan(12, 8)).u16(6).u16(static_cast<std::uint16_t>(p.size() - 20));
        return checksum_finish(checksum_sum(pseudo.view()) + checksum_sum(p.subspan(20)));
    };
    const auto send = [&](Bytes options, std::uint8_t flags) {
        auto segment = tcp(1, 2, flags, options, counting(5));
        auto packet = packet_of(kProtoTcp, segment);
        const auto sum = checksum_of(packet);
        packet[36] = static_cast<std::uint8_t>(sum >> 8U);
        packet[37] = static_cast<std::uint8_t>(sum);
        REQUIRE(checksum_of(packet) == 0);
        r.receive(1, packet);
        r.run();
        const auto out = r.sent_ip(2);
        REQUIRE(out.size() == 1);
        CHECK(checksum_of(out[0]) == 0);
        return Bytes(out[0].begin() + 40,
                     out[0].begin() + 40 + static_cast<std::ptrdiff_t>(options.size()));
    };
    CHECK(send({2, 4, 0x05, 0xB4}, 0x02) == Bytes{2, 4, 0x05, 0x14});
    CHECK(send({2, 4, 0x05, 0xB4}, 0x12) == Bytes{2, 4, 0x05, 0x14});
    CHECK(send({1, 2, 4, 0x05, 0xB4, 1, 1, 0}, 0x02) == Bytes{1, 2, 4, 0x05, 0x14, 1, 1, 0});
    CHECK(send({2, 4, 0x02, 0x18}, 0x02) == Bytes{2, 4, 0x02, 0x18});
    CHECK(send({2, 4, 0x05, 0xB4}, 0x10) == Bytes{2, 4, 0x05, 0xB4});
    CHECK(send({3, 0, 0x05, 0xB4}, 0x02) == Bytes{3, 0, 0x05, 0xB4});
    CHECK(send({8, 200, 0x05, 0xB4}, 0x02) == Bytes{8, 200, 0x05, 0xB4});
}

TEST_CASE(
    "fragmentation: RFC 791 by offsets and options, DF is told of, all of it fits the next MTU") {
    TwoLans r;
    r.change(2, [](Interface& i) { i.mtu = i.ip_mtu = 576; });
    Ip p;
    p.options =
        Bytes{0x83, 3, 4, 1, 7, 7, 4, 0, 0, 0, 0, 0};  // a copied option, and one that is not
    p.payload = counting(1200);
    r.receive(1, p.build());
    r.run();
    const auto out = r.sent_ip(2);
    REQUIRE(out.size() == 3);
    Bytes whole;
    for (std::size_t i = 0; i < out.size(); ++i) {
        CHECK(is_valid_ip(out[i]));
        CHECK(out[i].size() <= 576);
        const std::size_t header = (out[i][0] & 0xFU) * 4U;
        CHECK(header == (i == 0 ? 32 : 24));
        const auto field = static_cast<unsigned>(out[i][6] << 8U | out[i][7]);
        CHECK((field & 0x1FFFU) * 8 == whole.size());
        CHECK(((field & 0x2000U) != 0) == (i != 2));
        whole.insert(
            whole.end(), out[i].begin() + static_cast<std::ptrdiff_t>(header), out[i].end());
    }
    CHECK(whole == p.payload);
    p.options.clear();
    p.fragment = 0x4000;
    r.receive(1, p.build());
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::too_big);
    CHECK(punts[0].mtu == 576);
    CHECK(r.all_drops() == "fragment_too_big=1");
}

TEST_CASE("reassembly for own addresses: any order, duplicates, overlaps, limits, time") {
    TwoLans r;
    const auto piece = [](std::uint16_t id, std::size_t at, std::size_t bytes, bool more) {
        Ip p;
        p.destination = "10.1.0.1";
        p.id = id;
        p.protocol = kProtoIcmp;
        p.fragment = static_cast<std::uint16_t>(at / 8 | (more ? 0x2000U : 0U));
        auto all = counting(9000);
        p.payload.assign(all.begin() + static_cast<std::ptrdiff_t>(at),
                         all.begin() + static_cast<std::ptrdiff_t>(at + bytes));
        return p.build();
    };
    const auto whole = [&](std::size_t bytes) {
        const auto punts = r.punts();
        REQUIRE(punts.size() == 1);
        CHECK(punts[0].reason == PuntReason::local);
        CHECK(is_valid_ip(punts[0].packet));
        const auto all = counting(9000);
        CHECK(Bytes(punts[0].packet.begin() + 20, punts[0].packet.end()) ==
              Bytes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(bytes)));
    };
    std::vector<Bytes> pieces;
    for (std::size_t at = 0; at < 8800; at += 1480) {
        pieces.push_back(piece(1, at, std::min<std::size_t>(1480, 8800 - at), at + 1480 < 8800));
    }
    for (std::size_t i = pieces.size(); i-- > 0;) {
        r.receive(1, pieces[i]);
    }
    r.run();
    whole(8800);
    r.receive(1, piece(2, 0, 800, true));
    r.receive(1, piece(2, 0, 800, true));
    r.receive(1, piece(2, 800, 100, false));
    r.run();
    whole(900);
    CHECK(r.all_drops() == "local_reassembly_duplicate=1");
    r.receive(1, piece(3, 0, 800, true));
    r.receive(1, piece(3, 792, 100, false));  // the teardrop
    r.receive(1, piece(4, 0, 801, true));
    r.receive(1, piece(5, 65528, 0, false));
    r.run();
    CHECK(r.drops("local_reassembly_overlap") == 1);
    CHECK(r.drops("local_reassembly_bad_fragment") == 2);
    Ip huge;
    huge.destination = "10.1.0.1";
    huge.fragment = 0x1FFF;
    huge.payload = counting(8);
    r.receive(1, huge.build());
    r.run();
    CHECK(r.drops("local_reassembly_too_large") == 1);
    for (std::uint16_t id = 100; id < 170; ++id) {
        r.receive(1, piece(id, 0, 8, true));
    }
    r.run();
    CHECK(r.drops("local_reassembly_full") == 6);
    r.now += 31s;
    r.receive(1, piece(500, 0, 8, true));
    r.run();
    CHECK(r.drops("local_reassembly_timeout") == 64);
    CHECK(r.punts().empty());
}

TEST_CASE(
    "random and damaged packets through the whole pipeline: nothing crashes, no buffer is lost") {
    const auto before = buffers_in_use();
    {
        TwoLans r;
        Interface t;
        t.index = IfIndex{9};
        t.kind = InterfaceKind::tunnel_multipoint;
        t.up = true;
        t.tunnel.source = ip("10.1.0.1");
        t.tunnel.key = 1;
        r.add_interface(t);
        r.change(1, [](Interface& i) {
            i.ted_discover = true;
            i.tcp_mss = 500;
            i.mtu = i.ip_mtu = 700;
        });
        r.plane.publish_acl(AclId{1}, all_kinds_of_lines());
        SeededRandom random(99);
        const std::vector<Bytes> seeds{
            packet_of(kProtoTcp, tcp(1, 2, 2, Bytes{2, 4, 5, 180, 1, 1, 1, 0}, counting(30))),
            packet_of(kProtoUdp, udp(500, 500, counting(60))),
            packet_of(kProtoUdp, udp(4500, 4500, counting(60))),
            packet_of(kProtoEsp, counting(80)),
            packet_of(kProtoGre, from_hex("30000800000000010000000245000014")),
            packet_of(kProtoUdp, counting(1200), 0, 0x2000),
        };
        for (int i = 0; i < 40000; ++i) {
            auto p = seeds[random.below(seeds.size())];
            if (random.below(2) == 0) {
                p[16] = 10, p[17] = 1, p[18] = 0, p[19] = 1;  // to us
            }
            for (auto changes = random.below(4); changes > 0; --changes) {
                p[random.below(p.size())] = static_cast<std::uint8_t>(random.u32());
            }
            p.resize(random.below(4) == 0 ? random.below(p.size() + 1) : p.size());
            if (p.size() >= 20 && random.below(8) != 0) {
                const std::size_t header = std::min<std::size_t>((p[0] & 0xFU) * 4U, p.size());
                p[10] = p[11] = 0;
                const auto sum = internet_checksum(BytesView(p).first(header & ~std::size_t{1}));
                p[10] = static_cast<std::uint8_t>(sum >> 8U);
                p[11] = static_cast<std::uint8_t>(sum);
            }
            auto f = frame(
                random.below(10) == 0 ? MacAddress::broadcast() : mac(1), mac(900), 0x0800, p);
            f.resize(random.below(20) == 0 ? random.below(f.size() + 1) : f.size());
            r.receive_frame(1, f);
            if (i % 100 == 0) {
                r.run();
                r.punts();
                r.sent(1);
                r.sent(2);
                r.now += 1s;
            }
        }
        r.run();
        r.punts();
    }
    CHECK(buffers_in_use() == before);
}

}  // namespace viaduct::dataplane::test
