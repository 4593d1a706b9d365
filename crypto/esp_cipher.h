// ESP's ciphers in bulk, in place, for the workers: Intel IPsec-MB beneath, nothing of it above.
//
//     esp ─▶ ┌──────────┬─────┬──────────────────────────────────────────┬─────┐
//            │ SPI, seq │ IV  │ payload, padding, pad length, next header│ ICV │
//            └──────────┴─────┴──────────────────────────────────────────┴─────┘
//              8 bytes   0/8/16                                            0–32
//            ◀───────────────── esp_length ─────────────────────────────▶
//
// GCM and GMAC run packet by packet through the direct calls, with the next packet's key and data
// prefetched. CBC and HMAC run many packets side by side, sorted by algorithm; all of them are done
// when encrypt() or decrypt() returns. DES and 3DES are bit-sliced where the CPU has AVX-512; else the
// faster of IPsec-MB and OpenSSL does them, which is measured once a process.
//
// CBC IVs are unpredictable: the output of AES-128 in counter mode under a random key of the engine.
// GCM and GMAC IVs are the caller's: a number that never repeats under one key (the 64-bit sequence
// number), so two workers may share one key.
//
// Not supported: extended sequence numbers in the ICV, ICVs shortened below RFC 4106/4868, buffers in
// pieces, packets over 65,535 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <new>
#include <span>
#include <string_view>

#include "crypto/algorithms.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/random.h"
#include "dataplane/base/result.h"

namespace viaduct::crypto {

enum class Direction : std::uint8_t { encrypt, decrypt };

/// Which code does DES and 3DES. `bitslice` is our own for AVX-512; it leaves the enciphering
/// of few packets to OpenSSL.
enum class DesPath : std::uint8_t { ipsec_mb, openssl, bitslice };

/// Instruction set of IPsec-MB. Anything but `best` is for tests; what the CPU does not have falls back
/// to `best`.
enum class EspIsa : std::uint8_t { best, sse, avx2, avx512 };

/// How this machine runs ESP. The keys and engines of one router have the same: what is expanded in a
/// key depends on it.
struct EspTuning {
    EspIsa isa = EspIsa::best;
    DesPath des = DesPath::openssl;

    /// The best for this machine. Without AVX-512, DES is measured at the first call (a millisecond).
    static EspTuning measured();
};

/// Expanded key material of one SA in one direction. Immutable, one allocation, wiped when deleted.
/// Size in bytes, this header of 64 included: GCM and GMAC 1,088; AES-CBC-128 with HMAC-SHA1 320,
/// AES-CBC-256 with HMAC-SHA512 448, 3DES with HMAC-MD5 128 (512 without AVX-512); NULL with HMAC-SHA1 128.
class alignas(64) EspKey {
public:
    EspKey(const EspKey&) = delete;
    EspKey& operator=(const EspKey&) = delete;
    EspKey(EspKey&&) = delete;
    EspKey& operator=(EspKey&&) = delete;
    ~EspKey() = default;
    /// Wipes the whole allocation, which is larger than the object, and frees it.
    static void operator delete(EspKey* key, std::destroying_delete_t);

    [[nodiscard]] Cipher cipher() const { return cipher_; }

    [[nodiscard]] Auth auth() const { return auth_; }

    [[nodiscard]] Direction direction() const { return direction_; }

    /// Bytes of IV behind the ESP header: 0, 8 or 16.
    [[nodiscard]] std::uint32_t iv_bytes() const { return iv_bytes_; }

    /// Bytes of ICV behind esp_length: 0–32.
    [[nodiscard]] std::uint32_t icv_bytes() const { return icv_bytes_; }

    /// The payload with padding and trailer is a multiple of this: 4, 8 or 16.
    [[nodiscard]] std::uint32_t block_bytes() const { return block_bytes_; }

    /// Bytes of memory that this key takes.
    [[nodiscard]] std::size_t footprint() const { return footprint_; }

private:
    friend class EspKeyMaker;
    friend class EspEngine;
    EspKey() = default;

    [[nodiscard]] const std::uint8_t* at(std::uint16_t offset) const {
        return reinterpret_cast<const std::uint8_t*>(this) + offset;
    }

    Cipher cipher_{};
    Auth auth_{};
    Direction direction_{};
    DesPath des_path_{};
    std::uint8_t kind_ = 0;  // how the engine runs it, see esp_cipher.cc
    std::uint8_t iv_bytes_ = 0;
    std::uint8_t icv_bytes_ = 0;
    std::uint8_t block_bytes_ = 0;
    std::uint8_t cipher_key_bytes_ = 0;
    std::uint16_t schedule_at_ = 0;  // offsets from the start of this object
    std::uint16_t inner_at_ = 0;  // HMAC: state after the key's ipad block
    std::uint16_t outer_at_ = 0;  // … and after its opad block
    std::uint32_t footprint_ = 0;
    std::uint32_t salt_ = 0;  // as on the wire
    const void* des_schedules_[3]{};  // IPsec-MB wants pointers
    std::pmr::memory_resource* memory_ = nullptr;  // where it came from
};

/// `cipher_key` has info(cipher).key_bytes + salt_bytes (the salt last, RFC 4106 section 8.1), or 8
/// or 24 bytes of DES keys, whose parity bits are not looked at. `auth_key` has info(auth).key_bytes.
/// `memory` outlives the key. Errors: wrong lengths; an AEAD cipher together with an HMAC; cipher null without an HMAC.
Result<std::unique_ptr<EspKey>> make_esp_key(
    Cipher cipher,
    Auth auth,
    BytesView cipher_key,
    BytesView auth_key,
    Direction direction,
    EspTuning tuning = EspTuning::measured(),
    std::pmr::memory_resource& memory = *std::pmr::new_delete_resource());

/// One packet to encrypt or decrypt in place.
struct EspOp {
    const EspKey* key = nullptr;
    std::uint8_t* esp = nullptr;  // first byte of the ESP header
    std::uint32_t esp_length = 0;  // header, IV, payload, padding and trailer: all before the ICV
    bool ok = false;  // out
    std::uint64_t iv = 0;  // GCM, GMAC, encrypt: never twice under one key
};

/// One a worker; not for two threads at once.
class EspEngine {
public:
    /// `random` seeds the IVs of CBC.
    explicit EspEngine(Random& random, EspTuning tuning = EspTuning::measured());
    EspEngine(const EspEngine&) = delete;
    EspEngine& operator=(const EspEngine&) = delete;
    EspEngine(EspEngine&&) = delete;
    EspEngine& operator=(EspEngine&&) = delete;
    ~EspEngine();

    /// Asks the processor for what the engine asks a key first, a vector's time ahead. The rest of the key is asked for
    /// while the packets before are ciphered: asked for all at once, a vector's keys are more lines than the processor can
    /// wait for.
    static void fetch(const EspKey& key) { __builtin_prefetch(&key); }

    /// Writes IV, ciphertext and ICV, for which there is room behind esp_length. The caller has
    /// written SPI, sequence number, payload, padding and trailer. ok is false, and the packet is not
    /// to be sent, only if the lengths do not fit the cipher (a mistake of the caller's).
    void encrypt(std::span<EspOp> ops);

    /// Checks the ICV (all of it, in constant time) and decrypts. ok is false for a wrong ICV and for
    /// a length that cannot be (too short, no multiple of the block); the payload is then undefined.
    void decrypt(std::span<EspOp> ops);

    /// The instruction set in use: "AVX512 VAES", "AVX512", "AVX2", "AVX", "SSE".
    [[nodiscard]] std::string_view name() const { return name_; }

private:
    struct State;

    std::unique_ptr<State> state_;
    std::string_view name_;
};

}  // namespace viaduct::crypto
