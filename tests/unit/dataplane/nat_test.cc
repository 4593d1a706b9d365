// Address translation through the whole plane, packets built byte by byte.
//
//     10.1.0.2 ┐                                         ┌ 203.0.113.9 (server)
//              ├─ 1 [10.1.0.1  router  203.0.113.1] 2 ───┤
//     10.1.0.3 ┘   inside                      outside   └ 203.0.113.8 (another)
#include <catch2/catch.hpp>

#include "dataplane/packet.h"
#include "tests/unit/dataplane/nat_rig.h"

namespace viaduct::dataplane::test {

TEST_CASE("NAT44: one address for a UDP conversation and its answer", "[nat]") {
    NatRig r;
    r.overload();
    const auto out = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 53, "question"));
    REQUIRE(out);
    CHECK(*out == with_ttl(checked_udp("203.0.113.1", 5000, "203.0.113.9", 53, "question"), 63));

    const auto back = r.in(checked_udp("203.0.113.9", 53, "203.0.113.1", 5000, "answer"));
    REQUIRE(back);
    CHECK(*back == with_ttl(checked_udp("203.0.113.9", 53, "10.1.0.2", 5000, "answer"), 63));

    const auto sessions = r.plane.nat_sessions(10);
    REQUIRE(sessions.size() == 1);
    CHECK(sessions[0].protocol == kProtoUdp);
    CHECK(sessions[0].inside_local == ip("10.1.0.2"));
    CHECK(sessions[0].inside_local_port == 5000);
    CHECK(sessions[0].inside_global == ip("203.0.113.1"));
    CHECK(sessions[0].inside_global_port == 5000);
    CHECK(sessions[0].outside_local == ip("203.0.113.9"));
    CHECK(sessions[0].outside_global_port == 53);
    CHECK(sessions[0].rule == 7);
    const auto s = r.plane.nat_statistics();
    CHECK(s.active == 1);
    CHECK(s.misses == 1);
    CHECK(s.hits == 1);
    CHECK(s.rules.at(0).sessions == 1);
    CHECK(s.rules.at(0).addresses_in_use == 1);
}

TEST_CASE("NAT44: a TCP connection from SYN to FIN, and its times", "[nat]") {
    NatRig r;
    r.overload();
    const auto syn = r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 80, kSyn));
    REQUIRE(syn);
    CHECK(*syn == with_ttl(checked_tcp("203.0.113.1", 40000, "203.0.113.9", 80, kSyn), 63));
    CHECK(r.idle_time() == 60s);  // opening
    const auto answer = r.in(checked_tcp("203.0.113.9", 80, "203.0.113.1", 40000, kSyn | kAck));
    REQUIRE(answer);
    CHECK(*answer == with_ttl(checked_tcp("203.0.113.9", 80, "10.1.0.2", 40000, kSyn | kAck), 63));
    CHECK(r.idle_time() == 86400s);
    CHECK(r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 80, kAck, "GET /")));
    CHECK(r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 80, kFin | kAck)));
    CHECK(r.idle_time() == 86400s);  // half closed
    r.policy.times.tcp_half_closed = 600s;
    r.publish_policy();
    CHECK(r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 80, kAck)));
    CHECK(r.idle_time() == 600s);
    CHECK(r.in(checked_tcp("203.0.113.9", 80, "203.0.113.1", 40000, kFin | kAck)));
    CHECK(r.idle_time() == 60s);
    // The same ports again.
    CHECK(r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 80, kSyn)));
    CHECK(r.in(checked_tcp("203.0.113.9", 80, "203.0.113.1", 40000, kSyn | kAck)));
    CHECK(r.idle_time() == 86400s);
    CHECK(r.in(checked_tcp("203.0.113.9", 80, "203.0.113.1", 40000, kRst)));
    CHECK(r.idle_time() == 60s);
    // RFC 7857: data after a RST that was not meant for it.
    CHECK(r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 80, kAck, "more")));
    CHECK(r.idle_time() == 86400s);
}

TEST_CASE("NAT44: what no session and no rule matches goes on as it was", "[nat]") {
    NatRig r;
    r.overload();
    // To the router itself, from outside.
    r.receive(2, checked_udp("203.0.113.9", 53, "203.0.113.1", 5000, "stray"));
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::local);
    CHECK(punts[0].packet == checked_udp("203.0.113.9", 53, "203.0.113.1", 5000, "stray"));
    // Denied by the rule's list: routed untranslated.
    AclRule deny;
    deny.selector.destination = ip("203.0.113.8");
    deny.selector.destination_mask = mask_of(32);
    AclRule permit;
    permit.permit = true;
    r.plane.publish_acl(AclId{1}, std::vector{deny, permit});
    const auto plain = checked_udp("10.1.0.2", 5000, "203.0.113.8", 500, "exempt");
    CHECK(r.out(plain) == with_ttl(plain, 63));
    CHECK(r.plane.nat_sessions(10).empty());
}

TEST_CASE("NAT44: filtering is by the remote address and port", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 53, "x")));
    CHECK_FALSE(r.in(checked_udp("203.0.113.8", 53, "203.0.113.1", 5000, "x")));
    CHECK_FALSE(r.in(checked_udp("203.0.113.9", 54, "203.0.113.1", 5000, "x")));
    CHECK_FALSE(r.in(checked_udp("203.0.113.9", 53, "203.0.113.1", 5001, "x")));
    CHECK(r.in(checked_udp("203.0.113.9", 53, "203.0.113.1", 5000, "x")));
}

}  // namespace viaduct::dataplane::test
