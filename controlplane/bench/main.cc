// `viaduct bench`: measured speed of this machine, in process: the real plane, stages and tables between ports that
// cost as little as ports can. What is printed is what was measured; packets are checked at the end.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/bench/dmvpn.h"
#include "controlplane/bench/ike_main.h"
#include "controlplane/bench/latency_main.h"
#include "controlplane/console/subcommands.h"
#include "dataplane/bench.h"
#include "dataplane/bench_nat.h"
#include "dataplane/ports/eal.h"

namespace viaduct {

namespace {

using dataplane::BenchOptions;
using dataplane::BenchResult;

const std::vector<std::uint16_t> kImix{64, 64, 576, 64, 64, 576, 64, 576, 64, 576, 64, 1420};

struct Arguments {
    std::string path = "forward";
    std::vector<std::string> sizes{"64", "imix", "1420"};
    std::uint32_t routes = 1000;
    std::uint32_t entries = 1;
    std::vector<std::uint32_t> flows;
    std::string cipher = "gcm";
    std::string direction = "both";
    bool udp = false;
    bool no_replay = false;
    bool dynamic = false;
    MachineTime time;
    double seconds = 1;
    unsigned rounds = 3;
    bool json = false;
    bool stages = false;
};

struct Row {
    std::string name;
    BenchOptions options;
    std::optional<dataplane::NatBenchOptions> nat;  // instead
    double sessions_per_second = 0;
    double bytes_per_session = 0;
};

std::vector<std::uint16_t> frames_of(const std::string& size) {
    if (size == "imix") {
        return kImix;
    }
    return {static_cast<std::uint16_t>(std::stoul(size))};
}

void set_cipher(const std::string& word, BenchOptions& options) {
    if (word == "cbc") {
        options.cipher = crypto::Cipher::aes_cbc_128;
        options.auth = crypto::Auth::hmac_sha1_96;
    } else if (word == "3des") {
        options.cipher = crypto::Cipher::tdes_cbc;
        options.auth = crypto::Auth::hmac_md5_96;
    } else if (word == "gcm256") {
        options.cipher = crypto::Cipher::aes_gcm_256;
    }
}

std::vector<Row> nat_rows_of(const Arguments& arguments) {
    std::vector<Row> rows;
    auto flows = arguments.flows;
    if (flows.empty()) {
        flows = {1024, 65536, 1000000};
    }
    for (const auto count : flows) {
        Row row;
        row.name = fmt::format("nat {} flows 64 B", count);
        row.nat.emplace();
        row.nat->flows = count;
        row.nat->seconds = arguments.seconds;
        row.nat->time = arguments.time;
        rows.push_back(std::move(row));
    }
    return rows;
}

/// One round of a row.
Result<BenchResult> run_row(Row& row) {
    if (!row.nat) {
        return dataplane::run_bench(row.options);
    }
    auto result = dataplane::run_nat_bench(*row.nat);
    if (!result) {
        return tl::unexpected(result.error());
    }
    row.sessions_per_second = std::max(row.sessions_per_second, result->sessions_per_second);
    row.bytes_per_session = std::max(row.bytes_per_session, result->bytes_per_session);
    return std::move(result->packets);
}

std::vector<Row> rows_of(const Arguments& arguments) {
    using Path = BenchOptions::Path;
    if (arguments.path == "nat") {
        return nat_rows_of(arguments);
    }
    std::vector<std::pair<std::string, Path>> paths;
    if (arguments.path == "ports") {
        paths.emplace_back("ports alone", Path::ports);
    } else if (arguments.path == "forward") {
        paths.emplace_back("forward", Path::forward);
    } else if (arguments.path == "acl") {
        paths.emplace_back("forward with access list", Path::forward_acl);
    } else if (arguments.path == "gre") {
        if (arguments.direction != "in") {
            paths.emplace_back("gre out", Path::gre_out);
            paths.emplace_back("gre out, protected", Path::gre_esp_out);
        }
        if (arguments.direction != "out") {
            paths.emplace_back("gre in", Path::gre_in);
            paths.emplace_back("gre in, protected", Path::gre_esp_in);
        }
    } else {
        if (arguments.direction != "in") {
            paths.emplace_back("esp out", Path::esp_out);
        }
        if (arguments.direction != "out") {
            paths.emplace_back("esp in", Path::esp_in);
        }
    }
    std::vector<Row> rows;
    for (const auto& [name, path] : paths) {
        for (const auto& size : arguments.sizes) {
            Row row;
            row.name = fmt::format("{} {}", name, size == "imix" ? "IMIX" : size + " B");
            row.options.path = path;
            row.options.frame_bytes = frames_of(size);
            row.options.seconds = arguments.seconds;
            row.options.time = arguments.time;
            row.options.routes = arguments.routes;
            row.options.entries = arguments.entries;
            row.options.udp = arguments.udp;
            row.options.dynamic = arguments.dynamic;
            row.options.replay_window = arguments.no_replay ? std::uint16_t{0} : std::uint16_t{64};
            set_cipher(arguments.cipher, row.options);
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

void print_json(const Row& row, const BenchResult& median, double least, double most, bool first) {
    fmt::print(
        "{}{{\"path\":\"{}\",\"mpps\":{:.3f},\"mpps_min\":{:.3f},\"mpps_max\":{:.3f},\"gbit_s\":{:."
        "3f},"
        "\"cycles_per_packet\":{:.1f},\"lost\":{},\"checked\":{},\"sessions_per_second\":{:.0f},"
        "\"bytes_"
        "per_session\":{:.0f},\"code_path\":\"{}\",\"stages\":[",
        first ? "" : ",\n",
        row.name,
        median.packets_per_second / 1e6,
        least / 1e6,
        most / 1e6,
        median.gigabits_per_second,
        median.cycles_per_packet,
        median.lost,
        median.checked,
        row.sessions_per_second,
        row.bytes_per_session,
        median.cipher_path);
    const char* comma = "";
    for (const auto& stage : median.stages) {
        fmt::print("{}{{\"stage\":\"{}\",\"cycles_per_packet\":{:.1f},\"share\":{:.4f}}}",
                   comma,
                   stage.stage,
                   stage.cycles_per_packet,
                   stage.share);
        comma = ",";
    }
    fmt::print("]}}");
}

void print_row(const Row& row, const BenchResult& median, double least, double most, bool stages) {
    fmt::print("{:<34}{:>9.2f}{:>9.2f}{:>9.2f}{:>9.1f}{:>11.1f}{:>7}{:>9}\n",
               row.name,
               median.packets_per_second / 1e6,
               least / 1e6,
               most / 1e6,
               median.gigabits_per_second,
               median.cycles_per_packet,
               median.lost,
               median.checked);
    if (row.nat) {
        fmt::print("    {:.2f} million new sessions/s, {:.0f} bytes a session\n",
                   row.sessions_per_second / 1e6,
                   row.bytes_per_session);
    }
    if (stages) {
        for (const auto& stage : median.stages) {
            fmt::print("    {:<20}{:>10.1f} cycles/packet{:>8.1f} %\n",
                       stage.stage,
                       stage.cycles_per_packet,
                       stage.share * 100);
        }
    }
    (void)std::fflush(stdout);
}

int run(const Arguments& arguments) {
    dataplane::EalOptions eal;
    eal.memory_mb = 512;
    if (const auto started = dataplane::start_eal(eal); !started) {
        fmt::print(stderr, "viaduct bench: {}\n", started.error().message);
        return 2;
    }
    if (arguments.json) {
        fmt::print("[");
    } else {
        fmt::print("{:<34}{:>9}{:>9}{:>9}{:>9}{:>11}{:>7}{:>9}\n",
                   "path, one worker",
                   "Mpps",
                   "min",
                   "max",
                   "Gbit/s",
                   "cycles/pkt",
                   "lost",
                   "checked");
    }
    bool first = true;
    for (auto& row : rows_of(arguments)) {
        std::vector<BenchResult> results;
        for (unsigned round = 0; round < arguments.rounds; ++round) {
            auto result = run_row(row);
            if (!result) {
                fmt::print(stderr, "viaduct bench: {}: {}\n", row.name, result.error().message);
                return 1;
            }
            results.push_back(std::move(*result));
        }
        std::sort(results.begin(), results.end(), [](const BenchResult& a, const BenchResult& b) {
            return a.packets_per_second < b.packets_per_second;
        });
        const auto& median = results[results.size() / 2];
        const auto least = results.front().packets_per_second;
        const auto most = results.back().packets_per_second;
        if (arguments.json) {
            print_json(row, median, least, most, first);
        } else {
            print_row(row, median, least, most, arguments.stages);
        }
        first = false;
    }
    if (arguments.json) {
        fmt::print("]\n");
    }
    return 0;
}

}  // namespace

int bench_main(int argc, char** argv, const MachineTime& time) {
    if (argc > 1 && std::string_view(argv[1]) == "ike") {
        return bench::ike_main(argc - 1, argv + 1, time);
    }
    if (argc > 1 && std::string_view(argv[1]) == "dmvpn") {
        return bench::dmvpn_main(argc - 1, argv + 1, time);
    }
    if (argc > 1 && std::string_view(argv[1]) == "latency") {
        return bench::latency_main(argc - 1, argv + 1, time);
    }
    if (argc > 1 && std::string_view(argv[1]) == "memory") {
        return bench::memory_main(argc - 1, argv + 1, time);
    }
    if (argc > 1 && std::string_view(argv[1]) == "workers") {
        return bench::workers_main(argc - 1, argv + 1, time);
    }
    CLI::App app{
        "Measures packets a second and cycles a packet of this machine, in process, one worker on "
        "one core."};
    app.name("viaduct bench");
    Arguments arguments;
    arguments.time = time;
    app.add_option("path",
                   arguments.path,
                   "ports | forward | acl | esp | gre | nat; ike, dmvpn, latency, memory and "
                   "workers have options of their own: "
                   "viaduct bench ike --help")
        ->required()
        ->check(CLI::IsMember({"ports", "forward", "acl", "esp", "gre", "nat"}));
    app.add_option("--size", arguments.sizes, "frame bytes (60-9000) or imix; may be given again");
    app.add_option("--routes", arguments.routes, "forward: prefixes, 1-1000000")
        ->check(CLI::Range(1, 1000000));
    app.add_option("--entries", arguments.entries, "SAs or access-list lines, 1-100000")
        ->check(CLI::Range(1, 100000));
    app.add_option("--flows", arguments.flows, "nat: conversations, 1-4000000; may be given again")
        ->check(CLI::Range(1, 4000000));
    app.add_option("--cipher", arguments.cipher, "gcm | gcm256 | cbc | 3des")
        ->check(CLI::IsMember({"gcm", "gcm256", "cbc", "3des"}));
    app.add_option("--direction", arguments.direction, "esp, gre: in | out | both")
        ->check(CLI::IsMember({"in", "out", "both"}));
    app.add_flag("--udp", arguments.udp, "esp: in UDP 4500");
    app.add_flag("--no-replay", arguments.no_replay, "esp in: no replay window");
    app.add_flag("--dynamic", arguments.dynamic, "esp: entries are flows of a dynamic map");
    app.add_option("--seconds", arguments.seconds, "measured time of one round")
        ->check(CLI::Range(0.01, 3600.0));
    app.add_option("--rounds", arguments.rounds, "rounds; the median is shown")
        ->check(CLI::Range(1, 1000));
    app.add_flag("--json", arguments.json, "as JSON, with cycles per stage");
    app.add_flag("--stages", arguments.stages, "cycles per stage");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    for (const auto& size : arguments.sizes) {
        const bool number = !size.empty() &&
                            size.find_first_not_of("0123456789") == std::string::npos &&
                            size.size() < 5;
        if (size != "imix" && (!number || std::stoul(size) < 60 || std::stoul(size) > 9000)) {
            fmt::print(stderr, "viaduct bench: --size {}: 60-9000 or imix\n", size);
            return 2;
        }
    }
    return run(arguments);
}

}  // namespace viaduct
