#include "crypto/primitives.h"

#include <algorithm>
#include <array>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "crypto/library.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {

namespace {

/// A hash being computed. The context is reused for several hashes in a row.
class Hasher {
public:
    explicit Hasher(Hash hash) : md_(Library::get().hash(hash)), context_(EVP_MD_CTX_new()) {
        VIADUCT_CHECK(context_ != nullptr);
        start();
    }

    void start() { VIADUCT_CHECK(EVP_DigestInit_ex2(context_.get(), md_, nullptr) == 1); }

    Hasher& add(BytesView part) {
        VIADUCT_CHECK(EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1);
        return *this;
    }

    /// `out` has room for EVP_MAX_MD_SIZE. Returns the length written.
    std::size_t finish(std::uint8_t* out) {
        unsigned length = 0;
        VIADUCT_CHECK(EVP_DigestFinal_ex(context_.get(), out, &length) == 1);
        return length;
    }

private:
    const EVP_MD* md_;
    MdContext context_;
};

constexpr std::size_t kMaxHashBlock = 128;

std::size_t hash_block_bytes(Hash hash) {
    return hash == Hash::sha384 || hash == Hash::sha512 ? 128 : 64;
}

Result<Bytes> cbc(Cipher cipher, BytesView key, BytesView iv, BytesView data, bool encrypt) {
    const EVP_CIPHER* evp = Library::get().cbc(cipher);
    const CipherInfo& row = info(cipher);
    if (evp == nullptr) {
        return failure("cipher has no CBC mode");
    }
    if (key.size() != row.key_bytes || iv.size() != row.iv_bytes) {
        return failure("wrong length of key or initialization vector");
    }
    if (data.size() % row.block_bytes != 0) {
        return failure("length is no multiple of the cipher's block");
    }
    auto des_key = cipher == Cipher::des_cbc ? as_triple_des(key.data(), key.size())
                                             : std::array<unsigned char, 24>{};
    const unsigned char* evp_key = cipher == Cipher::des_cbc ? des_key.data() : key.data();
    const CipherContext context{EVP_CIPHER_CTX_new()};
    VIADUCT_CHECK(context != nullptr);
    Bytes out(data.size() + row.block_bytes);
    int written = 0;
    const bool done =
        EVP_CipherInit_ex2(context.get(), evp, evp_key, iv.data(), encrypt ? 1 : 0, nullptr) == 1 &&
        EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
        EVP_CipherUpdate(
            context.get(), out.data(), &written, data.data(), static_cast<int>(data.size())) == 1;
    OPENSSL_cleanse(des_key.data(), des_key.size());
    if (!done || static_cast<std::size_t>(written) != data.size()) {
        return failure("cipher refused the key or the data");
    }
    out.resize(data.size());
    return out;
}

}  // namespace

Bytes digest(Hash hash, std::initializer_list<BytesView> parts) {
    Hasher hasher{hash};
    for (const auto part : parts) {
        hasher.add(part);
    }
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> out;
    const auto length = hasher.finish(out.data());
    return {out.data(), out.data() + length};
}

// RFC 2104 by hand over one hash context: OpenSSL's own EVP_MAC costs several times as much for the
// short inputs of IKE's key derivation.
Bytes hmac(Hash hash, BytesView key, std::initializer_list<BytesView> parts) {
    Hasher hasher{hash};
    const std::size_t block = hash_block_bytes(hash);
    std::array<std::uint8_t, kMaxHashBlock> pad{};
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> out;
    if (key.size() > block) {
        hasher.add(key).finish(pad.data());
        hasher.start();
    } else {
        std::copy(key.begin(), key.end(), pad.begin());
    }
    constexpr std::uint8_t kInner = 0x36;
    constexpr std::uint8_t kOuter = 0x5C;
    for (auto& octet : pad) {
        octet ^= kInner;
    }
    hasher.add({pad.data(), block});
    for (const auto part : parts) {
        hasher.add(part);
    }
    const auto length = hasher.finish(out.data());
    for (auto& octet : pad) {
        octet ^= kInner ^ kOuter;
    }
    hasher.start();
    hasher.add({pad.data(), block}).add({out.data(), length}).finish(out.data());
    OPENSSL_cleanse(pad.data(), pad.size());
    return {out.data(), out.data() + length};
}

bool equal_constant_time(BytesView a, BytesView b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<Bytes> cbc_encrypt(Cipher cipher, BytesView key, BytesView iv, BytesView data) {
    return cbc(cipher, key, iv, data, true);
}

Result<Bytes> cbc_decrypt(Cipher cipher, BytesView key, BytesView iv, BytesView data) {
    return cbc(cipher, key, iv, data, false);
}

void SystemRandom::fill(std::span<std::uint8_t> out) {
    VIADUCT_CHECK(RAND_bytes_ex(Library::get().context(), out.data(), out.size(), 0) == 1);
}

namespace {

constexpr std::string_view kMd5Magic = "$1$";

/// MD5-crypt's base64: 6 bits a character, lowest first.
void append_base64(std::string& out, std::uint32_t value, int characters) {
    constexpr std::string_view kAlphabet =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < characters; ++i) {
        out.push_back(kAlphabet[value & 0x3FU]);
        value >>= 6U;
    }
}

std::string_view bare_salt(std::string_view salt) {
    if (salt.starts_with(kMd5Magic)) {
        salt.remove_prefix(kMd5Magic.size());
    }
    salt = salt.substr(0, salt.find('$'));
    return salt.substr(0, 8);
}

/// The 1,000 rounds that make guessing slow.
void stretch(std::array<std::uint8_t, EVP_MAX_MD_SIZE>& state, BytesView password, BytesView salt) {
    Hasher hasher{Hash::md5};
    const auto view = BytesView{state}.first(16);
    for (int round = 0; round < 1000; ++round) {
        const bool odd = round % 2 != 0;
        hasher.add(odd ? password : view);
        if (round % 3 != 0) {
            hasher.add(salt);
        }
        if (round % 7 != 0) {
            hasher.add(password);
        }
        hasher.add(odd ? view : password);
        hasher.finish(state.data());
        hasher.start();
    }
}

}  // namespace

std::string md5_crypt(std::string_view password, std::string_view salt) {
    const auto bare = bare_salt(salt);
    const auto pw = as_bytes(password);
    const auto sl = as_bytes(bare);
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> state{};
    const auto mixed = digest(Hash::md5, {pw, sl, pw});
    Hasher hasher{Hash::md5};
    hasher.add(pw).add(as_bytes(kMd5Magic)).add(sl);
    for (std::size_t left = pw.size(); left > 0; left -= std::min<std::size_t>(left, 16)) {
        hasher.add(BytesView{mixed}.first(std::min<std::size_t>(left, 16)));
    }
    constexpr std::array<std::uint8_t, 1> kZero{};
    for (std::size_t bits = pw.size(); bits != 0; bits >>= 1U) {
        hasher.add((bits & 1U) != 0 ? BytesView{kZero} : pw.first(1));
    }
    hasher.finish(state.data());
    stretch(state, pw, sl);
    std::string out = std::string{kMd5Magic} + std::string{bare} + "$";
    constexpr std::array<std::array<std::size_t, 3>, 5> kOrder{
        {{0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}}};
    for (const auto& [a, b, c] : kOrder) {
        append_base64(out,
                      static_cast<std::uint32_t>(state[a]) << 16U |
                          static_cast<std::uint32_t>(state[b]) << 8U | state[c],
                      4);
    }
    append_base64(out, state[11], 2);
    return out;
}

}  // namespace viaduct::crypto
