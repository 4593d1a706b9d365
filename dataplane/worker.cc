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
    routes = tables.routes.view();
    next_hops = tables.next_hops.view();
    sas = tables.sas.view();
    route_generation = tables.route_generation.load(std::memory_order_acquire);
    view_ports = *tables.ports.table();
    batch_port_ = kNoPort;
    begin_nat_turn(*this);

    auto handled = poll_parcels(injected);
    handled += poll_ports();
    handled += poll_handoffs();
    handled += poll_deferred();
    flush_all();

    tables.rcu.leave(index);
    return handled;
}

std::size_t Worker::poll_ports() {
    std::size_t handled = 0;
    std::array<rte_mbuf*, kBurst> frames;
    for (std::size_t number = 0; number < view_ports.size(); ++number) {
        const auto& entry = view_ports[number];
        auto& port = *entry.state->port;
        const auto queues = port.queues();
        // A port with fewer queues than workers is read by the first of them alone.
        if (index >= queues) {
            continue;
        }
        stage_started = cycles_now();
        const auto count = port.receive(index, frames);
        if (count == 0) {
            continue;
        }
        stage_done(Stage::rx, count);
        ethernet(*this, std::span(frames).first(count), interface(entry.interface));
        stage_done(Stage::ethernet, count);
        run_pipeline(*this);
        end_vector();
        handled += count;
    }
    return handled;
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

void Worker::flush(std::uint16_t number) {
    if (view_ports[number].state->batch[index].count == 0) {
        return;
    }
    const auto& entry = view_ports[number];
    auto& batch = entry.state->batch[index];
    auto& port = *entry.state->port;
    const auto queue = std::min(index, port.queues() - 1);
    const auto sent = port.transmit(queue, std::span(batch.frames).first(batch.count));
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
}

void Worker::flush_all() {
    if (waiting_count_ == 0) {
        return;
    }
    stage_started = cycles_now();
    std::size_t sent = 0;
    for (std::size_t i = 0; i < waiting_count_; ++i) {
        auto& batch = view_ports[waiting_ports_[i]].state->batch[index];
        sent += batch.count;
        flush(waiting_ports_[i]);
        batch.waiting = false;
    }
    waiting_count_ = 0;
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
