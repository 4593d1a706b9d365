#include "dataplane/tables/nat.h"

#include <algorithm>

namespace viaduct::dataplane {

namespace {

/// Addresses for port translation that the rules name, with room for some that are being left.
std::uint32_t addresses_of(const NatPolicy& policy) {
    std::uint64_t sum = 8;
    for (const auto& d : policy.dynamics) {
        if (d.overload && d.range.first <= d.range.last) {
            sum += std::uint64_t{d.range.last.value() - d.range.first.value()} + 1;
        }
    }
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, NatTable::kMostAddresses));
}

std::uint32_t share(std::uint32_t all, unsigned workers) {
    return (all + workers - 1) / workers;
}

}  // namespace

Nat::Nat(Rcu& rcu, Random& random, unsigned workers, std::uint32_t sessions)
    : rcu_(rcu),
      workers_(workers),
      sessions_(std::max(sessions, 1U)),
      seed_(random.u64()),
      tallies_(workers),
      settled_(new std::atomic<std::uint32_t>[workers] {}) {}

Nat::~Nat() {
    delete rules_.load(std::memory_order_relaxed);
}

bool Nat::fits(const NatPolicy& policy) const {
    if (tables_.empty()) {
        return false;
    }
    const auto& shape = tables_[0]->shape;
    return shape.sessions >= share(policy.max_sessions, workers_) &&
           shape.addresses >= addresses_of(policy);
}

void Nat::make_tables(const NatPolicy& policy) {
    NatTable::Shape shape;
    shape.sessions = share(std::max(policy.max_sessions, sessions_), workers_);
    shape.addresses = addresses_of(policy);
    shape.workers = workers_;
    shape.seed = seed_;
    if (!tables_.empty()) {
        shape.sessions = std::max(shape.sessions, tables_[0]->shape.sessions);
        shape.addresses = std::max(shape.addresses, tables_[0]->shape.addresses);
    }
    retire_tables();
    for (unsigned i = 0; i < workers_; ++i) {
        shape.worker = i;
        tables_.push_back(std::make_unique<NatTable>(shape, tallies_[i]));
        tables_.back()->own_ike.store(own_ike_, std::memory_order_relaxed);
    }
}

void Nat::retire_tables() {
    if (!tables_.empty()) {
        retired_.push_back({std::move(tables_), generation_});
        tables_.clear();
    }
}

NatRuleState* Nat::state_of(std::uint32_t id) {
    const auto it =
        std::find_if(states_.begin(), states_.end(), [id](const auto& s) { return s->id == id; });
    if (it != states_.end()) {
        return it->get();
    }
    states_.push_back(std::make_unique<NatRuleState>(id, workers_));
    return states_.back().get();
}

void Nat::publish(const NatPolicy& policy) {
    const bool empty = policy.dynamics.empty() && policy.statics.empty() && policy.gates.empty();
    if (empty && tables_.empty()) {
        policy_ = policy;
        return;
    }
    ++generation_;
    if (empty) {
        retire_tables();
    } else if (!fits(policy)) {
        make_tables(policy);
    }
    auto rules = std::make_unique<NatRules>(policy, generation_);
    for (auto* list : {&rules->inside, &rules->outside}) {
        for (auto& r : *list) {
            r.state = state_of(r.config.id);
        }
    }
    for (const auto& t : tables_) {
        rules->tables.push_back(t.get());
    }
    for (const auto& s : states_) {
        rules->states.push_back(s.get());
    }
    rules->limit = share(policy.max_sessions != 0 ? policy.max_sessions : sessions_, workers_);
    policy_ = policy;
    rcu_.retire_object(rules_.exchange(rules.release(), std::memory_order_acq_rel));
}

void Nat::set_own_ike(bool own) {
    own_ike_ = own;
    for (const auto& t : tables_) {
        t->own_ike.store(own, std::memory_order_relaxed);
    }
}

void Nat::reclaim() {
    std::erase_if(retired_, [this](const Retired& r) {
        for (unsigned i = 0; i < workers_; ++i) {
            if (settled_[i].load(std::memory_order_acquire) < r.generation) {
                return false;
            }
        }
        return true;
    });
}

void Nat::add_statics(std::vector<NatSession>& out, std::size_t limit) const {
    for (const auto& s : policy_.statics) {
        if (out.size() == limit) {
            return;
        }
        NatSession n;
        n.protocol = s.protocol;
        n.rule = s.id;
        n.is_static = true;
        n.expires = kNever;
        (s.outside ? n.outside_local : n.inside_local) = s.local;
        (s.outside ? n.outside_global : n.inside_global) = s.global;
        (s.outside ? n.outside_local_port : n.inside_local_port) = s.local_port;
        (s.outside ? n.outside_global_port : n.inside_global_port) = s.global_port;
        out.push_back(n);
    }
}

/// What inside hosts take the remote end for.
void Nat::add_outside(NatSession& s) const {
    const auto* rules = rules_.load(std::memory_order_relaxed);
    const auto local = rules->to_local(NatSide::outside,
                                       s.protocol ? s.protocol->value() : std::uint8_t{0},
                                       {s.outside_global.value(), s.outside_global_port});
    if (local) {
        s.outside_local = Ipv4Address{local->address};
        s.outside_local_port = local->port;
        return;
    }
    for (const auto& t : tables_) {
        for (const auto& m : t->mappings()) {
            if (m.live.get() && m.side.get() == NatSide::outside &&
                m.global.get() == s.outside_global.value()) {
                s.outside_local = Ipv4Address{m.local.get()};
                return;
            }
        }
    }
}

std::vector<NatSession> Nat::sessions(std::size_t limit) const {
    std::vector<NatSession> out;
    add_statics(out, limit);
    const auto* rules = rules_.load(std::memory_order_relaxed);
    for (const auto& t : tables_) {
        const auto now = t->seen_now();
        for (const auto& m : t->mappings()) {
            if (out.size() == limit) {
                return out;
            }
            if (m.live.get() && m.protocol.get() == 0 && t->expires(m) > now) {
                out.push_back(t->describe(m));
            }
        }
        for (const auto& f : t->flows()) {
            if (out.size() == limit) {
                return out;
            }
            if (f.kind.get() != NatFlow::free && t->expires(f) > now) {
                out.push_back(t->describe(f));
                if (rules->has_outside) {
                    add_outside(out.back());
                }
            }
        }
    }
    return out;
}

NatStatistics Nat::statistics() const {
    NatStatistics s;
    s.statics = static_cast<std::uint32_t>(policy_.statics.size());
    for (const auto& t : tallies_) {
        s.extended += static_cast<std::uint32_t>(t.active.value());
        s.peak += static_cast<std::uint32_t>(t.peak.value());
        s.hits += t.hits.value();
        s.misses += t.misses.value();
        s.expired += t.expired.value();
        s.exhausted += t.exhausted.value();
        s.refused += t.refused.value();
    }
    s.active = s.statics + s.extended;
    for (const auto& d : policy_.dynamics) {
        NatStatistics::Rule rule;
        rule.id = d.id;
        for (const auto& state : states_) {
            for (const auto& one : state->shares) {
                if (state->id == d.id) {
                    rule.sessions += static_cast<std::uint32_t>(one.sessions.value());
                    rule.addresses_in_use += static_cast<std::uint32_t>(one.addresses.value());
                    rule.misses += one.misses.value();
                }
            }
        }
        s.rules.push_back(rule);
    }
    return s;
}

std::size_t Nat::clear(const NatFilter& filter) {
    std::size_t count = 0;
    for (const auto& s : sessions(SIZE_MAX)) {
        count += !s.is_static && dataplane::fits(filter, s) ? 1U : 0U;
    }
    for (const auto& t : tables_) {
        (void)t->orders.put(filter);  // full: as many are under way already as a turn can bring
    }
    return count;
}

}  // namespace viaduct::dataplane
