#include "config/ios/grammar.h"

#include <catch2/catch.hpp>

using viaduct::ios::CommandSet;
using viaduct::ios::Completion;
using viaduct::ios::SyntaxError;
using viaduct::ios::TokenHelp;

namespace {

CommandSet router_rows() {
    CommandSet set;
    const TokenHelp help[] = {{"show", "Show running system information"},
                              {"ip", "IP information"}};
    set.add(0, "show ip route [ <prefix:A.B.C.D> [ <mask:mask> ] ]", help);
    set.add(1, "show ip interface [ brief ] [ <if:interface> ]", {});
    set.add(2, "show interfaces [ <if:interface> ]", {});
    set.add(3, "shutdown", {});
    set.add(4, "password { 0 <plain:LINE> | 7 <hidden:HEX> | <plain:LINE> }", {});
    set.add(
        5,
        "access-list <n:100-199> { permit | deny } <proto:protocol> { any | host <src:A.B.C.D> } "
        "[ eq <port:port> ] ( log | established | tos <tos:0-15> )*",
        {});
    set.add(6, "description <text:LINE>", {});
    set.add(7, "group { <number:1-199> | <name:WORD> } in", {});
    set.add(8, "domain lookup", {});
    set.add(9, "domain-lookup", {});
    return set;
}

std::size_t column_of(const CommandSet& set, std::string_view line, SyntaxError::Kind kind) {
    const auto match = set.match(line);
    REQUIRE_FALSE(match);
    CHECK(match.error().kind == kind);
    return match.error().column;
}

}  // namespace

TEST_CASE("grammar: words may be abbreviated as long as they are unambiguous", "[grammar]") {
    const auto set = router_rows();
    CHECK(set.match("sho ip ro")->id == 0);
    CHECK(set.match("  SHOW  ip  int  brief  ")->id == 1);
    CHECK(column_of(set, "sh", SyntaxError::Kind::ambiguous) == 0);
    CHECK(column_of(set, "show i", SyntaxError::Kind::ambiguous) == 5);
    CHECK(column_of(set, "show ip rout 10.0.0.300", SyntaxError::Kind::invalid) == 13);
    CHECK(column_of(set, "reboot", SyntaxError::Kind::unknown) == 0);
    CHECK(column_of(set, "show ip", SyntaxError::Kind::incomplete) == 7);
    CHECK(column_of(set, "", SyntaxError::Kind::incomplete) == 0);
    CHECK(column_of(set, "shutdown now", SyntaxError::Kind::invalid) == 9);
}

TEST_CASE("grammar: an exact word wins over a longer one", "[grammar]") {
    const auto set = router_rows();
    CHECK(set.match("domain lookup")->id == 8);
    CHECK(set.match("domain-l")->id == 9);
    CHECK(column_of(set, "domain", SyntaxError::Kind::incomplete) == 6);
}

TEST_CASE("grammar: arguments by kind", "[grammar]") {
    const auto set = router_rows();
    const auto route = set.match("show ip route 10.1.0.0 255.255.0.0");
    REQUIRE(route);
    CHECK(route->args.address("prefix") == viaduct::Ipv4Address(10, 1, 0, 0));
    CHECK(route->args.has("mask"));
    CHECK_FALSE(set.match("show ip route 10.1.0.0 255.0.255.0"));
    CHECK(set.match("show int fa0/1")->args.interface("if")->to_string() == "FastEthernet0/1");
    CHECK(set.match("show ip int Tunnel 7")->args.text("if") == "Tunnel7");
    CHECK(set.match("group 101 in")->args.number("number") == 101);
    CHECK(set.match("group 200 in")->args.text("name") == "200");
    CHECK(set.match("group \"two words\" in")->args.text("name") == "two words");
    CHECK(set.match("description  a  b ! c  ")->args.text("text") == "a  b ! c");
}

TEST_CASE("grammar: the better reading wins, and the other is tried when it leads nowhere",
          "[grammar]") {
    const auto set = router_rows();
    CHECK(set.match("password 7 0A0B")->args.text("hidden") == "0A0B");
    CHECK(set.match("password 0 7 up")->args.text("plain") == "7 up");
    CHECK(set.match("password 7 up")->args.text("plain") == "7 up");
    CHECK(set.match("password 7")->args.text("plain") == "7");
}

TEST_CASE("grammar: options in any order, each once", "[grammar]") {
    const auto set = router_rows();
    const auto line =
        set.match("access-list 101 permit tcp host 1.1.1.1 eq www established tos 3 log");
    REQUIRE(line);
    CHECK(line->args.number("proto") == 6);
    CHECK(line->args.number("port") == 80);
    CHECK(line->args.number("tos") == 3);
    CHECK(line->args.has("log"));
    CHECK(line->args.has("permit"));
    CHECK_FALSE(line->args.has("deny"));
    CHECK(set.match("access-list 101 permit ip any")->args.text("proto") == "ip");
    CHECK(column_of(set, "access-list 101 permit ip any log log", SyntaxError::Kind::invalid) ==
          34);
    CHECK(column_of(set, "access-list 99 permit ip any", SyntaxError::Kind::invalid) == 12);
}

TEST_CASE("grammar: ? lists what may come next", "[grammar]") {
    const auto set = router_rows();
    using List = std::vector<Completion>;
    CHECK(set.complete("show ip ") == List{{"interface", ""}, {"route", ""}});
    CHECK(set.complete("show ip r") == List{{"route", ""}});
    CHECK(set.complete("sh") ==
          List{{"show", "Show running system information"}, {"shutdown", ""}});
    CHECK(set.complete("show ip route ") == List{{"A.B.C.D", ""}, {"<cr>", ""}});
    CHECK(set.complete("access-list 101 permit ip any log ").size() == 3);
    CHECK(set.complete("group ") == List{{"<1-199>", ""}, {"WORD", ""}});
    CHECK(set.complete("show interfaces fa") == List{{"FastEthernet", "FastEthernet IEEE 802.3"}});
    CHECK(set.complete("nonsense ").empty());
}

TEST_CASE("grammar: in a set of `no` forms the first row wins a tie", "[grammar]") {
    CommandSet set(CommandSet::Ties::lowest_id);
    set.add(3, "ip address [ dhcp ]", {});
    set.add(2, "ip address [ <a:A.B.C.D> [ <m:mask> ] ]", {});
    set.add(5, "ip address", {});
    CHECK(set.match("ip address")->id == 2);
    CHECK(set.match("ip address dhcp")->id == 3);
}
