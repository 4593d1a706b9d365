// DES and triple DES in CBC mode on one buffer through OpenSSL's block functions, for CPUs on which
// IPsec-MB's are slower; and the measurement that tells. Internal to crypto/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "crypto/esp_cipher.h"

namespace viaduct::crypto {

/// Bytes of one expanded DES key, IPsec-MB's or OpenSSL's.
inline constexpr std::size_t kDesScheduleBytes = 128;

/// Expands 8 bytes of key (parity bits are not looked at) to kDesScheduleBytes at `schedule`.
void des_expand_openssl(const std::uint8_t* key, void* schedule);

/// In place. `schedules` are `n_keys` (1 or 3) OpenSSL schedules in a row; `length` is a multiple of
/// 8.
void des_cbc_openssl(const void* schedules,
                     std::size_t n_keys,
                     Direction direction,
                     const std::uint8_t* iv,
                     std::uint8_t* data,
                     std::size_t length);

/// The fastest way to do triple DES on this machine: bit-sliced with AVX-512, else tried on 16
/// packets.
DesPath measure_des();

}  // namespace viaduct::crypto
