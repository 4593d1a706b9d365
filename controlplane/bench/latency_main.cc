#include "controlplane/bench/latency_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/bench_latency.h"
#include "dataplane/bench_memory.h"
#include "dataplane/bench_workers.h"
#include "dataplane/ports/eal.h"

namespace viaduct::bench {

namespace {

using dataplane::Idle;
using dataplane::LatencyOptions;

bool start_dpdk() {
    dataplane::EalOptions eal;
    eal.memory_mb = 512;
    const auto started = dataplane::start_eal(eal);
    if (!started) {
        fmt::print(stderr, "viaduct bench: {}\n", started.error().message);
    }
    return started.has_value();
}

int print_latency(const char* name, const LatencyOptions& options) {
    const auto r = dataplane::run_latency_bench(options);
    if (!r) {
        fmt::print(stderr, "viaduct bench latency: {}: {}\n", name, r.error().message);
        return 1;
    }
    const auto print = [&](const char* what, const dataplane::Delays& d, const std::string& rest) {
        fmt::print("{:<30}{:>12.0f}{:>10}{:>9.1f}{:>9.1f}{:>9.1f}{:>9.1f}{}\n",
                   what,
                   r->offered,
                   d.packets,
                   d.p50,
                   d.p99,
                   d.p999,
                   d.most,
                   rest);
    };
    print(name, r->router, fmt::format("{:>9}{:>8.1f}", r->sleeps, r->busy * 100));
    print("    the ports alone, polled", r->bare, "");
    (void)std::fflush(stdout);
    return 0;
}

}  // namespace

int latency_main(int argc, char** argv, const MachineTime& time) {
    CLI::App app{
        "Measures the time that one worker adds to packets of 64 bytes, from when each is due to "
        "when it is "
        "sent: at half load with polling, and at 200 packets a second with adaptive idling, where "
        "each packet wakes a worker that sleeps. Below each row: the same ports polled without a "
        "router, which is what the machine itself does to a thread."};
    app.name("viaduct bench latency");
    double seconds = 1;
    double packets = 0;
    std::optional<unsigned> core;
    app.add_option("--seconds", seconds, "measured time of a row")->check(CLI::Range(0.05, 3600.0));
    app.add_option("--pps", packets, "polling: packets a second instead of half load")
        ->check(CLI::Range(1.0, 1e8));
    app.add_option("--core", core, "processor of the worker's thread");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (!start_dpdk()) {
        return 2;
    }
    fmt::print("{:<30}{:>12}{:>10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>8}\n",
               "microseconds, one worker",
               "packets/s",
               "packets",
               "p50",
               "p99",
               "p99.9",
               "max",
               "sleeps",
               "CPU %");
    LatencyOptions options;
    options.time = time;
    options.seconds = seconds;
    options.core = core;
    options.packets_per_second = packets;
    const int poll = print_latency(packets > 0 ? "poll" : "poll, half load", options);
    constexpr double kRare = 200;
    options.idle = Idle::adaptive;
    options.packets_per_second = kRare;
    const int adaptive = print_latency("adaptive, from sleep", options);
    return poll != 0 ? poll : adaptive;
}

int memory_main(int argc, char** argv, const MachineTime& time) {
    CLI::App app{"Measures what tables cost: resident memory of this process by what goes in."};
    app.name("viaduct bench memory");
    dataplane::MemoryBenchOptions options;
    options.time = time;
    app.add_option("--sas", options.sas, "SAs, 2-1000000")->check(CLI::Range(2, 1000000));
    app.add_option("--routes", options.routes, "prefixes, 1-4000000")
        ->check(CLI::Range(1, 4000000));
    app.add_option("--sessions", options.sessions, "NAT sessions, 1-4000000")
        ->check(CLI::Range(1, 4000000));
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (!start_dpdk()) {
        return 2;
    }
    const auto started = dataplane::resident_memory();
    const auto rows = dataplane::run_memory_bench(options);
    if (!rows) {
        fmt::print(stderr, "viaduct bench memory: {}\n", rows.error().message);
        return 1;
    }
    constexpr double kMega = 1e6;
    fmt::print("{:<30}{:>12}{:>12}{:>14}\n", "resident memory", "count", "MB", "bytes each");
    fmt::print("{:<30}{:>12}{:>12.1f}{:>14}\n",
               "process before",
               "",
               static_cast<double>(started) / kMega,
               "");
    for (const auto& row : *rows) {
        fmt::print("{:<30}{:>12}{:>12.1f}{:>14.0f}\n",
                   row.what,
                   row.count,
                   static_cast<double>(row.bytes) / kMega,
                   row.each());
    }
    return 0;
}

namespace {

struct WorkersRow {
    const char* name;
    std::uint32_t sas;
    std::uint16_t frame_bytes;
    bool one_queue;
};

/// Best of so many rounds; nullopt: told why not.
std::optional<double> best_of(unsigned rounds, const dataplane::WorkersBenchOptions& options) {
    double best = 0;
    for (unsigned i = 0; i < rounds; ++i) {
        const auto r = dataplane::run_workers_bench(options);
        if (!r) {
            fmt::print(stderr, "viaduct bench workers: {}\n", r.error().message);
            return std::nullopt;
        }
        best = std::max(best, *r);
    }
    return best;
}

}  // namespace

int workers_main(int argc, char** argv, const MachineTime& time) {
    CLI::App app{
        "Measures two workers on threads of their own against one: with a queue for each, as a NIC "
        "with RSS has, and with one queue that they share."};
    app.name("viaduct bench workers");
    double seconds = 0.3;
    unsigned rounds = 3;
    unsigned workers = 2;
    std::vector<unsigned> cores{0, 1};
    app.add_option("--seconds", seconds, "measured time of one round")
        ->check(CLI::Range(0.05, 3600.0));
    app.add_option("--rounds", rounds, "rounds; the best is shown")->check(CLI::Range(1, 1000));
    app.add_option("--workers", workers, "threads")->check(CLI::Range(2, 64));
    app.add_option("--cores", cores, "processors of the workers, in turn");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (!start_dpdk()) {
        return 2;
    }
    fmt::print("{:<44}{:>12}{:>12}{:>8}\n", "Mpps", "one worker", "several", "ratio");
    for (const auto& row : {WorkersRow{"forward 64 B, a queue each", 0, 64, false},
                            WorkersRow{"forward 64 B, one queue", 0, 64, true},
                            WorkersRow{"esp out gcm 64 B, 64 SAs, a queue each", 64, 64, false},
                            WorkersRow{"esp out gcm 64 B, one SA, a queue each", 1, 64, false},
                            WorkersRow{"esp out gcm 64 B, one SA, one queue", 1, 64, true},
                            WorkersRow{"esp out gcm 1420 B, one SA, one queue", 1, 1420, true}}) {
        dataplane::WorkersBenchOptions options;
        options.time = time;
        options.seconds = seconds;
        options.frame_bytes = row.frame_bytes;
        options.sas = row.sas;
        options.cores = cores;
        options.workers = options.queues = 1;
        const auto one = best_of(rounds, options);
        options.workers = workers;
        options.queues = row.one_queue ? 1 : workers;
        const auto several = best_of(rounds, options);
        if (!one || !several) {
            return 1;
        }
        fmt::print("{:<44}{:>12.2f}{:>12.2f}{:>8.2f}\n",
                   row.name,
                   *one / 1e6,
                   *several / 1e6,
                   *several / *one);
        (void)std::fflush(stdout);
    }
    return 0;
}

}  // namespace viaduct::bench
