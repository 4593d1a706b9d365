// ISAKMP on the wire (RFC 2408): header, payload chain, and the bodies of the payloads as values.
// Parsers are strict: every length must be exact, every reserved octet zero; what they accept, the
// writers write back byte for byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "controlplane/ike/numbers.h"
#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/strong.h"

namespace viaduct::ike {

using Cookie = StrongInt<struct CookieTag, std::uint64_t>;
using MessageId = StrongInt<struct MessageIdTag, std::uint32_t>;

/// As they stand in a message.
Bytes octets_of(Cookie cookie);
Bytes octets_of(Spi spi);

enum class WireError : std::uint8_t {
    truncated,
    bad_version,
    bad_length,  // the header's length is not the datagram's
    reserved_not_zero,
    bad_payload_length,
    bad_body,  // a payload's own structure is wrong
    trailing_bytes,
    too_many_payloads,
};
std::string_view to_string(WireError error);

template <typename T>
using Parsed = tl::expected<T, WireError>;

inline constexpr std::size_t kHeaderBytes = 28;
inline constexpr std::size_t kMaxMessageBytes = 16384;

/// ```
///  0                   1                   2                   3
///  |                     initiator cookie (8)                      |
///  |                     responder cookie (8)                      |
///  | next payload  | maj 1 | min 0 | exchange type |     flags     |
///  |                          message ID                           |
///  |                            length                             |
/// ```
struct Header {
    Cookie initiator;
    Cookie responder;
    PayloadType next = PayloadType::none;
    std::uint8_t version = 0x10;
    ExchangeType exchange = ExchangeType::main;
    std::uint8_t flags = 0;
    MessageId message_id;
    std::uint32_t length = 0;  // header and all that follows

    [[nodiscard]] bool encrypted() const { return (flags & kFlagEncrypted) != 0; }

    bool operator==(const Header&) const = default;
};

/// The header of a whole datagram; the length must be the datagram's.
Parsed<Header> parse_header(BytesView datagram);
/// The header with the length of `body`, and the body behind it.
Bytes write_message(Header header, BytesView body);

/// One payload of a chain; `body` is without the four octets of the generic header.
struct PayloadView {
    PayloadType type = PayloadType::none;
    BytesView body;
    std::size_t end = 0;  // where the payload ends in the chain
};

struct Chain {
    std::vector<PayloadView> payloads;

    [[nodiscard]] const PayloadView* find(PayloadType type) const;
    [[nodiscard]] std::size_t count(PayloadType type) const;
};

enum class Padding : std::uint8_t { none, allowed };

/// Payloads from `first` on. With Padding::allowed (after decryption) octets behind the last payload are
/// passed over; otherwise they are an error.
Parsed<Chain> parse_chain(PayloadType first, BytesView bytes, Padding padding);

/// Builds a payload chain.
class ChainWriter {
public:
    ChainWriter& add(PayloadType type, BytesView body);

    [[nodiscard]] PayloadType first() const { return first_; }

    [[nodiscard]] BytesView view() const { return out_.view(); }

    [[nodiscard]] std::size_t size() const { return out_.size(); }

private:
    PayloadType first_ = PayloadType::none;
    std::size_t last_at_ = 0;
    ByteWriter out_;
};

/// Basic (type | 0x8000, value 2) or variable (type, length 2, value).
struct Attribute {
    std::uint16_t type = 0;
    std::variant<std::uint16_t, Bytes> value = std::uint16_t{0};

    [[nodiscard]] bool basic() const { return value.index() == 0; }

    /// The value as a number; variable ones of 1–8 octets. nullopt otherwise.
    [[nodiscard]] std::optional<std::uint64_t> number() const;
    bool operator==(const Attribute&) const = default;
};

std::vector<Attribute> read_attributes(ByteReader& reader);
void write_attributes(ByteWriter& out, const std::vector<Attribute>& attributes);

struct Transform {
    std::uint8_t number = 1;
    std::uint8_t id = 0;
    std::vector<Attribute> attributes;

    bool operator==(const Transform&) const = default;
};

struct Proposal {
    std::uint8_t number = 1;
    std::uint8_t protocol = 0;
    Bytes spi;
    std::vector<Transform> transforms;

    bool operator==(const Proposal&) const = default;
};

struct SaBody {
    std::uint32_t doi = kDoiIpsec;
    std::uint32_t situation = kSituationIdentityOnly;
    std::vector<Proposal> proposals;

    bool operator==(const SaBody&) const = default;
};

Parsed<SaBody> parse_sa(BytesView body);
/// Of a payload that may be missing (nullptr): bad_body then.
Parsed<SaBody> parse_sa(const PayloadView* payload);
Bytes write_sa(const SaBody& sa);

/// ID payload (RFC 2407, 4.6.2).
struct Identity {
    IdType type = IdType::ipv4_address;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    Bytes data;

    /// An address, or the first of a subnet or range.
    [[nodiscard]] std::optional<Ipv4Address> address() const;
    /// Of a subnet; all ones of an address; the last address of a range.
    [[nodiscard]] std::optional<Ipv4Address> mask() const;
    [[nodiscard]] std::string text() const;  // as a person reads it
    bool operator==(const Identity&) const = default;
};

Parsed<Identity> parse_identity(BytesView body);
Bytes write_identity(const Identity& identity);

struct Notification {
    std::uint32_t doi = kDoiIpsec;
    std::uint8_t protocol = kProtocolIsakmp;
    Bytes spi;
    NotifyType type = NotifyType::no_proposal_chosen;
    Bytes data;

    bool operator==(const Notification&) const = default;
};

Parsed<Notification> parse_notification(BytesView body);
Bytes write_notification(const Notification& n);

struct Deletion {
    std::uint32_t doi = kDoiIpsec;
    std::uint8_t protocol = kProtocolIsakmp;
    std::vector<Bytes> spis;

    bool operator==(const Deletion&) const = default;
};

Parsed<Deletion> parse_deletion(BytesView body);
Bytes write_deletion(const Deletion& d);

/// ATTR payload of Mode-Config and XAUTH.
struct ConfigBody {
    ConfigType type = ConfigType::request;
    std::uint16_t identifier = 0;
    std::vector<Attribute> attributes;

    bool operator==(const ConfigBody&) const = default;
};

Parsed<ConfigBody> parse_config(BytesView body);
Bytes write_config(const ConfigBody& c);

/// NAT-OA (RFC 3947, 5.2): type 1, three reserved octets, an address.
Parsed<Ipv4Address> parse_nat_oa(BytesView body);
Bytes write_nat_oa(Ipv4Address address);

/// One piece of a message cut by Cisco's IKE fragmentation.
struct Fragment {
    std::uint16_t id = 0;
    std::uint8_t number = 0;  // from 1
    bool last = false;
    BytesView data;
};

Parsed<Fragment> parse_fragment(BytesView body);

}  // namespace viaduct::ike
