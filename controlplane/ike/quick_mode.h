// Quick mode (RFC 2409, 5.5), both roles.
//
//   initiator                                        responder
//   HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr] ──1──►  inbound SA installed
//   inbound and outbound SA installed           ◄──2──  HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr] [, N]
//   HDR*, HASH(3)                               ──3──►  outbound SA installed
#pragma once

#include "controlplane/ike/children.h"
#include "controlplane/ike/phase1.h"
#include "controlplane/ike/requests.h"

namespace viaduct::ike {
struct OpenedMessage;
}

namespace viaduct::ike {

class QuickMode {
public:
    explicit QuickMode(Engine::State& core) : core_(core) {}

    void start(IkeSa& sa, const Request& request);
    void on_message(IkeSa& sa, const PacketIn& packet, const Header& header);
    /// Diffie-Hellman for an exchange is done.
    void resume(IkeSa& sa, MessageId id, crypto::DhResult result);
    /// ESP by the new SA stands for message 3.
    void confirm(const Child& child);
    /// The peer refuses by a notification; which exchange is meant is not said.
    void on_refused(IkeSa& sa, const Notification& n);
    /// The ISAKMP SA has gone.
    void abandon_all(IkeSa& sa, std::string_view reason);

    void on_timer_retransmit(ConnectionId ike, MessageId id);
    /// True: an exchange that shall replace `pair` is under way; its message 1 has gone out once more.
    bool hasten(ChildId pair);
    void on_timer_purge(ConnectionId ike, MessageId id);

private:
    void transition(
        const IkeSa& sa, QuickExchange& x, Input input, std::string_view event, QuickState next);
    void send(IkeSa& sa, QuickExchange& x, Bytes message);
    void finish(IkeSa& sa, QuickExchange& x, bool error, std::string_view reason);
    void fail(IkeSa& sa, MessageId id, std::string_view reason, bool silent);
    Child& make_child(IkeSa& sa, QuickExchange& x);
    [[nodiscard]] std::string head_of(const PolicyRef& policy) const;
    [[nodiscard]] bool rekeys(const QuickExchange& x) const;
    /// How long the answer to what was just sent may take.
    [[nodiscard]] Duration patience(const QuickExchange& x) const;
    [[nodiscard]] static FlowKey flow_of(const QuickExchange& x, const IkeSa& sa);

    // initiator
    void send_first(IkeSa& sa, QuickExchange& x);
    void on_second(IkeSa& sa, QuickExchange& x, const OpenedMessage& message);
    bool read_answer(IkeSa& sa, QuickExchange& x, const Chain& chain);
    void complete_initiator(IkeSa& sa, QuickExchange& x);
    // responder
    void on_first(IkeSa& sa, const PacketIn& packet, const Header& header);
    bool read_first(IkeSa& sa, QuickExchange& x, const Chain& chain);
    bool choose(IkeSa& sa, QuickExchange& x, const SaBody& offered);
    void send_second(IkeSa& sa, QuickExchange& x);
    void on_third(IkeSa& sa, QuickExchange& x, const OpenedMessage& message);
    void establish_responder(IkeSa& sa, QuickExchange& x);

    Engine::State& core_;
};

}  // namespace viaduct::ike
