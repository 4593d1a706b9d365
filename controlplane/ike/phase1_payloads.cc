#include "controlplane/ike/phase1_payloads.h"

#include <algorithm>
#include <array>

#include "controlplane/ike/keyring.h"
#include "controlplane/ike/nat_path.h"
#include "crypto/primitives.h"

namespace viaduct::ike {

namespace {

constexpr std::size_t kMinNonce = 8;  // RFC 2409, 5: "between 8 and 256 bytes"
constexpr std::size_t kMaxNonce = 256;

constexpr std::array<VendorId, 4> kOwnNatIds{VendorId::nat_t_rfc3947,
                                             VendorId::nat_t_draft7,
                                             VendorId::nat_t_draft3,
                                             VendorId::nat_t_draft2_newline};

NatDialect dialect_of(VendorId id) {
    switch (id) {
    case VendorId::nat_t_rfc3947:
        return NatDialect::rfc;
    case VendorId::nat_t_draft8:
    case VendorId::nat_t_draft7:
    case VendorId::nat_t_draft6:
    case VendorId::nat_t_draft5:
    case VendorId::nat_t_draft4:
        return NatDialect::draft4;
    case VendorId::nat_t_draft3:
    case VendorId::nat_t_draft2_newline:
    case VendorId::nat_t_draft2:
        return NatDialect::draft;
    default:
        // -00 and -01 encapsulate in another way.
        return NatDialect::none;
    }
}

PayloadType nat_d_type(NatDialect dialect) {
    switch (dialect) {
    case NatDialect::rfc:
        return PayloadType::nat_d;
    case NatDialect::draft4:
        return PayloadType::nat_d_draft4;
    case NatDialect::draft:
    case NatDialect::none:
        return PayloadType::nat_d_draft;
    }
    return PayloadType::nat_d;
}

/// HASH(CKY-I | CKY-R | IP | Port) (RFC 3947, 3.2).
Bytes nat_d_hash(const IkeSa& sa, const Endpoint& end) {
    ByteWriter in;
    in.u64(sa.cookie_i.value()).u64(sa.cookie_r.value()).address(end.address).u16(end.port.value());
    return crypto::digest(sa.suite.hash, {in.view()});
}

void note_nat_vendor(Engine::State& core, IkeSa& sa, VendorId id) {
    core.log.debug(Debug::crypto_isakmp, "{}: vendor ID is NAT-T {}", sa.tag(), nat_t_name(id));
    if (dialect_of(id) == NatDialect::none || !nat_traversal_allowed(core, sa)) {
        return;
    }
    // The first in our own order of preference, which is the enum's.
    if (!sa.nat.vendor || id < *sa.nat.vendor) {
        sa.nat.vendor = id;
        sa.nat.dialect = dialect_of(id);
    }
}

}  // namespace

bool xauth_configured(const config::CryptoConfig& crypto) {
    return std::any_of(crypto.profiles.begin(),
                       crypto.profiles.end(),
                       [](const auto& entry) {
                           return !entry.second.client_authentication_list.empty();
                       }) ||
           std::any_of(crypto.maps.begin(), crypto.maps.end(), [](const auto& entry) {
               return !entry.second.client_authentication_list.empty();
           });
}

Suite suite_with_defaults() {
    return {};
}

SuiteWishes wishes_for(const Engine::State& core, const IkeSa& sa) {
    SuiteWishes wishes;
    wishes.pre_shared = !sa.pre_shared_key.empty();
    wishes.signature = core.signatures.usable();
    // Who the peer is shows later; a client of whatever profile may offer XAUTH.
    wishes.xauth = !sa.initiator() && !sa.no_xauth && xauth_configured(core.crypto());
    return wishes;
}

void add_nat_vendor_id(Engine::State& core, const IkeSa& sa, VendorId id, ChainWriter& chain) {
    core.log.debug(Debug::crypto_isakmp,
                   "{}: constructed NAT-T vendor-{} ID",
                   sa.tag(),
                   nat_t_construct_name(id));
    chain.add(PayloadType::vendor_id, vendor_id_body(id));
}

void add_nat_vendor_ids(Engine::State& core, const IkeSa& sa, ChainWriter& chain) {
    if (!nat_traversal_allowed(core, sa)) {
        return;
    }
    for (const auto id : kOwnNatIds) {
        add_nat_vendor_id(core, sa, id, chain);
    }
}

void add_ability_vendor_ids(Engine::State& core, const IkeSa& sa, ChainWriter& chain) {
    chain.add(PayloadType::vendor_id, vendor_id_body(VendorId::unity));
    chain.add(PayloadType::vendor_id, vendor_id_body(VendorId::dpd));
    const auto own = sa.initiator() ? sa.cookie_i : sa.cookie_r;
    chain.add(PayloadType::vendor_id, ios_vendor_id(own, core.random.u64()));
    if (!sa.initiator() && xauth_configured(core.crypto())) {
        chain.add(PayloadType::vendor_id, vendor_id_body(VendorId::xauth));
    }
}

void read_vendor_ids(Engine::State& core, IkeSa& sa, const Chain& chain) {
    const auto sender = sa.initiator() ? sa.cookie_r : sa.cookie_i;
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::vendor_id) {
            continue;
        }
        core.log.debug(Debug::crypto_isakmp, "{}: processing vendor id payload", sa.tag());
        if (is_ios_vendor_id(payload.body, sender)) {
            sa.peer.ios = true;
            core.log.debug(Debug::crypto_isakmp, "{}: speaking to another IOS box!", sa.tag());
            continue;
        }
        const auto id = recognise_vendor_id(payload.body);
        if (id == VendorId::unity) {
            sa.peer.unity = true;
            core.log.debug(Debug::crypto_isakmp, "{}: vendor ID is Unity", sa.tag());
            continue;
        }
        if (id == VendorId::dpd) {
            sa.peer.dpd = true;
            core.log.debug(Debug::crypto_isakmp, "{}: vendor ID is DPD", sa.tag());
            continue;
        }
        // IOS: octet 14 as a major version, whatever the ID is; it reads past the 8 octets of XAUTH.
        const unsigned major = id == VendorId::xauth      ? 215
                               : payload.body.size() > 14 ? payload.body[14]
                                                          : 0;
        core.log.debug(Debug::crypto_isakmp,
                       "{}: vendor ID seems Unity/DPD but major {} mismatch",
                       sa.tag(),
                       major);
        if (id == VendorId::xauth) {
            sa.peer.xauth = true;
            core.log.debug(Debug::crypto_isakmp, "{}: vendor ID is Xauth", sa.tag());
        } else if (id == VendorId::fragmentation) {
            sa.peer.fragmentation = true;
        } else if (id && !nat_t_name(*id).empty()) {
            note_nat_vendor(core, sa, *id);
        }
    }
}

void add_nat_d(const IkeSa& sa, ChainWriter& chain) {
    if (sa.nat.dialect == NatDialect::none) {
        return;
    }
    // "The first … is the remote end …, followed by the local end" (RFC 3947, 3.2).
    chain.add(nat_d_type(sa.nat.dialect), nat_d_hash(sa, sa.remote));
    chain.add(nat_d_type(sa.nat.dialect), nat_d_hash(sa, sa.local));
}

void read_nat_d(Engine::State& core, IkeSa& sa, const Chain& chain) {
    if (sa.nat.dialect == NatDialect::none) {
        return;
    }
    const auto type = nat_d_type(sa.nat.dialect);
    bool first = true;
    bool local_seen_right = false;
    bool remote_seen_right = false;
    const auto own = nat_d_hash(sa, sa.local);
    const auto other = nat_d_hash(sa, sa.remote);
    for (const auto& payload : chain.payloads) {
        if (payload.type != type) {
            continue;
        }
        // IOS prints its internal number, whatever stands on the wire.
        core.log.debug(Debug::crypto_isakmp, "ISAKMP:received payload type 17");
        const Bytes seen(payload.body.begin(), payload.body.end());
        if (first) {
            local_seen_right = seen == own;
            first = false;
        } else if (seen == other) {
            remote_seen_right = true;
        }
    }
    if (first) {
        // It announced NAT-T and sent no hashes: no traversal.
        sa.nat = NatState{};
        return;
    }
    sa.nat.local_behind = !local_seen_right;
    sa.nat.remote_behind = !remote_seen_right;
    if (sa.nat.remote_behind) {
        core.log.debug(Debug::crypto_isakmp, "{}: NAT found, the node outside NAT", sa.tag());
    }
    if (sa.nat.local_behind) {
        core.log.debug(Debug::crypto_isakmp, "{}: NAT found, the node inside NAT", sa.tag());
    }
}

bool read_key_exchange(Engine::State& core, IkeSa& sa, const Chain& chain) {
    const auto* ke = chain.find(PayloadType::key_exchange);
    const auto* nonce = chain.find(PayloadType::nonce);
    if (ke == nullptr || chain.count(PayloadType::key_exchange) != 1 ||
        ke->body.size() != crypto::info(sa.suite.group).public_bytes) {
        core.counters.count(Counter::bad_key_exchange);
        return false;
    }
    if (nonce == nullptr || nonce->body.size() < kMinNonce || nonce->body.size() > kMaxNonce) {
        core.counters.count(Counter::bad_nonce);
        return false;
    }
    core.log.debug(Debug::crypto_isakmp, "{}: processing KE payload. message ID = 0", sa.tag());
    core.log.debug(Debug::crypto_isakmp, "{}: processing NONCE payload. message ID = 0", sa.tag());
    auto& their_public = sa.initiator() ? sa.public_r : sa.public_i;
    auto& their_nonce = sa.initiator() ? sa.nonce_r : sa.nonce_i;
    their_public.assign(ke->body.begin(), ke->body.end());
    their_nonce.assign(nonce->body.begin(), nonce->body.end());
    return true;
}

bool find_pre_shared_key(Engine::State& core, IkeSa& sa) {
    std::string only_keyring;
    if (const auto* profile = profile_named(core.crypto(), sa.profile)) {
        only_keyring = profile->keyring;
    }
    auto found = find_key(*core.config, core.log, sa.remote.address, only_keyring);
    if (!found) {
        core.log.debug(Debug::crypto_isakmp,
                       "{}: No pre-shared key with {}!",
                       sa.tag(),
                       sa.remote.address.to_string());
        return false;
    }
    core.log.debug(Debug::crypto_isakmp,
                   "{}: found peer pre-shared key matching {}",
                   sa.tag(),
                   sa.remote.address.to_string());
    sa.pre_shared_key = std::move(found->key);
    sa.keyring = std::move(found->keyring);
    sa.no_xauth = found->no_xauth;
    return true;
}

void derive_keys(Engine::State& core, IkeSa& sa, BytesView shared) {
    if (!sa.is_signed()) {
        // IOS looks the key up again, twice, at this point.
        (void)find_pre_shared_key(core, sa);
        (void)find_pre_shared_key(core, sa);
    }
    core.log.debug(
        Debug::crypto_engine, "CryptoEngine0: create ISAKMP SKEYID for conn id {}", sa.id.value());
    sa.keys = sa.is_signed() ? keys_of_signature(sa.material(), shared)
                             : keys_of_pre_shared(sa.material(), sa.pre_shared_key.view(), shared);
    sa.iv = sa.keys.iv;
    sa.keyed = true;
    core.log.debug(Debug::crypto_isakmp, "{}: SKEYID state generated", sa.tag());
}

void set_own_identity(Engine::State& core, IkeSa& sa, PayloadType next_payload) {
    auto identity = own_identity(*core.config,
                                 profile_named(core.crypto(), sa.profile),
                                 sa.local.address,
                                 sa.nat.local_behind);
    if (sa.is_signed()) {
        identity = core.signatures.own_identity(sa, std::move(identity));
    }
    sa.own_id = write_identity(identity);
    const bool by_address = identity.type == IdType::ipv4_address;
    const bool by_dn = identity.type == IdType::der_asn1_dn;
    core.log.debug(Debug::crypto_isakmp,
                   "{}: SA is doing {} authentication using id type {}",
                   sa.tag(),
                   sa.is_signed() ? "RSA signature" : "pre-shared key",
                   by_address ? "ID_IPV4_ADDR"
                   : by_dn    ? "ID_DER_ASN1_DN"
                              : "ID_FQDN");
    core.log.debug(Debug::crypto_isakmp,
                   "ISAKMP ({}): ID payload next-payload : {} type : {} {} : {} protocol : {} port "
                   ": {} length : {}",
                   sa.id.value(),
                   static_cast<unsigned>(next_payload),
                   static_cast<unsigned>(identity.type),
                   by_address ? "addr"
                   : by_dn    ? "Dist. name"
                              : "FQDN name",
                   identity.text(),
                   identity.protocol,
                   identity.port,
                   sa.own_id.size());
    core.log.debug(Debug::crypto_isakmp,
                   "ISAKMP ({}): Total payload length: {}",
                   sa.id.value(),
                   sa.own_id.size() + 4);
}

bool select_profile(Engine::State& core, IkeSa& sa) {
    if (sa.initiator() && !sa.profile.empty()) {
        return true;  // it was started for this profile
    }
    const auto* match = match_profile(core.crypto(), sa.peer_id);
    if (match == nullptr) {
        core.log.debug(Debug::crypto_isakmp, "{}: peer matches *none* of the profiles", sa.tag());
        return true;
    }
    core.log.debug(Debug::crypto_isakmp, "{}: peer matches {} profile", sa.tag(), match->first);
    sa.profile = match->first;
    if (match->second.keyring.empty() || sa.is_signed()) {
        return true;
    }
    const auto wanted = find_key(*core.config, core.log, sa.remote.address, match->second.keyring);
    if (!wanted || !crypto::equal_constant_time(wanted->key.view(), sa.pre_shared_key.view())) {
        core.log.debug(Debug::crypto_isakmp,
                       "{}: key of keyring {} does not belong to profile {}",
                       sa.tag(),
                       sa.keyring,
                       match->first);
        return false;
    }
    core.log.debug(
        Debug::crypto_isakmp, "{}: Found ADDRESS key in keyring {}", sa.tag(), wanted->keyring);
    sa.keyring = wanted->keyring;
    return true;
}

bool is_first_contact(const Engine::State& core, const IkeSa& sa) {
    const auto [first, last] = core.by_remote.equal_range(sa.remote.address);
    for (auto it = first; it != last; ++it) {
        const auto* other = core.ike(it->second);
        if (other != nullptr && other != &sa && other->complete() &&
            other->local.address == sa.local.address) {
            return false;
        }
    }
    return !core.children.any_with(sa.local.address, sa.remote.address);
}

void read_phase1_notifies(Engine::State& core, IkeSa& sa, const Chain& chain) {
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::notification) {
            continue;
        }
        const auto n = parse_notification(payload.body);
        if (!n) {
            core.counters.count(Counter::malformed_payload);
            continue;
        }
        if (n->type == NotifyType::initial_contact) {
            core.log.debug(Debug::crypto_isakmp,
                           "{}: processing NOTIFY INITIAL_CONTACT protocol {} spi 0, message ID = "
                           "0, sa = {:X}",
                           sa.tag(),
                           n->protocol,
                           0x63000000U + sa.id.value() * 0x1C4U);
            sa.saw_initial_contact = true;
        } else {
            core.informational.on_notify(sa, *n);
        }
    }
}

void process_initial_contact(Engine::State& core, IkeSa& sa) {
    core.log.debug(Debug::crypto_isakmp,
                   "{}: Process initial contact, bring down existing phase 1 and 2 SA's with local "
                   "{} remote {} "
                   "remote port {}",
                   sa.tag(),
                   sa.local.address.to_string(),
                   sa.remote.address.to_string(),
                   sa.remote.port.value());
    // Only what stood before this exchange began: an SA that the peer built at the same time is as new.
    std::vector<ConnectionId> old;
    const auto [first, last] = core.by_remote.equal_range(sa.remote.address);
    for (auto it = first; it != last; ++it) {
        const auto* other = core.ike(it->second);
        if (other != nullptr && other != &sa && other->complete() &&
            other->local.address == sa.local.address && other->remote.port == sa.remote.port &&
            other->established < sa.created && other->peer_id.data == sa.peer_id.data &&
            other->peer_id.type == sa.peer_id.type) {
            old.push_back(other->id);
        }
    }
    core.children.remove_of_peer(sa.local.address, sa.remote, sa.created, "initial contact");
    for (const auto id : old) {
        core.phase1.destroy(id, "Receive initial contact", Phase1::Notify::no);
    }
}

}  // namespace viaduct::ike
