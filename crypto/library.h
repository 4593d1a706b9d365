// OpenSSL as this folder uses it: one library context, the fetched algorithms, and owners for its
// objects. Internal to crypto/.
#pragma once

#include <array>
#include <memory>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto/algorithms.h"

namespace viaduct::crypto {

template <auto kFree>
struct Freer {
    template <typename T>
    void operator()(T* object) const {
        kFree(object);
    }
};

template <typename T, auto kFree>
using Owner = std::unique_ptr<T, Freer<kFree>>;

using MdContext = Owner<EVP_MD_CTX, EVP_MD_CTX_free>;
using CipherContext = Owner<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using PkeyContext = Owner<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using BnContext = Owner<BN_CTX, BN_CTX_free>;
using BigNumber = Owner<BIGNUM, BN_clear_free>;
using EcPoint = Owner<EC_POINT, EC_POINT_free>;
using BioOwner = Owner<BIO, BIO_free_all>;

/// Built at the first use, never changed afterwards, so it needs no lock. It loads no openssl.cnf:
/// what the operator's system forbids by policy does not stop the algorithms that IKEv1 demands.
class Library {
public:
    static const Library& get();

    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;
    Library(Library&&) = delete;
    Library& operator=(Library&&) = delete;

    /// OpenSSL takes it without const, and locks inside.
    [[nodiscard]] OSSL_LIB_CTX* context() const { return context_.get(); }

    [[nodiscard]] const EVP_MD* hash(Hash hash) const {
        return hashes_[static_cast<std::size_t>(hash)].get();
    }

    /// The CBC ciphers; nullptr for any other. DES is served by triple DES.
    [[nodiscard]] const EVP_CIPHER* cbc(Cipher cipher) const;

private:
    Library();
    ~Library() = default;

    Owner<OSSL_LIB_CTX, OSSL_LIB_CTX_free> context_;
    Owner<OSSL_PROVIDER, OSSL_PROVIDER_unload> provider_;
    std::array<Owner<EVP_MD, EVP_MD_free>, 5> hashes_;
    Owner<EVP_CIPHER, EVP_CIPHER_free> triple_des_;
    std::array<Owner<EVP_CIPHER, EVP_CIPHER_free>, 3> aes_;
};

/// Key of triple DES that does what `key` does: three times the same 8 bytes for single DES.
std::array<unsigned char, 24> as_triple_des(const unsigned char* key, std::size_t key_bytes);

}  // namespace viaduct::crypto
