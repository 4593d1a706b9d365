// `crypto map … ipsec-manual`: SAs without IKE, seen by the same commands as negotiated ones.
//
//   pc-a ── left 10.0.0.1 ── net ── 10.0.0.2 right ── pc-b
#include <tuple>

#include "tests/has.h"
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

namespace {

constexpr const char* kRightKey = "00112233445566778899aabbccddeeff0011223344556677";

std::string manual_end(unsigned n, const std::string& cipher_out) {
    const auto own = std::to_string(n);
    const auto other = std::to_string(3 - n);
    const auto* const authenticator = "0102030405060708090a0b0c0d0e0f1011121314";
    const auto keys = [&](const char* way, unsigned spi, const std::string& cipher) {
        return std::string(" set session-key ") + way + " esp " + std::to_string(spi) + " cipher " +
               cipher + " authenticator " + authenticator + "\n";
    };
    return "version 12.3\nhostname r" + own +
           "\ncrypto ipsec transform-set set esp-3des esp-sha-hmac\n"
           "access-list 100 permit ip 192.168." +
           own + ".0 0.0.0.255 192.168." + other +
           ".0 0.0.0.255\n"
           "crypto map manual 10 ipsec-manual\n set peer 10.0.0." +
           other + "\n set transform-set set\n match address 100\n" +
           keys("inbound", 1000 + n, kRightKey) + keys("outbound", 1000 + (3 - n), cipher_out) +
           "interface FastEthernet0/0\n ip address 10.0.0." + own +
           " 255.255.255.0\n crypto map manual\n"
           "interface FastEthernet0/1\n ip address 192.168." +
           own + ".1 255.255.255.0\nip route 192.168." + other + ".0 255.255.255.0 10.0.0." +
           other + "\nend\n";
}

std::unique_ptr<lab::Lab> manual_lab(const std::string& left_cipher) {
    lab::Topology out;
    out.links = {{"net", {}}, {"lan-a", {}}, {"lan-b", {}}};
    out.routers.push_back({"left",
                           "left.cfg",
                           manual_end(1, left_cipher),
                           {port("FastEthernet0/0", "net"), port("FastEthernet0/1", "lan-a")}});
    out.routers.push_back({"right",
                           "right.cfg",
                           manual_end(2, kRightKey),
                           {port("FastEthernet0/0", "net"), port("FastEthernet0/1", "lan-b")}});
    for (const auto& [name, link, own] :
         {std::tuple{"pc-a", "lan-a", "192.168.1"}, {"pc-b", "lan-b", "192.168.2"}}) {
        const auto network = std::string(own);
        out.hosts.push_back(
            {name,
             {*Ipv4Address::parse(network + ".10"), 24, *Ipv4Address::parse(network + ".1")},
             link});
    }
    return make_lab(out);
}

}  // namespace

TEST_CASE("manual keys carry packets, and the shows tell of them as of negotiated SAs") {
    const auto lab = manual_lab(kRightKey);
    ClearCount seen;
    lab->link("net").add_tap([&](TimePoint, BytesView frame) { seen.look(frame); });
    CHECK(has(lab->ask("pc-a", "ping 192.168.2.10 count 20 size 1000"), "20 received"));
    CHECK(seen.esp == 40);
    CHECK(seen.ike == 0);
    CHECK(seen.clear == 0);

    const auto sas = lab->ask("left", "show crypto ipsec sa");
    INFO(sas);
    for (const auto* line :
         {"interface: FastEthernet0/0\n    Crypto map tag: manual, local addr. 10.0.0.1\n",
          "local  ident (addr/mask/prot/port): (192.168.1.0/255.255.255.0/0/0)",
          "remote ident (addr/mask/prot/port): (192.168.2.0/255.255.255.0/0/0)",
          "#pkts encaps: 20, #pkts encrypt: 20, #pkts digest 20",
          "#pkts decaps: 20, #pkts decrypt: 20, #pkts verify 20",
          "current outbound spi: 3EA",
          "spi: 0x3E9(1001)",
          "spi: 0x3EA(1002)",
          "transform: esp-3des esp-sha-hmac",
          "no sa timing"}) {
        CAPTURE(line);
        CHECK(has(sas, line));
    }
    CHECK(has(lab->ask("left", "show crypto ipsec sa peer 10.0.0.2"), "#pkts encaps: 20"));
    CHECK_FALSE(has(lab->ask("left", "show crypto ipsec sa peer 10.0.0.9"), "#pkts encaps"));

    const auto map = lab->ask("left", "show crypto map");
    CHECK(has(map, "Crypto Map \"manual\" 10 ipsec-manual"));
    CHECK(has(map, "Inbound esp spi: 1001,\n        Outbound esp spi: 1002,"));
    CHECK_FALSE(has(map, "not running"));

    const auto session = lab->ask("left", "show crypto session detail");
    CHECK(has(session, "Session status: UP-NO-IKE"));
    CHECK(has(session, "Active SAs: 2, origin: manual-keyed crypto map"));
    CHECK(has(session, "#pkts enc'ed 20 drop 0"));
    CHECK(has(lab->ask("left", "show crypto engine connections active"),
              "HMAC_SHA+3DES_56_C       20        0"));

    // Without its keys the entry protects all the same: nothing leaves in the clear.
    lab->ask("left", "configure terminal");
    lab->ask("left", "crypto map manual 10");
    lab->ask("left", "no set session-key outbound esp");
    lab->ask("left", "end");
    CHECK(has(lab->ask("pc-a", "ping 192.168.2.10 count 3"), "0 received"));
    CHECK(seen.clear == 0);
    CHECK(has(lab->ask("left", "show crypto map"), "not running: it needs"));
    CHECK_FALSE(has(lab->ask("left", "show crypto ipsec sa"), "1002"));
}

TEST_CASE("manual keys that differ: nothing passes, and the far end counts why") {
    const auto lab = manual_lab("ffeeddccbbaa99887766554433221100ffeeddccbbaa9988");
    CHECK(has(lab->ask("pc-a", "ping 192.168.2.10 count 3"), "0 received"));
    // The authenticator's key is the same, so it is the clear text that is wrong.
    CHECK(has(lab->ask("right", "show crypto ipsec sa"), "#recv errors 3"));
}

}  // namespace viaduct::sim
