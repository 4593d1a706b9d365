// One TCP connection of a lab host (RFC 9293), sans-IO: segments and a time go in, segments come out.
//
// Supported: handshake, MSS, a fixed receive window, retransmission with RFC 6298's timer, fast retransmission after three
// duplicate acknowledgements, out-of-order segments kept, path MTU, half-close, FIN, RST.
// Not supported: streams of 4 GB and more, congestion control (a lab measures the network's losses, it does not avoid them), window scaling,
// SACK, urgent data, keep-alives.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "controlplane/lab/host/wire.h"
#include "dataplane/base/clock.h"

namespace viaduct::lab {

struct TcpEndpoints {
    Ipv4Address local_address;
    L4Port local;
    Ipv4Address remote_address;
    L4Port remote;
    auto operator<=>(const TcpEndpoints&) const = default;
};

/// Where the bytes of the outgoing stream come from: fills `out` with the bytes from `offset` on.
using TcpSource = std::function<void(std::uint64_t offset, std::span<std::uint8_t> out)>;

class TcpConnection {
public:
    enum class State : std::uint8_t {
        syn_sent,
        syn_received,
        established,
        fin_wait,  // we have closed, the peer has not (FIN-WAIT-1 and -2)
        close_wait,  // the peer has closed, we have not
        last_ack,  // both have closed, our FIN is not acknowledged (CLOSING and LAST-ACK)
        time_wait,
        closed,
    };
    enum class Failure : std::uint8_t { none, refused, reset, timed_out };

    static constexpr std::uint16_t kWindow = 65535;
    static constexpr Duration kFirstTimeout = 1s;
    static constexpr Duration kShortestTimeout = 200ms;
    static constexpr Duration kLongestTimeout = 8s;
    static constexpr unsigned kSynTries = 7;
    static constexpr unsigned kTries = 16;  // of the same segment
    static constexpr Duration kTimeWait = 10s;

    /// `mtu` of the interface; `initial_sequence` random.
    TcpConnection(const TcpEndpoints& endpoints, std::uint16_t mtu, std::uint32_t initial_sequence);

    void connect(TimePoint now);
    /// Answers a SYN.
    void accept(TimePoint now, const TcpView& syn);
    void on_segment(TimePoint now, const TcpView& segment);
    /// Segments shrink; what is outstanding is sent again.
    void on_path_mtu(TimePoint now, std::uint16_t mtu);

    [[nodiscard]] TimePoint next_deadline() const { return deadline_; }

    void on_time(TimePoint now);

    /// `total` bytes are to be sent, then the stream is closed. Once a connection.
    void send(TimePoint now, TcpSource source, std::uint64_t total);
    void abort();

    [[nodiscard]] State state() const { return state_; }

    [[nodiscard]] Failure failure() const { return failure_; }

    [[nodiscard]] const TcpEndpoints& endpoints() const { return endpoints_; }

    [[nodiscard]] std::uint16_t mss() const { return mss_; }

    [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

    [[nodiscard]] std::uint64_t retransmitted() const { return retransmitted_; }

    [[nodiscard]] bool peer_closed() const { return peer_closed_; }

    /// In-order bytes since the last call.
    Bytes take_received() { return std::exchange(received_, {}); }

    /// Whole TCP segments for the IP layer.
    std::vector<Bytes> take_segments() { return std::exchange(segments_, {}); }

private:
    void set_state(State state, Failure failure = Failure::none);
    void on_ack(TimePoint now, const TcpView& segment);
    void on_new_ack(TimePoint now, std::uint64_t stream_position);
    void on_data(TimePoint now, const TcpView& segment);
    void on_synchronise(TimePoint now, const TcpView& segment);
    void finish_handshake(TimePoint now);
    void after_fin(TimePoint now);
    void fill_window(TimePoint now);
    void retransmit_first(TimePoint now);
    void emit_data(std::uint64_t offset, std::size_t length);
    void emit(TcpView segment);
    void emit_ack();
    void measure(TimePoint now);
    void arm(TimePoint now);

    /// The sequence number of a byte of our stream; the FIN stands behind the last byte.
    [[nodiscard]] std::uint32_t sequence_of(std::uint64_t offset) const {
        return initial_ + 1U + static_cast<std::uint32_t>(offset);
    }

    [[nodiscard]] bool all_acknowledged() const { return acknowledged_ == end(); }

    /// Stream length counted with the FIN, once it is known.
    [[nodiscard]] std::uint64_t end() const { return total_ + (closing_ ? 1U : 0U); }

    TcpEndpoints endpoints_;
    State state_ = State::closed;
    Failure failure_ = Failure::none;
    std::uint16_t offered_mss_;
    std::uint16_t mss_;

    std::uint32_t initial_;
    TcpSource source_;
    std::uint64_t total_ = 0;
    bool closing_ = false;  // the FIN belongs to the stream
    std::uint64_t sent_ = 0;  // stream position behind the last byte (or FIN) sent
    std::uint64_t highest_ = 0;  // the highest that sent_ has been
    std::uint64_t acknowledged_ = 0;  // stream position
    std::uint32_t window_ = 0;  // the peer's
    unsigned duplicates_ = 0;
    std::uint64_t recovery_ = 0;  // fast retransmission ends at this position
    std::uint64_t retransmitted_ = 0;

    std::uint32_t next_ = 0;  // the peer's next byte
    std::map<std::uint32_t, Bytes> early_;  // by distance from the peer's initial sequence
    std::uint32_t remote_initial_ = 0;
    std::optional<std::uint32_t> remote_fin_;  // its sequence number
    bool peer_closed_ = false;
    Bytes received_;

    TimePoint deadline_ = kNever;
    Duration timeout_ = kFirstTimeout;
    Duration smoothed_{};
    Duration variation_{};
    unsigned tries_ = 0;
    std::optional<std::uint64_t>
        timed_offset_;  // round trip of the byte before this one is being measured
    TimePoint timed_at_;
    std::vector<Bytes> segments_;
};

}  // namespace viaduct::lab
