// Diffie-Hellman: published vectors, agreement of both sides, refusal of bad public values.
#include "crypto/dh.h"

#include <catch2/catch.hpp>

#include "crypto/primitives.h"

namespace viaduct::crypto {
namespace {

struct EcpVector {
    DhGroup group;
    const char* initiator;
    const char* responder;
    const char* initiator_public;
    const char* responder_public;
    const char* shared;
};

// RFC 5903, section 8.
const EcpVector kRfc5903[] = {
    {DhGroup::ecp256,
     "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
     "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
     "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
     "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
     "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
     "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
     "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE"},
    {DhGroup::ecp384,
     "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655"
     "E35B538041E649EE3FAEF896783AB194",
     "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942"
     "E0308312916B8ED2960E4BD55A7448FC",
     "667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6"
     "DE3AC808ACB4BDB4C88732AEE95F41AA"
     "9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38E"
     "EB9FCFF3C2C947DAE69B4C634573A81C",
     "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D"
     "0D1AC43A0336DEF96FDA41D0774A3571"
     "DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FF"
     "F83FA40142209DFF5EAAD96DB9E6386C",
     "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4"
     "D603135569B9E9D09CF5D4A270F59746"},
    {DhGroup::ecp521,
     "0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A095AA85"
     "A30FE1C2952C6771D937BA9777F5957B2639BAB072462F68C27A57382D4A52",
     "0145BA99A847AF43793FDD0E872E7CDFA16BE30FDC780F97BCCC3F078380201E9C677D"
     "600B343757A3BDBF2A3163E4C2F869CCA7458AA4A4EFFC311F5CB151685EB9",
     "0015417E84DBF28C0AD3C278713349DC7DF153C897A1891BD98BAB4357C9ECBEE1E3BF"
     "42E00B8E380AEAE57C2D107564941885942AF5A7F4601723C4195D176CED3E"
     "017CAE20B6641D2EEB695786D8C946146239D099E18E1D5A514C739D7CB4A10AD8A788"
     "015AC405D7799DC75E7B7D5B6CF2261A6A7F1507438BF01BEB6CA3926F9582",
     "00D0B3975AC4B799F5BEA16D5E13E9AF971D5E9B984C9F39728B5E5739735A219B97C3"
     "56436ADC6E95BB0352F6BE64A6C2912D4EF2D0433CED2B6171640012D9460F"
     "015C68226383956E3BD066E797B623C27CE0EAC2F551A10C2C724D9852077B87220B65"
     "36C5C408A1D2AEBB8E86D678AE49CB57091F4732296579AB44FCD17F0FC56A",
     "01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04D1427E"
     "73CA4BAA240A34786859810C06B3C715A3A8CC3151F2BEE417996D19F3DDEA"},
};

Bytes minus_one(Bytes number) {
    for (auto it = number.rbegin(); it != number.rend() && (*it)-- == 0; ++it) {
    }
    return number;
}

Bytes power_of_two(DhGroup group, std::size_t exponent) {
    Bytes out(info(group).public_bytes);
    out[out.size() - 1 - exponent / 8] = static_cast<std::uint8_t>(1U << exponent % 8);
    return out;
}

/// The first 64 and the last 64 bits of every MODP prime are ones, so p-1 ends in …FE.
Bytes prime_of_768() {
    return from_hex(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
        "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
        "4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF");
}

}  // namespace

TEST_CASE("ECP groups: vectors of RFC 5903, section 8") {
    for (const auto& v : kRfc5903) {
        const auto i = dh_from_private(v.group, from_hex(v.initiator));
        const auto r = dh_from_private(v.group, from_hex(v.responder));
        REQUIRE(i);
        REQUIRE(r);
        CHECK(i->public_value == from_hex(v.initiator_public));
        CHECK(r->public_value == from_hex(v.responder_public));
        const auto at_i = dh_shared(v.group, *i, r->public_value);
        const auto at_r = dh_shared(v.group, *r, i->public_value);
        REQUIRE(at_i);
        REQUIRE(at_r);
        CHECK(to_hex(at_i->view()) == to_hex(from_hex(v.shared)));
        CHECK(to_hex(at_r->view()) == to_hex(from_hex(v.shared)));
    }
}

TEST_CASE("every group: both sides agree, lengths are the table's, the seed decides") {
    for (const auto& row : all_groups()) {
        SeededRandom random{7};
        const auto a = dh_generate(row.id, random);
        const auto b = dh_generate(row.id, random);
        CHECK(a.public_value.size() == row.public_bytes);
        CHECK(a.public_value != b.public_value);
        const auto ab = dh_shared(row.id, a, b.public_value);
        const auto ba = dh_shared(row.id, b, a.public_value);
        REQUIRE(ab);
        REQUIRE(ba);
        CHECK(ab->size() == row.shared_bytes);
        CHECK(to_hex(ab->view()) == to_hex(ba->view()));
        SeededRandom again{7};
        CHECK(dh_generate(row.id, again).public_value == a.public_value);
    }
}

TEST_CASE("MODP: small exponents give powers of two, padded to the modulus") {
    for (const auto group : {DhGroup::modp768,
                             DhGroup::modp1024,
                             DhGroup::modp1536,
                             DhGroup::modp2048,
                             DhGroup::modp3072,
                             DhGroup::modp4096}) {
        const auto pair = dh_from_private(group, from_hex("10"));
        REQUIRE(pair);
        CHECK(pair->public_value == power_of_two(group, 16));
        const auto shared = dh_shared(group, *pair, pair->public_value);
        REQUIRE(shared);
        CHECK(to_hex(shared->view()) == to_hex(power_of_two(group, 256)));
    }
}

TEST_CASE("MODP: a peer's public value must be 1 < y < p-1") {
    const auto group = DhGroup::modp768;
    SeededRandom random{1};
    const auto own = dh_generate(group, random);
    const auto p = prime_of_768();
    Bytes one(p.size());
    one.back() = 1;
    CHECK_FALSE(dh_shared(group, own, Bytes(p.size())));
    CHECK_FALSE(dh_shared(group, own, one));
    CHECK_FALSE(dh_shared(group, own, p));
    CHECK_FALSE(dh_shared(group, own, minus_one(p)));
    CHECK_FALSE(dh_shared(group, own, Bytes(p.size(), 0xFF)));
    CHECK(dh_shared(group, own, minus_one(minus_one(p))));
    one.back() = 2;
    CHECK(dh_shared(group, own, one));
}

TEST_CASE("a public value of the wrong length is refused in every group") {
    for (const auto& row : all_groups()) {
        SeededRandom random{2};
        const auto own = dh_generate(row.id, random);
        auto peer = dh_generate(row.id, random).public_value;
        CHECK_FALSE(dh_shared(row.id, own, {}));
        CHECK_FALSE(dh_shared(row.id, own, BytesView{peer}.first(peer.size() - 1)));
        peer.push_back(0);
        CHECK_FALSE(dh_shared(row.id, own, peer));
    }
}

TEST_CASE("ECP: a point that is not on the curve is refused") {
    for (const auto& v : kRfc5903) {
        const auto own = dh_from_private(v.group, from_hex(v.initiator));
        REQUIRE(own);
        auto peer = from_hex(v.responder_public);
        peer.back() ^= 1U;
        CHECK_FALSE(dh_shared(v.group, *own, peer));
        CHECK_FALSE(dh_shared(v.group, *own, Bytes(peer.size())));
        CHECK_FALSE(dh_shared(v.group, *own, Bytes(peer.size(), 0xFF)));
    }
}

TEST_CASE("private keys out of range are refused") {
    CHECK_FALSE(dh_from_private(DhGroup::modp1024, Bytes(8)));
    CHECK_FALSE(dh_from_private(DhGroup::modp1024, Bytes(128, 0xFF)));
    CHECK_FALSE(dh_from_private(DhGroup::ecp256, Bytes(32, 0xFF)));
    CHECK_FALSE(dh_from_private(DhGroup::ecp256, {}));
}

}  // namespace viaduct::crypto
