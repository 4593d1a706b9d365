// N11: a PIX by its own language, fail-closed, and N7, N9: what clients behind it live through.
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

using Catch::Matchers::Contains;

namespace {

const std::string kPix =
    ": Saved\n:\nPIX Version 6.3(3)\nnameif ethernet0 outside security0\n"
    "nameif ethernet1 inside security100\n"
    "ip address outside 171.69.89.78 255.255.254.0\n"
    "ip address inside 10.10.10.1 255.255.255.0\n";
const std::string kRoute = "route outside 0.0.0.0 0.0.0.0 171.69.88.1 1\n: end\n";
const std::string kPat = "global (outside) 1 interface\nnat (inside) 1 0.0.0.0 0.0.0.0 0 0\n";

lab::HostSpec host(const std::string& name,
                   Ipv4Address address,
                   unsigned length,
                   Ipv4Address gateway,
                   const std::string& link) {
    lab::HostSpec spec;
    spec.name = name;
    spec.address = {address, length, gateway};
    spec.link = link;
    return spec;
}

///  pc 10.10.10.2, web 10.10.10.9 ── inside ── pix 171.69.89.78 ── outside ── server 171.69.88.1
enum class Warned : std::uint8_t { no, yes };

std::unique_ptr<lab::Lab> pix_lab(const std::string& lines, Warned warned = Warned::no) {
    const auto port = [](const char* name) { return *config::InterfaceName::parse(name); };
    lab::Topology topology;
    topology.routers = {{"pix",
                         "pix.cfg",
                         kPix + lines + kRoute,
                         {{port("ethernet0"), "outside"}, {port("ethernet1"), "inside"}}}};
    const Ipv4Address pix{10, 10, 10, 1};
    topology.hosts = {host("pc", {10, 10, 10, 2}, 24, pix, "inside"),
                      host("web", {10, 10, 10, 9}, 24, pix, "inside"),
                      // Sends all to the PIX, also what it should not.
                      host("server", {171, 69, 88, 1}, 23, {171, 69, 89, 78}, "outside")};
    topology.links = {{"inside", {}}, {"outside", {}}};
    auto lab = make_lab(topology);
    INFO(lab->problems());
    CHECK(lab->problems().empty() == (warned == Warned::no));
    lab->run_for(2s);
    return lab;
}

bool lossless(const std::string& out) {
    return out.find(" 0% packet loss") != std::string::npos;
}

bool arrives(const std::string& out) {
    return out.find("correct") != std::string::npos;
}

/// The global port of UDP 4500 of this branch, 0 if it has none.
int port_of(const std::string& xlate, const std::string& local) {
    const auto end = xlate.find(") Local " + local + "(4500)");
    if (end == std::string::npos) {
        return 0;
    }
    const auto begin = xlate.rfind('(', end);
    return std::stoi(xlate.substr(begin + 1, end - begin));
}

}  // namespace

TEST_CASE("N11: a PIX lets out what is inside, and in only what belongs to it") {
    const auto lab = pix_lab(kPat);
    CHECK(lossless(lab->ask("pc", "ping 171.69.88.1 count 3")));
    CHECK(arrives(lab->ask("pc", "tcp 171.69.88.1:80 send 100000")));
    const auto xlate = lab->ask("pix", "show xlate");
    INFO(xlate);
    CHECK_THAT(xlate, Contains("2 in use, 2 most used\nPAT Global 171.69.89.78("));
    CHECK_THAT(xlate, Contains(") Local 10.10.10.2("));
    CHECK_THAT(lab->ask("pix", "show conn"), Contains("TCP out 171.69.88.1:80 in 10.10.10.2:"));
    CHECK_THAT(lab->ask("pix", "show xlate detail"), Contains("TCP PAT from inside:10.10.10.2/"));
    CHECK_FALSE(lossless(lab->ask("server", "ping 10.10.10.9 count 2")));
    CHECK_FALSE(arrives(lab->ask("server", "tcp 10.10.10.9:80 send 10")));
    CHECK_FALSE(arrives(lab->ask("server", "tcp 171.69.89.78:80 send 10")));
    CHECK(lossless(lab->ask("server", "ping 171.69.89.78 count 2")));
    const auto drops = lab->ask("pix", "show controllers");
    INFO(drops);
    CHECK_THAT(drops, Contains("nat44_gate_closed"));
    CHECK_THAT(lab->ask("pix", "show route"),
               Contains("outside 0.0.0.0 0.0.0.0 171.69.88.1 1 OTHER static"));
    CHECK(lossless(lab->ask("pc", "ping 171.69.88.1 count 3")));
    lab->ask("pix", "clear xlate");
    lab->run_for(1s);
    CHECK_THAT(lab->ask("pix", "show xlate"), Contains("0 in use, 2 most used"));
}

TEST_CASE("N11: a PIX's static is reached by what the access list permits, and goes out itself") {
    const auto statics = kPat +
                         "static (inside,outside) 171.69.89.79 10.10.10.9 netmask "
                         "255.255.255.255 0 0\n";
    SECTION("without an access list") {
        const auto lab = pix_lab(statics);
        CHECK_FALSE(arrives(lab->ask("server", "tcp 171.69.89.79:80 send 10")));
        CHECK_FALSE(lossless(lab->ask("server", "ping 171.69.89.79 count 2")));
        // Its own connections come back, whatever the list says.
        CHECK(arrives(lab->ask("web", "tcp 171.69.88.1:80 send 10000")));
        CHECK(lossless(lab->ask("web", "ping 171.69.88.1 count 2")));
        CHECK_THAT(lab->ask("pix", "show xlate"),
                   Contains("Global 171.69.89.79 Local 10.10.10.9 static"));
    }
    SECTION("with one") {
        const auto lab = pix_lab(statics +
                                 "access-list in permit tcp any host 171.69.89.79 eq www\n"
                                 "access-group in in interface outside\n");
        CHECK(arrives(lab->ask("server", "tcp 171.69.89.79:80 send 10000")));
        CHECK_FALSE(arrives(lab->ask("server", "tcp 171.69.89.79:81 send 10")));
        CHECK(arrives(lab->ask("pc", "tcp 171.69.88.1:443 send 10000")));
    }
}

TEST_CASE("N11: what no nat line names does not leave a PIX; nat 0 goes as it is, both ways") {
    const auto lab = pix_lab(
        "global (outside) 1 interface\n"
        "nat (inside) 1 10.10.10.2 255.255.255.255\n");
    CHECK(lossless(lab->ask("pc", "ping 171.69.88.1 count 2")));
    CHECK_FALSE(lossless(lab->ask("web", "ping 171.69.88.1 count 2")));
    const auto exempt = pix_lab(
        "access-list plain permit ip 10.10.10.0 255.255.255.0 any\n"
        "nat (inside) 0 access-list plain\n" +
        kPat);
    CHECK(arrives(exempt->ask("web", "tcp 171.69.88.1:80 send 10000")));
    CHECK_FALSE(arrives(exempt->ask("server", "tcp 10.10.10.9:80 send 10")));
}

TEST_CASE("N11: a PIX's console: its prompt, write terminal, its arp") {
    const auto lab = pix_lab(kPat);
    lab->ask("pc", "ping 171.69.88.1 count 1");
    CHECK(lab->prompt("pix") == "pixfirewall#");
    CHECK(lab->ask("pix", "write terminal") ==
          "Building configuration...\n" + kPix + kPat + kRoute + "[OK]\n");
    const auto arp = lab->ask("pix", "show arp");
    INFO(arp);
    const auto inside = arp.find("        inside 10.10.10.2 ");
    const auto outside = arp.find("        outside 171.69.88.1 ");
    CHECK(inside != std::string::npos);
    CHECK(outside < inside);
    CHECK(arp.find("171.69.89.78") == std::string::npos);
    CHECK_THAT(lab->ask("pix", "configure terminal"), Contains("read whole"));
    CHECK_THAT(lab->ask("pix", "ping 171.69.88.1"), Contains("!!!!"));
}

TEST_CASE("N11: several global lines of one number") {
    const auto lab = pix_lab(
        "global (outside) 1 171.69.89.80-171.69.89.82 netmask 255.255.254.0\n"
        "global (outside) 1 171.69.89.90-171.69.89.91 netmask 255.255.254.0\n"
        "global (outside) 1 interface\nnat (inside) 1 0.0.0.0 0.0.0.0 0 0\n",
        Warned::yes);
    CHECK(lossless(lab->ask("pc", "ping 171.69.88.1 count 3")));
    CHECK(arrives(lab->ask("web", "tcp 171.69.88.1:80 send 10000")));
    const auto xlate = lab->ask("pix", "show xlate");
    INFO(xlate);
    CHECK_THAT(xlate, Contains("PAT Global 171.69.89.8"));
}

TEST_CASE("N11: debug ip nat shows the translations that are made, some of them") {
    const auto lab = pix_lab(kPat);
    lab->ask("pix", "debug ip nat");
    lab->ask("pc", "ping 171.69.88.1 count 2");
    lab->run_for(2s);
    CHECK_THAT(lab->ask("pix", "show logging"),
               Contains("NAT: s=10.10.10.2->171.69.89.78, d=171.69.88.1 [icmp "));
}

TEST_CASE(
    "N7, N9: a translation that ended while nothing was sent moves the peer, not the tunnel") {
    auto topology = example("nat-t");
    for (auto& router : topology.routers) {
        // No keepalives and no DPD: nothing holds the translation open.
        for (const auto* line :
             {"crypto isakmp keepalive 20 5 periodic\n", "crypto isakmp nat keepalive 10\n"}) {
            if (const auto at = router.config_text.find(line); at != std::string::npos) {
                router.config_text.replace(
                    at, std::string(line).size(), "crypto isakmp nat keepalive 3600\n");
            }
        }
    }
    const auto lab = make_lab(topology);
    lab->run_for(5s);
    lab->ask("pc-1", "ping 172.16.10.10 count 3");
    lab->ask("pc-2", "ping 172.16.10.10 count 3");
    const auto before = lab->ask("pix", "show xlate");
    const auto first = port_of(before, "10.10.10.2");
    const auto second = port_of(before, "10.10.10.3");
    INFO(before);
    REQUIRE(first != 0);
    REQUIRE(second != 0);
    CHECK(first != second);
    // PIX: UDP ends after two minutes.
    lab->run_for(3min);
    REQUIRE(port_of(lab->ask("pix", "show xlate"), "10.10.10.3") == 0);
    // The second comes first this time and gets the port that the first had.
    CHECK(lossless(lab->ask("pc-2", "ping 172.16.10.10 count 3")));
    CHECK(lossless(lab->ask("pc-1", "ping 172.16.10.10 count 3")));
    const auto after = lab->ask("pix", "show xlate");
    INFO(after);
    CHECK(port_of(after, "10.10.10.3") != second);
    CHECK(lossless(lab->ask("pc-center", "ping 10.11.1.10 count 3")));
    CHECK(lossless(lab->ask("pc-center", "ping 10.11.2.10 count 3")));
    // Followed, not negotiated anew.
    const auto sas = lab->ask("center", "show crypto isakmp sa");
    INFO(sas);
    CHECK(sas.find("  3    0") == std::string::npos);
}

TEST_CASE("N10: both phases are negotiated anew over the floated ports of both branches") {
    auto topology = example("nat-t");
    for (auto& router : topology.routers) {
        const std::string line = " group 2\n";
        if (const auto at = router.config_text.find(line); at != std::string::npos) {
            router.config_text.insert(at + line.size(), " lifetime 300\n");
            router.config_text.insert(router.config_text.find("crypto ipsec transform-set"),
                                      "crypto ipsec security-association lifetime seconds 180\n");
        }
    }
    const auto lab = make_lab(topology);
    INFO(lab->problems());
    lab->run_for(5s);
    CHECK_FALSE(lab->ask("pc-1", "ping 172.16.10.10 count 3").empty());
    CHECK_FALSE(lab->ask("pc-2", "ping 172.16.10.10 count 3").empty());
    std::uint64_t lost = 0;
    for (int minute = 0; minute < 20; ++minute) {
        lost += lossless(lab->ask("pc-1", "ping 172.16.10.10 count 30")) ? 0 : 1;
        lost += lossless(lab->ask("pc-2", "ping 172.16.10.10 count 30")) ? 0 : 1;
    }
    CHECK(lost == 0);
    CHECK(lossless(lab->ask("pc-center", "ping 10.11.1.10 count 3")));
    CHECK(lossless(lab->ask("pc-center", "ping 10.11.2.10 count 3")));
    const auto xlate = lab->ask("pix", "show xlate");
    INFO(xlate);
    CHECK(port_of(xlate, "10.10.10.2") != port_of(xlate, "10.10.10.3"));
    // More than one SA of each kind was there.
    const auto sas = lab->ask("center", "show crypto isakmp sa");
    INFO(sas);
    CHECK(sas.find("  1    0") == std::string::npos);
}

}  // namespace viaduct::sim
