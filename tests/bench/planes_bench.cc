// `viaduct bench latency | memory | workers` without the rest of viaduct: planes_bench latency …
#include <chrono>
#include <string_view>
#include <thread>

#include "controlplane/bench/latency_main.h"

namespace {

const viaduct::MachineTime kTime{
    [] { return viaduct::TimePoint{std::chrono::steady_clock::now().time_since_epoch()}; },
    [](viaduct::Duration wait) { std::this_thread::sleep_for(wait); }};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view word = argc > 1 ? argv[1] : "";
    if (word == "latency") {
        return viaduct::bench::latency_main(argc - 1, argv + 1, kTime);
    }
    if (word == "memory") {
        return viaduct::bench::memory_main(argc - 1, argv + 1, kTime);
    }
    return word == "workers" ? viaduct::bench::workers_main(argc - 1, argv + 1, kTime) : 2;
}
