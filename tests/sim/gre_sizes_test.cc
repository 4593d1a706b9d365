// Packets of 1 to 9000 bytes of payload through GRE and IPsec, with and without DF: whole and unchanged (ping holds every
// byte of the answer against what it sent), or told too large with the size that does cross.
//
//   pc-hub ── sv9-2 ──┐
//   pc-3 ── sv9-3 ── cloud ── sv9-4 ── pc-4        the lab of document 003, with other sizes
//
//   one ── left ══ net ══ right ── two             a point-to-point tunnel, with every form of the GRE header
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

constexpr unsigned kEthernetMtu = 1500;
constexpr unsigned kJumboMtu = 9216;

/// ICMP payloads.
std::vector<unsigned> payloads() {
    std::vector<unsigned> out;
    for (unsigned size = 1; size <= 64; ++size) {
        out.push_back(size);
    }
    for (unsigned size = 65; size < 1300; size += 83) {
        out.push_back(size);
    }
    for (unsigned size = 1300; size <= 1600; ++size) {
        out.push_back(size);
    }
    for (unsigned size = 1601; size < 9000; size += 191) {
        out.push_back(size);
    }
    // Around multiples of what one fragment carries.
    for (const unsigned size : {2744U, 2752U, 2753U, 4120U, 4128U, 4129U, 8991U, 8999U, 9000U}) {
        out.push_back(size);
    }
    return out;
}

std::string ping_line(const char* to, unsigned payload, bool dont_fragment) {
    return std::string("ping ") + to + " count 1 interval 10ms size " + std::to_string(payload) +
           (dont_fragment ? " df" : "");
}

void all_cross(lab::Lab& lab,
               const char* from,
               const char* to,
               const std::vector<unsigned>& sizes) {
    for (const auto size : sizes) {
        const auto out = lab.ask(from, ping_line(to, size, false));
        INFO(from << ": " << size << " bytes to " << to << ": " << out);
        REQUIRE(lossless(out));
        REQUIRE_FALSE(has(out, "BAD DATA"));
    }
}

/// Packets grow by one until the first is refused. Returns the size that the refusal names, which must be that of the last
/// that crossed.
unsigned largest_with_df(
    lab::Lab& lab, const char* from, const char* to, unsigned begin, unsigned end) {
    for (unsigned size = begin; size <= end; ++size) {
        const auto out = lab.ask(from, ping_line(to, size - kIcmpHeaders, true));
        INFO(from << ": packet of " << size << " bytes to " << to << ": " << out);
        if (lossless(out)) {
            REQUIRE_FALSE(has(out, "BAD DATA"));
            continue;
        }
        const std::string words = "Frag needed and DF set (mtu = ";
        const auto told = out.find(words);
        REQUIRE(told != std::string::npos);
        const auto mtu = static_cast<unsigned>(std::stoul(out.substr(told + words.size())));
        CHECK(mtu == size - 1);
        return mtu;
    }
    FAIL("nothing was refused");
    return 0;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

/// The lab of document 003 with another `ip mtu` (0: none), and links and interfaces of `mtu`.
lab::Topology dmvpn(unsigned ip_mtu, unsigned mtu) {
    auto topology = example("dmvpn");
    for (auto& link : topology.links) {
        link.parameters.mtu = mtu;
    }
    const auto line = ip_mtu == 0 ? std::string() : " ip mtu " + std::to_string(ip_mtu) + "\n";
    for (auto& router : topology.routers) {
        replace_all(router.config_text, " ip mtu 1440\n", line);
        if (mtu != kEthernetMtu) {
            replace_all(router.config_text,
                        " duplex auto\n",
                        " mtu " + std::to_string(mtu) + "\n duplex auto\n");
        }
    }
    return topology;
}

std::string end_config(unsigned n, const std::string& tunnel_lines, bool protect) {
    const auto own = std::to_string(n);
    const auto other = std::to_string(3 - n);
    std::string out = "version 12.3\nhostname r" + own + "\n";
    if (protect) {
        out +=
            "crypto isakmp policy 10\n authentication pre-share\ncrypto isakmp key k address "
            "0.0.0.0 "
            "0.0.0.0\ncrypto ipsec transform-set t esp-aes esp-sha-hmac\n mode transport\n"
            "crypto ipsec profile p\n set transform-set t\n";
    }
    out += "interface Tunnel0\n ip address 10.9.0." + own +
           " 255.255.255.0\n tunnel source FastEthernet0/0\n tunnel destination 192.0.2." + other +
           "\n" + tunnel_lines + (protect ? " tunnel protection ipsec profile p\n" : "") +
           "interface FastEthernet0/0\n ip address 192.0.2." + own +
           " 255.255.255.0\ninterface FastEthernet0/1\n ip address 10.0." + own +
           ".1 255.255.255.0\nip route 10.0." + other + ".0 255.255.255.0 Tunnel0\nend\n";
    return out;
}

lab::Topology pair(const std::string& tunnel_lines, bool protect) {
    lab::Topology out;
    out.links = {{"net", {}}, {"lan-1", {}}, {"lan-2", {}}};
    out.routers.push_back({"left",
                           "left.cfg",
                           end_config(1, tunnel_lines, protect),
                           {port("FastEthernet0/0", "net"), port("FastEthernet0/1", "lan-1")}});
    out.routers.push_back({"right",
                           "right.cfg",
                           end_config(2, tunnel_lines, protect),
                           {port("FastEthernet0/0", "net"), port("FastEthernet0/1", "lan-2")}});
    out.hosts.push_back(
        {"one", {Ipv4Address(10, 0, 1, 10), 24, Ipv4Address(10, 0, 1, 1)}, "lan-1"});
    out.hosts.push_back(
        {"two", {Ipv4Address(10, 0, 2, 10), 24, Ipv4Address(10, 0, 2, 1)}, "lan-2"});
    return out;
}

/// The largest IPv4 packet on a link, and whether any was a fragment.
struct SizeTap {
    std::size_t largest = 0;
    std::size_t fragments = 0;

    SizeTap(lab::Lab& lab, const char* link) {
        lab.link(link).add_tap([this](TimePoint, BytesView frame) {
            const auto ethernet = lab::read_ethernet(frame);
            if (ethernet && ethernet->type == lab::kEtherTypeIpv4) {
                const auto packet = lab::read_quoted_ipv4(ethernet->payload);
                largest = std::max(largest, ethernet->payload.size());
                fragments += packet && (packet->more_fragments || packet->fragment_offset != 0);
            }
        });
    }

    SizeTap(const SizeTap&) = delete;
    SizeTap& operator=(const SizeTap&) = delete;
    SizeTap(SizeTap&&) = delete;
    SizeTap& operator=(SizeTap&&) = delete;
    ~SizeTap() = default;
};

}  // namespace

TEST_CASE("D2: packets of 1 to 9000 bytes cross mGRE and IPsec, `ip mtu 1400`, MTU 1500") {
    const auto lab = make_lab(dmvpn(1400, kEthernetMtu));
    REQUIRE(wait_converged(*lab, 60s));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 10")));
    SizeTap cloud(*lab, "cloud");
    all_cross(*lab, "pc-3", "3.3.3.10", payloads());
    all_cross(*lab, "pc-hub", "2.2.2.10", payloads());
    // Cut before encapsulation: no ESP packet is a fragment.
    CHECK(cloud.fragments == 0);
    CHECK(cloud.largest <= kEthernetMtu);
    CHECK(cloud.largest > 1400);
    CHECK(largest_with_df(*lab, "pc-3", "3.3.3.10", 1380, 1410) == 1400);
    CHECK(largest_with_df(*lab, "pc-hub", "2.2.2.10", 1380, 1410) == 1400);
    CHECK(lossless(lab->ask("pc-3", ping_line("3.3.3.10", 1, true))));
}

TEST_CASE(
    "D2: without `ip mtu` what ESP makes too long crosses, too, in tunnel and in transport mode") {
    auto topology = dmvpn(0, kEthernetMtu);
    const bool transport = GENERATE(false, true);
    CAPTURE(transport);
    if (transport) {
        for (auto& router : topology.routers) {
            replace_all(
                router.config_text,
                "crypto ipsec transform-set strong esp-3des esp-md5-hmac\n",
                "crypto ipsec transform-set strong esp-3des esp-md5-hmac\n mode transport\n");
        }
    }
    const auto lab = make_lab(topology);
    REQUIRE(wait_converged(*lab, 60s));
    SizeTap cloud(*lab, "cloud");
    std::vector<unsigned> sizes;
    for (unsigned size = 1380; size <= 1500; ++size) {
        sizes.push_back(size);
    }
    sizes.insert(sizes.end(), {1, 3000, 9000});
    all_cross(*lab, "pc-hub", "2.2.2.10", sizes);
    // In tunnel mode GRE is cut before it is encrypted, in transport mode only ESP can be.
    CHECK((cloud.fragments > 0) == transport);
    CHECK(cloud.largest <= kEthernetMtu);
    CHECK(cloud.largest > kEthernetMtu - 8);
    // 1500 - 20 - 4 - 4: the key's place is counted.
    CHECK(largest_with_df(*lab, "pc-hub", "2.2.2.10", 1465, 1480) == 1472);
}

TEST_CASE("D2: packets of 1 to 9000 bytes cross mGRE and IPsec, MTU 9216") {
    const auto lab = make_lab(dmvpn(9100, kJumboMtu));
    REQUIRE(wait_converged(*lab, 60s));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 10")));
    SizeTap cloud(*lab, "cloud");
    SizeTap lan(*lab, "lan-3");
    all_cross(*lab, "pc-3", "3.3.3.10", payloads());
    all_cross(*lab, "pc-hub", "2.2.2.10", {1, 1472, 1473, 4000, 8192, 8999, 9000});
    CHECK(cloud.fragments + lan.fragments == 0);
    CHECK(lan.largest == 9028);
    CHECK(cloud.largest > 9028);
    CHECK(largest_with_df(*lab, "pc-3", "3.3.3.10", 9090, 9110) == 9100);
}

TEST_CASE("D2: every form of the GRE header carries every size, and says what fits with DF") {
    struct Form {
        const char* lines;
        unsigned bytes;  // of the GRE header
    };

    const auto form =
        GENERATE(Form{"", 4},
                 Form{" tunnel key 0\n", 8},
                 Form{" tunnel sequence-datagrams\n", 8},
                 Form{" tunnel checksum\n", 8},
                 Form{" tunnel key 4294967295\n tunnel checksum\n", 12},
                 Form{" tunnel key 7\n tunnel checksum\n tunnel sequence-datagrams\n", 16});
    const bool protect = GENERATE(false, true);
    CAPTURE(form.lines, protect);
    const auto lab =
        make_lab(pair(std::string(form.lines) + " tunnel path-mtu-discovery\n", protect));
    lab->run_for(2s);
    lab->ask("one", "ping 10.0.2.10 count 5");
    REQUIRE(lossless(lab->ask("one", "ping 10.0.2.10 count 3")));
    SizeTap net(*lab, "net");
    const auto largest = largest_with_df(*lab, "one", "10.0.2.10", 1380, 1480);
    CHECK(net.fragments == 0);
    CHECK(net.largest <= kEthernetMtu);
    if (protect) {
        // ESP in transport mode takes the place of nothing but itself: SPI, sequence number, IV, padding to blocks of 16
        // with its two bytes, 12 bytes of digest. What was told wastes less than a block.
        CHECK(net.largest > kEthernetMtu - 16);
        CHECK(largest < kEthernetMtu - 20 - form.bytes);
    } else {
        CHECK(largest == kEthernetMtu - 20 - form.bytes);
        CHECK(net.largest == kEthernetMtu);
    }
    all_cross(
        *lab, "two", "10.0.1.10", {1, 2, 3, 1400, 1430, 1445, 1448, 1449, 1472, 1473, 2900, 9000});
}

}  // namespace viaduct::sim
