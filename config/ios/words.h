// Names that IOS uses for ports, protocols and ICMP types, both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace viaduct::ios {

struct PortName {
    std::string_view name;
    std::uint16_t number = 0;
    bool tcp = false;
    bool udp = false;
};

struct ProtocolName {
    std::string_view name;
    std::uint8_t number = 0;
};

/// An ICMP message; without a code the name stands for all codes of the type.
struct IcmpName {
    std::string_view name;
    std::uint8_t type = 0;
    std::optional<std::uint8_t> code;
};

std::span<const PortName> port_names();
/// Without "ip", which is no protocol but any.
std::span<const ProtocolName> protocol_names();
std::span<const IcmpName> icmp_names();

/// A name (no abbreviation) or 0-65535.
std::optional<std::uint16_t> parse_port(std::string_view text);
/// A name (no abbreviation) or 0-255; not "ip".
std::optional<std::uint8_t> parse_protocol(std::string_view text);
/// As `show running-config` writes it: the name where IOS has one for that protocol.
std::string port_text(std::uint16_t port, bool tcp);
std::string protocol_text(std::uint8_t protocol);
/// The name of exactly this type and code; empty if there is none.
std::string_view icmp_name(std::uint8_t type, std::optional<std::uint8_t> code);

/// Decimal digits only, within [low, high].
std::optional<std::uint32_t> parse_number(std::string_view text,
                                          std::uint32_t low,
                                          std::uint32_t high);

}  // namespace viaduct::ios
