#include "controlplane/lab/pcap_writer.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

namespace viaduct::lab {

namespace {

constexpr std::uint32_t kMagicNanoseconds = 0xA1B23C4D;
constexpr std::uint32_t kLinkTypeEthernet = 1;
constexpr std::uint32_t kSnapLength = 65535;

}  // namespace

Result<std::unique_ptr<PcapWriter>> PcapWriter::create(const std::string& path) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) {
        std::array<char, 128> reason{};
        return failure(fmt::format(
            "{}: cannot be written: {}", path, strerror_r(errno, reason.data(), reason.size())));
    }
    ByteWriter header;
    header.u32(kMagicNanoseconds).u16(2).u16(4).u32(0).u32(0).u32(kSnapLength);
    header.u32(kLinkTypeEthernet);
    std::fwrite(header.view().data(), 1, header.size(), file);
    return std::unique_ptr<PcapWriter>(new PcapWriter(file));
}

void PcapWriter::write(WallTime when, BytesView frame) {
    const auto nanoseconds = static_cast<std::uint64_t>(when.time_since_epoch().count());
    const auto length = static_cast<std::uint32_t>(frame.size());
    ByteWriter header;
    header.u32(static_cast<std::uint32_t>(nanoseconds / 1'000'000'000U));
    header.u32(static_cast<std::uint32_t>(nanoseconds % 1'000'000'000U)).u32(length).u32(length);
    std::fwrite(header.view().data(), 1, header.size(), file_.get());
    std::fwrite(frame.data(), 1, frame.size(), file_.get());
}

void PcapWriter::flush() {
    std::fflush(file_.get());
}

}  // namespace viaduct::lab
