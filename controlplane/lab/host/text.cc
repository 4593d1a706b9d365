#include "controlplane/lab/host/text.h"

#include <fmt/format.h>

namespace viaduct::lab {

std::string ping_milliseconds(Duration time) {
    const auto us = std::chrono::round<std::chrono::microseconds>(time).count();
    if (us >= 100'000 - 50) {
        return fmt::format("{}", (us + 500) / 1000);
    }
    const auto ms = static_cast<double>(us) / 1000;
    if (us >= 10'000 - 5) {
        return fmt::format("{:.1f}", ms);
    }
    return us >= 1000 ? fmt::format("{:.2f}", ms) : fmt::format("{:.3f}", ms);
}

std::string milliseconds(Duration time) {
    return fmt::format("{:.3f}", std::chrono::duration<double, std::milli>(time).count());
}

std::string describe(const PathError& error) {
    if (error.type == kIcmpTimeExceeded) {
        return error.code == 0 ? "Time to live exceeded" : "Frag reassembly time exceeded";
    }
    if (error.type == kIcmpParameterProblem) {
        return "Parameter problem";
    }
    switch (error.code) {
    case 0:
        return "Destination Net Unreachable";
    case 1:
        return "Destination Host Unreachable";
    case 2:
        return "Destination Protocol Unreachable";
    case 3:
        return "Destination Port Unreachable";
    case kIcmpTooBig:
        return fmt::format("Frag needed and DF set (mtu = {})", error.mtu);
    case 9:
        return "Destination Net Prohibited";
    case 10:
        return "Destination Host Prohibited";
    case 13:
        return "Packet filtered";
    default:
        return fmt::format("Dest Unreachable, Bad Code: {}", error.code);
    }
}

}  // namespace viaduct::lab
