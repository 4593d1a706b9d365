// Every proposal that the model can name goes through both phases.
#include <catch2/catch.hpp>

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kHubAddress(10, 0, 0, 1);
constexpr Ipv4Address kSpokeAddress(10, 0, 0, 2);

bool equal(const Secret& a, const Secret& b) {
    return std::ranges::equal(a.view(), b.view());
}

void check_pair(const Node& a, const Node& b) {
    REQUIRE(a.pairs.size() == 1);
    REQUIRE(b.pairs.size() == 1);
    const auto& of_a = a.pairs.begin()->second;
    const auto& of_b = b.pairs.begin()->second;
    CHECK(equal(of_a.keys_in.cipher_key, of_b.keys_out.cipher_key));
    CHECK(equal(of_a.keys_out.cipher_key, of_b.keys_in.cipher_key));
    CHECK(equal(of_a.keys_in.auth_key, of_b.keys_out.auth_key));
    CHECK(equal(of_a.keys_out.auth_key, of_b.keys_in.auth_key));
    CHECK(of_a.spi_in == of_b.spi_out);
    CHECK(of_a.keys_in.cipher == of_b.keys_in.cipher);
}

}  // namespace

TEST_CASE("IKE: all ciphers, hashes and groups of phase 1") {
    const auto [cipher, hash, group] =
        GENERATE(table<crypto::Cipher, crypto::Hash, crypto::DhGroup>({
            {crypto::Cipher::des_cbc, crypto::Hash::md5, crypto::DhGroup::modp768},
            {crypto::Cipher::tdes_cbc, crypto::Hash::md5, crypto::DhGroup::modp1024},
            {crypto::Cipher::tdes_cbc, crypto::Hash::sha1, crypto::DhGroup::modp1536},
            {crypto::Cipher::aes_cbc_128, crypto::Hash::sha1, crypto::DhGroup::modp2048},
            {crypto::Cipher::aes_cbc_192, crypto::Hash::md5, crypto::DhGroup::modp3072},
            {crypto::Cipher::aes_cbc_256, crypto::Hash::sha256, crypto::DhGroup::modp4096},
            {crypto::Cipher::aes_cbc_256, crypto::Hash::md5, crypto::DhGroup::ecp256},
            {crypto::Cipher::aes_cbc_128, crypto::Hash::sha384, crypto::DhGroup::ecp384},
            {crypto::Cipher::aes_cbc_256, crypto::Hash::sha512, crypto::DhGroup::ecp521},
        }));
    World world(41);
    auto& a = world.add("a", kHubAddress);
    auto& b = world.add("b", kSpokeAddress);
    for (auto* node : {&a, &b}) {
        configure_dmvpn(*node);
        node->config.crypto.policies[10] = {
            cipher, hash, group, config::IkeAuthentication::pre_share, 3600};
        node->config.crypto.ipsec_profiles["cisco"].pfs = group;
    }
    a.acquire(dmvpn_acquire(a, b));
    world.run(2s);
    REQUIRE(a.established_count() == 1);
    check_pair(a, b);
}

TEST_CASE("IKE: all ciphers and authenticators of ESP, in tunnel and transport mode") {
    World world(42);
    auto& a = world.add("a", kHubAddress);
    auto& b = world.add("b", kSpokeAddress);
    const bool transport = GENERATE(false, true);
    for (const auto& cipher : crypto::all_ciphers()) {
        for (const auto& auth : crypto::all_auths()) {
            if (cipher.aead != (auth.id == crypto::Auth::none)) {
                continue;
            }
            for (auto* node : {&a, &b}) {
                configure_dmvpn(*node);
                node->config.crypto.transform_sets["strong"] = {cipher.id, auth.id};
                node->config.crypto.transform_sets["strong"].mode =
                    transport ? config::IpsecMode::transport : config::IpsecMode::tunnel;
            }
            INFO(cipher.ios_esp_name << " " << auth.ios_name);
            a.acquire(dmvpn_acquire(a, b));
            world.run(1s);
            check_pair(a, b);
            const auto& pair = a.pairs.begin()->second;
            CHECK(pair.keys_in.cipher == cipher.id);
            CHECK(pair.keys_in.auth == auth.id);
            CHECK(pair.keys_in.cipher_key.size() == cipher.key_bytes + cipher.salt_bytes);
            CHECK(pair.keys_in.auth_key.size() == auth.key_bytes);
            CHECK(pair.parameters.tunnel_mode == !transport);
            a.engine->clear_ipsec(world.now, std::nullopt, "");
            a.drain();
            world.run(1s);
        }
    }
}

TEST_CASE("IKE: policies by priority and transform sets by order; the smaller lifetime wins") {
    World world(43);
    auto& a = world.add("a", kHubAddress);
    auto& b = world.add("b", kSpokeAddress);
    configure_dmvpn(a);
    configure_dmvpn(b);
    using P = config::IsakmpPolicy;
    const auto psk = config::IkeAuthentication::pre_share;
    a.config.crypto.policies = {
        {10,
         P{crypto::Cipher::aes_cbc_256, crypto::Hash::sha1, crypto::DhGroup::modp1024, psk, 86400}},
        {20,
         P{crypto::Cipher::tdes_cbc, crypto::Hash::sha1, crypto::DhGroup::modp1024, psk, 86400}}};
    b.config.crypto.policies = {
        {5, P{crypto::Cipher::des_cbc, crypto::Hash::sha1, crypto::DhGroup::modp1024, psk, 86400}},
        {10,
         P{crypto::Cipher::tdes_cbc, crypto::Hash::sha1, crypto::DhGroup::modp1024, psk, 3600}}};
    a.config.crypto.transform_sets["first"] = {crypto::Cipher::aes_cbc_256,
                                               crypto::Auth::hmac_sha1_96};
    a.config.crypto.ipsec_profiles["cisco"].transform_sets = {"first", "strong"};
    a.config.crypto.ipsec_profiles["cisco"].lifetime.seconds = 7200;
    b.config.crypto.ipsec_profiles["cisco"].lifetime.seconds = 600;
    a.acquire(dmvpn_acquire(a, b));
    world.run(2s);
    check_pair(a, b);
    const auto& sa = *a.engine->state().ikes.begin()->second;
    CHECK(sa.suite.cipher == crypto::Cipher::tdes_cbc);
    CHECK(b.engine->state().ikes.begin()->second->suite.lifetime_s == 3600);
    // N6: RESPONDER-LIFETIME is sent and honoured, in both phases.
    CHECK(sa.suite.lifetime_s == 3600);
    CHECK(a.pairs.begin()->second.keys_in.cipher == crypto::Cipher::tdes_cbc);
    CHECK(a.pairs.begin()->second.parameters.lifetime_s == 600);
    CHECK(b.pairs.begin()->second.parameters.lifetime_s == 600);
}

TEST_CASE("IKE: nothing in common: NO-PROPOSAL-CHOSEN, no SA") {
    World world(44);
    auto& a = world.add("a", kHubAddress);
    auto& b = world.add("b", kSpokeAddress);
    configure_dmvpn(a);
    configure_dmvpn(b);
    SECTION("in phase 1") {
        b.config.crypto.policies[10].hash = crypto::Hash::sha512;
        a.acquire(dmvpn_acquire(a, b));
        world.run(2min);
        CHECK(a.ike_count() == 0);
        CHECK(b.ike_count() == 0);
        CHECK(b.counter(Counter::no_proposal_chosen) >= 1);
    }
    SECTION("in phase 2: the initiator is told at once") {
        b.config.crypto.transform_sets["strong"].esp_cipher = crypto::Cipher::aes_cbc_256;
        a.acquire(dmvpn_acquire(a, b));
        world.run(2s);
        CHECK(a.pairs.empty());
        CHECK(b.pairs.empty());
        REQUIRE(a.states.size() == 1);
        CHECK_FALSE(a.states[0].up);
        CHECK(a.reserved.empty());
    }
    SECTION("proxies that no policy has") {
        auto acquire = dmvpn_acquire(a, b);
        acquire.proxies.remote.protocol = kProtoTcp;
        acquire.proxies.local.protocol = kProtoTcp;
        a.acquire(acquire);
        world.run(2s);
        CHECK(b.counter(Counter::no_policy_for_proxies) == 1);
        CHECK(b.pairs.empty());
    }
}

TEST_CASE("P3: crypto map entries by sequence, static and dynamic, with and without access list") {
    World world(45);
    auto& hub = world.add("hub", kHubAddress);
    auto& spoke = world.add("spoke", kSpokeAddress);
    const Ipv4Address lan_hub(10, 1, 0, 0);
    const Ipv4Address lan_spoke(10, 2, 0, 0);
    configure_site(hub, spoke, lan_hub, lan_spoke);
    configure_site(spoke, hub, lan_spoke, lan_hub);
    auto& crypto = hub.config.crypto;
    crypto.dynamic_maps["dyn"].entries[20].transform_sets = {"ts"};
    auto& dynamic = crypto.maps["mymap"].entries[60000];
    dynamic.kind = config::CryptoMapEntry::Kind::dynamic;
    dynamic.dynamic_map = "dyn";
    SECTION("the static entry comes first") {
        spoke.acquire(site_acquire(spoke, hub, lan_spoke, lan_hub));
        world.run(2s);
        REQUIRE(hub.pairs.size() == 1);
        CHECK(hub.pairs.begin()->second.parameters.policy.sequence == 10);
        CHECK(hub.pairs.begin()->second.parameters.policy.dynamic_map.empty());
    }
    SECTION("what the static entry does not permit falls to the dynamic one") {
        spoke.acquire(site_acquire(spoke, hub, Ipv4Address(10, 9, 9, 0), lan_hub));
        world.run(2s);
        REQUIRE(hub.pairs.size() == 1);
        CHECK(hub.pairs.begin()->second.parameters.policy.sequence == 60000);
        CHECK(hub.pairs.begin()->second.parameters.policy.dynamic_map == "dyn");
        CHECK(hub.pairs.begin()->second.parameters.policy.dynamic_sequence == 20);
    }
    SECTION("an access list in the template is asked") {
        crypto.dynamic_maps["dyn"].entries[20].match_address = "101";
        spoke.acquire(site_acquire(spoke, hub, Ipv4Address(10, 9, 9, 0), lan_hub));
        world.run(2s);
        CHECK(hub.pairs.empty());
        CHECK(hub.counter(Counter::no_policy_for_proxies) == 1);
    }
    SECTION("a deny line before it wins") {
        config::AccessEntry deny = hub.config.access_lists["101"].entries[0];
        deny.action = config::AclAction::deny;
        auto& lines = hub.config.access_lists["101"].entries;
        lines.insert(lines.begin(), deny);
        crypto.maps["mymap"].entries.erase(60000);
        spoke.acquire(site_acquire(spoke, hub, lan_spoke, lan_hub));
        world.run(2s);
        CHECK(hub.pairs.empty());
    }
}

TEST_CASE("P1: keyrings and profiles by the peer's address") {
    World world(46);
    auto& hub = world.add("hub", kHubAddress);
    auto& spoke = world.add("spoke", kSpokeAddress);
    const Ipv4Address lan_hub(10, 1, 0, 0);
    const Ipv4Address lan_spoke(10, 2, 0, 0);
    configure_site(hub, spoke, lan_hub, lan_spoke);
    configure_site(spoke, hub, lan_spoke, lan_hub);
    auto& crypto = hub.config.crypto;
    crypto.keys.clear();
    crypto.keyrings["spokes"].keys = {
        {{0, "wrong"}, Ipv4Address{}, Ipv4Address{}, "", false},
        {{0, "cisco123"}, kSpokeAddress, Ipv4Address{0xFFFFFFFFU}, "", false}};
    config::IsakmpProfile profile;
    profile.keyring = "spokes";
    profile.matches = {{config::IdentityMatch::Kind::address, Ipv4Address{}, Ipv4Address{}, ""}};
    crypto.profiles = {{"L2L", profile}};
    crypto.maps["mymap"].entries[10].isakmp_profile = GENERATE("L2L", "other");
    spoke.acquire(site_acquire(spoke, hub, lan_spoke, lan_hub));
    world.run(2s);
    REQUIRE(hub.established_count() == 1);
    CHECK(hub.engine->state().ikes.begin()->second->profile == "L2L");
    CHECK(hub.engine->state().ikes.begin()->second->keyring == "spokes");
    CHECK(hub.pairs.size() == (crypto.maps["mymap"].entries[10].isakmp_profile == "L2L" ? 1 : 0));
}

}  // namespace viaduct::ike::test
