// Probe and reply as bytes: the draft's, IOS's, and what is neither.
#include "controlplane/ike/ted_wire.h"

#include <catch2/catch.hpp>

#include "controlplane/ike/quick_payloads.h"

namespace viaduct::ike::test {

namespace {

const Proxy kProxy{Ipv4Address(13, 13, 13, 0), mask_of(24), std::nullopt, 0};
const Ipv4Address kGateway(11, 11, 11, 1);

Parsed<TedProbe> probe_of(BytesView bytes) {
    const auto header = parse_header(bytes);
    return header ? read_ted_probe(*header, bytes)
                  : Parsed<TedProbe>(tl::unexpected(header.error()));
}

Parsed<TedReply> reply_of(BytesView bytes) {
    const auto header = parse_header(bytes);
    return header ? read_ted_reply(*header, bytes)
                  : Parsed<TedReply>(tl::unexpected(header.error()));
}

/// A prefix whose header says that it is whole.
Bytes cut(const Bytes& whole, std::size_t length) {
    Bytes out(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    if (length >= kHeaderBytes) {
        out[27] = static_cast<std::uint8_t>(length);
    }
    return out;
}

}  // namespace

TEST_CASE("TED messages: what is written is read; every prefix is refused") {
    for (const bool ios : {true, false}) {
        const auto probe = write_ted_probe({Cookie{7}, kGateway, kProxy, ios}, 99);
        const auto read = probe_of(probe);
        REQUIRE(read.has_value());
        CHECK(read->gateway == kGateway);
        CHECK(read->proxy == kProxy);
        CHECK(read->ios == ios);
        const auto reply = write_ted_reply({Cookie{7}, Cookie{8}, kGateway, kProxy, ios}, 99, 1500);
        const auto answer = reply_of(reply);
        REQUIRE(answer.has_value());
        CHECK(answer->initiator == Cookie{7});
        CHECK(answer->responder == Cookie{8});
        CHECK(answer->proxy == kProxy);
        for (std::size_t i = 0; i < probe.size(); ++i) {
            CHECK_FALSE(probe_of(cut(probe, i)).has_value());
        }
        for (std::size_t i = 0; i < reply.size(); ++i) {
            CHECK_FALSE(reply_of(cut(reply, i)).has_value());
        }
        CHECK_FALSE(reply_of(probe).has_value());
        CHECK_FALSE(probe_of(reply).has_value());
    }
}

TEST_CASE("TED messages: octets as the draft and document 002 say") {
    const auto probe = write_ted_probe({Cookie{0x0102030405060708U}, kGateway, kProxy, false}, 0);
    CHECK(to_hex(probe) ==
          "0102030405060708"
          "0000000000000000"
          "05"
          "10"
          "f0"
          "00"
          "00000000"
          "00000038"
          "05"
          "00"
          "000c"
          "01"
          "11"
          "01f4"
          "0b0b0b01"
          "00"
          "00"
          "0010"
          "04"
          "00"
          "0000"
          "0d0d0d00"
          "ffffff00");
    const auto reply = write_ted_reply({Cookie{1}, Cookie{2}, kGateway, kProxy, true}, 0, 56);
    CHECK(to_hex(reply) ==  // no room for the vendor ID; 239 is 0xef
          "0000000000000001"
          "0000000000000002"
          "05"
          "10"
          "f1"
          "00"
          "00000000"
          "00000038"
          "ef"
          "00"
          "000c"
          "01"
          "11"
          "01f4"
          "0b0b0b01"
          "00"
          "00"
          "0010"
          "04"
          "00"
          "0000"
          "0d0d0d00"
          "ffffff00");
    CHECK(write_ted_reply({Cookie{1}, Cookie{2}, kGateway, kProxy, true}, 0, 55).empty());
}

TEST_CASE("TED messages: what is refused") {
    const auto good = write_ted_probe({Cookie{7}, kGateway, kProxy, true}, 99);
    const auto with = [&](std::size_t at, std::uint8_t value) {
        auto bytes = good;
        bytes[at] = value;
        return bytes;
    };
    CHECK(probe_of(good).has_value());
    CHECK_FALSE(probe_of(with(15, 1)).has_value());  // a responder cookie
    CHECK_FALSE(probe_of(with(19, 1)).has_value());  // encrypted
    CHECK_FALSE(probe_of(with(23, 1)).has_value());  // a message ID
    auto no_cookie = good;
    std::fill_n(no_cookie.begin(), 8, std::uint8_t{0});
    CHECK_FALSE(probe_of(no_cookie).has_value());
    // The first ID is the gateway's address, nothing else.
    Header h;
    h.initiator = Cookie{7};
    h.exchange = ExchangeType::ted_probe;
    ChainWriter subnet_first;
    subnet_first.add(PayloadType::identification, write_identity(identity_of(kProxy)));
    h.next = subnet_first.first();
    CHECK_FALSE(probe_of(write_message(h, subnet_first.view())).has_value());
    // A mask with holes is no network.
    const Proxy holes{Ipv4Address(13, 0, 13, 0), Ipv4Address(255, 0, 255, 0), std::nullopt, 0};
    CHECK_FALSE(probe_of(write_ted_probe({Cookie{7}, kGateway, holes, true}, 1)).has_value());
    CHECK_FALSE(reply_of(write_ted_reply({Cookie{7}, Cookie{8}, kGateway, holes, true}, 1, 1500))
                    .has_value());
}

}  // namespace viaduct::ike::test
