// What main and aggressive mode have in common: vendor IDs, KE and NONCE, NAT-D, keys, identities.
#pragma once

#include "controlplane/ike/core.h"

namespace viaduct::ike {

/// The NAT-T vendor IDs of an initiator's first message.
void add_nat_vendor_ids(Engine::State& core, const IkeSa& sa, ChainWriter& chain);
/// One of them.
void add_nat_vendor_id(Engine::State& core, const IkeSa& sa, VendorId id, ChainWriter& chain);
/// Unity, DPD, IOS, and XAUTH where it is configured.
void add_ability_vendor_ids(Engine::State& core, const IkeSa& sa, ChainWriter& chain);
/// The peer's vendor IDs: abilities, and the best NAT-T dialect.
void read_vendor_ids(Engine::State& core, IkeSa& sa, const Chain& chain);

void add_nat_d(const IkeSa& sa, ChainWriter& chain);
void read_nat_d(Engine::State& core, IkeSa& sa, const Chain& chain);

/// Public value and nonce of the peer, lengths checked. False: counted.
bool read_key_exchange(Engine::State& core, IkeSa& sa, const Chain& chain);
/// The pre-shared key for the peer's address into the SA. False: none.
bool find_pre_shared_key(Engine::State& core, IkeSa& sa);
/// SKEYID and its family; the phase 1 IV.
void derive_keys(Engine::State& core, IkeSa& sa, BytesView shared);

/// The body of our ID payload, kept in the SA.
void set_own_identity(Engine::State& core, IkeSa& sa, PayloadType next_payload);
/// The profile that the peer's identity selects, and whether the key that was used belongs to it.
bool select_profile(Engine::State& core, IkeSa& sa);
/// No other SA with this peer stands: it may forget what it had.
bool is_first_contact(const Engine::State& core, const IkeSa& sa);
/// Notifications inside phase 1: INITIAL_CONTACT, RESPONDER_LIFETIME.
void read_phase1_notifies(Engine::State& core, IkeSa& sa, const Chain& chain);
void process_initial_contact(Engine::State& core, IkeSa& sa);

/// Some profile or crypto map asks users for name and password.
bool xauth_configured(const config::CryptoConfig& crypto);

Suite suite_with_defaults();
SuiteWishes wishes_for(const Engine::State& core, const IkeSa& sa);

}  // namespace viaduct::ike
