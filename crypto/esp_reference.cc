#include "crypto/esp_reference.h"

#include "crypto/esp_kind.h"
#include "crypto/library.h"
#include "crypto/primitives.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {

namespace {

constexpr std::size_t kEspHeaderBytes = 8;
constexpr std::size_t kGcmTagBytes = 16;

const char* gcm_name(std::size_t key_bytes) {
    if (key_bytes == 16) {
        return "AES-128-GCM";
    }
    return key_bytes == 24 ? "AES-192-GCM" : "AES-256-GCM";
}

/// In place. OpenSSL takes a call with a null pointer as the end of the AAD, so empty data is none.
bool update(EVP_CIPHER_CTX* context, std::span<std::uint8_t> data) {
    int written = 0;
    return data.empty() ||
           EVP_CipherUpdate(
               context, data.data(), &written, data.data(), static_cast<int>(data.size())) == 1;
}

/// GCM over `data` in place; `tag` is written (encrypt) or compared (decrypt). False: wrong tag.
bool gcm(BytesView key,
         BytesView nonce,
         BytesView aad,
         std::span<std::uint8_t> data,
         std::span<std::uint8_t> tag,
         bool encrypt) {
    const Owner<EVP_CIPHER, EVP_CIPHER_free> cipher{
        EVP_CIPHER_fetch(Library::get().context(), gcm_name(key.size()), nullptr)};
    const CipherContext context{EVP_CIPHER_CTX_new()};
    VIADUCT_CHECK(cipher != nullptr);
    VIADUCT_CHECK(context != nullptr);
    auto* c = context.get();
    int written = 0;
    VIADUCT_CHECK(
        EVP_CipherInit_ex2(c, cipher.get(), key.data(), nonce.data(), encrypt ? 1 : 0, nullptr) ==
            1 &&
        EVP_CipherUpdate(c, nullptr, &written, aad.data(), static_cast<int>(aad.size())) == 1);
    VIADUCT_CHECK(update(c, data));
    if (!encrypt) {
        VIADUCT_CHECK(EVP_CIPHER_CTX_ctrl(
                          c, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1);
        return EVP_CipherFinal_ex(c, nullptr, &written) == 1;
    }
    VIADUCT_CHECK(EVP_CipherFinal_ex(c, nullptr, &written) == 1 &&
                  EVP_CIPHER_CTX_ctrl(
                      c, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) == 1);
    return true;
}

}  // namespace

Result<EspReference> EspReference::make(Cipher cipher,
                                        Auth auth,
                                        BytesView cipher_key,
                                        BytesView auth_key) {
    const auto& c = info(cipher);
    if (cipher_key.size() != c.key_bytes + c.salt_bytes ||
        auth_key.size() != info(auth).key_bytes || (c.aead && auth != Auth::none)) {
        return failure("wrong keys for the algorithms");
    }
    EspReference out;
    out.cipher_ = cipher;
    out.auth_ = auth;
    out.cipher_key_ = Secret{cipher_key.first(c.key_bytes)};
    out.salt_ = Secret{cipher_key.subspan(c.key_bytes)};
    out.auth_key_ = Secret{auth_key};
    return out;
}

Bytes EspReference::icv(BytesView authenticated) const {
    const auto& row = info(auth_);
    if (!row.hash) {
        return Bytes{};
    }
    auto out = hmac(*row.hash, auth_key_.view(), {authenticated});
    out.resize(row.icv_bytes);
    return out;
}

Result<Bytes> EspReference::encrypt(BytesView packet, BytesView iv) const {
    const auto& c = info(cipher_);
    const auto start = kEspHeaderBytes + c.iv_bytes;
    if (iv.size() != c.iv_bytes || packet.size() < start + c.block_bytes ||
        (packet.size() - start) % c.block_bytes != 0) {
        return failure("wrong length of packet or initialization vector");
    }
    Bytes out{packet.begin(), packet.end()};
    std::copy(iv.begin(), iv.end(), out.begin() + kEspHeaderBytes);
    const auto body = std::span{out}.subspan(start);
    if (c.aead) {
        Bytes nonce{salt_.view().begin(), salt_.view().end()};
        nonce.insert(nonce.end(), iv.begin(), iv.end());
        Bytes tag(kGcmTagBytes);
        const bool gmac = is_gmac(cipher_);
        const auto aad = gmac ? BytesView{out} : BytesView{out}.first(kEspHeaderBytes);
        gcm(cipher_key_.view(), nonce, aad, gmac ? body.first(0) : body, tag, true);
        out.insert(out.end(), tag.begin(), tag.end());
        return out;
    }
    if (cipher_ != Cipher::null) {
        const auto encrypted = cbc_encrypt(cipher_, cipher_key_.view(), iv, body);
        if (!encrypted) {
            return encrypted;
        }
        std::copy(encrypted->begin(), encrypted->end(), body.begin());
    }
    const auto tag = icv(out);
    out.insert(out.end(), tag.begin(), tag.end());
    return out;
}

Result<Bytes> EspReference::decrypt(BytesView packet) const {
    const auto& c = info(cipher_);
    const auto start = kEspHeaderBytes + c.iv_bytes;
    const auto icv_bytes = c.aead ? c.icv_bytes : info(auth_).icv_bytes;
    if (packet.size() < start + c.block_bytes + icv_bytes ||
        (packet.size() - start - icv_bytes) % c.block_bytes != 0) {
        return failure("wrong length of packet");
    }
    Bytes out{packet.begin(), packet.end() - static_cast<std::ptrdiff_t>(icv_bytes)};
    Bytes received{packet.end() - static_cast<std::ptrdiff_t>(icv_bytes), packet.end()};
    const auto iv = packet.subspan(kEspHeaderBytes, c.iv_bytes);
    const auto body = std::span{out}.subspan(start);
    if (c.aead) {
        Bytes nonce{salt_.view().begin(), salt_.view().end()};
        nonce.insert(nonce.end(), iv.begin(), iv.end());
        const bool gmac = is_gmac(cipher_);
        const auto aad = gmac ? BytesView{out} : BytesView{out}.first(kEspHeaderBytes);
        const Bytes aad_copy{aad.begin(), aad.end()};
        if (!gcm(cipher_key_.view(),
                 nonce,
                 aad_copy,
                 gmac ? body.first(0) : body,
                 received,
                 false)) {
            return failure("wrong integrity check value");
        }
        return out;
    }
    if (!equal_constant_time(icv(out), received)) {
        return failure("wrong integrity check value");
    }
    if (cipher_ != Cipher::null) {
        const auto plain = cbc_decrypt(cipher_, cipher_key_.view(), iv, body);
        if (!plain) {
            return plain;
        }
        std::copy(plain->begin(), plain->end(), body.begin());
    }
    return out;
}

}  // namespace viaduct::crypto
