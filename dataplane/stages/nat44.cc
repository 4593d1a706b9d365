// Address translation, both ways. Three passes over a vector: hashes of the whole vector are made and their places in
// the index fetched; the records that they mean are fetched; then each packet is held against its record and
// rewritten. What finds no record goes through the rules (out) or the statics (in) one by one.
#include "dataplane/stages/nat44.h"

#include "dataplane/stages/send_on.h"

namespace viaduct::dataplane {

using nat44::End;
using nat44::Kind;
using nat44::Verdict;

namespace nat44 {

namespace {

bool matches(const Worker& w, const NatRule& rule, const PacketMeta& p, bool outside) {
    // A packet that goes to this router has no way out: it comes back in by whatever the rule says.
    const bool elsewhere = rule.config.out && rule.config.out->value() != p.out && p.out != 0;
    if (!outside && elsewhere) {
        return false;
    }
    // IOS: a list that does not exist translates nothing.
    const auto* acl = w.tables.acls.find(rule.config.match);
    return acl != nullptr && acl->permits(acl_key_of(p), w.index);
}

}  // namespace

const NatRule* rule_for(const Worker& w, const PacketMeta& p) {
    for (const auto& rule : w.nat.rules->inside) {
        if (matches(w, rule, p, false)) {
            return &rule;
        }
    }
    return nullptr;
}

namespace {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;

NatEndpoint global_of(const NatFlow& f) {
    return {f.global.get(), static_cast<std::uint16_t>(f.in_ports.get() >> 16U)};
}

NatEndpoint local_of(const NatFlow& f) {
    return {f.local.get(), static_cast<std::uint16_t>(f.out_ports.get() >> 16U)};
}

/// TCP's progress, as far as its time-out goes by it.
void follow(NatFlow& f, std::uint8_t flags, NatWay way) {
    auto state = f.state;
    if ((flags & (kSyn | kAck | kRst)) == kSyn && f.time.get() == NatClass::tcp_finished) {
        state &= NatFlow::kHairpin;  // the same ports once more
    }
    if (way == NatWay::in) {
        state |= NatFlow::kAnswered;
    }
    if ((flags & kFin) != 0) {
        state |= way == NatWay::out ? NatFlow::kFinOut : NatFlow::kFinIn;
    }
    // RFC 7857, section 2.2: after a RST that was not meant for it, the connection goes on.
    state = static_cast<std::uint8_t>((flags & kRst) != 0 ? state | NatFlow::kReset
                                                          : state & ~NatFlow::kReset);
    f.state = state;
    constexpr std::uint8_t kFins = NatFlow::kFinOut | NatFlow::kFinIn;
    const bool finished = (state & NatFlow::kReset) != 0 || (state & kFins) == kFins;
    f.time.set(finished                            ? NatClass::tcp_finished
               : (state & NatFlow::kAnswered) == 0 ? NatClass::tcp_opening
               : (state & kFins) != 0              ? NatClass::tcp_half_closed
                                                   : NatClass::tcp);
}

inline void follow(NatFlow& f, const PacketMeta& p, NatWay way) {
    if (p.protocol == kProtoTcp.value()) {
        const auto flags = layer4(p)[wire::kTcpFlags];
        if (f.time.get() != NatClass::tcp || (flags & (kFin | kSyn | kRst)) != 0) {
            follow(f, flags, way);
        }
    }
}

/// True: some rule is for this packet, whatever its ports are.
bool is_wanted(const Worker& w, const PacketMeta& p) {
    const auto& rules = *w.nat.rules;
    return rules.to_global(NatSide::inside, p.protocol, {p.source, 0}) ||
           rule_for(w, p) != nullptr || rules.has_outside || rules.has_port_statics;
}

bool refuse(Worker& w, const PacketMeta& p, Drop why) {
    w.drop(p, why);
    return false;
}

/// The inside global endpoint of this packet's source, made where a rule says so. `unchanged`: no rule does.
Verdict source_of(
    Worker& w, const PacketMeta& p, const NatKey& key, NatEndpoint& to, NatFlow*& flow) {
    auto& table = *w.nat.table;
    flow = table.find(NatWay::out, key);
    if (flow != nullptr) {
        w.nat.table->tallies.hits.add(1);
        to = global_of(*flow);
        return Verdict::translated;
    }
    const NatEndpoint local{key.local,
                            has_local_port(key.protocol) ? key.local_port() : std::uint16_t{0}};
    if (const auto fixed = w.nat.rules->to_global(NatSide::inside, key.protocol, local); fixed) {
        to = *fixed;
        if (!w.nat.rules->gates.empty()) {
            flow = table.make_fixed(key, to);
        }
        return Verdict::translated;
    }
    const auto* rule = rule_for(w, p);
    if (rule == nullptr) {
        if (!w.nat.rules->gates.empty()) {
            flow = table.make_fixed(key, local);
        }
        return Verdict::unchanged;
    }
    if (rule->config.range.first.is_unspecified()) {
        refuse(w, p, Drop::nat44_no_address);
        return Verdict::gone;
    }
    auto why = Drop::kCount;
    if (rule->config.overload) {
        const auto made = table.make_out(*rule, key);
        flow = made.flow;
        why = made.why;
        to = flow != nullptr ? global_of(*flow) : NatEndpoint{};
    } else if (const auto known =
                   table.find_address(NatSide::inside, false, key.local, rule->config.id);
               known) {
        to = {*known, local.port};
    } else {
        const auto made = table.make_address(NatSide::inside, *rule, key.local);
        why = made.why;
        to = {made.address, local.port};
    }
    if (why != Drop::kCount) {
        refuse(w, p, why);
        return Verdict::gone;
    }
    return Verdict::translated;
}

/// On to the port where nothing else is asked of the way out.
inline void leave(Worker& w, Place at) {
    auto& p = w.frame[at];
    const auto& hop = *w.next_hops.at(p.next_hop);
    if (hop.way == NextHopRecord::Way::nat44 && p.length <= hop.mtu) [[likely]] {
        send_whole(w, p, hop.port, hop.l2);
    } else {
        w.frame.output_features.push(at);
    }
}

/// To another inside host by its global address (RFC 4787, REQ-9): out and in again, in one go.
void hairpin(Worker& w, Place at, const NatKey& key) {
    auto& p = w.frame[at];
    NatEndpoint to;
    NatFlow* flow = nullptr;
    const auto verdict = source_of(w, p, key, to, flow);
    if (verdict == Verdict::gone) {
        return;
    }
    if (flow != nullptr) {
        flow->state |= NatFlow::kHairpin;
        follow(*flow, p, NatWay::out);
    }
    if (verdict == Verdict::translated) {
        rewrite(p, End::source, to);
    }
    NatKey in;
    (void)key_of(p, NatWay::in, in);
    auto* other = w.nat.table->find(NatWay::in, in);
    const auto back = other != nullptr ? local_of(*other) : known_local(w, in);
    if (!back) {
        refuse(w, p, Drop::nat44_no_translation);
        return;
    }
    if (other != nullptr) {
        follow(*other, p, NatWay::in);
        if (flow != nullptr && p.protocol == kProtoTcp.value() &&
            (other->state & NatFlow::kAnswered) != 0) {
            flow->state |= other->state & NatFlow::kAnswered;
        }
    }
    rewrite(p, End::destination, *back);
    if (w.next_hops.at(p.next_hop)->kind != NextHop::Kind::local) {
        // Its route to the global address took one already, and it is one router that it passes.
        auto* ttl = p.l3 + wire::kIpTtl;
        const auto old = wire::read16(ttl);
        wire::write16(ttl, static_cast<std::uint16_t>(old + 0x0100U));
        mend(p.l3 + wire::kIpChecksum, change_of(old, wire::read16(ttl)));
    }
    p.set(kNatDone);  // no redirect, for the sender cannot do without us
    w.frame.route.push(at);
}

/// True: the destination is an inside host's global endpoint.
bool means_inside(Worker& w, const PacketMeta& p, const NatKey& key) {
    const auto& rules = *w.nat.rules;
    if (!rules.is_global(p.destination)) {
        return false;
    }
    const NatEndpoint global{p.destination,
                             has_ports(key.protocol) ? key.remote_port() : std::uint16_t{0}};
    return rules.to_local(NatSide::inside, key.protocol, global).has_value() ||
           w.nat.table->has_mapping(key.protocol, global);
}

void drop_or_pass_error(Worker& w, Place at, bool local) {
    auto& p = w.frame[at];
    if (translate_error(w, p, NatWay::out) == Verdict::unchanged && !local && is_wanted(w, p)) {
        // RFC 5508, REQ-5: "If a NAT device receives an ICMP Error packet from the private realm, and the NAT does not
        // have an active mapping for the embedded payload, the NAT SHOULD silently drop the ICMP Error packet".
        refuse(w, p, Drop::nat44_no_translation);
        return;
    }
    if (local) {
        w.frame.local.push(at);
    } else {
        leave(w, at);
    }
}

/// The worker whose table knows this key.
unsigned owner_of(const Worker& w, NatWay way, const NatKey& key) {
    const auto& rules = *w.nat.rules;
    const auto by_host = [&](std::uint32_t local) {
        return static_cast<unsigned>((local * 0x9E3779B97F4A7C15U) >> 40U) % w.tables.workers;
    };
    if (rules.single_owner || !has_local_port(key.protocol)) {
        return 0;
    }
    if (way == NatWay::out) {
        return by_host(key.local);
    }
    const auto fixed = rules.to_local(NatSide::inside, key.protocol, {key.local, key.local_port()});
    return fixed ? by_host(fixed->address) : key.local_port() % w.tables.workers;
}

/// Several workers: true when the packet is another one's now. What must be put together first stays.
bool handed_over(Worker& w, const PacketMeta& p, NatWay way) {
    NatKey key;
    const auto kind = key_of(p, way, key);
    if (kind == Kind::icmp_error) {
        const auto about = key_of_error(p, way);
        key = about.value_or(key);
    }
    const bool known = kind == Kind::keyed || (kind == Kind::icmp_error && key.protocol != 0);
    if (!known || (way == NatWay::in && !w.nat.rules->is_global(key.local))) {
        return false;
    }
    const auto owner = owner_of(w, way, key);
    if (owner == w.index) {
        return false;
    }
    w.hand_over(
        p, owner, way == NatWay::out ? Parcel::Resume::nat44_out : Parcel::Resume::nat44_in);
    return true;
}

/// Everything but a packet of a flow that is known.
void out_slowly(Worker& w, Place at) {
    auto& f = w.frame;
    const bool local = w.next_hops.at(f[at].next_hop)->kind == NextHop::Kind::local;
    NatKey key;
    auto kind = key_of(f[at], NatWay::out, key);
    if (kind == Kind::fragment) {
        const bool wanted = local ? w.nat.rules->is_global(f[at].destination) : is_wanted(w, f[at]);
        if (!wanted) {
            (local ? f.local : f.output_features).push(at);
            return;
        }
        if (!w.nat.reassembly.add(w, f[at]) || (w.shared && handed_over(w, f[at], NatWay::out))) {
            return;
        }
        kind = key_of(f[at], NatWay::out, key);
    }
    auto& p = f[at];
    if (kind == Kind::icmp_error) {
        drop_or_pass_error(w, at, local);
        return;
    }
    if (kind == Kind::malformed) {
        if (local) {
            f.local.push(at);
        } else if (is_wanted(w, p)) {
            refuse(w, p, Drop::nat44_malformed);
        } else {
            leave(w, at);
        }
        return;
    }
    if (means_inside(w, p, key)) {
        hairpin(w, at, key);
        return;
    }
    if (local) {
        f.local.push(at);
        return;
    }
    const NatEndpoint remote{p.destination,
                             has_ports(p.protocol) ? key.remote_port() : std::uint16_t{0}};
    const auto outside = outside_to_global(w, p.protocol, remote);
    key.remote = outside.address;
    if (has_ports(p.protocol)) {
        key.ports = (key.ports & 0xFFFF0000U) | outside.port;
    }
    NatEndpoint to;
    NatFlow* flow = nullptr;
    const auto verdict = source_of(w, p, key, to, flow);
    if (verdict == Verdict::gone) {
        return;
    }
    if (flow == nullptr && verdict == Verdict::translated && is_ftp(key)) {
        flow = w.nat.table->make_fixed(key, to);
    }
    if (flow != nullptr) {
        follow(*flow, p, NatWay::out);
        if (const auto why = is_ftp(*flow) ? ftp_out(w, p, *flow) : Drop::kCount;
            why != Drop::kCount) {
            refuse(w, p, why);
            return;
        }
    }
    if (verdict == Verdict::translated) {
        rewrite(p, End::source, to);
    }
    if (outside != remote) {
        const auto id = verdict == Verdict::translated ? to.port : key.local_port();
        rewrite(p,
                End::destination,
                {outside.address, p.protocol == kProtoIcmp.value() ? id : outside.port});
    }
    leave(w, at);
}

/// What a packet's outside global source is to the inside, made where a rule says so.
Verdict outside_local_of(Worker& w, const PacketMeta& p, NatEndpoint global, NatEndpoint& to) {
    const auto& rules = *w.nat.rules;
    if (const auto fixed = rules.to_local(NatSide::outside, p.protocol, global); fixed) {
        to = *fixed;
        return Verdict::translated;
    }
    for (const auto& rule : rules.outside) {
        if (!matches(w, rule, p, true)) {
            continue;
        }
        if (rule.config.range.first.is_unspecified()) {
            refuse(w, p, Drop::nat44_no_address);
            return Verdict::gone;
        }
        const auto known =
            w.nat.table->find_address(NatSide::outside, true, global.address, rule.config.id);
        const auto made = known ? NatTable::Address{*known, Drop::kCount}
                                : w.nat.table->make_address(NatSide::outside, rule, global.address);
        if (made.why != Drop::kCount) {
            refuse(w, p, made.why);
            return Verdict::gone;
        }
        to = {made.address, global.port};
        return Verdict::translated;
    }
    return Verdict::unchanged;
}

/// A packet that comes in by an outside interface and has no flow. True: it goes on, translated or not.
bool in_slowly(Worker& w, PacketMeta& p) {
    NatKey key;
    auto kind = key_of(p, NatWay::in, key);
    const auto& rules = *w.nat.rules;
    if (kind == Kind::fragment) {
        if (!rules.is_global(p.destination) && !rules.has_outside && rules.gates.empty()) {
            return true;
        }
        if (!w.nat.reassembly.add(w, p) || (w.shared && handed_over(w, p, NatWay::in))) {
            return false;
        }
        kind = key_of(p, NatWay::in, key);
    }
    if (kind == Kind::icmp_error) {
        return translate_error(w, p, NatWay::in) == Verdict::translated || gate_open(w, p, false);
    }
    if (kind == Kind::malformed || p.has(kOurs)) {
        return p.has(kOurs) || gate_open(w, p, false);
    }
    const bool ports = has_ports(p.protocol);
    const NatEndpoint remote{p.source, ports ? key.remote_port() : std::uint16_t{0}};
    auto* flow = w.nat.table->find(NatWay::in, key);
    if (flow == nullptr && p.protocol == kProtoEsp.value() && w.sas.inbound(key.ports) == nullptr) {
        flow = w.nat.table->bind_esp(key);
    }
    if (flow == nullptr && p.protocol == kProtoTcp.value()) {
        flow = w.nat.table->make_expected(key);
    }
    const auto to = flow != nullptr ? std::optional(local_of(*flow)) : known_local(w, key);
    if (flow == nullptr && !gate_open(w, p, to.has_value())) {
        return false;
    }
    if (flow == nullptr && to && is_ftp(key)) {
        const NatKey out{to->address,
                         key.remote,
                         std::uint32_t{to->port} << 16U | key.remote_port(),
                         key.protocol};
        flow = w.nat.table->make_fixed(out, {key.local, key.local_port()});
    }
    if (flow != nullptr) {
        follow(*flow, p, NatWay::in);
        if (is_ftp(*flow)) {
            ftp_in(w, p, *flow);
        }
    }
    if (to) {
        rewrite(p, End::destination, *to);
        w.nat.table->tallies.hits.add(1);
    }
    if (!rules.has_outside) {
        return true;
    }
    NatEndpoint outside;
    const auto verdict = outside_local_of(w, p, remote, outside);
    if (verdict == Verdict::translated) {
        // The identifier of an ICMP query is the inside end's.
        const auto id = to ? to->port : key.local_port();
        rewrite(p,
                End::source,
                {outside.address, p.protocol == kProtoIcmp.value() ? id : outside.port});
    }
    return verdict != Verdict::gone;
}

}  // namespace

std::optional<NatEndpoint> known_local(Worker& w, const NatKey& in) {
    if (const auto* f = w.nat.table->find(NatWay::in, in); f != nullptr) {
        return local_of(*f);
    }
    const NatEndpoint global{in.local,
                             has_local_port(in.protocol) ? in.local_port() : std::uint16_t{0}};
    if (const auto fixed = w.nat.rules->to_local(NatSide::inside, in.protocol, global); fixed) {
        return fixed;
    }
    if (const auto address = w.nat.table->find_address(NatSide::inside, true, in.local, 0);
        address) {
        return NatEndpoint{*address, global.port};
    }
    return std::nullopt;
}

std::optional<NatEndpoint> known_global(Worker& w, const NatKey& out) {
    if (const auto* f = w.nat.table->find(NatWay::out, out); f != nullptr) {
        return global_of(*f);
    }
    const NatEndpoint local{out.local,
                            has_local_port(out.protocol) ? out.local_port() : std::uint16_t{0}};
    if (const auto fixed = w.nat.rules->to_global(NatSide::inside, out.protocol, local); fixed) {
        return fixed;
    }
    for (const auto& rule : w.nat.rules->inside) {
        const auto address =
            rule.config.overload
                ? std::nullopt
                : w.nat.table->find_address(NatSide::inside, false, out.local, rule.config.id);
        if (address) {
            return NatEndpoint{*address, local.port};
        }
    }
    return std::nullopt;
}

NatEndpoint outside_to_global(Worker& w, std::uint8_t protocol, NatEndpoint local) {
    const auto& rules = *w.nat.rules;
    if (!rules.has_outside) {
        return local;
    }
    if (const auto fixed = rules.to_global(NatSide::outside, protocol, local); fixed) {
        return *fixed;
    }
    const auto address = w.nat.table->find_address(NatSide::outside, false, local.address, 0);
    return {address.value_or(local.address), local.port};
}

}  // namespace nat44

void begin_nat_turn(Worker& w) {
    const auto* rules = w.tables.nat.rules();
    if (rules == nullptr) {
        return;
    }
    auto* table = rules->tables.empty() ? nullptr : rules->tables[w.index];
    auto& nat = w.nat;
    if (table != nat.table && nat.table != nullptr) {
        if (table != nullptr) {
            table->adopt(*nat.table);
        } else {
            nat.table->end_all(*rules);
        }
    }
    nat.rules = rules;
    nat.table = table;
    w.tables.nat.settled(w.index, rules->generation);
    if (table != nullptr) {
        table->begin_turn(*rules, nat_tick(w.now.time_since_epoch()));
    }
}

namespace {

/// What the first pass found for each packet of the vector.
enum Plan : Place {
    kPlain,  // it has a key and a hash
    kSlow,  // one by one
    kPass,  // not ours to change
    kGone,  // another worker's
};

Plan plan_out(Worker& w, const PacketMeta& p, NatKey& key) {
    if (w.nat.table == nullptr) {
        return kPass;
    }
    if ((w.interface(p.in).features & kNatInside) == 0 || p.has(kOurs)) {
        return p.has(kOurs) && nat44::is_icmp_error(p) ? kSlow : kPass;
    }
    if (w.shared && nat44::handed_over(w, p, NatWay::out)) {
        return kGone;
    }
    const bool plain = !w.nat.rules->has_outside && nat44::plain_key_of(p, NatWay::out, key) &&
                       w.next_hops.at(p.next_hop)->kind != NextHop::Kind::local;
    return plain ? kPlain : kSlow;
}

Plan plan_in(Worker& w, const PacketMeta& p, NatKey& key) {
    if (w.nat.table == nullptr) {
        return kPass;
    }
    if (w.shared && nat44::handed_over(w, p, NatWay::in)) {
        return kGone;
    }
    const bool plain =
        !w.nat.rules->has_outside && !p.has(kOurs) && nat44::plain_key_of(p, NatWay::in, key);
    return plain ? kPlain : kSlow;
}

/// The first two passes.
template <typename PlanOf>
void look_ahead(Worker& w, std::span<const Place> places, NatWay way, PlanOf&& plan_of) {
    auto& keys = w.scratch.nat_keys;
    auto& hashes = w.scratch.numbers;
    auto& plans = w.scratch.places;
    auto* table = w.nat.table;
    for (std::size_t i = 0; i < places.size(); ++i) {
        plans[i] = plan_of(w, w.frame[places[i]], keys[i]);
        if (plans[i] == kPlain) [[likely]] {
            hashes[i] = table->hash(way, keys[i]);
            table->prefetch(hashes[i]);
        }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (plans[i] == kPlain) [[likely]] {
            table->prefetch_flow(hashes[i]);
        }
    }
}

}  // namespace

void nat44_out(Worker& w) {
    auto& f = w.frame;
    const auto places = f.nat44_out.places();
    look_ahead(w, places, NatWay::out, plan_out);
    auto* table = w.nat.table;
    std::uint64_t hits = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        const auto plan = w.scratch.places[i];
        if (plan == kPlain) [[likely]] {
            const auto& key = w.scratch.nat_keys[i];
            auto* flow = table->find(NatWay::out, key, w.scratch.numbers[i]);
            if (flow != nullptr && (flow->state & NatFlow::kHairpin) == 0 && !nat44::is_ftp(key))
                [[likely]] {
                ++hits;
                nat44::follow(*flow, p, NatWay::out);
                nat44::rewrite_plain(p, End::source, nat44::global_of(*flow));
                nat44::leave(w, places[i]);
                continue;
            }
        }
        if (plan == kPass || (plan == kSlow && p.has(kOurs))) {
            if (plan == kSlow) {
                (void)nat44::translate_error(w, p, NatWay::out);
            }
            f.output_features.push(places[i]);
        } else if (plan != kGone) {
            nat44::out_slowly(w, places[i]);
        }
    }
    if (table != nullptr) {
        table->tallies.hits.add(hits);
    }
    f.nat44_out.clear();
}

namespace {

/// False: the packet is gone.
bool in_one(Worker& w, std::size_t i, PacketMeta& p, std::uint64_t& hits) {
    const auto plan = w.scratch.places[i];
    if (plan == kPlain) [[likely]] {
        const auto& key = w.scratch.nat_keys[i];
        auto* flow = w.nat.table->find(NatWay::in, key, w.scratch.numbers[i]);
        if (flow != nullptr && !nat44::is_ftp(key)) [[likely]] {
            ++hits;
            nat44::follow(*flow, p, NatWay::in);
            nat44::rewrite_plain(p, End::destination, nat44::local_of(*flow));
            return true;
        }
    }
    return plan == kPass || (plan != kGone && nat44::in_slowly(w, p));
}

}  // namespace

void nat44_in(Worker& w) {
    auto& f = w.frame;
    const auto places = f.nat44_in.places();
    look_ahead(w, places, NatWay::in, plan_in);
    std::uint64_t hits = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        if (!in_one(w, i, p, hits)) {
            continue;
        }
        if (p.has(kOurs | kLinkBroadcast)) {
            f.route.push(places[i]);
        } else {
            prefetch(w.routes.root_entry(p.destination));
            f.straight.push(places[i]);
        }
    }
    if (w.nat.table != nullptr) {
        w.nat.table->tallies.hits.add(hits);
    }
    f.nat44_in.clear();
}

}  // namespace viaduct::dataplane
