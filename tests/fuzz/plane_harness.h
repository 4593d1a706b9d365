// What the fuzz targets of the dataplane share: the EAL, MAC addresses, IP headers made right.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "dataplane/base/checksum.h"
#include "dataplane/plane.h"
#include "dataplane/ports/eal.h"

namespace viaduct::dataplane {

inline MacAddress mac(std::uint8_t last) {
    return MacAddress{MacAddress::Octets{2, 0, 0, 0, 0, last}};
}

/// Version, lengths and checksum made right: what is left to be wrong is deeper.
inline Bytes mended(BytesView data) {
    Bytes p(data.begin(), data.end());
    if (p.size() < 20) {
        return p;
    }
    const std::size_t words = std::clamp<std::size_t>(p[0] & 0xFU, 5, p.size() / 4);
    p[0] = static_cast<std::uint8_t>(0x40U | words);
    p[2] = static_cast<std::uint8_t>(p.size() >> 8U);
    p[3] = static_cast<std::uint8_t>(p.size());
    p[8] |= 2;
    p[10] = p[11] = 0;
    const auto sum = internet_checksum(BytesView(p).first(words * 4));
    p[10] = static_cast<std::uint8_t>(sum >> 8U);
    p[11] = static_cast<std::uint8_t>(sum);
    return p;
}

/// Of a small plane; starts the EAL.
inline PlaneOptions small_plane() {
    EalOptions eal;
    eal.buffers = 8192;
    if (!start_eal(eal)) {
        std::abort();
    }
    PlaneOptions out;
    out.max_sas = 64;
    out.nat_sessions = 256;
    out.random_seed = 1;
    return out;
}

}  // namespace viaduct::dataplane
