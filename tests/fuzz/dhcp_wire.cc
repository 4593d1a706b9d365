// DHCP messages: what parses is written and parses to the same value.
#include <cstdlib>

#include "controlplane/dhcp/wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = viaduct::dhcp::parse({data, size});
    if (message) {
        const auto again = viaduct::dhcp::parse(viaduct::dhcp::write(*message));
        // Options longer than 255 bytes are joined on reading (RFC 3396) and cut on writing: only those may differ.
        bool long_option = false;
        for (const auto& [code, value] : message->options) {
            long_option = long_option || value.size() > 255;
        }
        if (!again || (!long_option && *again != *message)) {
            std::abort();
        }
    }
    return 0;
}
