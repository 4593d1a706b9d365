#include "dataplane/tables/policy.h"

#include <algorithm>
#include <optional>

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kFirstBuckets = 8;
/// At least: most chains then have one node, and a look-up one miss for it.
constexpr std::size_t kBucketsPerNode = 2;
/// How many deny lines may lead on to another entry for one packet.
constexpr unsigned kMaxContinuations = 256;

struct PortPiece {
    std::uint16_t value;
    std::uint16_t mask;
};

/// A range of ports as values under masks: at most 30 pieces.
std::vector<PortPiece> pieces_of(std::uint32_t first, std::uint32_t last) {
    std::vector<PortPiece> out;
    while (first <= last) {
        std::uint32_t size = first == 0 ? 65536 : first & (~first + 1);
        while (first + size - 1 > last) {
            size /= 2;
        }
        out.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(~(size - 1))});
        first += size;
    }
    return out;
}

struct Piece {
    FlowKey mask;
    FlowKey key;
};

bool has_ports(const Selector& s) {
    return s.source_port_first != 0 || s.source_port_last != 65535 ||
           s.destination_port_first != 0 || s.destination_port_last != 65535;
}

std::vector<Piece> pieces_of(const Selector& s, bool with_ports) {
    const auto source = with_ports ? pieces_of(s.source_port_first, s.source_port_last)
                                   : std::vector<PortPiece>{{0, 0}};
    const auto destination = with_ports
                                 ? pieces_of(s.destination_port_first, s.destination_port_last)
                                 : std::vector<PortPiece>{{0, 0}};
    const bool ports = has_ports(s) && with_ports;
    const std::uint8_t protocol = s.protocol.value_or(IpProtocol{0}).value();
    std::vector<Piece> out;
    for (const auto& sp : source) {
        for (const auto& dp : destination) {
            Piece p;
            p.mask = FlowKey::of(s.source_mask.value(),
                                 s.destination_mask.value(),
                                 s.protocol ? std::uint8_t{255} : std::uint8_t{0},
                                 ports ? sp.mask : std::uint16_t{0},
                                 ports ? dp.mask : std::uint16_t{0});
            p.key =
                FlowKey::of(s.source.value(), s.destination.value(), protocol, sp.value, dp.value)
                    .under(p.mask);
            out.push_back(p);
        }
    }
    return out;
}

using BucketMemory = std::pmr::polymorphic_allocator<PolicyShape::Bucket>;

PolicyShape::Bucket* make_buckets(LineMemory& memory, std::size_t count) {
    auto* buckets = BucketMemory(&memory).allocate(count);
    std::uninitialized_value_construct_n(buckets, count);
    return buckets;
}

void delete_buckets(LineMemory& memory, PolicyShape::Bucket* buckets, std::size_t count) {
    BucketMemory(&memory).deallocate(buckets, count);
}

/// Deletes a table of chains with all its nodes.
void delete_chains(LineMemory& memory, PolicyShape::Bucket* buckets, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const auto* node = buckets[i].load(std::memory_order_relaxed);
        while (node != nullptr) {
            const auto* next = node->next.load(std::memory_order_relaxed);
            memory.unmake(node);
            node = next;
        }
    }
    delete_buckets(memory, buckets, count);
}

}  // namespace

// ── one set of rules ──

TupleSpace::~TupleSpace() {
    for (auto& [mask, shape] : shapes_) {
        delete_chains(memory_, shape.buckets, shape.bucket_count);
    }
    delete view_.load(std::memory_order_relaxed);
}

void TupleSpace::add(const PolicyRule& rule, bool with_ports) {
    for (const auto& p : pieces_of(rule.selector, with_ports)) {
        insert(p.mask, p.key, rule);
    }
}

void TupleSpace::remove(const PolicyRule& rule, bool with_ports) {
    for (const auto& p : pieces_of(rule.selector, with_ports)) {
        erase(p.mask, p.key, rule.priority);
    }
}

void TupleSpace::insert(const FlowKey& mask, const FlowKey& key, const PolicyRule& rule) {
    auto& shape = shapes_[mask];
    bool changed = false;
    if (shape.bucket_count == 0 || shape.nodes * kBucketsPerNode >= shape.bucket_count) {
        grow(shape);
        changed = true;
    }
    if (rule.priority < shape.lowest_priority) {
        shape.lowest_priority = rule.priority;
        changed = true;
    }
    if (changed) {
        publish();
    }
    auto* node = memory_.make<PolicyNode>();
    node->key = key;
    node->priority = rule.priority;
    node->continue_at = rule.continue_at;
    node->slot = rule.slot;
    node->cookie = rule.cookie;
    node->action = rule.action;
    auto& bucket = shape.buckets[key.hash() & (shape.bucket_count - 1)];
    node->next.store(bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    bucket.store(node, std::memory_order_release);
    ++shape.nodes;
    ++nodes_;
}

void TupleSpace::erase(const FlowKey& mask, const FlowKey& key, std::uint64_t priority) {
    const auto found = shapes_.find(mask);
    if (found == shapes_.end()) {
        return;
    }
    auto& shape = found->second;
    auto& bucket = shape.buckets[key.hash() & (shape.bucket_count - 1)];
    const PolicyNode* before = nullptr;
    const auto* node = bucket.load(std::memory_order_relaxed);
    while (node != nullptr && (node->key != key || node->priority != priority)) {
        before = node;
        node = node->next.load(std::memory_order_relaxed);
    }
    if (node == nullptr) {
        return;
    }
    const auto* next = node->next.load(std::memory_order_relaxed);
    if (before == nullptr) {
        bucket.store(next, std::memory_order_release);
    } else {
        const_cast<PolicyNode*>(before)->next.store(next, std::memory_order_release);
    }
    rcu_.retire([&memory = memory_, node] { memory.unmake(node); });
    --shape.nodes;
    --nodes_;
    if (shape.nodes == 0) {
        auto* buckets = shape.buckets;
        const auto count = shape.bucket_count;
        shapes_.erase(found);
        publish();
        rcu_.retire(
            [&memory = memory_, buckets, count] { delete_buckets(memory, buckets, count); });
    }
}

/// Twice the buckets, with copies of the nodes: readers of the old chains are not disturbed.
void TupleSpace::grow(Shape& shape) {
    const auto count = std::max(kFirstBuckets, shape.bucket_count * 2);
    auto* next = make_buckets(memory_, count);
    for (std::size_t i = 0; i < shape.bucket_count; ++i) {
        const auto* node = shape.buckets[i].load(std::memory_order_relaxed);
        for (; node != nullptr; node = node->next.load(std::memory_order_relaxed)) {
            auto* copy = memory_.make<PolicyNode>();
            copy->key = node->key;
            copy->priority = node->priority;
            copy->continue_at = node->continue_at;
            copy->slot = node->slot;
            copy->cookie = node->cookie;
            copy->action = node->action;
            auto& bucket = next[node->key.hash() & (count - 1)];
            copy->next.store(bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
            bucket.store(copy, std::memory_order_relaxed);
        }
    }
    auto* old = shape.buckets;
    const auto old_count = shape.bucket_count;
    shape.buckets = next;
    shape.bucket_count = count;
    publish();
    if (old != nullptr) {
        rcu_.retire([&memory = memory_, old, old_count] { delete_chains(memory, old, old_count); });
    }
}

void TupleSpace::publish() {
    auto next = std::make_unique<View>();
    for (const auto& [mask, shape] : shapes_) {
        next->push_back({mask, shape.lowest_priority, shape.buckets, shape.bucket_count - 1});
    }
    std::sort(next->begin(), next->end(), [](const PolicyShape& a, const PolicyShape& b) {
        return a.lowest_priority < b.lowest_priority;
    });
    rcu_.retire_object(view_.exchange(next.release(), std::memory_order_acq_rel));
}

const PolicyNode* TupleSpace::search(const View& view,
                                     const FlowKey& key,
                                     std::uint64_t floor,
                                     const PolicyNode* best) {
    for (const auto& shape : view) {
        if (best != nullptr && best->priority < shape.lowest_priority) {
            break;
        }
        const auto masked = key.under(shape.mask);
        const auto* node = shape.bucket(masked).load(std::memory_order_acquire);
        for (; node != nullptr; node = node->next.load(std::memory_order_acquire)) {
            if (node->key == masked && node->priority >= floor &&
                (best == nullptr || node->priority < best->priority)) {
                best = node;
            }
        }
    }
    return best;
}

// ── a policy: the static part and the flows ──

Policy::~Policy() {
    delete statics_.load(std::memory_order_relaxed);
}

void Policy::publish(std::span<const PolicyRule> rules) {
    auto next = std::make_unique<Statics>(rcu_, memory_);
    for (const auto& r : rules) {
        next->rules.add(r, true);
        if (has_ports(r.selector)) {
            next->fragments.add(r, false);
        }
    }
    rcu_.retire_object(statics_.exchange(next.release(), std::memory_order_acq_rel));
}

void Policy::add_flow(const PolicyRule& rule) {
    flows_.add(rule, true);
    if (has_ports(rule.selector)) {
        flow_fragments_.add(rule, false);
    }
}

void Policy::remove_flow(const PolicyRule& rule) {
    flows_.remove(rule, true);
    if (has_ports(rule.selector)) {
        flow_fragments_.remove(rule, false);
    }
}

const PolicyNode* Policy::find(const FlowKey& key, bool later_fragment, bool& too_deep) const {
    const auto* statics = statics_.load(std::memory_order_acquire);
    std::uint64_t floor = 0;
    for (unsigned i = 0; i < kMaxContinuations; ++i) {
        const auto* best = TupleSpace::search(*flows_.view(), key, floor, nullptr);
        if (statics != nullptr) {
            best = TupleSpace::search(*statics->rules.view(), key, floor, best);
        }
        if (later_fragment) [[unlikely]] {
            best = TupleSpace::search(*flow_fragments_.view(), key, floor, best);
            if (statics != nullptr) {
                best = TupleSpace::search(*statics->fragments.view(), key, floor, best);
            }
        }
        if (best == nullptr || best->action != PolicyRule::Action::next_entry) {
            return best;
        }
        floor = std::max(best->continue_at, best->priority + 1);
    }
    too_deep = true;
    return nullptr;
}

const PolicyShape* Policy::only_shape() const {
    const auto* statics = statics_.load(std::memory_order_acquire);
    const auto& flows = *flows_.view();
    if (statics == nullptr || statics->rules.view()->empty()) {
        return flows.size() == 1 ? &flows.front() : nullptr;
    }
    const auto& rules = *statics->rules.view();
    return rules.size() == 1 && flows.empty() ? &rules.front() : nullptr;
}

// ── all policies ──

Policies::~Policies() {
    for (std::size_t i = 0; i < kMax; ++i) {
        delete policies_[i].load(std::memory_order_relaxed);
    }
}

Policy& Policies::at(PolicyId id) {
    VIADUCT_CHECK(id.value() < kMax);
    auto* policy = policies_[id.value()].load(std::memory_order_relaxed);
    if (policy == nullptr) {
        policy = new Policy(rcu_, memory_);
        policies_[id.value()].store(policy, std::memory_order_release);
    }
    return *policy;
}

void Policies::remove(PolicyId id) {
    if (id.value() < kMax) {
        rcu_.retire_object(policies_[id.value()].exchange(nullptr, std::memory_order_acq_rel));
    }
}

}  // namespace viaduct::dataplane
