// A lab host's DHCP client (RFC 2131), sans-IO: DISCOVER, REQUEST, renewal at T1, rebinding at T2, and from the beginning
// when the lease ends. Broadcasts everything, also renewals (a lab's server is on the link or behind a relay).
//
// Not supported: DECLINE, RELEASE, INFORM, INIT-REBOOT.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "controlplane/lab/host/ip_layer.h"
#include "dataplane/base/random.h"

namespace viaduct::lab {

class DhcpClient {
public:
    static constexpr std::uint16_t kServerPort = 67;
    static constexpr std::uint16_t kClientPort = 68;
    static constexpr Duration kFirstRetry = 2s;
    static constexpr Duration kLongestRetry = 32s;

    DhcpClient(MacAddress mac, Random& random) : mac_(mac), random_(random) {}

    void start(TimePoint now);
    /// The payload of a UDP datagram to port 68.
    void on_message(TimePoint now, BytesView message);

    [[nodiscard]] TimePoint next_deadline() const { return deadline_; }

    void on_time(TimePoint now);

    /// BOOTP messages to be broadcast from port 68 to port 67.
    std::vector<Bytes> take_messages() { return std::exchange(messages_, {}); }

    /// The address changed (also to none).
    std::optional<HostAddress> take_change() { return std::exchange(change_, std::nullopt); }

private:
    enum class State : std::uint8_t { stopped, selecting, requesting, bound, renewing };

    struct Offer {
        HostAddress address;
        Ipv4Address server;
        Duration lease{};
        Duration renewal{};
        std::uint8_t type = 0;
    };

    std::optional<Offer> read(BytesView message) const;
    void discover(TimePoint now);
    void request(TimePoint now);
    void bind(TimePoint now, const Offer& offer);
    Bytes write(std::uint8_t type) const;

    MacAddress mac_;
    Random& random_;
    State state_ = State::stopped;
    std::uint32_t transaction_ = 0;
    Offer offer_;
    TimePoint lease_until_ = kNever;
    TimePoint deadline_ = kNever;
    Duration retry_ = kFirstRetry;
    std::vector<Bytes> messages_;
    std::optional<HostAddress> change_;
};

}  // namespace viaduct::lab
