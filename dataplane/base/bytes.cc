#include "dataplane/base/bytes.h"

namespace viaduct {

std::string to_hex(BytesView bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        out.push_back(kDigits[byte >> 4U]);
        out.push_back(kDigits[byte & 0xFU]);
    }
    return out;
}

Bytes from_hex(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    Bytes out;
    bool high = true;
    for (const char c : text) {
        if (c == ' ' || c == ':' || c == '\n') {
            continue;
        }
        const auto lower = c >= 'A' && c <= 'F' ? static_cast<char>(c | 0x20) : c;
        const auto digit = kDigits.find(lower);
        if (digit == std::string_view::npos) {
            return {};
        }
        if (high) {
            out.push_back(static_cast<std::uint8_t>(digit << 4U));
        } else {
            out.back() = static_cast<std::uint8_t>(out.back() | digit);
        }
        high = !high;
    }
    return high ? out : Bytes{};
}

}  // namespace viaduct
