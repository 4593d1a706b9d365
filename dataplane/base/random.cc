#include "dataplane/base/random.h"

#include <algorithm>

namespace viaduct {

void SeededRandom::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        state_ += 0x9E3779B97F4A7C15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        z ^= z >> 31U;
        const auto n = std::min<std::size_t>(out.size(), sizeof(z));
        std::memcpy(out.data(), &z, n);
        out = out.subspan(n);
    }
}

}  // namespace viaduct
