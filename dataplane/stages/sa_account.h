// Counting packets and bytes of an SA, and noticing when a limit is crossed.
#pragma once

#include "dataplane/stages/stages.h"
#include "dataplane/tables/sa.h"

namespace viaduct::dataplane {

/// Adds `n` and returns what stood there before. Alone, a worker needs no locked instruction.
inline std::uint64_t add_to(std::atomic<std::uint64_t>& counter, std::uint64_t n, bool shared) {
    if (shared) [[unlikely]] {
        return counter.fetch_add(n, std::memory_order_relaxed);
    }
    const auto before = counter.load(std::memory_order_relaxed);
    counter.store(before + n, std::memory_order_relaxed);
    return before;
}

inline bool crosses(std::uint64_t before, std::uint64_t n, std::uint64_t limit) {
    return limit != 0 && before < limit && before + n >= limit;
}

/// One packet of `bytes` payload. False: the hard limit is reached, the packet must not pass.
inline bool account(Worker& w, const Sa& sa, std::uint32_t bytes) {
    auto& state = *sa.state;
    const auto packets = add_to(state.packets, 1, w.shared);
    const auto before = add_to(state.bytes, bytes, w.shared);
    state.last_used.store(w.now.time_since_epoch().count(), std::memory_order_relaxed);
    if (!sa.has_limits) {
        return true;
    }
    if (crosses(packets, 1, sa.soft_packets) || crosses(before, bytes, sa.soft_bytes)) {
        w.event({SaEvent::Kind::soft_limit, sa.index, 0, 0});
    }
    if (crosses(before, bytes, sa.hard_bytes)) {
        w.event({SaEvent::Kind::hard_limit, sa.index, 0, 0});
    }
    return sa.hard_bytes == 0 || before < sa.hard_bytes;
}

/// The same for a vector: packets of one SA in a row are counted together, where there is no limit that one
/// of them could cross. Who is done calls flush().
class Accountant {
public:
    explicit Accountant(Worker& w) : w_(w) {}

    bool account(const Sa& sa, std::uint32_t bytes) {
        if (sa.has_limits) [[unlikely]] {
            return dataplane::account(w_, sa, bytes);
        }
        if (sa.state != state_) {
            flush();
            state_ = sa.state;
        }
        ++packets_;
        bytes_ += bytes;
        return true;
    }

    void flush() {
        if (packets_ == 0) {
            return;
        }
        add_to(state_->packets, packets_, w_.shared);
        add_to(state_->bytes, bytes_, w_.shared);
        state_->last_used.store(w_.now.time_since_epoch().count(), std::memory_order_relaxed);
        packets_ = 0;
        bytes_ = 0;
    }

private:
    Worker& w_;
    SaState* state_ = nullptr;
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace viaduct::dataplane
