// Memory ports: for labs, tests and benchmarks. Frames are put in and taken out by whoever plays the
// cable; one thread does both sides (the lab's), so there is no locking.
#pragma once

#include <deque>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/ports/port.h"

namespace viaduct::dataplane {

class MemoryPort final : public Port {
public:
    /// max_frame in bytes without the frame check sequence, 64–9600.
    MemoryPort(MacAddress mac, std::size_t max_frame);
    ~MemoryPort() override;
    MemoryPort(const MemoryPort&) = delete;
    MemoryPort& operator=(const MemoryPort&) = delete;
    MemoryPort(MemoryPort&&) = delete;
    MemoryPort& operator=(MemoryPort&&) = delete;

    // ── the cable's side ──
    /// Queues a frame for the worker; false when max_frame or the queue's limit (4096) is exceeded.
    bool deliver(BytesView frame);
    /// The same without a copy; the port owns the frame from here on, also when it refuses.
    bool deliver(rte_mbuf* frame);
    /// Everything the worker has sent since the last call; the caller owns (and frees) the frames.
    std::vector<rte_mbuf*> take_transmitted();
    /// The same as bytes.
    std::vector<Bytes> take_transmitted_bytes();

    [[nodiscard]] bool has_pending_input() const { return !input_.empty(); }

    void set_link(bool up) { link_up_ = up; }

    // ── the worker's side ──
    std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) override;
    std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) override;

    [[nodiscard]] unsigned queues() const override { return 1; }

    [[nodiscard]] MacAddress mac() const override { return mac_; }

    [[nodiscard]] bool link_up() const override { return link_up_; }

    [[nodiscard]] std::size_t max_frame() const override { return max_frame_; }

    [[nodiscard]] PortStatistics statistics() const override { return statistics_; }

    [[nodiscard]] std::string driver() const override { return "memory"; }

private:
    MacAddress mac_;
    std::size_t max_frame_;
    bool link_up_ = true;
    std::deque<rte_mbuf*> input_;
    std::vector<rte_mbuf*> output_;
    PortStatistics statistics_;
};

}  // namespace viaduct::dataplane
