// Outputs of show commands, whole and line by line. Document 003 prints none but the ping: its routers' outputs are in
// IOS's layout as other gear prints it. Document 004's are those of its own hub.
#include "tests/sim/shown.h"

#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

struct Wanted {
    const char* router;
    const char* command;
    const char* text;
};

void hold_against(lab::Lab& lab, const std::vector<Wanted>& all) {
    for (const auto& wanted : all) {
        const auto text = lab.ask(wanted.router, wanted.command);
        INFO(wanted.router << "#" << wanted.command << "\n" << text);
        CHECK(difference(text, wanted.text) == "");
    }
}

const std::vector<Wanted> kCrypto{
    {"sv9-3",
     "show crypto isakmp sa",
     R"(dst             src             state          conn-id slot
209.168.202.225 209.168.202.131 QM_IDLE              1    0

)"},
    {"sv9-3",
     "show crypto isakmp sa detail",
     R"(Codes: C - IKE configuration mode, D - Dead Peer Detection
       K - Keepalives, N - NAT-traversal
       X - IKE Extended Authentication
       psk - Preshared key, rsig - RSA signature
       renc - RSA encryption

C-id  Local           Remote          I-VRF    Encr Hash   Auth DH Lifetime Cap.
1     209.168.202.131 209.168.202.225          des  md5    psk  1  <clock> 

)"},
    {"sv9-3", "show crypto ipsec sa", R"(
interface: Tunnel0
    Crypto map tag: Tunnel0-head-0, local addr. 209.168.202.131

   protected vrf:
   local  ident (addr/mask/prot/port): (209.168.202.131/255.255.255.255/47/0)
   remote ident (addr/mask/prot/port): (209.168.202.225/255.255.255.255/47/0)
   current_peer: 209.168.202.225:500
     PERMIT, flags={}
    #pkts encaps: <count>, #pkts encrypt: <count>, #pkts digest <count>
    #pkts decaps: <count>, #pkts decrypt: <count>, #pkts verify <count>
    #pkts compressed: 0, #pkts decompressed: 0
    #pkts not compressed: 0, #pkts compr. failed: 0
    #pkts not decompressed: 0, #pkts decompress failed: 0
    #send errors 0, #recv errors 0

     local crypto endpt.: 209.168.202.131, remote crypto endpt.: 209.168.202.225
     path mtu 1500, media mtu 1500
     current outbound spi: <spi>

     inbound esp sas:
      spi: 0x<spi>(<decimal>)
        transform: esp-3des esp-md5-hmac ,
        in use settings ={Tunnel, }
        slot: 0, conn id: 2000, flow_id: 1, crypto map: Tunnel0-head-0
        sa timing: remaining key lifetime (k/sec): (<kilobytes>/<left>)
        IV size: 8 bytes
        replay detection support: Y

     inbound ah sas:

     inbound pcp sas:

     outbound esp sas:
      spi: 0x<spi>(<decimal>)
        transform: esp-3des esp-md5-hmac ,
        in use settings ={Tunnel, }
        slot: 0, conn id: 2001, flow_id: 2, crypto map: Tunnel0-head-0
        sa timing: remaining key lifetime (k/sec): (<kilobytes>/<left>)
        IV size: 8 bytes
        replay detection support: Y

     outbound ah sas:

     outbound pcp sas:
)"},
    {"sv9-3", "show crypto engine connections active", R"(
  ID Interface            IP-Address      State  Algorithm           Encrypt  Decrypt
   1 <none>               <none>          set    HMAC_MD5+DES_56_CB        0        0
2000 Tunnel0              209.168.202.131 set    HMAC_MD5+3DES_56_C        0 < count>
2001 Tunnel0              209.168.202.131 set    HMAC_MD5+3DES_56_C < count>        0

)"},
    {"sv9-3", "show crypto map", R"(Crypto Map "Tunnel0-head-0" 65536 ipsec-isakmp
        Profile name: cisco
        Security association lifetime: 4608000 kilobytes/120 seconds
        PFS (Y/N): N
        Transform sets={
                strong,
        }

Crypto Map "Tunnel0-head-0" 65537 ipsec-isakmp
        Map is a PROFILE INSTANCE.
        Peer = 209.168.202.225
        Extended IP access list
            access-list  permit gre host 209.168.202.131 host 209.168.202.225
        Current peer: 209.168.202.225
        Security association lifetime: 4608000 kilobytes/120 seconds
        PFS (Y/N): N
        Transform sets={
                strong,
        }
        Interfaces using crypto map Tunnel0-head-0:
                Tunnel0

)"}};

const std::vector<Wanted> kNhrp{
    {"sv9-3", "show ip nhrp", R"(3.3.3.0/24 via 192.168.1.3
   Tunnel0 created <clock>, expire <clock>
   Type: dynamic, Flags: router used 
   NBMA address: 209.168.202.130 
192.168.1.1/32 via 192.168.1.1
   Tunnel0 created <clock>, never expire
   Type: static, Flags: used 
   NBMA address: 209.168.202.225 
192.168.1.3/32 via 192.168.1.3
   Tunnel0 created <clock>, expire <clock>
   Type: dynamic, Flags: router nhop 
   NBMA address: 209.168.202.130 
)"},
    {"sv9-2", "show ip nhrp", R"(192.168.1.2/32 via 192.168.1.2
   Tunnel0 created <clock>, expire <clock>
   Type: dynamic, Flags: unique registered used nhop 
   NBMA address: 209.168.202.131 
192.168.1.3/32 via 192.168.1.3
   Tunnel0 created <clock>, expire <clock>
   Type: dynamic, Flags: unique registered used nhop 
   NBMA address: 209.168.202.130 
)"},
    {"sv9-3",
     "show ip nhrp brief",
     R"(   Target             Via            NBMA           Mode   Intfc   Claimed 
        3.3.3.0/24 192.168.1.3     209.168.202.130 dynamic Tu0     <                >
    192.168.1.1/32 192.168.1.1     209.168.202.225 static  Tu0     <                >
    192.168.1.3/32 192.168.1.3     209.168.202.130 dynamic Tu0     <                >
)"},
    {"sv9-3", "show ip nhrp nhs detail", R"(Legend: E=Expecting replies, R=Responding, W=Waiting
Tunnel0:
192.168.1.1  RE priority = 0 cluster = 0  req-sent 1  req-failed 0  repl-recv 1 (<clock> ago)
)"},
    {"sv9-2", "show ip nhrp multicast", R"(  I/F     NBMA address
Tunnel0    209.168.202.130  Flags: dynamic  (Enabled)
Tunnel0    209.168.202.131  Flags: dynamic  (Enabled)
)"},
    {"sv9-3", "show ip nhrp traffic", R"(Tunnel0: Max-send limit:10000Pkts/10Sec, Usage:0%
   Sent: Total 3
         1 Resolution Request  1 Resolution Reply  1 Registration Request 
         0 Registration Reply  0 Purge Request  0 Purge Reply 
         0 Error Indication  0 Traffic Indication  0 Redirect Suppress 
   Rcvd: Total 3
         1 Resolution Request  1 Resolution Reply  0 Registration Request 
         1 Registration Reply  0 Purge Request  0 Purge Reply 
         0 Error Indication  0 Traffic Indication  0 Redirect Suppress 
)"},
    {"sv9-3", "show dmvpn", R"(Legend: Attrb --> S - Static, D - Dynamic, I - Incomplete
        N - NATed, L - Local, X - No Socket
        T1 - Route Installed, T2 - Nexthop-override
        # Ent --> Number of NHRP entries with same NBMA peer
        NHS Status: E --> Expecting Replies, R --> Responding, W --> Waiting
        UpDn Time --> Up or Down Time for a Tunnel
==========================================================================

Interface: Tunnel0, IPv4 NHRP Details 
Type:Spoke, NHRP Peers:2, 

 # Ent  Peer NBMA Addr Peer Tunnel Add State  UpDn Tm Attrb
 ----- --------------- --------------- ----- -------- -----
     2 209.168.202.130     192.168.1.3    UP <clock>     D
                           192.168.1.3    UP <clock>     D
     1 209.168.202.225     192.168.1.1    UP <clock>     S

)"}};

const std::vector<Wanted> kEigrp{
    {"sv9-2", "show ip eigrp neighbors", R"(IP-EIGRP neighbors for process 90
H   Address                 Interface       Hold Uptime   SRTT   RTO  Q  Seq Type
                                            (sec)         (ms)       Cnt Num
1   192.168.1.3             Tu0          < hold> <clock><  n><   n>  0  <n >
0   192.168.1.2             Tu0          < hold> <clock><  n><   n>  0  <n >
)"},
    {"sv9-3", "show ip eigrp topology", R"(IP-EIGRP Topology Table for AS(90)/ID(209.168.202.131)

Codes: P - Passive, A - Active, U - Update, Q - Query, R - Reply,
       r - reply Status, s - sia Status 

P 1.1.1.0/24, 1 successors, FD is 297246976
        via 192.168.1.1 (297246976/28160), Tunnel0
P 2.2.2.0/24, 1 successors, FD is 28160
        via Connected, FastEthernet0/1
P 3.3.3.0/24, 1 successors, FD is 310046976
        via 192.168.1.3 (310046976/297246976), Tunnel0
P 192.168.1.0/24, 1 successors, FD is 297244416
        via Connected, Tunnel0
)"},
    {"sv9-3",
     "show ip eigrp topology all-links",
     R"(IP-EIGRP Topology Table for AS(90)/ID(209.168.202.131)

Codes: P - Passive, A - Active, U - Update, Q - Query, R - Reply,
       r - reply Status, s - sia Status 

P 1.1.1.0/24, 1 successors, FD is 297246976, serno <count>
        via 192.168.1.1 (297246976/28160), Tunnel0
P 2.2.2.0/24, 1 successors, FD is 28160, serno <count>
        via Connected, FastEthernet0/1
P 3.3.3.0/24, 1 successors, FD is 310046976, serno <count>
        via 192.168.1.3 (310046976/297246976), Tunnel0
P 192.168.1.0/24, 1 successors, FD is 297244416, serno <count>
        via Connected, Tunnel0
        via 192.168.1.1 (310044416/297244416), Tunnel0
)"},
    {"sv9-3", "show ip eigrp interfaces", R"(IP-EIGRP interfaces for process 90

                        Xmit Queue   Mean   Pacing Time   Multicast    Pending
Interface        Peers  Un/Reliable  SRTT   Un/Reliable   Flow Timer   Routes
Fa0/1              0        0/0         0       0/0            0           0
Tu0                1        0/0    <   n>      71/2595        50           0
)"},
    {"sv9-3", "show ip eigrp traffic", R"(IP-EIGRP Traffic Statistics for AS 90
  Hellos sent/received: <count>/<count>
  Updates sent/received: <count>/<count>
  Queries sent/received: 0/0
  Replies sent/received: 0/0
  Acks sent/received: <count>/<count>
  SIA-Queries sent/received: 0/0
  SIA-Replies sent/received: 0/0

)"},
    {"sv9-3", "show ip protocols", R"(Routing Protocol is "eigrp 90"
  Outgoing update filter list for all interfaces is not set
  Incoming update filter list for all interfaces is not set
  Default networks flagged in outgoing updates
  Default networks accepted from incoming updates
  EIGRP metric weight K1=1, K2=0, K3=1, K4=0, K5=0
  EIGRP maximum hopcount 100
  EIGRP maximum metric variance 1
  Redistributing: eigrp 90
  Automatic network summarization is not in effect
  Maximum path: 4
  Routing for Networks:
    2.2.2.0/24
    192.168.1.0
  Routing Information Sources:
    Gateway         Distance      Last Update
    192.168.1.1           90      <clock>
  Distance: internal 90 external 170

)"},
    {"sv9-2",
     "show ip route eigrp",
     R"(Codes: C - connected, S - static, R - RIP, M - mobile, B - BGP
       D - EIGRP, EX - EIGRP external, H - NHRP, L - local
       * - candidate default, % - next hop override

Gateway of last resort is 209.168.202.226 to network 0.0.0.0

D        2.2.2.0/24 [90/297246976] via 192.168.1.2, <clock>, Tunnel0
D        3.3.3.0/24 [90/297246976] via 192.168.1.3, <clock>, Tunnel0
)"},
    {"sv9-4", "ping 2.2.2.2", R"(Type escape sequence to abort.
Sending 5, 100-byte ICMP Echos to 2.2.2.2, timeout is 2 seconds:
!!!!!
Success rate is 100 percent (5/5), round-trip min/avg/max = <round trips> ms
)"}};

/// The lab of document 004 with its client: a router in client mode with the document's group and user.
lab::Topology document_004() {
    auto topology = example("remote-access");
    std::erase_if(topology.hosts, [](const auto& host) { return host.name == "client"; });
    topology.links.push_back({"lan-client", {}});
    topology.hosts.push_back({"pc-client",
                              {Ipv4Address(192, 168, 7, 10), 24, Ipv4Address(192, 168, 7, 1)},
                              "lan-client"});
    const auto port = [](const char* name, const char* link) {
        return lab::PortSpec{*config::InterfaceName::parse(name), link};
    };
    topology.routers.push_back(
        {"client",
         "client.cfg",
         "hostname client\ncrypto isakmp policy 10\n encr 3des\n authentication pre-share\n group "
         "2\ncrypto ipsec client ezvpn hub\n connect manual\n group testgroup key cisco321\n mode "
         "client\n peer 10.48.67.181\n username gfullage password gfullage\n xauth userid mode "
         "local\ninterface FastEthernet0/0\n ip address 10.51.82.100 255.255.255.0\n crypto ipsec "
         "client ezvpn hub\ninterface FastEthernet0/1\n ip address 192.168.7.1 255.255.255.0\n "
         "crypto ipsec client ezvpn hub inside\nip route 0.0.0.0 0.0.0.0 10.51.82.1\nend\n",
         {port("FastEthernet0/0", "client-isp"), port("FastEthernet0/1", "lan-client")}});
    return topology;
}

}  // namespace

TEST_CASE("D10: the crypto outputs of document 003's routers, line by line") {
    const auto lab = make_lab(example("dmvpn"));
    lab->run_for(20s);
    hold_against(*lab, kCrypto);
}

TEST_CASE("D10: the NHRP and EIGRP outputs of document 003's routers, line by line") {
    const auto lab = make_lab(example("dmvpn"));
    lab->run_for(60s);
    lab->ask("pc-3", "ping 3.3.3.10 count 10");
    hold_against(*lab, kNhrp);
    hold_against(*lab, kEigrp);
}

TEST_CASE("P7: document 004's hub shows its two peers as printed") {
    const auto detail = shown_fixture("hub-crypto-isakmp-sa-detail.txt");
    const auto ipsec = shown_fixture("hub-crypto-ipsec-sa.txt");
    if (!detail || !ipsec) {
        WARN("skipped: ../shared/fixtures/show is not there");
        return;
    }
    const auto lab = make_lab(document_004());
    REQUIRE(wait_for(*lab, "Spoke", "show ip interface brief", "10.100.2.102", 60s));
    configure(
        *lab,
        "Hub",
        {"no ip route 0.0.0.0 0.0.0.0 10.48.66.181", "ip route 0.0.0.0 0.0.0.0 10.48.67.161"});
    CHECK(has(lab->ask("pc-spoke", "ping 10.1.1.10 count 20"), "19 received"));
    lab->ask("client", "crypto ipsec client ezvpn connect hub");
    lab->run_for(5s);
    CHECK(lossless(lab->ask("pc-client", "ping 10.1.1.10 count 8")));
    const std::vector<Same> same{
        {"SPIs", "spi:0x[0-9A-F]+\\([0-9]+\\)", "spi"},
        {"SPI", "spi:[0-9A-F]+$", "spi"},
        {"lifetimes", "\\([0-9]+/[0-9]+\\)$", "(left)"},
        {"lifetimes of IKE", "[0-9]{2}:[0-9]{2}:[0-9]{2}", "left"},
        {"packets that the document's client sent", "189", "8"},
        {"a word of other releases of IOS", "ipmtu1500", "mediamtu1500"},
        {"damage", "pcspsas", "pcpsas"},
        // The document's hub has rekeyed one of them already, or had another client before.
        {"numbers of SAs", "connid:200[0-9],flow_id:[0-9]", "connid"}};
    const auto shown_detail = lab->ask("Hub", "show crypto isakmp sa detail");
    INFO(shown_detail);
    CHECK(difference_of_fixture(shown_detail, *detail, same) == "");
    const auto shown_ipsec = lab->ask("Hub", "show crypto ipsec sa");
    INFO(shown_ipsec);
    CHECK(difference_of_fixture(shown_ipsec, *ipsec, same) == "");
    hold_against(*lab,
                 {{"Hub",
                   "show crypto isakmp sa",
                   R"(dst             src             state          conn-id slot
10.48.67.181    10.100.2.102    QM_IDLE              1    0
10.48.67.181    10.51.82.100    QM_IDLE              2    0

)"},
                  {"Hub", "show crypto engine connections active", R"(
  ID Interface            IP-Address      State  Algorithm           Encrypt  Decrypt
   1 <none>               <none>          set    HMAC_SHA+3DES_56_C        0        0
   2 <none>               <none>          set    HMAC_SHA+3DES_56_C        0        0
2000 FastEthernet0/0      10.48.67.181    set    HMAC_SHA+3DES_56_C        0       19
2001 FastEthernet0/0      10.48.67.181    set    HMAC_SHA+3DES_56_C       19        0
2002 FastEthernet0/0      10.48.67.181    set    HMAC_SHA+3DES_56_C        0        8
2003 FastEthernet0/0      10.48.67.181    set    HMAC_SHA+3DES_56_C        8        0

)"},
                  {"Hub", "show crypto map", R"(Crypto Map "mymap" 10 ipsec-isakmp
        Dynamic map template tag: dynmap

Crypto Map "mymap" 11 ipsec-isakmp
        Peer = 10.100.2.102
        Extended IP access list
            access-list  permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
        dynamic (created from dynamic map dynmap/10)
        Current peer: 10.100.2.102
        Security association lifetime: 4608000 kilobytes/3600 seconds
        PFS (Y/N): N
        Transform sets={
                myset,
        }

Crypto Map "mymap" 12 ipsec-isakmp
        Peer = 10.51.82.100
        Extended IP access list
            access-list  permit ip any host 10.5.5.1
        dynamic (created from dynamic map dynmap/5)
        Current peer: 10.51.82.100
        Security association lifetime: 4608000 kilobytes/3600 seconds
        PFS (Y/N): N
        Transform sets={
                myset,
        }
        Interfaces using crypto map mymap:
                FastEthernet0/0

)"}});
}

TEST_CASE("a comparison that finds nothing wrong can find it") {
    CHECK(difference("a 12 b\n", "a <count> b\n") == "");
    CHECK(difference("a    12 b\n", "a < count> b\n") != "");
    CHECK(difference("a       12 b\n", "a < count> b\n") == "");
    CHECK(difference("a x b\n", "a <count> b\n") == "line 1 is 'a x b', wanted is 'a <count> b'");
    CHECK(difference("a\nb\n", "a\n") == "line 2 is 'b', wanted is nothing");
    CHECK(difference("a\n", "a\nb\n") == "line 2 is nothing, wanted is 'b'");
    CHECK(difference("<none>\n", "<none>\n") == "");
    CHECK(difference_of_fixture("a  b 7\n", "a b\t8\n\n", {{"n", "[0-9]", "#"}}) == "");
    CHECK(difference_of_fixture("a b 7\n", "a c 7\n", {}) != "");
}

}  // namespace viaduct::sim
