// DPDK's environment: started once a process, and the one pool of packet buffers.
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace viaduct::dataplane {

struct EalOptions {
    bool hugepages = false;
    unsigned memory_mb = 256;  // without hugepages: locked nowhere, touched as used
    unsigned buffers = 32768;  // packet buffers
    unsigned buffer_bytes =
        2048 + 128;  // data room of one buffer; larger frames are chained or refused
    bool load_drivers = false;  // DPDK's PMDs; labs and tests do without
    std::vector<std::string> extra;  // further EAL arguments
};

/// Starts DPDK once a process (later calls with the same needs are no-ops). No fixed file names: several
/// processes side by side do not meet.
Result<void> start_eal(const EalOptions& options);

/// A thread of our own that drives a worker tells DPDK of itself, and has packet buffers at hand then.
void register_worker_thread();
void unregister_worker_thread();

}  // namespace viaduct::dataplane
