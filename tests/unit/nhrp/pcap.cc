#include "pcap.h"

#include <fstream>
#include <iterator>

namespace viaduct::nhrp::test {
namespace {

std::uint32_t u32(BytesView b, std::size_t at, bool little) {
    ByteReader reader(b.subspan(at));
    const auto v = reader.u32();
    return little ? __builtin_bswap32(v) : v;
}

std::vector<Bytes> read_frames(BytesView file) {
    std::vector<Bytes> out;
    const auto take = [&](std::size_t at, std::size_t n) {
        out.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at),
                         file.begin() + static_cast<std::ptrdiff_t>(at + n));
    };
    if (u32(file, 0, false) == 0x0A0D0D0A) {  // pcapng
        const bool little = u32(file, 8, false) == 0x4D3C2B1A;
        for (std::size_t at = 0; at + 12 <= file.size();) {
            const auto type = u32(file, at, little);
            const auto length = u32(file, at + 4, little);
            if (type == 6) {  // enhanced packet block
                take(at + 28, u32(file, at + 20, little));
            }
            at += length;
        }
        return out;
    }
    const bool little = u32(file, 0, false) == 0xD4C3B2A1;
    for (std::size_t at = 24; at + 16 <= file.size();) {
        const auto length = u32(file, at + 8, little);
        take(at + 16, length);
        at += 16 + length;
    }
    return out;
}

std::optional<CapturedNhrp> read_nhrp(BytesView frame) {
    ByteReader reader(frame);
    reader.skip(12);
    auto type = reader.u16();
    if (type == 0x8100) {
        reader.skip(2);
        type = reader.u16();
    }
    CapturedNhrp out;
    const auto version = reader.u8();
    out.tos = reader.u8();
    const auto total = reader.u16();
    reader.skip(5);
    const auto protocol = reader.u8();
    reader.skip(2);
    out.source = reader.address();
    out.destination = reader.address();
    const auto flags = reader.u16();
    const auto payload = reader.u16();
    std::size_t header = 24;
    if ((flags & 0x2000U) != 0) {
        reader.skip(4);
        header += 4;
    }
    const auto nhrp = reader.bytes(total - header);
    if (!reader.ok() || type != 0x0800 || version != 0x45 || protocol != 47 || payload != 0x2001) {
        return std::nullopt;
    }
    out.nhrp.assign(nhrp.begin(), nhrp.end());
    return out;
}

}  // namespace

std::vector<CapturedNhrp> read_capture(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const Bytes file{std::istreambuf_iterator<char>(in), {}};
    std::vector<CapturedNhrp> out;
    if (file.size() < 24) {
        return out;
    }
    for (const auto& frame : read_frames(file)) {
        if (auto nhrp = read_nhrp(frame)) {
            out.push_back(std::move(*nhrp));
        }
    }
    return out;
}

}  // namespace viaduct::nhrp::test
