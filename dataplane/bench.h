// How fast this machine carries packets: the real plane, stages and tables, between ports that cost as
// little as ports can (a source that copies prepared frames into fresh buffers, a sink that frees them).
// One worker on the calling thread. Every packet of a last, untimed round is checked byte by byte against
// what it should be, ciphers by an independent implementation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crypto/algorithms.h"
#include "dataplane/base/machine_time.h"
#include "dataplane/base/result.h"

namespace viaduct::dataplane {

struct BenchOptions {
    enum class Path : std::uint8_t {
        ports,  // no router between the ports: what source and sink alone cost, the ceiling of all others
        forward,  // Ethernet to Ethernet by routes
        forward_acl,  // the same with an access list in, of `entries` lines
        esp_out,  // crypto map, ESP tunnel
        esp_in,  // the other end; fresh sequence numbers, replay window on
        gre_out,  // GRE encapsulation
        gre_in,  // the other end of gre_out
        gre_esp_out,  // GRE with tunnel protection (transport mode)
        gre_esp_in,  // the other end; replay window on
    };
    Path path = Path::forward;
    /// Ethernet frame lengths before the router, without checksum, in the order in which they come; an
    /// IMIX is {64 ×7, 576 ×4, 1420}.
    std::vector<std::uint16_t> frame_bytes{64};
    MachineTime time;
    double seconds = 1.0;  // of measured time
    std::uint32_t routes =
        1000;  // forward: /24 and longer prefixes, packets go to all of them in turn
    std::uint32_t entries = 1;  // SAs with a crypto map entry each, or access-list lines
    crypto::Cipher cipher = crypto::Cipher::aes_gcm_128;
    crypto::Auth auth = crypto::Auth::none;
    bool udp = false;  // ESP in UDP 4500
    std::uint16_t replay_window = 64;
    bool dynamic = false;  // entries are flows of a dynamic map (add_flow) instead of a static one
};

struct BenchResult {
    struct StageShare {
        std::string stage;
        std::uint64_t packets = 0;
        std::uint64_t vectors = 0;
        double cycles_per_packet = 0;  // of the packets that it saw
        double share = 0;  // of all cycles, 0–1
    };

    std::uint64_t packets = 0;  // that left, in the measured time
    std::uint64_t lost = 0;  // that came and did not leave
    double seconds = 0;
    double packets_per_second = 0;
    double gigabits_per_second = 0;  // of frames as they came
    double cycles_per_packet = 0;  // of the time-stamp counter
    std::vector<StageShare> stages;
    std::uint64_t checked = 0;  // packets that were looked at, byte by byte
    std::string cipher_path;
};

/// Errors: what was asked cannot be, or a packet was not what it should be.
Result<BenchResult> run_bench(const BenchOptions& options);

}  // namespace viaduct::dataplane
