// A worker: polls its ports and rings, carries what came through the pipeline (pipeline.cc) and sends.
// This class is the worker's context, which every stage is handed; its loop stands in worker.cc.
//
// Nothing here allocates, locks, logs, throws or waits once the worker runs. Buffers come from DPDK's
// pool.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/random.h"
#include "dataplane/drops.h"
#include "dataplane/frame.h"
#include "dataplane/punt_policer.h"
#include "dataplane/reassembly.h"
#include "dataplane/ring.h"
#include "dataplane/tables/tables.h"
#include "dataplane/tally.h"

namespace viaduct::dataplane {

enum class Stage : std::uint8_t {
    rx,
    ethernet,
    ip4_input,
    straight,
    input_features,
    nat44,
    route,
    routed,
    local,
    esp_in,
    gre_in,
    output_features,
    crypto_map,
    gre_out,
    esp_out,
    cipher,  // of esp_in and esp_out
    adjacency,
    inject,
    tx,
    kCount
};
inline constexpr std::size_t kStageCount = static_cast<std::size_t>(Stage::kCount);
std::string_view stage_name(Stage stage);

struct StageTally {
    Tally packets;
    Tally vectors;
    Tally cycles;
};

/// What stands in a buffer's private area while the buffer is between threads or vectors.
struct Parcel {
    enum class Resume : std::uint8_t {
        route,
        nat44_in,
        nat44_out,
        gre_out,
        esp_out,
        adjacency,
        frame,
        local
    };

    PacketMeta meta;
    PuntReason reason = PuntReason::local;
    Resume resume = Resume::route;
    std::uint16_t mtu = 0;
};

static_assert(sizeof(Parcel) <= 128);

/// What a worker tells control beside packets.
struct EventRecord {
    SaEvent::Kind kind = SaEvent::Kind::soft_limit;
    std::uint32_t sa = 0;
    std::uint32_t remote = 0;
    std::uint16_t remote_port = 0;
};

/// What ESP puts before and behind the payload of one packet.
struct EspLengths {
    std::uint16_t before;  // outer header (tunnel mode), UDP, ESP, IV
    std::uint16_t payload;  // what is encrypted, without padding
    std::uint16_t padding;
    std::uint16_t total;  // of the outer packet
};

/// What a stage needs for the length of one vector: here, so that it is not laid out (and cleared) on the
/// stack each time. No stage leaves anything in it for another.
struct Scratch {
    std::array<const Sa*, kPlaces> sas;
    std::array<crypto::EspOp, kPlaces> ops;
    std::array<std::uint32_t, kPlaces> numbers;
    std::array<Place, kPlaces> places;
    std::array<FlowKey, kPlaces> keys;
    std::array<const PolicyNode*, kPlaces> nodes;
    std::array<const NextHopRecord*, kPlaces> hops;
    std::array<EspLengths, kPlaces> lengths;
    Vector ready;
    std::array<NatKey, kPlaces> nat_keys;
};

/// Address translation's tables during one turn, and its own reassembly.
struct NatTurn {
    const NatRules* rules = nullptr;
    NatTable* table = nullptr;  // nullptr: nothing is translated
    Reassembly reassembly;
};

class Worker {
public:
    Worker(Tables& tables, unsigned index, const PlaneOptions& options);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    Worker(Worker&&) = delete;
    Worker& operator=(Worker&&) = delete;

    // ── for whoever drives it ──
    std::size_t run_once(TimePoint now);

    // ── for stages ──
    [[nodiscard]] const InterfaceRecord& interface(std::uint16_t number) const {
        return interfaces->at(number);
    }

    /// Counts, and gives the buffer back at the end of the vector.
    void drop(const PacketMeta& p, Drop reason);
    void drop_buffer(rte_mbuf* buffer, Drop reason);

    /// Counts without an end of the packet.
    void count(Drop reason) { drops[static_cast<std::size_t>(reason)].add(1); }

    /// Hands the packet to control, or drops it when there were too many.
    void punt(PacketMeta& p, PuntReason reason, std::uint16_t mtu = 0);
    /// The same with a copy; the packet itself goes on.
    void punt_copy(const PacketMeta& p, PuntReason reason, std::uint16_t mtu = 0);
    /// Counts the drop and tells control, who may answer with an ICMP error.
    void drop_and_punt(PacketMeta& p, Drop why, PuntReason reason, std::uint16_t mtu = 0);

    /// Gives a buffer back without a reason to count: it was used up.
    void release(rte_mbuf* buffer);
    /// A word to control about an SA; lost (and counted) when control does not listen.
    void event(const EventRecord& e);

    /// IPv4 identification of a packet that we make: no two workers give the same in a row.
    std::uint16_t next_ip_id() {
        ip_id_ = static_cast<std::uint16_t>(ip_id_ + ip_id_step_);
        return ip_id_;
    }

    /// The cipher engine; there is one when there is an SA.
    [[nodiscard]] crypto::EspEngine* engine() const { return tables.engines[index].get(); }

    [[nodiscard]] Reassembly& reassembly() { return reassembly_; }

    /// A sealed frame to a port.
    void send(std::uint16_t port, rte_mbuf* buffer, std::uint32_t bytes) {
        if (port != batch_port_) {
            if (chunk_ != nullptr) {
                chunk_->send(port, buffer, bytes);
                return;
            }
            batch_port_ = port;
            batch_ = &view_ports[port].state->batch[index];
        }
        auto& batch = *batch_;
        if (batch.count == batch.frames.size() && !flush(port)) {
            drop_buffer(buffer, Drop::tx_queue_full);
            return;
        }
        if (!batch.waiting) {
            batch.waiting = true;
            waiting_ports_[waiting_count_++] = port;
        }
        batch.frames[batch.count++] = buffer;
        batch.bytes += bytes;
    }

    /// Goes on with this packet in a later vector of the same turn: when the frame is full.
    bool defer(const PacketMeta& p, Parcel::Resume resume);
    /// To another worker, which goes on with it; dropped and counted when its ring is full.
    void hand_over(const PacketMeta& p, unsigned worker, Parcel::Resume resume);

    /// Accounts the cycles since the last reading to a part of a stage.
    void part_done(Stage stage) {
        const auto t = cycles_now();
        stages[static_cast<std::size_t>(stage)].cycles.add(t - stage_started);
        stage_started = t;
    }

    /// One reading of the cycle counter a stage a vector.
    void stage_done(Stage stage, std::size_t packets) {
        const auto t = cycles_now();
        auto& s = stages[static_cast<std::size_t>(stage)];
        s.packets.add(packets);
        s.vectors.add(1);
        s.cycles.add(t - stage_started);
        stage_started = t;
    }

    InterfaceTally& tally(std::uint16_t interface_index) const {
        return interface(interface_index).state->tally[index];
    }

    Tables& tables;
    const unsigned index;
    TimePoint now{};

    // What the tables were when the turn began.
    const InterfaceTable* interfaces = nullptr;
    RouteTable::View routes;
    NextHops::View next_hops;
    SaTable::View sas;
    std::uint32_t route_generation = 0;
    /// More than one worker: what belongs to all of them is changed by locked instructions.
    const bool shared;
    std::span<const PortEntry> view_ports;
    NatTurn nat;

    Frame frame;
    Scratch scratch;
    std::uint64_t stage_started = 0;
    std::array<StageTally, kStageCount> stages;
    std::array<Tally, kDropCount> drops;

    // Worker puts, control takes.
    Ring<rte_mbuf*> urgent_punts;
    Ring<rte_mbuf*> other_punts;
    Ring<EventRecord> events;
    // Control puts, worker takes.
    Ring<rte_mbuf*> injected;

private:
    /// False: the port's queue is another worker's at the moment, and the frames still wait.
    bool flush(std::uint16_t port);
    void flush_all();
    void end_vector();
    std::size_t poll_ports();
    std::size_t poll_parcels(Ring<rte_mbuf*>& ring);
    std::size_t poll_deferred();
    std::size_t poll_handoffs();
    std::size_t poll_spread(const PortEntry& entry);
    std::size_t help_others();
    void work_on(Spread& spread, Spread::Chunk& chunk);
    void send_done(Spread& spread);
    bool finish_own();
    void run_frames(std::span<rte_mbuf*> frames, std::uint16_t interface_number);
    void enqueue_punt(rte_mbuf* buffer, PuntReason reason);

    PuntPolicer policer_;
    Reassembly reassembly_;
    std::uint16_t ip_id_ = 0;
    std::uint16_t ip_id_step_ = 1;
    Ring<rte_mbuf*> deferred_;  // the worker itself on both sides
    std::array<rte_mbuf*, kPlaces> dropped_{};
    std::size_t dropped_count_ = 0;
    // The batch that was added to last; asked for anew each turn.
    std::uint16_t batch_port_ = kNoPort;
    TxBatch* batch_ = nullptr;
    /// What is sent is kept with this chunk. While there is one, batch_port_ is kNoPort.
    Spread::Chunk* chunk_ = nullptr;
    std::array<std::uint16_t, kMaxPorts> waiting_ports_{};
    std::size_t waiting_count_ = 0;
};

}  // namespace viaduct::dataplane
