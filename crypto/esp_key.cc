// Expansion of key material into EspKey.
//
//     EspKey (64) │ GCM, GMAC: gcm_key_data
//                 │ others: cipher schedule (0, 128 … 384 bytes) │ inner │ outer HMAC state
#include <array>
#include <cstring>

#include <openssl/crypto.h>

#include "crypto/des.h"
#include "crypto/esp_cipher.h"
#include "crypto/esp_kind.h"
#include "crypto/multi_buffer.h"
#include "crypto/primitives.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {

static_assert(sizeof(EspKey) == 64);

namespace {

void* zeroed_lines(std::pmr::memory_resource& memory, std::size_t bytes, std::size_t alignment) {
    void* at = memory.allocate(bytes, alignment);
    std::memset(at, 0, bytes);
    return at;
}

constexpr std::size_t kLine = 64;
constexpr std::size_t kAesRoundKey = 16;
constexpr std::size_t kDesRawKeyBytes = 32;  // up to 24; DesBitslice takes keys as they are

/// Bytes of the expanded cipher key; AES has one round key more than it has rounds.
std::size_t schedule_bytes(Cipher cipher, DesPath des) {
    switch (cipher) {
    case Cipher::null:
        return 0;
    case Cipher::des_cbc:
        return des == DesPath::bitslice ? kDesRawKeyBytes : kDesScheduleBytes;
    case Cipher::tdes_cbc:
        return des == DesPath::bitslice ? kDesRawKeyBytes : 3 * kDesScheduleBytes;
    case Cipher::aes_cbc_128:
        return 11 * kAesRoundKey;
    case Cipher::aes_cbc_192:
        return 13 * kAesRoundKey;
    case Cipher::aes_cbc_256:
        return 15 * kAesRoundKey;
    case Cipher::aes_gcm_128:
    case Cipher::aes_gcm_192:
    case Cipher::aes_gcm_256:
    case Cipher::aes_gmac_128:
    case Cipher::aes_gmac_192:
    case Cipher::aes_gmac_256:
        return sizeof(gcm_key_data);
    }
    return 0;
}

/// Bytes of a hash's chaining state as IPsec-MB stores it, in multiples of 16; SHA-384's state is
/// SHA-512's.
std::size_t hash_state_bytes(Auth auth) {
    switch (auth) {
    case Auth::none:
        return 0;
    case Auth::hmac_md5_96:
        return 16;
    case Auth::hmac_sha1_96:
    case Auth::hmac_sha256_128:
        return 32;
    case Auth::hmac_sha384_192:
    case Auth::hmac_sha512_256:
        return 64;
    }
    return 0;
}

void one_hash_block(const IMB_MGR& mgr, Auth auth, const std::uint8_t* block, std::uint8_t* state) {
    switch (auth) {
    case Auth::none:
        return;
    case Auth::hmac_md5_96:
        mgr.md5_one_block(block, state);
        return;
    case Auth::hmac_sha1_96:
        mgr.sha1_one_block(block, state);
        return;
    case Auth::hmac_sha256_128:
        mgr.sha256_one_block(block, state);
        return;
    case Auth::hmac_sha384_192:
        mgr.sha384_one_block(block, state);
        return;
    case Auth::hmac_sha512_256:
        mgr.sha512_one_block(block, state);
        return;
    }
}

Result<void> check_lengths(Cipher cipher, Auth auth, BytesView cipher_key, BytesView auth_key) {
    const auto& c = info(cipher);
    if (c.aead && auth != Auth::none) {
        return failure("an authenticating cipher takes no separate authentication");
    }
    if (cipher == Cipher::null && auth == Auth::none) {
        return failure("ESP with neither encryption nor authentication");
    }
    if (cipher_key.size() != c.key_bytes + c.salt_bytes) {
        return failure("wrong length of cipher key");
    }
    if (auth_key.size() != info(auth).key_bytes) {
        return failure("wrong length of authentication key");
    }
    return {};
}

}  // namespace

class EspKeyMaker {
public:
    EspKeyMaker(Cipher cipher,
                Auth auth,
                Direction direction,
                EspTuning tuning,
                std::pmr::memory_resource& memory)
        : mgr_(key_expander(tuning.isa)) {
        const auto schedule = schedule_bytes(cipher, tuning.des);
        const auto state = hash_state_bytes(auth);
        const auto bytes = (sizeof(EspKey) + schedule + 2 * state + kLine - 1) / kLine * kLine;
        key_.reset(::new (zeroed_lines(memory, bytes, kLine)) EspKey);
        key_->memory_ = &memory;
        key_->cipher_ = cipher;
        key_->auth_ = auth;
        key_->direction_ = direction;
        key_->des_path_ = tuning.des;
        key_->kind_ = kind_of(cipher, auth);
        const auto& c = info(cipher);
        key_->iv_bytes_ = static_cast<std::uint8_t>(c.iv_bytes);
        key_->icv_bytes_ = static_cast<std::uint8_t>(c.aead ? c.icv_bytes : info(auth).icv_bytes);
        key_->block_bytes_ = static_cast<std::uint8_t>(c.block_bytes);
        key_->cipher_key_bytes_ = static_cast<std::uint8_t>(c.key_bytes);
        key_->schedule_at_ = sizeof(EspKey);
        key_->inner_at_ = static_cast<std::uint16_t>(sizeof(EspKey) + schedule);
        key_->outer_at_ = static_cast<std::uint16_t>(sizeof(EspKey) + schedule + state);
        key_->footprint_ = static_cast<std::uint32_t>(bytes);
    }

    void expand_cipher(BytesView key) {
        const auto cipher = key_->cipher_;
        if (is_des(cipher)) {
            expand_des(key);
        } else if (info(cipher).aead) {
            expand_gcm(key);
        } else if (cipher != Cipher::null) {
            expand_aes_cbc(key);
        }
    }

    /// HMAC keys of ESP are never longer than the hash's block.
    void expand_auth(BytesView key) {
        constexpr std::uint8_t kInner = 0x36;
        constexpr std::uint8_t kOuter = 0x5C;
        std::array<std::uint8_t, 128> block{};
        std::copy(key.begin(), key.end(), block.begin());
        for (auto& octet : block) {
            octet ^= kInner;
        }
        one_hash_block(mgr_, key_->auth_, block.data(), at(key_->inner_at_));
        for (auto& octet : block) {
            octet ^= kInner ^ kOuter;
        }
        one_hash_block(mgr_, key_->auth_, block.data(), at(key_->outer_at_));
        OPENSSL_cleanse(block.data(), block.size());
    }

    std::unique_ptr<EspKey> take() { return std::move(key_); }

private:
    std::uint8_t* at(std::uint16_t offset) {
        return reinterpret_cast<std::uint8_t*>(key_.get()) + offset;
    }

    void expand_des(BytesView key) {
        auto* schedule = at(key_->schedule_at_);
        if (key_->des_path_ == DesPath::bitslice) {
            std::copy(key.begin(), key.end(), schedule);
            return;
        }
        for (std::size_t i = 0; i * 8 < key.size(); ++i) {
            auto* one = schedule + i * kDesScheduleBytes;
            key_->des_schedules_[i] = one;
            if (key_->des_path_ == DesPath::openssl) {
                des_expand_openssl(key.data() + i * 8, one);
            } else {
                des_key_schedule(reinterpret_cast<std::uint64_t*>(one), key.data() + i * 8);
            }
        }
    }

    void expand_aes_cbc(BytesView key) {
        // The expansion writes both directions; a key serves one.
        alignas(16) std::array<std::uint8_t, 15 * kAesRoundKey> other;
        auto* own = at(key_->schedule_at_);
        const bool encrypts = key_->direction_ == Direction::encrypt;
        auto* enc = encrypts ? own : other.data();
        auto* dec = encrypts ? other.data() : own;
        if (key.size() == 16) {
            mgr_.keyexp_128(key.data(), enc, dec);
        } else if (key.size() == 24) {
            mgr_.keyexp_192(key.data(), enc, dec);
        } else {
            mgr_.keyexp_256(key.data(), enc, dec);
        }
        OPENSSL_cleanse(other.data(), other.size());
    }

    void expand_gcm(BytesView key_and_salt) {
        auto* expanded = reinterpret_cast<gcm_key_data*>(at(key_->schedule_at_));
        const auto* key = key_and_salt.data();
        const auto bytes = key_->cipher_key_bytes_;
        if (bytes == 16) {
            mgr_.gcm128_pre(key, expanded);
        } else if (bytes == 24) {
            mgr_.gcm192_pre(key, expanded);
        } else {
            mgr_.gcm256_pre(key, expanded);
        }
        std::memcpy(&key_->salt_, key + bytes, sizeof(key_->salt_));
    }

    const IMB_MGR& mgr_;
    std::unique_ptr<EspKey> key_;
};

void EspKey::operator delete(EspKey* key, std::destroying_delete_t) {
    const std::size_t bytes = key->footprint_;
    auto* memory = key->memory_;
    key->~EspKey();
    OPENSSL_cleanse(key, bytes);
    memory->deallocate(key, bytes, kLine);
}

EspTuning EspTuning::measured() {
    static const EspTuning tuning{EspIsa::best, measure_des()};
    return tuning;
}

Result<std::unique_ptr<EspKey>> make_esp_key(Cipher cipher,
                                             Auth auth,
                                             BytesView cipher_key,
                                             BytesView auth_key,
                                             Direction direction,
                                             EspTuning tuning,
                                             std::pmr::memory_resource& memory) {
    if (const auto checked = check_lengths(cipher, auth, cipher_key, auth_key); !checked) {
        return tl::unexpected<Error>(checked.error());
    }
    EspKeyMaker maker{cipher, auth, direction, tuning, memory};
    maker.expand_cipher(cipher_key);
    maker.expand_auth(auth_key);
    return maker.take();
}

}  // namespace viaduct::crypto
