// Reads the captures of real gear: classic pcap files, Ethernet, IPv4, EIGRP.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"

namespace viaduct::eigrp::test {

struct Captured {
    Duration at;
    Ipv4Address source;
    Ipv4Address destination;
    std::uint8_t tos;
    std::uint8_t ttl;
    Bytes payload;
};

/// Folder of the captures, or nothing when it is not there (the test is then skipped).
inline std::optional<std::filesystem::path> captures() {
    // A worktree may stand one folder deeper than the checkout.
    for (const auto* up : {"..", "../.."}) {
        const auto folder = std::filesystem::path(SOURCE_ROOT) / up / "shared/fixtures/captures";
        if (std::filesystem::exists(folder)) {
            return folder;
        }
    }
    return std::nullopt;
}

inline std::vector<Captured> read_pcap(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const bool little = all.size() > 24 && static_cast<std::uint8_t>(all[0]) == 0xD4;
    const auto u32 = [&](std::size_t at) {
        std::uint32_t v = 0;
        std::memcpy(&v, all.data() + at, 4);
        return little ? v : big_endian(v);
    };
    std::vector<Captured> out;
    for (std::size_t at = 24; at + 16 <= all.size();) {
        const std::size_t length = u32(at + 8);
        const Duration when =
            std::chrono::seconds{u32(at)} + std::chrono::microseconds{u32(at + 4)};
        const auto frame = as_bytes(std::string_view(all).substr(at + 16, length));
        at += 16 + length;
        ByteReader r(frame);
        r.skip(12);
        if (r.u16() != 0x0800) {
            continue;
        }
        Captured c;
        c.at = when;
        r.u8();
        c.tos = r.u8();
        const std::size_t total = r.u16();
        r.skip(4);
        c.ttl = r.u8();
        const auto protocol = r.u8();
        r.u16();
        c.source = r.address();
        c.destination = r.address();
        const auto body = r.bytes(total - 20);
        if (r.ok() && protocol == 88) {
            c.payload.assign(body.begin(), body.end());
            out.push_back(c);
        }
    }
    return out;
}

}  // namespace viaduct::eigrp::test
