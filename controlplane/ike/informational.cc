#include "controlplane/ike/informational.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/decode.h"
#include "controlplane/ike/keyring.h"

namespace viaduct::ike {

namespace {

constexpr unsigned kDpdMaxFailures = 5;
constexpr std::uint16_t kDefaultNatKeepaliveS = 20;

Bytes cookies_of(const IkeSa& sa) {
    ByteWriter out;
    out.u64(sa.cookie_i.value()).u64(sa.cookie_r.value());
    return out.take();
}

std::optional<Spi> spi_of(BytesView octets_of_spi) {
    ByteReader in(octets_of_spi);
    const auto value = in.u32();
    return in.done() ? std::optional(Spi{value}) : std::nullopt;
}

/// A server that refuses its client may say why.
void log_reason(Log& log, const IkeSa& sa, const Notification& n) {
    constexpr std::size_t kMaxText = 128;
    if (!sa.client || !sa.initiator() || n.type != NotifyType::authentication_failed) {
        return;
    }
    std::string text;
    for (const auto octet : n.data) {
        if (text.size() < kMaxText && octet >= 0x20 && octet < 0x7F) {
            text.push_back(static_cast<char>(octet));
        }
    }
    if (!text.empty()) {
        log.message("CRYPTO",
                    Severity::warnings,
                    "EZVPN_REFUSED",
                    "(Client) User={} Group={} Server_public_addr={} says: {}",
                    sa.client->user,
                    sa.client->group,
                    sa.remote.address.to_string(),
                    text);
    }
}

}  // namespace

void Informational::on_unprotected(IkeSa& sa, const PacketIn& packet, const Header& header) {
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    if (!chain) {
        core_.counters.count(Counter::malformed_payload);
        return;
    }
    for (const auto& payload : chain->payloads) {
        if (payload.type == PayloadType::notification) {
            core_.counters.count(Counter::unauthenticated_notify);
            if (const auto n = parse_notification(payload.body)) {
                core_.aggressive.on_unprotected_notify(sa, n->type);
                core_.log.debug(Debug::crypto_isakmp,
                                "{}: Notify {} from {} has no message hash, ignored",
                                sa.tag(),
                                static_cast<unsigned>(n->type),
                                packet.remote.address.to_string());
            }
        } else if (payload.type == PayloadType::deletion) {
            core_.counters.count(Counter::unauthenticated_delete);
        } else {
            core_.counters.count(Counter::unexpected_payload);
        }
    }
}

void Informational::on_message(IkeSa& sa, const PacketIn& packet, const Header& header) {
    Bytes iv;
    const auto message = open_first(core_, sa, packet, header, iv);
    if (!message) {
        return;
    }
    debug_received(core_.log, sa, packet);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing HASH payload. message ID = {}",
                    sa.tag(),
                    static_cast<std::int32_t>(header.message_id.value()));
    const auto id = sa.id;
    for (const auto& payload : message->chain.payloads) {
        if (core_.ike(id) == nullptr) {
            return;  // it deleted itself
        }
        if (payload.type == PayloadType::notification) {
            const auto n = parse_notification(payload.body);
            n ? on_notify(sa, *n) : core_.counters.count(Counter::malformed_payload);
        } else if (payload.type == PayloadType::deletion) {
            const auto d = parse_deletion(payload.body);
            d ? on_delete(sa, *d) : core_.counters.count(Counter::malformed_payload);
        } else if (payload.type != PayloadType::hash && payload.type != PayloadType::vendor_id) {
            core_.counters.count(Counter::unexpected_payload);
        }
    }
}

void Informational::on_notify(IkeSa& sa, const Notification& n) {
    decode_notify(core_.log, n);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing NOTIFY {} protocol {}",
                    sa.tag(),
                    static_cast<unsigned>(n.type),
                    n.protocol);
    switch (n.type) {
    case NotifyType::r_u_there:
    case NotifyType::r_u_there_ack:
        on_dpd(sa, n);
        return;
    case NotifyType::responder_lifetime: {
        if (n.protocol != kProtocolIsakmp) {
            return;  // for IPsec it comes inside quick mode's second message
        }
        ByteReader in(n.data);
        std::uint64_t life_type = 0;
        for (const auto& a : read_attributes(in)) {
            if (a.type == static_cast<std::uint16_t>(IkeAttribute::life_type)) {
                life_type = a.number().value_or(0);
            } else if (life_type == kLifeSeconds && a.number().value_or(0) >= 60 &&
                       *a.number() < sa.suite.lifetime_s && sa.complete()) {
                sa.suite.lifetime_s = static_cast<std::uint32_t>(*a.number());
                core_.phase1.set_lifetime(sa);
            }
        }
        return;
    }
    case NotifyType::invalid_spi:
        if (const auto spi = spi_of(n.spi.empty() ? BytesView(n.data) : BytesView(n.spi))) {
            core_.children.on_invalid_spi(sa, *spi);
        }
        return;
    case NotifyType::no_proposal_chosen:
    case NotifyType::invalid_id_information:
    case NotifyType::payload_malformed:
    case NotifyType::authentication_failed:
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: peer refuses: notify {}",
                        sa.tag(),
                        static_cast<unsigned>(n.type));
        log_reason(core_.log, sa, n);
        if (sa.complete()) {
            core_.quick_mode.on_refused(sa, n);
        }
        return;
    default:
        // CONNECTED, REPLAY_STATUS, INITIAL_CONTACT out of place, keepalives of other makers …
        return;
    }
}

void Informational::on_delete(IkeSa& sa, const Deletion& d) {
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing DELETE payload. message ID, protocol {}",
                    sa.tag(),
                    d.protocol);
    if (d.protocol == kProtocolEsp) {
        for (const auto& octets_of_spi : d.spis) {
            if (const auto spi = spi_of(octets_of_spi)) {
                core_.children.on_peer_deleted(sa, *spi);
            }
        }
        return;
    }
    if (d.protocol != kProtocolIsakmp) {
        core_.counters.count(Counter::unexpected_payload);
        return;
    }
    std::vector<ConnectionId> gone;
    for (const auto& cookies : d.spis) {
        ByteReader in(cookies);
        const CookiePair pair{Cookie{in.u64()}, Cookie{in.u64()}};
        const auto it = in.done() ? core_.by_cookies.find(pair) : core_.by_cookies.end();
        // Only an SA with the same peer: the sender is authenticated as that one and no other.
        if (it != core_.by_cookies.end()) {
            const auto* other = core_.ike(it->second);
            if (other->remote.address == sa.remote.address &&
                other->peer_id.data == sa.peer_id.data) {
                gone.push_back(it->second);
            }
        }
    }
    for (const auto id : gone) {
        core_.phase1.destroy(id, "Receive delete from peer", Phase1::Notify::no);
    }
}

void Informational::send_protected(IkeSa& sa, PayloadType type, const Bytes& body) {
    const auto id = fresh_message_id(core_, sa);
    auto iv = phase2_iv(sa.suite.hash, sa.suite.cipher, sa.iv, id);
    const auto chain = with_phase2_hash(sa, id, {}, {{type, body}});
    const auto message = seal_message(sa, ExchangeType::informational, id, iv, chain);
    debug_sending(core_.log, sa, show_state(sa.state));
    core_.send_datagram(sa.local, sa.remote, message);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: purging node {}",
                    sa.tag(),
                    static_cast<std::int32_t>(id.value()));
}

void Informational::send_delete_ike(IkeSa& sa) {
    Deletion d;
    d.spis.push_back(cookies_of(sa));
    send_protected(sa, PayloadType::deletion, write_deletion(d));
}

void Informational::send_delete_child(IkeSa& sa, Spi inbound) {
    Deletion d;
    d.protocol = kProtocolEsp;
    d.spis.push_back(octets_of(inbound));
    send_protected(sa, PayloadType::deletion, write_deletion(d));
}

void Informational::send_invalid_spi(IkeSa& sa, Spi spi) {
    Notification n;
    n.protocol = kProtocolEsp;
    n.type = NotifyType::invalid_spi;
    n.spi = octets_of(spi);
    send_notify(sa, n);
}

void Informational::send_responder_lifetime(IkeSa& sa) {
    Notification n;
    n.type = NotifyType::responder_lifetime;
    n.spi = cookies_of(sa);
    ByteWriter seconds;
    seconds.u32(sa.suite.lifetime_s);
    ByteWriter out;
    write_attributes(out,
                     {{static_cast<std::uint16_t>(IkeAttribute::life_type), kLifeSeconds},
                      {static_cast<std::uint16_t>(IkeAttribute::life_duration), seconds.take()}});
    n.data = out.take();
    send_notify(sa, n);
}

void Informational::send_notify(IkeSa& sa, const Notification& n) {
    send_protected(sa, PayloadType::notification, write_notification(n));
}

void Informational::send_unprotected(const IkeSa& sa, NotifyType type) {
    Notification n;
    n.type = type;
    n.spi = cookies_of(sa);
    ChainWriter chain;
    chain.add(PayloadType::notification, write_notification(n));
    Header h;
    h.initiator = sa.cookie_i;
    h.responder = sa.cookie_r;
    h.next = chain.first();
    h.exchange = ExchangeType::informational;
    h.message_id = MessageId{core_.random.u32() | 1U};
    core_.send_datagram(sa.local, sa.remote, write_message(h, chain.view()));
}

// ── dead peer detection, NAT keepalive ──────────────────────────────────────────────────────────

std::optional<config::Keepalive> Informational::keepalive_of(const IkeSa& sa) const {
    if (const auto* profile = profile_named(core_.crypto(), sa.profile);
        profile != nullptr && profile->keepalive) {
        return profile->keepalive;
    }
    return core_.crypto().keepalive;
}

void Informational::arm(IkeSa& sa) {
    const auto keepalive = keepalive_of(sa);
    if (keepalive && sa.peer.dpd) {
        sa.dpd_sequence = core_.random.u32() & 0x7FFFFFFFU;
        core_.timers.set({TimerKind::dpd, sa.id.value()},
                         core_.now + std::chrono::seconds(keepalive->seconds));
    }
    // "The sending of keepalives is by the end behind the NAT" (RFC 3948, 4).
    if (sa.nat.local_behind) {
        core_.timers.set({TimerKind::nat_keepalive, sa.id.value()},
                         core_.now + std::chrono::seconds(core_.crypto().nat_keepalive_s.value_or(
                                         kDefaultNatKeepaliveS)));
    }
}

void Informational::on_timer_keepalive(ConnectionId id) {
    auto* sa = core_.ike(id);
    if (sa == nullptr || !sa->complete()) {
        return;
    }
    const auto period = core_.crypto().nat_keepalive_s.value_or(kDefaultNatKeepaliveS);
    core_.timers.set({TimerKind::nat_keepalive, id.value()},
                     core_.now + std::chrono::seconds(period));
    if (core_.phase1.is_newest(*sa)) {
        core_.counters.count(Counter::nat_keepalives_out);
        core_.log.debug(Debug::crypto_ipsec, "Xmit IPSEC-over-UDP NAT keepalive packet: success");
        // One octet without the marker (RFC 3948, 2.3).
        core_.actions.emplace_back(SendPacket{sa->local, sa->remote, Bytes{0xFF}, false});
    }
}

void Informational::on_timer_dpd(ConnectionId id) {
    auto* sa = core_.ike(id);
    const auto keepalive = sa != nullptr ? keepalive_of(*sa) : std::nullopt;
    if (sa == nullptr || !sa->complete() || !keepalive) {
        return;
    }
    const auto period = std::chrono::seconds(keepalive->seconds);
    const auto traffic = core_.children.traffic_with(sa->local.address, sa->remote);
    const auto heard = std::max(sa->last_heard, traffic.last_in);
    const TimerKey timer{TimerKind::dpd, id.value()};
    if (!core_.phase1.is_newest(*sa)) {
        core_.timers.set(timer, core_.now + period);
        return;
    }
    if (core_.now - heard < period) {
        sa->dpd_waiting = false;
        sa->dpd_failures = 0;
        core_.timers.set(timer, heard + period);
        return;
    }
    // On demand: only if we sent something and nothing came back (RFC 3706, 5.4).
    const bool wanted = keepalive->periodic || (sa->client && sa->client->session) ||
                        sa->dpd_waiting || traffic.last_out > heard;
    if (!wanted) {
        core_.timers.set(timer, core_.now + period);
        return;
    }
    if (sa->dpd_waiting && sa->dpd_failures >= kDpdMaxFailures) {
        core_.counters.count(Counter::dpd_dead_peers);
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: peer {} not responding!",
                        sa->tag(),
                        sa->remote.address.to_string());
        core_.children.remove_of_peer(sa->local.address, sa->remote, core_.now + 1ns, "dead peer");
        core_.phase1.destroy(id, "DPD failure", Phase1::Notify::no);
        return;
    }
    if (sa->dpd_waiting) {
        ++sa->dpd_failures;
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: DPD incrementing error counter ({}/{})",
                        sa->tag(),
                        sa->dpd_failures,
                        kDpdMaxFailures);
    } else {
        ++sa->dpd_sequence;
        sa->dpd_failures = 0;
        sa->dpd_waiting = true;
    }
    Notification n;
    n.type = NotifyType::r_u_there;
    n.spi = cookies_of(*sa);
    ByteWriter sequence;
    sequence.u32(sa->dpd_sequence);
    n.data = sequence.take();
    core_.counters.count(Counter::dpd_sent);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: DPD/R_U_THERE sent, sequence 0x{:X}",
                    sa->tag(),
                    sa->dpd_sequence);
    send_notify(*sa, n);
    core_.timers.set(timer, core_.now + std::chrono::seconds(keepalive->retry_s));
}

void Informational::on_dpd(IkeSa& sa, const Notification& n) {
    ByteReader in(n.data);
    const auto sequence = in.u32();
    if (!in.done() || n.spi != cookies_of(sa)) {
        core_.counters.count(Counter::unexpected_payload);
        return;
    }
    if (n.type == NotifyType::r_u_there_ack) {
        if (!sa.dpd_waiting || sequence != sa.dpd_sequence) {
            core_.counters.count(Counter::duplicates);
            return;
        }
        sa.dpd_waiting = false;
        sa.dpd_failures = 0;
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: DPD/R_U_THERE_ACK received from peer {}, sequence 0x{:X}",
                        sa.tag(),
                        sa.remote.address.to_string(),
                        sequence);
        return;
    }
    core_.counters.count(Counter::dpd_received);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: DPD/R_U_THERE received from peer {}, sequence 0x{:X}",
                    sa.tag(),
                    sa.remote.address.to_string(),
                    sequence);
    // RFC 3706, 6.2: repeated numbers are replays; a repeated question gets no second life.
    if (sa.dpd_peer_sequence != 0 && sequence < sa.dpd_peer_sequence) {
        core_.counters.count(Counter::duplicates);
        return;
    }
    sa.dpd_peer_sequence = sequence;
    Notification answer = n;
    answer.type = NotifyType::r_u_there_ack;
    send_notify(sa, answer);
}

}  // namespace viaduct::ike
