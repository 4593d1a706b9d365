// Small types that several parts of the running configuration share.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/strong.h"

namespace viaduct::config {

/// How a password stands in the file: `0 TEXT` or bare, `7 HEX` (Cisco's reversible scrambling) or
/// `5 HASH` (MD5 crypt) / `9`. `text` is what stands there; decode_type7 (config/ios/password.h)
/// gives the plain text of type 7. The type as typed is kept so that writing is a fixpoint.
struct Password {
    std::uint8_t type = 0;
    std::string text;

    [[nodiscard]] bool empty() const { return text.empty(); }

    bool operator==(const Password&) const = default;
};

}  // namespace viaduct::config
