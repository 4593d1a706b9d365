#include "controlplane/ike/quick_payloads.h"

#include "crypto/primitives.h"

namespace viaduct::ike {

Identity identity_of(const Proxy& proxy) {
    Identity id;
    const bool host = proxy.mask == kSingleHost;
    id.type = host ? IdType::ipv4_address : IdType::ipv4_subnet;
    id.protocol = proxy.protocol ? proxy.protocol->value() : std::uint8_t{0};
    id.port = proxy.port;
    ByteWriter out;
    out.address(proxy.address);
    if (!host) {
        out.address(proxy.mask);
    }
    id.data = out.take();
    return id;
}

std::optional<Proxy> proxy_of(const Identity& identity) {
    const auto address = identity.address();
    auto mask = identity.mask();
    if (!address || !mask) {
        return std::nullopt;
    }
    if (identity.type == IdType::ipv4_range) {
        // Only a range that is a network: its ends differ in the low bits alone, all 0 and all 1.
        const auto differing = address->value() ^ mask->value();
        if ((differing & (differing + 1U)) != 0 || (address->value() & differing) != 0) {
            return std::nullopt;
        }
        mask = Ipv4Address{~differing};
    }
    Proxy proxy;
    proxy.address = Ipv4Address{address->value() & mask->value()};
    proxy.mask = *mask;
    if (identity.protocol != 0) {
        proxy.protocol = IpProtocol{identity.protocol};
    }
    proxy.port = identity.port;
    return proxy;
}

Bytes third_hash(const IkeSa& sa, const QuickExchange& x) {
    ByteWriter head;
    head.u8(0).u32(x.id.value());
    return phase2_hash(sa.suite.hash, sa.keys, {head.view(), x.nonce_i, x.nonce_r});
}

bool third_hash_fits(const IkeSa& sa, const QuickExchange& x, const OpenedMessage& message) {
    const auto& first = message.chain.payloads.front();
    return first.type == PayloadType::hash &&
           crypto::equal_constant_time(third_hash(sa, x), first.body);
}

void add_nat_oa(const IkeSa& sa,
                std::vector<std::pair<PayloadType, Bytes>>& payloads,
                bool initiator) {
    const auto own = write_nat_oa(sa.local.address);
    const auto other = write_nat_oa(sa.remote.address);
    if (sa.nat.dialect != NatDialect::rfc) {
        // Drafts: "NAT-OA", each end its own one.
        payloads.emplace_back(sa.nat.dialect == NatDialect::draft4 ? PayloadType::nat_oa_draft4
                                                                   : PayloadType::nat_oa_draft,
                              own);
        return;
    }
    // RFC 3947, 5.2: "NAT-OAi, NAT-OAr": the initiator's first.
    payloads.emplace_back(PayloadType::nat_oa, initiator ? own : other);
    payloads.emplace_back(PayloadType::nat_oa, initiator ? other : own);
}

std::optional<Ipv4Address> peer_nat_oa(const Chain& chain, bool of_initiator) {
    std::vector<Ipv4Address> found;
    for (const auto& payload : chain.payloads) {
        const bool is_oa = payload.type == PayloadType::nat_oa ||
                           payload.type == PayloadType::nat_oa_draft ||
                           payload.type == PayloadType::nat_oa_draft4;
        if (const auto address = is_oa ? parse_nat_oa(payload.body)
                                       : Parsed<Ipv4Address>(tl::unexpected(WireError::bad_body))) {
            found.push_back(*address);
        }
    }
    if (found.empty()) {
        return std::nullopt;
    }
    return of_initiator || found.size() == 1 ? found.front() : found[1];
}

ProxyPair proxies_of_ends(const IkeSa& sa) {
    return {{sa.local.address, kSingleHost, std::nullopt, 0},
            {sa.remote.address, kSingleHost, std::nullopt, 0}};
}

}  // namespace viaduct::ike
