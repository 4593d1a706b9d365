#include "controlplane/ike/quick_payloads.h"

#include "crypto/primitives.h"

namespace viaduct::ike {

Identity identity_of(const Proxy& proxy) {
    Identity id;
    const bool host = proxy.mask == Ipv4Address{0xFFFFFFFFU};
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

ProxyPair proxies_of_ends(const IkeSa& sa) {
    constexpr Ipv4Address kHost{0xFFFFFFFFU};
    return {{sa.local.address, kHost, std::nullopt, 0},
            {sa.remote.address, kHost, std::nullopt, 0}};
}

}  // namespace viaduct::ike
