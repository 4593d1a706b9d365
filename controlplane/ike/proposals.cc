#include "controlplane/ike/proposals.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace viaduct::ike {

namespace {

struct CipherNumber {
    crypto::Cipher cipher;
    std::uint16_t number;  // phase 1: RFC 2409 appendix A; phase 2: ESP transform ID
    std::uint16_t key_bits;  // 0: no key length attribute
    std::string_view debug;
};

constexpr std::array<CipherNumber, 5> kIkeCiphers{{
    {crypto::Cipher::des_cbc, 1, 0, "DES-CBC"},
    {crypto::Cipher::tdes_cbc, 5, 0, "3DES-CBC"},
    {crypto::Cipher::aes_cbc_128, 7, 128, "AES-CBC"},
    {crypto::Cipher::aes_cbc_192, 7, 192, "AES-CBC"},
    {crypto::Cipher::aes_cbc_256, 7, 256, "AES-CBC"},
}};

constexpr std::array<CipherNumber, 12> kEspCiphers{{
    {crypto::Cipher::des_cbc, 2, 0, "ESP_DES"},
    {crypto::Cipher::tdes_cbc, 3, 0, "ESP_3DES"},
    {crypto::Cipher::null, 11, 0, "ESP_NULL"},
    {crypto::Cipher::aes_cbc_128, 12, 128, "ESP_AES"},
    {crypto::Cipher::aes_cbc_192, 12, 192, "ESP_AES"},
    {crypto::Cipher::aes_cbc_256, 12, 256, "ESP_AES"},
    {crypto::Cipher::aes_gcm_128, 20, 128, "ESP_AES_GCM"},
    {crypto::Cipher::aes_gcm_192, 20, 192, "ESP_AES_GCM"},
    {crypto::Cipher::aes_gcm_256, 20, 256, "ESP_AES_GCM"},
    {crypto::Cipher::aes_gmac_128, 23, 128, "ESP_AES_GMAC"},
    {crypto::Cipher::aes_gmac_192, 23, 192, "ESP_AES_GMAC"},
    {crypto::Cipher::aes_gmac_256, 23, 256, "ESP_AES_GMAC"},
}};

struct HashNumber {
    crypto::Hash hash;
    std::uint16_t number;
    std::string_view debug;
};

constexpr std::array<HashNumber, 5> kHashes{{
    {crypto::Hash::md5, 1, "MD5"},
    {crypto::Hash::sha1, 2, "SHA"},
    {crypto::Hash::sha256, 4, "SHA256"},
    {crypto::Hash::sha384, 5, "SHA384"},
    {crypto::Hash::sha512, 6, "SHA512"},
}};

struct AuthNumber {
    crypto::Auth auth;
    std::uint16_t number;
    std::string_view debug;
};

constexpr std::array<AuthNumber, 5> kAuths{{
    {crypto::Auth::hmac_md5_96, 1, "HMAC-MD5"},
    {crypto::Auth::hmac_sha1_96, 2, "HMAC-SHA"},
    {crypto::Auth::hmac_sha256_128, 5, "HMAC-SHA256"},
    {crypto::Auth::hmac_sha384_192, 6, "HMAC-SHA384"},
    {crypto::Auth::hmac_sha512_256, 7, "HMAC-SHA512"},
}};

template <typename Table, typename Match>
auto find_in(const Table& table, Match match) -> decltype(&*table.begin()) {
    const auto it = std::find_if(table.begin(), table.end(), match);
    return it == table.end() ? nullptr : &*it;
}

const CipherNumber* cipher_by_number(std::span<const CipherNumber> table,
                                     std::uint64_t number,
                                     std::optional<std::uint64_t> key_bits) {
    // A peer that leaves the key length of AES out means 128 bits.
    return find_in(table, [&](const CipherNumber& c) {
        return c.number == number && (c.key_bits == 0 ? !key_bits || *key_bits == 0
                                                      : c.key_bits == key_bits.value_or(128));
    });
}

Attribute basic(auto type, std::uint16_t value) {
    return {static_cast<std::uint16_t>(type), value};
}

Attribute wide(auto type, std::uint32_t value) {
    ByteWriter out;
    out.u32(value);
    return {static_cast<std::uint16_t>(type), out.take()};
}

/// Attributes of a transform by type; lifetimes come in pairs (type, duration).
struct Values {
    std::optional<std::uint64_t> cipher;
    std::optional<std::uint64_t> key_bits;
    std::optional<std::uint64_t> hash;
    std::optional<std::uint64_t> group;
    std::optional<std::uint64_t> authentication;
    std::optional<std::uint64_t> encapsulation;
    std::optional<std::uint32_t> seconds;
    std::optional<std::uint32_t> kilobytes;
    bool unknown = false;
};

void take_lifetime(Values& v, std::uint64_t life_type, const Attribute& duration) {
    const auto number = duration.number();
    const auto limited = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(number.value_or(0xFFFFFFFFU), 0xFFFFFFFFU));
    if (life_type == kLifeSeconds) {
        v.seconds = limited;
    } else if (life_type == kLifeKilobytes) {
        v.kilobytes = limited;
    } else {
        v.unknown = true;
    }
}

Values ike_values(const Transform& transform) {
    Values v;
    std::uint64_t life_type = 0;
    for (const auto& a : transform.attributes) {
        switch (IkeAttribute{a.type}) {
        case IkeAttribute::encryption:
            v.cipher = a.number();
            break;
        case IkeAttribute::hash:
            v.hash = a.number();
            break;
        case IkeAttribute::authentication:
            v.authentication = a.number();
            break;
        case IkeAttribute::group:
            v.group = a.number();
            break;
        case IkeAttribute::life_type:
            life_type = a.number().value_or(0);
            break;
        case IkeAttribute::life_duration:
            take_lifetime(v, life_type, a);
            break;
        case IkeAttribute::key_length:
            v.key_bits = a.number();
            break;
        default:
            v.unknown = true;
        }
    }
    return v;
}

Values ipsec_values(const Transform& transform) {
    Values v;
    std::uint64_t life_type = 0;
    for (const auto& a : transform.attributes) {
        switch (IpsecAttribute{a.type}) {
        case IpsecAttribute::life_type:
            life_type = a.number().value_or(0);
            break;
        case IpsecAttribute::life_duration:
            take_lifetime(v, life_type, a);
            break;
        case IpsecAttribute::group:
            v.group = a.number();
            break;
        case IpsecAttribute::encapsulation:
            v.encapsulation = a.number();
            break;
        case IpsecAttribute::authentication:
            v.authentication = a.number();
            break;
        case IpsecAttribute::key_length:
            v.key_bits = a.number();
            break;
        default:
            v.unknown = true;
        }
    }
    return v;
}

std::string authentication_text(std::uint64_t number) {
    switch (number) {
    case kAuthPreShared:
        return "pre-share";
    case kAuthRsaSignature:
        return "RSA sig";
    case kAuthXauthInitPreShared:
        return "XAUTHInitPreShared";
    case kAuthXauthRespPreShared:
        return "XAUTHRespPreShared";
    case kAuthXauthInitRsa:
        return "XAUTHInitRSA";
    default:
        return fmt::format("unknown {}", number);
    }
}

/// "0x0 0x1 0x51 0x80": a variable attribute as IOS prints it.
std::string octets_text(const Attribute& a) {
    std::string out;
    if (const auto* octets = std::get_if<Bytes>(&a.value)) {
        for (const auto octet : *octets) {
            out += fmt::format("{}0x{:X}", out.empty() ? "" : " ", octet);
        }
    }
    return out;
}

void debug_duration(Log& log, std::string_view what, const Attribute& a) {
    if (a.basic()) {
        log.debug(Debug::crypto_isakmp,
                  "ISAKMP: {} duration (basic) of {}",
                  what,
                  a.number().value_or(0));
    } else {
        log.debug(Debug::crypto_isakmp, "ISAKMP: {} duration (VPI) of {}", what, octets_text(a));
    }
}

void debug_ike_transform(Log& log, const Transform& transform) {
    for (const auto& a : transform.attributes) {
        const auto number = a.number().value_or(0);
        switch (IkeAttribute{a.type}) {
        case IkeAttribute::encryption: {
            const auto* c =
                find_in(kIkeCiphers, [&](const auto& row) { return row.number == number; });
            log.debug(Debug::crypto_isakmp,
                      "ISAKMP: encryption {}",
                      c != nullptr ? c->debug : std::string_view("... What? (unknown)"));
            break;
        }
        case IkeAttribute::hash: {
            const auto* h = find_in(kHashes, [&](const auto& row) { return row.number == number; });
            log.debug(Debug::crypto_isakmp,
                      "ISAKMP: hash {}",
                      h != nullptr ? h->debug : std::string_view("... What? (unknown)"));
            break;
        }
        case IkeAttribute::group:
            log.debug(Debug::crypto_isakmp, "ISAKMP: default group {}", number);
            break;
        case IkeAttribute::authentication:
            log.debug(Debug::crypto_isakmp, "ISAKMP: auth {}", authentication_text(number));
            break;
        case IkeAttribute::life_type:
            log.debug(Debug::crypto_isakmp,
                      "ISAKMP: life type in {}",
                      number == kLifeSeconds ? "seconds" : "kilobytes");
            break;
        case IkeAttribute::life_duration:
            debug_duration(log, "life", a);
            break;
        case IkeAttribute::key_length:
            log.debug(Debug::crypto_isakmp, "ISAKMP: keylength of {}", number);
            break;
        }
    }
}

/// "" or why the transform does not fit the suite, in IOS's words.
std::string_view mismatch(const Suite& own, const Values& v) {
    const auto* cipher = v.cipher ? cipher_by_number(kIkeCiphers, *v.cipher, v.key_bits) : nullptr;
    if (cipher == nullptr || cipher->cipher != own.cipher) {
        return "Encryption algorithm offered does not match policy!";
    }
    const auto* hash =
        find_in(kHashes, [&](const auto& row) { return v.hash && row.number == *v.hash; });
    if (hash == nullptr || hash->hash != own.hash) {
        return "Hash algorithm offered does not match policy!";
    }
    if (!v.group || *v.group != static_cast<std::uint64_t>(own.group)) {
        return "Diffie-Hellman group offered does not match policy!";
    }
    if (!v.authentication || *v.authentication != own.authentication) {
        return "Authentication method offered does not match policy!";
    }
    return v.unknown ? "Unknown attribute offered!" : "";
}

}  // namespace

std::vector<Suite> suites_of(const config::CryptoConfig& config, const SuiteWishes& wishes) {
    std::vector<Suite> out;
    for (const auto& [priority, policy] : config.policies) {
        Suite s{priority, policy.encryption, policy.hash, policy.group, 0, policy.lifetime_s};
        if (policy.authentication == config::IkeAuthentication::pre_share && wishes.pre_shared) {
            if (wishes.xauth) {
                s.authentication = kAuthXauthInitPreShared;
                out.push_back(s);
            }
            s.authentication = kAuthPreShared;
            out.push_back(s);
        } else if (policy.authentication == config::IkeAuthentication::rsa_sig &&
                   wishes.signature) {
            s.authentication = kAuthRsaSignature;
            out.push_back(s);
        }
    }
    if (wishes.signature) {
        // IOS: "Default protection suite": DES, SHA, RSA signature, group 1, 86400 s.
        Suite s;
        s.authentication = kAuthRsaSignature;
        out.push_back(s);
    }
    return out;
}

SaBody offer_of(const std::vector<Suite>& suites) {
    Proposal proposal;
    proposal.protocol = kProtocolIsakmp;
    for (const auto& s : suites) {
        Transform t;
        t.number = static_cast<std::uint8_t>(proposal.transforms.size() + 1);
        t.id = kTransformKeyIke;
        const auto* cipher =
            find_in(kIkeCiphers, [&](const auto& row) { return row.cipher == s.cipher; });
        const auto* hash = find_in(kHashes, [&](const auto& row) { return row.hash == s.hash; });
        if (cipher == nullptr || hash == nullptr || proposal.transforms.size() == 255) {
            continue;
        }
        t.attributes.push_back(basic(IkeAttribute::encryption, cipher->number));
        if (cipher->key_bits != 0) {
            t.attributes.push_back(basic(IkeAttribute::key_length, cipher->key_bits));
        }
        t.attributes.push_back(basic(IkeAttribute::hash, hash->number));
        t.attributes.push_back(basic(IkeAttribute::group, static_cast<std::uint16_t>(s.group)));
        t.attributes.push_back(basic(IkeAttribute::authentication, s.authentication));
        t.attributes.push_back(basic(IkeAttribute::life_type, kLifeSeconds));
        t.attributes.push_back(wide(IkeAttribute::life_duration, s.lifetime_s));
        proposal.transforms.push_back(std::move(t));
    }
    SaBody sa;
    sa.proposals.push_back(std::move(proposal));
    return sa;
}

std::optional<ChosenSuite> choose_suite(const std::vector<Suite>& own,
                                        const SaBody& offered,
                                        Log& log,
                                        std::string_view tag) {
    // RFC 2409, 5: "the initiator … MUST NOT … multiple proposals" for phase 1.
    if (offered.doi != kDoiIpsec || offered.proposals.size() != 1 ||
        offered.proposals.front().protocol != kProtocolIsakmp) {
        return std::nullopt;
    }
    const auto& proposal = offered.proposals.front();
    for (const auto& suite : own) {
        for (std::size_t i = 0; i < proposal.transforms.size(); ++i) {
            const auto& transform = proposal.transforms[i];
            log.debug(Debug::crypto_isakmp,
                      "{}: Checking ISAKMP transform {} against priority {} policy",
                      tag,
                      transform.number,
                      suite.priority);
            debug_ike_transform(log, transform);
            const auto values = ike_values(transform);
            const auto why_not =
                transform.id == kTransformKeyIke ? mismatch(suite, values) : "Unknown transform!";
            const int next = i + 1 < proposal.transforms.size() ? 3 : 0;
            if (!why_not.empty()) {
                log.debug(Debug::crypto_isakmp, "{}: {}", tag, why_not);
                log.debug(Debug::crypto_isakmp,
                          "{}: atts are not acceptable. Next payload is {}",
                          tag,
                          next);
                continue;
            }
            log.debug(
                Debug::crypto_isakmp, "{}: atts are acceptable. Next payload is {}", tag, next);
            ChosenSuite chosen{suite, false, offered};
            chosen.answer.proposals.front().transforms = {transform};
            const auto theirs = values.seconds.value_or(suite.lifetime_s);
            chosen.own_lifetime_shorter = suite.lifetime_s < theirs;
            chosen.suite.lifetime_s = std::min(suite.lifetime_s, theirs);
            return chosen;
        }
    }
    return std::nullopt;
}

bool still_configured(const config::CryptoConfig& config, const Suite& suite) {
    if (suite.priority == 65535) {
        return true;
    }
    return std::any_of(config.policies.begin(), config.policies.end(), [&](const auto& entry) {
        const auto& p = entry.second;
        return p.encryption == suite.cipher && p.hash == suite.hash && p.group == suite.group;
    });
}

bool ChildSuite::tunnel() const {
    return encapsulation == kEncapsulationTunnel || encapsulation == kEncapsulationUdpTunnel ||
           encapsulation == kEncapsulationUdpTunnelDraft;
}

bool ChildSuite::udp() const {
    return encapsulation != kEncapsulationTunnel && encapsulation != kEncapsulationTransport;
}

std::optional<ChildSuite> child_suite_of(std::uint8_t protocol, const Transform& transform) {
    if (protocol != kProtocolEsp) {
        return std::nullopt;
    }
    const auto v = ipsec_values(transform);
    const auto* cipher = cipher_by_number(kEspCiphers, transform.id, v.key_bits);
    if (cipher == nullptr || v.unknown) {
        return std::nullopt;
    }
    ChildSuite out;
    out.cipher = cipher->cipher;
    if (v.authentication && !crypto::info(cipher->cipher).aead) {
        const auto* auth =
            find_in(kAuths, [&](const auto& row) { return row.number == *v.authentication; });
        if (auth == nullptr) {
            return std::nullopt;
        }
        out.auth = auth->auth;
    }
    // RFC 2407, 4.5: "If unspecified, the default value shall be assumed to be unspecified
    // (host-dependent)": tunnel here, as IOS has it.
    const auto mode = v.encapsulation.value_or(kEncapsulationTunnel);
    const bool known_mode = (mode >= 1 && mode <= 4) || mode == kEncapsulationUdpTunnelDraft ||
                            mode == kEncapsulationUdpTransportDraft;
    if (!known_mode) {
        return std::nullopt;
    }
    out.encapsulation = static_cast<std::uint16_t>(mode);
    if (v.group) {
        out.group =
            crypto::group_by_number(static_cast<unsigned>(std::min<std::uint64_t>(*v.group, 255)));
        if (!out.group) {
            return std::nullopt;
        }
    }
    out.lifetime_s = v.seconds;
    out.lifetime_kb = v.kilobytes;
    return out;
}

Transform transform_of(const ChildSuite& suite, std::uint8_t number) {
    Transform t;
    t.number = number;
    const auto* cipher =
        find_in(kEspCiphers, [&](const auto& row) { return row.cipher == suite.cipher; });
    t.id = static_cast<std::uint8_t>(cipher->number);
    t.attributes.push_back(basic(IpsecAttribute::encapsulation, suite.encapsulation));
    if (suite.lifetime_s) {
        t.attributes.push_back(basic(IpsecAttribute::life_type, kLifeSeconds));
        t.attributes.push_back(*suite.lifetime_s <= 0xFFFF
                                   ? basic(IpsecAttribute::life_duration,
                                           static_cast<std::uint16_t>(*suite.lifetime_s))
                                   : wide(IpsecAttribute::life_duration, *suite.lifetime_s));
    }
    if (suite.lifetime_kb) {
        t.attributes.push_back(basic(IpsecAttribute::life_type, kLifeKilobytes));
        t.attributes.push_back(wide(IpsecAttribute::life_duration, *suite.lifetime_kb));
    }
    if (suite.auth != crypto::Auth::none) {
        const auto* auth = find_in(kAuths, [&](const auto& row) { return row.auth == suite.auth; });
        t.attributes.push_back(basic(IpsecAttribute::authentication, auth->number));
    }
    if (cipher->key_bits != 0) {
        t.attributes.push_back(basic(IpsecAttribute::key_length, cipher->key_bits));
    }
    if (suite.group) {
        t.attributes.push_back(
            basic(IpsecAttribute::group, static_cast<std::uint16_t>(*suite.group)));
    }
    return t;
}

std::string transform_text(crypto::Cipher cipher, crypto::Auth auth) {
    std::string out(crypto::info(cipher).ios_esp_name);
    out += ' ';
    if (auth != crypto::Auth::none) {
        out += crypto::info(auth).ios_name;
        out += ' ';
    }
    return out;
}

void debug_child_transform(Log& log, std::uint8_t protocol, const Transform& transform) {
    const auto* cipher =
        find_in(kEspCiphers, [&](const auto& row) { return row.number == transform.id; });
    const auto name = protocol == kProtocolEsp && cipher != nullptr ? std::string(cipher->debug)
                      : protocol == kProtocolAh     ? fmt::format("AH_{}", transform.id)
                      : protocol == kProtocolIpcomp ? std::string("COMP_LZS")
                                                    : fmt::format("unknown {}", transform.id);
    log.debug(Debug::crypto_isakmp, "ISAKMP: transform {}, {}", transform.number, name);
    log.debug(Debug::crypto_isakmp, "ISAKMP: attributes in transform:");
    for (const auto& a : transform.attributes) {
        const auto number = a.number().value_or(0);
        switch (IpsecAttribute{a.type}) {
        case IpsecAttribute::encapsulation:
            log.debug(Debug::crypto_isakmp, "ISAKMP: encaps is {}", number);
            break;
        case IpsecAttribute::life_type:
            log.debug(Debug::crypto_isakmp,
                      "ISAKMP: SA life type in {}",
                      number == kLifeSeconds ? "seconds" : "kilobytes");
            break;
        case IpsecAttribute::life_duration:
            debug_duration(log, "SA life", a);
            break;
        case IpsecAttribute::authentication: {
            const auto* auth =
                find_in(kAuths, [&](const auto& row) { return row.number == number; });
            log.debug(Debug::crypto_isakmp,
                      "ISAKMP: authenticator is {}",
                      auth != nullptr ? auth->debug : std::string_view("unknown"));
            break;
        }
        case IpsecAttribute::key_length:
            log.debug(Debug::crypto_isakmp, "ISAKMP: key length is {}", number);
            break;
        case IpsecAttribute::group:
            log.debug(Debug::crypto_isakmp, "ISAKMP: group is {}", number);
            break;
        }
    }
}

}  // namespace viaduct::ike
