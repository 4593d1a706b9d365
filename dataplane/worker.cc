#include "dataplane/worker.h"

#include <algorithm>
#include <new>

#include "dataplane/pipeline.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ethernet.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kDeferred = 4096;
constexpr std::size_t kEvents = 4096;
/// Frames taken from a port at a time. Measured: with 64 a vector's buffers and metadata stay in the first
/// level of the cache; 128 is as good for plain forwarding, 256 costs a tenth.
constexpr std::size_t kBurst = 64;
static_assert(kBurst <= kVector);

Parcel* parcel_of(rte_mbuf* buffer) {
    return reinterpret_cast<Parcel*>(Packet{buffer}.private_area());
}

}  // namespace

std::string_view stage_name(Stage stage) {
    static constexpr std::array<std::string_view, kStageCount> kNames{"rx",
                                                                      "ethernet",
                                                                      "ip4-input",
                                                                      "straight",
                                                                      "input-features",
                                                                      "nat44",
                                                                      "route",
                                                                      "routed",
                                                                      "local",
                                                                      "esp-in",
                                                                      "gre-in",
                                                                      "output-features",
                                                                      "crypto-map",
                                                                      "gre-out",
                                                                      "esp-out",
                                                                      "cipher",
                                                                      "adjacency",
                                                                      "inject",
                                                                      "tx"};
    return kNames[static_cast<std::size_t>(stage)];
}

Worker::Worker(Tables& t, unsigned i, const PlaneOptions& options)
    : tables(t),
      index(i),
      shared(options.workers > 1),
      urgent_punts(options.punt_ring),
      other_punts(options.punt_ring),
      events(kEvents),
      injected(options.punt_ring),
      ip_id_(static_cast<std::uint16_t>(i)),
      ip_id_step_(static_cast<std::uint16_t>(options.workers)),
      deferred_(kDeferred) {}

Worker::~Worker() {
    rte_mbuf* buffer = nullptr;
    for (auto* ring : {&urgent_punts, &other_punts, &injected, &deferred_}) {
        while (ring->take(buffer)) {
            free_buffer(buffer);
        }
    }
}

std::size_t Worker::run_once(TimePoint time) {
    now = time;
    tables.rcu.enter(index);
    interfaces = tables.interfaces.table();
    // Before the routes: what is remembered of a look-up must never be older than the generation says.
    route_generation = tables.route_generation.load(std::memory_order_acquire);
    routes = tables.routes.view();
    next_hops = tables.next_hops.view();
    sas = tables.sas.view();
    view_ports = *tables.ports.table();
    batch_port_ = kNoPort;
    begin_nat_turn(*this);

    auto handled = poll_parcels(injected);
    handled += poll_ports();
    handled += poll_handoffs();
    handled += help_others();
    handled += poll_deferred();
    flush_all();
    handled += waiting_count_;  // a worker does not sleep on frames

    tables.rcu.leave(index);
    return handled;
}

std::size_t Worker::poll_ports() {
    std::size_t handled = 0;
    // Sharing pays, if at all, for ciphers: it costs plain forwarding half of what one worker carries.
    const bool spreads =
        shared && engine() != nullptr && nat.table == nullptr && !interfaces->has_sequence();
    if (shared && !spreads && !finish_own()) {
        return 1;  // nothing may overtake what others still have
    }
    std::array<rte_mbuf*, kBurst> frames;
    for (std::size_t number = 0; number < view_ports.size(); ++number) {
        const auto& entry = view_ports[number];
        auto& port = *entry.state->port;
        const auto queues = port.queues();
        // A port with fewer queues than workers is read by the first of them, who shares what came in.
        if (index >= queues) {
            continue;
        }
        if (spreads && queues < tables.workers) {
            handled += poll_spread(entry);
            continue;
        }
        stage_started = cycles_now();
        const auto count = port.receive(index, frames);
        if (count == 0) {
            continue;
        }
        stage_done(Stage::rx, count);
        run_frames(std::span(frames).first(count), entry.interface);
        handled += count;
    }
    return handled;
}

/// What was shared before it had no longer to be: true when all of it was sent.
bool Worker::finish_own() {
    auto& spread = tables.spread[index];
    while (auto* chunk = spread.take()) {
        stage_started = cycles_now();
        work_on(spread, *chunk);
    }
    send_done(spread);
    return spread.empty();
}

void Worker::run_frames(std::span<rte_mbuf*> frames, std::uint16_t interface_number) {
    ethernet(*this, frames, interface(interface_number));
    stage_done(Stage::ethernet, frames.size());
    run_pipeline(*this);
    end_vector();
}

std::size_t Worker::poll_spread(const PortEntry& entry) {
    constexpr unsigned kRounds = 4;
    auto& port = *entry.state->port;
    auto& spread = tables.spread[index];
    std::array<rte_mbuf*, Spread::kInFlight> frames;
    std::size_t handled = 0;
    for (unsigned round = 0; round < kRounds; ++round) {
        stage_started = cycles_now();
        const auto room = spread.room();
        const auto count = room == 0 ? 0 : port.receive(index, std::span(frames).first(room));
        const auto came = std::span(frames).first(count);
        handled += count;
        if (count != 0) {
            stage_done(Stage::rx, count);
        }
        if (count != 0 && count <= Spread::kChunk && spread.empty()) {
            run_frames(came, entry.interface);
            break;
        }
        spread.put(came, entry.interface);
        auto* chunk = spread.take();
        if (chunk != nullptr) {
            work_on(spread, *chunk);
        }
        send_done(spread);
        if (count == 0 && chunk == nullptr) {
            break;
        }
    }
    return handled + (spread.empty() ? 0 : 1);
}

std::size_t Worker::help_others() {
    std::size_t handled = 0;
    for (std::size_t reader = 0; reader < tables.spread.size(); ++reader) {
        auto& spread = tables.spread[reader];
        for (auto* chunk = spread.take(); chunk != nullptr; chunk = spread.take()) {
            stage_started = cycles_now();
            handled += chunk->count;
            work_on(spread, *chunk);
        }
    }
    return handled;
}

void Worker::work_on(Spread& spread, Spread::Chunk& chunk) {
    batch_port_ = kNoPort;
    chunk_ = &chunk;
    run_frames(std::span(chunk.in).first(chunk.count), chunk.interface);
    chunk_ = nullptr;
    spread.finish(chunk);
}

void Worker::send_done(Spread& spread) {
    while (const auto* chunk = spread.done()) {
        for (std::size_t i = 0; i < chunk->out_count; ++i) {
            const auto& out = chunk->out[i];
            send(out.port, out.buffer, out.bytes);
        }
        spread.close();
    }
}

std::size_t Worker::poll_parcels(Ring<rte_mbuf*>& ring) {
    std::size_t count = 0;
    stage_started = cycles_now();
    rte_mbuf* buffer = nullptr;
    while (count < kVector && ring.take(buffer)) {
        resume(*this, *parcel_of(buffer));
        ++count;
    }
    if (count != 0) {
        stage_done(Stage::inject, count);
        run_pipeline(*this);
        end_vector();
    }
    return count;
}

std::size_t Worker::poll_deferred() {
    std::size_t handled = 0;
    // What defers itself again and again is bounded by its passes.
    while (!deferred_.empty()) {
        handled += poll_parcels(deferred_);
    }
    return handled;
}

std::size_t Worker::poll_handoffs() {
    std::size_t handled = 0;
    for (unsigned from = 0; shared && from < tables.workers; ++from) {
        if (from != index) {
            handled += poll_parcels(tables.handoffs.ring(from, index));
        }
    }
    return handled;
}

void Worker::end_vector() {
    if (dropped_count_ != 0) {
        free_buffers(dropped_.data(), dropped_count_);
        dropped_count_ = 0;
    }
    frame.used = 0;
}

bool Worker::flush(std::uint16_t number) {
    if (view_ports[number].state->batch[index].count == 0) {
        return true;
    }
    const auto& entry = view_ports[number];
    auto& batch = entry.state->batch[index];
    auto& port = *entry.state->port;
    const auto queue = std::min(index, port.queues() - 1);
    const bool alone = port.queues() >= tables.workers;
    auto& sending = entry.state->sending[queue];
    // A full batch is worth a moment's wait; any other waits for the next turn.
    auto attempts = batch.count == kTxBatch ? 1000 : 1;
    while (!alone && sending.test_and_set(std::memory_order_acquire)) {
        if (--attempts == 0) {
            return false;
        }
    }
    const auto sent = port.transmit(queue, std::span(batch.frames).first(batch.count));
    if (!alone) {
        sending.clear(std::memory_order_release);
    }
    auto& t = tally(entry.interface);
    t.out_packets.add(sent);
    t.out_bytes.add(batch.bytes);
    if (sent < batch.count) {
        const auto lost = batch.count - sent;
        drops[static_cast<std::size_t>(Drop::tx_queue_full)].add(lost);
        t.out_drops.add(lost);
        free_buffers(batch.frames.data() + sent, lost);
    }
    batch.count = 0;
    batch.bytes = 0;
    return true;
}

void Worker::flush_all() {
    if (waiting_count_ == 0) {
        return;
    }
    stage_started = cycles_now();
    std::size_t sent = 0;
    std::size_t left = 0;
    for (std::size_t i = 0; i < waiting_count_; ++i) {
        auto& batch = view_ports[waiting_ports_[i]].state->batch[index];
        const auto count = batch.count;
        if (flush(waiting_ports_[i])) {
            sent += count;
            batch.waiting = false;
        } else {
            waiting_ports_[left++] = waiting_ports_[i];
        }
    }
    waiting_count_ = left;
    stage_done(Stage::tx, sent);
}

void Worker::event(const EventRecord& e) {
    if (!events.put(e)) {
        count(Drop::event_ring_full);
    }
}

void Worker::drop_buffer(rte_mbuf* buffer, Drop reason) {
    count(reason);
    release(buffer);
}

void Worker::release(rte_mbuf* buffer) {
    if (dropped_count_ == dropped_.size()) {
        free_buffers(dropped_.data(), dropped_count_);
        dropped_count_ = 0;
    }
    dropped_[dropped_count_++] = buffer;
}

void Worker::drop(const PacketMeta& p, Drop reason) {
    tally(p.in).in_drops.add(1);
    drop_buffer(p.buffer, reason);
}

namespace {

void wrap(const PacketMeta& p, Parcel::Resume resume_at) {
    Packet{p.buffer}.seal(p.l3, p.length);
    auto* parcel = new (Packet{p.buffer}.private_area()) Parcel;
    parcel->meta = p;
    parcel->resume = resume_at;
}

}  // namespace

bool Worker::defer(const PacketMeta& p, Parcel::Resume resume_at) {
    wrap(p, resume_at);
    return deferred_.put(p.buffer);
}

void Worker::hand_over(const PacketMeta& p, unsigned worker, Parcel::Resume resume_at) {
    wrap(p, resume_at);
    if (!tables.handoffs.ring(index, worker).put(p.buffer)) {
        drop(p, Drop::handoff_ring_full);
    }
}

}  // namespace viaduct::dataplane
