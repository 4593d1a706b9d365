// OpenSSL marks its DES block functions as deprecated in favour of EVP, whose contexts cost more
// than a short packet.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/des.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include <openssl/crypto.h>
#include <openssl/des.h>

#include "crypto/des_bitslice.h"
#include "crypto/multi_buffer.h"

namespace viaduct::crypto {

namespace {

static_assert(sizeof(DES_key_schedule) == kDesScheduleBytes);
static_assert(IMB_DES_KEY_SCHED_SIZE == kDesScheduleBytes);

constexpr std::size_t kTrialPackets = 16;
constexpr std::size_t kTrialBytes = 256;
using TrialData = std::array<std::array<std::uint8_t, kTrialBytes>, kTrialPackets>;

void try_ipsec_mb(IMB_MGR* manager, TrialData& data) {
    alignas(64) std::array<std::uint64_t, 16> schedule{};
    constexpr std::uint64_t kKey = 0x0123456789ABCDEF;
    des_key_schedule(schedule.data(), &kKey);
    const std::array<const void*, 3> keys{schedule.data(), schedule.data(), schedule.data()};
    for (auto& packet : data) {
        IMB_JOB* job = IMB_GET_NEXT_JOB(manager);
        job->cipher_mode = IMB_CIPHER_DES3;
        job->cipher_direction = IMB_DIR_ENCRYPT;
        job->chain_order = IMB_ORDER_CIPHER_HASH;
        job->hash_alg = IMB_AUTH_NULL;
        job->enc_keys = static_cast<const void*>(keys.data());
        job->dec_keys = static_cast<const void*>(keys.data());
        job->key_len_in_bytes = 24;
        job->src = packet.data();
        job->dst = packet.data();
        job->cipher_start_src_offset_in_bytes = 0;
        job->msg_len_to_cipher_in_bytes = packet.size();
        job->iv = reinterpret_cast<const std::uint8_t*>(&kKey);
        job->iv_len_in_bytes = 8;
        IMB_SUBMIT_JOB_NOCHECK(manager);
    }
    while (IMB_FLUSH_JOB(manager) != nullptr) {
    }
}

void try_openssl(TrialData& data) {
    std::array<std::array<std::uint8_t, kDesScheduleBytes>, 3> schedules;
    constexpr std::array<std::uint8_t, 8> kKey{1, 2, 3, 4, 5, 6, 7, 8};
    for (auto& schedule : schedules) {
        des_expand_openssl(kKey.data(), schedule.data());
    }
    for (auto& packet : data) {
        des_cbc_openssl(
            &schedules, 3, Direction::encrypt, kKey.data(), packet.data(), packet.size());
    }
}

template <typename Trial>
std::uint64_t best_of_three(Trial trial) {
    // Cycles of the time-stamp counter: only compared with each other.
    auto best = std::numeric_limits<std::uint64_t>::max();
    for (int i = 0; i < 3; ++i) {
        const auto start = __builtin_ia32_rdtsc();
        trial();
        best = std::min<std::uint64_t>(best, __builtin_ia32_rdtsc() - start);
    }
    return best;
}

}  // namespace

void des_expand_openssl(const std::uint8_t* key, void* schedule) {
    DES_cblock block;
    std::memcpy(block, key, sizeof(block));
    DES_key_schedule expanded;
    DES_set_key_unchecked(&block, &expanded);
    std::memcpy(schedule, &expanded, sizeof(expanded));
    OPENSSL_cleanse(&block, sizeof(block));
    OPENSSL_cleanse(&expanded, sizeof(expanded));
}

void des_cbc_openssl(const void* schedules,
                     std::size_t n_keys,
                     Direction direction,
                     const std::uint8_t* iv,
                     std::uint8_t* data,
                     std::size_t length) {
    // OpenSSL takes schedules without const and does not change them.
    auto* keys = const_cast<DES_key_schedule*>(static_cast<const DES_key_schedule*>(schedules));
    DES_cblock chain;
    std::memcpy(chain, iv, sizeof(chain));
    const int encrypt = direction == Direction::encrypt ? DES_ENCRYPT : DES_DECRYPT;
    const auto bytes = static_cast<long>(length);
    if (n_keys == 1) {
        DES_ncbc_encrypt(data, data, bytes, keys, &chain, encrypt);
    } else {
        DES_ede3_cbc_encrypt(data, data, bytes, keys, keys + 1, keys + 2, &chain, encrypt);
    }
}

DesPath measure_des() {
    if (DesBitslice::available()) {
        return DesPath::bitslice;
    }
    const auto manager = make_multi_buffer(EspIsa::best);
    TrialData data{};
    const auto ipsec_mb = best_of_three([&] { try_ipsec_mb(manager.get(), data); });
    const auto openssl = best_of_three([&] { try_openssl(data); });
    return ipsec_mb <= openssl ? DesPath::ipsec_mb : DesPath::openssl;
}

}  // namespace viaduct::crypto
