// The console's socket: any stream is cut into frames or refused, however it is cut into pieces, and every payload
// is parsed or refused.
#include <cstdlib>
#include <string_view>

#include "controlplane/console/frame.h"

using namespace viaduct::console;

namespace {

/// Frames until there is no more or an error; what was read of them goes into a small sum.
std::size_t read_all(std::string_view stream, std::size_t piece) {
    FrameReader reader(kMaxClientPayload);
    std::size_t seen = 0;
    while (!stream.empty()) {
        const auto n = std::min(piece, stream.size());
        reader.feed(stream.substr(0, n));
        stream.remove_prefix(n);
        while (true) {
            const auto frame = reader.next();
            if (!frame) {
                return seen;
            }
            if (!*frame) {
                break;
            }
            if ((*frame)->payload.size() > kMaxClientPayload) {
                std::abort();
            }
            (void)parse_hello((*frame)->payload);
            (void)parse_window((*frame)->payload);
            (void)parse_prompt((*frame)->payload);
            seen =
                seen * 31 + static_cast<std::size_t>((*frame)->type) + (*frame)->payload.size() + 1;
        }
    }
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view stream(reinterpret_cast<const char*>(data), size);
    if (read_all(stream, stream.size()) != read_all(stream, 3)) {
        std::abort();  // where the stream was cut must not matter
    }
    return 0;
}
