// Random configurations, made of what `?` offers: whatever can be typed is written so that it reads back the
// same, and what is refused changes nothing. The seed of a failure is in its message.
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "config/ios/parser.h"
#include "config/ios/table.h"

using namespace viaduct;

namespace {

/// One deterministic source of choices.
class Choices {
public:
    explicit Choices(std::uint32_t seed) : engine_(seed) {}

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(engine_() % n); }

    bool one_in(std::uint32_t n) { return below(n) == 0; }

    template <typename List>
    const auto& of(const List& list) {
        return list[below(static_cast<std::uint32_t>(std::size(list)))];
    }

private:
    std::mt19937 engine_;
};

const std::vector<std::string> kAddresses{"10.0.0.1",
                                          "10.1.2.0",
                                          "192.168.1.1",
                                          "172.16.0.9",
                                          "0.0.0.0",
                                          "255.255.255.0",
                                          "255.255.0.0",
                                          "255.255.255.255",
                                          "0.0.0.255",
                                          "0.255.255.255",
                                          "209.168.202.225",
                                          "10.0.0.130"};
const std::vector<std::string> kWords{"cisco",
                                      "101",
                                      "10",
                                      "mymap",
                                      "lan",
                                      "10.0.0.9",
                                      "x-y_z",
                                      "\"two words\"",
                                      "7",
                                      "A1",
                                      "default",
                                      "10.1.0.0/16",
                                      "/24",
                                      "local"};
const std::vector<std::string> kLines{"one",
                                      "two words",
                                      "local",
                                      "group radius local",
                                      "7 121A0C041104",
                                      "#text#",
                                      "10000 443",
                                      "any",
                                      "myset strong",
                                      "^Ca b^C"};

/// A token for what `?` showed.
std::string token_for(const std::string& word, Choices& choices) {
    if (word == "A.B.C.D") {
        return choices.of(kAddresses);
    }
    if (word == "WORD") {
        return choices.of(kWords);
    }
    if (word == "LINE") {
        return choices.of(kLines);
    }
    if (word == "H.H.H") {
        return "0200.0000.000" + std::to_string(choices.below(10));
    }
    if (word == "Hex-data") {
        return choices.one_in(2) ? "0011223344556677" : "0a0b0c0d0e0f1011";
    }
    if (word.starts_with('<')) {
        const auto dash = word.find('-');
        const auto low = std::stoull(word.substr(1, dash - 1));
        const auto high = std::stoull(word.substr(dash + 1));
        switch (choices.below(4)) {
        case 0:
            return std::to_string(low);
        case 1:
            return std::to_string(high);
        default:
            return std::to_string(low + choices.below(40) % (high - low + 1));
        }
    }
    // An interface's type needs its number.
    if (config::InterfaceName::parse(word + "0") && word[0] >= 'A' && word[0] <= 'Z') {
        return word + (word == "Tunnel" || word == "Loopback" || word == "Null"
                           ? std::to_string(choices.below(3))
                           : "0/" + std::to_string(choices.below(3)));
    }
    return word;
}

/// A line that grows as an operator's who presses `?` and takes one of the answers.
std::string random_line(const ios::ConfigSession& session, Choices& choices) {
    std::string line;
    for (int tokens = 0; tokens < 24; ++tokens) {
        const auto offers = session.complete(line);
        if (offers.empty()) {
            return line;
        }
        const auto& offer = choices.of(offers);
        if (offer.word == "<cr>") {
            return line;
        }
        if (offer.word == "end" || offer.word == "do") {
            continue;
        }
        line += token_for(offer.word, choices) + " ";
    }
    return line;
}

/// Which parts of two configurations differ, and for the commonest kinds of part which members.
std::string difference(const config::RunningConfig& a, const config::RunningConfig& b) {
    std::string out;
    const auto note = [&out](bool same, const std::string& what) { out += same ? "" : " " + what; };
    note(a.system == b.system, "system");
    note(a.system.logging == b.system.logging, "logging");
    note(a.system.lines == b.system.lines, "lines");
    note(a.system.users == b.system.users, "users");
    note(a.static_routes == b.static_routes, "static_routes");
    note(a.static_arp == b.static_arp, "static_arp");
    note(a.access_lists == b.access_lists, "access_lists");
    note(a.prefix_lists == b.prefix_lists, "prefix_lists");
    note(a.route_maps == b.route_maps, "route_maps");
    note(a.crypto == b.crypto, "crypto");
    note(a.crypto.keys == b.crypto.keys, "crypto.keys");
    note(a.crypto.profiles == b.crypto.profiles, "crypto.profiles");
    note(a.crypto.client_groups == b.crypto.client_groups, "crypto.client_groups");
    note(a.crypto.transform_sets == b.crypto.transform_sets, "crypto.transform_sets");
    note(a.crypto.maps == b.crypto.maps, "crypto.maps");
    note(a.crypto.dynamic_maps == b.crypto.dynamic_maps, "crypto.dynamic_maps");
    note(a.crypto.ezvpn_clients == b.crypto.ezvpn_clients, "crypto.ezvpn_clients");
    note(a.nat == b.nat, "nat");
    note(a.dhcp == b.dhcp, "dhcp");
    note(a.aaa == b.aaa, "aaa");
    note(a.address_pools == b.address_pools, "address_pools");
    note(a.eigrp == b.eigrp, "eigrp");
    note(a.key_chains == b.key_chains, "key_chains");
    note(a.kept == b.kept, "kept");
    for (const auto& [name, interface] : a.interfaces) {
        const auto other = b.interfaces.find(name);
        note(other != b.interfaces.end() && other->second == interface, name.to_string());
    }
    return out;
}

void type_lines(config::RunningConfig& config, Choices& choices, int count) {
    ios::ConfigSession session(config);
    for (int i = 0; i < count; ++i) {
        if (choices.one_in(4)) {
            const auto mode = static_cast<ios::Mode>(
                choices.below(static_cast<std::uint32_t>(ios::Mode::kCount)));
            const auto opener = mode == ios::Mode::interface && choices.one_in(2)
                                    ? "interface Tunnel0"
                                    : ios::mode_opener(mode);
            std::string_view rest = opener;
            while (!rest.empty()) {
                const auto end = std::min(rest.find('\n'), rest.size());
                static_cast<void>(session.execute(rest.substr(0, end)));
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
        const auto line = random_line(session, choices);
        INFO(line);
        const auto before = config;
        const auto done = session.execute(line);
        if (!done) {
            CHECK(done.error().kind != ios::SyntaxError::Kind::ambiguous);
            CHECK(config == before);
        }
        if (session.wants_text()) {
            for (const auto* end : {"^C", "#", "a", "o", "t", "l", "1", "7", "m", "g"}) {
                if (session.wants_text()) {
                    REQUIRE(session.execute(end));
                }
            }
        }
    }
}

}  // namespace

namespace {

/// As many configurations of 60 lines each.
constexpr std::uint32_t kSeeds = 500;

}  // namespace

TEST_CASE("property: what ? offers can be typed, and parse(write(model)) == model", "[property]") {
    unsigned failures = 0;
    for (std::uint32_t seed = 1; seed <= kSeeds && failures < 5; ++seed) {
        INFO("seed " << seed);
        Choices choices(seed);
        config::RunningConfig config;
        type_lines(config, choices, 60);
        const auto written = ios::write_config(config);
        const auto again = ios::load(written, "written");
        std::string refused;
        for (const auto& problem : again.problems) {
            refused +=
                problem.kind == ios::LineProblem::Kind::error ? ios::problem_text(problem) : "";
        }
        INFO("refused: " << refused << "\ndiffers:" << difference(config, again.config) << "\n"
                         << written);
        const bool same =
            again.ok() && again.config == config && ios::write_config(again.config) == written;
        CHECK(same);
        failures += same ? 0 : 1;
    }
}

TEST_CASE("property: no bytes make the parser fail", "[property]") {
    Choices choices(7);
    constexpr std::string_view kBytes = "abcdefgip 0123456789./\"'!?#^C\t\r\n{}[]<>|\x01\x80\xFF-";
    for (int round = 0; round < 300; ++round) {
        std::string text;
        for (int i = 0; i < 400; ++i) {
            text += kBytes[choices.below(static_cast<std::uint32_t>(kBytes.size()))];
        }
        const auto loaded = ios::load(text, "noise");
        REQUIRE(ios::load(ios::write_config(loaded.config), "written").ok());
    }
}
