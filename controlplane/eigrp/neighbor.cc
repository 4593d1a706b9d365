// Hellos and adjacencies (RFC 7868, 5.3).
#include <algorithm>

#include "controlplane/eigrp/process.h"
#include "dataplane/base/check.h"

namespace viaduct::eigrp {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// The INIT packet waits for the expedited hello to be taken in: from a router that is not its
/// neighbour yet, the other end drops it, and that costs a retransmission time-out.
constexpr auto kStartDelay = milliseconds{20};
/// An INIT with the number of the adjacency's own INIT is a duplicate for so long, later a restart.
constexpr auto kInitDuplicateTime = seconds{10};
/// For so long an older INIT may still be under way from before.
constexpr auto kInitStaleTime = seconds{1};
/// With more neighbours the expedited hello goes to the new one alone.
constexpr std::size_t kMulticastHelloNeighbors = 8;

}  // namespace

Neighbor* Process::find(NeighborId id) {
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? nullptr : it->second;
}

const Neighbor* Process::neighbor(NeighborId id) const {
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? nullptr : it->second;
}

Neighbor* Process::find(Interface& i, Ipv4Address a) {
    const auto it = i.neighbors.find(a);
    return it == i.neighbors.end() ? nullptr : it->second.get();
}

bool Process::takes_wide(const Neighbor& n) const {
    return options_.wide_metrics && n.version_known && n.version.tlv_major >= 2;
}

SoftwareVersion Process::own_version() const {
    SoftwareVersion v;
    if (options_.wide_metrics) {
        v.tlv_major = 2;
        v.tlv_minor = 0;
    }
    return v;
}

std::uint16_t Process::stub_flags() const {
    const auto& s = config_.stub;
    if (s.receive_only) {
        return kStubReceiveOnly;
    }
    unsigned flags = 0;
    flags |= s.connected ? kStubConnected : 0U;
    flags |= s.static_routes ? kStubStatic : 0U;
    flags |= s.summary ? kStubSummary : 0U;
    flags |= s.redistributed ? kStubRedistributed : 0U;
    return static_cast<std::uint16_t>(flags);
}

void Process::log_neighbor(const Neighbor& n, bool up, std::string_view why) {
    log_.debug(Debug::eigrp_neighbors,
               "EIGRP: Neighbor {} ({}) is {}: {}",
               n.address.to_string(),
               n.interface->name.to_string(),
               up ? "up" : "down",
               why);
    if (config_.log_neighbor_changes) {
        log_.message("DUAL",
                     Severity::notifications,
                     "NBRCHANGE",
                     "IP-EIGRP(0) {}: Neighbor {} ({}) is {}: {}",
                     asn_.value(),
                     n.address.to_string(),
                     n.interface->name.to_string(),
                     up ? "up" : "down",
                     why);
    }
}

void Process::transmit_hello(TimePoint now, Interface& i, const KValues& k, Ipv4Address to) {
    ByteWriter body;
    write_parameters(body, {k, i.hold_s});
    write_version(body, own_version());
    if (config_.stub.enabled) {
        write_stub(body, stub_flags());
    }
    Header h;
    h.opcode = Opcode::hello;
    h.asn = asn_;
    send(now, i, to, h, body.view(), false);
}

void Process::send_hello(TimePoint now, Interface& i) {
    i.last_hello = now;
    if (now < suspended_until_) {
        return;
    }
    if (!i.unicast_only) {
        transmit_hello(now, i, k_, kAllRouters);
        return;
    }
    for (const auto a : i.static_neighbors) {
        transmit_hello(now, i, k_, a);
    }
}

void Process::schedule_hello(TimePoint now, Interface& i) {
    // Captures of IOS have 4.3 to 5.0 s between hellos of 5 s.
    const std::int64_t full = std::int64_t{i.hello_s} * 1'000'000'000;
    const auto early =
        static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(full) * 14 / 100 + 1));
    timers_.set(key(Timer::hello, i.state.index.value()), now + Duration{full - early});
}

Neighbor& Process::new_neighbor(TimePoint now, Interface& i, Ipv4Address a, const Packet* hello) {
    auto owned = std::make_unique<Neighbor>();
    Neighbor& n = *owned;
    n.id = next_id_++;
    n.address = a;
    n.interface = &i;
    n.since = now;
    n.last_heard = now;
    n.last_update = now;
    n.hold = seconds{i.hold_s};
    n.serial = next_serial_++;
    i.neighbors[a] = std::move(owned);
    by_id_[n.id] = &n;
    n.rto_ms = base_rto(n);
    if (hello != nullptr) {
        take_hello(now, n, *hello);
    }
    timers_.set(key(Timer::hold, n.id), now + n.hold * 2 / 3);
    log_neighbor(n, true, "new adjacency");
    return n;
}

void Process::start_neighbor(TimePoint now, Neighbor& n) {
    (void)now;
    if (n.started) {
        return;
    }
    n.started = true;
    timers_.cancel(key(Timer::start, n.id));
    // "The initial NULL UPDATE packet sent MUST have the INIT-flag set and containing no topology
    // information."
    Body b{ByteWriter{}, 0};
    auto init = new_packet(Opcode::update, kFlagInit, b);
    n.own_init_sequence = init->sequence;
    enqueue(n, std::move(init));
}

void Process::neighbor_up(TimePoint now, Neighbor& n) {
    (void)now;
    Interface& i = *n.interface;
    n.state = NeighborState::up;
    if (i.up == 0) {
        i.cursor = log_end();
    }
    ++i.up;
    if (n.stub) {
        ++i.stubs;
    }
    n.catch_up = CatchUp{};
    ++i.catching_up;
    catch_ups_.push_back(n.id);
}

// Takes over what the hello says about its sender.
void Process::take_hello(TimePoint now, Neighbor& n, const Packet& hello) {
    (void)now;
    n.hold = seconds{std::max<std::uint16_t>(1, hello.parameters->hold_s)};
    if (hello.version) {
        const bool before = takes_wide(n);
        n.version = *hello.version;
        n.version_known = true;
        if (takes_wide(n) != before) {
            n.interface->wide += takes_wide(n) ? 1 : -1;
        }
    }
    const bool stub_before = n.stub.has_value();
    n.stub = hello.stub;
    if (n.state == NeighborState::up && stub_before != n.stub.has_value()) {
        n.interface->stubs += n.stub ? 1 : -1;
    }
}

void Process::heard(TimePoint now, Neighbor& n) {
    n.last_heard = now;
}

void Process::on_hello(TimePoint now, Interface& i, Ipv4Address source, const Packet& p) {
    Neighbor* n = find(i, source);
    if (!p.parameters) {
        drop(now, Counter::drop_hello_without_parameters, &i, source);
        return;
    }
    if (p.parameters->k == kGoodbyeK) {
        if (n != nullptr) {
            neighbor_down(now, *n, "Interface Goodbye received");
        }
        return;
    }
    if (p.parameters->k != k_) {
        if (n != nullptr) {
            neighbor_down(now, *n, "K-value mismatch");
        }
        drop(now, Counter::drop_k_values, &i, source);
        return;
    }
    const auto& ended = p.terminated;
    if (n != nullptr && std::find(ended.begin(), ended.end(), i.state.address) != ended.end()) {
        neighbor_down(now, *n, "Peer Termination received");
        return;
    }
    if (n == nullptr) {
        if (by_id_.size() >= options_.maximum_neighbors) {
            drop(now, Counter::drop_neighbor_limit, &i, source);
            return;
        }
        n = &new_neighbor(now, i, source, &p);
        // "Router B sends an expedited HELLO and starts the process of sending its topology table".
        const bool alone = i.unicast_only || i.neighbors.size() > kMulticastHelloNeighbors;
        transmit_hello(now, i, k_, alone ? source : kAllRouters);
        timers_.set(key(Timer::start, n->id), now + kStartDelay);
    } else {
        heard(now, *n);
        take_hello(now, *n, p);
    }
    on_sequence_list(i, *n, p);
}

// RFC 7868, 5.2: whoever is not in the list may take the next multicast packet with the CR flag.
void Process::on_sequence_list(Interface& i, Neighbor& n, const Packet& p) {
    if (!p.sequence_list) {
        return;
    }
    const auto& list = *p.sequence_list;
    const bool listed = std::find(list.begin(), list.end(), i.state.address) != list.end();
    n.conditional = listed ? std::nullopt : p.next_multicast;
    n.conditional_any = !listed && !p.next_multicast;
}

void Process::on_hold_timer(TimePoint now, Neighbor& n) {
    const auto silent = now - n.last_heard;
    if (silent >= n.hold) {
        neighbor_down(now, n, "holding time expired");
        return;
    }
    if (n.state == NeighborState::up && !n.init_received && now - n.since >= n.hold) {
        neighbor_down(now, n, "stuck in INIT state");
        return;
    }
    if (silent < n.hold * 2 / 3) {
        timers_.set(key(Timer::hold, n.id), n.last_heard + n.hold * 2 / 3);
        return;
    }
    // IOS would only wait. On a link that loses every fifth packet three hellos in a row are lost a
    // hundred times a day; so we ask for a sign of life with an empty reliable update, which any
    // neighbour acknowledges, and repeat it quickly (send_first). (D9)
    if (n.state == NeighborState::up && n.queue.empty()) {
        counters_.add(Counter::liveness_probe_sent);
        Body b{ByteWriter{}, 0};
        enqueue(n, new_packet(Opcode::update, 0, b));
    } else if (!n.queue.empty() && !n.in_ready) {
        make_ready(n);
    }
    timers_.set(key(Timer::hold, n.id), n.last_heard + n.hold);
}

// The one door out of an adjacency.
void Process::neighbor_down(TimePoint now, Neighbor& n, std::string_view reason) {
    log_neighbor(n, false, reason);
    Interface& i = *n.interface;
    const auto id = n.id;
    for (const auto t : {Timer::hold, Timer::retransmit, Timer::start}) {
        timers_.cancel(key(t, id));
    }
    if (n.lagging()) {
        --i.lagging;
    }
    if (n.catch_up) {
        --i.catching_up;
    }
    if (n.state == NeighborState::up) {
        --i.up;
        i.stubs -= n.stub ? 1U : 0U;
    }
    i.wide -= takes_wide(n) ? 1U : 0U;
    i.srtt_sum -= n.srtt_ms;
    by_id_.erase(id);
    i.neighbors.erase(n.address);
    want_flush(i);
    forget_paths(now, id);
}

void Process::forget_paths(TimePoint now, NeighborId id) {
    for (auto& [prefix, r] : routes_) {
        const auto removed =
            std::erase_if(r.paths, [id](const Path& p) { return p.neighbor == id; });
        const bool waited =
            r.is_active() &&
            (r.active->reply_to == id ||
             std::binary_search(r.active->pending.begin(), r.active->pending.end(), id));
        if (removed != 0 || waited) {
            dual(now, r, {Input::Kind::neighbor_down, id});
        }
    }
}

bool Process::recently_started(TimePoint now, const Neighbor& n) {
    return now - n.since < kInitDuplicateTime;
}

bool Process::just_started(TimePoint now, const Neighbor& n) {
    return now - n.since < kInitStaleTime;
}

void Process::clear_neighbors(TimePoint now,
                              std::optional<Ipv4Address> address,
                              const std::optional<config::InterfaceName>& interface) {
    suspended_until_ = {};
    suspensions_ = 0;
    std::vector<NeighborId> ids;
    for (const auto& [index, i] : interfaces_) {
        for (const auto& [a, n] : i.neighbors) {
            if ((!address || *address == a) && (!interface || *interface == i.name)) {
                ids.push_back(n->id);
            }
        }
    }
    for (const auto id : ids) {
        doomed_.emplace_back(id, "manually cleared");
    }
    flush(now);
}

}  // namespace viaduct::eigrp
