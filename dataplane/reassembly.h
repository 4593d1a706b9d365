// Reassembly of datagrams for this router (RFC 791, section 3.2; RFC 1812, section 4.2.2.7): bounded in
// datagrams, pieces, bytes and time. The packet is built in one large buffer, piece by piece.
//
// Overlapping pieces end the datagram (RFC 5722's rule for IPv6, good for IPv4 too: nobody honest sends
// them); exact duplicates are passed over. Not supported: ICMP "reassembly time exceeded".
#pragma once

#include <array>

#include "dataplane/base/clock.h"
#include "dataplane/packet.h"

namespace viaduct::dataplane {

class Worker;

class Reassembly {
public:
    static constexpr std::size_t kDatagrams = 64;
    static constexpr std::size_t kPieces = 64;
    static constexpr Duration kTimeout = 30s;

    Reassembly() = default;
    ~Reassembly();
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;
    Reassembly(Reassembly&&) = delete;
    Reassembly& operator=(Reassembly&&) = delete;

    /// Takes the fragment's buffer. True: the datagram is complete and `p` is the whole of it now.
    bool add(Worker& w, PacketMeta& p);

private:
    struct Piece {
        std::uint16_t begin;
        std::uint16_t end;
    };

    struct Datagram {
        rte_mbuf* buffer = nullptr;  // null: this place is free
        TimePoint expires{};
        std::uint32_t source = 0;
        std::uint32_t destination = 0;
        std::uint16_t id = 0;
        std::uint8_t protocol = 0;
        std::uint8_t header_bytes = 0;  // of the first fragment; 0: not seen
        std::uint32_t total = 0;  // payload bytes; 0: the last fragment was not seen
        std::uint32_t received = 0;
        std::size_t count = 0;
        std::array<Piece, kPieces> pieces;
    };

    Datagram* find(Worker& w, const PacketMeta& p, std::uint16_t id);
    Datagram* begin(Worker& w, const PacketMeta& p, std::uint16_t id);
    void give_up(Datagram& d);
    static bool finish(Datagram& d, PacketMeta& p);

    std::array<Datagram, kDatagrams> datagrams_;
    std::size_t in_use_ = 0;
};

}  // namespace viaduct::dataplane
