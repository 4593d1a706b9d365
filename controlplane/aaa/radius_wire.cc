#include "controlplane/aaa/radius_wire.h"

#include <algorithm>

#include "crypto/primitives.h"

namespace viaduct::aaa {

namespace {

constexpr std::size_t kHeader = 20;
constexpr std::size_t kMaxPassword = 128;
constexpr std::size_t kBlock = 16;

/// Where the value of the first attribute of this type begins; npos if there is none.
std::size_t value_offset(BytesView packet, std::uint8_t type) {
    std::size_t at = kHeader;
    while (at + 2 <= packet.size() && packet[at + 1] >= 2 && at + packet[at + 1] <= packet.size()) {
        if (packet[at] == type) {
            return at + 2;
        }
        at += packet[at + 1];
    }
    return std::string::npos;
}

}  // namespace

const RadiusAttribute* RadiusPacket::find(std::uint8_t type) const {
    const auto found = std::find_if(attributes.begin(),
                                    attributes.end(),
                                    [type](const RadiusAttribute& a) { return a.type == type; });
    return found == attributes.end() ? nullptr : &*found;
}

std::optional<RadiusPacket> parse_radius(BytesView bytes) {
    ByteReader head(bytes);
    RadiusPacket packet;
    packet.code = head.u8();
    packet.identifier = head.u8();
    const std::size_t length = head.u16();
    if (!head.ok() || length < kHeader || length > bytes.size()) {
        return std::nullopt;
    }
    ByteReader reader(bytes.subspan(4, length - 4));
    const auto authenticator = reader.bytes(packet.authenticator.size());
    std::copy(authenticator.begin(), authenticator.end(), packet.authenticator.begin());
    while (reader.ok() && reader.remaining() != 0) {
        RadiusAttribute attribute;
        attribute.type = reader.u8();
        const std::size_t size = reader.u8();
        if (size < 2) {
            return std::nullopt;
        }
        const auto value = reader.bytes(size - 2);
        attribute.value.assign(value.begin(), value.end());
        packet.attributes.push_back(std::move(attribute));
    }
    return reader.done() ? std::optional(std::move(packet)) : std::nullopt;
}

Bytes write_radius(const RadiusPacket& packet) {
    ByteWriter writer;
    writer.u8(packet.code).u8(packet.identifier).u16(0).bytes(packet.authenticator);
    for (const auto& attribute : packet.attributes) {
        writer.u8(attribute.type)
            .u8(static_cast<std::uint8_t>(attribute.value.size() + 2))
            .bytes(attribute.value);
    }
    writer.patch_u16(2, static_cast<std::uint16_t>(writer.size()));
    return writer.take();
}

Bytes hide_password(BytesView password, BytesView secret, const Authenticator& authenticator) {
    const auto used = password.first(std::min(password.size(), kMaxPassword));
    Bytes out(used.begin(), used.end());
    out.resize(std::max<std::size_t>(kBlock, (out.size() + kBlock - 1) / kBlock * kBlock));
    BytesView previous = authenticator;
    for (std::size_t at = 0; at < out.size(); at += kBlock) {
        const auto mask = crypto::digest(crypto::Hash::md5, {secret, previous});
        for (std::size_t i = 0; i < kBlock; ++i) {
            out[at + i] ^= mask[i];
        }
        previous = BytesView(out).subspan(at, kBlock);
    }
    return out;
}

Bytes sign_request(RadiusPacket packet, BytesView secret) {
    packet.attributes.push_back({kMessageAuthenticator, Bytes(kBlock)});
    auto bytes = write_radius(packet);
    const auto mac = crypto::hmac(crypto::Hash::md5, secret, {bytes});
    std::copy(mac.begin(), mac.end(), bytes.end() - static_cast<std::ptrdiff_t>(kBlock));
    return bytes;
}

bool response_is_genuine(BytesView response,
                         const Authenticator& request_authenticator,
                         BytesView secret) {
    if (response.size() < kHeader) {
        return false;
    }
    const auto expected = crypto::digest(
        crypto::Hash::md5,
        {response.first(4), request_authenticator, response.subspan(kHeader), secret});
    if (!crypto::equal_constant_time(expected, response.subspan(4, 16))) {
        return false;
    }
    const auto at = value_offset(response, kMessageAuthenticator);
    if (at == std::string::npos) {
        return true;
    }
    if (at + kBlock > response.size()) {
        return false;
    }
    Bytes copy(response.begin(), response.end());
    std::copy(request_authenticator.begin(), request_authenticator.end(), copy.begin() + 4);
    std::fill_n(copy.begin() + static_cast<std::ptrdiff_t>(at), kBlock, std::uint8_t{0});
    const auto mac = crypto::hmac(crypto::Hash::md5, secret, {copy});
    return crypto::equal_constant_time(mac, response.subspan(at, kBlock));
}

}  // namespace viaduct::aaa
