// Hashes, HMAC, CBC and MD5-crypt against published vectors.
#include "crypto/primitives.h"

#include <set>

#include <catch2/catch.hpp>

namespace viaduct::crypto {
namespace {

std::string hex_hmac(Hash hash, const Bytes& key, const Bytes& data) {
    return to_hex(hmac(hash, key, {data}));
}

Bytes text(std::string_view s) {
    const auto view = as_bytes(s);
    return {view.begin(), view.end()};
}

}  // namespace

TEST_CASE("digests of abc (RFC 1321, FIPS 180-4), in one part or three") {
    const auto abc = text("abc");
    CHECK(to_hex(digest(Hash::md5, {abc})) == "900150983cd24fb0d6963f7d28e17f72");
    CHECK(to_hex(digest(Hash::sha1, {abc})) == "a9993e364706816aba3e25717850c26c9cd0d89d");
    CHECK(to_hex(digest(Hash::sha256, {abc})) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(to_hex(digest(Hash::sha384, {abc})) ==
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
          "8086072ba1e7cc2358baeca134c825a7");
    CHECK(to_hex(digest(Hash::sha512, {abc})) ==
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
    for (const auto& row : all_hashes()) {
        CHECK(digest(row.id, {abc}) == digest(row.id, {text("a"), Bytes{}, text("b"), text("c")}));
        CHECK(digest(row.id, {}).size() == row.digest_bytes);
    }
}

TEST_CASE("HMAC-MD5 and HMAC-SHA1 (RFC 2202)") {
    CHECK(hex_hmac(Hash::md5, Bytes(16, 0x0B), text("Hi There")) ==
          "9294727a3638bb1c13f48ef8158bfc9d");
    CHECK(hex_hmac(Hash::md5, text("Jefe"), text("what do ya want for nothing?")) ==
          "750c783e6ab0b503eaa86e310a5db738");
    CHECK(hex_hmac(Hash::md5, Bytes(16, 0xAA), Bytes(50, 0xDD)) ==
          "56be34521d144c88dbb8c733f0e8b3f6");
    const auto long_data = text("Test Using Larger Than Block-Size Key - Hash Key First");
    CHECK(hex_hmac(Hash::md5, Bytes(80, 0xAA), long_data) == "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
    CHECK(hex_hmac(Hash::sha1, Bytes(20, 0x0B), text("Hi There")) ==
          "b617318655057264e28bc0b6fb378c8ef146be00");
    CHECK(hex_hmac(Hash::sha1, text("Jefe"), text("what do ya want for nothing?")) ==
          "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    CHECK(hex_hmac(Hash::sha1, Bytes(20, 0xAA), Bytes(50, 0xDD)) ==
          "125d7342b9ac11cd91a39af48aa17b4f63f175d3");
    CHECK(hex_hmac(Hash::sha1, Bytes(80, 0xAA), long_data) ==
          "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST_CASE("HMAC-SHA-2 (RFC 4231)") {
    const Bytes key(20, 0x0B);
    const auto hi = text("Hi There");
    CHECK(hex_hmac(Hash::sha256, key, hi) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hex_hmac(Hash::sha384, key, hi) ==
          "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
          "faea9ea9076ede7f4af152e8b2fa9cb6");
    CHECK(hex_hmac(Hash::sha512, key, hi) ==
          "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
          "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
    const Bytes long_key(131, 0xAA);
    const auto long_data = text("Test Using Larger Than Block-Size Key - Hash Key First");
    CHECK(hex_hmac(Hash::sha256, long_key, long_data) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    CHECK(hex_hmac(Hash::sha512, long_key, long_data) ==
          "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
          "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598");
}

TEST_CASE("HMAC joins its parts, and takes an empty key") {
    for (const auto& row : all_hashes()) {
        const auto key = text("key");
        CHECK(hmac(row.id, key, {text("one"), text("two")}) == hmac(row.id, key, {text("onetwo")}));
        CHECK(hmac(row.id, {}, {}).size() == row.digest_bytes);
        CHECK(hmac(row.id, {}, {text("x")}) == hmac(row.id, Bytes{0}, {text("x")}));
    }
}

TEST_CASE("constant-time comparison") {
    const auto a = text("secret");
    auto b = a;
    CHECK(equal_constant_time(a, b));
    b.back() ^= 1U;
    CHECK_FALSE(equal_constant_time(a, b));
    CHECK_FALSE(equal_constant_time(a, BytesView{a}.first(5)));
    CHECK(equal_constant_time({}, {}));
}

TEST_CASE("AES-CBC (RFC 3602, cases 1 and 4; NIST SP 800-38A F.2.5)") {
    const auto out = cbc_encrypt(Cipher::aes_cbc_128,
                                 from_hex("06a9214036b8a15b512e03d534120006"),
                                 from_hex("3dafba429d9eb430b422da802c9fac41"),
                                 text("Single block msg"));
    REQUIRE(out);
    CHECK(to_hex(*out) == "e353779c1079aeb82708942dbe77181a");
    const auto four = cbc_decrypt(Cipher::aes_cbc_128,
                                  from_hex("56e47a38c5598974bc46903dba290349"),
                                  from_hex("8ce82eefbea0da3c44699ed7db51b7d9"),
                                  from_hex("c30e32ffedc0774e6aff6af0869f71aa"
                                           "0f3af07a9a31a9c684db207eb0ef8e4e"
                                           "35907aa632c3ffdf868bb7b29d3d46ad"
                                           "83ce9f9a102ee99d49a53e87f4c3da55"));
    REQUIRE(four);
    Bytes expected(64);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] = static_cast<std::uint8_t>(0xA0 + i);
    }
    CHECK(*four == expected);
    const auto long_key =
        cbc_encrypt(Cipher::aes_cbc_256,
                    from_hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
                    from_hex("000102030405060708090a0b0c0d0e0f"),
                    from_hex("6bc1bee22e409f96e93d7e117393172a"));
    REQUIRE(long_key);
    CHECK(to_hex(*long_key) == "f58c4c04d6e5f1ba779eabfb5f7bfbd6");
}

TEST_CASE("DES and triple DES in CBC mode (FIPS 81 example; equal keys are single DES)") {
    const auto key = from_hex("0123456789abcdef");
    const auto iv = from_hex("1234567890abcdef");
    const auto plain = text("Now is the time for all ");
    const auto out = cbc_encrypt(Cipher::des_cbc, key, iv, plain);
    REQUIRE(out);
    CHECK(to_hex(*out) == "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
    CHECK(*cbc_decrypt(Cipher::des_cbc, key, iv, *out) == plain);
    const auto thrice = from_hex("0123456789abcdef0123456789abcdef0123456789abcdef");
    CHECK(*cbc_encrypt(Cipher::tdes_cbc, thrice, iv, plain) == *out);
}

TEST_CASE("CBC refuses what does not fit") {
    const Bytes key(16);
    const Bytes iv(16);
    CHECK_FALSE(cbc_encrypt(Cipher::aes_cbc_128, key, iv, Bytes(15)));
    CHECK_FALSE(cbc_encrypt(Cipher::aes_cbc_128, Bytes(15), iv, Bytes(16)));
    CHECK_FALSE(cbc_encrypt(Cipher::aes_cbc_128, key, Bytes(8), Bytes(16)));
    CHECK_FALSE(cbc_decrypt(Cipher::aes_gcm_128, key, iv, Bytes(16)));
    CHECK_FALSE(cbc_decrypt(Cipher::null, {}, {}, Bytes(16)));
    const auto empty = cbc_encrypt(Cipher::aes_cbc_128, key, iv, {});
    REQUIRE(empty);
    CHECK(empty->empty());
}

TEST_CASE("P2 MD5-crypt of `enable secret 5` agrees with crypt(3)") {
    // openssl passwd -1 -salt SALT PASSWORD
    CHECK(md5_crypt("cisco", "mERr") == "$1$mERr$hx5rVt7rPNoS4wqbXKX7m0");
    CHECK(md5_crypt("password", "xxxxxxxx") == "$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.");
    const auto stored = md5_crypt("a longer password than sixteen octets", "saltsalt");
    CHECK(md5_crypt("a longer password than sixteen octets", stored) == stored);
    CHECK(md5_crypt("a longer password than sixteen octet", stored) != stored);
    CHECK(md5_crypt("", "").size() == 3 + 1 + 22);
}

TEST_CASE("the system's randomness does not repeat") {
    SystemRandom random;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i) {
        seen.insert(random.u64());
    }
    CHECK(seen.size() == 1000);
}

}  // namespace viaduct::crypto
