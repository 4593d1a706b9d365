// Several workers: everything comes in by the first one, which hands over what is another's; ports name their owner.
#include <set>

#include <catch2/catch.hpp>

#include "dataplane/packet.h"
#include "tests/unit/dataplane/nat_rig.h"

namespace viaduct::dataplane::test {

TEST_CASE("NAT44: hosts belong to workers, and ports name them", "[nat]") {
    PlaneOptions options;
    options.workers = 3;
    NatRig r(options);
    r.overload();
    std::set<std::uint16_t> ports;
    unsigned moved = 0;
    for (unsigned n = 2; n < 200; ++n) {
        const auto host = "10.1.1." + std::to_string(n);
        const auto out = r.out(checked_udp(host, 5000, "203.0.113.9", 53, "x"));
        REQUIRE(out);
        REQUIRE(checksums_are_right(*out));
        const auto port = static_cast<std::uint16_t>((*out)[20] << 8U | (*out)[21]);
        REQUIRE(ports.insert(port).second);
        moved += port % 3 != 5000 % 3 ? 1U : 0U;
        const auto in = r.in(checked_udp("203.0.113.9", 53, "203.0.113.1", port, "y"));
        // No route back to these hosts but the default one: it leaves by the outside again.
        CHECK_FALSE(in);
        r.sent(2);
    }
    CHECK(moved > 50);
    const auto s = r.plane.nat_statistics();
    CHECK(s.active == 198);
    CHECK(s.hits == 198);
    CHECK(r.plane.nat_sessions(1000).size() == 198);
    CHECK(r.plane.clear_nat({}) == 198);
    r.run();
    CHECK(r.plane.nat_sessions(1000).empty());
}

TEST_CASE("NAT44: with several workers errors, fragments, FTP and statics find their worker",
          "[nat]") {
    PlaneOptions options;
    options.workers = 2;
    NatRig r(options);
    r.overload();
    NatStatic s;
    s.protocol = kProtoTcp;
    s.local = ip("10.1.0.3");
    s.local_port = 80;
    s.global = ip("203.0.113.1");
    s.global_port = 8080;
    r.policy.statics = {s};
    r.publish_policy();
    for (unsigned n = 2; n < 8; ++n) {
        const auto host = "10.1.0." + std::to_string(n);
        const auto out = r.out(checked_udp(host, 5000, "203.0.113.9", 9, "x"));
        REQUIRE(out);
        const auto error = r.in(icmp_error("203.0.113.8", "203.0.113.1", 11, 0, *out, 40));
        REQUIRE(error);
        CHECK(BytesView(*error).subspan(16, 4)[3] == n);
        REQUIRE(r.out(esp_packet(host, "203.0.113.9", n)));
        const auto esp = r.in(esp_packet("203.0.113.9", "203.0.113.1", 100 + n));
        REQUIRE(esp);
        CHECK(BytesView(*esp).subspan(16, 4)[3] == n);
        REQUIRE(r.out(checked_tcp(host, 40000, "203.0.113.9", 21, kSyn)));
        const auto port = r.out(checked_tcp(host,
                                            40000,
                                            "203.0.113.9",
                                            21,
                                            kAck,
                                            "PORT 10,1,0," + std::to_string(n) + ",19,137\r\n"));
        REQUIRE(port);
        CHECK(checksums_are_right(*port));
    }
    CHECK(r.in(checked_tcp("203.0.113.9", 999, "203.0.113.1", 8080, kSyn)) ==
          with_ttl(checked_tcp("203.0.113.9", 999, "10.1.0.3", 80, kSyn), 63));
    CHECK(r.drops("handoff_ring_full") == 0);
}

}  // namespace viaduct::dataplane::test
