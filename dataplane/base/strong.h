// A number that cannot be mistaken for another number: StrongInt<Tag, Representation>.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace viaduct {

/// An integer with a name of its own: no arithmetic, no implicit conversion, ordered and hashable.
/// Values are in host byte order; network order exists only in dataplane/wire and in the engines'
/// wire files.
template <typename Tag, typename Rep>
class StrongInt {
public:
    using Representation = Rep;

    constexpr StrongInt() = default;

    constexpr explicit StrongInt(Rep value) : value_(value) {}

    [[nodiscard]] constexpr Rep value() const { return value_; }

    constexpr auto operator<=>(const StrongInt&) const = default;

private:
    Rep value_{};
};

/// TCP or UDP port, 0–65535.
using L4Port = StrongInt<struct L4PortTag, std::uint16_t>;
/// IP protocol number (RFC 790 registry).
using IpProtocol = StrongInt<struct IpProtocolTag, std::uint8_t>;
/// ESP security parameter index (RFC 4303); 0–255 are reserved.
using Spi = StrongInt<struct SpiTag, std::uint32_t>;
/// Place of a security association in the dataplane's SA table.
using SaIndex = StrongInt<struct SaIndexTag, std::uint32_t>;
/// Place of an interface in one router's interface table; 0 is "none".
using IfIndex = StrongInt<struct IfIndexTag, std::uint16_t>;
/// Autonomous system number of EIGRP, 1–65535.
using Asn = StrongInt<struct AsnTag, std::uint16_t>;

inline constexpr IfIndex kNoInterface{0};

inline constexpr IpProtocol kProtoIcmp{1};
inline constexpr IpProtocol kProtoTcp{6};
inline constexpr IpProtocol kProtoUdp{17};
inline constexpr IpProtocol kProtoGre{47};
inline constexpr IpProtocol kProtoEsp{50};
inline constexpr IpProtocol kProtoAh{51};
inline constexpr IpProtocol kProtoEigrp{88};

inline constexpr L4Port kPortIsakmp{500};
inline constexpr L4Port kPortNatT{4500};

}  // namespace viaduct

template <typename Tag, typename Rep>
struct std::hash<viaduct::StrongInt<Tag, Rep>> {
    std::size_t operator()(const viaduct::StrongInt<Tag, Rep>& v) const noexcept {
        return std::hash<Rep>{}(v.value());
    }
};
