// A worker's frame: the metadata of the packets that are under way, and between every two stages the
// vector of those that go from the one to the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet.h"

namespace viaduct::dataplane {

/// Packets taken from a port or ring at a time.
inline constexpr std::size_t kVector = 256;
/// Places in a frame: a vector, and what fragmentation adds to it. More is deferred to the next vector.
inline constexpr std::size_t kPlaces = 512;
/// How often one packet may come by ip4_input or route: outer and inner headers, nested tunnels.
inline constexpr std::uint8_t kMaxPasses = 8;

/// Pieces that one packet may be cut into.
inline constexpr std::size_t kMaxFragments = 128;

using Place = std::uint16_t;

/// Places of packets on their way to one stage.
class Vector {
public:
    void push(Place p) { at_[count_++] = p; }

    [[nodiscard]] std::size_t size() const { return count_; }

    [[nodiscard]] bool empty() const { return count_ == 0; }

    void clear() { count_ = 0; }

    [[nodiscard]] std::span<const Place> places() const { return {at_.data(), count_}; }

    Place operator[](std::size_t i) const { return at_[i]; }

private:
    std::size_t count_ = 0;
    std::array<Place, kPlaces> at_;
};

struct Frame {
    std::array<PacketMeta, kPlaces> meta;
    std::size_t used = 0;  // places given out

    // Each vector is named after the stage that reads it.
    Vector ip4_input;
    Vector straight;
    Vector input_features;
    Vector nat44_in;
    Vector route;
    Vector routed;
    Vector local;
    Vector esp_in;
    Vector gre_in;
    Vector nat44_out;
    Vector output_features;
    Vector crypto_map;
    Vector gre_out;
    Vector esp_out;
    Vector adjacency;

    [[nodiscard]] bool full() const { return used == kPlaces; }

    /// A fresh place; the caller has asked full().
    Place take() {
        const auto p = static_cast<Place>(used++);
        return p;
    }

    PacketMeta& operator[](Place p) { return meta[p]; }
};

}  // namespace viaduct::dataplane
