#include "config/ios/session.h"

#include <catch2/catch.hpp>

#include "config/ios/parser.h"
#include "config/ios/table.h"

using namespace viaduct;
using ios::ConfigSession;
using ios::SyntaxError;

namespace {

const config::InterfaceName kFa00 = *config::InterfaceName::parse("fa0/0");

}  // namespace

TEST_CASE("session: modes, prompts, and the way out of a sub-mode", "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    CHECK(session.prompt_suffix() == "(config)");
    REQUIRE(session.execute("int fa 0/0"));
    CHECK(session.prompt_suffix() == "(config-if)");
    REQUIRE(session.execute(" ip add 10.0.0.1 255.255.255.0"));
    REQUIRE(session.execute(" shut"));
    REQUIRE(session.execute("router eigrp 90"));
    CHECK(session.prompt_suffix() == "(config-router)");
    REQUIRE(session.execute("key chain k"));
    REQUIRE(session.execute("key 1"));
    CHECK(session.prompt_suffix() == "(config-keychain-key)");
    REQUIRE(session.execute("key 2"));
    CHECK(config.key_chains.at("k").size() == 2);
    REQUIRE(session.execute("exit"));
    CHECK(session.prompt_suffix() == "(config-keychain)");
    REQUIRE(session.execute("hostname edge"));
    CHECK(session.prompt_suffix() == "(config)");
    CHECK(config.interfaces.at(kFa00).shutdown);
    CHECK_FALSE(session.finished());
    REQUIRE(session.execute("end"));
    CHECK(session.finished());
}

TEST_CASE("session: a parent's words in full win over abbreviations of the mode's own",
          "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    REQUIRE(session.execute("interface FastEthernet0/0"));
    REQUIRE(session.execute("ip route 0.0.0.0 0.0.0.0 10.0.0.1"));
    CHECK(config.static_routes.size() == 1);
    CHECK(config.interfaces.at(kFa00).kept.empty());
    CHECK(session.prompt_suffix() == "(config)");
}

TEST_CASE("session: a refused line changes nothing and says where", "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    REQUIRE(session.execute("interface FastEthernet0/0"));
    REQUIRE(session.execute("ip address 10.0.0.1 255.255.255.0"));
    const auto before = config;
    const auto bad = session.execute(" ip address 10.0.0.1 255.0.255.0");
    REQUIRE_FALSE(bad);
    CHECK(bad.error().kind == SyntaxError::Kind::invalid);
    CHECK(bad.error().column == 21);
    const auto refused = session.execute("ip address 10.0.0.0 255.255.255.0");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "% Bad mask /24 for address 10.0.0.0");
    CHECK_FALSE(session.execute("no ip adress"));
    CHECK_FALSE(session.execute("tunnel key 7"));
    CHECK_FALSE(session.execute("do show version"));
    CHECK(config == before);
    CHECK(session.prompt_suffix() == "(config-if)");
}

TEST_CASE("session: no and default are the way back", "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    REQUIRE(session.execute("interface FastEthernet0/0"));
    const auto fresh = config;
    REQUIRE(session.execute("no ip redirects"));
    CHECK_FALSE(config.interfaces.at(kFa00).ip_redirects);
    REQUIRE(session.execute("default ip redirects"));
    CHECK(config == fresh);
    REQUIRE(session.execute("ip address 10.0.0.1 255.255.255.0"));
    REQUIRE(session.execute("ip address 10.0.1.1 255.255.255.0 secondary"));
    CHECK_FALSE(session.execute("no ip address 10.0.0.1 255.255.255.0"));
    REQUIRE(session.execute("no ip address"));
    CHECK(config == fresh);
    REQUIRE(session.execute("description x"));
    REQUIRE(session.execute("default interface fa0/0"));
    CHECK(config == fresh);
}

TEST_CASE("session: ? lists the mode's words, no and default included", "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    const auto words = [&session](std::string_view line) {
        std::vector<std::string> out;
        for (const auto& completion : session.complete(line)) {
            out.push_back(completion.word);
        }
        return out;
    };
    const auto has = [](const std::vector<std::string>& list, const std::string& word) {
        return std::find(list.begin(), list.end(), word) != list.end();
    };
    CHECK(has(words(""), "interface"));
    CHECK(has(words(""), "no"));
    CHECK(words("hostn") == std::vector<std::string>{"hostname"});
    CHECK(has(words("no "), "hostname"));
    CHECK(has(words("crypto isakmp policy "), "<1-10000>"));
    CHECK(has(words("interface "), "FastEthernet"));
    REQUIRE(session.execute("interface Tunnel0"));
    CHECK(words("tunnel mo") == std::vector<std::string>{"mode"});
    CHECK(words("tunnel mode gre ") == std::vector<std::string>{"ip", "multipoint"});
    for (const auto& completion : session.complete("ip ")) {
        INFO(completion.word);
        CHECK_FALSE(completion.help.empty());
    }
}

TEST_CASE("session: banners go over several lines", "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    REQUIRE(session.execute("banner motd ^C"));
    CHECK(session.wants_text());
    REQUIRE(session.execute("  Keep out!"));
    REQUIRE(session.execute("hostname not-a-command"));
    REQUIRE(session.execute("^C"));
    CHECK_FALSE(session.wants_text());
    CHECK(config.system.banner_motd == "\n  Keep out!\nhostname not-a-command\n");
    CHECK(config.system.hostname == "Router");
    const auto again = ios::load(ios::write_config(config), "again");
    CHECK(again.config == config);
}

TEST_CASE("load: unknown lines have their number and a caret, the rest still loads", "[session]") {
    const auto loaded = ios::load(
        "Building configuration...\n\nCurrent configuration : 1774 bytes\n!\n"
        "interface FastEthernet0/0\n ip address 10.0.0.1 255.255.255.0\n ip adress 10.0.0.2\n"
        "router bgp 65000\n neighbor 10.0.0.9 remote-as 1\n shutdown\n"
        "hostname edge\ncall rsvp-sync\nend\n",
        "edge.cfg");
    REQUIRE(loaded.problems.size() == 5);
    CHECK(loaded.problems[0].line_number == 7);
    CHECK(ios::problem_text(loaded.problems[0]) ==
          "edge.cfg:7: Invalid input detected at '^' marker.\n   ip adress 10.0.0.2\n      ^\n");
    CHECK(loaded.problems[1].line_number == 8);
    CHECK(loaded.problems[2].message == "belongs to line 8, which was refused");
    CHECK(loaded.problems[4].kind == ios::LineProblem::Kind::without_effect);
    CHECK_FALSE(loaded.ok());
    CHECK(loaded.config.system.hostname == "edge");
    // The refused section's "shutdown" did not fall upon the interface before it.
    CHECK_FALSE(loaded.config.interfaces.at(kFa00).shutdown);
}

TEST_CASE("session: sequence numbers of access lists", "[session]") {
    config::RunningConfig config;
    ConfigSession session(config);
    for (const auto* line : {"access-list 101 permit ip any any",
                             "access-list 101 deny tcp any any eq www",
                             "ip access-list extended 101",
                             "15 permit udp any any eq 4500",
                             "permit esp any any"}) {
        REQUIRE(session.execute(line));
    }
    const auto& entries = config.access_lists.at("101").entries;
    REQUIRE(entries.size() == 4);
    CHECK(entries[1].sequence == 15);
    CHECK(entries[3].sequence == 30);
    CHECK_FALSE(session.execute("15 permit ip host 10.0.0.1 any"));
    CHECK(ios::load(ios::write_config(config), "again").config == config);
    REQUIRE(session.execute("no 15"));
    CHECK(entries.size() == 3);
    REQUIRE(session.execute("no permit esp any any"));
    CHECK(entries.size() == 2);
    CHECK_FALSE(session.execute("access-list 101 permit ip any any established"));
    CHECK_FALSE(session.execute("access-list 101 permit icmp any eq www any"));
    REQUIRE(session.execute("no access-list 101"));
    CHECK(config.access_lists.empty());
}
