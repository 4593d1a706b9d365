#include "dataplane/base/bytes.h"

#include <catch2/catch.hpp>

#include "dataplane/base/checksum.h"

namespace viaduct {
namespace {

TEST_CASE("A reader never passes the end and remembers that it was asked to") {
    const Bytes bytes = from_hex("0102 0304 0506 07");
    ByteReader reader(bytes);
    CHECK(reader.u16() == 0x0102);
    CHECK(reader.u32() == 0x03040506);
    CHECK(reader.u16() == 0);
    CHECK_FALSE(reader.ok());
    CHECK(reader.u8() == 0);
    CHECK(reader.remaining() == 0);
}

TEST_CASE("A reader is done only when everything was read") {
    const Bytes bytes = from_hex("010203");
    ByteReader reader(bytes);
    CHECK(reader.u24() == 0x010203);
    CHECK(reader.done());
    ByteReader left(bytes);
    left.u8();
    CHECK(left.ok());
    CHECK_FALSE(left.done());
}

TEST_CASE("What a writer writes a reader reads") {
    ByteWriter writer;
    writer.u8(1).u16(2).u24(3).u32(4).u64(5).address(Ipv4Address(1, 2, 3, 4)).zeros(2);
    writer.patch_u16(1, 0xABCD);
    const auto bytes = writer.take();
    CHECK(to_hex(bytes) ==
          "01abcd00000300000004000000000000000501020304"
          "0000");
}

TEST_CASE("Hexadecimal text must be whole") {
    CHECK(from_hex("0g").empty());
    CHECK(from_hex("012").empty());
    CHECK(to_hex(from_hex("DE:ad be ef")) == "deadbeef");
}

TEST_CASE("The checksum of RFC 1071's example, and its incremental update") {
    const Bytes bytes = from_hex("0001f203f4f5f6f7");
    CHECK(internet_checksum(bytes) == static_cast<std::uint16_t>(~0xddf2));
    Bytes changed = from_hex("0001f203f4f51234");
    CHECK(checksum_update(internet_checksum(bytes), 0xf6f7, 0x1234) == internet_checksum(changed));
}

}  // namespace
}  // namespace viaduct
