// Strangers, floods, replays, dead peers: what must not grow does not, what must not happen does not.
#include <catch2/catch.hpp>

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kA(10, 0, 0, 1);
constexpr Ipv4Address kB(10, 0, 0, 2);

/// A valid first message of main mode with a cookie of its own.
Bytes first_message(const config::CryptoConfig& crypto, std::uint64_t cookie) {
    ChainWriter chain;
    chain.add(PayloadType::sa, write_sa(offer_of(suites_of(crypto, {true, false, false}))));
    Header h;
    h.initiator = Cookie{cookie};
    h.next = chain.first();
    return write_message(h, chain.view());
}

}  // namespace

TEST_CASE("IKE limits: 10,000 garbage first packets leave no state") {
    World world(21);
    auto& b = world.add("b", kB);
    configure_dmvpn(b);
    SeededRandom random(99);
    const auto good = first_message(b.config.crypto, 0x1111);
    for (int i = 0; i < 10000; ++i) {
        Bytes packet = i % 3 == 0 ? random.bytes(random.below(400)) : good;
        if (i % 3 != 0) {
            // One octet of the body wrong, or cut short with the header's length put right.
            packet[kHeaderBytes + random.below(packet.size() - kHeaderBytes)] ^=
                static_cast<std::uint8_t>(0x80U >> (i % 8));
        }
        const Endpoint from{Ipv4Address(static_cast<std::uint32_t>(random.u64())), kPortIsakmp};
        b.engine->on_packet(world.now, {kOutside, {kB, kPortIsakmp}, from, packet});
        b.drain();
    }
    CHECK(b.ike_count() <= kMaxHalfOpen);
    world.run(2min);
    CHECK(b.ike_count() == 0);
    CHECK(b.engine->state().timers.size() == 0);
    CHECK(b.engine->state().half_open_of_source.empty());
    CHECK(b.engine->state().by_first_message.empty());
    CHECK(b.counter(Counter::malformed_header) + b.counter(Counter::malformed_payload) > 5000);
}

TEST_CASE("IKE limits: half-open SAs are bounded a source and in total, the oldest makes room") {
    World world(22);
    auto& b = world.add("b", kB);
    configure_dmvpn(b);
    const auto send = [&](Ipv4Address from, std::uint64_t cookie) {
        b.engine->on_packet(world.now,
                            {kOutside,
                             {kB, kPortIsakmp},
                             {from, kPortIsakmp},
                             first_message(b.config.crypto, cookie)});
        b.drain();
        world.now += 1us;
    };
    for (std::uint64_t i = 1; i <= kMaxHalfOpenPerSource + 10; ++i) {
        send(kA, i);
    }
    CHECK(b.ike_count() == kMaxHalfOpenPerSource);
    CHECK(b.counter(Counter::half_open_source_limit) == 10);
    for (std::uint64_t i = 0; i < kMaxHalfOpen + 500; ++i) {
        send(Ipv4Address(static_cast<std::uint32_t>(0x0B000000U + i)), 100000 + i);
    }
    CHECK(b.ike_count() == kMaxHalfOpen);
    CHECK(b.counter(Counter::half_open_limit) > 0);
    // A real peer still gets in.
    auto& a = world.add("a", kA);
    configure_dmvpn(a);
    a.acquire(dmvpn_acquire(a, b));
    world.run(2s);
    CHECK(a.established_count() == 1);
}

TEST_CASE("IKE: what is not protected is not believed, and counted") {
    World world(23);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    const auto& sa = *b.engine->state().ikes.begin()->second;
    Deletion d;
    ByteWriter cookies;
    cookies.u64(sa.cookie_i.value()).u64(sa.cookie_r.value());
    d.spis.push_back(cookies.take());
    ChainWriter chain;
    chain.add(PayloadType::deletion, write_deletion(d));
    Notification n;
    n.type = NotifyType::no_proposal_chosen;
    chain.add(PayloadType::notification, write_notification(n));
    Header h;
    h.initiator = sa.cookie_i;
    h.responder = sa.cookie_r;
    h.next = chain.first();
    h.exchange = ExchangeType::informational;
    h.message_id = MessageId{77};
    world.deliver_raw({kA, kPortIsakmp}, {kB, kPortIsakmp}, write_message(h, chain.view()));
    world.run(1s);
    CHECK(b.established_count() == 1);
    CHECK(b.counter(Counter::unauthenticated_delete) == 1);
    CHECK(b.counter(Counter::unauthenticated_notify) == 1);
}

TEST_CASE("IKE: a repeated packet gets the same answer and causes no work") {
    World world(24);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    std::vector<std::pair<Endpoint, Bytes>> to_b;
    world.filter = [&](const Endpoint& from, const Endpoint& to, const Bytes& payload) {
        if (to.address == kB) {
            to_b.emplace_back(from, payload);
        }
        return true;
    };
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    REQUIRE(to_b.size() == 5);
    const auto answers = b.sent;
    const auto pairs = b.pairs.size();
    // Message 5 of main mode again: message 6 again, bit for bit.
    b.engine->on_packet(world.now, {kOutside, {kB, kPortIsakmp}, to_b[2].first, to_b[2].second});
    b.drain();
    CHECK(b.sent.back().payload == answers[2].payload);
    CHECK(b.counter(Counter::duplicates) == 1);
    CHECK(b.established_count() == 1);
    // Quick mode's messages again: nothing new.
    for (const auto i : {3U, 4U}) {
        b.engine->on_packet(world.now,
                            {kOutside, {kB, kPortIsakmp}, to_b[i].first, to_b[i].second});
        b.drain();
    }
    CHECK(b.pairs.size() == pairs);
    CHECK(b.counter(Counter::quick_responded) == 1);
    CHECK(a.counter(Counter::phase1_established) == 1);
}

TEST_CASE("N8: DPD finds a dead peer, on demand and periodically") {
    const bool periodic = GENERATE(true, false);
    World world(25);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    for (auto* node : {&a, &b}) {
        configure_dmvpn(*node);
        node->config.crypto.ipsec_profiles["cisco"].lifetime.seconds = 3600;
        node->config.crypto.keepalive = config::Keepalive{10, 2, periodic};
    }
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    REQUIRE(a.established_count() == 1);
    world.run(60s);
    CHECK(a.established_count() == 1);
    CHECK((a.counter(Counter::dpd_sent) > 0) == periodic);
    // The peer falls silent.
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes&) {
        return from.address != kB;
    };
    a.pairs.begin()->second.usage.last_out = world.now + 1s;
    world.run(60s);
    CHECK(a.ike_count() == 0);
    CHECK(a.pairs.empty());
    CHECK(a.counter(Counter::dpd_dead_peers) == 1);
    REQUIRE(a.states.size() == 2);
    CHECK_FALSE(a.states[1].up);
}

TEST_CASE("IKE: an unknown SPI is answered inside the ISAKMP SA, and the pair is made anew") {
    World world(26);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    const auto spi = *a.pairs.begin()->second.spi_out;
    b.engine->on_unknown_spi(world.now, kB, kA, spi);
    b.engine->on_unknown_spi(world.now, kB, kA, spi);
    b.drain();
    world.run(1s);
    CHECK(a.pairs.empty());
    CHECK(b.counter(Counter::unknown_spi) == 2);
    CHECK(b.lines.contains("RECVD_PKT_INV_SPI"));
}

TEST_CASE("IKE: delete notifies take the pair and the ISAKMP SA away on the other side") {
    World world(27);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    a.engine->clear_ipsec(world.now, std::nullopt, "");
    a.drain();
    world.run(1s);
    CHECK(b.pairs.empty());
    CHECK(b.established_count() == 1);
    a.engine->clear_isakmp(world.now, std::nullopt);
    a.drain();
    world.run(1s);
    CHECK(b.ike_count() == 0);
    CHECK(b.engine->state().timers.size() == 0);
    CHECK(a.engine->state().timers.size() == 0);
    CHECK(a.reserved.empty());
    CHECK(b.reserved.empty());
}

TEST_CASE("IKE: `set peer` n times: the second takes over when the first is silent") {
    World world(28);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    auto acquire = dmvpn_acquire(a, b);
    acquire.peers = {Ipv4Address(10, 0, 0, 99), kB};
    a.acquire(acquire);
    world.run(2min);
    CHECK(a.established_count() == 1);
    CHECK(a.pairs.size() == 1);
    CHECK(a.pairs.begin()->second.parameters.remote.address == kB);
    CHECK(a.counter(Counter::retransmissions) == 5);
}

TEST_CASE("IKE: nobody answers: five repetitions ten seconds apart, then the flow is told") {
    World world(29);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    std::vector<TimePoint> times;
    world.filter = [&](const Endpoint&, const Endpoint&, const Bytes&) {
        times.push_back(world.now);
        return false;
    };
    a.acquire(dmvpn_acquire(a, b));
    world.run(2min);
    REQUIRE(times.size() == 6);
    CHECK(times[5] - times[0] == 50s);
    REQUIRE(a.states.size() == 1);
    CHECK_FALSE(a.states[0].up);
    CHECK(a.ike_count() == 0);
}

TEST_CASE("IKE: wrong key: no SA, no state, one log line") {
    World world(30);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.config.crypto.keys[0].key.text = "wrong";
    a.configure();
    a.acquire(dmvpn_acquire(a, b));
    world.run(3min);
    CHECK(a.established_count() == 0);
    CHECK(b.established_count() == 0);
    CHECK(b.ike_count() == 0);
    CHECK(std::count_if(b.lines.lines.begin(), b.lines.lines.end(), [](const auto& line) {
              return line.find("IKMP_BAD_MESSAGE") != std::string::npos;
          }) == 1);
}

TEST_CASE("IKE: the configuration changes: what it no longer allows goes, the rest stays") {
    World world(31);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    a.config.crypto.policies[20] = {};
    a.configure();
    CHECK(a.pairs.size() == 1);
    CHECK(a.established_count() == 1);
    a.config.crypto.transform_sets["strong"].esp_auth = crypto::Auth::hmac_sha1_96;
    a.configure();
    CHECK(a.pairs.empty());
    CHECK(a.established_count() == 1);
    a.config.crypto.keys.clear();
    a.configure();
    CHECK(a.ike_count() == 0);
    world.run(1s);
    CHECK(b.ike_count() == 0);
    CHECK(b.pairs.empty());
}

TEST_CASE("IKE: parked while Diffie-Hellman is elsewhere; duplicates meanwhile do nothing") {
    World world(32);
    auto& a = world.add("a", kA);
    auto& b = world.add("b", kB);
    configure_dmvpn(a);
    configure_dmvpn(b);
    b.hold_offload = true;
    world.link.duplicate = 1.0;
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    CHECK(b.engine->state().ikes.begin()->second->state == Phase1State::r_mm3);
    CHECK(b.offload.pending() == 1);
    b.hold_offload = false;
    b.drain();
    world.run(1s);
    CHECK(a.established_count() == 1);
    CHECK(b.pairs.size() == 1);
}

}  // namespace viaduct::ike::test
