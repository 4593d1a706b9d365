// The numbers of ISAKMP, IKE and the IPsec DOI (RFC 2407, 2408, 2409 and their drafts), as enums. An
// enum here may hold a value that is not listed: what the peer sent is kept as it came.
#pragma once

#include <cstdint>

namespace viaduct::ike {

enum class PayloadType : std::uint8_t {
    none = 0,
    sa = 1,
    proposal = 2,
    transform = 3,
    key_exchange = 4,
    identification = 5,
    certificate = 6,
    certificate_request = 7,
    hash = 8,
    signature = 9,
    nonce = 10,
    notification = 11,
    deletion = 12,
    vendor_id = 13,
    attributes = 14,  // Mode-Config, XAUTH
    nat_d_draft4 = 15,  // drafts 04–08 of RFC 3947; IOS with the -07 vendor ID
    nat_oa_draft4 = 16,
    nat_d = 20,  // RFC 3947
    nat_oa = 21,
    nat_d_draft = 130,  // drafts 01–03
    nat_oa_draft = 131,
    fragment = 132,  // Cisco's IKE fragmentation
    ted_proxy = 239,  // body as an ID payload; seen in IOS's TED replies
};

enum class ExchangeType : std::uint8_t {
    base = 1,
    main = 2,
    aggressive = 4,
    informational = 5,
    transaction = 6,
    quick = 32,
    new_group = 33,
    ted_probe = 240,
    ted_reply = 241,
};

inline constexpr std::uint8_t kFlagEncrypted = 1;
inline constexpr std::uint8_t kFlagCommit = 2;
inline constexpr std::uint8_t kFlagAuthenticationOnly = 4;

inline constexpr std::uint32_t kDoiIsakmp = 0;
inline constexpr std::uint32_t kDoiIpsec = 1;
inline constexpr std::uint32_t kSituationIdentityOnly = 1;

inline constexpr std::uint8_t kProtocolIsakmp = 1;
inline constexpr std::uint8_t kProtocolAh = 2;
inline constexpr std::uint8_t kProtocolEsp = 3;
inline constexpr std::uint8_t kProtocolIpcomp = 4;

inline constexpr std::uint8_t kTransformKeyIke = 1;

/// Attributes of a phase 1 transform (RFC 2409, appendix A).
enum class IkeAttribute : std::uint16_t {
    encryption = 1,
    hash = 2,
    authentication = 3,
    group = 4,
    life_type = 11,
    life_duration = 12,
    key_length = 14,
};

/// Values of IkeAttribute::authentication.
inline constexpr std::uint16_t kAuthPreShared = 1;
inline constexpr std::uint16_t kAuthRsaSignature = 3;
inline constexpr std::uint16_t kAuthXauthInitPreShared = 65001;
inline constexpr std::uint16_t kAuthXauthRespPreShared = 65002;
inline constexpr std::uint16_t kAuthXauthInitRsa = 65005;

/// Attributes of an IPsec transform (RFC 2407, 4.5).
enum class IpsecAttribute : std::uint16_t {
    life_type = 1,
    life_duration = 2,
    group = 3,
    encapsulation = 4,
    authentication = 5,
    key_length = 6,
};

inline constexpr std::uint16_t kLifeSeconds = 1;
inline constexpr std::uint16_t kLifeKilobytes = 2;

inline constexpr std::uint16_t kEncapsulationTunnel = 1;
inline constexpr std::uint16_t kEncapsulationTransport = 2;
inline constexpr std::uint16_t kEncapsulationUdpTunnel = 3;
inline constexpr std::uint16_t kEncapsulationUdpTransport = 4;
inline constexpr std::uint16_t kEncapsulationUdpTunnelDraft = 61443;
inline constexpr std::uint16_t kEncapsulationUdpTransportDraft = 61444;

enum class IdType : std::uint8_t {
    ipv4_address = 1,
    fqdn = 2,
    user_fqdn = 3,
    ipv4_subnet = 4,
    ipv4_range = 7,
    der_asn1_dn = 9,
    key_id = 11,
};

enum class NotifyType : std::uint16_t {
    invalid_cookie = 4,
    invalid_exchange_type = 7,
    invalid_message_id = 9,
    invalid_spi = 11,
    no_proposal_chosen = 14,
    payload_malformed = 16,
    invalid_key_information = 17,
    invalid_id_information = 18,
    invalid_hash_information = 23,
    authentication_failed = 24,
    connected = 16384,
    responder_lifetime = 24576,
    replay_status = 24577,
    initial_contact = 24578,
    r_u_there = 36136,
    r_u_there_ack = 36137,
    altiga_keepalive = 40500,
    load_balance = 40501,
};

/// Types of an ATTR payload (draft-dukes-ike-mode-cfg).
enum class ConfigType : std::uint8_t { request = 1, reply = 2, set = 3, ack = 4 };

}  // namespace viaduct::ike
