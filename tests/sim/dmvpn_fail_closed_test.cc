// Tunnel protection fails closed: whatever happens to the SAs, no GRE leaves in the clear. A tap on the cloud counts.
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

/// Traffic of all three hosts, which goes on while the test does other things.
class Traffic {
public:
    explicit Traffic(lab::Lab& lab) {
        for (const auto& [from, to] : {std::pair{"pc-3", "3.3.3.10"},
                                       {"pc-4", "1.1.1.10"},
                                       {"pc-hub", "2.2.2.10"},
                                       {"pc-4", "2.2.2.10"}}) {
            auto begun = lab.begin(
                from, std::string("ping ") + to + " count 100000 interval 200ms size 500");
            REQUIRE(begun);
            commands_.push_back(std::move(*begun));
        }
    }

    void stop(TimePoint now) {
        for (auto& command : commands_) {
            command->interrupt(now);
        }
    }

private:
    std::vector<std::unique_ptr<lab::Command>> commands_;
};

}  // namespace

TEST_CASE("D2: not one clear GRE packet from power-on through rekeys, power cycles and changes") {
    const auto lab = make_lab(example("dmvpn"));
    CloudTap tap(*lab);
    Traffic traffic(*lab);
    const auto nothing_clear = [&](const char* during) {
        INFO(during << ": " << tap.first_other);
        CHECK(tap.gre == 0);
        CHECK(tap.esp > 0);
        tap.esp = 0;
    };
    lab->run_for(60s);
    nothing_clear("power-on");
    lab->run_for(260s);
    nothing_clear("two rekeys");
    for (const auto* command : {"clear crypto sa", "clear crypto isakmp", "clear ip nhrp"}) {
        for (const auto* router : {"sv9-2", "sv9-3"}) {
            lab->ask(router, command);
            lab->run_for(20s);
            nothing_clear(command);
        }
    }
    for (const auto* router : {"sv9-2", "sv9-3"}) {
        REQUIRE(lab->power(router, false));
        lab->run_for(30s);
        REQUIRE(lab->power(router, true));
        lab->run_for(60s);
        nothing_clear(router);
    }
    lab->link("cloud").set_up(lab->now(), false);
    lab->run_for(150s);
    lab->link("cloud").set_up(lab->now(), true);
    lab->run_for(60s);
    nothing_clear("a cable out for longer than an SA lives");
    for (const auto* router : {"sv9-2", "sv9-3"}) {
        configure(*lab, router, {"no crypto ipsec transform-set strong"});
        lab->run_for(30s);
        configure(*lab,
                  router,
                  {"crypto ipsec transform-set strong esp-3des esp-md5-hmac",
                   "crypto ipsec profile cisco",
                   "set transform-set strong"});
        lab->run_for(60s);
        nothing_clear("transform set taken away and put back");
    }
    configure(*lab, "sv9-4", {"no crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0"});
    lab->run_for(150s);
    configure(*lab, "sv9-4", {"crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0"});
    lab->run_for(60s);
    nothing_clear("pre-shared key taken away and put back");
    traffic.stop(lab->now());
    REQUIRE(wait_converged(*lab, 120s));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 10")));
    CHECK(tap.gre == 0);
}

TEST_CASE("D2: the tap sees clear GRE where there is no tunnel protection") {
    auto topology = example("dmvpn");
    for (auto& router : topology.routers) {
        const std::string_view line = "\n tunnel protection ipsec profile cisco";
        const auto at = router.config_text.find(line);
        REQUIRE(at != std::string::npos);
        router.config_text.erase(at, line.size());
    }
    const auto lab = make_lab(topology);
    CloudTap tap(*lab);
    lab->run_for(60s);
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 10")));
    CHECK(tap.gre > 100);
    CHECK(tap.esp == 0);
}

}  // namespace viaduct::sim
