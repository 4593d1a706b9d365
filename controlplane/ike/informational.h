// Informational exchanges (RFC 2409, 5.7): notifications, deletes, dead peer detection (RFC 3706), NAT
// keepalives. What is not protected by a complete ISAKMP SA is counted and otherwise ignored.
#pragma once

#include "controlplane/ike/phase1.h"

namespace viaduct::ike {

class Informational {
public:
    explicit Informational(Engine::State& core) : core_(core) {}

    void on_message(IkeSa& sa, const PacketIn& packet, const Header& header);
    void on_unprotected(IkeSa& sa, const PacketIn& packet, const Header& header);
    /// A notification inside an authenticated message.
    void on_notify(IkeSa& sa, const Notification& n);

    void send_delete_ike(IkeSa& sa);
    void send_delete_child(IkeSa& sa, Spi inbound);
    void send_invalid_spi(IkeSa& sa, Spi spi);
    void send_responder_lifetime(IkeSa& sa);
    void send_notify(IkeSa& sa, const Notification& n);
    /// In the clear, to whoever began: no state, one packet.
    void send_unprotected(const IkeSa& sa, NotifyType type);

    /// Phase 1 is complete: DPD and NAT keepalives begin.
    void arm(IkeSa& sa);
    void on_timer_dpd(ConnectionId id);
    void on_timer_keepalive(ConnectionId id);

private:
    void on_delete(IkeSa& sa, const Deletion& d);
    void on_dpd(IkeSa& sa, const Notification& n);
    void send_protected(IkeSa& sa, PayloadType type, const Bytes& body);
    [[nodiscard]] std::optional<config::Keepalive> keepalive_of(const IkeSa& sa) const;

    Engine::State& core_;
};

}  // namespace viaduct::ike
