// Next hops: an id stands for as long as control wants; what it means is one immutable record that is
// replaced as a whole.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/control.h"
#include "dataplane/tables/interfaces.h"
#include "dataplane/tables/rcu.h"

namespace viaduct::dataplane {

/// What a worker changes about a next hop.
struct NextHopUse {
    std::atomic<bool> used{false};  // worker: sets, control: takes
    std::atomic<std::uint64_t> outer_cache{0};  // worker: rw: route generation and outer next hop
};

struct alignas(64) NextHopRecord {
    NextHop::Kind kind = NextHop::Kind::drop;
    /// Where a forwarded packet that fits goes without asking anything else of the interface.
    enum class Way : std::uint8_t {
        any,  // by the stages
        port,  // Ethernet, resolved, nothing else to do on the way out
        crypto_map,  // the same, but for a security policy
        gre_out,  // a tunnel with nothing else to do
        nat44,  // as `port`, but for address translation
    } way = Way::any;
    std::uint16_t out = 0;  // interface
    std::uint16_t port = kNoPort;
    std::uint16_t mtu = 0;  // largest IP packet that leaves whole
    std::uint8_t l2[16]{};  // Ethernet header, ready; 2 bytes of padding
    std::uint32_t gateway = 0;
    std::uint32_t nbma = 0;
    SlotId slot;
    NextHopId meanwhile;
    std::uint16_t features = 0;  // of the interface: Feature, the way out
    std::uint8_t member_count = 0;
    NextHopUse* use = nullptr;
    std::array<std::uint32_t, 16> members{};  // second line: multipath alone
};

class NextHops {
public:
    using Slot = std::atomic<const NextHopRecord*>;

    /// What a worker reads during one turn.
    struct View {
        const Slot* slots = nullptr;
        std::uint32_t size = 0;

        /// Ids come from our own tables; id 0 is always there and drops.
        [[nodiscard]] const NextHopRecord* at(std::uint32_t id) const {
            return slots[id < size ? id : 0].load(std::memory_order_acquire);
        }
    };

    NextHops(Rcu& rcu, Interfaces& interfaces, std::uint32_t limit);
    ~NextHops();
    NextHops(const NextHops&) = delete;
    NextHops& operator=(const NextHops&) = delete;
    NextHops(NextHops&&) = delete;
    NextHops& operator=(NextHops&&) = delete;

    // ── control ──
    /// Id 0 (drops) when the table is full.
    NextHopId add(const NextHop& next_hop);
    void update(NextHopId id, const NextHop& next_hop);
    void remove(NextHopId id);
    /// After interfaces changed: every record is made anew.
    void rebuild();
    std::vector<NextHopId> take_used();

    // ── workers ──
    [[nodiscard]] View view() const {
        const auto* a = array_.load(std::memory_order_acquire);
        return {a->slots.get(), a->size};
    }

private:
    struct Array {
        explicit Array(std::uint32_t n) : slots(new Slot[n]{}), size(n) {}

        std::unique_ptr<Slot[]> slots;
        std::uint32_t size;
    };

    void store(std::uint32_t id, const NextHop& next_hop);
    void grow();
    [[nodiscard]] std::unique_ptr<NextHopRecord> record_of(std::uint32_t id, const NextHop& n);

    Rcu& rcu_;
    Interfaces& interfaces_;
    std::uint32_t limit_;
    std::atomic<Array*> array_;
    std::vector<NextHop> config_;  // by id
    std::vector<std::unique_ptr<NextHopUse>> uses_;  // by id; live as long as the plane
    std::vector<bool> taken_;
    std::vector<std::uint32_t> free_;
};

}  // namespace viaduct::dataplane
