// Which packets are TED probes for us (rows T3, T7): UDP 500, exchange type 240, in transit, by an interface with a
// `discover` map, about a flow that this map protects. All others are forwarded as if TED did not exist.
//
//     10.1.0.2 ── 1 [10.1.0.1  router  10.2.0.1] 2 ── 10.2.0.2          3 ── 10.3.0.2
#include <catch2/catch.hpp>

#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane::test {

namespace {

constexpr PolicyId kWest{1};
constexpr PolicyId kNorth{2};

PolicyRule rule(std::uint64_t priority,
                PolicyRule::Action action,
                const char* local,
                const char* remote) {
    PolicyRule r;
    r.priority = priority;
    r.action = action;
    r.selector.source = net(local).network();
    r.selector.source_mask = mask_of(net(local).length());
    r.selector.destination = net(remote).network();
    r.selector.destination_mask = mask_of(net(remote).length());
    return r;
}

/// Interface 1 has a discover map that protects 10.2.0.0/24 towards 10.1.0.0/24; interface 3 one for other flows.
struct Gateway : Router {
    Gateway() {
        add_ethernet(1, "10.1.0.1/24");
        add_ethernet(2, "10.2.0.1/24");
        add_ethernet(3, "10.3.0.1/24");
        add_neighbour(1, "10.1.0.2", 101);
        add_neighbour(2, "10.2.0.2", 102);
        add_neighbour(2, "10.2.0.3", 104);
        add_neighbour(3, "10.3.0.2", 103);
        const std::vector<PolicyRule> west{
            rule(10, PolicyRule::Action::discover, "10.2.0.2/32", "10.1.0.0/24")};
        const std::vector<PolicyRule> north{
            rule(10, PolicyRule::Action::discover, "10.9.0.0/24", "10.3.0.0/24")};
        plane.publish_policy(kWest, west);
        plane.publish_policy(kNorth, north);
        change(1, [](Interface& i) {
            i.ted_discover = true;
            i.policy = kWest;
        });
        change(3, [](Interface& i) {
            i.ted_discover = true;
            i.policy = kNorth;
        });
    }

    /// By `interface`; true if it left by interface 2.
    bool forwarded(std::uint16_t interface, const Bytes& packet) {
        receive(interface, packet);
        run();
        const auto out = sent_ip(2);
        if (out.empty()) {
            return false;
        }
        REQUIRE(out.size() == 1);
        // Untouched but for the hop.
        auto expected = packet;
        expected[8] = out[0][8];
        expected[10] = out[0][10];
        expected[11] = out[0][11];
        CHECK(out[0] == expected);
        CHECK(out[0][8] == packet[8] - 1);
        return true;
    }
};

Bytes isakmp(std::uint8_t exchange) {
    Bytes message(60, 0);
    message[0] = 7;
    message[18] = exchange;
    return message;
}

Bytes message(const char* from,
              const char* to,
              std::uint8_t exchange,
              std::uint16_t source_port = 500,
              std::uint16_t port = 500) {
    Ip p;
    p.source = from;
    p.destination = to;
    p.payload = udp(source_port, port, isakmp(exchange));
    return p.build();
}

}  // namespace

TEST_CASE("T3: a probe about a flow that is protected here is taken out of transit") {
    Gateway g;
    CHECK_FALSE(g.forwarded(1, message("10.1.0.2", "10.2.0.2", 240)));
    const auto punts = g.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::ted_probe);
    CHECK(punts[0].in == IfIndex{1});
    // SAs of the flow stand already, and the other end has lost its own: still ours.
    auto flow = rule(5, PolicyRule::Action::protect, "10.2.0.2/32", "10.1.0.0/24");
    flow.slot = g.plane.add_slot();
    g.plane.add_flow(kWest, flow);
    CHECK_FALSE(g.forwarded(1, message("10.1.0.2", "10.2.0.2", 240)));
    CHECK(g.punts().size() == 1);
}

TEST_CASE("T3: other ISAKMP in transit is not punted") {
    Gateway g;
    // A flow that is not protected: all of it is plain transit.
    for (const std::uint8_t exchange : {2, 4, 5, 6, 32, 241, 240}) {
        CAPTURE(int(exchange));
        CHECK(g.forwarded(1, message("10.1.0.2", "10.2.0.3", exchange)));
    }
    // A protected one: clear text is dropped, and only a probe goes up.
    for (const std::uint8_t exchange : {2, 4, 5, 6, 32, 241}) {
        CAPTURE(int(exchange));
        CHECK_FALSE(g.forwarded(1, message("10.1.0.2", "10.2.0.2", exchange)));
    }
    CHECK_FALSE(g.forwarded(1, message("10.1.0.2", "10.2.0.2", 240, 500, 501)));
    CHECK(g.drops("policy_clear_text") == 7);
    CHECK(g.punts().empty());
}

TEST_CASE("T3: a short or broken message is not a probe") {
    Gateway g;
    Ip p;
    p.source = "10.1.0.2";
    p.destination = "10.2.0.2";
    for (std::size_t length = 0; length <= 18; ++length) {
        p.payload = udp(500, 500, Bytes(length, 240));
        CHECK_FALSE(g.forwarded(1, p.build()));
    }
    CHECK(g.punts().empty());
    // A later fragment has no ports.
    p.fragment = 0x0003;
    p.payload = Bytes(60, 240);
    CHECK_FALSE(g.forwarded(1, p.build()));
    CHECK(g.punts().empty());
}

TEST_CASE("T3: several discover maps: each interface asks its own") {
    Gateway g;
    // The flow that interface 1's map protects comes by interface 3, whose map protects others.
    CHECK(g.forwarded(3, message("10.3.0.2", "10.2.0.2", 240)));
    CHECK(g.punts().empty());
}

TEST_CASE("T3: a router without discover forwards probes untouched") {
    Gateway g;
    g.change(1, [](Interface& i) {
        i.ted_discover = false;
        i.policy = PolicyId{};
    });
    CHECK(g.forwarded(1, message("10.1.0.2", "10.2.0.2", 240)));
    CHECK(g.punts().empty());
}

TEST_CASE("T7: a flood of probes is policed before it reaches control") {
    Gateway g;
    const auto probe = message("10.1.0.2", "10.2.0.2", 240);
    std::size_t up = 0;
    for (int i = 0; i < 5000; ++i) {
        g.receive(1, probe);
        if (i % 100 == 0) {
            g.run();
            up += g.punts().size();
        }
    }
    g.run();
    up += g.punts().size();
    CHECK(up <= 520);
    CHECK(g.drops("punt_policed") >= 4480);
}

}  // namespace viaduct::dataplane::test
