#include "crypto/algorithms.h"

#include <array>

namespace viaduct::crypto {

namespace {

constexpr std::array<CipherInfo, 12> kCiphers{{
    {Cipher::null, "esp-null", "", "NULL", 0, 0, 4, 0, 0, false},
    {Cipher::des_cbc,
     "esp-des",
     "des",
     "DES - Data Encryption Standard (56 bit keys).",
     8,
     0,
     8,
     8,
     0,
     false},
    {Cipher::tdes_cbc, "esp-3des", "3des", "Three key triple DES", 24, 0, 8, 8, 0, false},
    {Cipher::aes_cbc_128,
     "esp-aes",
     "aes",
     "AES - Advanced Encryption Standard (128 bit keys).",
     16,
     0,
     16,
     16,
     0,
     false},
    {Cipher::aes_cbc_192,
     "esp-aes 192",
     "aes 192",
     "AES - Advanced Encryption Standard (192 bit keys).",
     24,
     0,
     16,
     16,
     0,
     false},
    {Cipher::aes_cbc_256,
     "esp-aes 256",
     "aes 256",
     "AES - Advanced Encryption Standard (256 bit keys).",
     32,
     0,
     16,
     16,
     0,
     false},
    {Cipher::aes_gcm_128, "esp-gcm", "", "AES-GCM (128 bit keys)", 16, 4, 4, 8, 16, true},
    {Cipher::aes_gcm_192, "esp-gcm 192", "", "AES-GCM (192 bit keys)", 24, 4, 4, 8, 16, true},
    {Cipher::aes_gcm_256, "esp-gcm 256", "", "AES-GCM (256 bit keys)", 32, 4, 4, 8, 16, true},
    {Cipher::aes_gmac_128, "esp-gmac", "", "AES-GMAC (128 bit keys)", 16, 4, 4, 8, 16, true},
    {Cipher::aes_gmac_192, "esp-gmac 192", "", "AES-GMAC (192 bit keys)", 24, 4, 4, 8, 16, true},
    {Cipher::aes_gmac_256, "esp-gmac 256", "", "AES-GMAC (256 bit keys)", 32, 4, 4, 8, 16, true},
}};

constexpr std::array<HashInfo, 5> kHashes{{
    {Hash::md5, "md5", "Message Digest 5", 16},
    {Hash::sha1, "sha", "Secure Hash Standard", 20},
    {Hash::sha256, "sha256", "Secure Hash Standard 2 (256 bit)", 32},
    {Hash::sha384, "sha384", "Secure Hash Standard 2 (384 bit)", 48},
    {Hash::sha512, "sha512", "Secure Hash Standard 2 (512 bit)", 64},
}};

constexpr std::array<AuthInfo, 6> kAuths{{
    {Auth::none, "", std::nullopt, 0, 0},
    {Auth::hmac_md5_96, "esp-md5-hmac", Hash::md5, 16, 12},
    {Auth::hmac_sha1_96, "esp-sha-hmac", Hash::sha1, 20, 12},
    {Auth::hmac_sha256_128, "esp-sha256-hmac", Hash::sha256, 32, 16},
    {Auth::hmac_sha384_192, "esp-sha384-hmac", Hash::sha384, 48, 24},
    {Auth::hmac_sha512_256, "esp-sha512-hmac", Hash::sha512, 64, 32},
}};

// Private exponents: twice the strength that the group offers (RFC 3526, section 8, upper estimates;
// NIST SP 800-57), never under 256 bits.
constexpr std::array<DhGroupInfo, 9> kGroups{{
    {DhGroup::modp768, "#1 (768 bit)", 96, 96, 256},
    {DhGroup::modp1024, "#2 (1024 bit)", 128, 128, 256},
    {DhGroup::modp1536, "#5 (1536 bit)", 192, 192, 256},
    {DhGroup::modp2048, "#14 (2048 bit)", 256, 256, 256},
    {DhGroup::modp3072, "#15 (3072 bit)", 384, 384, 320},
    {DhGroup::modp4096, "#16 (4096 bit)", 512, 512, 384},
    {DhGroup::ecp256, "#19 (256 bit)", 64, 32, 256},
    {DhGroup::ecp384, "#20 (384 bit)", 96, 48, 384},
    {DhGroup::ecp521, "#21 (521 bit)", 132, 66, 521},
}};

template <typename Table, typename Id>
constexpr const auto& find(const Table& table, Id id) {
    for (const auto& row : table) {
        if (row.id == id) {
            return row;
        }
    }
    __builtin_unreachable();
}

}  // namespace

const CipherInfo& info(Cipher c) {
    return find(kCiphers, c);
}

const HashInfo& info(Hash h) {
    return find(kHashes, h);
}

const AuthInfo& info(Auth a) {
    return find(kAuths, a);
}

const DhGroupInfo& info(DhGroup g) {
    return find(kGroups, g);
}

std::span<const CipherInfo> all_ciphers() {
    return kCiphers;
}

std::span<const HashInfo> all_hashes() {
    return kHashes;
}

std::span<const AuthInfo> all_auths() {
    return kAuths;
}

std::span<const DhGroupInfo> all_groups() {
    return kGroups;
}

std::optional<DhGroup> group_by_number(unsigned number) {
    for (const auto& row : kGroups) {
        if (static_cast<unsigned>(row.id) == number) {
            return row.id;
        }
    }
    return std::nullopt;
}

}  // namespace viaduct::crypto
