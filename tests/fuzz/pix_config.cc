// PIX files: whatever is read can be written, and what was written reads back to the same text.
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/pix/pix.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto once = viaduct::pix::write_pix_config(viaduct::pix::load(text, "fuzz").config);
    const auto twice = viaduct::pix::write_pix_config(viaduct::pix::load(once, "fuzz").config);
    if (once != twice) {
        std::abort();
    }
    return 0;
}
