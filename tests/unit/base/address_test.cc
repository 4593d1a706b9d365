#include "dataplane/base/address.h"

#include <catch2/catch.hpp>

namespace viaduct {
namespace {

TEST_CASE("An IPv4 address is four decimal octets and nothing else") {
    CHECK(Ipv4Address::parse("10.1.2.255") == Ipv4Address(10, 1, 2, 255));
    CHECK(Ipv4Address(1, 2, 3, 4).to_string() == "1.2.3.4");
    for (const auto* bad : {"",
                            "1.2.3",
                            "1.2.3.4.5",
                            "256.1.1.1",
                            "1..2.3",
                            "a.b.c.d",
                            "1.2.3.4 ",
                            "0001.2.3.4",
                            "+1.2.3.4"}) {
        CHECK_FALSE(Ipv4Address::parse(bad));
    }
}

TEST_CASE("A prefix has no host bits") {
    const auto prefix = Ipv4Prefix::parse("10.1.2.3/23");
    REQUIRE(prefix);
    CHECK(prefix->to_string() == "10.1.2.0/23");
    CHECK(prefix->contains(Ipv4Address(10, 1, 3, 255)));
    CHECK_FALSE(prefix->contains(Ipv4Address(10, 1, 4, 0)));
    CHECK(prefix->broadcast() == Ipv4Address(10, 1, 3, 255));
    CHECK(Ipv4Prefix(Ipv4Address(1, 2, 3, 4), 0).contains(Ipv4Address(255, 0, 0, 1)));
    CHECK_FALSE(Ipv4Prefix::parse("10.1.2.3/33"));
}

TEST_CASE("Netmasks are contiguous") {
    for (unsigned length = 0; length <= 32; ++length) {
        CHECK(length_of_mask(mask_of(length)) == length);
    }
    CHECK_FALSE(length_of_mask(Ipv4Address(255, 0, 255, 0)));
}

TEST_CASE("A MAC address is read in both spellings and written in IOS's") {
    CHECK(MacAddress::parse("0000.0c07.ac7b")->to_string() == "0000.0c07.ac7b");
    CHECK(MacAddress::parse("00:00:0C:07:aC:7b")->to_string() == "0000.0c07.ac7b");
    CHECK_FALSE(MacAddress::parse("0000.0c07.ac7"));
    CHECK_FALSE(MacAddress::parse("0000.0c07.ac7g"));
    CHECK_FALSE(MacAddress::parse("0000:0c07.ac7b"));
}

}  // namespace
}  // namespace viaduct
