// `viaduct bench latency`, `viaduct bench memory` and `viaduct bench workers`.
#pragma once

#include "dataplane/base/machine_time.h"

namespace viaduct::bench {

/// argv[0] is the word "latency". The exit status of the process.
int latency_main(int argc, char** argv, const MachineTime& time);
/// argv[0] is the word "memory".
int memory_main(int argc, char** argv, const MachineTime& time);
/// argv[0] is the word "workers".
int workers_main(int argc, char** argv, const MachineTime& time);

}  // namespace viaduct::bench
