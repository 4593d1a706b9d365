// The lab of document 003 (config/examples/dmvpn) for tests: its configurations, with lines put in where a test says so,
// and a tap on the cloud that tells what the routers say to each other on the outside.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/has.h"
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

inline constexpr const char* kHub = "209.168.202.225";
inline constexpr const char* kSpoke3 = "209.168.202.131";
inline constexpr const char* kSpoke4 = "209.168.202.130";

/// Puts `lines` behind the line `after` of a router's configuration, which must be there.
inline void insert_lines(lab::Topology& topology,
                         std::string_view router,
                         std::string_view after,
                         std::string_view lines) {
    for (auto& spec : topology.routers) {
        if (spec.name == router) {
            const auto line = "\n" + std::string(after) + "\n";
            const auto at = spec.config_text.find(line);
            REQUIRE(at != std::string::npos);
            spec.config_text.insert(at + line.size(), lines);
        }
    }
}

/// What is seen on the cloud: packets by outer protocol, and ESP by its two ends.
struct CloudTap {
    std::uint64_t gre = 0;  // in the clear: must stay 0
    std::uint64_t esp = 0;
    std::uint64_t other = 0;  // neither ESP nor IKE
    std::string first_other;
    std::map<std::pair<std::string, std::string>, std::uint64_t> esp_between;
    std::map<std::pair<std::string, std::string>, std::uint64_t> large_esp_between;  // > 900 bytes
    std::map<std::pair<std::string, std::string>, std::uint64_t> any_between;

    explicit CloudTap(lab::Lab& lab, const char* link = "cloud") {
        lab.link(link).add_tap([this](TimePoint, BytesView frame) { look(frame); });
    }

    CloudTap(const CloudTap&) = delete;
    CloudTap& operator=(const CloudTap&) = delete;
    CloudTap(CloudTap&&) = delete;
    CloudTap& operator=(CloudTap&&) = delete;
    ~CloudTap() = default;

    void look(BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        if (!ethernet || ethernet->type != lab::kEtherTypeIpv4) {
            return;
        }
        const auto packet = lab::read_quoted_ipv4(ethernet->payload);
        if (!packet) {
            return;
        }
        const std::pair ends{packet->source.to_string(), packet->destination.to_string()};
        ++any_between[ends];
        if (packet->protocol == kProtoEsp) {
            ++esp;
            ++esp_between[ends];
            if (ethernet->payload.size() > 900) {
                ++large_esp_between[ends];
            }
        } else if (packet->protocol == kProtoGre) {
            ++gre;
        }
        if (packet->protocol != kProtoEsp && packet->protocol != kProtoUdp) {
            if (other++ == 0) {
                first_other = to_hex(
                    ethernet->payload.first(std::min<std::size_t>(60, ethernet->payload.size())));
            }
        }
    }

    /// Both ways.
    static std::uint64_t sum(
        const std::map<std::pair<std::string, std::string>, std::uint64_t>& counts,
        const char* one,
        const char* two) {
        const auto of = [&](const char* a, const char* b) {
            const auto it = counts.find({a, b});
            return it == counts.end() ? 0 : it->second;
        };
        return of(one, two) + of(two, one);
    }

    void forget() {
        esp_between.clear();
        large_esp_between.clear();
        any_between.clear();
    }
};

inline bool lossless(const std::string& ping) {
    return has(ping, " 0% packet loss");
}

inline std::size_t occurrences(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

/// Runs the clock until the command's output has the text. False: not within the time.
inline bool wait_for(
    lab::Lab& lab, const char* node, const char* command, std::string_view text, Duration within) {
    const auto until = lab.now() + within;
    while (!has(lab.ask(node, command), text)) {
        if (lab.now() >= until) {
            return false;
        }
        lab.run_for(1s);
    }
    return true;
}

/// Configuration lines typed into a router.
inline void configure(lab::Lab& lab, const char* router, const std::vector<std::string>& lines) {
    lab.ask(router, "configure terminal");
    for (const auto& line : lines) {
        const auto out = lab.ask(router, line);
        INFO(router << ": " << line << ": " << out);
        CHECK_FALSE(has(out, "% Invalid"));
    }
    lab.ask(router, "end");
}

/// All EIGRP routes of the document are there.
inline bool converged(lab::Lab& lab) {
    const auto hub = lab.ask("sv9-2", "show ip route");
    return has(hub, "2.2.2.0/24 [90/") && has(hub, "3.3.3.0/24 [90/") &&
           has(lab.ask("sv9-3", "show ip route"), "1.1.1.0/24 [90/") &&
           has(lab.ask("sv9-4", "show ip route"), "1.1.1.0/24 [90/");
}

/// The document's lab a minute after power-on, with all its routes.
inline std::unique_ptr<lab::Lab> running_lab(std::uint64_t seed = 1) {
    lab::LabOptions options;
    options.seed = seed;
    auto lab = make_lab(example("dmvpn"), options);
    lab->run_for(60s);
    REQUIRE(converged(*lab));
    return lab;
}

inline bool wait_converged(lab::Lab& lab, Duration within) {
    const auto until = lab.now() + within;
    while (!converged(lab)) {
        if (lab.now() >= until) {
            return false;
        }
        lab.run_for(1s);
    }
    return true;
}

}  // namespace viaduct::sim
