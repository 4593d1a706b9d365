// RADIUS packets: what parses is written as it was, up to its own length.
#include "controlplane/aaa/radius_wire.h"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto packet = viaduct::aaa::parse_radius({data, size});
    if (packet) {
        const auto bytes = viaduct::aaa::write_radius(*packet);
        if (bytes.size() > size || !std::equal(bytes.begin(), bytes.end(), data)) {
            std::abort();
        }
        (void)viaduct::aaa::response_is_genuine(bytes, packet->authenticator, bytes);
    }
    return 0;
}
