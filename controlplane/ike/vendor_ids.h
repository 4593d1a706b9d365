// Vendor IDs: what a peer is and can. Facts: RFC 3706, RFC 3947 and its drafts, captures of IOS gear.
#pragma once

#include <optional>
#include <string_view>

#include "controlplane/ike/wire.h"

namespace viaduct::ike {

enum class VendorId : std::uint8_t {
    nat_t_rfc3947,
    nat_t_draft8,
    nat_t_draft7,
    nat_t_draft6,
    nat_t_draft5,
    nat_t_draft4,
    nat_t_draft3,
    nat_t_draft2_newline,  // MD5 over the name with a line feed: what most senders send
    nat_t_draft2,
    nat_t_draft1,
    nat_t_draft0,
    unity,
    dpd,
    xauth,
    fragmentation,
    altiga_gateway,
    altiga_client,
    kCount,
};

/// The octets to send.
Bytes vendor_id_body(VendorId id);
/// What a received body is; nullopt: none that we know.
std::optional<VendorId> recognise_vendor_id(BytesView body);

/// IOS's own: octets 0–7 are the sender's cookie XOR a constant.
Bytes ios_vendor_id(Cookie own_cookie, std::uint64_t tail);
bool is_ios_vendor_id(BytesView body, Cookie sender_cookie);

/// "rfc3947", "07", "03", "02" as in "constructed NAT-T vendor-03 ID".
std::string_view nat_t_construct_name(VendorId id);
/// "RFC 3947", "v7", "v3", "v2" as in "vendor ID is NAT-T v3"; empty if it is not about NAT-T.
std::string_view nat_t_name(VendorId id);

}  // namespace viaduct::ike
