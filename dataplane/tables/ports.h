// The ports of a plane, as workers see them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/control.h"
#include "dataplane/ports/port.h"
#include "dataplane/tables/rcu.h"

namespace viaduct::dataplane {

inline constexpr std::size_t kMaxPorts = 256;
inline constexpr std::size_t kTxBatch = 256;

/// Frames that wait for the end of the turn. One worker's.
struct TxBatch {
    std::array<rte_mbuf*, kTxBatch> frames;
    std::size_t count = 0;
    std::uint64_t bytes = 0;
    bool waiting = false;  // stands in the worker's list of ports to flush
};

struct PortState {
    PortState(std::unique_ptr<Port> p, unsigned workers)
        : port(std::move(p)),
          batch(new TxBatch[workers]),
          sending(new std::atomic_flag[workers]{}) {}

    std::unique_ptr<Port> port;
    std::unique_ptr<TxBatch[]> batch;  // by worker
    /// By queue, where there are fewer than workers: set while one of them sends.
    std::unique_ptr<std::atomic_flag[]> sending;
};

struct PortEntry {
    PortState* state = nullptr;  // null: this number is free
    std::uint16_t interface = 0;
};

class Ports {
public:
    Ports(Rcu& rcu, unsigned workers)
        : rcu_(rcu), workers_(workers), table_(new std::vector<PortEntry>) {}

    ~Ports();
    Ports(const Ports&) = delete;
    Ports& operator=(const Ports&) = delete;
    Ports(Ports&&) = delete;
    Ports& operator=(Ports&&) = delete;

    /// The number of the new port; a port that the interface had before is closed.
    std::uint16_t attach(IfIndex interface, std::unique_ptr<Port> port);
    [[nodiscard]] Port* find(IfIndex interface) const;

    [[nodiscard]] const std::vector<PortEntry>* table() const {
        return table_.load(std::memory_order_acquire);
    }

private:
    Rcu& rcu_;
    unsigned workers_;
    std::atomic<const std::vector<PortEntry>*> table_;
};

}  // namespace viaduct::dataplane
