#include "crypto/signature.h"

#include <algorithm>
#include <cctype>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/library.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {

namespace {

constexpr unsigned kMinRsaBits = 1024;
constexpr unsigned kMaxRsaBits = 8192;  // a peer's certificate must not cost seconds to check
constexpr std::size_t kMaxIntermediates = 16;
constexpr std::size_t kMaxCertificateBytes = 16384;

BioOwner reader(std::string_view text) {
    BioOwner bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
    VIADUCT_CHECK(bio != nullptr);
    return bio;
}

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const auto length = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(length)};
}

/// Pass phrases are not asked for on a terminal.
int no_pass_phrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
    return -1;
}

bool is_usable_rsa(const EVP_PKEY* key) {
    const auto bits = EVP_PKEY_get_bits(key);
    return EVP_PKEY_is_a(key, "RSA") == 1 && bits >= static_cast<int>(kMinRsaBits) &&
           bits <= static_cast<int>(kMaxRsaBits);
}

PkeyContext operation(EVP_PKEY* key) {
    PkeyContext context{EVP_PKEY_CTX_new_from_pkey(Library::get().context(), key, nullptr)};
    VIADUCT_CHECK(context != nullptr);
    return context;
}

Bytes name_der(const X509_NAME* name) {
    unsigned char* data = nullptr;
    const int length = i2d_X509_NAME(name, &data);
    VIADUCT_CHECK(length >= 0);
    Bytes out{data, data + length};
    OPENSSL_free(data);
    return out;
}

/// The attribute names before each '=' in small letters, as IOS prints them.
std::string with_small_names(std::string text) {
    bool in_name = true;
    bool escaped = false;
    for (auto& c : text) {
        if (escaped) {
            escaped = false;
        } else if (c == '\\') {
            escaped = true;
        } else if (c == '=') {
            in_name = false;
        } else if (c == ',' || c == '+') {
            in_name = true;
        } else if (in_name) {
            c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    return text;
}

std::string name_text(const X509_NAME* name) {
    const BioOwner bio{BIO_new(BIO_s_mem())};
    VIADUCT_CHECK(bio != nullptr);
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
    return with_small_names(text_of(bio.get()));
}

WallTime wall_time(const ASN1_TIME* time) {
    std::tm calendar{};
    if (ASN1_TIME_to_tm(time, &calendar) != 1) {
        return WallTime{};
    }
    return WallTime{std::chrono::seconds{timegm(&calendar)}};
}

bool equal_without_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

std::string_view view_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// True if one subjectAltName of the given type satisfies `matches` (called with its bytes).
template <typename Predicate>
bool any_alt_name(const X509* certificate, int type, Predicate matches) {
    const Owner<GENERAL_NAMES, GENERAL_NAMES_free> names{static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == type &&
            matches(view_of(type == GEN_IPADD ? name->d.iPAddress : name->d.ia5))) {
            return true;
        }
    }
    return false;
}

void free_stack_only(STACK_OF(X509) * stack) {
    sk_X509_free(stack);
}

using CertificateStack = Owner<STACK_OF(X509), free_stack_only>;

}  // namespace

bool RsaPublicKey::verify(BytesView hash, BytesView signature) const {
    const auto context = operation(key_.get());
    const bool valid =
        EVP_PKEY_verify_init(context.get()) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_verify(
            context.get(), signature.data(), signature.size(), hash.data(), hash.size()) == 1;
    ERR_clear_error();
    return valid;
}

unsigned RsaPublicKey::bits() const {
    return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get()));
}

Result<RsaPrivateKey> RsaPrivateKey::from_pem(std::string_view pem) {
    const auto bio = reader(pem);
    std::shared_ptr<EVP_PKEY> key{
        PEM_read_bio_PrivateKey_ex(
            bio.get(), nullptr, no_pass_phrase, nullptr, Library::get().context(), nullptr),
        EVP_PKEY_free};
    ERR_clear_error();
    if (key == nullptr) {
        return failure("no private key in PEM format");
    }
    if (!is_usable_rsa(key.get())) {
        return failure("private key is not RSA of 1024 to 8192 bits");
    }
    return RsaPrivateKey{std::move(key)};
}

Result<RsaPrivateKey> RsaPrivateKey::generate(unsigned bits) {
    if (bits < kMinRsaBits || bits > 4096) {
        return failure("RSA keys have 1024 to 4096 bits");
    }
    std::shared_ptr<EVP_PKEY> key{
        EVP_PKEY_Q_keygen(Library::get().context(), nullptr, "RSA", static_cast<std::size_t>(bits)),
        EVP_PKEY_free};
    if (key == nullptr) {
        return failure("RSA key generation failed");
    }
    return RsaPrivateKey{std::move(key)};
}

Result<Bytes> RsaPrivateKey::sign(BytesView hash) const {
    const auto context = operation(key_.get());
    Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
    std::size_t length = signature.size();
    // No signature hash is set, so OpenSSL pads what it is given and adds no DigestInfo.
    const bool done =
        EVP_PKEY_sign_init(context.get()) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
        EVP_PKEY_sign(context.get(), signature.data(), &length, hash.data(), hash.size()) == 1;
    ERR_clear_error();
    if (!done) {
        return failure("RSA signature failed");
    }
    signature.resize(length);
    return signature;
}

RsaPublicKey RsaPrivateKey::public_key() const {
    return RsaPublicKey{key_};
}

unsigned RsaPrivateKey::bits() const {
    return static_cast<unsigned>(EVP_PKEY_get_bits(key_.get()));
}

std::string RsaPrivateKey::to_pem() const {
    const BioOwner bio{BIO_new(BIO_s_mem())};
    VIADUCT_CHECK(bio != nullptr);
    VIADUCT_CHECK(PEM_write_bio_PKCS8PrivateKey(
                      bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    return text_of(bio.get());
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
    const auto bio = reader(pem);
    X509* x509 = X509_new_ex(Library::get().context(), nullptr);
    VIADUCT_CHECK(x509 != nullptr);
    std::shared_ptr<X509> owner{x509, X509_free};
    const bool read = PEM_read_bio_X509(bio.get(), &x509, no_pass_phrase, nullptr) != nullptr;
    ERR_clear_error();
    if (!read) {
        return failure("no certificate in PEM format");
    }
    return Certificate{std::move(owner)};
}

Result<Certificate> Certificate::from_der(BytesView der) {
    if (der.size() > kMaxCertificateBytes) {
        return failure("certificate is too long");
    }
    const unsigned char* at = der.data();
    const std::shared_ptr<X509> parsed{d2i_X509(nullptr, &at, static_cast<long>(der.size())),
                                       X509_free};
    ERR_clear_error();
    if (parsed == nullptr || at != der.data() + der.size()) {
        return failure("not a DER certificate");
    }
    // Once more into an object that belongs to our library context.
    X509* x509 = X509_new_ex(Library::get().context(), nullptr);
    VIADUCT_CHECK(x509 != nullptr);
    std::shared_ptr<X509> owner{x509, X509_free};
    at = der.data();
    VIADUCT_CHECK(d2i_X509(&x509, &at, static_cast<long>(der.size())) != nullptr);
    return Certificate{std::move(owner)};
}

Bytes Certificate::der() const {
    unsigned char* data = nullptr;
    const int length = i2d_X509(x509_.get(), &data);
    VIADUCT_CHECK(length >= 0);
    Bytes out{data, data + length};
    OPENSSL_free(data);
    return out;
}

Bytes Certificate::subject_der() const {
    return name_der(X509_get_subject_name(x509_.get()));
}

Bytes Certificate::issuer_der() const {
    return name_der(X509_get_issuer_name(x509_.get()));
}

std::string Certificate::subject_text() const {
    return name_text(X509_get_subject_name(x509_.get()));
}

std::string Certificate::issuer_text() const {
    return name_text(X509_get_issuer_name(x509_.get()));
}

std::string Certificate::serial_hex() const {
    const auto* serial = X509_get0_serialNumber(x509_.get());
    const auto text = view_of(serial);
    return to_hex(as_bytes(text));
}

WallTime Certificate::not_before() const {
    return wall_time(X509_get0_notBefore(x509_.get()));
}

WallTime Certificate::not_after() const {
    return wall_time(X509_get0_notAfter(x509_.get()));
}

Result<RsaPublicKey> Certificate::public_key() const {
    std::shared_ptr<EVP_PKEY> key{X509_get_pubkey(x509_.get()), EVP_PKEY_free};
    ERR_clear_error();
    if (key == nullptr || !is_usable_rsa(key.get())) {
        return failure("certificate has no RSA key of 1024 to 8192 bits");
    }
    return RsaPublicKey{std::move(key)};
}

std::string Certificate::organizational_unit() const {
    const auto* name = X509_get_subject_name(x509_.get());
    const int at = X509_NAME_get_index_by_NID(name, NID_organizationalUnitName, -1);
    if (at < 0) {
        return {};
    }
    unsigned char* utf8 = nullptr;
    const int length =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (length < 0) {
        ERR_clear_error();
        return {};
    }
    std::string out{utf8, utf8 + length};
    OPENSSL_free(utf8);
    return out;
}

bool Certificate::names_host(std::string_view fqdn) const {
    return !fqdn.empty() && any_alt_name(x509_.get(), GEN_DNS, [&](std::string_view name) {
        return equal_without_case(name, fqdn);
    });
}

bool Certificate::names_user(std::string_view user_fqdn) const {
    const auto at = user_fqdn.rfind('@');
    if (at == std::string_view::npos) {
        return false;
    }
    return any_alt_name(x509_.get(), GEN_EMAIL, [&](std::string_view name) {
        return name.rfind('@') == at && name.substr(0, at) == user_fqdn.substr(0, at) &&
               equal_without_case(name.substr(at), user_fqdn.substr(at));
    });
}

bool Certificate::names_address(Ipv4Address address) const {
    ByteWriter wire;
    wire.address(address);
    return any_alt_name(x509_.get(), GEN_IPADD, [&](std::string_view name) {
        return std::ranges::equal(as_bytes(name), wire.view());
    });
}

Result<void> TrustAnchor::verify(const Certificate& peer,
                                 std::span<const Certificate> intermediates,
                                 WallTime now) const {
    const Owner<X509_STORE, X509_STORE_free> store{X509_STORE_new()};
    const Owner<X509_STORE_CTX, X509_STORE_CTX_free> context{
        X509_STORE_CTX_new_ex(Library::get().context(), nullptr)};
    const CertificateStack sent{sk_X509_new_null()};
    VIADUCT_CHECK(store != nullptr && context != nullptr && sent != nullptr);
    for (const auto& authority : authorities_) {
        X509_STORE_add_cert(store.get(), authority.x509_.get());
    }
    for (const auto& one : intermediates.first(std::min(intermediates.size(), kMaxIntermediates))) {
        sk_X509_push(sent.get(), one.x509_.get());
    }
    VIADUCT_CHECK(X509_STORE_CTX_init(context.get(), store.get(), peer.x509_.get(), sent.get()) ==
                  1);
    auto* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(
        parameters,
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
    // A subordinate CA may be what the operator trusts.
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    // Peers of the time have keys of 1024 bits and SHA-1 signatures.
    X509_VERIFY_PARAM_set_auth_level(parameters, 0);
    const bool valid = X509_verify_cert(context.get()) == 1;
    const int reason = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    if (!valid) {
        return failure(X509_verify_cert_error_string(reason));
    }
    return {};
}

Result<std::string> distinguished_name_text(BytesView der) {
    const unsigned char* at = der.data();
    const Owner<X509_NAME, X509_NAME_free> name{
        d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size()))};
    ERR_clear_error();
    if (name == nullptr || at != der.data() + der.size()) {
        return failure("not a distinguished name");
    }
    return name_text(name.get());
}

}  // namespace viaduct::crypto
