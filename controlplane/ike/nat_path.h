// The way of ESP to a peer: may it go by NAT traversal, and what a person is told when it cannot pass (row N13).
//
// NAT-T can be switched off for all (`no crypto ipsec nat-transparency udp-encapsulation`) and for the peers of a
// crypto map entry (`set nat-t-disable`). IKE, being UDP, still passes a translator; raw ESP does not: the tunnel is
// up and its bytes stay 0. Without NAT-T no NAT-D hashes are exchanged, so what tells of a translator is
//   - the peer's IKE comes from another port than 500, or
//   - the peer names an address of its own as identity that is not the one it comes from;
//   - or nothing but time: ESP has gone out and none has come back.
// Said once for each ISAKMP SA in the log, and in `show crypto session` as long as it is so.
#pragma once

#include <string>

#include "controlplane/ike/engine.h"

namespace viaduct::ike {

struct Child;
struct IkeSa;

/// False: neither vendor IDs nor hashes of NAT-T with this peer; ESP goes as it is.
bool nat_traversal_allowed(const Engine::State& core, const IkeSa& sa);

/// What shows that there is a translator between us, though NAT-T is not spoken; empty: nothing.
std::string nat_evidence(const IkeSa& sa);

/// Why nothing comes in by this pair, in one sentence; empty: it works, or this file has no opinion.
std::string nat_diagnosis(const Engine::State& core, const Child& child);

/// Raw ESP stands and may meet a translator: looks after kNatSilence whether anything came back, and logs if not.
void watch_nat_path(Engine::State& core, const Child& child);
void on_timer_nat_path(Engine::State& core, ChildId id);

inline constexpr Duration kNatSilence = 10s;

}  // namespace viaduct::ike
