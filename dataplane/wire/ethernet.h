// Ethernet II. Structs of bytes in network order, alignment 1, read and written by copy.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/base/bytes.h"

namespace viaduct::wire {

inline constexpr std::size_t kEthernetBytes = 14;
inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherVlan = 0x8100;
inline constexpr std::uint16_t kEtherQinQ = 0x88A8;

/// A big-endian number in a packet: alignment 1, host order outside.
template <typename T>
class BigEndian {
public:
    BigEndian() = default;

    explicit BigEndian(T v) : wire_{} { *this = v; }

    BigEndian& operator=(T v) {
        const T wire = big_endian(v);
        std::memcpy(wire_, &wire, sizeof(T));
        return *this;
    }

    [[nodiscard]] T value() const {
        T v;
        std::memcpy(&v, wire_, sizeof(T));
        return big_endian(v);
    }

private:
    std::uint8_t wire_[sizeof(T)];
};

using Be16 = BigEndian<std::uint16_t>;
using Be32 = BigEndian<std::uint32_t>;

/// Reads a header out of a packet by copy.
template <typename Header>
inline Header read(const std::uint8_t* at) {
    Header h;
    std::memcpy(&h, at, sizeof(Header));
    return h;
}

template <typename Header>
inline void write(std::uint8_t* at, const Header& h) {
    std::memcpy(at, &h, sizeof(Header));
}

inline std::uint16_t read16(const std::uint8_t* at) {
    return read<Be16>(at).value();
}

inline std::uint32_t read32(const std::uint8_t* at) {
    return read<Be32>(at).value();
}

inline void write16(std::uint8_t* at, std::uint16_t v) {
    write(at, Be16{v});
}

inline void write32(std::uint8_t* at, std::uint32_t v) {
    write(at, Be32{v});
}

//  0                   6                  12      14
//  ├── destination ────┼── source ────────┼ type ─┤
struct Ethernet {
    std::uint8_t destination[6];
    std::uint8_t source[6];
    Be16 type;
};

static_assert(sizeof(Ethernet) == kEthernetBytes && alignof(Ethernet) == 1);

}  // namespace viaduct::wire
