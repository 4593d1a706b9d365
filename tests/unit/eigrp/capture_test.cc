// The captures of IOS, replayed: what we answer has the same flags, TLVs and sizes as what IOS answered.
#include <catch2/catch.hpp>

#include "pcap.h"
#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

constexpr Asn kCapturedAs{100};

/// 10.0.0.2 of the capture: 10 Mbit/s to 10.0.0.1, its LAN 192.168.2.0/24, 10.0.0.8/30 to the next
/// router (10.0.0.10), from which it has 192.168.4.0/24 and 10.0.0.12/30.
class CapturedRouter {
public:
    CapturedRouter() : node_("R2", 1, {}) {
        auto& process = node_.configuration.processes[kCapturedAs];
        process.networks.push_back({Ipv4Address{}, std::nullopt});
        process.auto_summary = false;
        add("FastEthernet0/0", Ipv4Address(10, 0, 0, 2), 30, 10'000, 100);
        add("FastEthernet1/0", Ipv4Address(192, 168, 2, 1), 24, 100'000, 10);
        add("FastEthernet0/1", Ipv4Address(10, 0, 0, 9), 30, 10'000, 100);
        node_.interfaces[1].loopback = true;
        node_.engine->configure(now, node_.configuration);
        node_.engine->set_interfaces(now, node_.interfaces);
        take();
    }

    void add(
        const char* name, Ipv4Address a, unsigned length, std::uint32_t bw, std::uint32_t delay) {
        InterfaceState s;
        s.index = IfIndex{static_cast<std::uint16_t>(node_.interfaces.size() + 1)};
        s.name = *config::InterfaceName::parse(name);
        s.up = true;
        s.address = a;
        s.length = length;
        s.bandwidth_kbps = bw;
        s.delay_10us = delay;
        node_.interfaces.push_back(s);
    }

    /// What is sent on FastEthernet0/0; hellos without a sequence TLV are left out when `quiet`.
    std::vector<SendPacket> take(IfIndex on = IfIndex{1}) {
        std::vector<SendPacket> out;
        for (auto& a : node_.engine->take_actions()) {
            if (auto* s = std::get_if<SendPacket>(&a); s != nullptr && s->interface == on) {
                out.push_back(std::move(*s));
            }
        }
        return out;
    }

    std::vector<SendPacket> give(const Captured& c) {
        node_.engine->on_packet(now, IfIndex{1}, c.source, c.destination, c.payload);
        return take();
    }

    std::vector<SendPacket> wait(Duration d, IfIndex on = IfIndex{1}) {
        const auto end = now + d;
        std::vector<SendPacket> out;
        while (node_.engine->next_deadline() <= end) {
            now = std::max(now, node_.engine->next_deadline());
            node_.engine->on_time(now);
            for (auto& p : take(on)) {
                out.push_back(std::move(p));
            }
        }
        now = end;
        return out;
    }

    /// The neighbour behind FastEthernet0/1, played by hand: adjacency and its two routes.
    void other_neighbor() {
        const IfIndex on{3};
        const Ipv4Address peer(10, 0, 0, 10);
        const auto give_other = [&](const Header& h, BytesView body, Ipv4Address to) {
            node_.engine->on_packet(now, on, peer, to, write_packet(h, body));
        };
        ByteWriter hello;
        write_parameters(hello, {});
        write_version(hello, {});
        give_other({Opcode::hello, 0, 0, 0, 0, kCapturedAs}, hello.view(), kAllRouters);
        take(on);
        give_other({Opcode::update, kFlagInit, 7, 0, 0, kCapturedAs}, {}, Ipv4Address(10, 0, 0, 9));
        for (int rounds = 0; rounds < 6; ++rounds) {
            for (const auto& p : take(on)) {
                const auto h = parse_header(p.payload);
                if (h->sequence != 0) {
                    give_other({Opcode::hello, 0, 0, h->sequence, 0, kCapturedAs},
                               {},
                               Ipv4Address(10, 0, 0, 9));
                }
            }
            take(on);
        }
        ByteWriter routes;
        RouteTlv t;
        t.prefix = *Ipv4Prefix::parse("192.168.4.0/24");
        t.metric = {delay_from_10us(10), 100'000, 1500, 0, 255, 1};
        write_route(routes, t);
        t.prefix = *Ipv4Prefix::parse("10.0.0.12/30");
        t.metric = {delay_from_10us(100), 10'000, 1500, 0, 255, 1};
        write_route(routes, t);
        give_other({Opcode::update, kFlagEndOfTable, 8, 0, 0, kCapturedAs},
                   routes.view(),
                   Ipv4Address(10, 0, 0, 9));
        for (int rounds = 0; rounds < 4; ++rounds) {
            for (const auto& p : wait(100ms, on)) {
                const auto h = parse_header(p.payload);
                if (h->sequence != 0) {
                    give_other({Opcode::hello, 0, 0, h->sequence, 0, kCapturedAs},
                               {},
                               Ipv4Address(10, 0, 0, 9));
                }
            }
        }
    }

    const Process& process() { return *node_.engine->processes().at(kCapturedAs); }

    Node& node() { return node_; }

    TimePoint now{std::chrono::hours{10}};

private:
    Node node_;
};

/// The same but for sequence numbers, the acknowledgement and the checksum.
bool same_shape(const SendPacket& ours, const Captured& theirs) {
    auto a = ours.payload;
    auto b = theirs.payload;
    if (a.size() != b.size() || ours.destination != theirs.destination) {
        return false;
    }
    for (auto* p : {&a, &b}) {
        std::fill(p->begin() + 2, p->begin() + 4, std::uint8_t{0});
        std::fill(p->begin() + 8, p->begin() + 16, std::uint8_t{0});
    }
    return a == b;
}

bool same_shape_but_next_multicast(SendPacket ours, Captured theirs) {
    ours.payload.resize(ours.payload.size() - 4);
    theirs.payload.resize(theirs.payload.size() - 4);
    return same_shape(ours, theirs);
}

/// A captured packet of 10.0.0.1 with its acknowledgement made to fit ours.
Captured acknowledging(Captured c, std::uint32_t sequence) {
    for (unsigned i = 0; i < 4; ++i) {
        c.payload[12 + i] = static_cast<std::uint8_t>(sequence >> (24U - 8U * i));
    }
    seal(c.payload);
    return c;
}

TEST_CASE("D4: the adjacency of the capture is answered as IOS did") {
    const auto folder = captures();
    if (!folder) {
        WARN("skipped: ../shared/fixtures/captures is not there");
        return;
    }
    const auto f = read_pcap(*folder / "EIGRP_adjacency.pcap");
    const auto frame = [&](std::size_t number) { return f.at(number - 1); };
    CapturedRouter r;
    r.other_neighbor();
    r.wait(1s);

    // 10: hello of 10.0.0.1 → 11: our expedited hello
    auto out = r.give(frame(10));
    REQUIRE(out.size() == 1);
    CHECK(same_shape(out[0], frame(11)));

    // 13: INIT → 14: our INIT, which acknowledges it
    out = r.give(frame(13));
    REQUIRE(out.size() == 1);
    CHECK(same_shape(out[0], frame(14)));
    auto h = *parse_header(out[0].payload);
    CHECK(h.flags == kFlagInit);
    CHECK(h.ack == 23);

    // 15: their whole table with EOT → 16: ours, without what is nearer by them
    r.now += 8ms;
    out = r.give(acknowledging(frame(15), h.sequence));
    REQUIRE(out.size() == 1);
    CHECK(same_shape(out[0], frame(16)));
    CHECK(parse_header(out[0].payload)->ack == 24);

    // 18, 19: the poison reverse goes out as a conditional multicast, for 16 is not acknowledged yet
    const auto end_of_table = parse_header(out[0].payload)->sequence;
    out = r.wait(15ms);
    REQUIRE(out.size() == 2);
    CHECK(same_shape_but_next_multicast(out[0], frame(18)));
    CHECK(same_shape(out[1], frame(19)));
    const auto hello = parse_packet(out[0].payload);
    h = *parse_header(out[1].payload);
    CHECK(h.flags == kFlagConditionalReceive);
    CHECK(hello->next_multicast == h.sequence);
    CHECK(hello->sequence_list == std::vector{Ipv4Address(10, 0, 0, 1)});

    // 17: the acknowledgement of 16 → 20: the same by unicast
    out = r.give(acknowledging(frame(17), end_of_table));
    REQUIRE(out.size() == 1);
    CHECK(same_shape(out[0], frame(20)));
    CHECK(parse_header(out[0].payload)->sequence == h.sequence);

    // 21: acknowledged. 22: their poison reverse → 23: our acknowledgement
    CHECK(r.give(acknowledging(frame(21), h.sequence)).empty());
    out = r.give(frame(22));
    REQUIRE(out.size() == 1);
    CHECK(same_shape(out[0], frame(23)));
    CHECK(parse_header(out[0].payload)->ack == 25);
    CHECK(r.process().interfaces().at(IfIndex{1}).lagging == 0);

    // What was learned: 192.168.1.0/24 by 10.0.0.1, 25600 + 25600 + 2560.
    const auto& route = r.process().routes().at(*Ipv4Prefix::parse("192.168.1.0/24"));
    CHECK(route.rd == 256'000 + 25'600 + 2'560);
    CHECK(r.process().routes().at(*Ipv4Prefix::parse("192.168.4.0/24")).paths.size() == 1);

    // The rest are hellos: nothing but our own every 5 s.
    for (std::size_t n = 24; n <= f.size(); ++n) {
        if (frame(n).source == Ipv4Address(10, 0, 0, 1)) {
            r.wait(2500ms);
            CHECK(r.give(frame(n)).empty());
        }
    }
    CHECK_FALSE(r.node().sink.has("10.0.0.1 (FastEthernet0/0) is down"));
    CHECK(r.node().engine->is_consistent());
}

TEST_CASE("D4: the subnet of the second capture comes up as with IOS") {
    const auto folder = captures();
    if (!folder) {
        WARN("skipped: ../shared/fixtures/captures is not there");
        return;
    }
    const auto f = read_pcap(*folder / "EIGRP_subnet_up.pcap");
    const auto frame = [&](std::size_t number) { return f.at(number - 1); };
    // We are 10.0.0.1, which has 192.168.4.0/24 with 2 hops from the other side of the ring.
    Network net(7);
    const auto us = net.add("R1");
    auto& node = net.node(us);
    node.configuration.processes.clear();
    auto& c = node.configuration.processes[kCapturedAs];
    c.networks.push_back({Ipv4Address{}, std::nullopt});
    c.auto_summary = false;
    const auto left = net.interface(us, Ipv4Address(10, 0, 0, 1), 30);
    const auto right = net.interface(us, Ipv4Address(10, 0, 0, 5), 30);
    for (const auto i : {left, right}) {
        node.state(i).bandwidth_kbps = 10'000;
        node.state(i).delay_10us = 100;
    }
    TimePoint now = net.now();
    node.engine->configure(now, node.configuration);
    node.engine->set_interfaces(now, node.interfaces);

    struct Peer {
        IfIndex on;
        Ipv4Address address;
        Ipv4Address us;
    };

    const Peer two{left, Ipv4Address(10, 0, 0, 2), Ipv4Address(10, 0, 0, 1)};
    const Peer four{right, Ipv4Address(10, 0, 0, 6), Ipv4Address(10, 0, 0, 5)};
    std::vector<SendPacket> seen;
    const auto pump = [&](bool acknowledge) {
        for (int round = 0; round < 20; ++round) {
            for (auto& a : node.engine->take_actions()) {
                auto* s = std::get_if<SendPacket>(&a);
                if (s == nullptr) {
                    continue;
                }
                const auto h = parse_header(s->payload);
                const auto& p = s->interface == left ? two : four;
                if (h->sequence != 0 && acknowledge) {
                    node.engine->on_packet(
                        now,
                        p.on,
                        p.address,
                        p.us,
                        write_packet({Opcode::hello, 0, 0, h->sequence, 0, kCapturedAs}, {}));
                }
                if (s->interface == left && (h->sequence != 0 || h->ack != 0)) {
                    seen.push_back(std::move(*s));
                }
            }
            now += 5ms;
            node.engine->on_time(now);
        }
    };
    for (const auto& p : {two, four}) {
        node.engine->on_packet(now, p.on, p.address, kAllRouters, frame(1).payload);
        node.engine->on_packet(
            now,
            p.on,
            p.address,
            p.us,
            write_packet({Opcode::update, kFlagInit, 30, 0, 0, kCapturedAs}, {}));
    }
    pump(true);
    seen.clear();
    // The far side of the ring tells 192.168.4.0/24 first: 5 is what we say to 10.0.0.2.
    ByteWriter body;
    RouteTlv t;
    t.prefix = *Ipv4Prefix::parse("192.168.4.0/24");
    t.metric = {delay_from_classic(28'160), 10'000, 1500, 1, 255, 1};
    write_route(body, t);
    node.engine->on_packet(now,
                           four.on,
                           four.address,
                           kAllRouters,
                           write_packet({Opcode::update, 0, 31, 0, 0, kCapturedAs}, body.view()));
    pump(true);
    REQUIRE(seen.size() == 1);
    CHECK(same_shape(seen[0], frame(5)));
    seen.clear();
    // 4: the better way by 10.0.0.2 → 6: acknowledgement, 9: poison reverse
    node.engine->on_packet(now, two.on, two.address, kAllRouters, frame(4).payload);
    pump(true);
    REQUIRE(seen.size() == 2);
    INFO(to_hex(seen[0].payload) << " " << to_hex(seen[1].payload));
    CHECK(same_shape(seen[0], frame(6)));
    CHECK(parse_header(seen[0].payload)->ack == 45);
    CHECK(same_shape(seen[1], frame(9)));
}

}  // namespace
}  // namespace viaduct::eigrp::test
