// Routers as VPN clients, end to end in the lab: the ready labs run their own scripts to the end.
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

namespace {

void run_demo(const std::string& name) {
    const auto lab = make_lab(example(name));
    INFO(lab->problems());
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

TEST_CASE("N16: network extension: the branch's network is reached with its own addresses") {
    run_demo("ezvpn");
}

TEST_CASE(
    "N16: client mode: the hosts share the assigned address; traffic brings the tunnel up, and up "
    "again") {
    run_demo("ezvpn-client");
}

}  // namespace viaduct::sim
