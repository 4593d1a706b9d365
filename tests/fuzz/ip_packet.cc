// IPv4 and UDP as the control plane reads them.
#include "controlplane/ip/packet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto packet = viaduct::ip::parse({data, size})) {
        (void)viaduct::ip::parse_udp(*packet);
    }
    return 0;
}
