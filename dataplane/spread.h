// One queue's packets spread over several workers, in software: for ports with fewer queues than there are workers.
//
// The worker that reads the queue (the reader) cuts what came in into chunks. Whoever has time takes the oldest chunk that
// nobody has: other workers, and the reader itself. A chunk goes through the pipeline as any vector does, but what it
// sends is kept with it; the reader sends the chunks' frames in the order in which the chunks came. So the order of
// all packets is kept, not only that of each flow; one conversation, or one tunnel, spreads like a thousand; and a worker that
// sleeps or is busy costs nothing, for nobody gives it anything: it takes.
//
//     port ─▶ reader ─▶ [ free ▶ queued ▶ taken ▶ done ▶ free ] ─▶ reader ─▶ port
//                              any worker: pipeline
//
// At most kInFlight packets are between the two ends. An outbound SA's sequence numbers are drawn as chunks reach esp_out, so on
// the wire they are out of order by less than that: less than the window of 64 that receivers have (RFC 4303, section 3.4.3).
// Inbound, our own window is wider by as much when there are several workers, so what the peer's window would let pass
// still does.
//
// Not spread: a burst of a few packets (there is nothing to gain); anything while addresses are translated, where flows
// belong to workers and are handed over one by one (tables/nat.h). Not kept in order: packets that were cut into so many
// fragments that the frame was full. With a queue for each worker (RSS) nothing of this is used, and then one outbound SA's
// numbers may be out of order by a vector of each worker: let the peer's window be 256 or more.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "dataplane/frame.h"

struct rte_mbuf;

namespace viaduct::dataplane {

class Spread {
public:
    static constexpr std::size_t kChunk = 30;
    static constexpr std::size_t kChunks = 2;
    /// Packets between reading and sending.
    static constexpr std::size_t kInFlight = kChunk * kChunks;
    static_assert(kInFlight < 64);

    struct Out {
        rte_mbuf* buffer;
        std::uint32_t bytes;
        std::uint16_t port;
    };

    /// Written by the reader, then by who took it, then read by the reader: `states_` says whose it is.
    struct Chunk {
        std::array<rte_mbuf*, kChunk> in{};
        std::size_t count = 0;
        std::uint16_t interface = 0;
        std::size_t out_count = 0;
        /// All places of a frame, and what the ethernet stage sends without one.
        std::array<Out, kPlaces + kChunk> out;

        void send(std::uint16_t port, rte_mbuf* buffer, std::uint32_t bytes) {
            out[out_count++] = {buffer, bytes, port};
        }
    };

    Spread() = default;
    ~Spread();
    Spread(const Spread&) = delete;
    Spread& operator=(const Spread&) = delete;
    Spread(Spread&&) = delete;
    Spread& operator=(Spread&&) = delete;

    // ── the reader ──
    [[nodiscard]] bool empty() const { return first_ == end_; }

    /// Packets that put() would take.
    [[nodiscard]] std::size_t room() const { return (kChunks - (end_ - first_)) * kChunk; }

    /// At most room().
    void put(std::span<rte_mbuf*> frames, std::uint16_t interface);
    /// The oldest chunk when it is done; nullptr: it is not, or there is none.
    Chunk* done();
    /// Gives its place back.
    void close();

    // ── any worker ──
    /// A chunk that nobody had, the oldest first; nullptr: none.
    Chunk* take();
    void finish(Chunk& chunk);

private:
    enum class State : std::uint32_t { free, queued, taken, done };

    [[nodiscard]] static std::size_t place_of(std::size_t number) { return number % kChunks; }

    // The reader's alone.
    std::size_t first_ = 0;
    std::size_t end_ = 0;
    // One line that all look at.
    alignas(64) std::array<std::atomic<State>, kChunks> states_{};
    std::atomic<std::uint32_t> oldest_{
        0};  // place of the first: only a hint of where to look first
    alignas(64) std::array<Chunk, kChunks> chunks_;
};

}  // namespace viaduct::dataplane
