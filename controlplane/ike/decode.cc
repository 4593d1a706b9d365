#include "controlplane/ike/decode.h"

#include <fmt/format.h>
#include <string>

namespace viaduct::ike {

namespace {

std::string_view payload_name(PayloadType type) {
    switch (type) {
    case PayloadType::none:
        return "NONE";
    case PayloadType::sa:
        return "SA";
    case PayloadType::key_exchange:
        return "KE";
    case PayloadType::identification:
        return "ID";
    case PayloadType::certificate:
        return "CERT";
    case PayloadType::certificate_request:
        return "CERT_REQ";
    case PayloadType::hash:
        return "HASH";
    case PayloadType::signature:
        return "SIG";
    case PayloadType::nonce:
        return "NONCE";
    case PayloadType::notification:
        return "NOTIFY";
    case PayloadType::deletion:
        return "DELETE";
    case PayloadType::vendor_id:
        return "VENDOR";
    case PayloadType::attributes:
        return "ATTR";
    case PayloadType::nat_d_draft4:
    case PayloadType::nat_d:
    case PayloadType::nat_d_draft:
        return "NAT-D";
    case PayloadType::nat_oa_draft4:
    case PayloadType::nat_oa:
    case PayloadType::nat_oa_draft:
        return "NAT-OA";
    case PayloadType::fragment:
        return "FRAG";
    default:
        return "UNKNOWN";
    }
}

std::string_view exchange_name(ExchangeType type) {
    switch (type) {
    case ExchangeType::base:
        return "Oakley Base";
    case ExchangeType::main:
        return "Oakley Main Mode";
    case ExchangeType::aggressive:
        return "Oakley Aggressive Mode";
    case ExchangeType::informational:
        return "Oakley Informational";
    case ExchangeType::transaction:
        return "Oakley Transactional";
    case ExchangeType::quick:
        return "Oakley Quick Mode";
    case ExchangeType::new_group:
        return "Oakley New Group Mode";
    default:
        return "Unknown";
    }
}

std::string_view notify_name(NotifyType type) {
    switch (type) {
    case NotifyType::invalid_cookie:
        return "Invalid Cookie";
    case NotifyType::invalid_exchange_type:
        return "Invalid Exchange Type";
    case NotifyType::invalid_message_id:
        return "Invalid Message ID";
    case NotifyType::invalid_spi:
        return "Invalid SPI";
    case NotifyType::no_proposal_chosen:
        return "No Proposal Chosen";
    case NotifyType::payload_malformed:
        return "Payload Malformed";
    case NotifyType::invalid_key_information:
        return "Invalid Key Information";
    case NotifyType::invalid_id_information:
        return "Invalid ID Information";
    case NotifyType::invalid_hash_information:
        return "Invalid Hash Information";
    case NotifyType::authentication_failed:
        return "Authentication Failed";
    case NotifyType::connected:
        return "Connected";
    case NotifyType::responder_lifetime:
        return "Responder lifetime";
    case NotifyType::replay_status:
        return "Replay status";
    case NotifyType::initial_contact:
        return "Initial contact";
    case NotifyType::r_u_there:
        return "DPD R-U-THERE";
    case NotifyType::r_u_there_ack:
        return "DPD R-U-THERE-ACK";
    case NotifyType::altiga_keepalive:
        return "Altiga keep-alive";
    case NotifyType::load_balance:
        return "Load balance";
    }
    return "Unknown";
}

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
    case kProtocolIsakmp:
        return "ISAKMP";
    case kProtocolAh:
        return "AH";
    case kProtocolEsp:
        return "ESP";
    default:
        return "Unknown";
    }
}

/// "B6 92 24 F4"
std::string octets_text(BytesView bytes) {
    return fmt::format("{:02X}", fmt::join(bytes, " "));
}

std::string octets_text(Cookie cookie) {
    return octets_text(octets_of(cookie));
}

std::string flags_text(const Header& header) {
    std::string text;
    const auto add = [&text](std::string_view word) {
        text += (text.empty() ? "" : " ") + std::string(word);
    };
    if (header.encrypted()) {
        add("ENCRYPT");
    }
    if ((header.flags & kFlagCommit) != 0) {
        add("COMMIT");
    }
    if ((header.flags & kFlagAuthenticationOnly) != 0) {
        add("AUTH");
    }
    return text.empty() ? "none" : text;
}

}  // namespace

void decode_header(Log& log, const Header& header) {
    if (!log.enabled(Debug::crypto_isakmp_detail)) {
        return;
    }
    log.debug(Debug::crypto_isakmp_detail,
              "ISAKMP HEADER : ( Version {}.{} )\n"
              "  Initiator Cookie(8): {}\n"
              "  Responder Cookie(8): {}\n"
              "  Next Payload   :{} ({})\n"
              "  Exchange Type  :{}\n"
              "  Flags          :{} ({})\n"
              "  Message ID     : {:x}\n"
              "  Length         : {}",
              header.version >> 4,
              header.version & 0xF,
              octets_text(header.initiator),
              octets_text(header.responder),
              payload_name(header.next),
              static_cast<unsigned>(header.next),
              exchange_name(header.exchange),
              header.flags,
              flags_text(header),
              header.message_id.value(),
              header.length);
}

void decode_payloads(Log& log, const Header& header, const Chain& chain) {
    if (!log.enabled(Debug::crypto_isakmp_detail)) {
        return;
    }
    std::string names = "HDR";
    for (const PayloadView& payload : chain.payloads) {
        names += fmt::format(
            " + {} ({})", payload_name(payload.type), static_cast<unsigned>(payload.type));
    }
    const std::size_t octets_used =
        kHeaderBytes + (chain.payloads.empty() ? 0 : chain.payloads.back().end);
    log.debug(Debug::crypto_isakmp_detail,
              "RECEIVED Message (msgid={:x}) with payloads :\n{} + NONE (0)\ntotal length : {}",
              header.message_id.value(),
              names,
              octets_used);
}

void decode_notify(Log& log, const Notification& n) {
    if (!log.enabled(Debug::crypto_isakmp_detail)) {
        return;
    }
    log.debug(Debug::crypto_isakmp_detail,
              "Notify Payload Decode :\n"
              "  DOI                :{} ({})\n"
              "  Protocol           :{} ({})\n"
              "  Message            :{} ({})\n"
              "  Spi                :{}\n"
              "  Length             :{}",
              n.doi == kDoiIpsec ? "IPSEC" : "ISAKMP",
              n.doi,
              protocol_name(n.protocol),
              n.protocol,
              notify_name(n.type),
              static_cast<unsigned>(n.type),
              octets_text(n.spi),
              // Generic header, DOI, protocol, SPI size, type (RFC 2408, 3.14).
              12 + n.spi.size() + n.data.size());
}

}  // namespace viaduct::ike
