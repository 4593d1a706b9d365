// Labs of real routers for end-to-end tests: the ready labs of config/examples, and taps that look into links.
#pragma once

#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "controlplane/lab/host/wire.h"
#include "controlplane/lab/lab.h"
#include "controlplane/lab/script.h"

namespace viaduct::sim {

inline constexpr unsigned kIcmpHeaders = 28;  // IPv4 and ICMP of an echo request

inline std::string example_file(const std::string& example, const std::string& file) {
    return std::string(VIADUCT_SOURCE_ROOT "/config/examples/") + example + "/" + file;
}

inline std::unique_ptr<lab::Lab> make_lab(const lab::Topology& topology,
                                          const lab::LabOptions& options = {}) {
    auto made = lab::Lab::create(topology, options, lab::make_router_factory());
    if (!made) {
        FAIL(made.error().message);
    }
    return std::move(*made);
}

/// A port of a router as a lab file names it: the interface, and the link on which it stands.
inline lab::PortSpec port(const char* name, const char* link) {
    return {*config::InterfaceName::parse(name), link};
}

/// Replaces the first place where `what` stands, which must be there.
inline void replace(std::string& text, std::string_view what, std::string_view by) {
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    text.replace(at, what.size(), by);
}

inline lab::Topology example(const std::string& name) {
    auto topology = lab::read_topology(example_file(name, "lab.yaml"));
    if (!topology) {
        FAIL(topology.error().message);
    }
    return std::move(*topology);
}

/// Runs a script and returns the message of its end: empty if all expectations were met. The transcript is shown when a
/// check fails.
inline std::string run_script(lab::Lab& lab,
                              std::string_view text,
                              const std::string& name,
                              std::string& transcript) {
    const auto script = lab::parse_script(text, name, lab);
    if (!script) {
        return script.error().message;
    }
    std::ostringstream out;
    const auto end = lab::run_script(lab, *script, out);
    transcript = out.str();
    return end.message;
}

/// Every IPv4 packet of a link is counted: encrypted, negotiation, or in the clear.
struct ClearCount {
    std::uint64_t esp = 0;
    std::uint64_t ike = 0;
    std::uint64_t clear = 0;
    std::string first_clear;

    void look(BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        if (!ethernet || ethernet->type != lab::kEtherTypeIpv4) {
            return;
        }
        const auto packet = lab::read_quoted_ipv4(ethernet->payload);
        if (packet && packet->protocol == kProtoEsp) {
            ++esp;
            return;
        }
        if (packet && packet->protocol == kProtoUdp && packet->payload.size() >= 4) {
            ByteReader ports(packet->payload);
            const auto source = ports.u16();
            const auto destination = ports.u16();
            const auto is_ike = [](std::uint16_t port) { return port == 500 || port == 4500; };
            if (is_ike(source) || is_ike(destination)) {
                ++ike;
                return;
            }
        }
        if (clear++ == 0) {
            first_clear = to_hex(
                ethernet->payload.first(std::min<std::size_t>(40, ethernet->payload.size())));
        }
    }
};

}  // namespace viaduct::sim
