// Keepalives of a point-to-point GRE tunnel across a router that knows nothing of them.
//
//   left ── net-1 ── middle ── net-2 ── right        Tunnel0: 10.9.0.1 ─ 10.9.0.2
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

std::string end_config(const std::string& name,
                       const std::string& outside,
                       const std::string& gateway,
                       const std::string& peer,
                       const std::string& inside,
                       const std::string& lines) {
    return "version 15.1\nhostname " + name + "\ninterface Tunnel0\n ip address " + inside +
           " 255.255.255.252\n" + lines + " tunnel source FastEthernet0/0\n tunnel destination " +
           peer + "\n tunnel key 7\ninterface FastEthernet0/0\n ip address " + outside +
           " 255.255.255.0\nip route 0.0.0.0 0.0.0.0 " + gateway + "\nend\n";
}

lab::Topology topology(const std::string& left_lines, const std::string& right_lines) {
    lab::Topology out;
    out.links = {{"net-1", {}}, {"net-2", {}}};
    out.routers.push_back(
        {"left",
         "left.cfg",
         end_config("left", "10.1.0.2", "10.1.0.1", "10.2.0.2", "10.9.0.1", left_lines),
         {port("FastEthernet0/0", "net-1")}});
    out.routers.push_back(
        {"right",
         "right.cfg",
         end_config("right", "10.2.0.2", "10.2.0.1", "10.1.0.2", "10.9.0.2", right_lines),
         {port("FastEthernet0/0", "net-2")}});
    out.routers.push_back({"middle",
                           "middle.cfg",
                           "version 15.1\nhostname middle\ninterface FastEthernet0/0\n ip address "
                           "10.1.0.1 255.255.255.0\ninterface FastEthernet0/1\n ip address "
                           "10.2.0.1 255.255.255.0\nend\n",
                           {port("FastEthernet0/0", "net-1"), port("FastEthernet0/1", "net-2")}});
    return out;
}

bool line_up(lab::Lab& lab, const char* router) {
    return has(lab.ask(router, "show interfaces Tunnel0"), "line protocol is up");
}

}  // namespace

TEST_CASE("D2: keepalives of a tunnel: unanswered they take the line protocol down, answered up") {
    const bool both = GENERATE(false, true);
    CAPTURE(both);
    const auto lab = make_lab(topology(" keepalive 5 3\n", both ? " keepalive 5 3\n" : ""));
    lab->run_for(60s);
    CHECK(line_up(*lab, "left"));
    CHECK(has(lab->ask("left", "show interfaces Tunnel0"), "Keepalive set (5 sec), retries 3"));
    CHECK(has(lab->ask("left", "ping 10.9.0.2"), "Success rate is 100 percent"));
    // The far end's cable: nothing that the near end could see but for the answers that stay out.
    lab->link("net-2").set_up(lab->now(), false);
    lab->run_for(14s);
    CHECK(line_up(*lab, "left"));
    lab->run_for(12s);
    CHECK_FALSE(line_up(*lab, "left"));
    CHECK(has(lab->ask("left", "show logging"),
              "%LINEPROTO-5-UPDOWN: Line protocol on Interface Tunnel0, changed state to down"));
    CHECK_FALSE(has(lab->ask("left", "show ip route"), "10.9.0.0"));
    lab->run_for(60s);
    CHECK_FALSE(line_up(*lab, "left"));
    lab->link("net-2").set_up(lab->now(), true);
    lab->run_for(12s);
    CHECK(line_up(*lab, "left"));
    CHECK(line_up(*lab, "right"));
    CHECK(has(lab->ask("left", "ping 10.9.0.2"), "Success rate is 100 percent"));
    // Switched off it is up again whatever is on the way.
    lab->link("net-2").set_up(lab->now(), false);
    lab->run_for(30s);
    CHECK_FALSE(line_up(*lab, "left"));
    configure(*lab, "left", {"interface Tunnel0", "no keepalive"});
    CHECK(line_up(*lab, "left"));
    CHECK_FALSE(has(lab->ask("left", "show running-config"), "keepalive"));
}

TEST_CASE("D2: no keepalives on a multipoint tunnel, and none in the clear on a protected one") {
    const auto lab = make_lab(example("dmvpn"));
    lab->run_for(1s);
    lab->ask("sv9-3", "configure terminal");
    lab->ask("sv9-3", "interface Tunnel0");
    CHECK(has(lab->ask("sv9-3", "keepalive 5 4"), "not supported on a multipoint tunnel"));
    lab->ask("sv9-3", "end");
    CHECK_FALSE(has(lab->ask("sv9-3", "show running-config"), "keepalive"));

    const std::string lines = " keepalive 5 4\n tunnel protection ipsec profile p\n";
    auto protected_ends = topology(lines, lines);
    for (auto& spec : protected_ends.routers) {
        if (spec.name != "middle") {
            spec.config_text.insert(
                spec.config_text.find("interface Tunnel0"),
                "crypto isakmp policy 1\n authentication pre-share\ncrypto isakmp key k address "
                "0.0.0.0 0.0.0.0\ncrypto ipsec transform-set t esp-3des esp-md5-hmac\ncrypto ipsec "
                "profile p\n set transform-set t\n");
        }
    }
    const auto other = make_lab(protected_ends);
    CloudTap tap(*other, "net-1");
    other->run_for(60s);
    CHECK(line_up(*other, "left"));
    CHECK(has(other->ask("left", "show logging"), "%TUN-4-KEEPALIVE: Tunnel0"));
    CHECK(has(other->ask("left", "ping 10.9.0.2 repeat 10"), "Success rate is"));
    CHECK(has(other->ask("left", "ping 10.9.0.2"), "Success rate is 100 percent"));
    CHECK(tap.gre == 0);
}

}  // namespace viaduct::sim
