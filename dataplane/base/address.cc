#include "dataplane/base/address.h"

#include <charconv>
#include <fmt/format.h>

namespace viaduct {

namespace {

/// Decimal number up to `max` that is the whole of `text`.
std::optional<unsigned> whole_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || text.size() > 3 || error != std::errc{} || stop != end || value > max) {
        return std::nullopt;
    }
    return value;
}

std::optional<std::uint8_t> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<std::uint8_t>(c - '0');
    }
    const char lower = static_cast<char>(c | 0x20);
    if (lower >= 'a' && lower <= 'f') {
        return static_cast<std::uint8_t>(lower - 'a' + 10);
    }
    return std::nullopt;
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const auto dot = text.find('.');
        if ((dot == std::string_view::npos) != (i == 3)) {
            return std::nullopt;
        }
        const auto octet = whole_number(text.substr(0, dot), 255);
        if (!octet) {
            return std::nullopt;
        }
        value = value << 8U | *octet;
        text.remove_prefix(i == 3 ? text.size() : dot + 1);
    }
    return Ipv4Address{value};
}

std::string Ipv4Address::to_string() const {
    return fmt::format(
        "{}.{}.{}.{}", value_ >> 24U, value_ >> 16U & 0xFFU, value_ >> 8U & 0xFFU, value_ & 0xFFU);
}

std::optional<unsigned> length_of_mask(Ipv4Address mask) {
    for (unsigned length = 0; length <= 32; ++length) {
        if (mask_of(length) == mask) {
            return length;
        }
    }
    return std::nullopt;
}

std::optional<Ipv4Prefix> Ipv4Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = Ipv4Address::parse(text.substr(0, slash));
    const auto length = whole_number(text.substr(slash + 1), 32);
    if (!address || !length) {
        return std::nullopt;
    }
    return Ipv4Prefix{*address, *length};
}

std::string Ipv4Prefix::to_string() const {
    return fmt::format("{}/{}", network().to_string(), length_);
}

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    const bool dotted = text.size() == 14;
    if (!dotted && text.size() != 17) {
        return std::nullopt;
    }
    Octets octets{};
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool separator = dotted ? i % 5 == 4 : i % 3 == 2;
        if (separator) {
            if (text[i] != (dotted ? '.' : ':')) {
                return std::nullopt;
            }
            continue;
        }
        const auto digit = hex_digit(text[i]);
        if (!digit) {
            return std::nullopt;
        }
        octets[digits / 2] = static_cast<std::uint8_t>(octets[digits / 2] << 4U | *digit);
        ++digits;
    }
    return MacAddress{octets};
}

std::string MacAddress::to_string() const {
    return fmt::format("{:02x}{:02x}.{:02x}{:02x}.{:02x}{:02x}",
                       octets_[0],
                       octets_[1],
                       octets_[2],
                       octets_[3],
                       octets_[4],
                       octets_[5]);
}

}  // namespace viaduct
