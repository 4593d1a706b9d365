// Several workers on threads of their own, against one: plain forwarding, and ESP out. Ports are prepared frames without end; either
// each worker has a queue (a NIC with RSS), or all share one (spread.h).
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/base/machine_time.h"
#include "dataplane/base/result.h"

namespace viaduct::dataplane {

struct WorkersBenchOptions {
    unsigned workers = 2;
    unsigned queues = 2;
    std::uint16_t frame_bytes = 64;
    std::uint32_t sas = 0;  // 0: forwarding; the packets go to them in turn (AES-128-GCM)
    MachineTime time;
    double seconds = 0.5;
    std::vector<unsigned> cores;  // of the workers, in turn
};

/// Packets a second that left. Errors: a packet was dropped.
Result<double> run_workers_bench(const WorkersBenchOptions& options);

}  // namespace viaduct::dataplane
