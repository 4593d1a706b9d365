// Every message that was not as it should be has a name here; the name is the counter. Shown by
// `show crypto isakmp stats`.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace viaduct::ike {

enum class Counter : std::uint8_t {
    packets_in,
    packets_out,
    retransmissions,
    duplicates,
    nat_keepalives_in,
    nat_keepalives_out,
    phase1_initiated,
    phase1_responded,
    phase1_established,
    phase1_failed,
    quick_initiated,
    quick_responded,
    quick_established,
    quick_failed,
    dpd_sent,
    dpd_received,
    dpd_dead_peers,
    fragments_in,
    malformed_header,
    malformed_payload,
    malformed_decrypted,
    not_enabled,
    no_local_interface,
    unknown_cookie,
    wrong_endpoint,
    unexpected_exchange,
    unexpected_message,
    unexpected_payload,
    unencrypted,
    bad_hash,
    authentication_failed,
    no_key,
    no_proposal_chosen,
    bad_key_exchange,
    bad_nonce,
    bad_identity,
    unauthenticated_notify,
    unauthenticated_delete,
    half_open_limit,
    half_open_source_limit,
    established_limit,
    exchange_limit,
    request_limit,
    fragment_limit,
    no_policy_for_proxies,
    no_spi,
    unknown_spi,
    collision_yielded,
    offload_refused,
    aggressive_refused,
    ted_probes_out,
    ted_probes_in,
    ted_replies_out,
    ted_replies_in,
    ted_refused,
    ted_limit,
    kCount,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Counter::kCount)>
    kCounterNames{
        "packets_in",
        "packets_out",
        "retransmissions",
        "duplicates",
        "nat_keepalives_in",
        "nat_keepalives_out",
        "phase1_initiated",
        "phase1_responded",
        "phase1_established",
        "phase1_failed",
        "quick_initiated",
        "quick_responded",
        "quick_established",
        "quick_failed",
        "dpd_sent",
        "dpd_received",
        "dpd_dead_peers",
        "fragments_in",
        "malformed_header",
        "malformed_payload",
        "malformed_decrypted",
        "not_enabled",
        "no_local_interface",
        "unknown_cookie",
        "wrong_endpoint",
        "unexpected_exchange",
        "unexpected_message",
        "unexpected_payload",
        "unencrypted",
        "bad_hash",
        "authentication_failed",
        "no_key",
        "no_proposal_chosen",
        "bad_key_exchange",
        "bad_nonce",
        "bad_identity",
        "unauthenticated_notify",
        "unauthenticated_delete",
        "half_open_limit",
        "half_open_source_limit",
        "established_limit",
        "exchange_limit",
        "request_limit",
        "fragment_limit",
        "no_policy_for_proxies",
        "no_spi",
        "unknown_spi",
        "collision_yielded",
        "offload_refused",
        "aggressive_refused",
        "ted_probes_out",
        "ted_probes_in",
        "ted_replies_out",
        "ted_replies_in",
        "ted_refused",
        "ted_limit",
    };

class Counters {
public:
    void count(Counter c) { ++values_[static_cast<std::size_t>(c)]; }

    [[nodiscard]] std::uint64_t of(Counter c) const { return values_[static_cast<std::size_t>(c)]; }

private:
    std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount)> values_{};
};

}  // namespace viaduct::ike
