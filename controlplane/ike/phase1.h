// IKEv1 phase 1, phase 1.5 and phase 2: the idea, the states, the timers; and the ISAKMP SA.
//
// Idea. Two routers agree on an ISAKMP SA (phase 1: main mode's six messages, or aggressive mode's
// three), under it perhaps on who the user is and what address he gets (phase 1.5: transaction
// exchanges), and under it on pairs of IPsec SAs (phase 2: quick mode's three messages). Everything is
// driven from outside: packets, acquires and the clock come in, Actions go out. One State (core.h) owns
// all tables; the classes around it are the exchanges:
//
//   receive.cc ──► MainMode ───┐
//      │     ├───► Aggressive ┼──► Phase1 ──► Requests ──► QuickMode ──► Children
//      │     ├───► Informational            (acquires wait    (phase 2)    (pairs of SAs:
//      │     └───► QuickMode                 for phase 1)                   life, rekey, end)
//   Timers (one ordered set)
//
// States of an ISAKMP SA, with IOS's names; `show crypto isakmp sa` groups them:
//
//   initiator   ready → i_mm1 → i_mm2 → i_mm3 → i_mm4 → i_mm5 → i_mm6 → p1_complete
//   responder   ready → r_mm1 → r_mm2 → r_mm3 → r_mm4 → r_mm5 → p1_complete
//               (odd → even on the initiator: the answer came; even → odd: the next message went)
//   p1_complete → dead_sa       every way out goes by Phase1::destroy with a reason.
//   The even initiator states and the odd responder states last while Diffie-Hellman is computed
//   elsewhere (crypto::Offload): the message that started it is parked in the SA, duplicates are dropped.
//
// States of a quick mode exchange: ready → i_qm1 (waits for message 2) → phase2_complete on the
// initiator; ready → spi_starve (SPI and keys) → r_qm2 (waits for message 3) → phase2_complete on the
// responder. A finished exchange stays for kExchangePurge so that a repeated packet gets the same answer.
//
// Who installs what, and when, so that no packet is lost:
//   responder  message 1 in: inbound SA installed, then message 2 out; message 3 in (or the first ESP
//              packet by the new SA): outbound SA installed.
//   initiator  message 2 in: inbound SA, outbound SA, then message 3 out.
//   The lifetime of the outbound half runs from the first message of the exchange, that of the inbound
//   half from its last, and kInboundGrace longer: nobody sends into an SA that the other end has dropped.
//   The initiator of a rekey removes what it replaces, kDrain after the peer was seen to use the new pair
//   (its first packet), with a delete notify; else at the end of the old pair's life.
//
// Collisions. Phase 1: while our first message is unanswered and the peer's first message comes from the
// very endpoint we called, the lower initiator cookie goes on; the other end drops its own attempt and
// answers. (Once we have repeated ours, theirs is answered in any case: ours may not arrive.) Quick mode:
// both exchanges finish; of two pairs for one flow that were begun without knowledge of each other the one
// with the lower SPI is used by both ends, the other is removed by the end that initiated it.
//
// Timers (owner: the SA): setup (the whole of phase 1: 75 s; 30 s for a responder whose first message
// nobody has confirmed), retransmission 10 s × 5 by the side that waits for an answer (initiator in phase 1, both in quick
// mode), soft lifetime (next phase 1, if anything still needs it), hard lifetime, DPD, NAT keepalive;
// per exchange retransmission and purge; per pair soft, outbound end, hard, drain, idle.
//
// Strangers. A first message costs a responder a table entry and a hash: no Diffie-Hellman before the
// third message has proved that the sender receives at its address. RFC 2409's main mode needs the first
// message again at the fifth, so the responder cannot be stateless; instead half-open SAs are limited per
// source and in total, and at the total limit the oldest unconfirmed one makes room. A responder never
// retransmits in phase 1: what a spoofed source gets is one packet, not larger than what came.
//
// Supported: main and aggressive mode with pre-shared keys, main mode with RSA signatures (signatures.h); policies, keys by longest match, keyrings, profiles by
// identity; NAT traversal (RFC 3947, drafts 02, 03, 07) with float; DPD; INITIAL-CONTACT; deletes; PFS;
// responder lifetimes; several transform sets; crypto maps, dynamic maps, tunnel protection; fragments of
// IKE messages received.
// Not supported: RSA encryption, DSS, base and new-group mode, AH, IPCOMP, ESN, IPv6, sending IKE
// fragments; the peer's transport-mode NAT-OA addresses are read and not used.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ike/client.h"
#include "controlplane/ike/engine.h"
#include "controlplane/ike/keys.h"
#include "controlplane/ike/proposals.h"
#include "controlplane/ike/vendor_ids.h"
#include "controlplane/ike/wire.h"

namespace viaduct::ike {

enum class Role : std::uint8_t { initiator, responder };

enum class Phase1State : std::uint8_t {
    ready,
    i_mm1,
    i_mm2,
    i_mm3,
    i_mm4,
    i_mm5,
    i_mm6,
    r_mm1,
    r_mm2,
    r_mm3,
    r_mm4,
    r_mm5,
    i_am1,
    i_am2,
    r_am1,
    r_am2,
    p1_complete,
    dead_sa,
};

/// "IKE_I_MM1".
std::string_view to_string(Phase1State state);
/// "MM_NO_STATE", "QM_IDLE" …: the state column of `show crypto isakmp sa`.
std::string_view show_state(Phase1State state);

/// Which of NAT traversal's dialects both ends speak.
enum class NatDialect : std::uint8_t { none, draft, draft4, rfc };

struct NatState {
    NatDialect dialect = NatDialect::none;
    std::optional<VendorId> vendor;
    bool local_behind = false;  // this end is behind a NAT
    bool remote_behind = false;
    bool told = false;  // that ESP cannot pass (nat_path.h)

    [[nodiscard]] bool detected() const { return local_behind || remote_behind; }
};

struct PeerAbilities {
    bool dpd = false;
    bool unity = false;
    bool xauth = false;
    bool ios = false;
    bool fragmentation = false;
};

enum class QuickState : std::uint8_t { ready, spi_starve, i_qm1, r_qm2, phase2_complete };
std::string_view to_string(QuickState state);

using RequestId = StrongInt<struct RequestIdTag, std::uint64_t>;

/// One phase 2 exchange ("node" in IOS's words), kept some time after its end.
struct QuickExchange {
    MessageId id;
    Role role = Role::initiator;
    QuickState state = QuickState::ready;
    TimePoint started{};
    Bytes iv;
    Bytes last_sent;
    Bytes last_received;
    unsigned retransmits = 0;
    unsigned answers_repeated = 0;

    PolicyRef policy;
    ProxyPair proxies;
    bool ids_sent = true;  // false: the peer left the ID payloads out
    std::optional<crypto::DhGroup> pfs;
    std::optional<crypto::DhKeyPair> dh;
    Secret shared;
    Bytes nonce_i;
    Bytes nonce_r;
    Bytes peer_public;
    SaBody answer;  // responder: message 2's SA payload
    Bytes id_i;  // responder: the ID payloads as they came
    Bytes id_r;
    std::vector<ChildSuite> offered;  // initiator: by proposal number - 1
    std::optional<ChildSuite> chosen;
    std::optional<SpiSource::Reservation> reserved;
    Spi peer_spi;
    bool responder_lifetime = false;  // message 2 carries the notify
    std::optional<ChildId> child;  // once it is made
    std::vector<ChildId> replaces;  // initiator: what stood when it began
    std::optional<RequestId> request;
    std::uint64_t job = 0;  // Diffie-Hellman under way
    std::optional<Ipv4Address> peer_original;  // from NAT-OA
};

/// An ISAKMP SA, from its first message to its end.
struct IkeSa {
    ConnectionId id;
    Role role = Role::initiator;
    ExchangeType exchange = ExchangeType::main;
    Phase1State state = Phase1State::ready;
    IfIndex interface;
    Endpoint local;
    Endpoint remote;
    Endpoint first_remote;  // where the first message came from or went to
    Cookie cookie_i;
    Cookie cookie_r;
    TimePoint created{};
    TimePoint established{};
    TimePoint last_heard{};

    Suite suite;
    Bytes sa_body;  // SAi_b
    Bytes answer_body;  // aggressive mode, responder: message 2's SA payload
    Bytes own_id;  // bodies of the ID payloads
    Bytes peer_id_body;
    Identity peer_id;
    Bytes nonce_i;
    Bytes nonce_r;
    Bytes public_i;
    Bytes public_r;
    std::optional<crypto::DhKeyPair> dh;
    Phase1Keys keys;
    bool keyed = false;
    Bytes iv;  // chain of phase 1; in the end its last block
    Secret pre_shared_key;
    std::string trustpoint;  // RSA signatures: whose certificate is ours
    std::string trustpoint_print;  // what that trustpoint held then
    std::string peer_subject;  // of the peer's certificate, once it is believed
    std::string keyring;  // where the key was found
    bool no_xauth = false;  // the key says so
    std::string profile;  // ISAKMP profile; empty: none
    NatState nat;
    PeerAbilities peer;
    bool announce_lifetime = false;  // responder: ours is shorter
    bool saw_initial_contact = false;
    bool complained = false;  // one log line about bad messages is enough

    Bytes last_sent;
    Bytes last_received;
    unsigned retransmits = 0;
    unsigned answers_repeated = 0;
    std::uint64_t job = 0;  // Diffie-Hellman or a signature under way; 0: none
    PayloadType parked_first = PayloadType::none;  // the rest of the message that waits for it
    Bytes parked;

    std::unique_ptr<RemoteClient> client;  // remote access, either role
    std::map<MessageId, QuickExchange> exchanges;
    std::vector<RequestId> waiting;  // start when phase 1 is complete
    std::optional<ConnectionId> replaces;  // the ISAKMP SA that this one follows

    std::deque<MessageId> seen;  // of phase 2 messages from the peer; the last kSeenIds

    // Dead peer detection.
    std::uint32_t dpd_sequence = 0;
    std::uint32_t dpd_peer_sequence = 0;
    unsigned dpd_failures = 0;
    bool dpd_waiting = false;
    std::uint64_t dpd_bytes_out = 0;

    [[nodiscard]] bool complete() const { return state == Phase1State::p1_complete; }

    /// RSA signatures, not a pre-shared key.
    [[nodiscard]] bool is_signed() const { return suite.authentication == kAuthRsaSignature; }

    [[nodiscard]] bool initiator() const { return role == Role::initiator; }

    /// "ISAKMP (0:26)": how debug lines about it begin.
    [[nodiscard]] std::string tag() const;
    [[nodiscard]] Phase1Material material() const;
};

/// What made an SA change its state, as IOS prints it.
enum class Input : std::uint8_t { from_peer, from_ipsec, internal, from_timer };
std::string_view to_string(Input input);

/// The life of ISAKMP SAs, whatever exchange makes them.
class Phase1 {
public:
    explicit Phase1(Engine::State& core) : core_(core) {}

    /// A first message that was there before: answered again if it is the same and `waiting` is where its SA
    /// still stands, else counted. True: nothing more is to be done with it.
    bool repeats_first(const PacketIn& packet, const Header& header, Phase1State waiting);
    /// A responder's SA for a first message of main or aggressive mode. nullptr: a limit (counted).
    IkeSa* respond(const PacketIn& packet, const Header& header, BytesView sa_body);
    /// A new SA in state ready, entered in the tables. nullptr: a limit (counted).
    IkeSa* create(Role role, const Endpoint& local, const Endpoint& remote, Cookie cookie_i);
    /// The one door for state changes. `event` is IOS's name of it ("IKE_MM_EXCH").
    void transition(IkeSa& sa, Input input, std::string_view event, Phase1State next);
    void set_responder_cookie(IkeSa& sa, Cookie cookie);

    /// Keeps the message for retransmission and sends it.
    void send(IkeSa& sa, Bytes message);
    /// The initiator waits for an answer: arms retransmission.
    void await_answer(IkeSa& sa);
    void repeat_answer(IkeSa& sa);
    /// The last message of phase 1 is in, or out: through the door to p1_complete, and complete(). The SA may
    /// be gone afterwards.
    void finish(IkeSa& sa, Input input, std::string_view event);
    /// Authentication is done: lifetimes, DPD, keepalives, waiting requests.
    void complete(IkeSa& sa);
    /// The end, with IOS's reason. The SA is gone when this returns. `notify`: tell the peer.
    enum class Notify : std::uint8_t { no, yes };
    void destroy(ConnectionId id, std::string_view reason, Notify notify);
    /// A failed attempt: the requests that waited for it go on with their next peer.
    void fail(IkeSa& sa, std::string_view reason);

    /// The lifetime has become another one.
    void set_lifetime(IkeSa& sa);
    /// The newest complete SA to an endpoint's address that this profile may use.
    [[nodiscard]] IkeSa* find_complete(Ipv4Address local,
                                       Ipv4Address remote,
                                       std::optional<L4Port> port,
                                       const std::string& profile) const;
    /// Complete SAs with other ports of the same remote address stand, too: several peers behind one NAT.
    [[nodiscard]] bool others_at_its_address(const IkeSa& sa) const;
    [[nodiscard]] IkeSa* find_initiating(Ipv4Address local, Ipv4Address remote) const;
    [[nodiscard]] bool is_newest(const IkeSa& sa) const;
    /// The peer's packets come from elsewhere now (only after an authenticated one).
    void follow(IkeSa& sa, const Endpoint& local, const Endpoint& remote);

    void on_timer_setup(ConnectionId id);
    void on_timer_retransmit(ConnectionId id);
    void on_timer_soft(ConnectionId id);
    void on_timer_hard(ConnectionId id);

private:
    bool make_room(const Endpoint& remote);

    Engine::State& core_;
};

}  // namespace viaduct::ike
