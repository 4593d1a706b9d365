// The configurations of the seed documents load as they stand, and what is written reads back the same.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "config/ios/parser.h"
#include "tests/unit/config/refused_lines.h"

namespace fs = std::filesystem;
using namespace viaduct;
using viaduct::ios::LineProblem;

namespace {

/// Beside the project's checkout, or one above where the checkout is one of several.
fs::path fixtures() {
    const fs::path root(VIADUCT_SOURCE_ROOT);
    const auto folder = fs::path("shared") / "fixtures" / "configs";
    return fs::exists(root / ".." / folder) ? root / ".." / folder : root / ".." / ".." / folder;
}

std::optional<std::string> fixture(const std::string& name) {
    std::ifstream file(fixtures() / name);
    if (!file) {
        WARN("SKIPPED: " << (fixtures() / name) << " is not there");
        return std::nullopt;
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

const char* const kAll[] = {"crypto-map-order.cfg",
                            "daphne.cfg",
                            "fred.cfg",
                            "hub-profiles.cfg",
                            "spoke-dhcp.cfg",
                            "sv9-2.cfg",
                            "sv9-3.cfg",
                            "sv9-4.cfg"};

}  // namespace

TEST_CASE("fixtures: every configuration loads as it stands and is a fixpoint of writing",
          "[fixtures]") {
    for (const std::string name : kAll) {
        const auto text = fixture(name);
        if (!text) {
            return;
        }
        const auto loaded = ios::load(*text, name);
        INFO(name);
        CHECK(refused_lines(loaded).empty());
        const auto written = ios::write_config(loaded.config);
        INFO(written);
        const auto again = ios::load(written, "written");
        CHECK(refused_lines(again).empty());
        CHECK(again.config == loaded.config);
        CHECK(ios::write_config(again.config) == written);
    }
}

TEST_CASE("fixtures: D1 the hub of document 003", "[fixtures]") {
    const auto text = fixture("sv9-2.cfg");
    if (!text) {
        return;
    }
    const auto config = ios::load(*text, "sv9-2.cfg").config;
    CHECK(config.system.hostname == "sv9-2");
    CHECK(config.system.version == "12.3");
    CHECK_FALSE(config.system.domain_lookup);
    const auto& tunnel = config.interfaces.at(*config::InterfaceName::parse("Tunnel0"));
    CHECK(tunnel.address->address == Ipv4Address(192, 168, 1, 1));
    CHECK(tunnel.address->length == 24);
    CHECK_FALSE(tunnel.ip_redirects);
    CHECK(tunnel.ip_mtu == 1440);
    CHECK(tunnel.nhrp.authentication == "cisco123");
    CHECK(tunnel.nhrp.multicast_dynamic);
    CHECK(tunnel.nhrp.network_id == 1U);
    CHECK_FALSE(tunnel.eigrp.at(Asn{90}).split_horizon);
    CHECK_FALSE(tunnel.eigrp.at(Asn{90}).next_hop_self);
    CHECK(tunnel.tunnel.mode == config::TunnelMode::gre_multipoint);
    CHECK(tunnel.tunnel.key == 0U);
    CHECK(tunnel.tunnel.protection_profile == "cisco");
    CHECK(tunnel.tunnel.source_interface->to_string() == "FastEthernet0/0");
    const auto& eigrp = config.eigrp.at(Asn{90});
    REQUIRE(eigrp.networks.size() == 2);
    CHECK(eigrp.networks[0].wildcard == Ipv4Address(0, 0, 0, 255));
    CHECK_FALSE(eigrp.networks[1].wildcard);
    CHECK_FALSE(eigrp.auto_summary);
    const auto& policy = config.crypto.policies.at(10);
    CHECK(policy.hash == crypto::Hash::md5);
    CHECK(policy.encryption == crypto::Cipher::des_cbc);
    CHECK(policy.authentication == config::IkeAuthentication::pre_share);
    REQUIRE(config.crypto.keys.size() == 1);
    CHECK(config.crypto.keys[0].mask.is_unspecified());
    CHECK(config.crypto.ipsec_profiles.at("cisco").lifetime.seconds == 120U);
    REQUIRE(config.static_routes.size() == 1);
    REQUIRE(config.system.lines.size() == 3);
    CHECK(config.system.lines[0].exec_timeout_s == 0U);
    CHECK(config.system.lines[2].password.text == "cisco");
    CHECK(config.system.lines[2].login);
}

TEST_CASE("fixtures: T1 the gateway of document 002", "[fixtures]") {
    const auto text = fixture("daphne.cfg");
    if (!text) {
        return;
    }
    const auto config = ios::load(*text, "daphne.cfg").config;
    const auto& entry = config.crypto.maps.at("tedtag").entries.at(10);
    CHECK(entry.kind == config::CryptoMapEntry::Kind::dynamic);
    CHECK(entry.dynamic_map == "ted-map");
    CHECK(entry.discover);
    const auto& dynamic = config.crypto.dynamic_maps.at("ted-map").entries.at(10);
    CHECK(dynamic.match_address == "101");
    CHECK(dynamic.transform_sets == std::vector<std::string>{"ted-transforms"});
    const auto& rule = config.access_lists.at("101").entries.at(0);
    CHECK(rule.source.matches(Ipv4Address(13, 13, 13, 4)));
    CHECK(rule.destination.matches(Ipv4Address(12, 12, 12, 13)));
    CHECK(config.system.enable_password.text == "cisco");
}

TEST_CASE("fixtures: P1 P2 P3 P8 the hub of document 004", "[fixtures]") {
    const auto text = fixture("hub-profiles.cfg");
    if (!text) {
        return;
    }
    const auto config = ios::load(*text, "hub-profiles.cfg").config;
    REQUIRE(config.crypto.profiles.size() == 2);
    CHECK(config.crypto.profiles[0].first == "L2L");
    CHECK(config.crypto.profiles[0].second.keyring == "spokes");
    CHECK(config.crypto.profiles[0].second.matches.at(0).mask.is_unspecified());
    const auto& client = config.crypto.profiles[1].second;
    CHECK(client.matches.at(0).kind == config::IdentityMatch::Kind::group);
    CHECK(client.client_authentication_list == "clientauth");
    CHECK(client.authorization_list == "groupauthor");
    CHECK(client.client_configuration == config::ConfigMode::respond);
    CHECK(config.crypto.client_groups.at("testgroup").wins.size() == 2);
    CHECK(config.crypto.dynamic_maps.at("dynmap").entries.at(5).isakmp_profile == "VPNclient");
    CHECK(config.aaa.new_model);
    CHECK(config.aaa.login.at("clientauth").methods ==
          std::vector{config::AaaMethodList::Method::local});
    CHECK(config.system.users.at("gfullage").password.type == 7);
    CHECK(config.address_pools.at("ippool").ranges.at(0).second == Ipv4Address(10, 5, 5, 254));
    CHECK(config.static_routes.at(0).gateway == Ipv4Address(10, 48, 66, 181));
    CHECK_FALSE(config.system.logging.on);
}

TEST_CASE("fixtures: P4 the spoke of document 004", "[fixtures]") {
    const auto text = fixture("spoke-dhcp.cfg");
    if (!text) {
        return;
    }
    const auto config = ios::load(*text, "spoke-dhcp.cfg").config;
    const auto& outside = config.interfaces.at(*config::InterfaceName::parse("fa0/0"));
    CHECK(outside.address_source == config::AddressSource::dhcp);
    CHECK(outside.crypto_map == "mymap");
    CHECK_FALSE(config.interfaces.at(*config::InterfaceName::parse("fa0/1")).keepalive);
    CHECK(config.interfaces.at(*config::InterfaceName::parse("ATM1/0")).kept ==
          std::vector<std::string>{"no atm ilmi-keepalive"});
    const auto& entry = config.crypto.maps.at("mymap").entries.at(10);
    CHECK(entry.peers == std::vector<std::string>{"10.48.67.181"});
    CHECK(config.crypto.keys.at(0).mask.is_broadcast());
    CHECK(config.kept.at(0).line == "ip cef");
}
