#include "dataplane/tables/nat_table.h"

#include <algorithm>

#include "dataplane/tables/nat_hash.h"

namespace viaduct::dataplane {

namespace {

/// The hand comes by every record once in so many ticks (4 s), and by so many of them in one turn at most.
constexpr NatTick kRound = 60;
constexpr std::uint64_t kStepsOfATurn = 64;
/// Mappings beside those of flows: what FTP expects.
constexpr std::uint32_t kSpareMappings = 1024;
/// Addresses of a range that are asked for one packet.
constexpr std::uint32_t kTries = 64;

bool has_ports(std::uint8_t protocol) {
    return protocol == kProtoTcp.value() || protocol == kProtoUdp.value();
}

NatClass class_of(const NatKey& out) {
    switch (out.protocol) {
    case kProtoTcp.value():
        return NatClass::tcp_opening;
    case kProtoIcmp.value():
        return NatClass::icmp;
    case kProtoEsp.value():
        return NatClass::esp;
    case kProtoUdp.value(): {
        constexpr std::uint16_t kDns = 53;
        return out.remote_port() == kDns ? NatClass::dns : NatClass::udp;
    }
    default:
        return NatClass::udp;
    }
}

/// What the way back is looked up by.
std::uint32_t in_ports_of(const NatKey& out, std::uint16_t global_port) {
    return std::uint32_t{global_port} << 16U | out.remote_port();
}

template <typename T>
void copy(Cell<T>& to, const Cell<T>& from) {
    to.set(from.get());
}

template <typename T, typename... Cells>
void copy_cells(T& to, const T& from, Cells T::*... cells) {
    (copy(to.*cells, from.*cells), ...);
}

void copy(NatFlow& to, const NatFlow& from) {
    using F = NatFlow;
    copy_cells(to, from, &F::local, &F::remote, &F::out_ports, &F::protocol, &F::kind, &F::time);
    copy_cells(to, from, &F::global, &F::in_ports, &F::used, &F::created, &F::rule);
    to.state = from.state;
    to.mapping = from.mapping;
    to.next = from.next;
    to.epoch = from.epoch;
    to.ftp = from.ftp;
}

void copy(NatMapping& to, const NatMapping& from) {
    using M = NatMapping;
    copy_cells(to, from, &M::local, &M::global, &M::local_port, &M::global_port, &M::protocol);
    copy_cells(to, from, &M::live, &M::side, &M::used, &M::created, &M::rule);
    to.flows = from.flows;
    to.expected = from.expected;
    to.next = from.next;
    to.epoch = from.epoch;
    to.ports = from.ports;
}

}  // namespace

NatTable::NatTable(const Shape& s, NatTallies& t)
    : tallies(t),
      shape(s),
      flows_(s.sessions),
      flow_index_(std::size_t{s.sessions} * 2),
      mappings_(s.sessions + kSpareMappings),
      mapping_index_((std::size_t{s.sessions} + kSpareMappings) * 2),
      ports_(std::max(s.addresses, 1U)),
      ports_index_(std::max(s.addresses, 1U)),
      ftp_(kFtpStreams) {}

// ── the turn ──

void NatTable::begin_turn(const NatRules& rules, NatTick now) {
    rules_ = &rules;
    if (epoch_ != rules.epoch) {
        epoch_ = rules.epoch;
        for (std::size_t i = 0; i < kNatClasses; ++i) {
            times_[i].set(rules.times[i]);
        }
    }
    if (now_ != now) {
        now_ = now;
        seen_now_.set(now);
        const std::uint64_t records = std::max(flows_used_.get(), mappings_used_.get());
        owed_ = std::min(owed_ + (now - last_sweep_) * (records / kRound + 1), records);
        last_sweep_ = now;
    }
    NatFilter filter;
    while (orders.take(filter)) {
        obey(filter);
    }
    if (owed_ != 0) {
        const auto steps = std::min(owed_, kStepsOfATurn);
        owed_ -= steps;
        sweep(static_cast<unsigned>(steps));
    }
}

void NatTable::sweep(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
        if (flow_hand_ < flows_used_.get()) {
            step_flow(flow_hand_);
        }
        flow_hand_ = flow_hand_ + 1 < flows_used_.get() ? flow_hand_ + 1 : 0;
        if (mapping_hand_ < mappings_used_.get()) {
            step_mapping(mapping_hand_);
        }
        mapping_hand_ = mapping_hand_ + 1 < mappings_used_.get() ? mapping_hand_ + 1 : 0;
    }
}

void NatTable::step_flow(std::uint32_t at) {
    auto& f = flows_[at];
    if (f.kind.get() == NatFlow::free) {
        return;
    }
    if (over(f)) {
        tallies.expired.add(1);
        end(f);
    } else if (!still_right(f)) {
        end(f);
    }
}

void NatTable::step_mapping(std::uint32_t at) {
    auto& m = mappings_[at];
    if (!m.live.get() || m.flows != 0) {
        return;
    }
    const auto time = m.protocol.get() == 0 ? NatClass::address : NatClass::tcp_opening;
    if (now_ - m.used.get() >= time_of(time)) {
        tallies.expired.add(m.protocol.get() == 0 ? 1 : 0);
        end(m);
    } else if (!still_right(m)) {
        end(m);
    }
}

void NatTable::obey(const NatFilter& filter) {
    for (std::uint32_t i = 0; i < flows_used_.get(); ++i) {
        auto& f = flows_[i];
        if (f.kind.get() != NatFlow::free && fits(filter, describe(f))) {
            end(f);
        }
    }
    for (std::uint32_t i = 0; i < mappings_used_.get(); ++i) {
        auto& m = mappings_[i];
        if (m.live.get() && m.flows == 0 && fits(filter, describe(m))) {
            end(m);
        }
    }
}

void NatTable::end_all(const NatRules& rules) {
    rules_ = &rules;
    obey({});
}

void NatTable::adopt(const NatTable& other) {
    const auto flows = other.flows_used_.get();
    for (std::uint32_t i = 0; i < flows; ++i) {
        copy(flows_[i], other.flows_[i]);
        if (flows_[i].kind.get() != NatFlow::free) {
            index(flows_[i]);
        }
    }
    flows_used_.set(flows);
    free_flow_ = other.free_flow_;
    const auto mappings = other.mappings_used_.get();
    for (std::uint32_t i = 0; i < mappings; ++i) {
        copy(mappings_[i], other.mappings_[i]);
        if (mappings_[i].live.get()) {
            index(mappings_[i]);
        }
    }
    mappings_used_.set(mappings);
    free_mapping_ = other.free_mapping_;
    for (std::uint32_t i = 0; i < other.ports_used_; ++i) {
        ports_[i] = other.ports_[i];
    }
    for (std::uint32_t i = 0; i < other.ports_used_; ++i) {
        if (ports_[i].mappings != 0) {
            ports_index_.insert(
                static_cast<std::uint32_t>((ports_[i].address * 0x9E3779B97F4A7C15U) >> 32U),
                i + 1);
        }
    }
    ports_used_ = other.ports_used_;
    free_ports_ = other.free_ports_;
    for (std::size_t i = 0; i < kFtpStreams; ++i) {
        ftp_[i] = other.ftp_[i];
    }
    active_ = other.active_;
    esp_count_ = other.esp_count_;
    epoch_ = other.epoch_;
    for (std::size_t i = 0; i < kNatClasses; ++i) {
        copy(times_[i], other.times_[i]);
    }
}

// ── flows ──

std::uint32_t NatTable::hash(NatWay way, const NatKey& k) const {
    const auto a = std::uint64_t{k.local} << 32U | k.remote;
    const auto b = std::uint64_t{k.ports} << 32U | std::uint64_t{k.protocol} << 1U |
                   (way == NatWay::in ? 1U : 0U);
    return nat_hash(a ^ shape.seed, b ^ 0xA0761D6478BD642FU);
}

NatKey NatTable::key_of(const NatFlow& f, NatWay way) const {
    const bool out = way == NatWay::out;
    return {out ? f.local.get() : f.global.get(),
            f.remote.get(),
            out ? f.out_ports.get() : f.in_ports.get(),
            f.protocol.get()};
}

bool NatTable::is_key(const NatFlow& f, NatWay way, const NatKey& key) const {
    const bool out = way == NatWay::out;
    return f.remote.get() == key.remote && (out ? f.local.get() : f.global.get()) == key.local &&
           (out ? f.out_ports.get() : f.in_ports.get()) == key.ports &&
           f.protocol.get() == key.protocol;
}

NatFlow* NatTable::find(NatWay way, const NatKey& key, std::uint32_t hash) {
    const auto reference = flow_index_.find(hash, [&](std::uint32_t r) {
        return (r & 1U) == static_cast<std::uint32_t>(way) &&
               is_key(flows_[(r >> 1U) - 1], way, key);
    });
    if (reference == 0) {
        return nullptr;
    }
    auto& f = flows_[(reference >> 1U) - 1];
    const auto idle = now_ - f.used.get();
    if (idle != 0 || f.epoch != epoch_) {
        if (idle >= time_of(f.time.get())) {
            tallies.expired.add(1);
            end(f);
            return nullptr;
        }
        if (!still_right(f)) {
            end(f);
            return nullptr;
        }
        f.used.set(now_);
    }
    return &f;
}

bool NatTable::still_right(NatFlow& f) {
    if (f.epoch == epoch_) {
        return true;
    }
    bool right = false;
    if (f.kind.get() == NatFlow::fixed) {
        const NatKey out = key_of(f, NatWay::out);
        const auto now =
            rules_->to_global(NatSide::inside, f.protocol.get(), {f.local.get(), out.local_port()});
        // Behind a gate, what is not translated has a flow, too.
        right = now ? now->address == f.global.get()
                    : !rules_->gates.empty() && f.global.get() == f.local.get();
    } else if (f.mapping != kNone) {
        right = still_right(mappings_[f.mapping]);
    } else {
        const auto* rule = rules_->find(f.rule.get());
        right = rule != nullptr && rule->config.overload &&
                f.global.get() >= rule->config.range.first.value() &&
                f.global.get() <= rule->config.range.last.value();
    }
    f.epoch = right ? epoch_ : f.epoch;
    return right;
}

NatFlow* NatTable::take_flow() {
    const auto limit = std::min(rules_->limit, shape.sessions);
    if (active_ >= limit) {
        // Perhaps some are over, and the hand did not come by yet.
        sweep(static_cast<unsigned>(kStepsOfATurn));
        if (active_ >= limit) {
            return nullptr;
        }
    }
    auto at = free_flow_;
    if (at != kNone) {
        free_flow_ = flows_[at].next;
    } else if (flows_used_.get() < flows_.size()) {
        at = flows_used_.get();
        flows_used_.set(at + 1);
    } else {
        return nullptr;
    }
    return &flows_[at];
}

void NatTable::index(NatFlow& f) {
    const auto reference = (static_cast<std::uint32_t>(&f - &flows_[0]) + 1) << 1U;
    flow_index_.insert(hash(NatWay::out, key_of(f, NatWay::out)), reference);
    flow_index_.insert(hash(NatWay::in, key_of(f, NatWay::in)), reference | 1U);
}

NatFlow* NatTable::make(const NatKey& out, NatEndpoint global, std::uint32_t in_ports) {
    auto* f = take_flow();
    if (f == nullptr) {
        return nullptr;
    }
    f->local.set(out.local);
    f->remote.set(out.remote);
    f->out_ports.set(out.ports);
    f->protocol.set(out.protocol);
    f->time.set(class_of(out));
    f->state = 0;
    f->global.set(global.address);
    f->in_ports.set(in_ports);
    f->used.set(now_);
    f->created.set(now_);
    f->mapping = kNone;
    f->next = ++esp_count_;
    f->epoch = epoch_;
    f->ftp = 0;
    f->kind.set(NatFlow::dynamic);
    index(*f);
    counted(1);
    tallies.misses.add(1);
    return f;
}

NatTable::Made NatTable::make_out(const NatRule& rule, const NatKey& out) {
    const bool mapped = has_ports(out.protocol) || out.protocol == kProtoIcmp.value();
    if (!mapped) {
        return make_portless(rule, out);
    }
    if (active_ >= std::min(rules_->limit, shape.sessions)) {
        sweep(static_cast<unsigned>(kStepsOfATurn));
    }
    if (active_ >= std::min(rules_->limit, shape.sessions)) {
        tallies.refused.add(1);
        return {nullptr, Drop::nat44_table_full};
    }
    const NatEndpoint local{out.local, out.local_port()};
    auto* m = find_mapping(false, NatSide::inside, out.protocol, local, rule.config.id);
    if (!usable(m)) {
        const auto why = make_mapping(rule, out.protocol, local, m);
        if (why != Drop::kCount) {
            return {nullptr, why};
        }
    }
    auto* f =
        make(out, {m->global.get(), m->global_port.get()}, in_ports_of(out, m->global_port.get()));
    if (f == nullptr) {
        if (m->flows == 0) {
            end(*m);
        }
        tallies.refused.add(1);
        return {nullptr, Drop::nat44_table_full};
    }
    f->mapping = number_of(*m);
    f->rule.set(rule.config.id);
    ++m->flows;
    if (auto* share = share_of(rule.config.id); share != nullptr) {
        share->sessions.add(1);
        share->misses.add(1);
    }
    return {f, Drop::kCount};
}

/// A protocol without ports: one inside host for each remote one. ESP: many, told apart by the SPIs.
NatTable::Made NatTable::make_portless(const NatRule& rule, const NatKey& out) {
    NatKey in{rule.config.range.first.value(), out.remote, 0, out.protocol};
    if (out.protocol != kProtoEsp.value()) {
        const auto tries = std::min(rule.size(), kTries);
        std::uint32_t i = 0;
        while (i < tries && find(NatWay::in, in) != nullptr) {
            ++i;
            ++in.local;
        }
        if (i == tries) {
            tallies.exhausted.add(1);
            return {nullptr, Drop::nat44_exhausted};
        }
    }
    auto* f = make(out, {in.local, 0}, 0);
    if (f == nullptr) {
        tallies.refused.add(1);
        return {nullptr, Drop::nat44_table_full};
    }
    f->rule.set(rule.config.id);
    if (auto* share = share_of(rule.config.id); share != nullptr) {
        share->sessions.add(1);
        share->misses.add(1);
    }
    return {f, Drop::kCount};
}

NatFlow* NatTable::bind_esp(const NatKey& in) {
    NatKey waiting = in;
    waiting.ports = 0;
    const auto h = hash(NatWay::in, waiting);
    NatFlow* youngest = nullptr;
    (void)flow_index_.find(h, [&](std::uint32_t r) {
        auto& f = flows_[(r >> 1U) - 1];
        const bool fits_it = (r & 1U) != 0 && is_key(f, NatWay::in, waiting) && !over(f);
        if (fits_it && (youngest == nullptr || f.next - youngest->next < 0x80000000U)) {
            youngest = &f;
        }
        return false;
    });
    if (youngest == nullptr || !still_right(*youngest)) {
        return nullptr;
    }
    const auto reference = (static_cast<std::uint32_t>(youngest - &flows_[0]) + 1) << 1U | 1U;
    flow_index_.erase(h, reference);
    youngest->in_ports.set(in.ports);
    flow_index_.insert(hash(NatWay::in, in), reference);
    youngest->used.set(now_);
    return youngest;
}

NatFlow* NatTable::make_expected(const NatKey& in) {
    auto* m = find_mapping(true, NatSide::inside, in.protocol, {in.local, in.local_port()}, 0);
    if (m == nullptr || m->expected == 0 || m->expected != in.remote || !usable(m) ||
        now_ - m->used.get() >= time_of(NatClass::tcp_opening)) {
        return nullptr;
    }
    const NatKey out{m->local.get(),
                     in.remote,
                     std::uint32_t{m->local_port.get()} << 16U | in.remote_port(),
                     in.protocol};
    auto* f = make(out, {in.local, in.local_port()}, in.ports);
    if (f == nullptr) {
        tallies.refused.add(1);
        return nullptr;
    }
    m->expected = 0;
    f->mapping = number_of(*m);
    f->rule.set(m->rule.get());
    ++m->flows;
    if (auto* share = share_of(f->rule.get()); share != nullptr) {
        share->sessions.add(1);
    }
    return f;
}

NatFlow* NatTable::make_fixed(const NatKey& out, NatEndpoint global) {
    // ESP's way back is known by another SPI, when it comes.
    const bool esp = out.protocol == kProtoEsp.value();
    auto* f = make(out, global, esp ? 0 : in_ports_of(out, global.port));
    if (f == nullptr) {
        tallies.refused.add(1);
        return nullptr;
    }
    f->kind.set(NatFlow::fixed);
    f->rule.set(0);
    return f;
}

FtpStream* NatTable::open_ftp(NatFlow& flow) {
    if (flow.ftp != 0) {
        return &ftp_[flow.ftp - 1U];
    }
    for (std::size_t i = 0; i < kFtpStreams; ++i) {
        if (!ftp_[i].taken) {
            ftp_[i] = {};
            ftp_[i].taken = true;
            flow.ftp = static_cast<std::uint16_t>(i + 1);
            return &ftp_[i];
        }
    }
    return nullptr;
}

void NatTable::end(NatFlow& f) {
    const auto at = static_cast<std::uint32_t>(&f - &flows_[0]);
    flow_index_.erase(hash(NatWay::out, key_of(f, NatWay::out)), (at + 1) << 1U);
    flow_index_.erase(hash(NatWay::in, key_of(f, NatWay::in)), (at + 1) << 1U | 1U);
    if (f.kind.get() == NatFlow::dynamic) {
        if (auto* share = share_of(f.rule.get()); share != nullptr) {
            share->sessions.add(~std::uint64_t{0});
        }
    }
    if (f.ftp != 0) {
        ftp_[f.ftp - 1U].taken = false;
        f.ftp = 0;
    }
    f.kind.set(NatFlow::free);
    f.next = free_flow_;
    free_flow_ = at;
    counted(-1);
    if (f.mapping != kNone) {
        auto& m = mappings_[f.mapping];
        if (--m.flows == 0 && m.expected == 0) {
            end(m);
        }
    }
}

void NatTable::counted(int change) {
    active_ = static_cast<std::uint32_t>(static_cast<int>(active_) + change);
    tallies.active.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(change)));
    if (active_ > tallies.peak.value()) {
        tallies.peak.add(active_ - tallies.peak.value());
    }
}

// ── control ──

std::span<const NatFlow> NatTable::flows() const {
    return {&flows_[0], flows_used_.get()};
}

std::span<const NatMapping> NatTable::mappings() const {
    return {&mappings_[0], mappings_used_.get()};
}

NatSession NatTable::describe(const NatFlow& f) const {
    NatSession s;
    s.protocol = IpProtocol{f.protocol.get()};
    s.inside_local = Ipv4Address{f.local.get()};
    s.inside_global = Ipv4Address{f.global.get()};
    s.outside_local = s.outside_global = Ipv4Address{f.remote.get()};
    const auto out = f.out_ports.get();
    const auto in = f.in_ports.get();
    if (has_ports(f.protocol.get()) || *s.protocol == kProtoIcmp) {
        s.inside_local_port = static_cast<std::uint16_t>(out >> 16U);
        s.inside_global_port = static_cast<std::uint16_t>(in >> 16U);
        // IOS: an ICMP line shows the global identifier on the outside, too.
        s.outside_local_port = s.outside_global_port =
            *s.protocol == kProtoIcmp ? s.inside_global_port : static_cast<std::uint16_t>(out);
    }
    s.rule = f.rule.get();
    s.created = nat_time(f.created.get());
    s.last_used = nat_time(f.used.get());
    s.expires = nat_time(std::uint64_t{f.used.get()} +
                         times_[static_cast<std::size_t>(f.time.get())].get());
    return s;
}

NatSession NatTable::describe(const NatMapping& m) const {
    NatSession s;
    const bool inside = m.side.get() == NatSide::inside;
    (inside ? s.inside_local : s.outside_local) = Ipv4Address{m.local.get()};
    (inside ? s.inside_global : s.outside_global) = Ipv4Address{m.global.get()};
    s.rule = m.rule.get();
    s.created = nat_time(m.created.get());
    s.last_used = nat_time(m.used.get());
    s.expires = nat_time(std::uint64_t{m.used.get()} +
                         times_[static_cast<std::size_t>(NatClass::address)].get());
    return s;
}

bool fits(const NatFilter& f, const NatSession& s) {
    const auto is = [](const auto& wanted, const auto& value) {
        return !wanted || *wanted == value;
    };
    return (!f.protocol || f.protocol == s.protocol) && is(f.inside_local, s.inside_local) &&
           is(f.inside_global, s.inside_global) && is(f.outside_local, s.outside_local) &&
           is(f.outside_global, s.outside_global) && is(f.inside_local_port, s.inside_local_port) &&
           is(f.inside_global_port, s.inside_global_port) &&
           is(f.outside_local_port, s.outside_local_port) &&
           is(f.outside_global_port, s.outside_global_port);
}

}  // namespace viaduct::dataplane
