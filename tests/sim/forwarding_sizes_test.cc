// Packets of every size through multipoint GRE with tunnel protection: whole and unchanged, or told with DF to be too
// large; none is lost in silence.
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

/// ICMP payloads of packets of 36 … 1600 bytes: every one where fragmentation begins.
std::vector<unsigned> packet_sizes() {
    std::vector<unsigned> out;
    for (unsigned size = 36; size <= 1600; size += size >= 1360 && size < 1500 ? 1 : 17) {
        out.push_back(size);
    }
    return out;
}

}  // namespace

TEST_CASE("P: packets of 36 to 1600 bytes cross GRE and IPsec, hub and spoke, spoke and spoke") {
    const auto lab = make_lab(example("dmvpn"));
    REQUIRE(wait_converged(*lab, 60s));
    for (const auto& [from, to] : {std::pair{"pc-3", "3.3.3.10"}, {"pc-hub", "2.2.2.10"}}) {
        CHECK(lossless(lab->ask(from, std::string("ping ") + to + " count 10")));
        for (const auto size : packet_sizes()) {
            const auto ping = std::string("ping ") + to + " count 1 interval 10ms size " +
                              std::to_string(size - kIcmpHeaders);
            const auto out = lab->ask(from, ping);
            INFO(ping << ": " << out);
            REQUIRE(lossless(out));
            REQUIRE_FALSE(has(out, "BAD DATA"));
        }
        CHECK(lossless(lab->ask(from, std::string("ping ") + to + " count 2 size 8000")));
    }
}

TEST_CASE("P: with DF a packet crosses or its sender is told, at every size") {
    const auto lab = make_lab(example("dmvpn"));
    REQUIRE(wait_converged(*lab, 60s));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 10")));
    unsigned crossed = 0;
    unsigned told = 0;
    for (const auto size : packet_sizes()) {
        if (size > 1500) {
            break;
        }
        const auto ping =
            "ping 3.3.3.10 count 1 interval 10ms df size " + std::to_string(size - kIcmpHeaders);
        const auto out = lab->ask("pc-3", ping);
        INFO(ping << ": " << out);
        const bool refused = has(out, "Frag needed") || has(out, "too long") || has(out, "mtu");
        REQUIRE(lossless(out) != refused);
        crossed += lossless(out) ? 1 : 0;
        told += refused ? 1 : 0;
        if (size <= 1400) {
            REQUIRE_FALSE(refused);
        }
        if (size > 1440) {
            REQUIRE(refused);  // `ip mtu 1440`
        }
    }
    CHECK(crossed > 100);
    CHECK(told > 30);
    CHECK(has(lab->ask("pc-3", "tcp 3.3.3.10:5001 send 300000"), "correct"));
}

}  // namespace viaduct::sim
