// RADIUS packets (RFC 2865), as far as a login needs them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"

namespace viaduct::aaa {

enum class RadiusCode : std::uint8_t {
    access_request = 1,
    access_accept = 2,
    access_reject = 3,
    access_challenge = 11
};

using Authenticator = std::array<std::uint8_t, 16>;

struct RadiusAttribute {
    std::uint8_t type = 0;
    Bytes value;  // 0–253 bytes

    bool operator==(const RadiusAttribute&) const = default;
};

struct RadiusPacket {
    std::uint8_t code = 0;
    std::uint8_t identifier = 0;
    Authenticator authenticator{};
    std::vector<RadiusAttribute> attributes;

    [[nodiscard]] const RadiusAttribute* find(std::uint8_t type) const;
};

inline constexpr std::uint8_t kUserName = 1;
inline constexpr std::uint8_t kUserPassword = 2;
inline constexpr std::uint8_t kNasIpAddress = 4;
inline constexpr std::uint8_t kServiceType = 6;
inline constexpr std::uint8_t kFramedIpAddress = 8;
inline constexpr std::uint8_t kReplyMessage = 18;
inline constexpr std::uint8_t kClass = 25;
inline constexpr std::uint8_t kCallingStationId = 31;
inline constexpr std::uint8_t kNasPortType = 61;
inline constexpr std::uint8_t kMessageAuthenticator = 80;

/// nullopt: too short, a length that does not fit, an attribute that overruns. Bytes behind Length are padding
/// and passed over (RFC 2865, section 3).
std::optional<RadiusPacket> parse_radius(BytesView bytes);
Bytes write_radius(const RadiusPacket& packet);

/// RFC 2865, 5.2: the password hidden with the shared secret and the request's authenticator; at most 128 bytes.
Bytes hide_password(BytesView password, BytesView secret, const Authenticator& authenticator);

/// A request with Message-Authenticator (RFC 2869, 5.14) over it.
Bytes sign_request(RadiusPacket packet, BytesView secret);
/// The Response Authenticator (RFC 2865, section 3) is right for the request's, and so is a Message-Authenticator if one
/// is there.
bool response_is_genuine(BytesView response,
                         const Authenticator& request_authenticator,
                         BytesView secret);

}  // namespace viaduct::aaa
