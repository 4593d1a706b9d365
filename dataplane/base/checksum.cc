#include "dataplane/base/checksum.h"

namespace viaduct {

std::uint64_t checksum_sum(BytesView bytes) {
    std::uint64_t sum = 0;
    const auto* at = bytes.data();
    auto left = bytes.size();
    while (left >= 2) {
        sum += static_cast<std::uint32_t>(at[0]) << 8U | at[1];
        at += 2;
        left -= 2;
    }
    if (left == 1) {
        sum += static_cast<std::uint32_t>(at[0]) << 8U;
    }
    return sum;
}

}  // namespace viaduct
