// Key chains whose keys have lifetimes: which key signs, which are accepted, and that a rollover costs no neighbour.
#include <catch2/catch.hpp>

#include "controlplane/eigrp/wire.h"
#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

constexpr std::int64_t kStart = 1'767'225'600;  // 2026-01-01 00:00:00 UTC

config::KeyLifetime from_to(std::int64_t start, std::optional<std::int64_t> end = {}) {
    return {false, kStart + start, end ? std::optional{kStart + *end} : std::nullopt, false};
}

/// A –– B with authentication; the calendar begins at kStart.
struct KeyedPair {
    KeyedPair() : net(31) {
        for (const auto* name : {"A", "B"}) {
            r.push_back(net.add(name));
        }
        net.link(r[0], r[1]);
        net.lan(r[1], *Ipv4Prefix::parse("172.16.1.0/24"));
        for (const auto n : r) {
            net.node(n).eigrp(IfIndex{1}).authentication_md5 = true;
            net.node(n).eigrp(IfIndex{1}).key_chain = "K";
        }
        net.tap = [this](const Sent& s) {
            const auto id = key_id_of(s.packet.payload);
            used.insert(id.value_or(0));
        };
    }

    config::KeyChainKey& key(std::size_t n, std::uint32_t id) {
        auto& made = net.node(r[n]).configuration.key_chains["K"][id];
        made.key_string = {0, "secret" + std::to_string(id)};
        return made;
    }

    void both(std::uint32_t id,
              std::optional<config::KeyLifetime> accept,
              std::optional<config::KeyLifetime> send) {
        for (std::size_t n = 0; n < 2; ++n) {
            key(n, id).accept_lifetime = accept;
            key(n, id).send_lifetime = send;
        }
    }

    void start() {
        for (const auto n : r) {
            net.node(n).engine->set_wall(net.now(), WallTime{std::chrono::seconds{kStart}});
        }
        net.start();
        began = net.now();
    }

    /// Which keys signed what was sent in this time; 0: a packet without authentication.
    std::set<std::uint32_t> used_until(Duration since_start) {
        used.clear();
        net.run_until(began + since_start);
        return used;
    }

    [[nodiscard]] bool up() const { return net.has_route(r[0], "172.16.1.0/24"); }

    std::size_t flaps() { return net.node(r[0]).sink.flaps + net.node(r[1]).sink.flaps; }

    std::size_t refused() {
        return net.node(r[0]).process().counters()[Counter::drop_authentication] +
               net.node(r[1]).process().counters()[Counter::drop_authentication];
    }

    Network net;
    std::vector<std::size_t> r;
    std::set<std::uint32_t> used;
    TimePoint began{};
};

}  // namespace

TEST_CASE("D4: keys roll over by their lifetimes without a flap") {
    KeyedPair w;
    w.both(1, from_to(0, 600), from_to(0, 300));
    w.both(2, from_to(200), from_to(300));
    w.start();
    CHECK(w.used_until(299s) == std::set<std::uint32_t>{1});
    CHECK(w.up());
    w.used_until(301s);
    CHECK(w.used_until(1800s) == std::set<std::uint32_t>{2});
    CHECK(w.up());
    CHECK(w.flaps() == 0);
    CHECK(w.refused() == 0);
}

TEST_CASE("D4: the lowest key that is good now signs; clocks may differ within the overlap") {
    KeyedPair w;
    w.both(1, from_to(0, 600), from_to(0, 300));
    w.both(2, from_to(200), from_to(250));
    w.start();
    // B's clock is a minute and a half ahead.
    w.net.node(w.r[1]).engine->set_wall(w.net.now(), WallTime{std::chrono::seconds{kStart + 90}});
    CHECK(w.used_until(209s) == std::set<std::uint32_t>{1});
    w.used_until(211s);
    CHECK(w.used_until(299s) == std::set<std::uint32_t>{1, 2});
    w.used_until(301s);
    CHECK(w.used_until(1000s) == std::set<std::uint32_t>{2});
    CHECK(w.flaps() == 0);
    CHECK(w.refused() == 0);
}

TEST_CASE("D4: a key is refused before and after its accept lifetime") {
    KeyedPair w;
    w.both(1, from_to(0, 60), std::nullopt);
    w.start();
    w.used_until(55s);
    CHECK(w.up());
    // Nobody accepts it any more; both still send it.
    w.used_until(90s);
    CHECK_FALSE(w.up());
    CHECK(w.refused() > 4);
    CHECK(w.net.node(w.r[0]).sink.has("is down: holding time expired"));
    // Without a key that may be sent, packets go out unsigned, and are refused.
    w.both(1, std::nullopt, from_to(200));
    w.net.apply(w.r[0]);
    w.net.apply(w.r[1]);
    CHECK(w.used_until(199s) == std::set<std::uint32_t>{0});
    CHECK_FALSE(w.up());
    w.used_until(201s);
    CHECK(w.used_until(230s) == std::set<std::uint32_t>{1});
    CHECK(w.up());
}

TEST_CASE("D4: keys with lifetimes are not good before the calendar is known, others are") {
    KeyedPair w;
    w.both(1, from_to(0), from_to(0));
    w.net.start();
    w.net.run(30s);
    CHECK_FALSE(w.up());
    w.both(2, std::nullopt, std::nullopt);
    w.net.apply(w.r[0]);
    w.net.apply(w.r[1]);
    w.net.run(10s);
    CHECK(w.up());
}

TEST_CASE("D4: `local` lifetimes follow the router's time zone") {
    Calendar calendar{true, std::chrono::seconds{kStart}, 60};
    auto life = from_to(3600, 7200);
    const TimePoint zero{};
    CHECK_FALSE(calendar.covers(life, zero));
    CHECK(calendar.covers(life, zero + 3600s));
    CHECK_FALSE(calendar.covers(life, zero + 7200s));
    life.local = true;
    CHECK(calendar.covers(life, zero));
    CHECK(calendar.covers(life, zero + 3599s + 999ms));
    CHECK_FALSE(calendar.covers(life, zero + 3600s));
    CHECK(calendar.covers(std::nullopt, zero));
}

TEST_CASE("D4: a key more or less in the chain keeps the neighbours, another secret does not") {
    KeyedPair w;
    w.key(0, 1);
    w.key(1, 1);
    w.start();
    w.used_until(10s);
    for (std::size_t n = 0; n < 2; ++n) {
        w.key(n, 2);
        w.net.apply(w.r[n]);
    }
    w.used_until(30s);
    for (std::size_t n = 0; n < 2; ++n) {
        w.net.node(w.r[n]).configuration.key_chains["K"].erase(1);
        w.net.apply(w.r[n]);
    }
    CHECK(w.used_until(60s).contains(2));
    CHECK(w.flaps() == 0);
    CHECK(w.up());
    w.key(0, 2).key_string = {0, "other"};
    w.net.apply(w.r[0]);
    CHECK(w.net.node(w.r[0]).sink.has("is down: keychain changed"));
    w.used_until(90s);
    CHECK_FALSE(w.up());
}

}  // namespace viaduct::eigrp::test
