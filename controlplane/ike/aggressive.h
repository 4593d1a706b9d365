// Aggressive mode (RFC 2409, 5.4) with pre-shared keys, both roles.
//
//   initiator                                          responder
//   HDR, SA, KE, Ni, IDii, VIDs                 ──1──►
//                                               ◄──2──  HDR, SA, KE, Nr, IDir, HASH_R, VIDs, NAT-D × 2
//   HDR*, HASH_I, NAT-D × 2 [, N]               ──3──►  (from port 4500 if there is a NAT)
//
// The first message makes the responder compute: so first messages are limited per source and in total by
// token buckets, besides the limits on half-open SAs. A group that does not exist goes the same way as a
// wrong key, with a random key in its place: same answer, same time; it ends at message 3, and only our
// log says which of the two it was.
//
// Not supported: signatures and encrypted nonces in aggressive mode.
#pragma once

#include <unordered_map>

#include "controlplane/ike/phase1.h"
#include "controlplane/ike/token_bucket.h"

namespace viaduct::ike {

/// Token buckets: so many at once, so many a second, by source and in total.
class FirstMessageLimit {
public:
    static constexpr std::size_t kMaxSources = 4096;
    static constexpr double kPerSource = 20;
    static constexpr double kBurstOfSource = 64;
    static constexpr double kTotal = 1000;
    static constexpr double kBurstTotal = 2000;

    bool allow(TimePoint now, Ipv4Address source);

    [[nodiscard]] std::size_t sources() const { return sources_.size(); }

private:
    void forget_idle(TimePoint now);

    TokenBucket total_{kBurstTotal, {}};
    std::unordered_map<Ipv4Address, TokenBucket> sources_;
};

class AggressiveMode {
public:
    explicit AggressiveMode(Engine::State& core) : core_(core) {}

    struct Credentials {
        Identity own;  // ID_KEY_ID with the group's name, or an address
        Secret key;
    };

    /// Message 1 to the SA's remote end. False: nothing to offer.
    bool start(IkeSa& sa, const Credentials& credentials);
    void on_first(const PacketIn& packet, const Header& header);
    void on_message(IkeSa& sa, const PacketIn& packet, const Header& header);
    void resume(IkeSa& sa, crypto::DhResult result);
    /// Message 3 has not come for a while: said once, with what is most likely the reason.
    void on_timer_silent(IkeSa& sa);
    /// What is not protected, from whom we wait for message 3: why it does not come.
    void on_unprotected_notify(const IkeSa& sa, NotifyType type);

    /// The key that the SA was made with is still the configured one.
    [[nodiscard]] bool key_stands(const IkeSa& sa) const;

private:
    bool read_first(IkeSa& sa, const Chain& chain, const SaBody& offered);
    void choose_key(IkeSa& sa);
    void send_first(IkeSa& sa);
    void send_second(IkeSa& sa);
    void send_third(IkeSa& sa);
    void on_second(IkeSa& sa, const PacketIn& packet, const Header& header);
    void on_third(IkeSa& sa, const PacketIn& packet, const Header& header);
    void say_why(IkeSa& sa, bool silent);

    Engine::State& core_;
    FirstMessageLimit limit_;
    TimePoint said_since_{};  // log lines of this second
    unsigned said_ = 0;
};

}  // namespace viaduct::ike
