// Labs of gateways that discover each other: routers from the lines in which they differ, two hosts or more.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/has.h"
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

inline std::size_t occurrences(const std::string& text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++count;
    }
    return count;
}

inline bool lossless(const std::string& ping) {
    return has(ping, " 0% packet loss");
}

/// What all gateways have in common, as in document 002.
inline std::string gateway_config(const std::string& name, const std::string& lines) {
    return "hostname " + name + R"(
crypto isakmp policy 10
 authentication pre-share
crypto isakmp key abc123 address 0.0.0.0 0.0.0.0
crypto ipsec transform-set ted-transforms esp-des esp-md5-hmac
crypto dynamic-map ted-map 10
 set transform-set ted-transforms
 match address 101
crypto map tedtag 10 ipsec-isakmp dynamic ted-map discover
)" + lines +
           "end\n";
}

using Ports = std::vector<std::pair<std::string, std::string>>;

inline lab::RouterSpec router_spec(const std::string& name,
                                   const std::string& config,
                                   const Ports& ports) {
    lab::RouterSpec out;
    out.name = name;
    out.config_file = name + ".cfg";
    out.config_text = config;
    for (const auto& [interface, link] : ports) {
        out.ports.push_back({*config::InterfaceName::parse(interface), link});
    }
    return out;
}

inline lab::HostSpec host_spec(const std::string& name,
                               const std::string& address,
                               const std::string& gateway,
                               const std::string& link) {
    return {name, {*Ipv4Address::parse(address), 24, *Ipv4Address::parse(gateway)}, link};
}

inline lab::LinkSpec link_spec(const std::string& name, Duration delay = 5ms) {
    lab::LinkSpec out{name, {}};
    out.parameters.delay = delay;
    return out;
}

/// Document 002's two gateways with `a` and `b` as their own lines (access list 101 among them), and the links and
/// hosts of config/examples/ted.
inline lab::Topology two_gateways(const std::string& a, const std::string& b) {
    const auto lines = [](const std::string& outside,
                          const std::string& inside,
                          const std::string& next,
                          const std::string& own) {
        return "interface FastEthernet0/0\n ip address " + outside +
               " 255.255.255.0\n crypto map tedtag\ninterface FastEthernet0/1\n ip address " +
               inside + " 255.255.255.0\nip route 0.0.0.0 0.0.0.0 " + next + "\n" + own;
    };
    lab::Topology out;
    out.routers.push_back(
        router_spec("Daphne",
                    gateway_config("Daphne", lines("11.11.11.1", "13.13.13.13", "11.11.11.2", a)),
                    {{"FastEthernet0/0", "middle"}, {"FastEthernet0/1", "lan-daphne"}}));
    out.routers.push_back(
        router_spec("fred",
                    gateway_config("fred", lines("11.11.11.2", "12.12.12.12", "11.11.11.1", b)),
                    {{"FastEthernet0/0", "middle"}, {"FastEthernet0/1", "lan-fred"}}));
    out.hosts.push_back(host_spec("pc-daphne", "13.13.13.4", "13.13.13.13", "lan-daphne"));
    out.hosts.push_back(host_spec("pc-daphne5", "13.13.13.5", "13.13.13.13", "lan-daphne"));
    out.hosts.push_back(host_spec("pc-daphne200", "13.13.13.200", "13.13.13.13", "lan-daphne"));
    out.hosts.push_back(host_spec("pc-fred", "12.12.12.13", "12.12.12.12", "lan-fred"));
    out.links = {link_spec("lan-daphne", 0ms), link_spec("lan-fred", 0ms), link_spec("middle")};
    return out;
}

inline constexpr const char* kDaphneToFred =
    "access-list 101 permit ip 13.13.13.0 0.0.0.255 12.12.12.0 0.0.0.255\n";
inline constexpr const char* kFredToDaphne =
    "access-list 101 permit ip 12.12.12.0 0.0.0.255 13.13.13.0 0.0.0.255\n";

inline std::unique_ptr<lab::Lab> started(const lab::Topology& topology, std::uint64_t seed = 1) {
    lab::LabOptions options;
    options.seed = seed;
    auto lab = make_lab(topology, options);
    INFO(lab->problems());
    REQUIRE(lab->problems().find("detected at '^' marker") == std::string::npos);
    lab->run_for(2s);
    return lab;
}

/// A counter of `show crypto isakmp stats`.
inline std::uint64_t counter(lab::Lab& lab, const char* router, const std::string& name) {
    const auto text = lab.ask(router, "show crypto isakmp stats");
    const auto at = text.find("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    return std::stoull(text.substr(at + name.size() + 1));
}

/// Number of ISAKMP SAs that stand, and of pairs of IPsec SAs.
inline std::size_t isakmp_sas(lab::Lab& lab, const char* router) {
    return occurrences(lab.ask(router, "show crypto isakmp sa"), "QM_IDLE");
}

inline std::uint64_t ipsec_pairs(lab::Lab& lab, const char* router) {
    return counter(lab, router, "ipsec_pairs_now");
}

/// Seconds of virtual time until pings go through, at most `limit`.
inline int seconds_until_answer(lab::Lab& lab, const char* from, const char* to, int limit) {
    const auto start = lab.now();
    while (lab.now() - start < std::chrono::seconds{limit}) {
        if (lossless(lab.ask(from, std::string("ping ") + to + " count 1"))) {
            break;
        }
        lab.run_for(1s);
    }
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::seconds>(lab.now() - start).count());
}

/// What a link carries: discovery messages, other ISAKMP, ESP, and the rest between two networks in the clear.
struct TedTap {
    TedTap(lab::Lab& lab, const char* link) {
        lab.link(link).add_tap([this](TimePoint, BytesView frame) { look(frame); });
    }

    void look(BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        if (!ethernet || ethernet->type != lab::kEtherTypeIpv4) {
            return;
        }
        const auto packet = lab::read_quoted_ipv4(ethernet->payload);
        if (!packet) {
            return;
        }
        if (packet->protocol == kProtoEsp) {
            ++esp;
            return;
        }
        constexpr std::size_t kExchangeAt = 8 + 18;
        if (packet->protocol == kProtoUdp && packet->payload.size() > kExchangeAt) {
            ByteReader ports(packet->payload);
            ports.skip(2);
            if (ports.u16() == 500) {
                const auto exchange = packet->payload[kExchangeAt];
                auto& list = exchange == 240 ? probes : exchange == 241 ? replies : others;
                list.emplace_back(packet->payload.begin(), packet->payload.end());
                if (exchange == 4) {
                    ++aggressive;
                }
                return;
            }
        }
        ++clear;
    }

    std::vector<Bytes> probes;  // UDP header and message
    std::vector<Bytes> replies;
    std::vector<Bytes> others;
    std::size_t aggressive = 0;
    std::size_t esp = 0;
    std::size_t clear = 0;
};

}  // namespace viaduct::sim
