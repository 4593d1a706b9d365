// Properties of the ESP engine: it agrees with OpenSSL's implementation for every legal pair of
// algorithms, on every instruction set, alone or in mixed bursts; one wrong bit is refused; what is
// outside the packet is not touched; keys are wiped.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "crypto/esp_cipher.h"
#include "crypto/esp_reference.h"

namespace {

/// What the aligned operator delete below saw last: the size of the block and its bytes not zero.
struct LastFreed {
    std::size_t size = 0;
    std::size_t non_zero = 0;
};

LastFreed last_freed;
std::map<void*, std::size_t>* aligned_blocks = nullptr;

}  // namespace

// Replaced for this executable: to see that keys are wiped before their memory is given back.
void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto line = static_cast<std::size_t>(alignment);
    void* block = std::aligned_alloc(line, (size + line - 1) / line * line);
    if (block == nullptr) {
        std::abort();
    }
    if (aligned_blocks != nullptr) {
        (*aligned_blocks)[block] = size;
    }
    return block;
}

void operator delete(void* block, std::align_val_t /*alignment*/) noexcept {
    if (aligned_blocks != nullptr && aligned_blocks->contains(block)) {
        const auto* bytes = static_cast<const volatile std::uint8_t*>(block);
        last_freed = {(*aligned_blocks)[block], 0};
        for (std::size_t i = 0; i < last_freed.size; ++i) {
            last_freed.non_zero += bytes[i] != 0 ? 1U : 0U;
        }
        aligned_blocks->erase(block);
    }
    std::free(block);
}

void operator delete(void* block, std::size_t /*size*/, std::align_val_t alignment) noexcept {
    operator delete(block, alignment);
}

namespace viaduct::crypto {
namespace {

constexpr std::size_t kHeader = 8;

struct Pair {
    Cipher cipher;
    Auth auth;
};

std::vector<Pair> legal_pairs() {
    std::vector<Pair> out;
    for (const auto& c : all_ciphers()) {
        for (const auto& a : all_auths()) {
            const bool legal =
                c.aead ? a.id == Auth::none : c.id != Cipher::null || a.id != Auth::none;
            if (legal) {
                out.push_back({c.id, a.id});
            }
        }
    }
    return out;
}

std::string name_of(const Pair& pair) {
    return std::string{info(pair.cipher).ios_esp_name} + " " +
           std::string{info(pair.auth).ios_name};
}

/// One SA with keys of both directions and the reference.
struct Sa {
    std::unique_ptr<EspKey> out;
    std::unique_ptr<EspKey> in;
    EspReference reference;

    static Sa make(Pair pair, Random& random, EspTuning tuning) {
        const auto& c = info(pair.cipher);
        const auto cipher_key = random.bytes(c.key_bytes + c.salt_bytes);
        const auto auth_key = random.bytes(info(pair.auth).key_bytes);
        auto out =
            make_esp_key(pair.cipher, pair.auth, cipher_key, auth_key, Direction::encrypt, tuning);
        auto in =
            make_esp_key(pair.cipher, pair.auth, cipher_key, auth_key, Direction::decrypt, tuning);
        auto reference = EspReference::make(pair.cipher, pair.auth, cipher_key, auth_key);
        REQUIRE(out);
        REQUIRE(in);
        REQUIRE(reference);
        return {std::move(*out), std::move(*in), std::move(*reference)};
    }
};

/// A packet in a buffer with guards on both sides.
class Packet {
public:
    static constexpr std::size_t kGuard = 64;

    Packet(const EspKey& key, std::size_t payload_blocks, Random& random)
        : length_(kHeader + key.iv_bytes() + payload_blocks * key.block_bytes()),
          icv_(key.icv_bytes()),
          buffer_(kGuard + length_ + icv_ + kGuard, 0xEE) {
        random.fill({esp(), length_});
    }

    std::uint8_t* esp() { return buffer_.data() + kGuard; }

    [[nodiscard]] BytesView before_icv() const {
        return BytesView{buffer_}.subspan(kGuard, length_);
    }

    [[nodiscard]] BytesView all() const {
        return BytesView{buffer_}.subspan(kGuard, length_ + icv_);
    }

    EspOp op(const EspKey& key, std::uint64_t iv) {
        return {&key, esp(), static_cast<std::uint32_t>(length_), false, iv};
    }

    [[nodiscard]] bool guards_stand() const {
        const auto is_guard = [](std::uint8_t b) { return b == 0xEE; };
        return std::all_of(buffer_.begin(), buffer_.begin() + kGuard, is_guard) &&
               std::all_of(buffer_.end() - kGuard, buffer_.end(), is_guard);
    }

private:
    std::size_t length_;
    std::size_t icv_;
    Bytes buffer_;
};

Bytes copy(BytesView v) {
    return {v.begin(), v.end()};
}

std::size_t blocks_for(const EspKey& key, Random& random) {
    return 1 + random.below(2000 / key.block_bytes());
}

/// Engine encrypts → reference opens; reference seals with the same IV → the same bytes; engine
/// decrypts → the plaintext is back.
void check_pair(Pair pair, EspEngine& engine, Random& random, EspTuning tuning, int rounds) {
    INFO(name_of(pair));
    const auto sa = Sa::make(pair, random, tuning);
    for (int round = 0; round < rounds; ++round) {
        const std::size_t blocks =
            round < 4 ? static_cast<std::size_t>(round) + 1 : blocks_for(*sa.out, random);
        Packet packet{*sa.out, blocks, random};
        const auto before = copy(packet.before_icv());
        const auto start = kHeader + sa.out->iv_bytes();
        auto op = packet.op(*sa.out, random.u64());
        engine.encrypt({&op, 1});
        REQUIRE(op.ok);
        REQUIRE(packet.guards_stand());
        const auto iv = copy(packet.all().subspan(kHeader, sa.out->iv_bytes()));
        const auto sealed = sa.reference.encrypt(before, iv);
        REQUIRE(sealed);
        REQUIRE(to_hex(packet.all()) == to_hex(*sealed));
        const auto opened = sa.reference.decrypt(packet.all());
        REQUIRE(opened);
        op = packet.op(*sa.in, 0);
        engine.decrypt({&op, 1});
        REQUIRE(op.ok);
        REQUIRE(packet.guards_stand());
        REQUIRE(to_hex(packet.before_icv()) == to_hex(*opened));
        REQUIRE(std::equal(before.begin() + static_cast<std::ptrdiff_t>(start),
                           before.end(),
                           packet.before_icv().begin() + static_cast<std::ptrdiff_t>(start)));
    }
}

}  // namespace

TEST_CASE("engine and reference agree for every cipher and authentication of the table") {
    const EspTuning tunings[] = {{EspIsa::best, EspTuning::measured().des},
                                 {EspIsa::best, DesPath::openssl},
                                 {EspIsa::best, DesPath::ipsec_mb},
                                 {EspIsa::avx2, DesPath::ipsec_mb},
                                 {EspIsa::sse, DesPath::ipsec_mb}};
    SeededRandom random{11};
    for (const auto tuning : tunings) {
        EspEngine engine{random, tuning};
        INFO(engine.name());
        for (const auto pair : legal_pairs()) {
            check_pair(pair, engine, random, tuning, tuning.isa == EspIsa::best ? 24 : 12);
        }
    }
}

TEST_CASE("one wrong bit anywhere in packet or ICV is refused") {
    SeededRandom random{12};
    EspEngine engine{random};
    for (const auto pair : legal_pairs()) {
        INFO(name_of(pair));
        const auto sa = Sa::make(pair, random, EspTuning::measured());
        if (sa.out->icv_bytes() == 0) {
            continue;
        }
        Packet packet{*sa.out, 3, random};
        auto op = packet.op(*sa.out, 1);
        engine.encrypt({&op, 1});
        const auto good = copy(packet.all());
        for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
            std::copy(good.begin(), good.end(), packet.esp());
            packet.esp()[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            op = packet.op(*sa.in, 0);
            engine.decrypt({&op, 1});
            REQUIRE_FALSE(op.ok);
        }
        std::copy(good.begin(), good.end(), packet.esp());
        op = packet.op(*sa.in, 0);
        engine.decrypt({&op, 1});
        CHECK(op.ok);
    }
}

TEST_CASE("mixed bursts of 1 to 256 packets equal single calls") {
    SeededRandom random{13};
    EspEngine engine{random};
    const auto pairs = legal_pairs();
    std::vector<Sa> sas;
    for (const auto pair : pairs) {
        sas.push_back(Sa::make(pair, random, EspTuning::measured()));
        sas.push_back(Sa::make(pair, random, EspTuning::measured()));
    }
    for (const std::size_t size : {1U, 2U, 3U, 17U, 64U, 65U, 200U, 255U, 256U, 600U}) {
        std::vector<std::size_t> which;
        std::vector<Packet> packets;
        std::vector<Bytes> plain;
        for (std::size_t i = 0; i < size; ++i) {
            // Every second burst has one SA in most packets, as traffic has.
            which.push_back(size % 2 == 0 && random.below(4) != 0 ? 7 : random.below(sas.size()));
            const auto& key = *sas[which[i]].out;
            packets.emplace_back(key, blocks_for(key, random), random);
            plain.push_back(copy(packets[i].before_icv()));
        }
        std::vector<EspOp> ops;
        for (std::size_t i = 0; i < size; ++i) {
            ops.push_back(packets[i].op(*sas[which[i]].out, i));
        }
        engine.encrypt(ops);
        std::vector<bool> spoilt;
        for (std::size_t i = 0; i < size; ++i) {
            const auto& sa = sas[which[i]];
            REQUIRE(ops[i].ok);
            REQUIRE(packets[i].guards_stand());
            const auto iv = copy(packets[i].all().subspan(kHeader, sa.out->iv_bytes()));
            REQUIRE(sa.reference.encrypt(plain[i], iv) == copy(packets[i].all()));
            ops[i] = packets[i].op(*sa.in, 0);
            spoilt.push_back(sa.in->icv_bytes() > 0 && random.below(5) == 0);
            if (spoilt[i]) {
                packets[i].esp()[packets[i].all().size() - 1] ^= 0x40U;
            }
        }
        engine.decrypt(ops);
        for (std::size_t i = 0; i < size; ++i) {
            const auto start = static_cast<std::ptrdiff_t>(kHeader + ops[i].key->iv_bytes());
            REQUIRE(ops[i].ok == !spoilt[i]);
            REQUIRE(packets[i].guards_stand());
            if (!spoilt[i]) {
                REQUIRE(std::equal(plain[i].begin() + start,
                                   plain[i].end(),
                                   packets[i].before_icv().begin() + start));
            }
        }
    }
}

TEST_CASE("bursts of DES and 3DES alone: one key or many, equal lengths or not") {
    SeededRandom random{18};
    EspEngine engine{random};
    std::vector<Sa> sas;
    for (int i = 0; i < 40; ++i) {
        sas.push_back(Sa::make({i % 2 == 0 ? Cipher::tdes_cbc : Cipher::des_cbc, Auth::hmac_md5_96},
                               random,
                               {EspIsa::best, EspTuning::measured().des}));
    }
    for (const std::size_t size : {1U, 11U, 12U, 13U, 40U, 63U, 64U, 65U, 129U, 256U}) {
        for (const unsigned mix : {0U, 1U, 2U, 3U}) {
            const bool one_key = (mix & 1U) != 0;
            const bool one_length = (mix & 2U) != 0;
            INFO(size << " packets, " << (one_key ? "one key" : "many keys"));
            std::vector<Packet> packets;
            std::vector<EspOp> ops;
            std::vector<const Sa*> owners;
            std::vector<Bytes> plain;
            for (std::size_t i = 0; i < size; ++i) {
                owners.push_back(&sas[one_key ? 0 : random.below(sas.size())]);
                const auto& key = *owners[i]->out;
                packets.emplace_back(key, one_length ? 33 : 1 + random.below(180), random);
                plain.push_back(copy(packets[i].before_icv()));
            }
            for (std::size_t i = 0; i < size; ++i) {
                ops.push_back(packets[i].op(*owners[i]->out, 0));
            }
            engine.encrypt(ops);
            for (std::size_t i = 0; i < size; ++i) {
                const auto iv = copy(packets[i].all().subspan(kHeader, 8));
                REQUIRE(owners[i]->reference.encrypt(plain[i], iv) == copy(packets[i].all()));
                REQUIRE(packets[i].guards_stand());
                ops[i] = packets[i].op(*owners[i]->in, 0);
            }
            engine.decrypt(ops);
            for (std::size_t i = 0; i < size; ++i) {
                REQUIRE(ops[i].ok);
                REQUIRE(packets[i].guards_stand());
                REQUIRE(std::equal(
                    plain[i].begin() + 16, plain[i].end(), packets[i].before_icv().begin() + 16));
            }
        }
    }
}

TEST_CASE("lengths that cannot be are refused, on both ways, and nothing is written") {
    SeededRandom random{14};
    EspEngine engine{random};
    for (const auto pair : legal_pairs()) {
        INFO(name_of(pair));
        const auto sa = Sa::make(pair, random, EspTuning::measured());
        Packet packet{*sa.out, 8, random};
        const auto before = copy(packet.all());
        const auto start = kHeader + sa.out->iv_bytes();
        for (std::uint32_t length = 0; length < packet.before_icv().size(); ++length) {
            const bool fits = length > start && (length - start) % sa.out->block_bytes() == 0;
            if (fits) {
                continue;
            }
            auto op = packet.op(*sa.out, 1);
            op.esp_length = length;
            engine.encrypt({&op, 1});
            REQUIRE_FALSE(op.ok);
            op.key = sa.in.get();
            engine.decrypt({&op, 1});
            REQUIRE_FALSE(op.ok);
        }
        CHECK(copy(packet.all()) == before);
    }
}

TEST_CASE("a packet of 65,535 bytes at most passes, a longer one is refused") {
    SeededRandom random{15};
    EspEngine engine{random};
    for (const auto pair : {Pair{Cipher::aes_gcm_128, Auth::none},
                            Pair{Cipher::aes_cbc_256, Auth::hmac_sha512_256},
                            Pair{Cipher::tdes_cbc, Auth::hmac_md5_96}}) {
        const auto sa = Sa::make(pair, random, EspTuning::measured());
        const auto blocks = (65535 - kHeader - sa.out->iv_bytes()) / sa.out->block_bytes();
        Packet packet{*sa.out, blocks, random};
        const auto plain = copy(packet.before_icv());
        auto op = packet.op(*sa.out, 9);
        engine.encrypt({&op, 1});
        REQUIRE(op.ok);
        CHECK(sa.reference.decrypt(packet.all()));
        Packet longer{*sa.out, blocks + 1, random};
        op = longer.op(*sa.out, 9);
        engine.encrypt({&op, 1});
        CHECK_FALSE(op.ok);
    }
}

TEST_CASE("CBC's IVs do not repeat, differ between engines, and come from the seed") {
    SeededRandom random{16};
    const auto sa = Sa::make({Cipher::aes_cbc_128, Auth::hmac_sha1_96}, random, {});
    const auto ivs_of = [&](std::uint64_t seed) {
        SeededRandom own{seed};
        EspEngine engine{own};
        std::vector<std::string> out;
        for (int i = 0; i < 1000; ++i) {
            Packet packet{*sa.out, 1, random};
            auto op = packet.op(*sa.out, 0);
            engine.encrypt({&op, 1});
            out.push_back(to_hex(packet.all().subspan(kHeader, 16)));
        }
        return out;
    };
    const auto first = ivs_of(1);
    const auto second = ivs_of(2);
    CHECK(first == ivs_of(1));
    std::set<std::string> seen{first.begin(), first.end()};
    seen.insert(second.begin(), second.end());
    CHECK(seen.size() == 2000);
}

TEST_CASE("wrong key material is refused") {
    const auto make = [](Cipher c, Auth a, std::size_t key, std::size_t auth) {
        return make_esp_key(c, a, Bytes(key), Bytes(auth), Direction::encrypt).has_value();
    };
    CHECK(make(Cipher::aes_cbc_128, Auth::hmac_sha1_96, 16, 20));
    CHECK_FALSE(make(Cipher::aes_cbc_128, Auth::hmac_sha1_96, 15, 20));
    CHECK_FALSE(make(Cipher::aes_cbc_128, Auth::hmac_sha1_96, 16, 16));
    CHECK_FALSE(make(Cipher::aes_gcm_128, Auth::none, 16, 0));  // no salt
    CHECK(make(Cipher::aes_gcm_128, Auth::none, 20, 0));
    CHECK_FALSE(make(Cipher::aes_gcm_128, Auth::hmac_sha1_96, 20, 20));
    CHECK_FALSE(make(Cipher::null, Auth::none, 0, 0));
    CHECK(make(Cipher::null, Auth::hmac_md5_96, 0, 16));
    CHECK(make(Cipher::tdes_cbc, Auth::none, 24, 0));
}

TEST_CASE("keys take the memory that the header states, and are wiped") {
    SeededRandom random{17};
    std::map<void*, std::size_t> blocks;
    aligned_blocks = &blocks;
    const auto check = [&](Cipher cipher, Auth auth, std::size_t bytes) {
        const auto& c = info(cipher);
        auto key = make_esp_key(cipher,
                                auth,
                                random.bytes(c.key_bytes + c.salt_bytes),
                                random.bytes(info(auth).key_bytes),
                                Direction::encrypt);
        REQUIRE(key);
        CHECK((*key)->footprint() == bytes);
        CHECK(reinterpret_cast<std::uintptr_t>(key->get()) % 64 == 0);
        last_freed = {};
        key->reset();
        CHECK(last_freed.size == bytes);
        CHECK(last_freed.non_zero == 0);
    };
    check(Cipher::aes_gcm_128, Auth::none, 1088);
    check(Cipher::aes_gmac_256, Auth::none, 1088);
    check(Cipher::aes_cbc_128, Auth::hmac_sha1_96, 320);
    check(Cipher::aes_cbc_256, Auth::hmac_sha512_256, 448);
    check(Cipher::tdes_cbc,
          Auth::hmac_md5_96,
          EspTuning::measured().des == DesPath::bitslice ? 128 : 512);
    check(Cipher::null, Auth::hmac_sha1_96, 128);
    aligned_blocks = nullptr;
}

}  // namespace viaduct::crypto
