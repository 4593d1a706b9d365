// IPv4 addresses, prefixes and MAC addresses as values in host order, with their texts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace viaduct {

class Ipv4Address {
public:
    constexpr Ipv4Address() = default;

    constexpr explicit Ipv4Address(std::uint32_t host_order) : value_(host_order) {}

    constexpr Ipv4Address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
        : value_(static_cast<std::uint32_t>(a) << 24U | static_cast<std::uint32_t>(b) << 16U |
                 static_cast<std::uint32_t>(c) << 8U | d) {}

    /// "A.B.C.D", four decimal numbers 0–255 and nothing else; nullopt for any other text.
    static std::optional<Ipv4Address> parse(std::string_view text);

    [[nodiscard]] constexpr std::uint32_t value() const { return value_; }

    [[nodiscard]] constexpr bool is_unspecified() const { return value_ == 0; }

    /// 224.0.0.0/4 (RFC 1112).
    [[nodiscard]] constexpr bool is_multicast() const { return value_ >> 28U == 0xEU; }

    /// 224.0.0.0/24, never forwarded (RFC 5771).
    [[nodiscard]] constexpr bool is_link_local_multicast() const {
        return value_ >> 8U == 0xE00000U;
    }

    [[nodiscard]] constexpr bool is_broadcast() const { return value_ == 0xFFFFFFFFU; }

    [[nodiscard]] constexpr bool is_loopback() const { return value_ >> 24U == 127U; }

    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const Ipv4Address&) const = default;

private:
    std::uint32_t value_ = 0;
};

/// The netmask of a prefix length 0–32.
constexpr Ipv4Address mask_of(unsigned length) {
    return Ipv4Address{length == 0 ? 0U : ~std::uint32_t{0} << (32U - length)};
}

/// The prefix length of a contiguous netmask; nullopt if the mask has holes.
std::optional<unsigned> length_of_mask(Ipv4Address mask);

/// A network: address bits beyond the length are always 0.
class Ipv4Prefix {
public:
    constexpr Ipv4Prefix() = default;

    /// length 0–32; host bits of the address are cleared.
    constexpr Ipv4Prefix(Ipv4Address address, unsigned length)
        : network_(address.value() & mask_of(length).value()),
          length_(static_cast<std::uint8_t>(length)) {}

    /// "A.B.C.D/len"; nullopt for any other text.
    static std::optional<Ipv4Prefix> parse(std::string_view text);

    [[nodiscard]] constexpr Ipv4Address network() const { return Ipv4Address{network_}; }

    [[nodiscard]] constexpr unsigned length() const { return length_; }

    [[nodiscard]] constexpr Ipv4Address mask() const { return mask_of(length_); }

    /// The all-ones host address of this network.
    [[nodiscard]] constexpr Ipv4Address broadcast() const {
        return Ipv4Address{network_ | ~mask().value()};
    }

    [[nodiscard]] constexpr bool contains(Ipv4Address a) const {
        return (a.value() & mask().value()) == network_;
    }

    [[nodiscard]] constexpr bool contains(const Ipv4Prefix& p) const {
        return p.length_ >= length_ && contains(p.network());
    }

    /// "A.B.C.D/len".
    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const Ipv4Prefix&) const = default;

private:
    std::uint32_t network_ = 0;
    std::uint8_t length_ = 0;
};

class MacAddress {
public:
    using Octets = std::array<std::uint8_t, 6>;

    constexpr MacAddress() = default;

    constexpr explicit MacAddress(const Octets& octets) : octets_(octets) {}

    /// IOS's "hhhh.hhhh.hhhh" or "hh:hh:hh:hh:hh:hh"; nullopt for any other text.
    static std::optional<MacAddress> parse(std::string_view text);

    static constexpr MacAddress broadcast() {
        return MacAddress{Octets{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
    }

    [[nodiscard]] constexpr const Octets& octets() const& { return octets_; }

    /// Of a temporary address: by value, since it is gone at the end of the line.
    [[nodiscard]] constexpr Octets octets() && { return octets_; }

    [[nodiscard]] constexpr bool is_multicast() const { return (octets_[0] & 1U) != 0; }

    /// IOS's "hhhh.hhhh.hhhh".
    [[nodiscard]] std::string to_string() const;

    constexpr auto operator<=>(const MacAddress&) const = default;

private:
    Octets octets_{};
};

}  // namespace viaduct

template <>
struct std::hash<viaduct::Ipv4Address> {
    std::size_t operator()(const viaduct::Ipv4Address& a) const noexcept {
        return std::hash<std::uint32_t>{}(a.value());
    }
};

template <>
struct std::hash<viaduct::Ipv4Prefix> {
    std::size_t operator()(const viaduct::Ipv4Prefix& p) const noexcept {
        return std::hash<std::uint64_t>{}(std::uint64_t{p.network().value()} << 8U | p.length());
    }
};
