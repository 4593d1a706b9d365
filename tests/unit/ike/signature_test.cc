// RSA signatures in main mode: who is believed, and who is not.
#include <catch2/catch.hpp>

#include "controlplane/ike/signatures.h"
#include "tests/unit/crypto/test_pki.h"
#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

namespace pki = crypto::test_pki;

constexpr Ipv4Address kSigner(10, 0, 0, 1);
constexpr Ipv4Address kVerifier(209,
                                168,
                                202,
                                225);  // the address in the certificate's subjectAltName
constexpr Ipv4Address kLanA(10, 1, 0, 0);
constexpr Ipv4Address kLanB(10, 2, 0, 0);
constexpr WallTime kIn2027{std::chrono::sys_days{std::chrono::year(2027) / 6 / 1}};
constexpr WallTime kIn2037{std::chrono::sys_days{std::chrono::year(2037) / 6 / 1}};

crypto::Certificate certificate(const char* pem) {
    return *crypto::Certificate::from_pem(pem);
}

/// sv9-2 of the test PKI, with the CA between it and the root.
TrustpointKeys good() {
    TrustpointKeys out;
    out.name = "ca";
    out.certificate = certificate(pki::kPeer);
    out.chain = {certificate(pki::kSubCa)};
    out.key = *crypto::RsaPrivateKey::from_pem(pki::kPeerKey);
    out.authorities = {certificate(pki::kRootCa)};
    out.revocation_none = true;
    return out;
}

void configure_signed(Node& node,
                      const Node& peer,
                      Ipv4Address lan,
                      Ipv4Address peer_lan,
                      const TrustpointKeys& trustpoint = good(),
                      WallTime wall = kIn2027) {
    node.engine->set_trustpoints(node.world.now, {trustpoint});
    node.engine->set_wall(node.world.now, wall);
    configure_site(node, peer, lan, peer_lan);
    node.config.crypto.policies[10].authentication = config::IkeAuthentication::rsa_sig;
    node.config.crypto.keys.clear();
    node.configure();
}

struct Two {
    explicit Two(std::uint64_t seed)
        : world(seed), a(world.add("a", kSigner)), b(world.add("b", kVerifier)) {}

    void run() {
        a.acquire(site_acquire(a, b, kLanA, kLanB));
        world.run(5s);
    }

    World world;
    Node& a;
    Node& b;
};

}  // namespace

TEST_CASE("IKE RSA: main mode with signatures, chains and identities") {
    Two two(40);
    auto& [world, a, b] = two;
    configure_signed(a, b, kLanA, kLanB);
    configure_signed(b, a, kLanB, kLanA);
    SECTION("the distinguished name") {
        for (auto* node : {&a, &b}) {
            node->config.crypto.isakmp_identity = "dn";
            node->configure();
        }
    }
    SECTION(
        "the address: in B's certificate, not in A's, which sends its distinguished name instead") {
    }
    SECTION("the name, which the certificate has") {
        a.config.system.hostname = "sv9-2";
        a.config.system.domain_name = "example.com";
        a.configure();
    }
    SECTION("only the authority between is believed") {
        auto partial = good();
        partial.authorities = {certificate(pki::kSubCa)};
        partial.chain.clear();
        a.engine->set_trustpoints(world.now, {partial});
        b.engine->set_trustpoints(world.now, {partial});
    }
    two.run();
    REQUIRE(a.established_count() == 1);
    REQUIRE(b.established_count() == 1);
    CHECK(b.engine->state().ikes.begin()->second->peer_subject ==
          "cn=sv9-2,ou=ciscovpn,o=Viaduct Test,c=US");
    CHECK(a.engine->state().ikes.begin()->second->suite.authentication == kAuthRsaSignature);
    REQUIRE(a.pairs.size() == 1);
    REQUIRE(b.pairs.size() == 1);
    CHECK(std::ranges::equal(a.pairs.begin()->second.keys_out.cipher_key.view(),
                             b.pairs.begin()->second.keys_in.cipher_key.view()));
    // What it stood on goes: so does the SA.
    b.engine->set_trustpoints(world.now, {});
    b.configure();
    CHECK(b.established_count() == 0);
}

TEST_CASE("IKE RSA: nobody is believed on less than everything") {
    Two two(41);
    auto& [world, a, b] = two;
    auto trustpoint_a = good();
    auto trustpoint_b = good();
    auto wall_b = kIn2027;
    std::string reason;
    SECTION("another authority") {
        trustpoint_b.authorities = {certificate(pki::kOtherCa)};
        reason = "unable to get local issuer certificate";
    }
    SECTION("the certificate between is missing") {
        trustpoint_a.chain.clear();
        reason = "unable to get local issuer certificate";
    }
    SECTION("expired by the router's calendar") {
        wall_b = kIn2037;
        reason = "certificate has expired";
    }
    SECTION("revocation cannot be checked") {
        trustpoint_b.revocation_none = false;
        reason = "revocation";
    }
    SECTION("a key that is not the certificate's") {
        trustpoint_a.key = *crypto::RsaPrivateKey::generate(1024);
        reason = "the signature does not fit";
    }
    configure_signed(a, b, kLanA, kLanB, trustpoint_a);
    configure_signed(b, a, kLanB, kLanA, trustpoint_b, wall_b);
    two.run();
    CHECK(b.established_count() == 0);
    CHECK(a.established_count() == 0);
    CHECK(b.counter(Counter::authentication_failed) == 1);
    CHECK(b.lines.contains(reason));
    CHECK(b.pairs.empty());
    world.run(100s);
    CHECK(b.ike_count() == 0);
}

TEST_CASE("IKE RSA: without a calendar no certificate is valid") {
    Two two(42);
    auto& [world, a, b] = two;
    configure_signed(a, b, kLanA, kLanB);
    b.engine->set_trustpoints(world.now, {good()});
    configure_site(b, a, kLanB, kLanA);
    b.config.crypto.policies[10].authentication = config::IkeAuthentication::rsa_sig;
    b.config.crypto.keys.clear();
    b.configure();
    two.run();
    CHECK(b.established_count() == 0);
    CHECK(b.lines.contains("certificate has expired"));
}

TEST_CASE("IKE RSA: an identity that the certificate does not name is refused") {
    Two two(43);
    auto& [world, a, b] = two;
    configure_signed(a, b, kLanA, kLanB);
    configure_signed(b, a, kLanB, kLanA);
    two.run();
    REQUIRE(b.established_count() == 1);
    auto& sa = *b.engine->state().ikes.begin()->second;
    const auto key = *crypto::RsaPrivateKey::from_pem(pki::kPeerKey);
    const Bytes hash(20, 7);
    const auto body = [](const char* pem) {
        Bytes out{4};
        const auto der = certificate(pem).der();
        out.insert(out.end(), der.begin(), der.end());
        return out;
    };
    ChainWriter writer;
    writer.add(PayloadType::certificate, body(pki::kPeer));
    writer.add(PayloadType::certificate, body(pki::kSubCa));
    writer.add(PayloadType::signature, *key.sign(hash));
    const auto chain = *parse_chain(writer.first(), writer.view(), Padding::none);
    const auto check = [&](IdType type, BytesView data) {
        Identity identity;
        identity.type = type;
        identity.data.assign(data.begin(), data.end());
        return b.engine->state().signatures.check(sa, chain, identity, hash).has_value();
    };
    const auto text = [](std::string_view t) { return as_bytes(t); };
    CHECK(check(IdType::fqdn, text("SV9-2.example.com")));
    CHECK_FALSE(check(IdType::fqdn, text("hub.example.com")));
    CHECK_FALSE(check(IdType::fqdn, text("")));
    CHECK(check(IdType::user_fqdn, text("Admin@example.com")));
    CHECK_FALSE(check(IdType::user_fqdn, text("root@example.com")));
    CHECK_FALSE(check(IdType::key_id, text("sv9-2")));
    CHECK(check(IdType::der_asn1_dn, certificate(pki::kPeer).subject_der()));
    // The same values in other types of string: strongSwan writes PrintableString where OpenSSL wrote UTF8String.
    auto printable = certificate(pki::kPeer).subject_der();
    for (std::size_t i = 0; i + 5 < printable.size(); ++i) {
        const bool behind_oid =
            printable[i] == 0x06 && printable[i + 1] == 3 && printable[i + 2] == 0x55;
        if (behind_oid && printable[i + 5] == 0x0C) {
            printable[i + 5] = 0x13;
        }
    }
    CHECK(printable != certificate(pki::kPeer).subject_der());
    CHECK(check(IdType::der_asn1_dn, printable));
    printable.back() ^= 1U;
    CHECK_FALSE(check(IdType::der_asn1_dn, printable));
    // The authority's own name stands in a certificate that came along; the signature is not its.
    CHECK_FALSE(check(IdType::der_asn1_dn, certificate(pki::kSubCa).subject_der()));
    CHECK_FALSE(check(IdType::der_asn1_dn, certificate(pki::kOtherCa).subject_der()));
    const Bytes right{209, 168, 202, 225};
    const Bytes wrong{209, 168, 202, 226};
    CHECK(check(IdType::ipv4_address, right));
    CHECK_FALSE(check(IdType::ipv4_address, wrong));
    // Without a signature, without a certificate, with another hash.
    Identity identity;
    identity.data = right;
    ChainWriter none;
    none.add(PayloadType::certificate, body(pki::kPeer));
    CHECK_FALSE(b.engine->state().signatures.check(
        sa, *parse_chain(none.first(), none.view(), Padding::none), identity, hash));
    ChainWriter bare;
    bare.add(PayloadType::signature, *key.sign(hash));
    CHECK_FALSE(b.engine->state().signatures.check(
        sa, *parse_chain(bare.first(), bare.view(), Padding::none), identity, hash));
    const Bytes other(20, 8);
    CHECK_FALSE(b.engine->state().signatures.check(sa, chain, identity, other));
}

TEST_CASE(
    "IKE RSA: a pre-shared key and a certificate side by side; the responder chooses by its "
    "policies") {
    Two two(44);
    auto& [world, a, b] = two;
    configure_signed(a, b, kLanA, kLanB);
    configure_signed(b, a, kLanB, kLanA);
    for (auto* node : {&a, &b}) {
        auto& crypto = node->config.crypto;
        crypto.policies[20] = crypto.policies[10];
        crypto.policies[20].authentication = config::IkeAuthentication::pre_share;
        crypto.keys = {{{0, "cisco123"}, Ipv4Address{}, Ipv4Address{}, "", false}};
        node->configure();
    }
    const bool certificates = GENERATE(true, false);
    if (!certificates) {
        a.engine->set_trustpoints(world.now, {});
        a.configure();
    }
    two.run();
    REQUIRE(b.established_count() == 1);
    CHECK(b.engine->state().ikes.begin()->second->is_signed() == certificates);
}

TEST_CASE(
    "IKE RSA: parked while the signature is made elsewhere; repeated packets meanwhile do "
    "nothing") {
    Two two(45);
    auto& [world, a, b] = two;
    configure_signed(a, b, kLanA, kLanB);
    configure_signed(b, a, kLanB, kLanA);
    Bytes fifth;
    std::size_t to_b = 0;
    world.filter = [&](const Endpoint&, const Endpoint& to, const Bytes& payload) {
        if (to.address == kVerifier && ++to_b == 3) {
            fifth = payload;
            b.hold_offload = true;
        }
        return true;
    };
    two.run();
    REQUIRE_FALSE(fifth.empty());
    CHECK(b.established_count() == 0);
    b.engine->on_packet(world.now,
                        {kOutside, {kVerifier, kPortIsakmp}, {kSigner, kPortIsakmp}, fifth});
    b.drain();
    CHECK(b.established_count() == 0);
    b.hold_offload = false;
    b.drain();
    world.run(5s);
    CHECK(b.established_count() == 1);
    CHECK(a.pairs.size() == 1);
}

}  // namespace viaduct::ike::test
