// The show and clear commands: values and words of the documents' outputs.
#include <catch2/catch.hpp>

#include "tests/has.h"
#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

std::string run(Node& node, const std::string& line) {
    const auto rows = exec_rows(*node.engine);
    ios::CommandSet set;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        set.add(i, rows[i].pattern, rows[i].help);
    }
    const auto match = set.match(line);
    REQUIRE(match.has_value());
    std::string out;
    ios::ExecContext context{node.world.now, WallTime{}, 0, out};
    rows[match->id].run(context, match->args);
    node.drain();
    return out;
}

}  // namespace

TEST_CASE("T6 D10 P7: show crypto …") {
    World world(61);
    auto& a = world.add("a", Ipv4Address(11, 11, 11, 1));
    auto& b = world.add("b", Ipv4Address(11, 11, 11, 2));
    const Ipv4Address lan_a(13, 13, 13, 0);
    const Ipv4Address lan_b(12, 12, 12, 0);
    configure_site(a, b, lan_a, lan_b);
    configure_site(b, a, lan_b, lan_a);
    for (auto* node : {&a, &b}) {
        node->config.crypto.policies[10] = {crypto::Cipher::des_cbc,
                                            crypto::Hash::sha1,
                                            crypto::DhGroup::modp768,
                                            config::IkeAuthentication::pre_share,
                                            86400};
        node->config.crypto.transform_sets["ts"] = {crypto::Cipher::des_cbc,
                                                    crypto::Auth::hmac_md5_96};
    }
    a.acquire(site_acquire(a, b, lan_a, lan_b));
    world.run(1s);
    a.pairs.begin()->second.usage.packets_out = 9;
    a.pairs.begin()->second.usage.packets_in = 9;

    CHECK(run(a, "show crypto isakmp sa") ==
          "dst             src             state          conn-id slot\n"
          "11.11.11.2      11.11.11.1      QM_IDLE              1    0\n\n");
    const auto detail = run(a, "sh cry isa sa det");
    CHECK(
        has(detail, "1     11.11.11.1      11.11.11.2               des  sha    psk  1  23:59:59"));
    const auto policy = run(a, "show crypto isakmp policy");
    CHECK(has(policy,
              "Protection suite of priority 10\n"
              "        encryption algorithm:   DES - Data Encryption Standard (56 bit keys).\n"
              "        hash algorithm:         Secure Hash Standard\n"
              "        authentication method:  Pre-Shared Key\n"
              "        Diffie-Hellman group:   #1 (768 bit)\n"
              "        lifetime:               86400 seconds, no volume limit\n"
              "Default protection suite\n"));
    const auto sa = run(a, "show crypto ipsec sa");
    CHECK(
        has(sa, "interface: FastEthernet0/0\n    Crypto map tag: mymap, local addr. 11.11.11.1\n"));
    CHECK(has(sa,
              "   local  ident (addr/mask/prot/port): (13.13.13.0/255.255.255.0/0/0)\n"
              "   remote ident (addr/mask/prot/port): (12.12.12.0/255.255.255.0/0/0)\n"
              "   current_peer: 11.11.11.2:500\n"));
    CHECK(has(sa,
              "#pkts encaps: 9, #pkts encrypt: 9, #pkts digest 9\n    #pkts decaps: 9, #pkts "
              "decrypt: 9, #pkts verify 9\n"));
    CHECK(has(sa,
              "        transform: esp-des esp-md5-hmac ,\n        in use settings ={Tunnel, }\n"
              "        slot: 0, conn id: 2000, flow_id: 1, crypto map: mymap\n"));
    CHECK(has(sa, "IV size: 8 bytes\n        replay detection support: Y\n"));
    CHECK(has(run(a, "show crypto map"),
              "Crypto Map \"mymap\" 10 ipsec-isakmp\n        Peer = 11.11.11.2\n"
              "        Extended IP access list 101\n"
              "            access-list 101 permit ip 13.13.13.0 0.0.0.255 12.12.12.0 0.0.0.255\n"
              "        Current peer: 11.11.11.2\n"
              "        Security association lifetime: 4608000 kilobytes/3600 seconds\n"
              "        PFS (Y/N): N\n"));
    const auto active = run(a, "show crypto engine connections active");
    CHECK(has(active, "HMAC_SHA+DES_56_CB"));
    CHECK(has(
        active,
        "2001 FastEthernet0/0      11.11.11.1      set    HMAC_MD5+DES_56_CB        9        0\n"));
    const auto session = run(a, "show crypto session detail");
    CHECK(has(session, "Session status: UP-ACTIVE\nPeer: 11.11.11.2 port 500\n"));
    CHECK(has(session, "IKE SA: local 11.11.11.1/500 remote 11.11.11.2/500 Active"));
    CHECK(has(run(a, "show crypto ipsec transform-set"),
              "Transform set ts: { esp-des esp-md5-hmac  }\n   will negotiate = { Tunnel,  },\n"));
    CHECK(has(run(a, "show crypto isakmp stats"), "quick_established"));
    CHECK(has(run(a, "show crypto isakmp key"), "default"));
    CHECK(has(run(a, "show crypto isakmp peers"), "Peer: 11.11.11.2 Port: 500 Local: 11.11.11.1"));
    CHECK(run(a, "show crypto ipsec sa peer 9.9.9.9").empty());

    run(a, "clear crypto sa peer 9.9.9.9");
    CHECK(a.pairs.size() == 1);
    run(a, "clear crypto sa map mymap");
    CHECK(a.pairs.empty());
    run(a, "clear crypto isakmp 1");
    CHECK(a.ike_count() == 0);
}

TEST_CASE(
    "T5 D10: entries made from a dynamic map and from an IPsec profile come with their SAs and go "
    "with them") {
    World world(62);
    auto& a = world.add("a", Ipv4Address(11, 11, 11, 1));
    auto& b = world.add("b", Ipv4Address(11, 11, 11, 2));
    configure_dmvpn(a);
    configure_dmvpn(b);
    const std::string made =
        "Crypto Map \"Tunnel0-head-0\" 65537 ipsec-isakmp\n        Map is a PROFILE INSTANCE.\n";
    CHECK_FALSE(has(run(a, "show crypto map"), made));
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    CHECK(has(run(a, "show crypto map"), made));
    CHECK(
        has(run(a, "show crypto map"), "access-list  permit gre host 11.11.11.1 host 11.11.11.2"));
    run(a, "clear crypto session");
    CHECK_FALSE(has(run(a, "show crypto map"), made));
}

}  // namespace viaduct::ike::test
