// The hosts' DHCP client against answers made by hand.
#include "controlplane/lab/host/dhcp.h"

#include <catch2/catch.hpp>

namespace viaduct::lab {

namespace {

constexpr MacAddress kMac{MacAddress::Octets{2, 0, 0, 0, 0, 9}};
constexpr TimePoint kStart{1000h};

/// A server's message to the client's last one.
Bytes answer(const Bytes& request, std::uint8_t type, Ipv4Address address) {
    ByteReader in(request);
    in.skip(4);
    const auto transaction = in.u32();
    ByteWriter out;
    out.u8(2).u8(1).u8(6).u8(0).u32(transaction).u32(0).u32(0).address(address).u32(0).u32(0);
    out.bytes(kMac.octets()).zeros(10 + 64 + 128).u32(0x63825363);
    out.u8(53).u8(1).u8(type);
    out.u8(1).u8(4).address(Ipv4Address{255, 255, 255, 0});
    out.u8(3).u8(4).address(Ipv4Address{10, 0, 0, 1});
    out.u8(51).u8(4).u32(3600);
    out.u8(54).u8(4).address(Ipv4Address{10, 0, 0, 1});
    out.u8(255);
    return out.take();
}

std::uint8_t type_of(const Bytes& message) {
    return message.at(242);
}

}  // namespace

TEST_CASE("a DHCP client asks, takes, renews and begins again when the lease ends") {
    SeededRandom random(1);
    DhcpClient client(kMac, random);
    auto now = kStart;
    client.start(now);
    auto sent = client.take_messages();
    REQUIRE(sent.size() == 1);
    CHECK(type_of(sent[0]) == 1);
    // Nobody answers: again, later and later.
    now = client.next_deadline();
    CHECK(now == kStart + 2s);
    client.on_time(now);
    sent = client.take_messages();
    REQUIRE(sent.size() == 1);
    CHECK(client.next_deadline() == now + 4s);

    const Ipv4Address address{10, 0, 0, 7};
    client.on_message(now, answer(sent[0], 2, address));
    sent = client.take_messages();
    REQUIRE(sent.size() == 1);
    CHECK(type_of(sent[0]) == 3);
    CHECK_FALSE(client.take_change());
    client.on_message(now, answer(sent[0], 5, address));
    const auto change = client.take_change();
    REQUIRE(change);
    CHECK((*change == HostAddress{address, 24, Ipv4Address{10, 0, 0, 1}}));

    CHECK(client.next_deadline() == now + 1800s);
    now = client.next_deadline();
    client.on_time(now);
    sent = client.take_messages();
    REQUIRE(sent.size() == 1);
    client.on_message(now, answer(sent[0], 5, address));
    CHECK_FALSE(client.take_change());  // the same address: nothing moves

    // Never renewed again: the lease ends.
    std::optional<HostAddress> last;
    for (int i = 0; i < 1000 && !last; ++i) {
        now = client.next_deadline();
        client.on_time(now);
        last = client.take_change();
    }
    REQUIRE(last);
    CHECK(last->address.is_unspecified());
}

TEST_CASE("a DHCP client ignores what is not for it, cut or refused") {
    SeededRandom random(1);
    DhcpClient client(kMac, random);
    client.start(kStart);
    const auto discover = client.take_messages().at(0);
    const auto offer = answer(discover, 2, Ipv4Address{10, 0, 0, 7});
    for (std::size_t n = 0; n < offer.size() - 1; ++n) {
        DhcpClient other(kMac, random);
        other.on_message(kStart, BytesView(offer).first(n));
        CHECK(other.take_messages().empty());
    }
    auto foreign = offer;
    foreign[4] ^= 1U;  // another transaction
    client.on_message(kStart, foreign);
    CHECK(client.take_messages().empty());
    client.on_message(kStart, offer);
    const auto request = client.take_messages().at(0);
    client.on_message(kStart, answer(request, 6, Ipv4Address{}));  // NAK
    CHECK(client.take_change()->address.is_unspecified());
    CHECK(type_of(client.take_messages().at(0)) == 1);
}

}  // namespace viaduct::lab
