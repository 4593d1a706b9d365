// The one table of algorithms: what the configuration names, IKE negotiates and ESP runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace viaduct::crypto {

/// Ciphers of IKE phase 1 and of ESP. The CBC ciphers with a key length are one entry each.
enum class Cipher : std::uint8_t {
    null,
    des_cbc,
    tdes_cbc,
    aes_cbc_128,
    aes_cbc_192,
    aes_cbc_256,
    aes_gcm_128,  // 16-byte ICV, 4-byte salt (RFC 4106)
    aes_gcm_192,
    aes_gcm_256,
    aes_gmac_128,  // RFC 4543
    aes_gmac_192,
    aes_gmac_256,
};

/// Hashes of IKE phase 1 (their HMAC is the PRF).
enum class Hash : std::uint8_t { md5, sha1, sha256, sha384, sha512 };

/// Integrity algorithms of ESP with their truncation: 96 bits for MD5 and SHA-1 (RFC 2403/2404), half of
/// the output for SHA-2 (RFC 4868). `none` with GCM/GMAC, or by configuration.
enum class Auth : std::uint8_t {
    none,
    hmac_md5_96,
    hmac_sha1_96,
    hmac_sha256_128,
    hmac_sha384_192,
    hmac_sha512_256,
};

/// Diffie-Hellman groups; the numbers are IKE's.
enum class DhGroup : std::uint8_t {
    modp768 = 1,
    modp1024 = 2,
    modp1536 = 5,
    modp2048 = 14,
    modp3072 = 15,
    modp4096 = 16,
    ecp256 = 19,
    ecp384 = 20,
    ecp521 = 21,
};

struct CipherInfo {
    Cipher id;
    std::string_view ios_esp_name;  // "esp-3des", "esp-aes 256", "esp-gcm", …
    std::string_view ios_ike_name;  // "3des", "aes 256"; empty: not for phase 1
    std::string_view show_name;  // as `show crypto isakmp policy` writes it
    std::size_t key_bytes;  // without the salt
    std::size_t salt_bytes;  // 4 for GCM/GMAC
    std::size_t block_bytes;  // padding unit of ESP (at least 4)
    std::size_t iv_bytes;  // in the packet
    std::size_t icv_bytes;  // of its own (GCM, GMAC), else 0
    bool aead;
};

struct HashInfo {
    Hash id;
    std::string_view ios_name;  // "md5", "sha", "sha256", …
    std::string_view show_name;  // "Message Digest 5", "Secure Hash Standard", …
    std::size_t digest_bytes;
};

struct AuthInfo {
    Auth id;
    std::string_view ios_name;  // "esp-md5-hmac", …
    std::optional<Hash> hash;
    std::size_t key_bytes;
    std::size_t icv_bytes;
};

struct DhGroupInfo {
    DhGroup id;
    std::string_view show_name;  // "#2 (1024 bit)"
    std::size_t public_bytes;  // length of the KE payload's body
    std::size_t shared_bytes;  // length of g^xy
    std::size_t private_bits;  // enough for the group's strength
};

const CipherInfo& info(Cipher c);
const HashInfo& info(Hash h);
const AuthInfo& info(Auth a);
const DhGroupInfo& info(DhGroup g);

std::span<const CipherInfo> all_ciphers();
std::span<const HashInfo> all_hashes();
std::span<const AuthInfo> all_auths();
std::span<const DhGroupInfo> all_groups();

/// The group with IKE's number; nullopt if we do not have it.
std::optional<DhGroup> group_by_number(unsigned number);

}  // namespace viaduct::crypto
