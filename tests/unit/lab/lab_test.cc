// Time, links, LAB.yaml and scripts.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include "controlplane/lab/script.h"
#include "controlplane/lab/words.h"
#include "tests/unit/lab/lab_fixture.h"

namespace viaduct::lab {

using Catch::Matchers::Contains;
using Catch::Matchers::Equals;

namespace {

std::string run(Lab& lab, std::string_view text, std::string& message) {
    std::ostringstream out;
    const auto script = parse_script(text, "demo.script", lab);
    if (!script) {
        message = script.error().message;
        return {};
    }
    const auto end = run_script(lab, *script, out);
    message = end.message;
    return out.str();
}

std::string refusal(std::string_view yaml) {
    const auto read = parse_topology(yaml, "lab.yaml");
    return read ? std::string{} : read.error().message;
}

std::string all_bytes(const std::filesystem::path& folder) {
    std::ostringstream out;
    for (const auto* link : {"left", "middle", "right"}) {
        const std::ifstream file(folder / (std::string(link) + ".pcap"), std::ios::binary);
        out << file.rdbuf();
    }
    return out.str();
}

}  // namespace

TEST_CASE("events come in order of time, and in order of posting at the same time") {
    struct Recorder final : EventTarget {
        std::vector<std::uint32_t> seen;

        void on_event(TimePoint, Event& event) override { seen.push_back(event.argument); }
    } recorder;

    Scheduler scheduler;
    const auto start = scheduler.now();
    CHECK(start != TimePoint{});
    scheduler.post(start + 2s, recorder, 3);
    scheduler.post(start + 1s, recorder, 1);
    scheduler.post(start + 1s, recorder, 2);
    scheduler.post(start + 5s, recorder, 4);
    scheduler.run_until(start + 3s, {});
    CHECK(recorder.seen == std::vector<std::uint32_t>{1, 2, 3});
    CHECK(scheduler.now() == start + 3s);
    scheduler.run_until(start + 1s, {});
    CHECK(scheduler.now() == start + 3s);
}

TEST_CASE("a limited rate takes its time, and its queue has an end") {
    LinkParameters middle;
    middle.rate_mbps = 1;
    const auto lab = make_lab(two_routers(middle));
    const auto out = lab->ask("pc1", "tcp 10.2.0.10:80 send 100000");
    CHECK_THAT(out, Contains("correct"));
    const auto seconds = std::chrono::duration<double>(lab->now() - Scheduler::kStart).count();
    CHECK(seconds > 0.8);
    CHECK(lab->link("middle").counters().overflowed > 0);
}

TEST_CASE("the same seed gives the same bytes, another seed others") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("viaduct-lab-test-" + std::to_string(::getpid()));
    const auto run_one = [&](std::uint64_t seed, const char* name) {
        LinkParameters middle;
        middle.delay = 3ms;
        middle.jitter = 2ms;
        middle.loss = 0.2;
        LabOptions options;
        options.seed = seed;
        options.pcap_folder = (folder / name).string();
        const auto lab = make_lab(two_routers(middle), options);
        lab->ask("pc1", "ping 10.2.0.10 count 20");
        lab->ask("pc2", "tcp 10.1.0.10:80 send 20000");
        lab->flush_captures();
        return all_bytes(folder / name);
    };
    const auto first = run_one(7, "a");
    CHECK(first.size() > 20000);
    CHECK((first == run_one(7, "b")));
    CHECK((first != run_one(8, "c")));
    std::filesystem::remove_all(folder);
}

TEST_CASE("loss is what was asked for, and other faults do not move its dice") {
    const auto lost = [](double duplicate) {
        LinkParameters middle;
        middle.loss = 0.25;
        middle.duplicate = duplicate;
        const auto lab = make_lab(two_routers(middle));
        lab->ask("pc1", "ping 10.2.0.10 count 2000 interval 1ms");
        return lab->link("middle").counters();
    };
    const auto plain = lost(0);
    CHECK(plain.lost > 700);
    CHECK(plain.lost < 1000);
    CHECK(lost(0.5).duplicated > 500);
}

TEST_CASE("a router without power is silent, and starts again from its configuration") {
    const auto lab = make_lab(two_routers());
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1"), Contains(" 0% packet loss"));
    REQUIRE(lab->power("fake2", false));
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1"), Contains("100% packet loss"));
    CHECK_THAT(lab->ask("fake2", "show forwarded"), Contains("has no power"));
    REQUIRE(lab->power("fake2", true));
    CHECK_THAT(lab->ask("pc1", "ping 10.2.0.10 count 1"), Contains(" 0% packet loss"));
}

TEST_CASE("a script types, waits, breaks links and expects") {
    const auto lab = make_lab(two_routers());
    std::string message;
    const auto out = run(*lab,
                         R"(# a comment
pc1$ ping 10.2.0.10 count 2
expect 2 received
expect /icmp_seq=\d ttl=62/
expect-not errors
link middle down
pc1$ ping 10.2.0.10 count 1
expect 100% packet loss
link middle up
pc1$ ping 10.2.0.10 count 10 &
wait 3s
link middle loss 1 delay-ms 2
wait 3s
link middle loss 0
pc1$ fg
expect /[567] received/
fake1# show forwarded
expect packets forwarded
fake1# configure terminal
interface FastEthernet0/0
expect typed: interface FastEthernet0/0
fake1(config-if)# shutdown
end
power fake2 off
power fake2 on
wait-for pc1$ ping 10.2.0.10 count 1 expect 1 received within 10s
)",
                         message);
    CHECK_THAT(message, Equals(""));
    CHECK_THAT(out, Contains("pc1$ ping 10.2.0.10 count 2\nPING 10.2.0.10"));
    CHECK_THAT(out, Contains("fake#show forwarded\n"));
    CHECK_THAT(out, Contains("fake(config)#shutdown\n"));
}

TEST_CASE("the first expectation that is not met ends the script with its line") {
    const auto lab = make_lab(two_routers());
    std::string message;
    const auto out =
        run(*lab,
            "pc1$ ping 10.2.0.10 count 1\n\nexpect no such text\nfake1# show forwarded\n",
            message);
    CHECK_THAT(message,
               Contains("demo.script:3: expect no such text: the last output does not have it"));
    CHECK_THAT(out, !Contains("forwarded"));
}

TEST_CASE("a bad line is refused before the script runs") {
    const auto lab = make_lab(two_routers());
    const auto why = [&](std::string_view text) {
        std::string message;
        CHECK(run(*lab, text, message).empty());
        return message;
    };
    CHECK_THAT(why("wait 1s\nnobody$ ping 1.2.3.4\n"),
               Equals("demo.script:2: there is no host 'nobody'"));
    CHECK_THAT(why("fake9# show\n"), Equals("demo.script:1: there is no router 'fake9'"));
    CHECK_THAT(why("wait a bit\n"), Contains("is not a time like 30s"));
    CHECK_THAT(why("dance\n"), Contains("'dance' is not a line of a script"));
    CHECK_THAT(why("link middle loss 2\n"),
               Contains("'loss' of a link is a number from 0 to 1, not '2'"));
    CHECK_THAT(why("link nowhere down\n"), Contains("there is no link 'nowhere'"));
    CHECK_THAT(why("power fake1 maybe\n"), Contains("usage: power"));
    CHECK_THAT(why("expect /(/\n"), Contains("is bad"));
    CHECK_THAT(why("expect\n"), Contains("missing"));
}

TEST_CASE("LAB.yaml: a whole lab") {
    const auto folder =
        std::filesystem::temp_directory_path() / ("viaduct-lab-yaml-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "r1.cfg") << "hostname r1\n";
    const auto read = parse_topology(R"(
links:
  lan: {}
  wan: { delay-ms: 5, jitter-ms: 0.5, loss: 0.01, duplicate: 0.1, reorder: 0.2, rate-mbps: 10, mtu: 1400, external: eth1 }
  empty:
routers:
  r1: { config: r1.cfg, links: { FastEthernet0/0: lan, fa0/1: wan } }
hosts:
  pc: { address: 10.1.0.10/24, gateway: 10.1.0.1, link: lan }
  mobile: { address: dhcp, link: lan }
)",
                                     (folder / "lab.yaml").string());
    if (!read) {
        FAIL(read.error().message);
    }
    CHECK(read->routers[0].config_text == "hostname r1\n");
    CHECK(read->routers[0].ports.size() == 2);
    CHECK(read->routers[0].ports[1].interface.to_string() == "FastEthernet0/1");
    const LinkParameters wan{5ms, 500us, 0.01, 0.1, 0.2, 10, 1400, "eth1"};
    CHECK((read->links[1].parameters == wan));
    CHECK(read->hosts[0].address.gateway == Ipv4Address{10, 1, 0, 1});
    CHECK(read->hosts[1].address.address.is_unspecified());
    std::filesystem::remove_all(folder);
}

TEST_CASE("LAB.yaml: what is wrong is told with its line") {
    CHECK_THAT(refusal("hosts:\n  a: { address: 10.0.0.1/8, link: x }\n"),
               Equals("lab.yaml:2: there is no link 'x' in 'links'"));
    CHECK_THAT(refusal("lniks: {}\n"), Contains("lab.yaml:1: unknown key 'lniks' in a lab"));
    CHECK_THAT(refusal("links:\n  a: { loss: 1.5 }\n"),
               Contains("lab.yaml:2: 'loss' of a link is a number from 0 to 1"));
    CHECK_THAT(refusal("links:\n  a: { speed: 1 }\n"),
               Contains("lab.yaml:2: unknown key 'speed' in a link"));
    CHECK_THAT(refusal("links: { a: {}, a: {} }\n"), Contains("twice"));
    CHECK_THAT(refusal("links: { a: {} }\nhosts:\n  h: { address: 10.0.0.300/8, link: a }\n"),
               Contains("lab.yaml:3: '10.0.0.300/8' is neither an address"));
    CHECK_THAT(refusal("links: { a: {} }\nhosts:\n  h: { address: 10.0.0.3/24, gateway: 10.0.1.1, "
                       "link: a }\n"),
               Contains("lab.yaml:3: the gateway '10.0.1.1'"));
    CHECK_THAT(refusal("routers:\n  r: { config: /nonexistent.cfg }\n"),
               Equals("lab.yaml:2: /nonexistent.cfg: No such file or directory"));
    CHECK_THAT(refusal("routers:\n  r: { links: {} }\n"),
               Contains("lab.yaml:2: router 'r' needs 'config'"));
    CHECK_THAT(refusal("routers: [\n"), Contains("lab.yaml:"));
    CHECK_THAT(refusal("- a\n"), Contains("a lab is a map"));
    CHECK_THAT(refusal("links: {}\n"), Contains("neither a router nor a host"));
    CHECK_THAT(refusal(""), Contains("lab.yaml:1"));
}

TEST_CASE("durations") {
    CHECK(parse_duration("30s") == Duration{30s});
    CHECK(parse_duration("500ms") == Duration{500ms});
    CHECK(parse_duration("2m") == Duration{2min});
    CHECK(parse_duration("1h") == Duration{1h});
    CHECK(parse_duration("1.5") == Duration{1500ms});
    CHECK_FALSE(parse_duration("-1s"));
    CHECK_FALSE(parse_duration("s"));
    CHECK_FALSE(parse_duration("10d"));
}

}  // namespace viaduct::lab
