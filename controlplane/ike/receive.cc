// The way of a datagram into the engine, and the protection of messages.
#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/decode.h"
#include "crypto/primitives.h"

namespace viaduct::ike {

namespace {

constexpr std::size_t kExchangeAt = 18;  // offset of the exchange type

/// An SA that waits for nothing on this exchange may not be found by anyone but its peer: by both
/// cookies, or by ours alone while we wait for the peer's.
IkeSa* find_sa(Engine::State& core, const Header& header) {
    const auto known = core.by_cookies.find({header.initiator, header.responder});
    if (known != core.by_cookies.end()) {
        return core.ike(known->second);
    }
    const auto waiting = core.by_initiator_cookie.find(header.initiator);
    return waiting == core.by_initiator_cookie.end() ? nullptr : core.ike(waiting->second);
}

void receive_main(Engine::State& core, const PacketIn& packet, const Header& header) {
    if (header.message_id != MessageId{}) {
        core.counters.count(Counter::unexpected_message);
        return;
    }
    if (header.responder == Cookie{}) {
        core.main_mode.on_first(packet, header);
        return;
    }
    auto* sa = find_sa(core, header);
    if (sa == nullptr) {
        core.counters.count(Counter::unknown_cookie);
        return;
    }
    if (sa->exchange != ExchangeType::main) {
        core.counters.count(Counter::unexpected_exchange);
        return;
    }
    core.main_mode.on_message(*sa, packet, header);
}

void receive_aggressive(Engine::State& core, const PacketIn& packet, const Header& header) {
    if (header.message_id != MessageId{}) {
        core.counters.count(Counter::unexpected_message);
        return;
    }
    if (header.responder == Cookie{}) {
        core.aggressive.on_first(packet, header);
        return;
    }
    auto* sa = find_sa(core, header);
    if (sa == nullptr) {
        core.counters.count(Counter::unknown_cookie);
        return;
    }
    if (sa->exchange != ExchangeType::aggressive) {
        core.counters.count(Counter::unexpected_exchange);
        return;
    }
    core.aggressive.on_message(*sa, packet, header);
}

void receive_protected(Engine::State& core, const PacketIn& packet, const Header& header) {
    auto* sa = find_sa(core, header);
    if (sa == nullptr) {
        core.counters.count(Counter::unknown_cookie);
        return;
    }
    if (!header.encrypted()) {
        if (header.exchange == ExchangeType::informational) {
            core.informational.on_unprotected(*sa, packet, header);
        } else {
            core.counters.count(Counter::unencrypted);
        }
        return;
    }
    if (!sa->complete() || header.message_id == MessageId{}) {
        core.counters.count(Counter::unexpected_message);
        return;
    }
    if (header.exchange == ExchangeType::transaction) {
        core.transactions.on_message(*sa, packet, header);
    } else if (header.exchange == ExchangeType::quick) {
        if (!Transactions::ready(*sa)) {
            core.counters.count(Counter::unexpected_message);  // no SAs before the user is known
            return;
        }
        core.quick_mode.on_message(*sa, packet, header);
    } else {
        core.informational.on_message(*sa, packet, header);
    }
}

void dispatch(Engine::State& core, const PacketIn& packet, const Header& header) {
    switch (header.exchange) {
    case ExchangeType::main:
        receive_main(core, packet, header);
        return;
    case ExchangeType::aggressive:
        receive_aggressive(core, packet, header);
        return;
    case ExchangeType::quick:
    case ExchangeType::transaction:
    case ExchangeType::informational:
        receive_protected(core, packet, header);
        return;
    case ExchangeType::ted_probe:
        core.ted.on_probe(packet, header);
        return;
    case ExchangeType::ted_reply:
        core.ted.on_reply(packet, header);
        return;
    default:
        core.counters.count(Counter::unexpected_exchange);
    }
}

}  // namespace

void Engine::State::receive(const PacketIn& packet) {
    counters.count(Counter::packets_in);
    if (!crypto().isakmp_enable) {
        counters.count(Counter::not_enabled);
        return;
    }
    // A TED probe is addressed to a host behind us.
    const bool transit =
        packet.payload.size() > kHeaderBytes &&
        packet.payload[kExchangeAt] == static_cast<std::uint8_t>(ExchangeType::ted_probe);
    if (!transit && interface_with(packet.local.address) == nullptr) {
        counters.count(Counter::no_local_interface);
        return;
    }
    if (packet.payload.size() == 1 && packet.payload[0] == 0xFF) {
        counters.count(Counter::nat_keepalives_in);
        log.debug(Debug::crypto_ipsec, "Received an IPSEC-over-NAT-T NAT keepalive packet");
        return;
    }
    const auto header = parse_header(packet.payload);
    if (!header) {
        counters.count(Counter::malformed_header);
        return;
    }
    if (header->initiator == Cookie{}) {
        counters.count(Counter::malformed_header);
        return;
    }
    decode_header(log, *header);
    if (header->next == PayloadType::fragment && !header->encrypted()) {
        counters.count(Counter::fragments_in);
        const auto whole = fragments.add(packet, *header);
        const auto inner =
            whole ? parse_header(*whole) : Parsed<Header>(tl::unexpected(WireError::truncated));
        if (inner) {
            dispatch(*this, {packet.interface, packet.local, packet.remote, *whole}, *inner);
        } else if (whole) {
            counters.count(Counter::malformed_header);
        }
        return;
    }
    dispatch(*this, packet, *header);
}

std::optional<OpenedMessage> open_message(
    Engine::State& core, const IkeSa& sa, Bytes& iv, const Header& header, BytesView datagram) {
    if (!header.encrypted() || !sa.keyed) {
        core.counters.count(Counter::unencrypted);
        return std::nullopt;
    }
    auto next_iv = iv;
    auto plain = decrypt_body(sa.suite.cipher, sa.keys, next_iv, datagram.subspan(kHeaderBytes));
    if (!plain) {
        core.counters.count(Counter::malformed_decrypted);
        return std::nullopt;
    }
    OpenedMessage out;
    out.plain = std::move(*plain);
    auto chain = parse_chain(header.next, out.plain, Padding::allowed);
    if (!chain || chain->payloads.empty()) {
        core.counters.count(Counter::malformed_decrypted);
        if (!chain && chain.error() == WireError::reserved_not_zero) {
            core.log.debug(Debug::crypto_isakmp,
                           "{}: reserved not zero on payload {}!",
                           sa.tag(),
                           static_cast<unsigned>(header.next));
        }
        return std::nullopt;
    }
    decode_payloads(core.log, header, *chain);
    out.chain = std::move(*chain);
    iv = std::move(next_iv);
    return out;
}

Bytes seal_message(
    const IkeSa& sa, ExchangeType exchange, MessageId id, Bytes& iv, const ChainWriter& chain) {
    Header h;
    h.initiator = sa.cookie_i;
    h.responder = sa.cookie_r;
    h.next = chain.first();
    h.exchange = exchange;
    h.flags = kFlagEncrypted;
    h.message_id = id;
    return write_message(h, encrypt_body(sa.suite.cipher, sa.keys, iv, chain.view()));
}

bool phase2_hash_fits(const IkeSa& sa,
                      MessageId id,
                      const OpenedMessage& message,
                      BytesView before) {
    const auto& payloads = message.chain.payloads;
    if (payloads.front().type != PayloadType::hash) {
        return false;
    }
    ByteWriter message_id;
    message_id.u32(id.value());
    const BytesView plain(message.plain);
    const auto covered =
        plain.subspan(payloads.front().end, payloads.back().end - payloads.front().end);
    const auto expected = phase2_hash(sa.suite.hash, sa.keys, {message_id.view(), before, covered});
    return crypto::equal_constant_time(expected, payloads.front().body);
}

ChainWriter with_phase2_hash(const IkeSa& sa,
                             MessageId id,
                             BytesView before,
                             const std::vector<std::pair<PayloadType, Bytes>>& rest) {
    ChainWriter tail;
    for (const auto& [type, body] : rest) {
        tail.add(type, body);
    }
    ByteWriter message_id;
    message_id.u32(id.value());
    ChainWriter chain;
    chain.add(PayloadType::hash,
              phase2_hash(sa.suite.hash, sa.keys, {message_id.view(), before, tail.view()}));
    for (const auto& [type, body] : rest) {
        chain.add(type, body);
    }
    return chain;
}

namespace {

/// False if the ID was there before.
bool note_message_id(IkeSa& sa, MessageId id) {
    if (std::find(sa.seen.begin(), sa.seen.end(), id) != sa.seen.end()) {
        return false;
    }
    sa.seen.push_back(id);
    if (sa.seen.size() > kSeenIds) {
        sa.seen.pop_front();
    }
    return true;
}

}  // namespace

std::optional<OpenedMessage> open_first(
    Engine::State& core, IkeSa& sa, const PacketIn& packet, const Header& header, Bytes& iv) {
    iv = phase2_iv(sa.suite.hash, sa.suite.cipher, sa.iv, header.message_id);
    auto message = open_message(core, sa, iv, header, packet.payload);
    if (!message) {
        return std::nullopt;
    }
    if (!phase2_hash_fits(sa, header.message_id, *message, {})) {
        core.counters.count(Counter::bad_hash);
        return std::nullopt;
    }
    if (!note_message_id(sa, header.message_id)) {
        core.counters.count(Counter::duplicates);
        return std::nullopt;
    }
    sa.last_heard = core.now;
    core.phase1.follow(sa, packet.local, packet.remote);
    return message;
}

MessageId fresh_message_id(Engine::State& core, const IkeSa& sa) {
    while (true) {
        const MessageId id{core.random.u32()};
        if (id != MessageId{} && !sa.exchanges.contains(id)) {
            return id;
        }
    }
}

}  // namespace viaduct::ike
