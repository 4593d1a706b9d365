// DHCP messages (RFC 2131, options of RFC 2132) as values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/strong.h"

namespace viaduct::dhcp {

inline constexpr L4Port kServerPort{67};
inline constexpr L4Port kClientPort{68};

enum class MessageType : std::uint8_t {
    discover = 1,
    offer = 2,
    request = 3,
    decline = 4,
    ack = 5,
    nak = 6,
    release = 7,
    inform = 8,
};

namespace option {
inline constexpr std::uint8_t kMask = 1;
inline constexpr std::uint8_t kRouters = 3;
inline constexpr std::uint8_t kDnsServers = 6;
inline constexpr std::uint8_t kHostName = 12;
inline constexpr std::uint8_t kDomainName = 15;
inline constexpr std::uint8_t kNetbiosServers = 44;
inline constexpr std::uint8_t kNetbiosNodeType = 46;
inline constexpr std::uint8_t kRequestedAddress = 50;
inline constexpr std::uint8_t kLeaseTime = 51;
inline constexpr std::uint8_t kMessageType = 53;
inline constexpr std::uint8_t kServerId = 54;
inline constexpr std::uint8_t kParameterList = 55;
inline constexpr std::uint8_t kMessage = 56;
inline constexpr std::uint8_t kMaxSize = 57;
inline constexpr std::uint8_t kRenewalTime = 58;
inline constexpr std::uint8_t kRebindingTime = 59;
inline constexpr std::uint8_t kClientId = 61;
inline constexpr std::uint8_t kBootFile = 67;
inline constexpr std::uint8_t kAgentInformation = 82;
}  // namespace option

struct Message {
    bool reply = false;  // op: 1 request, 2 reply
    std::uint8_t hops = 0;
    std::uint32_t xid = 0;
    std::uint16_t secs = 0;
    bool broadcast = false;
    Ipv4Address ciaddr;
    Ipv4Address yiaddr;
    Ipv4Address siaddr;
    Ipv4Address giaddr;
    MacAddress chaddr;
    std::map<std::uint8_t, Bytes> options;  // several of one code are joined (RFC 3396)

    [[nodiscard]] std::optional<MessageType> type() const;
    [[nodiscard]] std::optional<Ipv4Address> address_option(std::uint8_t code) const;
    [[nodiscard]] std::vector<Ipv4Address> addresses_option(std::uint8_t code) const;
    [[nodiscard]] std::optional<std::uint32_t> number_option(std::uint8_t code) const;
    [[nodiscard]] std::string text_option(std::uint8_t code) const;

    void set_type(MessageType type) {
        options[option::kMessageType] = {static_cast<std::uint8_t>(type)};
    }

    void set_address(std::uint8_t code, Ipv4Address address);
    void set_addresses(std::uint8_t code, const std::vector<Ipv4Address>& addresses);
    void set_number(std::uint8_t code, std::uint32_t number);
    void set_text(std::uint8_t code, std::string_view text);

    bool operator==(const Message&) const = default;
};

/// nullopt: too short, not Ethernet, no magic cookie, an option that overruns. A packet without an end option is
/// accepted (RFC 951 vend fields were padded).
std::optional<Message> parse(BytesView bytes);
/// At least 300 bytes, as relays of old want it (RFC 1542, 2.1).
Bytes write(const Message& message);

}  // namespace viaduct::dhcp
