#include "controlplane/router/trustpoints.h"

#include <string_view>

#include "crypto/signature.h"

namespace viaduct {

namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kMaxCertificates = 64;  // of one file

void complain(Log& log, const std::string& trustpoint, std::string_view why) {
    log.message("PKI", Severity::errors, "TRUSTPOINT_FILE", "Trustpoint {}: {}", trustpoint, why);
}

/// All certificates of a PEM text, in its order.
Result<std::vector<crypto::Certificate>> certificates_of(std::string_view pem) {
    std::vector<crypto::Certificate> out;
    for (auto at = pem.find(kBegin); at != std::string_view::npos; at = pem.find(kBegin, at + 1)) {
        const auto end = pem.find(kEnd, at);
        if (end == std::string_view::npos || out.size() == kMaxCertificates) {
            return failure("is cut off, or holds more than 64 certificates");
        }
        auto one = crypto::Certificate::from_pem(pem.substr(at, end + kEnd.size() - at));
        if (!one) {
            return failure(one.error().message);
        }
        out.push_back(std::move(*one));
    }
    if (out.empty()) {
        return failure("no certificate in PEM format");
    }
    return out;
}

class Loader {
public:
    Loader(const std::string& name, const ReadFile& read_file, Log& log)
        : name_(name), read_file_(read_file), log_(log) {}

    std::vector<crypto::Certificate> certificates(const std::string& file) const {
        const auto text = read(file);
        if (text.empty()) {
            return {};
        }
        auto all = certificates_of(text);
        if (!all) {
            complain(log_, name_, file + ": " + all.error().message);
            return {};
        }
        return std::move(*all);
    }

    std::optional<crypto::RsaPrivateKey> key(const std::string& file) const {
        const auto text = read(file);
        if (text.empty()) {
            return std::nullopt;
        }
        auto key = crypto::RsaPrivateKey::from_pem(text);
        if (!key) {
            complain(log_, name_, file + ": " + key.error().message);
            return std::nullopt;
        }
        return std::move(*key);
    }

private:
    /// Empty: there is none (said).
    [[nodiscard]] std::string read(const std::string& file) const {
        if (file.empty()) {
            return {};
        }
        Result<std::string> text = failure(file + ": there are no files here");
        if (read_file_) {
            text = read_file_(file);
        }
        if (!text) {
            complain(log_, name_, text.error().message);
            return {};
        }
        return std::move(*text);
    }

    const std::string& name_;
    const ReadFile& read_file_;
    Log& log_;
};

/// The private key belongs to the certificate: what it signs, the certificate's key accepts.
bool fits(const crypto::RsaPrivateKey& key, const crypto::Certificate& certificate) {
    constexpr std::string_view kText = "viaduct";
    const auto signature = key.sign(as_bytes(kText));
    const auto other = certificate.public_key();
    return signature && other && other->verify(as_bytes(kText), *signature);
}

}  // namespace

std::vector<ike::TrustpointKeys> load_trustpoints(const config::CryptoConfig& crypto,
                                                  const ReadFile& read_file,
                                                  Log& log) {
    std::vector<ike::TrustpointKeys> out;
    for (const auto& [name, trustpoint] : crypto.trustpoints) {
        const Loader loader(name, read_file, log);
        ike::TrustpointKeys keys;
        keys.name = name;
        keys.authorities = loader.certificates(trustpoint.ca_file);
        keys.chain = loader.certificates(trustpoint.certificate_file);
        if (!keys.chain.empty()) {
            keys.certificate = keys.chain.front();
            keys.chain.erase(keys.chain.begin());
        }
        keys.key = loader.key(trustpoint.key_file);
        if (keys.certificate && keys.key && !fits(*keys.key, *keys.certificate)) {
            complain(log, name, "the private key does not belong to the certificate");
            keys.key.reset();
        }
        // IOS: the methods are tried in order; `none` as the last lets the peer in.
        keys.revocation_none =
            trustpoint.revocation_check == "none" || trustpoint.revocation_check.ends_with(" none");
        out.push_back(std::move(keys));
    }
    return out;
}

}  // namespace viaduct
