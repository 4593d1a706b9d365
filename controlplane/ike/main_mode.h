// Main mode (RFC 2409, 5.4): the six messages, both roles.
//
//   initiator                                   responder
//   HDR, SA, VIDs (NAT-T)              ──1──►
//                                      ◄──2──   HDR, SA, VID (NAT-T)
//   HDR, KE, Ni, VIDs, NAT-D × 2       ──3──►
//                                      ◄──4──   HDR, KE, Nr, VIDs, NAT-D × 2
//   HDR*, IDii, HASH_I [, N]           ──5──►   (from port 4500 if there is a NAT)
//                                      ◄──6──   HDR*, IDir, HASH_R
#pragma once

#include "controlplane/ike/phase1.h"

namespace viaduct::ike {

class MainMode {
public:
    explicit MainMode(Engine::State& core) : core_(core) {}

    /// Message 1 to the SA's remote end. False: nothing to offer (no key, no policy); counted and logged.
    bool start(IkeSa& sa);
    /// A first message from a stranger.
    void on_first(const PacketIn& packet, const Header& header);
    void on_message(IkeSa& sa, const PacketIn& packet, const Header& header);
    /// Diffie-Hellman is done.
    void resume(IkeSa& sa, crypto::DhResult result);
    /// Our signature is done.
    void resume_signed(IkeSa& sa, const crypto::SignResult& result);

private:
    void on_answer(IkeSa& sa, const Chain& chain);  // message 2
    void on_key_exchange(IkeSa& sa, const Chain& chain);  // messages 3 and 4
    void on_identity(IkeSa& sa, const PacketIn& packet, const Header& header);  // messages 5 and 6

    void refuse(IkeSa& sa, std::string_view reason);
    bool yields_to(const PacketIn& packet, const Header& header, IkeSa*& own);
    bool answer_first(IkeSa& sa, const Chain& chain, const SaBody& offered);
    void send_key_exchange(IkeSa& sa);
    void begin_identity(IkeSa& sa);
    void send_identity(IkeSa& sa, PayloadType proof, BytesView body);
    bool peer_proves(IkeSa& sa, const Chain& chain, BytesView id_body, const Identity& identity);

    Engine::State& core_;
};

}  // namespace viaduct::ike
