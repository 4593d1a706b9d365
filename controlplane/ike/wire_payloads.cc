// The bodies of ISAKMP's payloads as values: SA, ID, NOTIFY, DELETE, ATTR, NAT-OA, fragments.
#include <fmt/format.h>

#include "controlplane/ike/wire.h"

namespace viaduct::ike {

namespace {

/// The end of every parser here: nothing missing, nothing left.
template <typename T>
Parsed<T> finish(const ByteReader& in, T value) {
    if (!in.ok()) {
        return tl::unexpected(WireError::truncated);
    }
    if (!in.done()) {
        return tl::unexpected(WireError::trailing_bytes);
    }
    return value;
}

Parsed<Transform> parse_transform(BytesView body) {
    ByteReader in(body);
    Transform t;
    t.number = in.u8();
    t.id = in.u8();
    if (in.u16() != 0) {
        return tl::unexpected(WireError::reserved_not_zero);
    }
    t.attributes = read_attributes(in);
    return finish(in, std::move(t));
}

Parsed<Proposal> parse_proposal(BytesView body) {
    ByteReader in(body);
    Proposal p;
    p.number = in.u8();
    p.protocol = in.u8();
    const auto spi_size = in.u8();
    const auto n_transforms = in.u8();
    const auto spi = in.bytes(spi_size);
    p.spi.assign(spi.begin(), spi.end());
    if (!in.ok()) {
        return tl::unexpected(WireError::truncated);
    }
    if (n_transforms == 0) {
        return tl::unexpected(WireError::bad_body);
    }
    const auto chain = parse_chain(PayloadType::transform, in.rest(), Padding::none);
    if (!chain) {
        return tl::unexpected(chain.error());
    }
    if (chain->payloads.size() != n_transforms) {
        return tl::unexpected(WireError::bad_body);
    }
    for (const auto& payload : chain->payloads) {
        // "This field MUST contain only 3 or 0" (RFC 2408, 3.6).
        if (payload.type != PayloadType::transform) {
            return tl::unexpected(WireError::bad_body);
        }
        auto transform = parse_transform(payload.body);
        if (!transform) {
            return tl::unexpected(transform.error());
        }
        p.transforms.push_back(std::move(*transform));
    }
    return p;
}

}  // namespace

Parsed<SaBody> parse_sa(const PayloadView* payload) {
    return payload != nullptr ? parse_sa(payload->body)
                              : Parsed<SaBody>(tl::unexpected(WireError::bad_body));
}

Parsed<SaBody> parse_sa(BytesView body) {
    ByteReader in(body);
    SaBody sa;
    sa.doi = in.u32();
    sa.situation = in.u32();
    if (!in.ok() || in.remaining() == 0) {
        return tl::unexpected(WireError::truncated);
    }
    if (sa.situation != kSituationIdentityOnly) {
        return tl::unexpected(WireError::bad_body);
    }
    const auto chain = parse_chain(PayloadType::proposal, in.rest(), Padding::none);
    if (!chain) {
        return tl::unexpected(chain.error());
    }
    for (const auto& payload : chain->payloads) {
        if (payload.type != PayloadType::proposal) {
            return tl::unexpected(WireError::bad_body);
        }
        auto proposal = parse_proposal(payload.body);
        if (!proposal) {
            return tl::unexpected(proposal.error());
        }
        sa.proposals.push_back(std::move(*proposal));
    }
    return sa;
}

Bytes write_sa(const SaBody& sa) {
    ChainWriter proposals;
    for (const auto& p : sa.proposals) {
        ChainWriter transforms;
        for (const auto& t : p.transforms) {
            ByteWriter out;
            out.u8(t.number).u8(t.id).u16(0);
            write_attributes(out, t.attributes);
            transforms.add(PayloadType::transform, out.view());
        }
        ByteWriter out;
        out.u8(p.number).u8(p.protocol).u8(static_cast<std::uint8_t>(p.spi.size()));
        out.u8(static_cast<std::uint8_t>(p.transforms.size())).bytes(p.spi);
        out.bytes(transforms.view());
        proposals.add(PayloadType::proposal, out.view());
    }
    ByteWriter out;
    out.u32(sa.doi).u32(sa.situation).bytes(proposals.view());
    return out.take();
}

std::optional<Ipv4Address> Identity::address() const {
    ByteReader in(data);
    const auto first = in.address();
    const bool known =
        type == IdType::ipv4_address || type == IdType::ipv4_subnet || type == IdType::ipv4_range;
    return known && in.ok() ? std::optional(first) : std::nullopt;
}

std::optional<Ipv4Address> Identity::mask() const {
    if (type == IdType::ipv4_address && data.size() == 4) {
        return Ipv4Address{0xFFFFFFFFU};
    }
    ByteReader in(data);
    in.skip(4);
    const auto second = in.address();
    const bool known = type == IdType::ipv4_subnet || type == IdType::ipv4_range;
    return known && in.ok() ? std::optional(second) : std::nullopt;
}

std::string Identity::text() const {
    switch (type) {
    case IdType::ipv4_address:
        return address().value_or(Ipv4Address{}).to_string();
    case IdType::ipv4_subnet:
        return fmt::format("{}/{}",
                           address().value_or(Ipv4Address{}).to_string(),
                           mask().value_or(Ipv4Address{}).to_string());
    case IdType::ipv4_range:
        return fmt::format("{}-{}",
                           address().value_or(Ipv4Address{}).to_string(),
                           mask().value_or(Ipv4Address{}).to_string());
    case IdType::fqdn:
    case IdType::user_fqdn:
    case IdType::key_id: {
        std::string out;
        for (const auto octet : data) {
            out.push_back(octet >= 0x20 && octet < 0x7F ? static_cast<char>(octet) : '.');
        }
        return out;
    }
    case IdType::der_asn1_dn:
        return "distinguished name";
    }
    return to_hex(data);
}

Parsed<Identity> parse_identity(BytesView body) {
    ByteReader in(body);
    Identity id;
    id.type = IdType{in.u8()};
    id.protocol = in.u8();
    id.port = in.u16();
    const auto data = in.rest();
    id.data.assign(data.begin(), data.end());
    if (!in.ok()) {
        return tl::unexpected(WireError::truncated);
    }
    std::size_t wanted = data.size();
    if (id.type == IdType::ipv4_address) {
        wanted = 4;
    } else if (id.type == IdType::ipv4_subnet || id.type == IdType::ipv4_range) {
        wanted = 8;
    }
    if (data.size() < wanted || data.empty()) {
        return tl::unexpected(WireError::truncated);
    }
    if (data.size() > wanted) {
        return tl::unexpected(WireError::trailing_bytes);
    }
    return id;
}

Bytes write_identity(const Identity& identity) {
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(identity.type)).u8(identity.protocol).u16(identity.port);
    out.bytes(identity.data);
    return out.take();
}

Parsed<Notification> parse_notification(BytesView body) {
    ByteReader in(body);
    Notification n;
    n.doi = in.u32();
    n.protocol = in.u8();
    const auto spi_size = in.u8();
    n.type = NotifyType{in.u16()};
    const auto spi = in.bytes(spi_size);
    n.spi.assign(spi.begin(), spi.end());
    const auto data = in.rest();
    n.data.assign(data.begin(), data.end());
    return finish(in, std::move(n));
}

Bytes write_notification(const Notification& n) {
    ByteWriter out;
    out.u32(n.doi).u8(n.protocol).u8(static_cast<std::uint8_t>(n.spi.size()));
    out.u16(static_cast<std::uint16_t>(n.type)).bytes(n.spi).bytes(n.data);
    return out.take();
}

Parsed<Deletion> parse_deletion(BytesView body) {
    ByteReader in(body);
    Deletion d;
    d.doi = in.u32();
    d.protocol = in.u8();
    const auto spi_size = in.u8();
    const auto n_spis = in.u16();
    if (!in.ok()) {
        return tl::unexpected(WireError::truncated);
    }
    if (spi_size == 0 || in.remaining() % spi_size != 0) {
        return tl::unexpected(in.remaining() == 0 ? WireError::truncated : WireError::bad_body);
    }
    if (in.remaining() / spi_size < n_spis) {
        return tl::unexpected(WireError::truncated);
    }
    for (unsigned i = 0; i < n_spis; ++i) {
        const auto spi = in.bytes(spi_size);
        d.spis.emplace_back(spi.begin(), spi.end());
    }
    return finish(in, std::move(d));
}

Bytes write_deletion(const Deletion& d) {
    ByteWriter out;
    out.u32(d.doi).u8(d.protocol);
    out.u8(static_cast<std::uint8_t>(d.spis.empty() ? 0 : d.spis.front().size()));
    out.u16(static_cast<std::uint16_t>(d.spis.size()));
    for (const auto& spi : d.spis) {
        out.bytes(spi);
    }
    return out.take();
}

Parsed<ConfigBody> parse_config(BytesView body) {
    ByteReader in(body);
    ConfigBody c;
    c.type = ConfigType{in.u8()};
    if (in.u8() != 0) {
        return tl::unexpected(WireError::reserved_not_zero);
    }
    c.identifier = in.u16();
    c.attributes = read_attributes(in);
    return finish(in, std::move(c));
}

Bytes write_config(const ConfigBody& c) {
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(c.type)).u8(0).u16(c.identifier);
    write_attributes(out, c.attributes);
    return out.take();
}

Parsed<Ipv4Address> parse_nat_oa(BytesView body) {
    ByteReader in(body);
    const IdType type{in.u8()};
    in.skip(3);
    const auto address = in.address();
    if (in.ok() && type != IdType::ipv4_address) {
        return tl::unexpected(WireError::bad_body);
    }
    return finish(in, address);
}

Bytes write_nat_oa(Ipv4Address address) {
    ByteWriter out;
    out.u8(static_cast<std::uint8_t>(IdType::ipv4_address)).zeros(3).address(address);
    return out.take();
}

Parsed<Fragment> parse_fragment(BytesView body) {
    ByteReader in(body);
    Fragment f;
    f.id = in.u16();
    f.number = in.u8();
    const auto flags = in.u8();
    f.last = (flags & 1U) != 0;
    f.data = in.rest();
    if (!in.ok() || f.data.empty()) {
        return tl::unexpected(WireError::truncated);
    }
    if (f.number == 0) {
        return tl::unexpected(WireError::bad_body);
    }
    return f;
}

}  // namespace viaduct::ike
