// RSA signatures in phase 1 (RFC 2409, 5.1): whose certificate we show, and whether we believe the peer's.
//
//   message 3, 4    … KE, NONCE, CERT_REQ (one for each authority that we believe) …
//   message 5, 6    HDR*, ID, CERT (ours, then those between ours and the authority), SIG
//
// SIG is the hash HASH_I or HASH_R, encrypted with the private key as it is (no DigestInfo). Signing goes to
// crypto::Offload; checking a signature and a chain is cheap and is done at once, after Diffie-Hellman and
// decryption, so that only who has computed can make us compute.
//
// A peer is believed if all of these hold, and nothing less will do:
//   * one of its CERT payloads names the identity that it sends: a distinguished name is the subject, value
//     for value; FQDN, user FQDN and address stand in the subjectAltName;
//   * OpenSSL finds a chain from it to an authority of a trustpoint, all valid by the router's calendar;
//   * that trustpoint says `revocation-check none` (alone or as the last of a list);
//   * the signature fits the key of that certificate.
//
// Certificates make long messages. With signatures we announce that we put Cisco's IKE fragments together, so
// that a peer that can cut does, and no NAT or filter on the way has to let pieces of UDP through. Ours go as
// one datagram.
//
// IOS: when the identity is an address and our certificate does not name it, "My ID configured as IPv4 Addr,
// but Addr not in Cert!" and the name goes instead; ours is the FQDN if the certificate has it, else the DN.
//
// Not supported: lists of revoked certificates and OCSP (`revocation-check crl` without `none` refuses every
// peer, as IOS does when it cannot fetch the list), enrollment (SCEP), PKCS #7 in CERT payloads, certificate
// maps, `crypto key generate rsa`; aggressive mode; XAUTH after signatures.
#pragma once

#include <string>
#include <vector>

#include "controlplane/ike/engine.h"
#include "controlplane/ike/wire.h"
#include "crypto/signature.h"

namespace viaduct::ike {

struct IkeSa;

class Signatures {
public:
    explicit Signatures(Engine::State& core) : core_(core) {}

    void set_trustpoints(std::vector<TrustpointKeys> trustpoints);
    void set_wall(TimePoint now, WallTime wall);

    /// There is a certificate with its key that we can show.
    [[nodiscard]] bool usable() const;
    /// What the SA was made with is still what the trustpoint holds.
    [[nodiscard]] bool stands(const IkeSa& sa) const;

    /// CERT_REQ payloads of message 3 or 4.
    void add_requests(const IkeSa& sa, ChainWriter& chain) const;
    /// Chooses our trustpoint: one of whose authorities the peer asks for, else the first.
    void choose_own(IkeSa& sa, const Chain& chain) const;
    /// Our identity as the certificate allows it.
    [[nodiscard]] Identity own_identity(const IkeSa& sa, Identity configured) const;
    /// CERT payloads of message 5 or 6.
    void add_certificates(const IkeSa& sa, ChainWriter& chain) const;
    /// The private key for the SA; nullptr if its trustpoint is gone.
    [[nodiscard]] const crypto::RsaPrivateKey* key_of(const IkeSa& sa) const;

    /// Checks certificate, identity and signature of message 5 or 6 as written above; notes the subject.
    /// Error: a sentence for the log.
    Result<void> check(IkeSa& sa,
                       const Chain& chain,
                       const Identity& identity,
                       BytesView hash) const;

private:
    [[nodiscard]] const TrustpointKeys* find(const std::string& name) const;
    [[nodiscard]] Result<void> believe(const IkeSa& sa,
                                       const crypto::Certificate& peer,
                                       const std::vector<crypto::Certificate>& sent) const;
    [[nodiscard]] WallTime wall() const;

    Engine::State& core_;
    std::vector<TrustpointKeys> trustpoints_;
    std::vector<std::string> prints_;  // of what each holds
    TimePoint wall_told_{};
    WallTime wall_{};
    bool wall_known_ = false;
};

}  // namespace viaduct::ike
