#include "config/ios/check.h"

#include <catch2/catch.hpp>

#include "config/ios/reference.h"

using namespace viaduct;

namespace {

constexpr const char* kSets =
    "crypto ipsec transform-set myset esp-3des esp-sha-hmac\n"
    "access-list 100 permit ip 10.0.0.0 0.0.0.255 10.1.0.0 0.0.0.255\n"
    "crypto dynamic-map dynmap 20\n set transform-set myset\n";

/// The messages of the warnings, one a line, with their line numbers.
std::string warned(const std::string& text) {
    std::string out;
    for (const auto& problem : ios::check(text, "t").warnings) {
        out += std::to_string(problem.line_number) + " " + problem.message + "\n";
    }
    return out;
}

}  // namespace

TEST_CASE("check: P3 a static entry behind a dynamic one is warned of", "[check]") {
    const std::string entry =
        " match address 100\n set peer 172.16.77.10\n set transform-set myset\n";
    const auto right = std::string(kSets) + "crypto map mymap 10 ipsec-isakmp\n" + entry +
                       "crypto map mymap 60000 ipsec-isakmp dynamic dynmap\n";
    CHECK(warned(right).empty());
    const auto wrong = std::string(kSets) + "crypto map mymap 10 ipsec-isakmp dynamic dynmap\n" +
                       "crypto map mymap 20 ipsec-isakmp\n" + entry;
    const auto warning = warned(wrong);
    CHECK(warning.starts_with("6 warning: this static entry stands behind the dynamic entry 10"));
}

TEST_CASE("check: P8 a next hop on no connected network is warned of", "[check]") {
    const std::string hub =
        "interface FastEthernet0/0\n ip address 10.48.67.181 255.255.255.224\n"
        "ip route 0.0.0.0 0.0.0.0 ";
    CHECK(
        warned(hub + "10.48.66.181\n") ==
        "3 warning: next hop 10.48.66.181 is not on a connected network; the route is not used\n");
    CHECK(warned(hub + "10.48.67.190\n").empty());
    // The address that DHCP will give is not known yet.
    CHECK(
        warned("interface FastEthernet0/0\n ip address dhcp\nip route 0.0.0.0 0.0.0.0 10.100.2.3\n")
            .empty());
}

TEST_CASE("check: references to what is not defined are accepted and warned of", "[check]") {
    const auto warning = warned(
        "interface FastEthernet0/0\n ip address 10.0.0.1 255.255.255.0\n ip access-group 101 in\n"
        " crypto map nomap\n"
        "interface Tunnel0\n ip address 10.9.0.1 255.255.255.0\n tunnel source FastEthernet0/9\n"
        " tunnel destination 10.0.0.2\n tunnel protection ipsec profile none\n"
        "crypto isakmp client configuration group g\n key x\n pool nopool\n"
        "ip nat inside source list 7 pool nopool overload\n"
        "route-map rm permit 10\n match ip address 55\n"
        "line vty 0 4\n access-class 44 in\n login authentication nolist\n");
    for (const auto* expected : {"3 warning: access list 101 is not defined",
                                 "4 warning: crypto map nomap is not defined",
                                 "7 warning: interface FastEthernet0/9 is not configured",
                                 "9 warning: IPsec profile none is not defined",
                                 "12 warning: address pool nopool is not defined",
                                 "13 warning: access list 7 is not defined",
                                 "13 warning: NAT pool nopool is not defined",
                                 "15 warning: access list 55 is not defined",
                                 "17 warning: access list 44 is not defined",
                                 "18 warning: authentication list nolist is not defined"}) {
        INFO(expected << "\nin\n" << warning);
        CHECK(warning.find(expected) != std::string::npos);
    }
}

TEST_CASE("check: manual keys that are too short are warned of", "[check]") {
    const std::string text =
        "access-list 100 permit ip any any\n"
        "crypto ipsec transform-set gcm esp-gcm\n"
        "crypto map keyed 10 ipsec-manual\n match address 100\n set peer 10.0.0.2\n set "
        "transform-set gcm\n"
        " set session-key inbound esp 256 cipher 000102030405060708090a0b0c0d0e0f10111213\n"
        " set session-key outbound esp 257 cipher 000102030405060708090a0b0c0d0e0f\n";
    CHECK(warned(text) == "7 warning: the cipher key of SPI 257 has 16 bytes, esp-gcm needs 20\n");
}

TEST_CASE("check: the report says errors with a caret, warnings, and apart what has no effect",
          "[check]") {
    const auto report =
        ios::check("hostname edge\nip cef\nip route 0.0.0.0 0.0.0.0 10.0.0.1\nip foo\n", "e.cfg");
    CHECK_FALSE(report.ok());
    CHECK(
        report.text() ==
        "e.cfg:4: Invalid input detected at '^' marker.\n  ip foo\n     ^\n"
        "e.cfg:3: warning: next hop 10.0.0.1 is not on a connected network; the route is not used\n"
        "  ip route 0.0.0.0 0.0.0.0 10.0.0.1\n"
        "Accepted, without effect on a virtual router:\n  e.cfg:2: ip cef\n");
}

TEST_CASE("reference: the manual has every mode and its commands", "[check]") {
    const auto manual = ios::command_reference();
    for (const auto* part : {"## Global configuration",
                             "## IPsec profile",
                             "### `hostname <name:WORD>`",
                             "crypto map mymap 10 ipsec-isakmp",
                             "without effect on a virtual router"}) {
        INFO(part);
        CHECK(manual.find(part) != std::string::npos);
    }
}
