// `viaduct bench dmvpn`: what a DMVPN hub can do on this machine.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/machine_time.h"

namespace viaduct::bench {

/// Registrations with one hub: NHRP's engine and its table, packets built beforehand.
struct Registrations {
    double first_per_second = 0;  // stations that were not known
    double renewed_per_second = 0;
};

Registrations measure_registrations(unsigned spokes);

/// Virtual milliseconds in a lab of real routers whose cloud delays by 5 ms.
struct Resolution {
    double first_answer_ms = 0;  // the first ping's round trip, by the hub
    double direct_ms =
        0;  // from the first packet to the first one that goes directly, SAs built meanwhile
};

std::optional<Resolution> measure_resolution();

/// The hub's tunnel fails and comes back. The spokes are played: they say hello, acknowledge, announce and answer
/// queries as the protocol wants, and cost next to nothing, so that the time is the hub's.
struct Convergence {
    double down_virtual_s = 0;  // until the hub has none of their routes
    double down_cpu_s = 0;
    double up_virtual_s =
        0;  // until it has all of them again, and all spokes have acknowledged all of its
    double up_cpu_s = 0;
    std::uint64_t packets = 0;  // the hub's, both ways
};

Convergence measure_convergence(unsigned spokes, unsigned prefixes);

int dmvpn_main(int argc, char** argv, const MachineTime& time);

}  // namespace viaduct::bench
