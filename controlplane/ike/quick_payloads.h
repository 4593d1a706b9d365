// Payloads of quick mode: proxies to and from ID payloads, HASH(3).
#pragma once

#include <optional>

#include "controlplane/ike/core.h"

namespace viaduct::ike {

Identity identity_of(const Proxy& proxy);
/// nullopt: a kind of identity that names no network.
std::optional<Proxy> proxy_of(const Identity& identity);

/// HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b).
Bytes third_hash(const IkeSa& sa, const QuickExchange& x);
bool third_hash_fits(const IkeSa& sa, const QuickExchange& x, const OpenedMessage& message);

/// NAT-OA payloads for transport mode through a NAT: who we are, and in the RFC's form whom we see.
void add_nat_oa(const IkeSa& sa,
                std::vector<std::pair<PayloadType, Bytes>>& payloads,
                bool initiator);
/// The peer's own address from its NAT-OA payloads.
std::optional<Ipv4Address> peer_nat_oa(const Chain& chain, bool of_initiator);

/// The proxies of the two ends themselves, for a peer that sends no ID payloads.
ProxyPair proxies_of_ends(const IkeSa& sa);

}  // namespace viaduct::ike
