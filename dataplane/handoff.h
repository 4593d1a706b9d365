// Packets from one worker to another: a bounded ring for each pair, one puts, one takes.
#pragma once

#include <memory>
#include <vector>

#include "dataplane/packet.h"
#include "dataplane/ring.h"

namespace viaduct::dataplane {

class Handoffs {
public:
    static constexpr std::size_t kRing = 1024;

    explicit Handoffs(unsigned workers) : workers_(workers) {
        const auto rings = workers == 1 ? 0U : workers * workers;
        for (unsigned i = 0; i < rings; ++i) {
            rings_.push_back(std::make_unique<Ring<rte_mbuf*>>(kRing));
        }
    }

    ~Handoffs() {
        rte_mbuf* buffer = nullptr;
        for (const auto& ring : rings_) {
            while (ring->take(buffer)) {
                free_buffer(buffer);
            }
        }
    }

    Handoffs(const Handoffs&) = delete;
    Handoffs& operator=(const Handoffs&) = delete;
    Handoffs(Handoffs&&) = delete;
    Handoffs& operator=(Handoffs&&) = delete;

    /// Two different workers.
    [[nodiscard]] Ring<rte_mbuf*>& ring(unsigned from, unsigned to) {
        return *rings_[from * workers_ + to];
    }

private:
    unsigned workers_;
    std::vector<std::unique_ptr<Ring<rte_mbuf*>>> rings_;
};

}  // namespace viaduct::dataplane
