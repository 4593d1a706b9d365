// How much time a router adds to a packet: the real plane, stages and worker thread (worker_thread.h) with its real way of
// idling, between a port that hands out each packet when it is due and one that looks at the clock when it is sent.
//
// A packet is due at a moment of a fixed schedule, whether the worker looks then or not; what is measured is from there to
// transmit(): waiting to be polled, the vector it is in, and the pipeline. A worker that was away (asleep, or
// pre-empted) finds a backlog, and its packets carry the delay. What the machine does to a thread that polls is measured
// beside it: the same two ports on the same schedule in a bare loop on the same core, before and after the router.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/machine_time.h"
#include "dataplane/base/result.h"
#include "dataplane/worker_thread.h"

namespace viaduct::dataplane {

struct LatencyOptions {
    MachineTime time;
    double seconds = 1;
    Idle idle = Idle::poll;
    /// Packets a second of 64 bytes; 0: half of what one worker was measured to carry between these ports, here and now.
    double packets_per_second = 0;
    std::optional<unsigned> core;
};

/// Microseconds.
struct Delays {
    std::uint64_t packets = 0;
    double p50 = 0;
    double p99 = 0;
    double p999 = 0;
    double most = 0;
};

struct LatencyResult {
    double offered = 0;  // packets per second
    double full_load = 0;  // the same at full load; 0: was not measured
    Delays router;
    Delays bare;  // the ports alone, polled: what no router on this machine would be better than
    std::uint64_t sleeps = 0;
    double busy = 0;  // processor time of the worker's thread, 0–1
};

Result<LatencyResult> run_latency_bench(const LatencyOptions& options);

}  // namespace viaduct::dataplane
