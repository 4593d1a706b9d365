#include "controlplane/nhrp/wire.h"

#include <catch2/catch.hpp>

#include "dataplane/base/checksum.h"
#include "dataplane/base/random.h"

namespace viaduct::nhrp {
namespace {

Packet request() {
    Packet packet;
    packet.type = PacketType::resolution_request;
    packet.flags = 0xC802;
    packet.request_id = 5;
    packet.source_nbma = {10, 0, 0, 1};
    packet.source_protocol = {192, 168, 1, 3};
    packet.destination_protocol = {2, 2, 2, 2};
    packet.cies.push_back({0, 0, 1514, 7200, 0, std::nullopt, std::nullopt});
    for (const auto type : {ExtensionType::responder_address,
                            ExtensionType::forward_transit,
                            ExtensionType::reverse_transit}) {
        packet.extensions.push_back(make_extension(type, {}));
    }
    packet.extensions.push_back(make_authentication("cisco123"));
    return packet;
}

Cie full_cie() {
    return {0, 32, 1514, 7200, 0, Ipv4Address{10, 0, 0, 1}, Ipv4Address{192, 168, 1, 1}};
}

/// As a sender would who means to be parsed: size and checksum right for what is there.
Bytes repair(Bytes bytes) {
    if (bytes.size() >= 16) {
        ByteWriter out(std::move(bytes));
        out.patch_u16(10, static_cast<std::uint16_t>(out.size()));
        out.patch_u16(12, 0);
        out.patch_u16(12, internet_checksum(out.view()));
        return out.take();
    }
    return bytes;
}

}  // namespace

TEST_CASE("D5: the sizes of document 003: 84, 104, 112, 132 bytes") {
    auto packet = request();
    CHECK(build(packet).size() == 84);
    const auto cie = full_cie();
    auto forwarded = packet;
    *forwarded.find(ExtensionType::forward_transit) =
        make_extension(ExtensionType::forward_transit, {&cie, 1});
    CHECK(build(forwarded).size() == 104);
    for (auto [reply, size] : {std::pair{packet, 112}, {forwarded, 132}}) {
        reply.type = PacketType::resolution_reply;
        reply.cies = {cie};
        *reply.find(ExtensionType::responder_address) =
            make_extension(ExtensionType::responder_address, {&cie, 1});
        CHECK(build(reply).size() == static_cast<std::size_t>(size));
    }
}

TEST_CASE("What is built parses to what it was") {
    auto packet = request();
    packet.cies.push_back(full_cie());
    const auto again = parse(build(packet));
    REQUIRE(again);
    CHECK(*again == packet);

    Packet error;
    error.type = PacketType::error_indication;
    error.error_code = 11;
    error.error_offset = 3;
    error.contents = build(packet);
    const auto parsed = parse(build(error));
    REQUIRE(parsed);
    CHECK(*parsed == error);
}

TEST_CASE("Every shortened packet is refused, with a wrong size and with a right one") {
    auto packet = request();
    packet.cies = {full_cie()};
    const auto whole = build(packet);
    REQUIRE(parse(whole));
    for (std::size_t n = 0; n < whole.size(); ++n) {
        const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        CHECK_FALSE(parse(cut));
        CHECK_FALSE(parse(repair(cut)));
    }
    auto longer = whole;
    longer.push_back(0);
    CHECK(parse(longer).error() == ParseError::bad_length);
    CHECK(parse(repair(longer)).error() == ParseError::bad_extension);
}

TEST_CASE("Bad packets are told apart") {
    const auto whole = build(request());
    const auto changed = [&](std::size_t at, std::uint8_t value, bool right_checksum = true) {
        auto bytes = whole;
        bytes[at] = value;
        return parse(right_checksum ? repair(bytes) : bytes).error();
    };
    CHECK(changed(20, 5, false) == ParseError::bad_checksum);
    CHECK(changed(16, 2) == ParseError::bad_version);
    CHECK(changed(1, 2) == ParseError::bad_address_family);
    CHECK(changed(2, 0x86) == ParseError::bad_address_family);
    CHECK(changed(17, 0) == ParseError::unknown_type);
    CHECK(changed(17, 9) == ParseError::unknown_type);
    CHECK(changed(18, 20) == ParseError::bad_address_length);
    CHECK(changed(19, 4) == ParseError::bad_address_length);
    CHECK(changed(20, 16) == ParseError::bad_address_length);
    CHECK(changed(15, 19) == ParseError::bad_length);
    CHECK(changed(15, 200) == ParseError::bad_length);
    CHECK(changed(48, 5) == ParseError::truncated);  // an address of 5 bytes in the entry
    CHECK(changed(55, 1) == ParseError::bad_extension);  // a length that leads astray
}

TEST_CASE("Limits of entries and extensions") {
    auto packet = request();
    packet.cies.assign(kMaxCies, full_cie());
    CHECK(parse(build(packet)));
    packet.cies.push_back(full_cie());
    CHECK(parse(build(packet)).error() == ParseError::too_many_entries);
    packet = request();
    while (packet.extensions.size() < kMaxExtensions) {
        packet.extensions.push_back(make_extension(ExtensionType::nat_address, {}));
    }
    CHECK(parse(build(packet)));
    packet.extensions.push_back(make_extension(ExtensionType::nat_address, {}));
    CHECK(parse(build(packet)).error() == ParseError::too_many_entries);
}

TEST_CASE("D3: Cisco authentication: SPI 1, the string, no padding") {
    const auto extension = make_authentication("cisco123");
    CHECK(to_hex(extension.data) == "00000001636973636f313233");
    CHECK(authentication_matches(extension, "cisco123"));
    CHECK_FALSE(authentication_matches(extension, "cisco124"));
    CHECK_FALSE(authentication_matches(extension, "cisco12"));
    CHECK_FALSE(authentication_matches(extension, "cisco1234"));
    CHECK_FALSE(
        authentication_matches({7, true, from_hex("00000002636973636f313233")}, "cisco123"));
    CHECK_FALSE(authentication_matches({7, true, from_hex("0000")}, ""));
}

TEST_CASE("Random bytes, and packets with random damage, never get past the checks unharmed") {
    SeededRandom random(42);
    const auto whole = build(request());
    for (int i = 0; i < 50000; ++i) {
        auto bytes = whole;
        const auto hits = random.below(6) + 1;
        for (std::uint64_t k = 0; k < hits; ++k) {
            bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.u32());
        }
        auto parsed = parse(repair(bytes));
        if (parsed) {
            if (parsed->type == PacketType::error_indication) {
                parsed->extensions.clear();  // read, never written
            }
            const auto again = parse(build(*parsed));
            REQUIRE(again);
            CHECK(*again == *parsed);
        }
        parse(random.bytes(random.below(200)));
    }
}

}  // namespace viaduct::nhrp
