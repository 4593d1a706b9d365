#include "controlplane/bench/ike_main.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "controlplane/bench/ike.h"

namespace viaduct::bench {

namespace {

using Kind = IkeBenchOptions::Kind;

struct Arguments {
    std::string kind = "both";
    std::vector<unsigned> groups{1, 2, 5, 14, 19};
    double seconds = 1;
    unsigned rounds = 1;
    unsigned parallel = 64;
    unsigned threads = 1;
    bool json = false;
};

std::string_view name_of(Kind kind) {
    return kind == Kind::site ? "main + quick" : "aggressive + XAUTH + Mode-Config + quick";
}

void print_row(const IkeBenchOptions& options, const IkeBenchResult& r) {
    fmt::print("{:<42}{:>6}{:>10.0f}{:>12.3f}{:>10.3f}{:>12.3f}{:>8}{:>9}\n",
               name_of(options.kind),
               static_cast<unsigned>(options.group),
               r.per_second,
               r.responder_ms,
               r.responder_control_ms,
               r.initiator_ms,
               r.failed,
               r.checked);
    (void)std::fflush(stdout);
}

void print_json(const IkeBenchOptions& options, const IkeBenchResult& r, bool first) {
    fmt::print(
        "{}{{\"exchange\":\"{}\",\"group\":{},\"per_second\":{:.1f},\"responder_cpu_ms\":{:.4f},"
        "\"responder_control_ms\":{:.4f},\"initiator_cpu_ms\":{:.4f},\"completed\":{},"
        "\"failed\":{},\"checked\":{},\"own_cores\":{}}}",
        first ? "" : ",\n",
        name_of(options.kind),
        static_cast<unsigned>(options.group),
        r.per_second,
        r.responder_ms,
        r.responder_control_ms,
        r.initiator_ms,
        r.completed,
        r.failed,
        r.checked,
        r.own_cores);
}

/// The median round by rate.
Result<IkeBenchResult> measure(const IkeBenchOptions& options, unsigned rounds) {
    std::vector<IkeBenchResult> results;
    for (unsigned i = 0; i < rounds; ++i) {
        auto result = run_ike_bench(options);
        if (!result) {
            return result;
        }
        results.push_back(*result);
    }
    std::ranges::sort(results, {}, &IkeBenchResult::per_second);
    return results[results.size() / 2];
}

int run(const Arguments& arguments, const MachineTime& time) {
    if (arguments.json) {
        fmt::print("[");
    } else {
        fmt::print("{:<42}{:>6}{:>10}{:>12}{:>10}{:>12}{:>8}{:>9}\n",
                   "exchange; CPU in ms of one set-up",
                   "group",
                   "set-ups/s",
                   "responder",
                   "control",
                   "initiator",
                   "failed",
                   "checked");
    }
    bool first = true;
    for (const auto kind : {Kind::site, Kind::login}) {
        if (arguments.kind == (kind == Kind::site ? "login" : "site")) {
            continue;
        }
        for (const auto number : arguments.groups) {
            IkeBenchOptions options;
            options.time = time;
            options.kind = kind;
            options.group = *crypto::group_by_number(number);
            options.seconds = arguments.seconds;
            options.parallel = arguments.parallel;
            options.offload_threads = arguments.threads;
            const auto result = measure(options, arguments.rounds);
            if (!result) {
                fmt::print(stderr, "viaduct bench: ike: {}\n", result.error().message);
                return 1;
            }
            if (arguments.json) {
                print_json(options, *result, first);
            } else {
                print_row(options, *result);
            }
            first = false;
        }
    }
    if (arguments.json) {
        fmt::print("]\n");
    }
    return 0;
}

}  // namespace

int ike_main(int argc, char** argv, const MachineTime& time) {
    CLI::App app{
        "Measures complete IKE set-ups a second: one engine answers, many call it, in process; "
        "each end "
        "has a core of its own with its Diffie-Hellman threads, if this process may use two."};
    app.name("viaduct bench ike");
    Arguments arguments;
    app.add_option(
           "--kind", arguments.kind, "site (main + quick) | login (aggressive + XAUTH …) | both")
        ->check(CLI::IsMember({"site", "login", "both"}));
    app.add_option("--group", arguments.groups, "Diffie-Hellman group; may be given again")
        ->check(CLI::IsMember({1, 2, 5, 14, 15, 16, 19, 20, 21}));
    app.add_option("--parallel", arguments.parallel, "set-ups under way at a time")
        ->check(CLI::Range(1, 900));
    app.add_option("--threads", arguments.threads, "Diffie-Hellman threads of each end")
        ->check(CLI::Range(1, 64));
    app.add_option("--seconds", arguments.seconds, "measured time of one round")
        ->check(CLI::Range(0.01, 60.0));
    app.add_option("--rounds", arguments.rounds, "rounds; the median is shown")
        ->check(CLI::Range(1, 1000));
    app.add_flag("--json", arguments.json, "as JSON");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(arguments, time);
}

}  // namespace viaduct::bench
