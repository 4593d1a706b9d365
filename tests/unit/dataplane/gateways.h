// Two gateways with a wire between them, and SAs in both directions.
//
//     10.1.0.2 ── 1 [ a 192.0.2.1 ] 2 ══════ 2 [ b 192.0.2.2 ] 1 ── 10.2.0.2
#pragma once

#include <functional>

#include "dataplane/base/random.h"
#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane::test {

struct SaOptions {
    crypto::Cipher cipher = crypto::Cipher::aes_gcm_128;
    crypto::Auth auth = crypto::Auth::none;
    bool tunnel_mode = true;
    std::optional<UdpEncapsulation> udp;
    std::uint16_t replay_window = 64;
    DfPolicy df = DfPolicy::copy;
    std::uint16_t path_mtu = 1500;
    bool fragment_before_encryption = true;
    IfIndex interface{2};
    bool protects_tunnel = false;
    std::uint64_t soft_packets = 0;
    std::uint64_t soft_bytes = 0;
    std::uint64_t hard_bytes = 0;
    Selector selector;  // as a's outbound direction has it
};

Selector mirror(const Selector& s);
Selector between(std::string_view source_prefix, std::string_view destination_prefix);

/// One direction: an SA in `from` that encrypts and one in `to` that decrypts.
struct OneWay {
    SaIndex outbound;
    SaIndex inbound;
    SaParameters parameters;  // as the sender has them
};

OneWay connect(Router& from,
               Router& to,
               std::string_view from_address,
               std::string_view to_address,
               const SaOptions& options,
               Random& random);

struct Gateways {
    explicit Gateways(std::uint16_t lan_mtu = 1500,
                      std::uint16_t wire_mtu = 1500,
                      const PlaneOptions& options = {});

    /// Crypto maps on the wire's interfaces: 10.1.0.0/24 ⇄ 10.2.0.0/24, by slots that are empty still.
    void protect(const SaOptions& options = {});
    /// A pair of SAs into the slots.
    void install(const SaOptions& options);
    /// Runs both, and carries frames over the wire until it is quiet. `on_wire` may change or lose frames.
    void run();

    Router a;
    Router b;
    SlotId slot_a;
    SlotId slot_b;
    OneWay a_to_b;
    OneWay b_to_a;
    SeededRandom random{7};
    std::vector<Bytes> wire_a_to_b;  // IP packets seen, in order
    std::vector<Bytes> wire_b_to_a;
    std::function<bool(Bytes& frame)> on_wire;
};

}  // namespace viaduct::dataplane::test
