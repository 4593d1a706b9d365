// Putting together what Cisco's IKE fragmentation cut (payload 132). Received only.
#pragma once

#include <map>
#include <optional>

#include "controlplane/ike/engine.h"
#include "controlplane/ike/wire.h"

namespace viaduct::ike {

class Fragments {
public:
    static constexpr std::size_t kMaxReassemblies = 64;
    static constexpr std::size_t kMaxPerSource = 4;
    static constexpr std::size_t kMaxPieces = 16;
    static constexpr Duration kTimeout = 15s;

    explicit Fragments(Engine::State& core) : core_(core) {}

    /// The whole message (with its own header) once all pieces are there.
    std::optional<Bytes> add(const PacketIn& packet, const Header& header);
    void on_timeout(std::uint64_t number);

    [[nodiscard]] std::size_t size() const { return open_.size(); }

private:
    struct Key {
        Endpoint remote;
        Cookie initiator;
        std::uint16_t id = 0;

        auto operator<=>(const Key&) const = default;
    };

    struct Reassembly {
        std::uint64_t number = 0;
        std::map<std::uint8_t, Bytes> pieces;
        std::optional<std::uint8_t> last;
    };

    Reassembly* find_or_open(const Key& key);

    Engine::State& core_;
    std::map<Key, Reassembly> open_;
    std::uint64_t last_number_ = 0;
};

}  // namespace viaduct::ike
