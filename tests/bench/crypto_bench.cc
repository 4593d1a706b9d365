// Bare speed of the ciphers, the Diffie-Hellman groups and HMAC on one core of this machine:
//     crypto_bench [milliseconds a row, default 200]
// Cycles are those of the time stamp counter.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <x86intrin.h>

#include "crypto/dh.h"
#include "crypto/esp_cipher.h"
#include "crypto/primitives.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {
namespace {

using Clock = std::chrono::steady_clock;

struct Rate {
    double per_second;
    double cycles;
};

/// Calls `work`, which does `items` things, for the given time; the best of the calls counts for
/// cycles, the mean for the rate.
template <typename Work>
Rate measure(std::chrono::milliseconds time, std::size_t items, Work work) {
    work();
    const auto start = Clock::now();
    std::uint64_t best = ~std::uint64_t{0};
    std::size_t calls = 0;
    while (Clock::now() - start < time) {
        const auto t = __rdtsc();
        work();
        best = std::min<std::uint64_t>(best, __rdtsc() - t);
        ++calls;
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    const auto n = static_cast<double>(items);
    return {static_cast<double>(calls) * n / took.count(), static_cast<double>(best) / n};
}

struct Suite {
    const char* name;
    Cipher cipher;
    Auth auth;
};

constexpr Suite kSuites[] = {
    {"gcm128", Cipher::aes_gcm_128, Auth::none},
    {"gcm256", Cipher::aes_gcm_256, Auth::none},
    {"gmac128", Cipher::aes_gmac_128, Auth::none},
    {"cbc128+sha1", Cipher::aes_cbc_128, Auth::hmac_sha1_96},
    {"cbc256+sha256", Cipher::aes_cbc_256, Auth::hmac_sha256_128},
    {"cbc256+sha512", Cipher::aes_cbc_256, Auth::hmac_sha512_256},
    {"cbc128+md5", Cipher::aes_cbc_128, Auth::hmac_md5_96},
    {"3des+md5", Cipher::tdes_cbc, Auth::hmac_md5_96},
    {"3des+sha1", Cipher::tdes_cbc, Auth::hmac_sha1_96},
    {"des+md5", Cipher::des_cbc, Auth::hmac_md5_96},
    {"null+sha1", Cipher::null, Auth::hmac_sha1_96},
};

constexpr std::size_t kPayloads[] = {64, 576, 1408};
constexpr std::size_t kStride = 2304;  // as packet buffers lie in memory
constexpr std::size_t kBurst = 256;

/// `n_keys` SAs in turn over a burst of packets with the given payload.
struct Traffic {
    std::vector<std::unique_ptr<EspKey>> out;
    std::vector<std::unique_ptr<EspKey>> in;
    Bytes memory = Bytes(kStride * kBurst);
    std::vector<EspOp> ops;

    Traffic(const Suite& suite, std::size_t payload, std::size_t n_keys, EspTuning tuning) {
        SeededRandom random{1};
        const auto& c = info(suite.cipher);
        for (std::size_t i = 0; i < n_keys; ++i) {
            const auto key = random.bytes(c.key_bytes + c.salt_bytes);
            const auto auth = random.bytes(info(suite.auth).key_bytes);
            for (auto* keys : {&out, &in}) {
                auto made = make_esp_key(suite.cipher,
                                         suite.auth,
                                         key,
                                         auth,
                                         keys == &out ? Direction::encrypt : Direction::decrypt,
                                         tuning);
                keys->push_back(std::move(*made));
            }
        }
        for (std::size_t i = 0; i < kBurst; ++i) {
            EspOp op;
            op.key = out[i % n_keys].get();
            op.esp = memory.data() + i * kStride + 128;
            op.esp_length = static_cast<std::uint32_t>(8 + op.key->iv_bytes() + payload);
            op.iv = i;
            ops.push_back(op);
        }
    }

    void use(const std::vector<std::unique_ptr<EspKey>>& keys) {
        for (std::size_t i = 0; i < ops.size(); ++i) {
            ops[i].key = keys[i % keys.size()].get();
        }
    }
};

void print_row(
    const char* name, const char* way, std::size_t payload, std::size_t n_keys, const Rate& rate) {
    std::printf("%-15s %-8s %6zu %6zu %9.3f %9.0f %8.2f\n",
                name,
                way,
                payload,
                n_keys,
                rate.per_second / 1e6,
                rate.cycles,
                rate.per_second * static_cast<double>(payload) * 8 / 1e9);
}

/// Deciphering destroys its input, so the packets are sealed afresh outside of the measurement.
Rate measure_decrypt(std::chrono::milliseconds time, EspEngine& engine, Traffic& traffic) {
    std::uint64_t best = ~std::uint64_t{0};
    std::chrono::duration<double> spent{};
    std::size_t rounds = 0;
    while (spent < time) {
        traffic.use(traffic.out);
        engine.encrypt(traffic.ops);
        traffic.use(traffic.in);
        const auto start = Clock::now();
        const auto t = __rdtsc();
        engine.decrypt(traffic.ops);
        best = std::min<std::uint64_t>(best, __rdtsc() - t);
        spent += Clock::now() - start;
        ++rounds;
        for (const auto& op : traffic.ops) {
            VIADUCT_CHECK(op.ok);
        }
    }
    return {static_cast<double>(rounds * kBurst) / spent.count(),
            static_cast<double>(best) / kBurst};
}

void bench_suite(const Suite& suite, std::chrono::milliseconds time, EspEngine& engine) {
    for (const auto payload : kPayloads) {
        for (const std::size_t n_keys : {std::size_t{1}, kBurst}) {
            Traffic traffic{suite, payload, n_keys, EspTuning::measured()};
            const auto encrypt = measure(time, kBurst, [&] { engine.encrypt(traffic.ops); });
            print_row(suite.name, "encrypt", payload, n_keys, encrypt);
            const auto decrypt = measure_decrypt(time, engine, traffic);
            print_row(suite.name, "decrypt", payload, n_keys, decrypt);
        }
    }
}

const char* name_of(DesPath path) {
    switch (path) {
    case DesPath::ipsec_mb:
        return "IPsec-MB";
    case DesPath::openssl:
        return "OpenSSL";
    case DesPath::bitslice:
        return "bit-slicing";
    }
    return "";
}

void bench_esp(std::chrono::milliseconds time) {
    SystemRandom random;
    EspEngine engine{random};
    std::printf("ESP, bursts of %zu, %s, DES by %s\n",
                kBurst,
                std::string{engine.name()}.c_str(),
                name_of(EspTuning::measured().des));
    std::printf("%-15s %-8s %6s %6s %9s %9s %8s\n",
                "suite",
                "way",
                "bytes",
                "SAs",
                "Mops",
                "cycles",
                "Gbit/s");
    for (const auto& suite : kSuites) {
        bench_suite(suite, time, engine);
    }
}

void bench_dh(std::chrono::milliseconds time) {
    SystemRandom random;
    std::printf(
        "\nDiffie-Hellman: key pair and shared secret\n%-18s %12s\n", "group", "exchanges/s");
    for (const auto& row : all_groups()) {
        const auto peer = dh_generate(row.id, random);
        const auto rate = measure(time, 1, [&] {
            const auto own = dh_generate(row.id, random);
            VIADUCT_CHECK(dh_shared(row.id, own, peer.public_value).has_value());
        });
        std::printf("%-18.*s %12.0f\n",
                    static_cast<int>(row.show_name.size()),
                    row.show_name.data(),
                    rate.per_second);
    }
}

void bench_hmac(std::chrono::milliseconds time) {
    std::printf("\nHMAC of 64 bytes\n%-18s %12s\n", "hash", "calls/s");
    for (const auto& row : all_hashes()) {
        const Bytes key(row.digest_bytes, 1);
        const Bytes data(64, 2);
        const auto rate = measure(time, 1, [&] { hmac(row.id, key, {data}); });
        std::printf("%-18.*s %12.0f\n",
                    static_cast<int>(row.ios_name.size()),
                    row.ios_name.data(),
                    rate.per_second);
    }
}

}  // namespace
}  // namespace viaduct::crypto

int main(int argc, char** argv) {
    const std::chrono::milliseconds time{argc > 1 ? std::strtol(argv[1], nullptr, 10) : 200};
    viaduct::crypto::bench_esp(time);
    viaduct::crypto::bench_dh(time);
    viaduct::crypto::bench_hmac(time);
}
