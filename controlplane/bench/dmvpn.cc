// The subcommand's arguments and its table; GRE with protection next to plain ESP by the dataplane's own bench.
#include "controlplane/bench/dmvpn.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/bench.h"
#include "dataplane/ports/eal.h"

namespace viaduct::bench {

namespace {

struct Line {
    std::string key;
    std::string text;
    double value = 0;
    std::string unit;
};

struct Pair {
    double esp = 0;
    double gre = 0;  // packets a second
    double share = 0;  // 0–1
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

/// Packets a second; 0 with the reason on stderr.
double packets_per_second(const dataplane::BenchOptions& options) {
    const auto result = dataplane::run_bench(options);
    if (!result) {
        fmt::print(stderr, "viaduct bench dmvpn: {}\n", result.error().message);
        return 0;
    }
    return result->packets_per_second;
}

/// Medians of short turns, one after the other: a machine whose speed swings is then the same for both.
Pair compare(const MachineTime& time,
             dataplane::BenchOptions::Path esp,
             dataplane::BenchOptions::Path gre,
             std::uint16_t bytes,
             double seconds) {
    constexpr int kTurns = 7;
    dataplane::BenchOptions options;
    options.frame_bytes = {bytes};
    options.seconds = seconds / kTurns;
    options.time = time;
    std::vector<double> esp_rates;
    std::vector<double> gre_rates;
    std::vector<double> shares;
    for (int turn = 0; turn < kTurns; ++turn) {
        options.path = esp;
        esp_rates.push_back(packets_per_second(options));
        options.path = gre;
        gre_rates.push_back(packets_per_second(options));
        shares.push_back(esp_rates.back() == 0 ? 0 : gre_rates.back() / esp_rates.back());
    }
    return {median(esp_rates), median(gre_rates), median(shares)};
}

void add_packets(std::vector<Line>& lines, const MachineTime& time, double seconds) {
    using Path = dataplane::BenchOptions::Path;
    for (const bool in : {false, true}) {
        const auto* way = in ? "in" : "out";
        for (const std::uint16_t bytes : {64, 512, 1400}) {
            const auto r = in ? compare(time, Path::esp_in, Path::gre_esp_in, bytes, seconds)
                              : compare(time, Path::esp_out, Path::gre_esp_out, bytes, seconds);
            lines.push_back({fmt::format("esp_{}_{}_mpps", way, bytes),
                             fmt::format("ESP alone, {}, {} B frames", way, bytes),
                             r.esp / 1e6,
                             "Mpps a core"});
            lines.push_back({fmt::format("gre_esp_{}_{}_mpps", way, bytes),
                             fmt::format("multipoint GRE and ESP, {}, {} B frames", way, bytes),
                             r.gre / 1e6,
                             "Mpps a core"});
            lines.push_back({fmt::format("gre_esp_{}_{}_share", way, bytes),
                             "    of plain ESP, in the same moment",
                             r.share * 100,
                             "%"});
        }
    }
}

void print(const std::vector<Line>& lines, bool json) {
    if (!json) {
        for (const auto& line : lines) {
            fmt::print("{:<64}{:>14.3f} {}\n", line.text, line.value, line.unit);
        }
        return;
    }
    fmt::print("{{");
    const char* comma = "";
    for (const auto& line : lines) {
        fmt::print("{}\"{}\":{:.6g}", comma, line.key, line.value);
        comma = ",";
    }
    fmt::print("}}\n");
}

}  // namespace

int dmvpn_main(int argc, char** argv, const MachineTime& time) {
    CLI::App app{"Measures what a DMVPN hub can do on this machine."};
    app.name("viaduct bench dmvpn");
    unsigned spokes = 1000;
    unsigned prefixes = 10;
    double seconds = 0.5;
    bool json = false;
    app.add_option("--spokes", spokes, "1-8000")->check(CLI::Range(1U, 8000U));
    app.add_option("--prefixes", prefixes, "of each spoke, 1-100")->check(CLI::Range(1U, 100U));
    app.add_option("--seconds", seconds, "of packets of one size and kind")
        ->check(CLI::Range(0.01, 60.0));
    app.add_flag("--json", json, "as JSON");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    dataplane::EalOptions eal;
    eal.memory_mb = 512;
    if (const auto started = dataplane::start_eal(eal); !started) {
        fmt::print(stderr, "viaduct bench dmvpn: {}\n", started.error().message);
        return 2;
    }
    std::vector<Line> lines;
    const auto registrations = measure_registrations(spokes);
    lines.push_back({"registrations_per_s",
                     fmt::format("NHRP registrations of {} new stations", spokes),
                     registrations.first_per_second,
                     "a second"});
    lines.push_back({"renewals_per_s",
                     "NHRP registrations renewed",
                     registrations.renewed_per_second,
                     "a second"});
    if (const auto resolution = measure_resolution()) {
        lines.push_back({"first_round_trip_ms",
                         "first packet, there by the hub and back (cloud: 5 ms)",
                         resolution->first_answer_ms,
                         "ms, virtual"});
        lines.push_back({"resolution_ms",
                         "first packet to the first direct one, IKE meanwhile",
                         resolution->direct_ms,
                         "ms, virtual"});
    }
    const auto convergence = measure_convergence(spokes, prefixes);
    const auto load = fmt::format("{} spokes × {} prefixes", spokes, prefixes);
    lines.push_back({"eigrp_down_s",
                     "EIGRP, hub link fails: routes gone, " + load,
                     convergence.down_virtual_s,
                     "s, virtual"});
    lines.push_back({"eigrp_down_cpu_s", "    the hub's work", convergence.down_cpu_s, "s, CPU"});
    lines.push_back({"eigrp_up_s",
                     "EIGRP, hub link back: all routes everywhere",
                     convergence.up_virtual_s,
                     "s, virtual"});
    lines.push_back({"eigrp_up_cpu_s", "    the hub's work", convergence.up_cpu_s, "s, CPU"});
    lines.push_back({"eigrp_packets",
                     "    the hub's packets",
                     static_cast<double>(convergence.packets),
                     "packets"});
    add_packets(lines, time, seconds);
    print(lines, json);
    return 0;
}

}  // namespace viaduct::bench
