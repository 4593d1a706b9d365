// Keepalives of point-to-point GRE tunnels (`keepalive PERIOD RETRIES`), as IOS has them: no RFC knows them.
//
// Idea. The peer need not speak a protocol, only forward. We send it by the tunnel a packet that is already the
// answer: GRE with protocol 0 and nothing in it, from its address to ours. It decapsulates, routes what is inside,
// and so sends it back. What comes back says that the way there, the peer's forwarding and the way back work.
//
//   IP us → peer | GRE 0x0800 | IP peer → us | GRE 0x0000
//
// Each one sent without an answer is counted, an answer puts the count to 0. IOS: at `retries` the line protocol goes
// down; keepalives go on, and the first answer brings it up again. The ends need not agree: each holds its own.
//
// Supported: key of the tunnel (the answer carries it, too), any period and number of retries, both ends at once.
// Not supported: multipoint tunnels (refused when configured, as IOS does) and protected tunnels: the answer would
// come back in the clear, which protection forbids; they are not sent there, and a log line says so.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/strong.h"

namespace viaduct {

class TunnelKeepalives {
public:
    struct Tunnel {
        IfIndex index;
        Ipv4Address source;
        Ipv4Address destination;
        std::optional<std::uint32_t> key;
        Duration period{};
        unsigned retries = 3;

        bool operator==(const Tunnel&) const = default;
    };

    /// An inner packet, to be sent by the tunnel.
    struct Send {
        IfIndex tunnel;
        Bytes packet;
    };

    /// All tunnels that send keepalives and would be up without them.
    void configure(TimePoint now, const std::vector<Tunnel>& wanted);
    /// Protocol 0 came by this tunnel.
    void on_answer(IfIndex tunnel);
    void on_time(TimePoint now);

    [[nodiscard]] TimePoint next_deadline() const;
    std::vector<Send> take_packets();

    /// As many went unanswered as may.
    [[nodiscard]] bool down(IfIndex tunnel) const;
    /// True once after down() of any tunnel changed.
    [[nodiscard]] bool take_changed();

private:
    struct State {
        Tunnel tunnel;
        TimePoint next;
        unsigned unanswered = 0;
        bool down = false;
    };

    std::map<IfIndex, State> states_;
    std::vector<Send> packets_;
    bool changed_ = false;
};

/// The inner packet: the peer's answer, made by us.
Bytes write_keepalive(const TunnelKeepalives::Tunnel& tunnel);

}  // namespace viaduct
