// ESP ciphers against vectors that others published: whole packets of draft-mcgrew-gcm-test-01 (GCM
// and GMAC in ESP) and RFC 3602, and a capture of ESP in UDP with 3DES and MD5.
#include <array>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "crypto/esp_cipher.h"
#include "crypto/esp_reference.h"

namespace viaduct::crypto {
namespace {

/// Runs one packet; the buffer holds the ICV behind esp_length, and a guard that must stay.
struct OnePacket {
    static constexpr std::size_t kGuard = 64;

    Bytes buffer;
    EspOp op;

    OnePacket(const EspKey& key, const Bytes& esp, const Bytes& icv) : buffer(esp) {
        buffer.insert(buffer.end(), icv.begin(), icv.end());
        buffer.resize(esp.size() + key.icv_bytes() + kGuard, 0xEE);
        op.key = &key;
        op.esp = buffer.data();
        op.esp_length = static_cast<std::uint32_t>(esp.size());
    }

    [[nodiscard]] Bytes packet() const {
        for (std::size_t i = op.esp_length + op.key->icv_bytes(); i < buffer.size(); ++i) {
            REQUIRE(buffer[i] == 0xEE);
        }
        return {buffer.begin(), buffer.begin() + op.esp_length + op.key->icv_bytes()};
    }

    [[nodiscard]] Bytes esp() const { return {buffer.begin(), buffer.begin() + op.esp_length}; }
};

std::unique_ptr<EspKey> key_for(
    Cipher cipher, Auth auth, const Bytes& cipher_key, const Bytes& auth_key, Direction direction) {
    auto key = make_esp_key(cipher, auth, cipher_key, auth_key, direction);
    REQUIRE(key);
    return std::move(*key);
}

/// A file of the folder `shared` beside the checkout, or beside the folder of worktrees.
std::optional<std::filesystem::path> fixture(const std::string& name) {
    const std::filesystem::path root{VIADUCT_SOURCE_ROOT};
    for (const char* up : {"../shared/fixtures", "../../shared/fixtures"}) {
        if (auto path = root / up / name; std::filesystem::exists(path)) {
            return path;
        }
    }
    return std::nullopt;
}

struct GcmVector {
    const char* key;
    const char* salt;
    const char* header;  // SPI, sequence number
    const char* iv;
    const char* plain;
    const char* cipher_and_icv;
};

// draft-mcgrew-gcm-test-01, section 4: those with a 32-bit sequence number.
const GcmVector kGcm[] = {
    {"feffe9928665731c6d6a8f9467308308",
     "cafebabe",
     "0000a5f80000000a",
     "facedbaddecaf888",
     "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100"
     "0001000000000000037369700963796265726369747902646b00000100010001",
     "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c"
     "3de81827c10e9a4f51330d0eec416642cfbb85a5b47e48a4ec3b9ba95d918bd1"
     "83b70d3aa8bc6ee4c309e9d85a41ad4a"},
    {"abbccddef00112233445566778899aababbccddef00112233445566778899aab",
     "11223344",
     "4a2cbfe300000002",
     "0102030405060708",
     "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee000000000"
     "7002400020bf0000020405b40101040201020201",
     "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763"
     "748a637985771d347f0545659f14e99def842d8eb335f4eecfdbf831824b4c49"
     "15956c96"},
    {"00000000000000000000000000000000",
     "00000000",
     "0000000000000001",
     "0000000000000000",
     "4500003c99c500008001cb7a40679318010101010800075c0200440061626364"
     "65666768696a6b6c6d6e6f707172737475767761626364656667686901020201",
     "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdfff5e9a284"
     "456476492719ffb64de7d9dca1e1d894bc3bd57873ed4d181d19d4d5c8c18af3"
     "f821d496eeb096e98ad2b69e4799c71d"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c",
     "cafebabe",
     "0000a5f80000000a",
     "facedbaddecaf888",
     "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001",
     "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0"
     "315b27452144cc7795457b9652037f5318027b5b4cd7a636"},
    {"7d773d00c144c525ac619d18c84a3f47",
     "d9664267",
     "335467aeffffffff",
     "43457e9182443bc6",
     "01020201",
     "437f866bcb3f699fe9b0822bac961c4504bef270"},
};

Cipher gcm_of(const Bytes& key) {
    if (key.size() == 16) {
        return Cipher::aes_gcm_128;
    }
    return key.size() == 24 ? Cipher::aes_gcm_192 : Cipher::aes_gcm_256;
}

Bytes joined(std::initializer_list<Bytes> parts) {
    Bytes out;
    for (const auto& part : parts) {
        out.insert(out.end(), part.begin(), part.end());
    }
    return out;
}

std::uint64_t number(const Bytes& eight) {
    return ByteReader{eight}.u64();
}

}  // namespace

TEST_CASE("AES-GCM in ESP (RFC 4106): vectors of draft-mcgrew-gcm-test-01") {
    SeededRandom random{1};
    EspEngine engine{random};
    for (const auto& v : kGcm) {
        const auto secret = joined({from_hex(v.key), from_hex(v.salt)});
        const auto cipher = gcm_of(from_hex(v.key));
        const auto header = from_hex(v.header);
        const auto plain = from_hex(v.plain);
        const auto expected = joined({header, from_hex(v.iv), from_hex(v.cipher_and_icv)});

        const auto out = key_for(cipher, Auth::none, secret, {}, Direction::encrypt);
        OnePacket sent{*out, joined({header, Bytes(8), plain}), {}};
        sent.op.iv = number(from_hex(v.iv));
        engine.encrypt({&sent.op, 1});
        CHECK(sent.op.ok);
        CHECK(to_hex(sent.packet()) == to_hex(expected));

        const auto in = key_for(cipher, Auth::none, secret, {}, Direction::decrypt);
        OnePacket received{*in, joined({header, Bytes(8), plain}), Bytes(16)};
        std::copy(expected.begin(), expected.end(), received.buffer.begin());
        engine.decrypt({&received.op, 1});
        CHECK(received.op.ok);
        CHECK(to_hex(received.esp()) == to_hex(joined({header, from_hex(v.iv), plain})));

        const auto reference = EspReference::make(cipher, Auth::none, secret, {});
        REQUIRE(reference);
        CHECK(reference->encrypt(joined({header, Bytes(8), plain}), from_hex(v.iv)) == expected);
    }
}

TEST_CASE("AES-GMAC in ESP (RFC 4543): vector of draft-mcgrew-gcm-test-01") {
    const auto secret = from_hex("4c80cdefbb5d10da906ac73c3613a63422433c64");
    const auto esp = from_hex(
        "0000432100000007000000000000000045000030da3a00008001df3bc0a80005"
        "c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f7071727374"
        "01020201");
    const auto icv = from_hex("f2a9a836e155106aa8dcd618e4099aaa");
    SeededRandom random{1};
    EspEngine engine{random};
    const auto out = key_for(Cipher::aes_gmac_128, Auth::none, secret, {}, Direction::encrypt);
    OnePacket sent{*out, esp, {}};
    engine.encrypt({&sent.op, 1});
    CHECK(sent.op.ok);
    CHECK(to_hex(sent.packet()) == to_hex(joined({esp, icv})));
    const auto in = key_for(Cipher::aes_gmac_128, Auth::none, secret, {}, Direction::decrypt);
    OnePacket received{*in, esp, icv};
    engine.decrypt({&received.op, 1});
    CHECK(received.op.ok);
    CHECK(received.esp() == esp);
}

TEST_CASE("AES-CBC in ESP: the packets of RFC 3602, section 4, cases 5 to 8") {
    struct Vector {
        const char* key;
        const char* plain;  // payload, padding, pad length, next header
        const char* packet;
    };

    const Vector vectors[] = {
        {"90d382b410eeba7ad938c46cec1a82bf",
         "08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f1011121314151617"
         "18191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
         "0102030405060708090a0b0c0d0e0e01",
         "0000432100000001e96e8c08ab465763fd098d45dd3ff893f663c25d325c18c6a9453e194e120849a4870b66"
         "cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e52775b07d1db34ed9c538ab50c551b874a"
         "a269add047ad2d5913ac19b7cfbad4a6"},
        {"90d382b410eeba7ad938c46cec1a82bf",
         "0800b5e8a80a0500a69c083d0b660e0077777777777777777777777701020201",
         "000043210000000869d08df7d203329db093fc4924e5bd80f51995881ec4e0c4488987ce742e8109689bb379"
         "d2d750c0d915dca346a89f75"},
        {"0123456789abcdef0123456789abcdef",
         "45000054090400004001f988c0a87b03c0a87bc808009f76a90a0100b49c083d"
         "02a2040008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
         "2425262728292a2b2c2d2e2f30313233343536370102030405060708090a"
         "0a04",
         "0000876500000002f4e765244f6407adf13dc1380f673f37773b5241a4c449225e4f3ce5ed611b0c237ca96c"
         "f74a93013c1b0ea1a0cf70f8e4ecaec78ac53aad7a0f022b859243c647752e94a859352b8a4d4d2decd136e5"
         "c177f132ad3fbfb2201ac9904c74ee0a109e0ca1e4dfe9d5a100b842f1c22f0d"},
        {"0123456789abcdef0123456789abcdef",
         "45000044090c00004001f990c0a87b03c0a87bc80800d63caa0a0200c69c083d"
         "a3de0300ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
         "ffffffff0102030405060708090a0a04",
         "000087650000000585d47224b5f3dd5d2101d4ea8dffab2215b92683819596a8047232cc00f7048fe45318e1"
         "1f8a0f62ede3c3fc61203bb50f980a08c9843fd3a1b06d5c07ff9639b7eb7dfb3512e5de435e7207ed971ef3"
         "d2726d9b5ef6affc6d17a0decbb13892"},
    };
    SeededRandom random{1};
    EspEngine engine{random};
    for (const auto& v : vectors) {
        const auto packet = from_hex(v.packet);
        auto expected = Bytes{packet.begin(), packet.begin() + 24};
        const auto secret = from_hex(v.key);
        const auto key = key_for(Cipher::aes_cbc_128, Auth::none, secret, {}, Direction::decrypt);
        OnePacket received{*key, packet, {}};
        engine.decrypt({&received.op, 1});
        CHECK(received.op.ok);
        const auto opened = received.esp();
        const auto plain = from_hex(v.plain);
        CHECK(to_hex(opened) == to_hex(joined({expected, plain})));
        // The engine chooses its own IVs; the other way is checked through the reference.
        const auto reference = EspReference::make(Cipher::aes_cbc_128, Auth::none, secret, {});
        REQUIRE(reference);
        CHECK(reference->encrypt(opened, BytesView{packet}.subspan(8, 16)) == packet);
        CHECK(opened.back() == (packet[2] == 0x43 ? 1 : 4));
    }
}

TEST_CASE("3DES with HMAC-MD5: a capture of ESP in UDP whose keys are published") {
    const auto path = fixture("captures/espudp1.pcap");
    if (!path) {
        WARN("skipped: the folder shared/fixtures is absent");
        return;
    }
    std::ifstream file{*path, std::ios::binary};
    const Bytes pcap{std::istreambuf_iterator<char>{file}, {}};
    const auto secret = from_hex("4043434545464649494a4a4c4c4f4f515152525454575758");
    const auto auth = from_hex("87658765876587658765876587658765");
    int packets = 0;
    for (const auto des : {DesPath::openssl, DesPath::ipsec_mb, EspTuning::measured().des}) {
        const EspTuning tuning{EspIsa::best, des};
        SeededRandom random{1};
        EspEngine engine{random, tuning};
        auto key = make_esp_key(
            Cipher::tdes_cbc, Auth::hmac_md5_96, secret, auth, Direction::decrypt, tuning);
        REQUIRE(key);
        constexpr std::size_t kFileHeader = 24;
        constexpr std::size_t kRecordHeader = 16;
        constexpr std::size_t kFrame = 158;
        constexpr std::size_t kBeforeEsp = 14 + 20 + 8;
        constexpr std::size_t kIcv = 12;
        for (auto at = kFileHeader; at + kRecordHeader + kFrame <= pcap.size();
             at += kRecordHeader + kFrame) {
            const auto frame = BytesView{pcap}.subspan(at + kRecordHeader, kFrame);
            const auto esp = frame.subspan(kBeforeEsp);
            OnePacket received{
                **key, Bytes{esp.begin(), esp.end() - kIcv}, Bytes{esp.end() - kIcv, esp.end()}};
            engine.decrypt({&received.op, 1});
            CHECK(received.op.ok);
            const auto opened = received.esp();
            CHECK(opened.back() == 4);  // next header: IP in IP
            CHECK(opened[16] == 0x45);
            ++packets;
        }
    }
    CHECK(packets == 24);
}

}  // namespace viaduct::crypto
