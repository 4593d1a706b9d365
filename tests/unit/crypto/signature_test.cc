// RSA signatures as IKEv1 has them, certificates and chains, against what the openssl command made.
#include "crypto/signature.h"

#include <catch2/catch.hpp>

#include "tests/unit/crypto/test_pki.h"

namespace viaduct::crypto {
namespace {

Certificate certificate(const char* pem) {
    auto out = Certificate::from_pem(pem);
    REQUIRE(out);
    return *out;
}

RsaPrivateKey peer_key() {
    auto out = RsaPrivateKey::from_pem(test_pki::kPeerKey);
    REQUIRE(out);
    return *out;
}

const WallTime kIn2027{std::chrono::seconds{1'800'000'000}};
const WallTime kIn2020{std::chrono::seconds{1'600'000'000}};
const WallTime kIn2040{std::chrono::seconds{2'240'000'000}};

}  // namespace

TEST_CASE("signature over the bare hash, as `openssl pkeyutl -sign` makes it") {
    const auto hash = as_bytes("0123456789abcdef0123");
    const auto signature = peer_key().sign(hash);
    REQUIRE(signature);
    CHECK(to_hex(*signature) == test_pki::kSignature);
    const auto key = certificate(test_pki::kPeer).public_key();
    REQUIRE(key);
    CHECK(key->bits() == 1024);
    CHECK(key->verify(hash, *signature));
    CHECK(peer_key().public_key().verify(hash, *signature));
}

TEST_CASE("a wrong hash, signature, length or key is refused") {
    const auto hash = as_bytes("0123456789abcdef0123");
    const auto good = from_hex(test_pki::kSignature);
    const auto key = *certificate(test_pki::kPeer).public_key();
    for (std::size_t i = 0; i < good.size(); i += 13) {
        auto bad = good;
        bad[i] ^= 0x10U;
        CHECK_FALSE(key.verify(hash, bad));
    }
    for (std::size_t n = 0; n < good.size(); ++n) {
        CHECK_FALSE(key.verify(hash, BytesView{good}.first(n)));
    }
    CHECK_FALSE(key.verify(as_bytes("0123456789abcdef0124"), good));
    CHECK_FALSE(key.verify(as_bytes("0123456789abcdef012"), good));
    CHECK_FALSE(key.verify({}, good));
    CHECK_FALSE(certificate(test_pki::kRootCa).public_key()->verify(hash, good));
    CHECK_FALSE(peer_key().sign(Bytes(120)));  // 128 bytes less 11 of padding
    CHECK(peer_key().sign(Bytes(117)));
}

TEST_CASE("private keys: generated, written and read again; what is no RSA key is refused") {
    CHECK_FALSE(RsaPrivateKey::from_pem("nothing"));
    CHECK_FALSE(RsaPrivateKey::from_pem(test_pki::kPeer));
    CHECK_FALSE(RsaPrivateKey::from_pem(test_pki::kEcKey));
    CHECK_FALSE(RsaPrivateKey::generate(512));
    const auto key = RsaPrivateKey::generate(1024);
    REQUIRE(key);
    CHECK(key->bits() == 1024);
    const auto again = RsaPrivateKey::from_pem(key->to_pem());
    REQUIRE(again);
    const auto hash = as_bytes("hash");
    CHECK(key->public_key().verify(hash, *again->sign(hash)));
}

TEST_CASE("certificate: names, times, DER there and back") {
    const auto peer = certificate(test_pki::kPeer);
    CHECK(peer.subject_text() == "cn=sv9-2,ou=ciscovpn,o=Viaduct Test,c=US");
    CHECK(peer.issuer_text() == "cn=Sub CA,o=Viaduct Test,c=US");
    CHECK(peer.organizational_unit() == "ciscovpn");
    CHECK(certificate(test_pki::kRootCa).organizational_unit().empty());
    CHECK(peer.serial_hex() == "1a2b3c");
    CHECK(peer.issuer_der() == certificate(test_pki::kSubCa).subject_der());
    CHECK(distinguished_name_text(peer.subject_der()) == peer.subject_text());
    CHECK(peer.not_before() == WallTime{std::chrono::seconds{1'795'290'100}});
    CHECK(peer.not_after() - peer.not_before() == 3650 * 24h);
    const auto again = Certificate::from_der(peer.der());
    REQUIRE(again);
    CHECK(again->subject_text() == peer.subject_text());
}

TEST_CASE("certificates and names cut short or followed by more are refused") {
    auto der = certificate(test_pki::kPeer).der();
    for (std::size_t n = 0; n < der.size(); ++n) {
        CHECK_FALSE(Certificate::from_der(BytesView{der}.first(n)));
    }
    der.push_back(0);
    CHECK_FALSE(Certificate::from_der(der));
    CHECK_FALSE(Certificate::from_der(Bytes(20000, 0x30)));
    auto name = certificate(test_pki::kPeer).subject_der();
    for (std::size_t n = 0; n < name.size(); ++n) {
        CHECK_FALSE(distinguished_name_text(BytesView{name}.first(n)));
    }
    name.push_back(0);
    CHECK_FALSE(distinguished_name_text(name));
    CHECK_FALSE(Certificate::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n"));
}

TEST_CASE("subjectAltName: host, user and address") {
    const auto peer = certificate(test_pki::kPeer);
    CHECK(peer.names_host("sv9-2.example.com"));
    CHECK(peer.names_host("SV9-2.Example.COM"));
    CHECK_FALSE(peer.names_host("example.com"));
    CHECK_FALSE(peer.names_host(""));
    CHECK(peer.names_user("Admin@example.com"));
    CHECK_FALSE(peer.names_user("admin@example.com"));
    CHECK_FALSE(peer.names_user("Admin"));
    CHECK(peer.names_address(Ipv4Address{209, 168, 202, 225}));
    CHECK_FALSE(peer.names_address(Ipv4Address{209, 168, 202, 226}));
    CHECK_FALSE(certificate(test_pki::kRootCa).names_host("sv9-2.example.com"));
}

TEST_CASE("chains: complete, incomplete, foreign, out of time") {
    const auto root = certificate(test_pki::kRootCa);
    const auto sub = certificate(test_pki::kSubCa);
    const auto peer = certificate(test_pki::kPeer);
    const std::vector sent{sub};
    CHECK(TrustAnchor{{root}}.verify(peer, sent, kIn2027));
    CHECK(TrustAnchor{{sub}}.verify(peer, {}, kIn2027));
    CHECK(TrustAnchor{{root, sub}}.verify(peer, {}, kIn2027));

    const auto incomplete = TrustAnchor{{root}}.verify(peer, {}, kIn2027);
    REQUIRE_FALSE(incomplete);
    CHECK(incomplete.error().message == "unable to get local issuer certificate");
    CHECK_FALSE(TrustAnchor{{certificate(test_pki::kOtherCa)}}.verify(peer, sent, kIn2027));
    CHECK_FALSE(TrustAnchor{{}}.verify(peer, sent, kIn2027));
    CHECK_FALSE(TrustAnchor{{peer}}.verify(sub, {}, kIn2027));

    const auto late = TrustAnchor{{root}}.verify(peer, sent, kIn2040);
    REQUIRE_FALSE(late);
    CHECK(late.error().message == "certificate has expired");
    const auto early = TrustAnchor{{root}}.verify(peer, sent, kIn2020);
    REQUIRE_FALSE(early);
    CHECK(early.error().message == "certificate is not yet valid");
}

}  // namespace viaduct::crypto
