// N11: the PAT device of document 000 in its own language.
#include "config/pix/pix.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/unit/config/refused_lines.h"

using namespace viaduct;
using ios::LineProblem;

namespace {

const std::string kDocument =
    ": Saved\n:\nPIX Version 6.3(3)\nnameif ethernet0 outside security0\n"
    "nameif ethernet1 inside security100\nip address outside 171.69.89.78 255.255.254.0\n"
    "ip address inside 10.10.10.1 255.255.255.0\nglobal (outside) 1 interface\n"
    "nat (inside) 1 0.0.0.0 0.0.0.0 0 0\nroute outside 0.0.0.0 0.0.0.0 171.69.88.1 1\n"
    "http server enable\nhttp 10.10.10.2 255.255.255.255 inside\n"
    "Cryptochecksum:6990adf6e0e2800ed409ae7364eccc9d\n: end\n";

/// The document's configuration with more lines before its checksum.
std::string with(const std::string& lines) {
    auto text = kDocument;
    return text.insert(text.find("Cryptochecksum"), lines);
}

}  // namespace

TEST_CASE("pix: N11 the document's configuration onto the model", "[pix]") {
    const auto loaded = pix::load_any(kDocument, "pix501.cfg");
    CHECK(refused_lines(loaded).empty());
    const auto& config = loaded.config;
    CHECK(config.dialect == config::Dialect::pix);
    const auto outside = *config::InterfaceName::parse("Ethernet0");
    const auto inside = *config::InterfaceName::parse("Ethernet1");
    CHECK(config.interfaces.at(outside).address->address == Ipv4Address(171, 69, 89, 78));
    CHECK(config.interfaces.at(outside).address->length == 23);
    CHECK(config.interfaces.at(outside).nat_side == config::NatSide::outside);
    CHECK(config.interfaces.at(inside).nat_side == config::NatSide::inside);
    CHECK(config.pix_security.at("inside") == 100);
    CHECK(config.nat.pix_semantics);
    REQUIRE(config.nat.dynamic_rules.size() == 1);
    const auto& rule = config.nat.dynamic_rules[0];
    CHECK(rule.interface == outside);
    CHECK(rule.overload);
    const auto& local = config.access_lists.at(rule.access_list);
    REQUIRE(local.entries.size() == 1);
    CHECK(local.entries[0].source.any());
    REQUIRE(config.static_routes.size() == 1);
    CHECK(config.static_routes[0].gateway == Ipv4Address(171, 69, 88, 1));
}

TEST_CASE("pix: N11 write terminal gives the document's configuration back", "[pix]") {
    const auto loaded = pix::load(kDocument, "pix501.cfg");
    const auto written = pix::write_any(loaded.config);
    std::istringstream lines(kDocument);
    for (std::string line; std::getline(lines, line);) {
        INFO(written);
        CHECK(written.find(line + "\n") != std::string::npos);
    }
    CHECK(pix::load(written, "again").config == loaded.config);
    CHECK(pix::write_pix_config(pix::load(written, "again").config) == written);
}

TEST_CASE("pix: N11 the fixture loads as it stands", "[pix]") {
    namespace fs = std::filesystem;
    const fs::path root(VIADUCT_SOURCE_ROOT);
    const auto file = fs::path("shared") / "fixtures" / "configs" / "pix501.cfg";
    const auto path =
        fs::exists(root / ".." / file) ? root / ".." / file : root / ".." / ".." / file;
    std::ifstream in(path);
    if (!in) {
        WARN("SKIPPED: " << path << " is not there");
        return;
    }
    std::ostringstream text;
    text << in.rdbuf();
    const auto loaded = pix::load_any(text.str(), "pix501.cfg");
    CHECK(refused_lines(loaded).empty());
    CHECK(pix::load(pix::write_pix_config(loaded.config), "again").config == loaded.config);
}

TEST_CASE("pix: access lists have netmasks, static and exempt networks are rules", "[pix]") {
    const auto loaded = pix::load(
        with(
            "hostname pix501\nmtu outside 1400\narp timeout 600\ninterface ethernet0 100full\n"
            "access-list out permit udp 10.10.10.0 255.255.255.0 host 172.16.172.50 eq isakmp log\n"
            "access-list nonat permit ip 10.10.10.0 255.255.255.0 10.20.0.0 255.255.0.0\n"
            "access-group out in interface outside\nnat (inside) 0 access-list nonat\n"
            "global (outside) 1 171.69.89.80-171.69.89.90 netmask 255.255.254.0\n"
            "static (inside,outside) tcp interface www 10.10.10.9 8080 netmask 255.255.255.255 0 "
            "0\n"
            "static (inside,outside) 171.69.89.79 10.10.10.8 netmask 255.255.255.255 0 0\n"
            "timeout xlate 3:00:00\ntimeout conn 1:00:00 half-closed 0:10:00 udp 0:02:00\n"
            "fixup protocol ftp 21\nisakmp enable outside\n"),
        "t");
    CHECK(refused_lines(loaded).empty());
    const auto& config = loaded.config;
    const auto& rule = config.access_lists.at("out").entries.at(0);
    CHECK(rule.source.wildcard == Ipv4Address(0, 0, 0, 255));
    CHECK(rule.destination_port.first == 500);
    CHECK(rule.log);
    const auto& local = config.access_lists.at("(inside) 1").entries;
    REQUIRE(local.size() == 2);
    CHECK(local[0].action == config::AclAction::deny);
    CHECK(config.nat.dynamic_rules.size() == 2);
    REQUIRE(config.nat.static_rules.size() == 2);
    CHECK(config.nat.static_rules[0].local_port == 8080);
    CHECK(config.nat.static_rules[0].global_port == 80);
    CHECK(config.nat.timeouts.tcp_s == 3600);
    CHECK(config.nat.timeouts.udp_s == 120);
    CHECK(config.nat.timeouts.dynamic_s == 10800);
    const auto again = pix::load(pix::write_pix_config(config), "again");
    INFO(pix::write_pix_config(config));
    CHECK(refused_lines(again).empty());
    CHECK(again.config == config);
}

TEST_CASE("pix: what is wrong is refused with its line", "[pix]") {
    const auto loaded = pix::load(with("bogus line\nip address dmz 10.0.0.1 255.255.255.0\nnat "
                                       "(dmz) 1 0 0\nglobal (outside) 2 999.1.1.1\n"
                                       "access-list a permit icmp any any eq www\n"),
                                  "p.cfg");
    const auto refused = refused_lines(loaded);
    for (const auto* expected : {"p.cfg:13: Invalid input detected",
                                 "p.cfg:14: interface dmz is not named by nameif",
                                 "p.cfg:15: interface dmz is not named",
                                 "p.cfg:16: Invalid range of global addresses",
                                 "p.cfg:17: Ports belong to tcp and udp"}) {
        INFO(refused);
        CHECK(refused.find(expected) != std::string::npos);
    }
    CHECK_FALSE(loaded.ok());
    CHECK_FALSE(pix::is_pix("hostname PIX\n"));
}

TEST_CASE("pix: N11 the check says of each line whether it acts, and of which parts not", "[pix]") {
    const auto text = with(
        "timeout xlate 3:00:00\n"
        "timeout conn 1:00:00 half-closed 0:20:00 udp 0:02:00 rpc 0:10:00 h225 1:00:00\n"
        "timeout uauth 0:05:00 absolute\n"
        "global (outside) 1 171.69.89.80-171.69.89.82 netmask 255.255.254.0\n"
        "global (outside) 1 171.69.89.90-171.69.89.91 netmask 255.255.254.0\n"
        "nat (inside) 2 10.11.0.0 255.255.0.0 0 100\n");
    const auto loaded = pix::load_any(text, "pix501.cfg");
    CHECK(refused_lines(loaded).empty());
    CHECK(loaded.config.nat.timeouts.half_closed_s == 1200U);
    CHECK(loaded.config.nat.pools.size() == 2);
    std::string said;
    for (const auto& problem : loaded.problems) {
        if (problem.kind == LineProblem::Kind::warning) {
            said += problem.text + " | " + problem.message + "\n";
        }
    }
    const std::string serves =
        " | warning: without effect: \"global (outside) 1 171.69.89.80-171.69.89.82 netmask "
        "255.255.254.0\" serves all, by ports\n";
    CHECK(said ==
          "global (outside) 1 interface" + serves +
              "timeout conn 1:00:00 half-closed 0:20:00 udp 0:02:00 rpc 0:10:00 h225 1:00:00 | "
              "warning: without effect of these time-outs: rpc, h225\n"
              "timeout uauth 0:05:00 absolute | warning: without effect of these time-outs: uauth\n"
              "global (outside) 1 171.69.89.90-171.69.89.91 netmask 255.255.254.0" +
              serves +
              "nat (inside) 2 10.11.0.0 255.255.0.0 0 100 | warning: without effect: 100 (limits "
              "of connections, dns, norandomseq)\n");
    std::string acts;
    for (const auto& [number, line] : pix::acted_on(kDocument, pix::load_any(kDocument, "x"))) {
        acts += std::to_string(number) + " ";
    }
    CHECK(acts == "3 4 5 6 7 8 9 10 ");
}
