// What peers do that they should not, and limits that the operator sets: a reply with a used sequence number (FRR 8.4),
// `maximum-prefix`, goodbyes.
#include <utility>

#include <catch2/catch.hpp>

#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

const Ipv4Prefix kLan = *Ipv4Prefix::parse("172.16.1.0/24");

/// A router of ours with one neighbour that the test plays: 10.0.0.1 ─ 10.0.0.2; the network 172.16.1.0/24 is ours.
struct Played {
    Played() : net(5), node(net.add("A")) {
        link = net.interface(node, kUs, 24);
        lan = net.lan(node, kLan);
        net.tap = [this](const Sent& s) {
            if (const auto header = parse_header(s.packet.payload);
                header && header->sequence != 0) {
                sent.push_back(header->sequence);
            }
        };
        net.start();
        ByteWriter hello;
        write_parameters(hello, {});
        give({Opcode::hello, 0, 0, 0, 0, kAsn}, hello.view(), kAllRouters);
        give({Opcode::update, kFlagInit, 1, 0, 0, kAsn}, {});
        for (int n = 0; n < 20; ++n) {
            net.run(100ms);
            acknowledge();
        }
    }

    void give(const Header& header, BytesView body, Ipv4Address to = kUs) {
        engine().on_packet(net.now(), link, kPeer, to, write_packet(header, body));
        net.after(node);
    }

    /// All that was sent reliably so far.
    void acknowledge() {
        for (const auto sequence : std::exchange(sent, {})) {
            give({Opcode::hello, 0, 0, sequence, 0, kAsn}, {});
        }
    }

    Engine& engine() { return *net.node(node).engine; }

    const Process& process() { return net.node(node).process(); }

    static void route(ByteWriter& out, Ipv4Prefix prefix, bool reachable) {
        RouteTlv t;
        t.prefix = prefix;
        t.metric = {reachable ? delay_from_10us(10) : kUnreachableDelay, 1000, 1500, 0, 255, 1};
        write_route(out, t);
    }

    static constexpr Ipv4Address kUs{10, 0, 0, 1};
    static constexpr Ipv4Address kPeer{10, 0, 0, 2};
    Network net;
    std::vector<std::uint32_t> sent;
    std::size_t node;
    IfIndex link;
    IfIndex lan;
};

}  // namespace

TEST_CASE(
    "D4: a reply with the number of the packet before it ends the active state all the same") {
    Played w;
    // The peer's last reliable packet: 2.
    ByteWriter other;
    Played::route(other, *Ipv4Prefix::parse("172.16.9.0/24"), true);
    w.give({Opcode::update, 0, 2, 0, 0, kAsn}, other.view());
    w.net.node(w.node).state(w.lan).up = false;
    w.net.apply(w.node);
    w.net.run(1s);
    w.acknowledge();
    REQUIRE(w.process().active_routes() == 1);
    SECTION("another body: it is taken") {
        ByteWriter reply;
        Played::route(reply, kLan, true);  // as FRR does, which means the way through us
        w.give({Opcode::reply, 0, 2, 0, 0, kAsn}, reply.view());
        CHECK(w.process().active_routes() == 0);
        CHECK_FALSE(w.net.has_route(w.node, "172.16.1.0/24"));
        CHECK(w.process().counters()[Counter::taken_reused_sequence] == 1);
        // Once: the same again is a duplicate.
        w.give({Opcode::reply, 0, 2, 0, 0, kAsn}, reply.view());
        CHECK(w.process().counters()[Counter::drop_duplicate] == 1);
    }
    SECTION("an update with a used number, or an older number, is a duplicate as ever") {
        ByteWriter body;
        Played::route(body, kLan, false);
        w.give({Opcode::update, 0, 2, 0, 0, kAsn}, body.view());
        w.give({Opcode::reply, 0, 1, 0, 0, kAsn}, body.view());
        CHECK(w.process().active_routes() == 1);
        CHECK(w.process().counters()[Counter::drop_duplicate] == 2);
    }
    SECTION("a retransmission of the last packet is a duplicate") {
        w.give({Opcode::update, 0, 2, 5, 0, kAsn}, other.view());
        CHECK(w.process().active_routes() == 1);
        CHECK(w.process().counters()[Counter::drop_duplicate] == 1);
    }
    CHECK(w.engine().is_consistent());
}

TEST_CASE("D4: maximum-prefix warns, takes all neighbours down, and lets them in again") {
    Played w;
    w.net.node(w.node).eigrp().maximum_prefix = 8;
    w.net.apply(w.node);
    const auto announce = [&](std::uint32_t sequence, std::uint8_t first, std::uint8_t count) {
        ByteWriter body;
        for (std::uint8_t n = first; n < first + count; ++n) {
            Played::route(body, {Ipv4Address(20, n, 0, 0), 16}, true);
        }
        w.give({Opcode::update, 0, sequence, 0, 0, kAsn}, body.view());
    };
    auto& sink = w.net.node(w.node).sink;
    announce(2, 0, 5);  // with our two: seven
    CHECK(sink.has("%DUAL-4-PFXLIMITTHR: IP-EIGRP(0) 90: Threshold prefix level(6) reached."));
    CHECK(w.process().interfaces().at(w.link).neighbors.size() == 1);
    announce(3, 10, 5);
    CHECK(sink.has("%DUAL-3-PFXLIMIT: IP-EIGRP(0) 90: Prefix limit reached(8)."));
    CHECK(sink.has("is down: prefix-limit exceeded"));
    CHECK(w.process().interfaces().at(w.link).neighbors.empty());
    CHECK(w.process().routes().size() <= 8);
    ByteWriter hello;
    write_parameters(hello, {});
    const auto say_hello = [&] {
        w.give({Opcode::hello, 0, 0, 0, 0, kAsn}, hello.view(), kAllRouters);
    };
    w.net.run(290s);
    say_hello();
    CHECK(w.process().interfaces().at(w.link).neighbors.empty());
    CHECK(w.process().counters()[Counter::drop_suspended] == 1);
    w.net.run(11s);
    say_hello();
    CHECK(w.process().interfaces().at(w.link).neighbors.size() == 1);
    CHECK(w.engine().is_consistent());
}

TEST_CASE("D4: an interface that goes says goodbye, to static neighbours each by itself") {
    Played w;
    CHECK(w.engine().say_goodbye(w.net.now(), {w.link}));
    CHECK_FALSE(w.engine().say_goodbye(w.net.now(), {w.lan}));
    std::size_t goodbyes = 0;
    for (const auto& action : w.engine().take_actions()) {
        if (const auto* send = std::get_if<SendPacket>(&action)) {
            const auto packet = parse_packet(send->payload);
            REQUIRE(packet);
            goodbyes += packet->parameters && packet->parameters->k == kGoodbyeK ? 1U : 0U;
        }
    }
    CHECK(goodbyes == 1);
}

}  // namespace viaduct::eigrp::test
