// Memory ports between threads: a ring for each queue and direction. Whoever plays the cable is another thread than the
// workers; for tests and benchmarks that run workers on threads of their own.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/ports/port.h"
#include "dataplane/ring.h"
#include "dataplane/tally.h"

namespace viaduct::dataplane {

class RingPort final : public Port {
public:
    static constexpr std::size_t kRing = 4096;

    RingPort(MacAddress mac, unsigned queues);
    /// No worker and no cable use it any more.
    ~RingPort() override;
    RingPort(const RingPort&) = delete;
    RingPort& operator=(const RingPort&) = delete;
    RingPort(RingPort&&) = delete;
    RingPort& operator=(RingPort&&) = delete;

    // ── the cable's side: one thread a queue ──
    /// False: the ring is full, and the frame stays the caller's.
    bool deliver(unsigned queue, rte_mbuf* frame);
    /// Frames that the workers sent; the caller's from here on.
    std::size_t take(unsigned queue, std::span<rte_mbuf*> out);

    // ── the workers' side ──
    std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) override;
    std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) override;

    [[nodiscard]] unsigned queues() const override { return static_cast<unsigned>(queues_.size()); }

    [[nodiscard]] MacAddress mac() const override { return mac_; }

    [[nodiscard]] bool link_up() const override { return true; }

    [[nodiscard]] std::size_t max_frame() const override { return 9600; }

    [[nodiscard]] PortStatistics statistics() const override;

    [[nodiscard]] std::string driver() const override { return "ring"; }

private:
    struct Queue {
        Ring<rte_mbuf*> in{kRing};
        Ring<rte_mbuf*> out{kRing};
        Tally rx_packets;
        Tally tx_packets;
    };

    MacAddress mac_;
    std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace viaduct::dataplane
