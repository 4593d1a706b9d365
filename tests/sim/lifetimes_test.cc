// The ends of IPsec SAs, with real traffic through the real plane: kilobytes that run out, tunnels that nobody uses.
#include "tests/has.h"
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

using Catch::Matchers::Contains;

namespace {

/// The site-to-site lab, both routers with one line more, its tunnel up.
std::unique_ptr<lab::Lab> with_line(const std::string& line) {
    auto lab = make_lab(example("site-to-site"));
    for (const auto* router : {"west", "east"}) {
        lab->ask(router, "configure terminal");
        CHECK_FALSE(has(lab->ask(router, line), "%"));
        lab->ask(router, "end");
    }
    lab->run_for(5s);
    CHECK_THAT(lab->ask("pc-west", "ping 10.2.0.10 count 5"), Contains("64 bytes from 10.2.0.10"));
    return lab;
}

/// The number that stands beside a counter's name.
unsigned long counter(lab::Lab& lab,
                      const char* router,
                      const char* command,
                      std::string_view name) {
    const auto text = lab.ask(router, command);
    auto at = text.find(name);
    if (at == std::string::npos) {
        return 0;
    }
    at = text.find_first_of("0123456789", at + name.size());
    return at == std::string::npos ? 0 : std::stoul(text.substr(at));
}

}  // namespace

TEST_CASE(
    "site-to-site: kilobyte lifetimes: rekeyed before the limit, no packet is dropped for it") {
    const auto lab = with_line("crypto ipsec security-association lifetime kilobytes 5120");
    // Both ways: the SAs of either direction run out, at either end.
    CHECK_THAT(lab->ask("pc-west", "tcp 10.2.0.10:5001 send 20000000"), Contains("correct"));
    CHECK_THAT(lab->ask("pc-east", "tcp 10.1.0.10:5001 send 20000000"), Contains("correct"));
    for (const auto* router : {"west", "east"}) {
        CAPTURE(router);
        const auto drops = lab->ask(router, "show interfaces json");
        INFO(drops);
        CHECK(has(drops, "\"esp_out_hard_limit\":0,"));
        CHECK(has(drops, "\"esp_in_hard_limit\":0,"));
        CHECK(counter(*lab, router, "show crypto isakmp stats", "quick_established") >= 8);
        CHECK(counter(*lab, router, "show crypto isakmp stats", "quick_failed") == 0);
    }
    CHECK_THAT(lab->ask("pc-west", "ping 10.2.0.10 count 10"), Contains(" 0% packet loss"));
}

TEST_CASE(
    "site-to-site: idle-time: a tunnel that nobody uses goes, the next packet brings it back") {
    const auto lab = with_line("crypto ipsec security-association idle-time 60");
    CHECK_THAT(lab->ask("pc-west", "ping 10.2.0.10 count 30 interval 10s"),
               Contains(" 0% packet loss"));
    CHECK_THAT(lab->ask("west", "show crypto ipsec sa"),
               Contains("inbound esp sas:\n      spi: 0x"));
    lab->run_for(75s);
    for (const auto* router : {"west", "east"}) {
        const auto shown = lab->ask(router, "show crypto ipsec sa");
        INFO(router << "\n" << shown);
        CHECK_FALSE(has(shown, "inbound esp sas:\n      spi: 0x"));
    }
    CHECK_THAT(lab->ask("pc-east", "ping 10.1.0.10 count 3"), Contains("64 bytes from 10.1.0.10"));
}

}  // namespace viaduct::sim
