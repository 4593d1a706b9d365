#include "controlplane/ike/vendor_ids.h"

#include <algorithm>
#include <array>

namespace viaduct::ike {

namespace {

struct Row {
    VendorId id;
    std::string_view hex;
    std::size_t significant;  // octets that identify; the rest is a version or capabilities
};

constexpr std::array<Row, static_cast<std::size_t>(VendorId::kCount)> kRows{{
    {VendorId::nat_t_rfc3947, "4A131C81070358455C5728F20E95452F", 16},
    {VendorId::nat_t_draft8, "8F8D83826D246B6FC7A8A6A428C11DE8", 16},
    {VendorId::nat_t_draft7, "439B59F8BA676C4C7737AE22EAB8F582", 16},
    {VendorId::nat_t_draft6, "4D1E0E136DEAFA34C4F3EA9F02EC7285", 16},
    {VendorId::nat_t_draft5, "80D0BB3DEF54565EE84645D4C85CE3EE", 16},
    {VendorId::nat_t_draft4, "9909B64EED937C6573DE52ACE952FA6B", 16},
    {VendorId::nat_t_draft3, "7D9419A65310CA6F2C179D9215529D56", 16},
    {VendorId::nat_t_draft2_newline, "90CB80913EBB696E086381B5EC427B1F", 16},
    {VendorId::nat_t_draft2, "CD60464335DF21F87CFDB2FC68B6A448", 16},
    {VendorId::nat_t_draft1, "16F6CA16E4A4066D83821A0F0AEAA862", 16},
    {VendorId::nat_t_draft0, "4485152D18B6BBCD0BE8A8469579DDCC", 16},
    {VendorId::unity, "12F5F28C457168A9702D9FE274CC0100", 14},
    {VendorId::dpd, "AFCAD71368A1F1C96B8696FC77570100", 14},
    {VendorId::xauth, "09002689DFD6B712", 8},
    {VendorId::fragmentation, "4048B7D56EBCE88525E7DE7F00D6C2D3C0000000", 16},
    {VendorId::altiga_gateway, "1F07F70EAA6514D3B0FA96542A500306", 14},
    {VendorId::altiga_client, "F6F7EFC7F5AEB8CB158CB9D094BA69E7", 16},
}};

constexpr std::uint64_t kIosPattern = 0xF5C7A71D00010000U;

}  // namespace

Bytes vendor_id_body(VendorId id) {
    return from_hex(kRows[static_cast<std::size_t>(id)].hex);
}

std::optional<VendorId> recognise_vendor_id(BytesView body) {
    for (const auto& row : kRows) {
        const auto known = from_hex(row.hex);
        const bool length_fits = row.significant == known.size() ? body.size() == known.size()
                                                                 : body.size() >= row.significant;
        if (length_fits && std::equal(known.begin(),
                                      known.begin() + static_cast<std::ptrdiff_t>(row.significant),
                                      body.begin())) {
            return row.id;
        }
    }
    return std::nullopt;
}

Bytes ios_vendor_id(Cookie own_cookie, std::uint64_t tail) {
    ByteWriter out;
    out.u64(own_cookie.value() ^ kIosPattern).u64(tail);
    return out.take();
}

bool is_ios_vendor_id(BytesView body, Cookie sender_cookie) {
    ByteReader in(body);
    const auto head = in.u64();
    return in.ok() && body.size() == 16 && head == (sender_cookie.value() ^ kIosPattern);
}

std::string_view nat_t_construct_name(VendorId id) {
    switch (id) {
    case VendorId::nat_t_rfc3947:
        return "rfc3947";
    case VendorId::nat_t_draft7:
        return "07";
    case VendorId::nat_t_draft3:
        return "03";
    case VendorId::nat_t_draft2_newline:
        return "02";
    default:
        return "unknown";
    }
}

std::string_view nat_t_name(VendorId id) {
    switch (id) {
    case VendorId::nat_t_rfc3947:
        return "RFC 3947";
    case VendorId::nat_t_draft8:
        return "v8";
    case VendorId::nat_t_draft7:
        return "v7";
    case VendorId::nat_t_draft6:
        return "v6";
    case VendorId::nat_t_draft5:
        return "v5";
    case VendorId::nat_t_draft4:
        return "v4";
    case VendorId::nat_t_draft3:
        return "v3";
    case VendorId::nat_t_draft2_newline:
    case VendorId::nat_t_draft2:
        return "v2";
    case VendorId::nat_t_draft1:
        return "v1";
    case VendorId::nat_t_draft0:
        return "v0";
    default:
        return "";
    }
}

}  // namespace viaduct::ike
