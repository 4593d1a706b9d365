// The stages. Each reads the frame's vector of its own name, and leaves it empty; what it does with a
// packet is to change its metadata and push it to another vector, send, punt or drop it.
#pragma once

#include <span>

#include "dataplane/worker.h"

namespace viaduct::dataplane {

/// Frames from a port: checks of Ethernet and, in one pass, of IPv4; look-up; and for packets with
/// nothing else to do the way out, too.
void ethernet(Worker& w, std::span<rte_mbuf*> frames, const InterfaceRecord& in);
/// All of RFC 1812's checks by name: for what the fused pass did not take, and what was decapsulated.
void ip4_input(Worker& w);
/// Look-up and way out in one pass, for checked packets with nothing else to do.
void straight(Worker& w);
/// Access list in, TED probes, MSS.
void input_features(Worker& w);
/// Address translation, outside → inside; then straight on.
void nat44_in(Worker& w);
/// Longest-prefix look-up.
void route(Worker& w);
/// By the kind of next hop: local, forward, resolve, drop.
void routed(Worker& w);
/// For this router: reassembly, ESP, GRE, control.
void local(Worker& w);
/// Address translation, inside → outside.
void nat44_out(Worker& w);
/// Access list out, MSS; then to crypto_map, gre_out or adjacency.
void output_features(Worker& w);
/// Which packets must be encrypted.
void crypto_map(Worker& w);
/// GRE encapsulation.
void gre_out(Worker& w);
/// ESP encapsulation and encryption.
void esp_out(Worker& w);
/// ESP decryption and decapsulation.
void esp_in(Worker& w);
/// GRE decapsulation.
void gre_in(Worker& w);
/// MTU, fragmentation, Ethernet header, port.
void adjacency(Worker& w);

/// What control injected, by its options.
void inject_packet(Worker& w, Place at);

/// What an access list looks at.
AclKey acl_key_of(const PacketMeta& p);
/// Tables and time for this turn's address translation.
void begin_nat_turn(Worker& w);
/// True: nothing between ip4_input and the look-up has anything to do with this packet, whose destination
/// is no group's and not everybody.
bool goes_straight(const Worker& w, const PacketMeta& p);

/// Fills source, destination, protocol … of an IP header that was checked already.
void read_header(PacketMeta& p);

}  // namespace viaduct::dataplane
