#include "controlplane/ike/signatures.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "crypto/primitives.h"

namespace viaduct::ike {

namespace {

constexpr std::uint8_t kX509Signature =
    4;  // RFC 2408, 3.9: encoding "X.509 Certificate - Signature"
constexpr std::size_t kMaxCertificates = 8;  // of one message; more is not a chain

bool is_usable(const TrustpointKeys& trustpoint) {
    return trustpoint.certificate && trustpoint.key && !trustpoint.authorities.empty();
}

std::string text_of(const Identity& identity) {
    return {identity.data.begin(), identity.data.end()};
}

/// RFC 2408, 3.9: the encoding, then the certificate.
Bytes certificate_body(const crypto::Certificate& certificate) {
    ByteWriter out;
    out.u8(kX509Signature).bytes(certificate.der());
    return out.take();
}

/// The same names with the same values; one end may write a value as PrintableString, the other as UTF8String.
bool is_subject(const crypto::Certificate& certificate, BytesView name) {
    const auto text = crypto::distinguished_name_text(name);
    return text && *text == certificate.subject_text();
}

/// The certificate names the identity.
bool names(const crypto::Certificate& certificate, const Identity& identity) {
    switch (identity.type) {
    case IdType::der_asn1_dn:
        return is_subject(certificate, identity.data);
    case IdType::fqdn:
        return certificate.names_host(text_of(identity));
    case IdType::user_fqdn:
        return certificate.names_user(text_of(identity));
    case IdType::ipv4_address:
        return identity.address() && certificate.names_address(*identity.address());
    case IdType::ipv4_subnet:
    case IdType::ipv4_range:
    case IdType::key_id:
        return false;
    }
    return false;
}

std::string print_of(const TrustpointKeys& trustpoint) {
    Bytes all;
    const auto add = [&](const crypto::Certificate& certificate) {
        const auto der = certificate.der();
        all.insert(all.end(), der.begin(), der.end());
    };
    if (trustpoint.certificate) {
        add(*trustpoint.certificate);
    }
    std::ranges::for_each(trustpoint.authorities, add);
    return to_hex(crypto::digest(crypto::Hash::sha256, {all}));
}

/// The certificates that a message carries, in their order.
std::vector<crypto::Certificate> certificates_in(const Engine::State& core,
                                                 const IkeSa& sa,
                                                 const Chain& chain) {
    std::vector<crypto::Certificate> out;
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::certificate) {
            continue;
        }
        core.log.debug(
            Debug::crypto_isakmp, "{}: processing CERT payload. message ID = 0", sa.tag());
        if (payload.body.empty() || payload.body[0] != kX509Signature ||
            out.size() == kMaxCertificates) {
            continue;
        }
        core.log.debug(Debug::crypto_isakmp, "{}: processing a CT_X509_SIGNATURE cert", sa.tag());
        if (auto one = crypto::Certificate::from_der(payload.body.subspan(1))) {
            out.push_back(std::move(*one));
        }
    }
    return out;
}

}  // namespace

void Signatures::set_trustpoints(std::vector<TrustpointKeys> trustpoints) {
    trustpoints_ = std::move(trustpoints);
    prints_.clear();
    std::ranges::transform(trustpoints_, std::back_inserter(prints_), print_of);
}

void Signatures::set_wall(TimePoint now, WallTime wall) {
    wall_told_ = now;
    wall_ = wall;
    wall_known_ = true;
}

WallTime Signatures::wall() const {
    return wall_known_ ? wall_ + (core_.now - wall_told_) : WallTime::max();
}

const TrustpointKeys* Signatures::find(const std::string& name) const {
    const auto it = std::ranges::find(trustpoints_, name, &TrustpointKeys::name);
    return it == trustpoints_.end() ? nullptr : &*it;
}

bool Signatures::usable() const {
    return std::ranges::any_of(trustpoints_, is_usable);
}

bool Signatures::stands(const IkeSa& sa) const {
    for (std::size_t i = 0; i < trustpoints_.size(); ++i) {
        if (trustpoints_[i].name == sa.trustpoint) {
            return prints_[i] == sa.trustpoint_print;
        }
    }
    return false;
}

void Signatures::add_requests(const IkeSa& sa, ChainWriter& chain) const {
    for (const auto& trustpoint : trustpoints_) {
        for (const auto& authority : trustpoint.authorities) {
            core_.log.debug(Debug::crypto_isakmp,
                            "{}: constructing CERT_REQ for issuer {}",
                            sa.tag(),
                            authority.subject_text());
            ByteWriter body;
            body.u8(kX509Signature).bytes(authority.subject_der());
            chain.add(PayloadType::certificate_request, body.view());
        }
    }
}

void Signatures::choose_own(IkeSa& sa, const Chain& chain) const {
    const TrustpointKeys* own = nullptr;
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::certificate_request) {
            continue;
        }
        core_.log.debug(
            Debug::crypto_isakmp, "{}: processing CERT_REQ payload. message ID = 0", sa.tag());
        if (payload.body.size() < 2 || payload.body[0] != kX509Signature) {
            continue;
        }
        const auto wanted = payload.body.subspan(1);
        const auto it = std::ranges::find_if(trustpoints_, [&](const auto& trustpoint) {
            return is_usable(trustpoint) &&
                   std::ranges::any_of(trustpoint.authorities, [&](const auto& authority) {
                       return std::ranges::equal(authority.subject_der(), wanted);
                   });
        });
        if (it != trustpoints_.end() && own == nullptr) {
            own = &*it;
            core_.log.debug(Debug::crypto_isakmp,
                            "{}: peer wants cert issued by {}",
                            sa.tag(),
                            crypto::distinguished_name_text(wanted).value_or("?"));
        }
    }
    if (own == nullptr) {
        const auto it = std::ranges::find_if(trustpoints_, is_usable);
        own = it == trustpoints_.end() ? nullptr : &*it;
    }
    if (own != nullptr) {
        core_.log.debug(
            Debug::crypto_isakmp, "{}: Choosing trustpoint {} as issuer", sa.tag(), own->name);
        sa.trustpoint = own->name;
        sa.trustpoint_print = prints_[static_cast<std::size_t>(own - trustpoints_.data())];
    }
}

Identity Signatures::own_identity(const IkeSa& sa, Identity configured) const {
    const auto* own = find(sa.trustpoint);
    if (own == nullptr || !own->certificate || names(*own->certificate, configured)) {
        return configured;
    }
    const auto& system = core_.config->system;
    const bool by_address = configured.type == IdType::ipv4_address;
    if (by_address && core_.crypto().isakmp_identity != "dn") {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: My ID configured as IPv4 Addr, but Addr not in Cert!",
                        sa.tag());
        auto name = configured;
        const auto host = system.domain_name.empty() ? system.hostname
                                                     : system.hostname + "." + system.domain_name;
        name.type = IdType::fqdn;
        name.data.assign(host.begin(), host.end());
        if (names(*own->certificate, name)) {
            core_.log.debug(Debug::crypto_isakmp, "{}: Using FQDN as My ID", sa.tag());
            return name;
        }
    }
    configured.type = IdType::der_asn1_dn;
    configured.data = own->certificate->subject_der();
    return configured;
}

void Signatures::add_certificates(const IkeSa& sa, ChainWriter& chain) const {
    const auto* own = find(sa.trustpoint);
    if (own == nullptr || !own->certificate) {
        return;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: constructing CERT payload for {}",
                    sa.tag(),
                    own->certificate->subject_text());
    chain.add(PayloadType::certificate, certificate_body(*own->certificate));
    for (const auto& between : own->chain) {
        chain.add(PayloadType::certificate, certificate_body(between));
    }
    core_.log.debug(
        Debug::crypto_isakmp, "{}: using the {} trustpoint's keypair to sign", sa.tag(), own->name);
}

const crypto::RsaPrivateKey* Signatures::key_of(const IkeSa& sa) const {
    const auto* own = find(sa.trustpoint);
    return own == nullptr || !own->key ? nullptr : &*own->key;
}

Result<void> Signatures::believe(const IkeSa& sa,
                                 const crypto::Certificate& peer,
                                 const std::vector<crypto::Certificate>& sent) const {
    std::string reason = "no trustpoint has a certificate of an authority";
    for (const auto& trustpoint : trustpoints_) {
        if (trustpoint.authorities.empty()) {
            continue;
        }
        const auto chained = crypto::TrustAnchor(trustpoint.authorities).verify(peer, sent, wall());
        if (!chained) {
            reason = chained.error().message;
            continue;
        }
        if (!trustpoint.revocation_none) {
            core_.log.message("PKI",
                              Severity::errors,
                              "CRL_FETCH_FAIL",
                              "CRL fetch for trustpoint {} failed. Reason : lists of revoked "
                              "certificates are not supported: revocation-check none",
                              trustpoint.name);
            return failure("its revocation cannot be checked (trustpoint " + trustpoint.name + ")");
        }
        core_.log.debug(Debug::crypto_isakmp, "{}: CERT validity confirmed.", sa.tag());
        return {};
    }
    return failure(reason);
}

Result<void> Signatures::check(IkeSa& sa,
                               const Chain& chain,
                               const Identity& identity,
                               BytesView hash) const {
    const auto* signature = chain.find(PayloadType::signature);
    if (signature == nullptr) {
        return failure("no SIG payload");
    }
    const auto sent = certificates_in(core_, sa, chain);
    if (sent.empty()) {
        return failure("no X.509 certificate was sent");
    }
    const auto own_one = std::ranges::find_if(
        sent, [&](const auto& certificate) { return names(certificate, identity); });
    if (own_one == sent.end()) {
        return failure(fmt::format(
            "certificate {} does not name the identity {}",
            sent.front().subject_text(),
            identity.type == IdType::der_asn1_dn
                ? crypto::distinguished_name_text(identity.data).value_or(identity.text())
                : identity.text()));
    }
    if (auto believed = believe(sa, *own_one, sent); !believed) {
        core_.log.message("CRYPTO",
                          Severity::notifications,
                          "IKMP_INVAL_CERT",
                          "Certificate received from {} is bad: {}",
                          sa.remote.address.to_string(),
                          believed.error().message);
        return believed;
    }
    core_.log.debug(Debug::crypto_isakmp, "{}: processing SIG payload. message ID = 0", sa.tag());
    const auto key = own_one->public_key();
    if (!key) {
        return failure(key.error().message);
    }
    if (!key->verify(hash, signature->body)) {
        return failure("the signature does not fit the certificate " + own_one->subject_text());
    }
    sa.peer_subject = own_one->subject_text();
    return {};
}

}  // namespace viaduct::ike
