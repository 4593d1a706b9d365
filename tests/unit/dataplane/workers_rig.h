// A router with two workers on threads of their own, and a cable that is played by the test's thread.
//
//     cable ─▶ 1 [ plane: two workers ] 2 ─▶ cable
#pragma once

#include <memory>
#include <vector>

#include "dataplane/packet.h"
#include "dataplane/ports/ring_port.h"
#include "dataplane/worker_thread.h"
#include "tests/unit/dataplane/gateways.h"

namespace viaduct::dataplane::test {

inline constexpr std::uint32_t kFlows = 16;

struct WorkersRig {
    WorkersRig(unsigned workers, unsigned queues, const char* inside, const char* outside);

    void publish() { plane.publish_interfaces(interfaces); }

    void start();

    void stop() { threads.clear(); }

    NextHopId add(NextHop::Kind kind, std::uint16_t interface, std::uint16_t mac_number);
    void route(const char* prefix, NextHopId next_hop);
    std::uint64_t drops(std::string_view reason);
    std::string all_drops();

    Plane plane;
    RingPort* port[3] = {};
    std::vector<Interface> interfaces;
    std::vector<std::unique_ptr<WorkerThread>> threads;
};

/// Puts all frames in (frame i to queue i modulo the port's queues) and takes out `expected` frames, at most 2000 being on
/// their way; gives up when none came for five seconds.
std::vector<Bytes> carry(RingPort& in,
                         RingPort& out,
                         const std::vector<Bytes>& frames,
                         std::size_t expected);

/// Flow f's n-th packet, in a frame to mac(1): both numbers are the payload's first eight bytes.
Bytes numbered(std::uint32_t flow, std::uint32_t n, std::size_t length = 100);
/// The frame with another destination address.
Bytes addressed_to(Bytes frame, MacAddress to);
/// Numbers of each flow rise by one from 0 on; returns how many packets there were, or -1.
long in_order(const std::vector<Bytes>& frames, std::uint32_t flows);

/// One SA from a to b, with a crypto map at both ends: 10.1.0.0/16 ─▶ 10.2.0.0/16.
struct Tunnel {
    Tunnel(WorkersRig& from, WorkersRig& to);
    /// A new pair: b's end first. Returns the old one, still there.
    OneWay rekey(std::uint16_t window = 64);

    WorkersRig& a;
    WorkersRig& b;
    SlotId slot;
    OneWay now;
    SeededRandom random{11};
};

}  // namespace viaduct::dataplane::test
