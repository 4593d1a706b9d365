// Security policies: the rule of lowest priority that fits a packet, however many rules there are.
//
// Tuple-space search: rules whose masks are the same form a shape; within a shape a rule is found by
// hashing the packet's fields under those masks. Crypto maps have few shapes (a thousand entries with
// an access list of one network each are one), so a look-up is one or two hash probes. Port ranges are
// split into power-of-two pieces, which are masks too.
//
// A packet's later fragments have no ports: they are held against the rules with the ports left out, so
// that they go the way of the first.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/control.h"
#include "dataplane/tables/line_memory.h"
#include "dataplane/tables/rcu.h"

namespace viaduct::dataplane {

/// The five fields as two words.
struct FlowKey {
    std::uint64_t addresses = 0;  // source, destination
    std::uint64_t rest = 0;  // protocol << 32 | source port << 16 | destination port

    static FlowKey of(std::uint32_t source,
                      std::uint32_t destination,
                      std::uint8_t protocol,
                      std::uint16_t source_port,
                      std::uint16_t destination_port) {
        return {
            std::uint64_t{source} << 32U | destination,
            std::uint64_t{protocol} << 32U | std::uint64_t{source_port} << 16U | destination_port};
    }

    [[nodiscard]] FlowKey under(const FlowKey& mask) const {
        return {addresses & mask.addresses, rest & mask.rest};
    }

    [[nodiscard]] std::uint64_t hash() const {
        const auto h = (addresses ^ rest * 0x9E3779B97F4A7C15U) * 0xBF58476D1CE4E5B9U;
        return h ^ h >> 32U;
    }

    auto operator<=>(const FlowKey&) const = default;
};

/// A rule, or a piece of one. Immutable but for the chain.
struct alignas(64) PolicyNode {
    FlowKey key;
    std::uint64_t priority = 0;
    std::uint64_t continue_at = 0;
    SlotId slot;
    std::uint32_t cookie = 0;
    PolicyRule::Action action = PolicyRule::Action::protect;
    std::atomic<const PolicyNode*> next{nullptr};
};

static_assert(sizeof(PolicyNode) == 64);

/// Rules with the same masks.
struct PolicyShape {
    using Bucket = std::atomic<const PolicyNode*>;

    FlowKey mask;
    std::uint64_t lowest_priority = 0;  // of any rule that it ever had: look-ups may stop before it
    const Bucket* buckets = nullptr;
    std::uint64_t bucket_mask = 0;

    [[nodiscard]] const Bucket& bucket(const FlowKey& masked) const {
        return buckets[masked.hash() & bucket_mask];
    }
};

/// One set of rules. Control changes it rule by rule; workers read views.
class TupleSpace {
public:
    using View = std::vector<PolicyShape>;  // by lowest priority

    TupleSpace(Rcu& rcu, LineMemory& memory) : rcu_(rcu), memory_(memory), view_(new View) {}

    ~TupleSpace();
    TupleSpace(const TupleSpace&) = delete;
    TupleSpace& operator=(const TupleSpace&) = delete;
    TupleSpace(TupleSpace&&) = delete;
    TupleSpace& operator=(TupleSpace&&) = delete;

    // ── control ──
    void add(const PolicyRule& rule, bool with_ports);
    void remove(const PolicyRule& rule, bool with_ports);

    [[nodiscard]] std::size_t size() const { return nodes_; }

    // ── workers ──
    [[nodiscard]] const View* view() const { return view_.load(std::memory_order_acquire); }

    /// Improves `best` by the rule of lowest priority ≥ `floor` that fits.
    static const PolicyNode* search(const View& view,
                                    const FlowKey& key,
                                    std::uint64_t floor,
                                    const PolicyNode* best);

private:
    struct Shape {
        PolicyShape::Bucket* buckets = nullptr;
        std::size_t bucket_count = 0;
        std::size_t nodes = 0;
        std::uint64_t lowest_priority = ~std::uint64_t{0};
    };

    void insert(const FlowKey& mask, const FlowKey& key, const PolicyRule& rule);
    void erase(const FlowKey& mask, const FlowKey& key, std::uint64_t priority);
    void grow(Shape& shape);
    void publish();

    Rcu& rcu_;
    LineMemory& memory_;  // of nodes and buckets
    std::map<FlowKey, Shape> shapes_;
    std::size_t nodes_ = 0;
    std::atomic<const View*> view_;
};

/// What a worker finds under a PolicyId.
class Policy {
public:
    Policy(Rcu& rcu, LineMemory& memory)
        : rcu_(rcu), memory_(memory), flows_(rcu, memory), flow_fragments_(rcu, memory) {}

    ~Policy();
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;
    Policy(Policy&&) = delete;
    Policy& operator=(Policy&&) = delete;

    // ── control ──
    void publish(std::span<const PolicyRule> rules);
    void add_flow(const PolicyRule& rule);
    void remove_flow(const PolicyRule& rule);

    // ── workers ──
    /// The deciding rule (never next_entry); nullptr: none. `too_deep` when deny lines led too far.
    [[nodiscard]] const PolicyNode* find(const FlowKey& key,
                                         bool later_fragment,
                                         bool& too_deep) const;
    /// The only shape that this policy has now: look-ups may then go to its buckets at once. nullptr: there
    /// are several, or none.
    [[nodiscard]] const PolicyShape* only_shape() const;

private:
    struct Statics {
        Statics(Rcu& rcu, LineMemory& memory) : rules(rcu, memory), fragments(rcu, memory) {}

        TupleSpace rules;
        TupleSpace fragments;
    };

    Rcu& rcu_;
    LineMemory& memory_;
    std::atomic<Statics*> statics_{nullptr};
    TupleSpace flows_;
    TupleSpace flow_fragments_;
};

/// All policies of a plane, by id.
class Policies {
public:
    static constexpr std::size_t kMax = 4096;

    explicit Policies(Rcu& rcu) : rcu_(rcu) {}

    ~Policies();
    Policies(const Policies&) = delete;
    Policies& operator=(const Policies&) = delete;
    Policies(Policies&&) = delete;
    Policies& operator=(Policies&&) = delete;

    // ── control ──
    /// The policy of this id, made when it is new.
    Policy& at(PolicyId id);
    void remove(PolicyId id);

    // ── workers ──
    /// nullptr: nothing was ever published under this id.
    [[nodiscard]] const Policy* find(PolicyId id) const {
        return id.value() < kMax ? policies_[id.value()].load(std::memory_order_acquire) : nullptr;
    }

private:
    Rcu& rcu_;
    LineMemory memory_;
    std::unique_ptr<std::atomic<Policy*>[]> policies_{new std::atomic<Policy*>[kMax] {}};
};

}  // namespace viaduct::dataplane
