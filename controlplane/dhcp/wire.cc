#include "controlplane/dhcp/wire.h"

#include <algorithm>

namespace viaduct::dhcp {

namespace {

constexpr std::uint32_t kMagic = 0x63825363;
constexpr std::uint16_t kBroadcastFlag = 0x8000;
constexpr std::size_t kLeastSize = 300;
constexpr std::uint8_t kPad = 0;
constexpr std::uint8_t kEnd = 255;

}  // namespace

std::optional<MessageType> Message::type() const {
    const auto found = options.find(option::kMessageType);
    if (found == options.end() || found->second.size() != 1 || found->second[0] < 1 ||
        found->second[0] > 8) {
        return std::nullopt;
    }
    return static_cast<MessageType>(found->second[0]);
}

std::vector<Ipv4Address> Message::addresses_option(std::uint8_t code) const {
    std::vector<Ipv4Address> out;
    const auto found = options.find(code);
    if (found != options.end()) {
        ByteReader reader(found->second);
        while (reader.remaining() >= 4) {
            out.push_back(reader.address());
        }
    }
    return out;
}

std::optional<Ipv4Address> Message::address_option(std::uint8_t code) const {
    const auto all = addresses_option(code);
    return all.empty() ? std::nullopt : std::optional(all.front());
}

std::optional<std::uint32_t> Message::number_option(std::uint8_t code) const {
    const auto found = options.find(code);
    if (found == options.end() || found->second.size() != 4) {
        return std::nullopt;
    }
    return ByteReader(found->second).u32();
}

std::string Message::text_option(std::uint8_t code) const {
    const auto found = options.find(code);
    return found == options.end() ? std::string()
                                  : std::string(found->second.begin(), found->second.end());
}

void Message::set_address(std::uint8_t code, Ipv4Address address) {
    options[code] = ByteWriter().address(address).take();
}

void Message::set_addresses(std::uint8_t code, const std::vector<Ipv4Address>& addresses) {
    if (addresses.empty()) {
        return;
    }
    ByteWriter writer;
    for (const auto address : addresses) {
        writer.address(address);
    }
    options[code] = writer.take();
}

void Message::set_number(std::uint8_t code, std::uint32_t number) {
    options[code] = ByteWriter().u32(number).take();
}

void Message::set_text(std::uint8_t code, std::string_view text) {
    if (!text.empty()) {
        const auto bytes = as_bytes(text.substr(0, 255));
        options[code].assign(bytes.begin(), bytes.end());
    }
}

std::optional<Message> parse(BytesView bytes) {
    ByteReader reader(bytes);
    Message message;
    const auto op = reader.u8();
    const auto hardware = reader.u16();
    message.hops = reader.u8();
    message.xid = reader.u32();
    message.secs = reader.u16();
    message.broadcast = (reader.u16() & kBroadcastFlag) != 0;
    message.ciaddr = reader.address();
    message.yiaddr = reader.address();
    message.siaddr = reader.address();
    message.giaddr = reader.address();
    MacAddress::Octets mac{};
    const auto chaddr = reader.bytes(16);
    std::copy_n(chaddr.begin(), std::min(chaddr.size(), mac.size()), mac.begin());
    message.chaddr = MacAddress{mac};
    reader.skip(64 + 128);
    const auto magic = reader.u32();
    if (!reader.ok() || (op != 1 && op != 2) || hardware != 0x0106 || magic != kMagic) {
        return std::nullopt;
    }
    message.reply = op == 2;
    while (reader.remaining() != 0) {
        const auto code = reader.u8();
        if (code == kPad) {
            continue;
        }
        if (code == kEnd) {
            return message;
        }
        const auto value = reader.bytes(reader.u8());
        if (!reader.ok()) {
            return std::nullopt;
        }
        auto& stored = message.options[code];
        stored.insert(stored.end(), value.begin(), value.end());
    }
    return message;
}

Bytes write(const Message& message) {
    ByteWriter writer;
    writer.u8(message.reply ? 2 : 1)
        .u16(0x0106)
        .u8(message.hops)
        .u32(message.xid)
        .u16(message.secs);
    writer.u16(message.broadcast ? kBroadcastFlag : 0);
    writer.address(message.ciaddr)
        .address(message.yiaddr)
        .address(message.siaddr)
        .address(message.giaddr);
    writer.bytes(message.chaddr.octets()).zeros(10 + 64 + 128).u32(kMagic);
    const auto put = [&writer](std::uint8_t code, BytesView value) {
        const auto used = value.first(std::min<std::size_t>(value.size(), 255));
        writer.u8(code).u8(static_cast<std::uint8_t>(used.size())).bytes(used);
    };
    // RFC 2131, 4.1 leaves the order free; the type goes first, as everybody sends it, and 82 last (RFC 3046).
    if (const auto type = message.options.find(option::kMessageType);
        type != message.options.end()) {
        put(type->first, type->second);
    }
    for (const auto& [code, value] : message.options) {
        if (code != option::kMessageType && code != option::kAgentInformation) {
            put(code, value);
        }
    }
    if (const auto agent = message.options.find(option::kAgentInformation);
        agent != message.options.end()) {
        put(agent->first, agent->second);
    }
    writer.u8(kEnd);
    if (writer.size() < kLeastSize) {
        writer.zeros(kLeastSize - writer.size());
    }
    return writer.take();
}

}  // namespace viaduct::dhcp
