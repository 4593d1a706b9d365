// `viaduct bench latency`, `viaduct bench memory` and `viaduct bench workers`.
#pragma once

namespace viaduct::bench {

/// argv[0] is the word "latency". The exit status of the process.
int latency_main(int argc, char** argv);
/// argv[0] is the word "memory".
int memory_main(int argc, char** argv);
/// argv[0] is the word "workers".
int workers_main(int argc, char** argv);

}  // namespace viaduct::bench
