// The ready labs run their own scripts to the end.
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

namespace {

void run_demo(const std::string& name) {
    const auto lab = make_lab(example(name));
    INFO(lab->problems());
    CHECK(lab->problems().find("detected at '^' marker") == std::string::npos);
    CHECK(lab->problems().find("Ambiguous") == std::string::npos);
    const auto text = lab::read_text_file(example_file(name, "demo.script"));
    REQUIRE(text);
    std::string transcript;
    const auto message = run_script(*lab, *text, name + "/demo.script", transcript);
    INFO(transcript);
    if (!message.empty()) {
        FAIL(message);
    }
}

}  // namespace

TEST_CASE("example site-to-site") {
    run_demo("site-to-site");
}

TEST_CASE("example dmvpn") {
    run_demo("dmvpn");
}

TEST_CASE("example ted") {
    run_demo("ted");
}

TEST_CASE("example remote-access") {
    run_demo("remote-access");
}

TEST_CASE("P8: a next hop that is on no network is told when the router starts") {
    CHECK(make_lab(example("remote-access"))->problems().find("next hop 10.48.66.181 is not on") !=
          std::string::npos);
}

TEST_CASE("N9, N11: example nat-t") {
    run_demo("nat-t");
}

}  // namespace viaduct::sim
