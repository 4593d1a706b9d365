// How fast address translation is on this machine: the real plane between ports that cost as little as ports can, one
// worker on the calling thread, inside to outside with port translation.
#pragma once

#include <cstdint>

#include "dataplane/base/machine_time.h"
#include "dataplane/bench.h"

namespace viaduct::dataplane {

struct NatBenchOptions {
    /// UDP conversations, each with an inside endpoint of its own; packets go to them in turn.
    std::uint32_t flows = 1024;
    std::uint16_t frame_bytes = 64;
    MachineTime time;
    double seconds = 1.0;  // of measured time, when all sessions are there
};

struct NatBenchResult {
    BenchResult packets;
    double sessions_per_second = 0;  // while they were made, by their first packets
    double bytes_per_session = 0;  // the process's growth while they were made
};

/// Errors: a packet was lost, or is not what it should be.
Result<NatBenchResult> run_nat_bench(const NatBenchOptions& options);

}  // namespace viaduct::dataplane
