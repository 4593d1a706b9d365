// RSA signatures of IKEv1 and the X.509 that goes with them. Values: immutable after loading, cheap
// to copy (shared inside), usable from several threads at once.
//
// RFC 2409, section 5.1: "RSA signatures MUST be encoded as a private key encryption in PKCS #1
// format and not as a signature in PKCS #1 format (which includes the OID of the hash algorithm)."
//
// Not supported: DSS, ECDSA, encrypted private keys, CRL and OCSP (the operator's
// `revocation-check none`), name constraints beyond what OpenSSL checks.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

// OpenSSL's own names, so that <openssl/…> stays out of headers.
struct evp_pkey_st;
struct x509_st;

namespace viaduct::crypto {

class RsaPublicKey {
public:
    /// `signature` is the body of a SIG payload, `hash` is HASH_I or HASH_R. False also for a
    /// signature of the wrong length.
    [[nodiscard]] bool verify(BytesView hash, BytesView signature) const;
    /// Modulus length in bits.
    [[nodiscard]] unsigned bits() const;

private:
    friend class RsaPrivateKey;
    friend class Certificate;

    explicit RsaPublicKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

    std::shared_ptr<evp_pkey_st> key_;
};

class RsaPrivateKey {
public:
    /// PEM, PKCS#1 or PKCS#8, without a pass phrase. Errors: no PEM, not RSA, under 1024 bits.
    static Result<RsaPrivateKey> from_pem(std::string_view pem);
    /// A fresh key of 1024–4096 bits with the operating system's randomness (`crypto key generate
    /// rsa`); takes up to seconds.
    static Result<RsaPrivateKey> generate(unsigned bits);

    /// The body of a SIG payload over HASH_I or HASH_R. Errors: a hash too long for the modulus.
    [[nodiscard]] Result<Bytes> sign(BytesView hash) const;
    [[nodiscard]] RsaPublicKey public_key() const;
    [[nodiscard]] unsigned bits() const;
    /// Unencrypted PKCS#8 PEM, for the operator's key store only.
    [[nodiscard]] std::string to_pem() const;

private:
    explicit RsaPrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}

    std::shared_ptr<evp_pkey_st> key_;
};

class Certificate {
public:
    /// The first certificate of a PEM text.
    static Result<Certificate> from_pem(std::string_view pem);
    /// One DER certificate and nothing behind it (the CERT payload of type 4).
    static Result<Certificate> from_der(BytesView der);

    [[nodiscard]] Bytes der() const;
    /// The subject as an ID_DER_ASN1_DN payload carries it.
    [[nodiscard]] Bytes subject_der() const;
    [[nodiscard]] Bytes issuer_der() const;
    /// "cn=sv9-2,o=Example,c=US": RFC 2253 order, attribute names in small letters as IOS prints.
    [[nodiscard]] std::string subject_text() const;
    [[nodiscard]] std::string issuer_text() const;
    [[nodiscard]] std::string serial_hex() const;
    [[nodiscard]] WallTime not_before() const;
    [[nodiscard]] WallTime not_after() const;
    /// Errors: not an RSA key.
    [[nodiscard]] Result<RsaPublicKey> public_key() const;
    /// The first organizationalUnit of the subject (the group of a remote-access peer); empty if none.
    [[nodiscard]] std::string organizational_unit() const;

    /// subjectAltName compares, for the identity payload that a peer sends along: ID_FQDN (without
    /// case), ID_USER_FQDN (host part without case), ID_IPV4_ADDR. No wildcards.
    [[nodiscard]] bool names_host(std::string_view fqdn) const;
    [[nodiscard]] bool names_user(std::string_view user_fqdn) const;
    [[nodiscard]] bool names_address(Ipv4Address address) const;

private:
    friend class TrustAnchor;

    explicit Certificate(std::shared_ptr<x509_st> x509) : x509_(std::move(x509)) {}

    std::shared_ptr<x509_st> x509_;
};

/// What `crypto pki trustpoint` holds: CA certificates that we believe.
class TrustAnchor {
public:
    explicit TrustAnchor(std::vector<Certificate> authorities)
        : authorities_(std::move(authorities)) {}

    /// Checks the chain peer → intermediates (those that the peer sent, in any order) → one of the
    /// authorities, all valid at `now`, CAs being CAs. At most 16 intermediates are looked at.
    /// Error: OpenSSL's reason ("certificate has expired", "unable to get local issuer certificate").
    [[nodiscard]] Result<void> verify(const Certificate& peer,
                                      std::span<const Certificate> intermediates,
                                      WallTime now) const;

    [[nodiscard]] const std::vector<Certificate>& authorities() const { return authorities_; }

private:
    std::vector<Certificate> authorities_;
};

/// DN of DER as text ("cn=…,o=…"); what an ID_DER_ASN1_DN payload shows. Error: not a DER name.
Result<std::string> distinguished_name_text(BytesView der);

}  // namespace viaduct::crypto
