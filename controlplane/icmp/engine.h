// ICMP (RFC 792, RFC 1812 section 4.3) for one router: answers echo requests, makes the errors that the
// dataplane asks for, and runs ping and traceroute for the console.
//
// Errors are never sent about ICMP errors, fragments other than the first, multicasts and broadcasts
// (RFC 1812, 4.3.2.7), and are rate-limited by a token bucket per kind.
// Not supported: timestamp and mask requests (counted), source quench, router discovery.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/ios/exec_row.h"
#include "controlplane/ip/packet.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/random.h"

namespace viaduct::icmp {

/// An IP packet to be routed.
struct SendPacket {
    Bytes packet;
};

struct Counters {
    std::uint64_t echo_requests = 0;
    std::uint64_t echo_replies = 0;
    std::uint64_t errors_sent = 0;
    std::uint64_t errors_limited = 0;
    std::uint64_t errors_received = 0;
    std::uint64_t malformed = 0;
    std::uint64_t unhandled = 0;
};

enum class ErrorKind : std::uint8_t { unreachable, time_exceeded, redirect, kCount };

/// What a router is asked to ping.
struct PingOptions {
    Ipv4Address destination;
    std::optional<Ipv4Address> source;
    unsigned count = 5;  // 1–2147483647
    unsigned size = 100;  // bytes of the IP packet, 36–18024
    Duration timeout = 2s;
    bool dont_fragment = false;
};

struct TraceOptions {
    Ipv4Address destination;
    std::optional<Ipv4Address> source;
    unsigned max_ttl = 30;
    unsigned probes = 3;
    Duration timeout = 3s;
};

class Engine {
public:
    /// `source_for(destination)`: the router's own address that a packet to there would leave with; nullopt if
    /// there is no route.
    Engine(Random& random,
           Log& log,
           std::function<std::optional<Ipv4Address>(Ipv4Address)> source_for);

    /// An ICMP packet for one of our addresses.
    void on_packet(TimePoint now, const ip::Packet& packet);
    /// `offending` is the IP packet that cannot go on; `own` the address to answer from (that of the interface
    /// it came in by, RFC 1812 4.3.2.4). `mtu` with code 4 of unreachable (RFC 1191).
    void send_unreachable(TimePoint now,
                          BytesView offending,
                          Ipv4Address own,
                          std::uint8_t code,
                          std::uint16_t mtu = 0);
    void send_time_exceeded(TimePoint now,
                            BytesView offending,
                            Ipv4Address own,
                            std::uint8_t code = 0);
    void send_redirect(TimePoint now, BytesView offending, Ipv4Address own, Ipv4Address gateway);

    std::unique_ptr<ios::ExecJob> ping(TimePoint now, const PingOptions& options);
    std::unique_ptr<ios::ExecJob> traceroute(TimePoint now, const TraceOptions& options);

    /// An ICMP error about one of our packets whose inner packet is not a ping's: path MTU of IPsec SAs.
    struct ErrorReport {
        std::uint8_t type = 0;
        std::uint8_t code = 0;
        std::uint16_t mtu = 0;
        Ipv4Address from;
        Bytes inner;  // IP header and what came of its payload
    };

    std::vector<ErrorReport> take_reports();
    std::vector<SendPacket> take_actions();

    [[nodiscard]] const Counters& counters() const { return counters_; }

private:
    friend class ProbeJob;

    struct Answer {
        TimePoint at{};
        Ipv4Address from;
        std::uint8_t type = 0;
        std::uint8_t code = 0;
    };

    /// Sent and waited for: by ICMP identifier and sequence, or by UDP port for traceroute.
    struct Waiting {
        TimePoint sent{};
        std::optional<Answer> answer;
    };

    using Key = std::uint32_t;

    bool may_send(TimePoint now, ErrorKind kind);
    void send_error(TimePoint now,
                    ErrorKind kind,
                    BytesView offending,
                    Ipv4Address own,
                    std::uint8_t type,
                    std::uint8_t code,
                    std::uint32_t rest);
    void on_error(TimePoint now,
                  const ip::Packet& packet,
                  std::uint8_t type,
                  std::uint8_t code,
                  std::uint32_t rest,
                  BytesView inner);
    void transmit(const ip::Packet& packet);

    struct Bucket {
        double tokens = 10;
        TimePoint last{};
    };

    Random& random_;
    Log& log_;
    std::function<std::optional<Ipv4Address>(Ipv4Address)> source_for_;
    std::array<Bucket, static_cast<std::size_t>(ErrorKind::kCount)> buckets_;
    std::map<Key, Waiting> waiting_;
    std::uint16_t next_id_ = 0;
    std::uint16_t ip_id_ = 0;
    Counters counters_;
    std::vector<SendPacket> actions_;
    std::vector<ErrorReport> reports_;
};

}  // namespace viaduct::icmp
