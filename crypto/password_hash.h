// The hashes behind `secret`: MD5-crypt (5), PBKDF2 with SHA-256 (8), scrypt (9), as IOS writes them.
// 8 and 9 take some milliseconds by design.
#pragma once

#include <cstdint>
#include <string_view>

namespace viaduct::crypto {

/// `typed` is the password of the hash `stored` ("$1$salt$…", "$8$…", "$9$…"). Compared in constant time; false also
/// for a hash or a type that is not understood.
bool secret_fits(std::uint8_t type, std::string_view stored, std::string_view typed);

}  // namespace viaduct::crypto
