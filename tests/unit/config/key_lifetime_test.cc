// Lifetimes of keys and EIGRP's static neighbours, as typed and as written back.
#include <catch2/catch.hpp>

#include "config/ios/parser.h"

using namespace viaduct;

namespace {

constexpr std::int64_t kStart = 1'767'225'600;  // 2026-01-01 00:00:00

config::KeyChainKey key_of(const std::string& lines) {
    const auto loaded = ios::load("key chain K\n key 1\n" + lines + "end\n", "test");
    INFO(lines);
    CHECK(loaded.ok());
    return loaded.config.key_chains.at("K").at(1);
}

bool refused(const std::string& line) {
    return !ios::load("key chain K\n key 1\n  " + line + "\nend\n", "test").ok();
}

}  // namespace

TEST_CASE("D4: lifetimes of keys: month and day in either order, end, duration, infinite, local") {
    const auto key = key_of(
        "  accept-lifetime 00:00:00 Jan 1 2026 infinite\n"
        "  send-lifetime local 01:02:03 29 february 2028 duration 60\n");
    REQUIRE(key.accept_lifetime);
    CHECK(*key.accept_lifetime == config::KeyLifetime{false, kStart, std::nullopt, false});
    REQUIRE(key.send_lifetime);
    CHECK(key.send_lifetime->local);
    CHECK(key.send_lifetime->start_s == 1'835'398'923);
    CHECK(key.send_lifetime->end_s == 1'835'398'983);
    const auto both = key_of("  accept-lifetime 00:00:00 1 jan 2026 00:00:01 sept 1 2026\n");
    CHECK(both.accept_lifetime->start_s == kStart);
    CHECK(both.accept_lifetime->end_s == 1'788'220'801);
    CHECK_FALSE(key_of("  accept-lifetime 00:00:00 Jan 1 2026 infinite\n  no accept-lifetime\n")
                    .accept_lifetime);
}

TEST_CASE("D4: lifetimes that no calendar has are refused") {
    CHECK(refused("accept-lifetime 00:00:00 Feb 29 2026 infinite"));
    CHECK(refused("accept-lifetime 24:00:00 Feb 1 2026 infinite"));
    CHECK(refused("accept-lifetime 00:00 Feb 1 2026 infinite"));
    CHECK(refused("accept-lifetime 00:00:00 Fe 1 2026 infinite"));
    CHECK(refused("accept-lifetime 00:00:00 Februar 1 2026 1x:00:00 Feb 1 2027"));
    CHECK(refused("accept-lifetime 00:00:00 Feb 0 2026 infinite"));
    CHECK(refused("send-lifetime 00:00:00 Feb 1 2026 00:00:00 Feb 1 2026"));
    CHECK(refused("send-lifetime 00:00:00 Feb 1 2026"));
}

TEST_CASE("D4: what is written of lifetimes and static neighbours is what was typed") {
    const std::string text =
        "key chain K\n"
        " key 1\n"
        "  key-string one\n"
        "  accept-lifetime 00:00:00 Jan 1 2026 00:10:00 Feb 2 2026\n"
        "  send-lifetime local 23:59:59 Dec 31 2025 duration 3600\n";
    const auto written = ios::write_config(ios::load(text + "end\n", "test").config);
    INFO(written);
    CHECK(written.find(text) != std::string::npos);
    const auto loaded = ios::load(
        "router eigrp 90\n neighbor 10.0.0.2 fa0/1\n neighbor 10.0.0.3\n neighbor 10.0.0.2 tu0\n"
        " neighbor 10.0.0.3 Tunnel1\n neighbor 10.0.0.9\n no neighbor 10.0.0.9\nend\n",
        "test");
    CHECK(loaded.ok());
    const auto lines = ios::write_config(loaded.config);
    INFO(lines);
    CHECK(lines.find(" neighbor 10.0.0.2 FastEthernet0/1\n neighbor 10.0.0.2 Tunnel0\n"
                     " neighbor 10.0.0.3 Tunnel1\n") != std::string::npos);
    CHECK(lines.find("10.0.0.9") == std::string::npos);
}
