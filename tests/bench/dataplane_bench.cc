// dataplane_bench [SECONDS [ROUNDS [NAME]]]: the paths of the issue on speed, in process, as a table: the best
// of ROUNDS runs of SECONDS each. NAME: only rows whose name contains it; with it, cycles per stage.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <string>

#include "dataplane/bench.h"
#include "dataplane/ports/eal.h"

namespace {

using viaduct::crypto::Auth;
using viaduct::crypto::Cipher;
using viaduct::dataplane::BenchOptions;
using viaduct::dataplane::BenchResult;

struct Row {
    std::string name;
    BenchOptions options;
};

const std::vector<std::uint16_t> kImix{64, 64, 576, 64, 64, 576, 64, 576, 64, 576, 64, 1420};

std::vector<Row> rows() {
    using Path = BenchOptions::Path;
    std::vector<Row> out;
    const auto add =
        [&out](std::string name, Path path, std::vector<std::uint16_t> sizes, auto&& change) {
            BenchOptions o;
            o.path = path;
            o.frame_bytes = std::move(sizes);
            change(o);
            out.push_back({std::move(name), o});
        };
    const auto nothing = [](BenchOptions&) {};
    const auto thousand = [](BenchOptions& o) { o.entries = 1000; };
    const auto cbc = [](BenchOptions& o) {
        o.cipher = Cipher::aes_cbc_128;
        o.auth = Auth::hmac_sha1_96;
    };
    const auto cbc_thousand = [](BenchOptions& o) {
        o.cipher = Cipher::aes_cbc_128;
        o.auth = Auth::hmac_sha1_96;
        o.entries = 1000;
    };
    const auto udp = [](BenchOptions& o) { o.udp = true; };
    const auto all_sizes = [&](const std::string& name, Path path, auto&& change) {
        add(name + " 64 B", path, {64}, change);
        add(name + " IMIX", path, kImix, change);
        add(name + " 1420 B", path, {1420}, change);
    };
    all_sizes("ports alone", Path::ports, nothing);
    all_sizes("forward 1000 routes", Path::forward, nothing);
    add("forward 1000000 routes 64 B", Path::forward, {64}, [](BenchOptions& o) {
        o.routes = 1000000;
    });
    add("forward acl 1 line 64 B", Path::forward_acl, {64}, nothing);
    add("forward acl 1000 lines 64 B", Path::forward_acl, {64}, thousand);
    all_sizes("esp out gcm 1 SA", Path::esp_out, nothing);
    add("esp out gcm 1000 SAs 64 B", Path::esp_out, {64}, thousand);
    add("esp out gcm 1000 SAs IMIX", Path::esp_out, kImix, thousand);
    add("esp out gcm 100000 flows 64 B", Path::esp_out, {64}, [](BenchOptions& o) {
        o.entries = 100000;
        o.dynamic = true;
    });
    all_sizes("esp out cbc+sha1 1 SA", Path::esp_out, cbc);
    add("esp out cbc+sha1 1000 SAs 64 B", Path::esp_out, {64}, cbc_thousand);
    add("esp out cbc+sha1 1000 SAs IMIX", Path::esp_out, kImix, cbc_thousand);
    all_sizes("esp in gcm 1 SA", Path::esp_in, nothing);
    add("esp in gcm 1000 SAs 64 B", Path::esp_in, {64}, thousand);
    add("esp in gcm 1000 SAs IMIX", Path::esp_in, kImix, thousand);
    all_sizes("esp in cbc+sha1 1 SA", Path::esp_in, cbc);
    add("esp in cbc+sha1 1000 SAs 64 B", Path::esp_in, {64}, cbc_thousand);
    add("esp in cbc+sha1 1000 SAs IMIX", Path::esp_in, kImix, cbc_thousand);
    all_sizes("esp in udp gcm out", Path::esp_out, udp);
    all_sizes("gre+esp gcm", Path::gre_esp_out, nothing);
    all_sizes("gre", Path::gre_out, nothing);
    return out;
}

void print_stages(const BenchResult& r) {
    for (const auto& s : r.stages) {
        fmt::print("    {:<18}{:>10.1f} cycles/packet{:>7.1f} %{:>9.1f} packets/vector\n",
                   s.stage,
                   s.cycles_per_packet,
                   s.share * 100,
                   static_cast<double>(s.packets) / static_cast<double>(s.vectors));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 0.2;
    const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
    const std::string only = argc > 3 ? argv[3] : "";
    viaduct::dataplane::EalOptions eal;
    eal.memory_mb = 512;
    if (const auto started = viaduct::dataplane::start_eal(eal); !started) {
        fmt::print(stderr, "{}\n", started.error().message);
        return 1;
    }
    fmt::print("{:<36}{:>9}{:>9}{:>12}{:>9}\n", "path", "Mpps", "Gbit/s", "cycles/pkt", "checked");
    for (const auto& row : rows()) {
        if (row.name.find(only) == std::string::npos) {
            continue;
        }
        BenchResult best;
        for (int i = 0; i < rounds; ++i) {
            auto options = row.options;
            options.seconds = seconds;
            options.time.now = [] {
                return viaduct::TimePoint{std::chrono::steady_clock::now().time_since_epoch()};
            };
            const auto result = viaduct::dataplane::run_bench(options);
            if (!result) {
                fmt::print(stderr, "{}: {}\n", row.name, result.error().message);
                return 1;
            }
            if (result->packets_per_second > best.packets_per_second) {
                best = *result;
            }
        }
        fmt::print("{:<36}{:>9.2f}{:>9.1f}{:>12.1f}{:>9}\n",
                   row.name,
                   best.packets_per_second / 1e6,
                   best.gigabits_per_second,
                   best.cycles_per_packet,
                   best.checked);
        if (!only.empty()) {
            print_stages(best);
        }
        (void)std::fflush(stdout);
    }
    return 0;
}
