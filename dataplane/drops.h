// Every way to lose a packet has a name, which is its counter. `stage_reason`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace viaduct::dataplane {

// One list: the enumerators and their texts are the same words.
#define VIADUCT_DROP_REASONS(X)      \
    X(ethernet_interface_down)       \
    X(ethernet_runt)                 \
    X(ethernet_not_for_us)           \
    X(ethernet_vlan)                 \
    X(ethernet_unknown_type)         \
    X(arp_truncated)                 \
    X(ip4_input_too_short)           \
    X(ip4_input_bad_version)         \
    X(ip4_input_bad_header_length)   \
    X(ip4_input_bad_total_length)    \
    X(ip4_input_bad_checksum)        \
    X(ip4_input_martian_source)      \
    X(ip4_input_martian_destination) \
    X(ip4_input_multicast)           \
    X(ip4_input_link_broadcast)      \
    X(ip4_input_passes_exceeded)     \
    X(acl_in_denied)                 \
    X(acl_out_denied)                \
    X(route_unreachable)             \
    X(route_null0)                   \
    X(route_interface_down)          \
    X(route_ttl_expired)             \
    X(route_unresolved)              \
    X(route_multipath_loop)          \
    X(local_reassembly_timeout)      \
    X(local_reassembly_full)         \
    X(local_reassembly_overlap)      \
    X(local_reassembly_duplicate)    \
    X(local_reassembly_too_large)    \
    X(local_reassembly_bad_fragment) \
    X(udp_encap_keepalive)           \
    X(udp_encap_too_short)           \
    X(esp_in_too_short)              \
    X(esp_in_unknown_spi)            \
    X(esp_in_wrong_destination)      \
    X(esp_in_wrong_source)           \
    X(esp_in_encapsulation_mismatch) \
    X(esp_in_replayed)               \
    X(esp_in_too_old)                \
    X(esp_in_sequence_zero)          \
    X(esp_in_bad_length)             \
    X(esp_in_bad_icv)                \
    X(esp_in_bad_padding)            \
    X(esp_in_bad_next_header)        \
    X(esp_in_dummy)                  \
    X(esp_in_bad_inner)              \
    X(esp_in_bad_selector)           \
    X(esp_in_hard_limit)             \
    X(gre_in_too_short)              \
    X(gre_in_bad_version)            \
    X(gre_in_routing_present)        \
    X(gre_in_no_tunnel)              \
    X(gre_in_tunnel_down)            \
    X(gre_in_not_protected)          \
    X(gre_in_wrong_sa)               \
    X(gre_in_bad_checksum)           \
    X(gre_in_out_of_order)           \
    X(gre_in_unknown_protocol)       \
    X(policy_clear_text)             \
    X(policy_too_deep)               \
    X(policy_discover)               \
    X(nat44_no_translation)          \
    X(nat44_table_full)              \
    X(nat44_exhausted)               \
    X(nat44_no_address)              \
    X(nat44_malformed)               \
    X(nat44_gate_closed)             \
    X(esp_out_no_sa)                 \
    X(esp_out_sequence_exhausted)    \
    X(esp_out_hard_limit)            \
    X(esp_out_too_big)               \
    X(esp_out_no_room)               \
    X(esp_out_cipher_failed)         \
    X(gre_out_no_sa)                 \
    X(gre_out_no_destination)        \
    X(gre_out_recursive_route)       \
    X(gre_out_too_big)               \
    X(gre_out_no_room)               \
    X(fragment_too_big)              \
    X(fragment_no_buffer)            \
    X(adjacency_no_port)             \
    X(adjacency_link_down)           \
    X(tx_queue_full)                 \
    X(punt_policed)                  \
    X(punt_ring_full)                \
    X(punt_no_buffer)                \
    X(event_ring_full)               \
    X(inject_no_interface)           \
    X(inject_no_next_hop)            \
    X(handoff_ring_full)

enum class Drop : std::uint8_t {
#define VIADUCT_DROP_ENUM(name) name,
    VIADUCT_DROP_REASONS(VIADUCT_DROP_ENUM)
#undef VIADUCT_DROP_ENUM
        kCount
};

inline constexpr std::size_t kDropCount = static_cast<std::size_t>(Drop::kCount);

/// "esp_in_replayed", …
std::string_view drop_name(Drop reason);

}  // namespace viaduct::dataplane
