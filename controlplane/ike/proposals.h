// What is offered and what is chosen: phase 1 suites from `crypto isakmp policy`, phase 2 suites from
// transform sets, to and from SA payloads. Pure functions; the debug lines are IOS's.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/crypto.h"
#include "controlplane/ike/wire.h"
#include "controlplane/log/log.h"
#include "crypto/algorithms.h"

namespace viaduct::ike {

/// One `crypto isakmp policy` as it is negotiated.
struct Suite {
    std::uint32_t priority = 65535;
    crypto::Cipher cipher = crypto::Cipher::des_cbc;
    crypto::Hash hash = crypto::Hash::sha1;
    crypto::DhGroup group = crypto::DhGroup::modp768;
    std::uint16_t authentication = kAuthPreShared;  // the wire's number
    std::uint32_t lifetime_s = 86400;

    bool operator==(const Suite&) const = default;
};

struct SuiteWishes {
    bool pre_shared = false;  // there is a key for this peer
    bool signature = false;  // there is a certificate
    bool xauth = false;  // as responder: XAUTH's forms of the methods are accepted too
};

/// The configured policies by priority that can be used, then IOS's default protection suite.
std::vector<Suite> suites_of(const config::CryptoConfig& config, const SuiteWishes& wishes);

SaBody offer_of(const std::vector<Suite>& suites);

struct ChosenSuite {
    Suite suite;  // lifetime: the smaller of both
    bool own_lifetime_shorter = false;
    SaBody answer;  // the chosen transform as it was offered
};

/// The first own suite that one of the transforms fits. `tag` is the debug lines' prefix.
std::optional<ChosenSuite> choose_suite(const std::vector<Suite>& own,
                                        const SaBody& offered,
                                        Log& log,
                                        std::string_view tag);
/// True if a suite with these algorithms is still configured.
bool still_configured(const config::CryptoConfig& config, const Suite& suite);

/// One phase 2 proposal, understood.
struct ChildSuite {
    crypto::Cipher cipher = crypto::Cipher::null;
    crypto::Auth auth = crypto::Auth::none;
    std::uint16_t encapsulation = kEncapsulationTunnel;  // the wire's number
    std::optional<crypto::DhGroup> group;
    std::optional<std::uint32_t> lifetime_s;
    std::optional<std::uint32_t> lifetime_kb;

    [[nodiscard]] bool tunnel() const;
    [[nodiscard]] bool udp() const;
    bool operator==(const ChildSuite&) const = default;
};

/// nullopt: something in it is not ours.
std::optional<ChildSuite> child_suite_of(std::uint8_t protocol, const Transform& transform);
Transform transform_of(const ChildSuite& suite, std::uint8_t number);

/// "esp-3des esp-md5-hmac " as IOS writes it.
std::string transform_text(crypto::Cipher cipher, crypto::Auth auth);

void debug_child_transform(Log& log, std::uint8_t protocol, const Transform& transform);

}  // namespace viaduct::ike
