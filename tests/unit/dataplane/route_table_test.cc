// The route table held against a plain search over all prefixes.
#include "dataplane/tables/route_table.h"

#include <catch2/catch.hpp>

#include "dataplane/base/random.h"
#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane {

using test::ip;
using test::net;

TEST_CASE("longest prefix wins, in any order of adding and removing") {
    Rcu rcu(1);
    RouteTable t(rcu);
    t.set(net("0.0.0.0/0"), NextHopId{1});
    t.set(net("10.0.0.0/8"), NextHopId{2});
    t.set(net("10.1.2.3/32"), NextHopId{5});
    t.set(net("10.1.2.0/24"), NextHopId{4});
    t.set(net("10.1.0.0/16"), NextHopId{3});
    CHECK(t.view().lookup(ip("10.1.2.3").value()) == 0);  // not before the commit
    t.commit();
    CHECK(t.view().lookup(ip("11.0.0.1").value()) == 1);
    CHECK(t.view().lookup(ip("10.9.0.1").value()) == 2);
    CHECK(t.view().lookup(ip("10.1.9.1").value()) == 3);
    CHECK(t.view().lookup(ip("10.1.2.4").value()) == 4);
    CHECK(t.view().lookup(ip("10.1.2.3").value()) == 5);
    t.remove(net("10.1.2.0/24"));
    t.remove(net("10.0.0.0/8"));
    t.commit();
    CHECK(t.view().lookup(ip("10.1.2.3").value()) == 5);
    CHECK(t.view().lookup(ip("10.1.2.4").value()) == 3);
    CHECK(t.view().lookup(ip("10.9.0.1").value()) == 1);
    t.remove(net("0.0.0.0/0"));
    t.commit();
    CHECK(t.view().lookup(ip("10.9.0.1").value()) == 0);
    rcu.drain();
}

TEST_CASE("random routes come and go: every address as the slow search says") {
    const auto seed = GENERATE(1U, 2U, 3U, 4U);
    SeededRandom random(seed);
    Rcu rcu(1);
    RouteTable t(rcu);
    std::vector<Ipv4Prefix> known;
    for (int round = 0; round < 60; ++round) {
        for (int change = 0; change < 20; ++change) {
            // Few distinct high bits, so that prefixes nest.
            const Ipv4Address a{0x0A000000U | (random.u32() & 0x0303FFFFU)};
            const Ipv4Prefix p{a, static_cast<unsigned>(random.below(33))};
            if (!known.empty() && random.below(3) == 0) {
                t.remove(known[random.below(known.size())]);
            } else {
                t.set(p, NextHopId{static_cast<std::uint32_t>(1 + random.below(1000))});
                known.push_back(p);
            }
        }
        t.commit();
        rcu.reclaim();
        for (int probe = 0; probe < 200; ++probe) {
            auto address = Ipv4Address{0x0A000000U | (random.u32() & 0x0303FFFFU)};
            if (probe % 2 == 0) {
                const auto& p = known[random.below(known.size())];
                address = probe % 4 == 0 ? p.network() : p.broadcast();
            }
            REQUIRE(t.view().lookup(address.value()) == t.lookup_slow(address));
        }
    }
    for (const auto& p : known) {
        t.remove(p);
    }
    t.commit();
    for (const auto& p : known) {
        REQUIRE(t.view().lookup(p.network().value()) == 0);
    }
    rcu.drain();
}

}  // namespace viaduct::dataplane
