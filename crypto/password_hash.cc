#include "crypto/password_hash.h"

#include <array>
#include <string>

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "crypto/primitives.h"

namespace viaduct::crypto {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr int kPbkdf2Rounds = 20000;
constexpr std::uint64_t kScryptN = 16384;
constexpr std::uint64_t kScryptMemory = 64ULL << 20;
constexpr std::string_view kAlphabet =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

using Key = std::array<std::uint8_t, kKeyBytes>;

BytesView octets(std::string_view text) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): characters as octets
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Base 64 in its usual bit order, with the alphabet of crypt and without padding.
std::string text_of(const Key& key) {
    std::string out;
    unsigned bits = 0;
    std::uint32_t held = 0;
    for (const auto octet : key) {
        held = held << 8 | octet;
        for (bits += 8; bits >= 6; bits -= 6) {
            out += kAlphabet[held >> (bits - 6) & 63U];
        }
    }
    if (bits > 0) {
        out += kAlphabet[held << (6 - bits) & 63U];
    }
    return out;
}

bool derive(std::uint8_t type, std::string_view salt, std::string_view typed, Key& key) {
    const auto salt_octets = octets(salt);
    if (type == 8) {
        return PKCS5_PBKDF2_HMAC(typed.data(),
                                 static_cast<int>(typed.size()),
                                 salt_octets.data(),
                                 static_cast<int>(salt_octets.size()),
                                 kPbkdf2Rounds,
                                 EVP_sha256(),
                                 kKeyBytes,
                                 key.data()) == 1;
    }
    return EVP_PBE_scrypt(typed.data(),
                          typed.size(),
                          salt_octets.data(),
                          salt_octets.size(),
                          kScryptN,
                          1,
                          1,
                          kScryptMemory,
                          key.data(),
                          kKeyBytes) == 1;
}

}  // namespace

bool secret_fits(std::uint8_t type, std::string_view stored, std::string_view typed) {
    constexpr std::size_t kMark = 3;  // "$9$"
    const auto salt_end = stored.find('$', kMark);
    if (stored.size() < kMark || stored[0] != '$' || stored[2] != '$' ||
        salt_end == std::string_view::npos) {
        return false;
    }
    if (type == 5 && stored[1] == '1') {
        const auto hashed = md5_crypt(typed, stored.substr(kMark, salt_end - kMark));
        return equal_constant_time(octets(hashed), octets(stored));
    }
    if ((type != 8 && type != 9) || stored[1] != static_cast<char>('0' + type)) {
        return false;
    }
    Key key{};
    if (!derive(type, stored.substr(kMark, salt_end - kMark), typed, key)) {
        return false;
    }
    return equal_constant_time(octets(text_of(key)), octets(stored.substr(salt_end + 1)));
}

}  // namespace viaduct::crypto
