// Mappings: which global endpoint, or whole address, stands for which local one.
#include <algorithm>

#include "dataplane/tables/nat_hash.h"
#include "dataplane/tables/nat_table.h"

namespace viaduct::dataplane {

namespace {

/// Addresses of a range that are asked for one packet.
constexpr std::uint32_t kTries = 64;

}  // namespace

std::uint32_t NatTable::mapping_hash(
    bool global, NatSide side, std::uint8_t protocol, NatEndpoint at, std::uint32_t rule) const {
    const auto a = std::uint64_t{at.address} << 32U | std::uint64_t{at.port} << 16U | protocol;
    const auto b =
        std::uint64_t{rule} << 2U | (global ? 2U : 0U) | (side == NatSide::outside ? 1U : 0U);
    return nat_hash(a ^ shape.seed, b ^ 0xE7037ED1A0B428DBU);
}

namespace {

/// The end that a rule starts from is one of that rule's; the other end is one of all.
bool names_rule(NatSide side, bool global) {
    return (side == NatSide::outside) == global;
}

}  // namespace

NatMapping* NatTable::find_mapping(
    bool global, NatSide side, std::uint8_t protocol, NatEndpoint at, std::uint32_t rule) const {
    const auto h = mapping_hash(global, side, protocol, at, rule);
    const auto reference = mapping_index_.find(h, [&](std::uint32_t r) {
        const auto& m = mappings_[(r >> 1U) - 1];
        return ((r & 1U) != 0) == global && m.side.get() == side && m.protocol.get() == protocol &&
               (global ? m.global.get() : m.local.get()) == at.address &&
               (global ? m.global_port.get() : m.local_port.get()) == at.port &&
               (rule == 0 || m.rule.get() == rule);
    });
    return reference == 0 ? nullptr : &mappings_[(reference >> 1U) - 1];
}

void NatTable::index(NatMapping& m) {
    const auto reference = (number_of(m) + 1) << 1U;
    for (const bool global : {false, true}) {
        const NatEndpoint at{global ? m.global.get() : m.local.get(),
                             global ? m.global_port.get() : m.local_port.get()};
        const auto rule = names_rule(m.side.get(), global) ? m.rule.get() : 0;
        mapping_index_.insert(mapping_hash(global, m.side.get(), m.protocol.get(), at, rule),
                              reference | (global ? 1U : 0U));
    }
}

void NatTable::unindex(const NatMapping& m) {
    const auto reference = (number_of(m) + 1) << 1U;
    for (const bool global : {false, true}) {
        const NatEndpoint at{global ? m.global.get() : m.local.get(),
                             global ? m.global_port.get() : m.local_port.get()};
        const auto rule = names_rule(m.side.get(), global) ? m.rule.get() : 0;
        mapping_index_.erase(mapping_hash(global, m.side.get(), m.protocol.get(), at, rule),
                             reference | (global ? 1U : 0U));
    }
}

NatMapping* NatTable::take_mapping() {
    auto at = free_mapping_;
    if (at != kNone) {
        free_mapping_ = mappings_[at].next;
    } else if (mappings_used_.get() < mappings_.size()) {
        at = mappings_used_.get();
        mappings_used_.set(at + 1);
    } else {
        return nullptr;
    }
    auto& m = mappings_[at];
    m.flows = 0;
    m.expected = 0;
    m.epoch = epoch_;
    m.ports = 0;
    m.side.set(NatSide::inside);
    m.used.set(now_);
    m.created.set(now_);
    return &m;
}

bool NatTable::still_right(NatMapping& m) {
    if (m.epoch == epoch_) {
        return true;
    }
    const auto* rule = rules_->find(m.rule.get());
    const auto given = m.side.get() == NatSide::inside ? m.global.get() : m.local.get();
    if (rule == nullptr || given < rule->config.range.first.value() ||
        given > rule->config.range.last.value() ||
        rule->config.overload != (m.protocol.get() != 0)) {
        return false;
    }
    if (m.side.get() == NatSide::inside &&
        (rules_->to_global(
             NatSide::inside, m.protocol.get(), {m.local.get(), m.local_port.get()}) ||
         rules_->claims(m.protocol.get(), {m.global.get(), m.global_port.get()}))) {
        return false;
    }
    m.epoch = epoch_;
    return true;
}

bool NatTable::usable(NatMapping* m) {
    if (m == nullptr) {
        return false;
    }
    if (still_right(*m)) {
        return true;
    }
    if (m->flows == 0) {
        end(*m);
    } else {
        unindex(*m);
    }
    return false;
}

void NatTable::end(NatMapping& m) {
    unindex(m);
    m.live.set(false);
    auto* share = share_of(m.rule.get());
    if (m.protocol.get() == 0) {
        counted(-1);
        if (share != nullptr) {
            share->sessions.add(~std::uint64_t{0});
            share->addresses.add(~std::uint64_t{0});
        }
    } else {
        auto& ports = ports_[m.ports];
        set_port(ports, m.protocol.get(), m.global_port.get(), false);
        if (--ports.mappings == 0) {
            if (auto* counting = share_of(ports.rule); counting != nullptr) {
                counting->addresses.add(~std::uint64_t{0});
            }
            release(ports);
        }
    }
    m.next = free_mapping_;
    free_mapping_ = number_of(m);
}

NatRuleShare* NatTable::share_of(std::uint32_t rule) const {
    if (const auto* r = rules_->find(rule); r != nullptr) {
        return &r->state->shares[shape.worker];
    }
    for (auto* state : rules_->states) {
        if (state->id == rule) {
            return &state->shares[shape.worker];
        }
    }
    return nullptr;
}

Drop NatTable::make_mapping(const NatRule& rule,
                            std::uint8_t protocol,
                            NatEndpoint local,
                            NatMapping*& out) {
    auto& share = rule.state->shares[shape.worker];
    const auto size = rule.size();
    const auto tries = std::min(size, kTries);
    for (std::uint32_t i = 0; i < tries; ++i) {
        const auto offset = (share.cursor + i) % size;
        auto* ports = ports_of(rule.config.range.first.value() + offset, true);
        if (ports == nullptr) {
            break;
        }
        const auto port = take_port(*ports, protocol, local.port);
        if (!port) {
            if (ports->mappings == 0) {
                release(*ports);
            }
            continue;
        }
        auto* m = take_mapping();
        if (m == nullptr) {
            set_port(*ports, protocol, *port, false);
            if (ports->mappings == 0) {
                release(*ports);
            }
            tallies.refused.add(1);
            return Drop::nat44_table_full;
        }
        if (ports->mappings++ == 0) {
            ports->rule = rule.config.id;
            share.addresses.add(1);
        }
        share.cursor = offset;
        m->local.set(local.address);
        m->local_port.set(local.port);
        m->global.set(ports->address);
        m->global_port.set(*port);
        m->protocol.set(protocol);
        m->rule.set(rule.config.id);
        m->ports = static_cast<std::uint16_t>(ports - &ports_[0]);
        m->live.set(true);
        index(*m);
        out = m;
        return Drop::kCount;
    }
    tallies.exhausted.add(1);
    return Drop::nat44_exhausted;
}

std::optional<NatEndpoint> NatTable::expect(std::uint32_t rule_id,
                                            std::uint8_t protocol,
                                            NatEndpoint local,
                                            std::uint32_t expected) {
    const auto* rule = rules_->find(rule_id);
    if (rule == nullptr) {
        return std::nullopt;
    }
    auto* m = find_mapping(false, NatSide::inside, protocol, local, rule_id);
    if (!usable(m) && make_mapping(*rule, protocol, local, m) != Drop::kCount) {
        return std::nullopt;
    }
    m->expected = expected;
    m->used.set(now_);
    return NatEndpoint{m->global.get(), m->global_port.get()};
}

std::optional<std::uint32_t> NatTable::find_address(NatSide side,
                                                    bool from_global,
                                                    std::uint32_t address,
                                                    std::uint32_t rule) {
    auto* m = find_mapping(from_global, side, 0, {address, 0}, rule);
    if (m == nullptr) {
        return std::nullopt;
    }
    if (now_ - m->used.get() >= time_of(NatClass::address)) {
        tallies.expired.add(1);
        end(*m);
        return std::nullopt;
    }
    if (!usable(m)) {
        return std::nullopt;
    }
    m->used.set(now_);
    return from_global ? m->local.get() : m->global.get();
}

/// One address of the range for each one that asks. Looks at a bounded part of the range for one packet.
NatTable::Address NatTable::make_address(NatSide side, const NatRule& rule, std::uint32_t from) {
    const bool inside = side == NatSide::inside;
    auto& share = rule.state->shares[shape.worker];
    const auto size = rule.size();
    if (active_ >= std::min(rules_->limit, shape.sessions)) {
        tallies.refused.add(1);
        return {0, Drop::nat44_table_full};
    }
    constexpr std::uint32_t kLooks = 4096;
    for (std::uint32_t i = 0; i < std::min(size, kLooks); ++i) {
        const auto given = rule.config.range.first.value() + share.cursor % size;
        share.cursor = (share.cursor + 1) % size;
        const NatEndpoint at{given, 0};
        const bool other_worker = given % shape.workers != shape.worker;
        const bool is_static = inside ? rules_->to_local(side, 0, at).has_value()
                                      : rules_->to_global(side, 0, at).has_value();
        if (other_worker || is_static || find_mapping(inside, side, 0, at, 0) != nullptr) {
            continue;
        }
        auto* m = take_mapping();
        if (m == nullptr) {
            break;
        }
        m->side.set(side);
        m->local.set(inside ? from : given);
        m->global.set(inside ? given : from);
        m->local_port.set(0);
        m->global_port.set(0);
        m->protocol.set(0);
        m->rule.set(rule.config.id);
        m->live.set(true);
        index(*m);
        counted(1);
        tallies.misses.add(1);
        share.sessions.add(1);
        share.addresses.add(1);
        share.misses.add(1);
        return {given, Drop::kCount};
    }
    tallies.exhausted.add(1);
    return {0, Drop::nat44_exhausted};
}

bool NatTable::has_mapping(std::uint8_t protocol, NatEndpoint global) const {
    return find_mapping(true, NatSide::inside, protocol, global, 0) != nullptr ||
           find_mapping(true, NatSide::inside, 0, {global.address, 0}, 0) != nullptr;
}

}  // namespace viaduct::dataplane
