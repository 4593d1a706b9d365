// The reliable transport (RFC 7868, 5.2): sequence numbers, acknowledgements, retransmission,
// conditional receive, and pacing.
#include <algorithm>

#include "controlplane/eigrp/process.h"
#include "dataplane/base/check.h"

namespace viaduct::eigrp {

namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kRtoStartMs =
    2000;  // IOS: the second INIT of the capture comes after 2.0 s
constexpr std::uint32_t kRtoMinimumMs = 200;
constexpr std::uint32_t kRtoMaximumMs = 5000;
constexpr unsigned kRetryLimit = 16;
constexpr std::size_t kMaximumQueue = 128;
constexpr auto kPacketizeDelay = milliseconds{10};
constexpr std::uint64_t kFlowTimerMinimumMs = 50;

std::string_view opcode_name(Opcode op) {
    switch (op) {
    case Opcode::update:
        return "UPDATE";
    case Opcode::request:
        return "REQUEST";
    case Opcode::query:
        return "QUERY";
    case Opcode::reply:
        return "REPLY";
    case Opcode::hello:
        return "HELLO";
    case Opcode::sia_query:
        return "SIAQUERY";
    case Opcode::sia_reply:
        return "SIAREPLY";
    }
    return "UNKNOWN";
}

}  // namespace

std::string_view Process::name_of(const Header& h) {
    return h.opcode == Opcode::hello && h.ack != 0 ? "ACK" : opcode_name(h.opcode);
}

// IOS shows it as "Pacing Time Un/Reliable": 40 bytes and a full packet at bandwidth-percent of the
// interface's bandwidth (T1: 0/15, 64 kbit/s: 10/380, tunnel of 9 kbit/s: 71/2702).
std::uint64_t Process::pacing_ms(const Interface& i, std::size_t bytes) {
    const std::uint64_t rate = std::uint64_t{std::max<std::uint32_t>(1, i.state.bandwidth_kbps)} *
                               std::max<std::uint8_t>(1, i.config.bandwidth_percent);
    return bytes * 8U * 100U / rate;
}

std::uint64_t Process::flow_timer_ms(const Interface& i) {
    const auto mean = i.neighbors.empty() ? 0 : i.srtt_sum / i.neighbors.size();
    return std::max(kFlowTimerMinimumMs, 4 * mean);
}

std::uint32_t Process::next_sequence() {
    // "The sequence number wraps around to one … (zero is reserved for unreliable transmission)."
    if (++sequence_ == 0) {
        sequence_ = 1;
    }
    return sequence_;
}

std::uint32_t Process::base_rto(const Neighbor& n) const {
    const Interface& i = *n.interface;
    const auto full =
        static_cast<std::uint32_t>(pacing_ms(i, std::size_t{i.state.ip_mtu} + kIpHeaderBytes));
    const auto six = 6 * std::max(n.srtt_ms, full);
    const auto rto = n.srtt_ms == 0 ? std::max(kRtoStartMs, six) : six;
    return std::clamp(rto, kRtoMinimumMs, kRtoMaximumMs);
}

void Process::make_ready(Neighbor& n) {
    if (!n.in_ready) {
        n.in_ready = true;
        n.interface->ready.push_back(n.id);
        want_flush(*n.interface);
    }
}

void Process::enqueue(Neighbor& n, std::shared_ptr<const OutPacket> packet) {
    if (n.queue.empty()) {
        ++n.interface->lagging;
    }
    n.queue.push_back({std::move(packet)});
    if (n.queue.size() == 1) {
        make_ready(n);
    }
}

void Process::on_ack(TimePoint now, Neighbor& n, std::uint32_t sequence) {
    if (n.queue.empty() || !n.queue.front().sent || n.queue.front().packet->sequence != sequence) {
        counters_.add(Counter::ignored_unexpected_ack);
        return;
    }
    const auto& head = n.queue.front();
    if (head.tries == 1) {
        const auto rtt = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
            std::chrono::duration_cast<milliseconds>(now - head.first_sent).count(), 1, 60000));
        n.interface->srtt_sum -= n.srtt_ms;
        n.srtt_ms = n.srtt_ms == 0 ? rtt : (7 * n.srtt_ms + rtt) / 8;
        n.interface->srtt_sum += n.srtt_ms;
    }
    const bool init = (head.packet->flags & kFlagInit) != 0;
    n.queue.pop_front();
    n.retries = 0;
    n.rto_ms = base_rto(n);
    timers_.cancel(key(Timer::retransmit, n.id));
    if (n.queue.empty()) {
        --n.interface->lagging;
        want_flush(*n.interface);
    } else {
        n.in_ready = false;
        make_ready(n);
    }
    if (init && n.state == NeighborState::pending) {
        neighbor_up(now, n);
    }
    if (n.catch_up && n.queue.size() < 2) {
        catch_ups_.push_back(n.id);
    }
}

// Sends the first packet of the queue, for the first time or again: always by unicast, and with the
// acknowledgement that we owe.
void Process::send_first(TimePoint now, Neighbor& n) {
    if (n.queue.empty()) {
        return;
    }
    auto& head = n.queue.front();
    Interface& i = *n.interface;
    if (head.tries == 0) {
        head.first_sent = now;
        n.rto_ms = base_rto(n);
    } else {
        ++n.retransmissions;
        ++i.retransmissions;
        ++n.retries;
        counters_.add(Counter::retransmitted);
        n.rto_ms = std::min(kRtoMaximumMs, n.rto_ms * 3 / 2);
    }
    ++head.tries;
    head.sent = true;
    Header h;
    h.opcode = head.packet->opcode;
    h.flags = head.packet->flags;
    h.sequence = head.packet->sequence;
    h.ack = std::exchange(n.ack_owed, 0);
    h.asn = asn_;
    Duration rto = milliseconds{n.rto_ms};
    if (now - n.last_heard >= n.hold * 2 / 3) {
        rto = std::min<Duration>(rto, n.hold / 60);
    }
    timers_.set(key(Timer::retransmit, n.id), now + rto);
    send(now, i, n.address, h, head.packet->tlvs, true);
}

void Process::on_retransmit(TimePoint now, Neighbor& n) {
    if (n.queue.empty()) {
        return;
    }
    // "This retransmission for each packet is tried 16 times after which … the neighbor relationship is
    // reset". IOS: and not before the hold time has passed since the first.
    if (n.retries >= kRetryLimit && now - n.queue.front().first_sent >= n.hold) {
        neighbor_down(now, n, "retry limit exceeded");
        return;
    }
    make_ready(n);
}

void Process::send_ack(TimePoint now, Neighbor& n) {
    Header h;
    h.opcode = Opcode::hello;
    h.ack = std::exchange(n.ack_owed, 0);
    h.asn = asn_;
    send(now, *n.interface, n.address, h, {}, false);
}

void Process::count_sent(Interface& i, const Header& h, Ipv4Address to) {
    switch (h.opcode) {
    case Opcode::update:
        counters_.add(Counter::update_sent);
        break;
    case Opcode::query:
        counters_.add(Counter::query_sent);
        break;
    case Opcode::reply:
        counters_.add(Counter::reply_sent);
        break;
    case Opcode::sia_query:
        counters_.add(Counter::sia_query_sent);
        break;
    case Opcode::sia_reply:
        counters_.add(Counter::sia_reply_sent);
        break;
    case Opcode::hello:
        counters_.add(h.ack != 0 ? Counter::ack_sent : Counter::hello_sent);
        break;
    case Opcode::request:
        break;
    }
    const bool multicast = to.is_multicast();
    if (h.sequence != 0) {
        ++(multicast ? i.multicast_sent : i.unicast_sent);
    } else {
        ++(multicast ? i.unreliable_multicast : i.unreliable_unicast);
    }
}

void Process::send(
    TimePoint now, Interface& i, Ipv4Address to, const Header& h, BytesView tlvs, bool paced) {
    count_sent(i, h, to);
    if (log_.enabled(Debug::eigrp_packets)) {
        log_.debug(Debug::eigrp_packets,
                   "EIGRP: Sending {} on {}{}{}",
                   name_of(h),
                   i.name.to_string(),
                   to.is_multicast() ? "" : " nbr ",
                   to.is_multicast() ? "" : to.to_string());
        log_.debug(Debug::eigrp_packets,
                   "  AS {}, Flags 0x{:X}, Seq {}/{} idbQ 0/0 iidbQ un/rely 0/{}",
                   asn_.value(),
                   h.flags,
                   h.sequence,
                   h.ack,
                   i.ready.size());
    }
    Bytes packet;
    const auto* key = i.keys ? i.keys->sending(calendar_, now) : nullptr;
    if (key != nullptr) {
        ByteWriter body;
        write_authentication(body, key->first);
        body.bytes(tlvs);
        packet = write_packet(h, body.view());
        sign(packet, key->second.secret);
        seal(packet);
    } else {
        packet = write_packet(h, tlvs);
    }
    if (paced) {
        const std::uint64_t bits_ns =
            (packet.size() + kIpHeaderBytes) * 8U * 100U * 1'000'000U /
            (std::uint64_t{std::max<std::uint32_t>(1, i.state.bandwidth_kbps)} *
             std::max<std::uint8_t>(1, i.config.bandwidth_percent));
        i.pace_until = std::max(i.pace_until, now) + Duration{static_cast<std::int64_t>(bits_ns)};
    }
    actions_.emplace_back(SendPacket{i.state.index, to, std::move(packet)});
}

bool Process::list_fits(const Interface& i) const {
    // Parameters 12, version 8, stub 6, list header 4, next multicast 8.
    return 38 + 5 * i.lagging <= body_limit(i);
}

// To all neighbours that are to get it. Those without a queue take the multicast; it stands in their
// queues as sent until they acknowledge it. The others get it by unicast, in order.
void Process::multicast(TimePoint now, Interface& i, std::shared_ptr<const OutPacket> packet) {
    const bool update = packet->opcode == Opcode::update;
    const bool all_lag = i.lagging == i.neighbors.size() && i.neighbors.size() > 1;
    const bool by_unicast = i.unicast_only || all_lag || (i.lagging != 0 && !list_fits(i));
    Header h;
    h.opcode = packet->opcode;
    h.sequence = packet->sequence;
    h.asn = asn_;
    if (!by_unicast && i.lagging != 0) {
        h.flags = kFlagConditionalReceive;
        ++i.conditional_sent;
        announce_conditional(now, i, packet->sequence);
    }
    if (!by_unicast) {
        send(now, i, kAllRouters, h, packet->tlvs, true);
    }
    for (auto& [address, n] : i.neighbors) {
        if (n->state != NeighborState::up || (update && n->catch_up)) {
            continue;
        }
        if (update && n->queue.size() >= kMaximumQueue) {
            // Too slow for single packets: it will read the log from here when its queue is empty.
            n->catch_up = CatchUp{i.told_before, false};
            ++i.catching_up;
            continue;
        }
        const bool takes_it = !by_unicast && !n->lagging();
        enqueue(*n, packet);
        if (takes_it) {
            auto& head = n->queue.front();
            head.sent = true;
            head.tries = 1;
            head.first_sent = now;
            n->in_ready = false;
            n->rto_ms = base_rto(*n);
            timers_.set(key(Timer::retransmit, n->id), now + milliseconds{n->rto_ms});
        }
    }
    if (!by_unicast) {
        // enqueue() listed them as ready; they are not.
        std::erase_if(i.ready, [&](NeighborId id) {
            const auto* n = find(id);
            return n == nullptr || !n->in_ready;
        });
    }
}

// The hello that goes before a conditional multicast: who is not to take it, and its number.
void Process::announce_conditional(TimePoint now, Interface& i, std::uint32_t sequence) {
    std::vector<Ipv4Address> lagging;
    for (const auto& [address, n] : i.neighbors) {
        if (n->lagging()) {
            lagging.push_back(address);
        }
    }
    ByteWriter body;
    write_parameters(body, {k_, i.hold_s});
    write_version(body, own_version());
    if (config_.stub.enabled) {
        write_stub(body, stub_flags());
    }
    write_sequence_list(body, lagging);
    write_next_multicast(body, sequence);
    Header h;
    h.opcode = Opcode::hello;
    h.asn = asn_;
    send(now, i, kAllRouters, h, body.view(), false);
}

bool Process::flush_updates(TimePoint now, Interface& i) {
    if (i.cursor == log_end()) {
        i.packetize_at = kNever;
        return false;
    }
    if (i.up == 0) {
        i.cursor = log_end();
        return false;
    }
    if (i.packetize_at == kNever) {
        i.packetize_at = now + kPacketizeDelay;
    }
    if (now < i.packetize_at) {
        timers_.set(key(Timer::flush, i.state.index.value()), i.packetize_at);
        return false;
    }
    const bool blocked = i.lagging != 0 && i.neighbors.size() > 1 &&
                         (i.lagging == i.neighbors.size() || !list_fits(i));
    if (blocked) {
        // "If all neighbors on the interface have a full queue, then EIGRP should reschedule the
        // transmission of the UPDATE once the queues are no longer full." The flow timer bounds that.
        if (i.blocked_since == kNever) {
            i.blocked_since = now;
        }
        const auto until = i.blocked_since + milliseconds{flow_timer_ms(i)};
        if (now < until) {
            timers_.set(key(Timer::flush, i.state.index.value()), until);
            return false;
        }
    }
    i.blocked_since = kNever;
    i.told_before = i.cursor;
    auto packet = packetize_update(i);
    if (i.cursor == log_end()) {
        i.packetize_at = kNever;
    }
    if (packet != nullptr) {
        multicast(now, i, std::move(packet));
        return true;
    }
    return i.cursor != log_end();
}

bool Process::flush_one(TimePoint now, Interface& i) {
    if (!i.queries.empty()) {
        if (i.up == 0) {
            i.queries.clear();
        } else if (auto packet = packetize_query(i); packet != nullptr) {
            multicast(now, i, std::move(packet));
            return true;
        }
    }
    if (!i.ready.empty()) {
        const auto id = i.ready.front();
        i.ready.pop_front();
        if (Neighbor* n = find(id); n != nullptr && n->in_ready) {
            n->in_ready = false;
            send_first(now, *n);
        }
        return true;
    }
    return flush_updates(now, i);
}

void Process::flush_interface(TimePoint now, Interface& i) {
    for (;;) {
        if (now < i.pace_until) {
            if (!i.ready.empty() || !i.queries.empty() || i.cursor != log_end()) {
                timers_.set(key(Timer::flush, i.state.index.value()), i.pace_until);
            }
            return;
        }
        if (!flush_one(now, i)) {
            return;
        }
    }
}

// Ends every input: turns what has changed into packets, and acknowledges what no packet did.
void Process::flush(TimePoint now) {
    for (;;) {
        for (const auto& [id, reason] : std::exchange(doomed_, {})) {
            if (Neighbor* n = find(id); n != nullptr) {
                neighbor_down(now, *n, reason);
            }
        }
        recompute_summaries(now);
        for (const auto id : std::exchange(unicasts_, {})) {
            if (Neighbor* n = find(id); n != nullptr) {
                packetize_neighbor(now, *n);
            }
        }
        for (const auto id : std::exchange(catch_ups_, {})) {
            if (Neighbor* n = find(id); n != nullptr) {
                packetize_catch_up(now, *n);
            }
        }
        for (auto& [index, i] : interfaces_) {
            if (flush_.erase(index) != 0 || i.cursor != log_end() || !i.queries.empty()) {
                flush_interface(now, i);
            }
        }
        if (doomed_.empty() && unicasts_.empty() && catch_ups_.empty() &&
            dirty_summaries_.empty()) {
            break;
        }
    }
    for (const auto id : std::exchange(acks_, {})) {
        if (Neighbor* n = find(id); n != nullptr && n->ack_owed != 0) {
            send_ack(now, *n);
        }
    }
    reap();
    compact_log();
}

}  // namespace viaduct::eigrp
