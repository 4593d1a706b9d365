// The first tunnel, end to end: two routers from IOS configurations, hosts behind each.
//
//  pc-west 10.1.0.10 ── lan-west ── west ── internet ── east ── lan-east ── pc-east 10.2.0.10
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

using Catch::Matchers::Contains;

namespace {

/// A lab whose tunnel is up.
std::unique_ptr<lab::Lab> with_tunnel(std::uint64_t seed = 1) {
    lab::LabOptions options;
    options.seed = seed;
    auto lab = make_lab(example("site-to-site"), options);
    lab->run_for(5s);
    const auto first = lab->ask("pc-west", "ping 10.2.0.10 count 5");
    CHECK_THAT(first, Contains("64 bytes from 10.2.0.10"));
    return lab;
}

void set_loss(lab::Lab& lab, double loss) {
    auto parameters = lab.link("internet").parameters();
    parameters.loss = loss;
    lab.link("internet").set_parameters(parameters);
}

bool answers(lab::Lab& lab, const char* from, const char* to) {
    return lab.ask(from, std::string("ping ") + to + " count 1").find(" 0% packet loss") !=
           std::string::npos;
}

/// Seconds until a ping goes through, at most `limit`.
int seconds_until_answer(lab::Lab& lab, const char* from, const char* to, int limit) {
    const auto start = lab.now();
    while (lab.now() - start < std::chrono::seconds{limit}) {
        if (answers(lab, from, to)) {
            break;
        }
        lab.run_for(1s);
    }
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::seconds>(lab.now() - start).count());
}

}  // namespace

TEST_CASE("site-to-site: pings of every size go both ways, whole and unchanged") {
    const auto lab = with_tunnel();
    for (unsigned size = 36; size <= 1472; size += size < 1300 ? 61 : 1) {
        const auto command = " count 1 interval 10ms size " + std::to_string(size);
        const auto out =
            lab->ask(size % 2 == 0 ? "pc-west" : "pc-east",
                     "ping " + std::string(size % 2 == 0 ? "10.2.0.10" : "10.1.0.10") + command);
        INFO(out);
        REQUIRE(out.find(" 0% packet loss") != std::string::npos);
        REQUIRE(out.find("BAD DATA") == std::string::npos);
    }
    CHECK_THAT(lab->ask("pc-west", "ping 10.2.0.10 count 3 size 8000"),
               Contains(" 0% packet loss"));
}

TEST_CASE(
    "site-to-site: with DF set a packet that does not fit is answered with the MTU that does") {
    const auto lab = with_tunnel();
    const auto out = lab->ask("pc-west", "ping 10.2.0.10 count 1 size 1472 df");
    CHECK_THAT(out, Contains("From 10.1.0.1 icmp_seq=1 Frag needed and DF set (mtu = 14"));
    // The host has learned it: TCP takes it at once, and 28 bytes less than the MTU pass.
    const auto at = out.find("(mtu = ");
    const auto mtu = std::stoi(out.substr(at + 7));
    CHECK_THAT(lab->ask("pc-west", "ping 10.2.0.10 count 2 df size " + std::to_string(mtu - 28)),
               Contains(" 0% packet loss"));
    CHECK_THAT(lab->ask("pc-west", "tcp 10.2.0.10:80 send 50000"), Contains("correct"));
}

TEST_CASE("site-to-site: TCP streams arrive byte for byte, also at 20 % loss") {
    const auto lab = with_tunnel();
    CHECK_THAT(lab->ask("pc-west", "tcp 10.2.0.10:5001 send 2000000"), Contains("correct"));
    CHECK_THAT(lab->ask("pc-east", "tcp 10.1.0.10:5001 send 2000000"), Contains("correct"));
    set_loss(*lab, 0.2);
    CHECK_THAT(lab->ask("pc-west", "tcp 10.2.0.10:5002 send 100000"), Contains("correct"));
}

TEST_CASE("site-to-site: the tunnel comes up at 20 % loss, with any seed") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        auto topology = example("site-to-site");
        for (auto& link : topology.links) {
            link.parameters.loss = link.name == "internet" ? 0.2 : 0;
        }
        lab::LabOptions options;
        options.seed = seed;
        const auto lab = make_lab(topology, options);
        lab->run_for(5s);
        CAPTURE(seed);
        CHECK(seconds_until_answer(*lab, "pc-west", "10.2.0.10", 120) < 120);
    }
}

TEST_CASE("site-to-site: nothing is sent in the clear, whatever happens") {
    const auto lab = make_lab(example("site-to-site"));
    ClearCount count;
    lab->link("internet").add_tap([&](TimePoint, BytesView frame) { count.look(frame); });
    lab->ask("pc-west", "ping 10.2.0.10 count 10");
    lab->link("internet").set_up(lab->now(), false);
    lab->ask("pc-west", "ping 10.2.0.10 count 60");
    lab->link("internet").set_up(lab->now(), true);
    lab->ask("pc-east", "ping 10.1.0.10 count 60");
    REQUIRE(lab->power("east", false));
    lab->ask("pc-west", "ping 10.2.0.10 count 60");
    REQUIRE(lab->power("east", true));
    lab->ask("pc-east", "ping 10.1.0.10 count 60");
    set_loss(*lab, 0.2);
    lab->ask("pc-west", "tcp 10.2.0.10:80 send 50000");
    lab->ask("west", "clear crypto sa");
    lab->ask("pc-west", "ping 10.2.0.10 count 20 size 1472");
    INFO(count.first_clear);
    CHECK(count.clear == 0);
    CHECK(count.esp > 100);
    CHECK(count.ike > 9);
}

TEST_CASE("site-to-site: a cable that was out for two minutes") {
    const auto lab = with_tunnel();
    lab->link("internet").set_up(lab->now(), false);
    CHECK_THAT(lab->ask("pc-west", "ping 10.2.0.10 count 120"), Contains("100% packet loss"));
    lab->link("internet").set_up(lab->now(), true);
    const auto west = seconds_until_answer(*lab, "pc-west", "10.2.0.10", 90);
    CAPTURE(west);
    CHECK(west < 60);
    CHECK(answers(*lab, "pc-east", "10.1.0.10"));
}

TEST_CASE("site-to-site: either router loses its power and comes back; traffic from either side") {
    for (const auto* router : {"west", "east"}) {
        for (const auto* from : {"pc-west", "pc-east"}) {
            const auto lab = with_tunnel();
            REQUIRE(lab->power(router, false));
            lab->run_for(5s);
            REQUIRE(lab->power(router, true));
            const auto* to = std::string_view(from) == "pc-west" ? "10.2.0.10" : "10.1.0.10";
            const auto seconds = seconds_until_answer(*lab, from, to, 180);
            CAPTURE(router, from, seconds);
            CHECK(seconds < 60);
        }
    }
}

TEST_CASE("site-to-site: a day of traffic with rekeying loses nothing") {
    const auto lab = with_tunnel();
    const auto out = lab->ask("pc-west", "ping 10.2.0.10 count 8640 interval 10s");
    const auto tail = out.substr(out.rfind("---"));
    INFO(tail);
    CHECK(tail.find(" 0% packet loss") != std::string::npos);
}

}  // namespace viaduct::sim
