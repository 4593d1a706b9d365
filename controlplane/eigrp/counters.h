// Every reason to count a packet or event, by name; `show ip eigrp traffic` lists them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace viaduct::eigrp {

enum class Counter : std::uint8_t {
    hello_sent,
    hello_received,
    update_sent,
    update_received,
    query_sent,
    query_received,
    reply_sent,
    reply_received,
    ack_sent,
    ack_received,
    sia_query_sent,
    sia_query_received,
    sia_reply_sent,
    sia_reply_received,
    retransmitted,
    liveness_probe_sent,
    // What is not taken in.
    drop_truncated,
    drop_version,
    drop_checksum,
    drop_tlv_length,
    drop_prefix,
    drop_no_interface,
    drop_passive_interface,
    drop_own_address,
    drop_not_on_subnet,
    drop_wrong_as,
    drop_virtual_router,
    drop_authentication,
    drop_k_values,
    drop_opcode,
    drop_hello_without_parameters,
    drop_not_neighbor,
    drop_before_init,
    drop_duplicate,
    drop_conditional_receive,
    drop_neighbor_limit,
    drop_route_limit,
    drop_multicast_unicast_only,
    drop_suspended,
    ignored_unknown_tlv,
    ignored_own_router_id,
    ignored_filtered,
    ignored_foreign_format,
    ignored_unexpected_reply,
    taken_reused_sequence,
    ignored_unexpected_ack,
    kCount,
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(Counter::kCount)>
    kCounterNames{
        "hello_sent",
        "hello_received",
        "update_sent",
        "update_received",
        "query_sent",
        "query_received",
        "reply_sent",
        "reply_received",
        "ack_sent",
        "ack_received",
        "sia_query_sent",
        "sia_query_received",
        "sia_reply_sent",
        "sia_reply_received",
        "retransmitted",
        "liveness_probe_sent",
        "drop_truncated",
        "drop_version",
        "drop_checksum",
        "drop_tlv_length",
        "drop_prefix",
        "drop_no_interface",
        "drop_passive_interface",
        "drop_own_address",
        "drop_not_on_subnet",
        "drop_wrong_as",
        "drop_virtual_router",
        "drop_authentication",
        "drop_k_values",
        "drop_opcode",
        "drop_hello_without_parameters",
        "drop_not_neighbor",
        "drop_before_init",
        "drop_duplicate",
        "drop_conditional_receive",
        "drop_neighbor_limit",
        "drop_route_limit",
        "drop_multicast_unicast_only",
        "drop_suspended",
        "ignored_unknown_tlv",
        "ignored_own_router_id",
        "ignored_filtered",
        "ignored_foreign_format",
        "ignored_unexpected_reply",
        "taken_reused_sequence",
        "ignored_unexpected_ack",
    };

class Counters {
public:
    void add(Counter c) { ++values_[static_cast<std::size_t>(c)]; }

    [[nodiscard]] std::uint64_t operator[](Counter c) const {
        return values_[static_cast<std::size_t>(c)];
    }

private:
    std::array<std::uint64_t, static_cast<std::size_t>(Counter::kCount)> values_{};
};

}  // namespace viaduct::eigrp
