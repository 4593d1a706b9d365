#include "crypto/library.h"

#include <cstring>

#include "dataplane/base/check.h"

namespace viaduct::crypto {

const Library& Library::get() {
    static const Library library;
    return library;
}

Library::Library() : context_(OSSL_LIB_CTX_new()) {
    VIADUCT_CHECK(context_ != nullptr);
    provider_.reset(OSSL_PROVIDER_load(context_.get(), "default"));
    VIADUCT_CHECK(provider_ != nullptr);
    constexpr std::array kHashNames{"MD5", "SHA1", "SHA2-256", "SHA2-384", "SHA2-512"};
    for (std::size_t i = 0; i < kHashNames.size(); ++i) {
        hashes_[i].reset(EVP_MD_fetch(context_.get(), kHashNames[i], nullptr));
        VIADUCT_CHECK(hashes_[i] != nullptr);
    }
    triple_des_.reset(EVP_CIPHER_fetch(context_.get(), "DES-EDE3-CBC", nullptr));
    VIADUCT_CHECK(triple_des_ != nullptr);
    constexpr std::array kAesNames{"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};
    for (std::size_t i = 0; i < kAesNames.size(); ++i) {
        aes_[i].reset(EVP_CIPHER_fetch(context_.get(), kAesNames[i], nullptr));
        VIADUCT_CHECK(aes_[i] != nullptr);
    }
}

const EVP_CIPHER* Library::cbc(Cipher cipher) const {
    switch (cipher) {
    case Cipher::des_cbc:
    case Cipher::tdes_cbc:
        return triple_des_.get();
    case Cipher::aes_cbc_128:
        return aes_[0].get();
    case Cipher::aes_cbc_192:
        return aes_[1].get();
    case Cipher::aes_cbc_256:
        return aes_[2].get();
    case Cipher::null:
    case Cipher::aes_gcm_128:
    case Cipher::aes_gcm_192:
    case Cipher::aes_gcm_256:
    case Cipher::aes_gmac_128:
    case Cipher::aes_gmac_192:
    case Cipher::aes_gmac_256:
        return nullptr;
    }
    return nullptr;
}

std::array<unsigned char, 24> as_triple_des(const unsigned char* key, std::size_t key_bytes) {
    std::array<unsigned char, 24> out{};
    for (std::size_t at = 0; at < out.size(); at += key_bytes) {
        std::memcpy(out.data() + at, key, key_bytes);
    }
    return out;
}

}  // namespace viaduct::crypto
