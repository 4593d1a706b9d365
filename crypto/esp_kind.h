// How EspEngine runs a pair of algorithms: GCM and GMAC directly, the others sorted into one group
// a pair. Internal to crypto/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/algorithms.h"

namespace viaduct::crypto {

/// EspKey::kind_: the AEAD ciphers first, then cipher × auth.
inline constexpr std::size_t kAeadKinds = 6;
inline constexpr std::size_t kBlockCiphers = 6;  // null … aes_cbc_256
inline constexpr std::size_t kAuths = 6;  // none … hmac_sha512_256
inline constexpr std::size_t kGroups = kBlockCiphers * kAuths;

static_assert(static_cast<std::size_t>(Cipher::aes_gcm_128) == kBlockCiphers);
static_assert(static_cast<std::size_t>(Auth::hmac_sha512_256) + 1 == kAuths);

constexpr std::uint8_t kind_of(Cipher cipher, Auth auth) {
    const auto c = static_cast<std::size_t>(cipher);
    return static_cast<std::uint8_t>(c >= kBlockCiphers ? c - kBlockCiphers
                                                        : kAeadKinds + c * kAuths +
                                                              static_cast<std::size_t>(auth));
}

constexpr Cipher cipher_of_group(std::size_t group) {
    return static_cast<Cipher>(group / kAuths);
}

constexpr Auth auth_of_group(std::size_t group) {
    return static_cast<Auth>(group % kAuths);
}

constexpr bool is_des(Cipher cipher) {
    return cipher == Cipher::des_cbc || cipher == Cipher::tdes_cbc;
}

constexpr bool is_gmac(Cipher cipher) {
    return cipher == Cipher::aes_gmac_128 || cipher == Cipher::aes_gmac_192 ||
           cipher == Cipher::aes_gmac_256;
}

}  // namespace viaduct::crypto
