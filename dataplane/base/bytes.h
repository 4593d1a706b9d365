// Bounds-checked reading and appending writing of big-endian bytes; the only way into packets for
// the control plane.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/address.h"

namespace viaduct {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

/// Host to network order and back (one instruction).
template <std::unsigned_integral T>
constexpr T big_endian(T value) {
    if constexpr (sizeof(T) == 1) {
        return value;
    } else if constexpr (sizeof(T) == 2) {
        return static_cast<T>(__builtin_bswap16(value));
    } else if constexpr (sizeof(T) == 4) {
        return __builtin_bswap32(value);
    } else {
        return __builtin_bswap64(value);
    }
}

/// Reads big-endian values from a packet. Sticky: the first read past the end makes this and every
/// later read return zeros, and ok() false. Ask ok() (or done()) once, before the value is used.
class ByteReader {
public:
    explicit ByteReader(BytesView bytes) : rest_(bytes) {}

    std::uint8_t u8() { return number<std::uint8_t>(); }

    std::uint16_t u16() { return number<std::uint16_t>(); }

    std::uint32_t u24() {
        const std::uint32_t high = u8();
        return high << 16U | u16();
    }

    std::uint32_t u32() { return number<std::uint32_t>(); }

    std::uint64_t u64() { return number<std::uint64_t>(); }

    Ipv4Address address() { return Ipv4Address{u32()}; }

    /// The next n bytes, which stay where they are; empty after an overrun.
    BytesView bytes(std::size_t n) {
        if (n > rest_.size()) {
            fail();
            return {};
        }
        const auto out = rest_.first(n);
        rest_ = rest_.subspan(n);
        return out;
    }

    BytesView rest() { return bytes(rest_.size()); }

    void skip(std::size_t n) { bytes(n); }

    /// Declares the input bad for a reason of the caller's.
    void fail() {
        failed_ = true;
        rest_ = {};
    }

    [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

    [[nodiscard]] bool ok() const { return !failed_; }

    /// Everything was read, and nothing was missing.
    [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

private:
    template <std::unsigned_integral T>
    T number() {
        const auto from = bytes(sizeof(T));
        T value{};
        if (from.size() == sizeof(T)) {
            std::memcpy(&value, from.data(), sizeof(T));
        }
        return big_endian(value);
    }

    BytesView rest_;
    bool failed_ = false;
};

/// Appends big-endian values to a growing buffer; lengths are patched in afterwards.
class ByteWriter {
public:
    ByteWriter() = default;

    explicit ByteWriter(Bytes start) : out_(std::move(start)) {}

    ByteWriter& u8(std::uint8_t v) { return number(v); }

    ByteWriter& u16(std::uint16_t v) { return number(v); }

    ByteWriter& u24(std::uint32_t v) {
        u8(static_cast<std::uint8_t>(v >> 16U));
        return u16(static_cast<std::uint16_t>(v));
    }

    ByteWriter& u32(std::uint32_t v) { return number(v); }

    ByteWriter& u64(std::uint64_t v) { return number(v); }

    ByteWriter& address(Ipv4Address a) { return u32(a.value()); }

    ByteWriter& bytes(BytesView b) {
        out_.insert(out_.end(), b.begin(), b.end());
        return *this;
    }

    ByteWriter& text(std::string_view s) {
        out_.insert(out_.end(), s.begin(), s.end());
        return *this;
    }

    ByteWriter& zeros(std::size_t n) {
        out_.resize(out_.size() + n);
        return *this;
    }

    /// Overwrites two bytes at `at`, which must have been written already.
    void patch_u16(std::size_t at, std::uint16_t v) {
        const auto wire = big_endian(v);
        std::memcpy(out_.data() + at, &wire, sizeof(wire));
    }

    void patch_u8(std::size_t at, std::uint8_t v) { out_[at] = v; }

    [[nodiscard]] std::size_t size() const { return out_.size(); }

    [[nodiscard]] BytesView view() const { return out_; }

    [[nodiscard]] Bytes take() { return std::move(out_); }

private:
    template <std::unsigned_integral T>
    ByteWriter& number(T v) {
        const auto wire = big_endian(v);
        const auto at = out_.size();
        out_.resize(at + sizeof(T));
        std::memcpy(out_.data() + at, &wire, sizeof(T));
        return *this;
    }

    Bytes out_;
};

/// Lower-case hexadecimal digits without separators.
std::string to_hex(BytesView bytes);
/// Bytes of hexadecimal digits; blanks and colons are passed over. Empty if anything else is there
/// or the number of digits is odd.
Bytes from_hex(std::string_view text);

inline BytesView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace viaduct
