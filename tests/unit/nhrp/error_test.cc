// Error indications: who sent the packet in error hears of it, says so in the log, and stops asking; nobody else can make
// it stop.
#include <catch2/catch.hpp>

#include "network.h"

namespace viaduct::nhrp::test {
namespace {

/// A spoke of document 003 that has just asked the hub for the other spoke's network; the hub's answer is still under way.
struct Asking {
    Asking() {
        network.document003();
        for (auto& [name, node] : network.nodes_) {
            node->configure();
        }
        network.run_for(5s);
        three().route_packet(ip("2.2.2.5"), ip("3.3.3.5"), kNoInterface, {}, 255);
        for (const auto until = network.now + 1s; request.empty() && network.now < until;) {
            network.run_for(1ms);
            const auto& sent = three().sent.back().nhrp;
            const auto parsed = parse(sent);
            REQUIRE(parsed);
            if (parsed->type == PacketType::resolution_request) {
                request = sent;
                asked = *parsed;
            }
        }
        REQUIRE_FALSE(request.empty());
    }

    Node& three() { return network["sv9-3"]; }

    Packet error(ErrorCode code, const Bytes& cause) {
        Packet packet;
        packet.type = PacketType::error_indication;
        packet.error_code = static_cast<std::uint16_t>(code);
        packet.source_nbma = ip("209.168.202.225");
        packet.source_protocol = ip("192.168.1.1");
        packet.destination_protocol = ip("192.168.1.2");
        packet.contents = cause;
        return packet;
    }

    void give(const Packet& packet) {
        three().engine->on_packet(network.now, kTunnel0, ip("209.168.202.225"), build(packet));
        three().run_actions();
        CHECK(three().engine->is_consistent());
    }

    [[nodiscard]] bool given_up() {
        const auto* entry = three().entry(asked.destination_protocol.to_string() + "/32");
        return entry != nullptr && entry->negative;
    }

    Network network;
    Bytes request;
    Packet asked;
};

}  // namespace

TEST_CASE("D5: an error indication for our own question ends it, and is logged") {
    Asking w;
    const auto code = GENERATE(ErrorCode::loop_detected,
                               ErrorCode::hop_count_exceeded,
                               ErrorCode::protocol_address_unreachable);
    w.give(w.error(code, w.request));
    CHECK(w.given_up());
    CHECK(w.three().lines.count(
              "%NHRP-3-PAKERROR: Received Error Indication from 192.168.1.1, code: " +
              std::string(to_string(code))) == 1);
    // A second one within the interval is counted, not logged.
    w.give(w.error(code, w.request));
    CHECK(w.three().lines.count("PAKERROR") == 1);
    CHECK(w.three().engine->tunnels().at(kTunnel0).traffic.received.at(
              static_cast<std::size_t>(PacketType::error_indication)) == 2);
}

TEST_CASE("D5: an error that time may mend does not end the question") {
    Asking w;
    w.give(w.error(ErrorCode::authentication_failure, w.request));
    CHECK_FALSE(w.given_up());
    CHECK(w.three().lines.count("authentication failure") == 1);
    w.network.run_for(10s);
    CHECK(w.three().adjacency("3.3.3.5") != nullptr);
}

TEST_CASE("D5: errors about what we did not send change nothing") {
    Asking w;
    const auto unmatched = w.three().drops(Drop::unmatched_reply);
    auto other = w.asked;
    SECTION("another's packet") {
        other.source_protocol = ip("192.168.1.3");
        w.give(w.error(ErrorCode::loop_detected, build(other)));
        CHECK(w.three().drops(Drop::unmatched_reply) == unmatched + 1);
        CHECK(w.three().lines.count("PAKERROR") == 0);
    }
    SECTION("not a packet at all, or half of one") {
        w.give(w.error(ErrorCode::loop_detected, {1, 2, 3}));
        w.give(w.error(ErrorCode::loop_detected, Bytes(w.request.begin(), w.request.begin() + 40)));
        CHECK(w.three().drops(Drop::unmatched_reply) == unmatched + 2);
    }
    SECTION("another question's number") {
        other.request_id += 1000;
        w.give(w.error(ErrorCode::loop_detected, build(other)));
    }
    SECTION("another question's address under this number") {
        other.destination_protocol = ip("192.168.1.77");
        w.give(w.error(ErrorCode::loop_detected, build(other)));
    }
    CHECK_FALSE(w.given_up());
    w.network.run_for(10s);
    CHECK(w.three().adjacency("3.3.3.5") != nullptr);
}

// spoke ── a ─▶ b ─▶ c ─▶ a …
TEST_CASE("D5: the asker hears of a loop behind its server") {
    Network network;
    const char* names[] = {"a", "b", "c"};
    for (unsigned i = 0; i < 3; ++i) {
        const auto n = std::to_string(i + 1);
        const auto next = std::to_string((i + 1) % 3 + 1);
        auto& node = network.add(names[i], "192.168.1." + n, "10.0.0." + n, "");
        node.interface().nhrp.servers = {{ip("192.168.1." + next), ip("10.0.0." + next)}};
        node.routes.add("172.16.0.0/16", kTunnel0, "192.168.1." + next);
    }
    auto& spoke = network.add("spoke", "192.168.1.9", "10.0.0.9", "172.20.0.0/16");
    spoke.interface().nhrp.servers = {{ip("192.168.1.1"), ip("10.0.0.1"), true}};
    spoke.routes.add("172.16.0.0/16", kTunnel0);
    for (auto& [name, node] : network.nodes_) {
        node->interface().protection = false;
        node->configure();
    }
    network.run_for(5s);
    spoke.route_packet(ip("172.20.0.5"), ip("172.16.1.1"), kNoInterface, {}, 255);
    network.run_for(5s);
    CHECK(network["a"].drops(Drop::loop_detected) == 1);
    CHECK(spoke.lines.count(
              "%NHRP-3-PAKERROR: Received Error Indication from 192.168.1.1, code: loop "
              "detected(3)") == 1);
    const auto* entry = spoke.entry("172.16.1.1/32");
    REQUIRE(entry != nullptr);
    CHECK(entry->negative);
    CHECK(spoke.engine->is_consistent());
}

}  // namespace viaduct::nhrp::test
