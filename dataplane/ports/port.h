// A port: where frames come from and go to. DPDK devices and memory ports look the same to a worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "dataplane/base/address.h"

struct rte_mbuf;

namespace viaduct::dataplane {

struct PortStatistics {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t rx_missed = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_errors = 0;
};

class Port {
public:
    Port() = default;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    Port(Port&&) = delete;
    Port& operator=(Port&&) = delete;
    virtual ~Port() = default;

    /// Up to out.size() frames; the caller owns them then.
    virtual std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) = 0;
    /// Takes the first n frames and returns n; the rest stay the caller's.
    virtual std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) = 0;

    [[nodiscard]] virtual unsigned queues() const = 0;
    [[nodiscard]] virtual MacAddress mac() const = 0;
    /// False: nothing is to be transmitted or received (cable out, administratively down).
    [[nodiscard]] virtual bool link_up() const = 0;
    /// Largest frame, Ethernet header included, checksum not.
    [[nodiscard]] virtual std::size_t max_frame() const = 0;
    [[nodiscard]] virtual PortStatistics statistics() const = 0;
    /// "net_af_packet0", "memory": for `show controllers`.
    [[nodiscard]] virtual std::string driver() const = 0;
};

}  // namespace viaduct::dataplane
