// FTP through NAT: the words on the control connection, sequence numbers, and the data connection that they open.
#include <catch2/catch.hpp>

#include "dataplane/packet.h"
#include "tests/unit/dataplane/nat_rig.h"

namespace viaduct::dataplane::test {

namespace {

Bytes said(std::string_view text, std::uint32_t sequence = 1000) {
    return checked_tcp("10.1.0.2", 40000, "203.0.113.9", 21, kAck, text, sequence);
}

Bytes heard(std::string_view text, std::uint32_t sequence = 1000) {
    return with_ttl(checked_tcp("203.0.113.1", 40000, "203.0.113.9", 21, kAck, text, sequence), 63);
}

}  // namespace

TEST_CASE("NAT44: FTP's PORT and EPRT are translated, and the data connection comes in", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(r.out(checked_tcp("10.1.0.2", 40000, "203.0.113.9", 21, kSyn)));
    const std::string port = "PORT 10,1,0,2,19,137\r\n";
    CHECK(r.out(said(port)) == heard("PORT 203,0,113,1,19,137\r\n"));
    // Once more: the same.
    CHECK(r.out(said(port)) == heard("PORT 203,0,113,1,19,137\r\n"));
    // What follows is three bytes further on.
    CHECK(r.out(said("LIST\r\n", 1022)) == heard("LIST\r\n", 1025));
    CHECK(r.out(said("USER x\r\n", 900)) == heard("USER x\r\n", 900));
    // Acknowledgements go the other way.
    const auto ack = [&](std::uint32_t number) {
        return r.in(checked_tcp("203.0.113.9", 21, "203.0.113.1", 40000, kAck, "", 2000, number));
    };
    const auto acked = [](std::uint32_t number) {
        return with_ttl(checked_tcp("203.0.113.9", 21, "10.1.0.2", 40000, kAck, "", 2000, number),
                        63);
    };
    CHECK(ack(1025) == acked(1022));
    CHECK(ack(1031) == acked(1028));
    CHECK(ack(1000) == acked(1000));
    // 19 × 256 + 137 = 5001: only this server, only once for each word.
    CHECK_FALSE(r.in(checked_tcp("203.0.113.8", 20, "203.0.113.1", 5001, kSyn)));
    const auto data = r.in(checked_tcp("203.0.113.9", 20, "203.0.113.1", 5001, kSyn));
    REQUIRE(data);
    CHECK(*data == with_ttl(checked_tcp("203.0.113.9", 20, "10.1.0.2", 5001, kSyn), 63));
    CHECK_FALSE(r.in(checked_tcp("203.0.113.9", 19, "203.0.113.1", 5001, kSyn)));

    CHECK(r.out(said("EPRT |1|10.1.0.2|6000|\r\n", 1028)) ==
          heard("EPRT |1|203.0.113.1|6000|\r\n", 1031));
    CHECK(r.out(said("QUIT\r\n", 1052)) == heard("QUIT\r\n", 1058));
}

TEST_CASE("NAT44: FTP: another's address, and other words, are left alone", "[nat]") {
    NatRig r;
    r.overload();
    for (const std::string_view text : {"PORT 10,1,0,3,19,137\r\n",
                                        "PORT 10,1,0,2,19,300\r\n",
                                        "PORT 10,1,0,2,0,0\r\n",
                                        "STOR PORT 10,1,0,2,19,137\r\n",
                                        "EPRT |2|::1|6000|\r\n",
                                        "227 (10,1,0,2,19,137)\r\n",
                                        "PORT \r\n",
                                        "\r\n"}) {
        CHECK(r.out(said(text)) == heard(text));
    }
    // The second line of a segment counts, too; small letters do.
    CHECK(r.out(said("NOOP\r\nport 10,1,0,2,19,137\r\n")) ==
          heard("NOOP\r\nport 203,0,113,1,19,137\r\n"));
}

TEST_CASE("NAT44: FTP's lines cut short anywhere are left alone", "[nat]") {
    for (const std::string line : {"PORT 10,1,0,2,19,137\r\n", "EPRT |1|10.1.0.2|6000|\r\n"}) {
        NatRig r;
        r.overload();
        for (std::size_t bytes = 0; bytes < line.size(); ++bytes) {
            CHECK(r.out(said(line.substr(0, bytes))) == heard(line.substr(0, bytes)));
        }
        CHECK(r.out(said(line)) != heard(line));
    }
}

TEST_CASE("NAT44: FTP of an inside server behind a static port: 227 and 229", "[nat]") {
    NatRig r;
    r.overload();
    NatStatic s;
    s.id = 9;
    s.protocol = kProtoTcp;
    s.local = ip("10.1.0.3");
    s.local_port = 21;
    s.global = ip("203.0.113.1");
    s.global_port = 21;
    r.policy.statics = {s};
    r.publish_policy();
    REQUIRE(r.in(checked_tcp("203.0.113.9", 50000, "203.0.113.1", 21, kSyn)));
    const auto reply = [&](std::string_view text, std::uint32_t sequence) {
        return r.out(checked_tcp("10.1.0.3", 21, "203.0.113.9", 50000, kAck, text, sequence));
    };
    const auto expected = [](std::string_view text, std::uint32_t sequence) {
        return with_ttl(checked_tcp("203.0.113.1", 21, "203.0.113.9", 50000, kAck, text, sequence),
                        63);
    };
    CHECK(reply("227 Entering Passive Mode (10,1,0,3,200,1).\r\n", 1000) ==
          expected("227 Entering Passive Mode (203,0,113,1,200,1).\r\n", 1000));
    CHECK(r.in(checked_tcp("203.0.113.9", 50001, "203.0.113.1", 51201, kSyn)) ==
          with_ttl(checked_tcp("203.0.113.9", 50001, "10.1.0.3", 51201, kSyn), 63));
    CHECK(reply("229 Extended (|||51202|)\r\n", 1045) ==
          expected("229 Extended (|||51202|)\r\n", 1048));
    CHECK(r.in(checked_tcp("203.0.113.9", 50002, "203.0.113.1", 51202, kSyn)));
}

}  // namespace viaduct::dataplane::test
