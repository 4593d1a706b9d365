#include "tests/unit/ike/remote_world.h"

#include <algorithm>

#include "config/ios/parser.h"

namespace viaduct::ike::test {

std::string hub_text(const std::string& more) {
    return R"(hostname Hub
username gfullage password 7 0201024E070A0E2649
aaa new-model
aaa authentication login clientauth local
aaa authorization network groupauthor local
crypto keyring spokes
  pre-shared-key address 0.0.0.0 0.0.0.0 key cisco123
crypto isakmp policy 10
 encr 3des
 authentication pre-share
 group 2
crypto isakmp client configuration group testgroup
 key cisco321
 dns 1.1.1.1 2.2.2.2
 wins 3.3.3.3 4.4.4.4
 domain cisco.com
 pool ippool
crypto isakmp profile L2L
   description LAN-to-LAN for spoke router(s) connection
   keyring spokes
   match identity address 0.0.0.0
crypto isakmp profile VPNclient
   description VPN clients profile
   match identity group testgroup
   client authentication list clientauth
   isakmp authorization list groupauthor
   client configuration address respond
crypto ipsec transform-set myset esp-3des esp-sha-hmac
crypto dynamic-map dynmap 5
 set transform-set myset
 set isakmp-profile VPNclient
crypto dynamic-map dynmap 10
 set transform-set myset
 set isakmp-profile L2L
crypto map mymap 10 ipsec-isakmp dynamic dynmap
interface FastEthernet0/0
 ip address 10.48.67.181 255.255.255.224
 crypto map mymap
ip local pool ippool 10.5.5.1 10.5.5.254
)" + more;
}

void configure_hub(Node& hub, const std::string& more) {
    auto loaded = ios::load(hub_text(more), "hub");
    hub.config = std::move(loaded.config);
    hub.interfaces[0].crypto_map = "mymap";
    hub.on_login = [&hub](const AuthenticateUser& login) {
        const std::string password(login.password.view().begin(), login.password.view().end());
        AuthenticationResult result;
        result.accepted = (login.user == "gfullage" && password == "gfullage") ||
                          (login.user.starts_with("user") && password == "secret");
        hub.engine->on_authentication(hub.world.now, login.request, result);
    };
    hub.configure();
}

void configure_client(Node& client, const ClientAs& as) {
    auto& crypto = client.config.crypto;
    crypto.policies[10] = {crypto::Cipher::tdes_cbc,
                           crypto::Hash::sha1,
                           crypto::DhGroup::modp1024,
                           config::IkeAuthentication::pre_share,
                           86400};
    auto& vpn = crypto.ezvpn_clients["vpn"];
    vpn.group = as.group;
    vpn.key = {0, as.key};
    vpn.username = as.user;
    vpn.password = {0, as.password};
    vpn.peers = {kHub.to_string()};
    client.config.interfaces[client.interfaces[0].name].ezvpn_client = "vpn";
    client.configure();
}

void configure_spoke(Node& spoke, Ipv4Address lan) {
    auto& crypto = spoke.config.crypto;
    crypto.policies[10] = {crypto::Cipher::tdes_cbc,
                           crypto::Hash::sha1,
                           crypto::DhGroup::modp1024,
                           config::IkeAuthentication::pre_share,
                           86400};
    crypto.keys = {{{0, "cisco123"}, kHub, Ipv4Address{0xFFFFFFFFU}, "", false}};
    crypto.transform_sets["ts"] = {crypto::Cipher::tdes_cbc, crypto::Auth::hmac_sha1_96};
    auto& entry = crypto.maps["mymap"].entries[10];
    entry.transform_sets = {"ts"};
    entry.peers = {kHub.to_string()};
    entry.match_address = "101";
    config::AccessEntry line;
    line.sequence = 10;
    line.source = {lan, Ipv4Address{255}};
    line.destination = {Ipv4Address(10, 1, 0, 0), Ipv4Address{0x1FF}};
    spoke.config.access_lists["101"].entries = {line};
    spoke.interfaces[0].crypto_map = "mymap";
    spoke.configure();
}

Acquire spoke_acquire(const Node& spoke, Ipv4Address lan) {
    Acquire a;
    a.policy.interface = kOutside;
    a.policy.crypto_map = "mymap";
    a.policy.sequence = 10;
    a.local = spoke.address;
    a.peers = {kHub};
    a.proxies = {{lan, mask_of(24), std::nullopt, 0},
                 {Ipv4Address(10, 1, 0, 0), mask_of(23), std::nullopt, 0}};
    return a;
}

const ClientConfigured* given(const Node& client) {
    return client.configured.empty() || !client.configured.back().up ? nullptr
                                                                     : &client.configured.back();
}

ProxyPair client_proxies(Ipv4Address assigned) {
    return {{assigned, Ipv4Address{0xFFFFFFFFU}, std::nullopt, 0},
            {Ipv4Address{}, Ipv4Address{}, std::nullopt, 0}};
}

bool keys_agree(const Pair& a, const Pair& b) {
    const auto same = [](const Secret& x, const Secret& y) {
        return !x.empty() && std::ranges::equal(x.view(), y.view());
    };
    return a.spi_in == b.spi_out && a.spi_out == b.spi_in &&
           same(a.keys_in.cipher_key, b.keys_out.cipher_key) &&
           same(a.keys_out.cipher_key, b.keys_in.cipher_key) &&
           same(a.keys_in.auth_key, b.keys_out.auth_key);
}

}  // namespace viaduct::ike::test
