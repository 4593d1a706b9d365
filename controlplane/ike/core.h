// Everything the engine knows: the tables, the services it was handed, and the exchanges that work on
// them. Internal to this folder.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/ike/aggressive.h"
#include "controlplane/ike/children.h"
#include "controlplane/ike/counters.h"
#include "controlplane/ike/engine.h"
#include "controlplane/ike/ezvpn.h"
#include "controlplane/ike/fragments.h"
#include "controlplane/ike/informational.h"
#include "controlplane/ike/main_mode.h"
#include "controlplane/ike/phase1.h"
#include "controlplane/ike/policy.h"
#include "controlplane/ike/quick_mode.h"
#include "controlplane/ike/requests.h"
#include "controlplane/ike/sessions.h"
#include "controlplane/ike/signatures.h"
#include "controlplane/ike/ted.h"
#include "controlplane/ike/timers.h"
#include "controlplane/ike/transaction.h"

namespace viaduct::ike {

// Limits. Each is tested at the limit.
inline constexpr std::size_t kMaxIkeSas = 131072;
inline constexpr std::size_t kMaxHalfOpen = 1000;  // responder, unconfirmed or unauthenticated
inline constexpr std::size_t kMaxHalfOpenPerSource = 64;
inline constexpr std::size_t kMaxExchanges = 256;  // quick modes of one ISAKMP SA
inline constexpr std::size_t kMaxRequests = 16384;
inline constexpr std::size_t kMaxAnswersRepeated = 10;

inline constexpr std::size_t kNonceBytes = 20;  // of ours; RFC 2409, 5: 8 to 256
inline constexpr std::size_t kSeenIds = 128;

inline constexpr Duration kRetransmitInterval = 10s;
inline constexpr unsigned kMaxRetransmits = 5;
// A rekey has a pair that runs out: at 10 Gbit/s the default of 4,608,000 kilobytes lasts four seconds. Its first
// message is repeated sooner, then at twice the time, up to kRetransmitInterval.
inline constexpr Duration kRekeyRetransmit = 500ms;
inline constexpr unsigned kMaxRekeyRetransmits = 8;
inline constexpr Duration kSetupTime = 75s;
inline constexpr Duration kUnconfirmedTime = 30s;
inline constexpr Duration kExchangePurge = 90s;
inline constexpr Duration kDrain = 30s;
inline constexpr Duration kInboundGrace = 15s;

struct CookiePair {
    Cookie initiator;
    Cookie responder;

    auto operator<=>(const CookiePair&) const = default;
};

struct Engine::State {
    State(Random& random_source,
          Log& log_target,
          crypto::Offload& offload_target,
          SpiSource& spi_source,
          const SaUsageSource& usage_source);

    Random& random;
    Log& log;
    crypto::Offload& offload;
    SpiSource& spis;
    const SaUsageSource& usage;

    const config::RunningConfig* config = nullptr;
    std::vector<LocalInterface> interfaces;
    TimePoint now{};
    Counters counters;
    Timers timers;
    std::vector<Action> actions;

    // ISAKMP SAs, and by what they are found.
    std::map<ConnectionId, std::unique_ptr<IkeSa>> ikes;
    std::map<CookiePair, ConnectionId> by_cookies;
    std::map<std::pair<Endpoint, Cookie>, ConnectionId> by_first_message;  // responder, cookie_i
    std::map<Cookie, ConnectionId> by_initiator_cookie;  // initiator, no answer yet
    std::multimap<Ipv4Address, ConnectionId> by_remote;
    std::set<std::pair<TimePoint, ConnectionId>> half_open;  // responder; oldest first
    std::map<Ipv4Address, std::size_t> half_open_of_source;
    ConnectionId last_connection{0};

    /// What a job's result is for. exchange 0: phase 1.
    struct JobOwner {
        ConnectionId ike;
        MessageId exchange;
    };

    std::unordered_map<std::uint64_t, JobOwner> jobs;
    std::uint64_t last_job = 0;

    Phase1 phase1;
    MainMode main_mode;
    QuickMode quick_mode;
    Informational informational;
    Requests requests;
    Children children;
    Policies policies;
    Fragments fragments;
    AggressiveMode aggressive;
    Transactions transactions;
    Sessions sessions;
    Ezvpn ezvpn;
    Ted ted;
    Signatures signatures;

    [[nodiscard]] IkeSa* ike(ConnectionId id) const {
        const auto it = ikes.find(id);
        return it == ikes.end() ? nullptr : it->second.get();
    }

    [[nodiscard]] const config::CryptoConfig& crypto() const { return config->crypto; }

    [[nodiscard]] const LocalInterface* interface_with(Ipv4Address address) const;
    /// Where the SAs of an interface's crypto map end: its own address, or that of the interface which
    /// `crypto map M local-address` names (as long as that has none, its own).
    [[nodiscard]] Ipv4Address map_address(const LocalInterface& interface) const;
    /// The first crypto map whose SAs end at this address; nullptr: none.
    [[nodiscard]] const config::CryptoMap* map_at(Ipv4Address address) const;

    /// The datagram as it is, with the non-ESP marker on the NAT-T port.
    void send_datagram(const Endpoint& local, const Endpoint& remote, BytesView message);
    /// A Diffie-Hellman job for an exchange; its result comes by Engine::on_offload.
    std::uint64_t submit_dh(JobOwner owner,
                            crypto::DhGroup group,
                            std::optional<crypto::DhKeyPair> own,
                            BytesView peer_public);
    /// A signature over a hash; its result comes by Engine::on_offload.
    std::uint64_t submit_sign(JobOwner owner, const crypto::RsaPrivateKey& key, Bytes hash);
    /// What must hold between inputs; a violation is our own mistake.
    void check_invariants() const;
    /// The receiving side (receive.cc).
    void receive(const PacketIn& packet);
    void run_timer(const TimerKey& key);
};

/// Decrypts a message under an SA and parses its payloads. `iv` moves on only if that succeeds.
struct OpenedMessage {
    Bytes plain;
    Chain chain;  // views into `plain`
};

std::optional<OpenedMessage> open_message(
    Engine::State& core, const IkeSa& sa, Bytes& iv, const Header& header, BytesView datagram);
/// Encrypts a chain into a whole message.
Bytes seal_message(
    const IkeSa& sa, ExchangeType exchange, MessageId id, Bytes& iv, const ChainWriter& chain);
/// Checks the HASH payload of a phase 2 message: prf(SKEYID_a, M-ID | [before] | what follows HASH).
bool phase2_hash_fits(const IkeSa& sa,
                      MessageId id,
                      const OpenedMessage& message,
                      BytesView before);
/// HASH payload in front of `rest`: the chain to seal.
ChainWriter with_phase2_hash(const IkeSa& sa,
                             MessageId id,
                             BytesView before,
                             const std::vector<std::pair<PayloadType, Bytes>>& rest);
/// A protected message that begins an exchange: opened, its hash checked, its ID noted (one that was there
/// before is a replay), its sender followed. nullopt: counted. `iv` is the exchange's, moved on.
std::optional<OpenedMessage> open_first(
    Engine::State& core, IkeSa& sa, const PacketIn& packet, const Header& header, Bytes& iv);
/// A message ID that is not 0 and not in use.
MessageId fresh_message_id(Engine::State& core, const IkeSa& sa);

}  // namespace viaduct::ike
