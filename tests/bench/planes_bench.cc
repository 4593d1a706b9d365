// `viaduct bench latency | memory | workers` without the rest of viaduct: planes_bench latency …
#include <string_view>

#include "controlplane/bench/latency_main.h"

int main(int argc, char** argv) {
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (word == "latency") {
        return viaduct::bench::latency_main(argc - 1, argv + 1);
    }
    if (word == "memory") {
        return viaduct::bench::memory_main(argc - 1, argv + 1);
    }
    return word == "workers" ? viaduct::bench::workers_main(argc - 1, argv + 1) : 2;
}
