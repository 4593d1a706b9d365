#include "controlplane/rib/rib.h"

#include <catch2/catch.hpp>

namespace viaduct::rib {
namespace {

constexpr IfIndex kFa00{1};
constexpr IfIndex kFa01{2};

Route connected(const char* prefix, IfIndex interface) {
    return {
        *Ipv4Prefix::parse(prefix), Source::connected, 0, 0, {{interface, std::nullopt, false}}};
}

Route via(const char* prefix, const char* gateway, std::uint8_t distance = 1) {
    return {*Ipv4Prefix::parse(prefix),
            Source::static_route,
            distance,
            0,
            {{std::nullopt, Ipv4Address::parse(gateway), false}}};
}

TEST_CASE("A static route resolves through a connected network and goes with it") {
    Rib rib;
    rib.offer(connected("10.0.0.0/24", kFa00));
    rib.offer(via("0.0.0.0/0", "10.0.0.1"));
    auto changes = rib.commit();
    REQUIRE(changes.size() == 2);
    auto found = rib.look_up(Ipv4Address(8, 8, 8, 8));
    REQUIRE(found.paths.size() == 1);
    CHECK(found.paths[0].interface == kFa00);
    CHECK(found.paths[0].gateway == Ipv4Address(10, 0, 0, 1));
    CHECK(rib.commit().empty());

    rib.withdraw(*Ipv4Prefix::parse("10.0.0.0/24"), Source::connected);
    changes = rib.commit();
    CHECK(changes.size() == 2);
    CHECK(rib.look_up(Ipv4Address(8, 8, 8, 8)).route == nullptr);
    CHECK(rib.unresolved().size() == 1);
}

TEST_CASE("P8: a default route whose gateway is on no connected network is kept, not installed") {
    Rib rib;
    rib.offer(connected("10.48.67.160/27", kFa00));
    rib.offer(via("0.0.0.0/0", "10.48.66.181"));
    rib.commit();
    CHECK(rib.size() == 1);
    REQUIRE(rib.unresolved().size() == 1);
}

TEST_CASE("A floating static route takes over when the better one is gone") {
    Rib rib;
    rib.offer(connected("10.0.0.0/24", kFa00));
    rib.offer(connected("10.0.1.0/24", kFa01));
    rib.offer(via("20.0.0.0/8", "10.0.0.1", 1));
    rib.offer(via("20.0.0.0/8", "10.0.1.1", 200));
    rib.commit();
    CHECK(rib.look_up(Ipv4Address(20, 1, 1, 1)).paths[0].interface == kFa00);
    rib.withdraw(*Ipv4Prefix::parse("10.0.0.0/24"), Source::connected);
    rib.commit();
    CHECK(rib.look_up(Ipv4Address(20, 1, 1, 1)).paths[0].interface == kFa01);
}

TEST_CASE("Recursion over two levels, and none through itself") {
    Rib rib;
    rib.offer(connected("10.0.0.0/24", kFa00));
    rib.offer(via("20.0.0.0/8", "10.0.0.1"));
    rib.offer(via("30.0.0.0/8", "20.0.0.1"));
    rib.offer(via("40.0.0.0/8", "40.0.0.1"));
    rib.commit();
    const auto found = rib.look_up(Ipv4Address(30, 1, 1, 1));
    REQUIRE(found.paths.size() == 1);
    CHECK(found.paths[0].gateway == Ipv4Address(10, 0, 0, 1));
    CHECK(rib.look_up(Ipv4Address(40, 1, 1, 1)).route == nullptr);
}

TEST_CASE("Two routes that lean on each other resolve to nothing") {
    Rib rib;
    rib.offer(via("20.0.0.0/8", "30.0.0.1"));
    rib.offer(via("30.0.0.0/8", "20.0.0.1"));
    rib.commit();
    CHECK(rib.size() == 0);
}

TEST_CASE("Of one prefix the lowest distance wins; equal paths share") {
    Rib rib;
    rib.offer(connected("10.0.0.0/24", kFa00));
    rib.offer(connected("10.0.1.0/24", kFa01));
    Route eigrp{
        *Ipv4Prefix::parse("50.0.0.0/8"),
        Source::eigrp,
        90,
        1000,
        {{kFa00, Ipv4Address(10, 0, 0, 2), false}, {kFa01, Ipv4Address(10, 0, 1, 2), false}}};
    rib.offer(eigrp);
    rib.commit();
    CHECK(rib.look_up(Ipv4Address(50, 0, 0, 1)).paths.size() == 2);
    rib.offer(via("50.0.0.0/8", "10.0.0.9"));
    rib.commit();
    CHECK(rib.look_up(Ipv4Address(50, 0, 0, 1)).route->source == Source::static_route);
    rib.replace_all(Source::static_route, {});
    rib.commit();
    CHECK(rib.look_up(Ipv4Address(50, 0, 0, 1)).route->source == Source::eigrp);
}

}  // namespace
}  // namespace viaduct::rib
