// `viaduct bench ike`: complete IKE set-ups a second. Our engine answers, and many of our own engines call
// it, each with an address of its own, as so many peers that return at once. In process: messages go through
// memory; no sockets, no dataplane. Diffie-Hellman is done by pools of threads as in `viaduct run`.
//
//   initiator thread ── datagrams ──► responder thread          each pinned to a core of its own with
//    (one engine a peer)  ◄────────    (one engine)             its pool, if there are two cores
//         │  Offload                      │  Offload
//
// What is counted is what the responder has finished: both halves of the IPsec SAs stand at both ends. The
// keys of both ends are compared afterwards. Its processor time is the thread's own and its pool's.
#pragma once

#include <cstdint>
#include <optional>

#include "crypto/algorithms.h"
#include "dataplane/base/machine_time.h"
#include "dataplane/base/result.h"

namespace viaduct::bench {

struct IkeBenchOptions {
    enum class Kind : std::uint8_t {
        site,  // main mode and quick mode, pre-shared key
        login,  // aggressive mode, XAUTH, Mode-Config and quick mode
    };

    Kind kind = Kind::site;
    crypto::DhGroup group = crypto::DhGroup::modp1024;
    MachineTime time;
    double seconds = 1;
    unsigned parallel =
        64;  // exchanges under way, 1-900: below the engine's limit on half-open ones
    unsigned offload_threads = 1;  // of each end
};

struct IkeBenchResult {
    double per_second = 0;
    double responder_ms = 0;  // processor time of one set-up at the responder: control and pool
    double responder_control_ms = 0;
    double initiator_ms = 0;
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;  // given up by the responder, or refused by a limit
    std::uint64_t checked = 0;  // pairs whose keys both ends have alike
    bool own_cores = false;  // false: both ends had to share one core
};

/// Errors: keys that differ, no set-up at all, a configuration that does not load.
Result<IkeBenchResult> run_ike_bench(const IkeBenchOptions& options);

}  // namespace viaduct::bench
