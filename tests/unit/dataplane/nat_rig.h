// The NAT tests' router and packets with right checksums.
#pragma once

#include <optional>
#include <string_view>

#include "dataplane/base/checksum.h"
#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane::test {

inline constexpr std::uint8_t kFin = 1;
inline constexpr std::uint8_t kSyn = 2;
inline constexpr std::uint8_t kRst = 4;
inline constexpr std::uint8_t kAck = 16;

/// Computes the checksum of layer 4 anew, whole, with the pseudo header: TCP, UDP (unless it is 0), ICMP.
Bytes with_checksums(Bytes packet);
/// True: header and layer 4 are right, computed anew.
bool checksums_are_right(BytesView packet);
Bytes with_ttl(Bytes packet, std::uint8_t ttl);

Bytes checked_udp(std::string_view from,
                  std::uint16_t from_port,
                  std::string_view to,
                  std::uint16_t to_port,
                  std::string_view payload);
Bytes checked_tcp(std::string_view from,
                  std::uint16_t from_port,
                  std::string_view to,
                  std::uint16_t to_port,
                  std::uint8_t flags,
                  std::string_view payload = "",
                  std::uint32_t sequence = 1000,
                  std::uint32_t acknowledged = 2000);
Bytes icmp_echo(std::string_view from, std::string_view to, std::uint8_t type, std::uint16_t id);
/// An error about `packet`, of which `quoted` bytes are in it.
Bytes icmp_error(std::string_view from,
                 std::string_view to,
                 std::uint8_t type,
                 std::uint8_t code,
                 BytesView packet,
                 std::size_t quoted);
Bytes esp_packet(std::string_view from, std::string_view to, std::uint32_t spi);

struct NatRig : Router {
    explicit NatRig(const PlaneOptions& options = {});

    /// `ip nat inside source list 1 interface 2 overload`, id 7, everything permitted.
    void overload();

    void publish_policy() { plane.publish_nat(policy); }

    /// One packet in by the inside interface; what left by the outside one.
    std::optional<Bytes> out(BytesView packet);
    std::optional<Bytes> in(BytesView packet);
    /// Idle time of the only session.
    Duration idle_time();
    void pass(Duration time);

    NatPolicy policy;
};

}  // namespace viaduct::dataplane::test
