// Tunnel End-Point Discovery (draft-fluhrer-ted-00, and document 002 for what IOS adds): finds out which
// gateway protects a flow's far end.
//
//   initiating gateway                                       responding gateway
//   probe (240), with the flow's own addresses    ──────►    taken out of transit
//                                                 ◄──────    reply (241), gateway to gateway
//   then phase 1 if there is none, and quick mode with both proxies. The messages: ted_wire.h.
//
// Neither message is authenticated. A reply says whom to ask and may narrow what our access list protects,
// never widen it; it is taken only
//   – while its probe is out: at most kAnswerTime after the last sending, once,
//   – on the address that the probe named, by an interface that discovers, from port 500 to port 500,
//   – from the address inside it, which is not ours and which `set peer` allows,
//   – if both proxies together still contain the flow's own two hosts.
// Any other reply is counted and changes nothing: the probe goes on waiting for the right one.
//
// A flow: unknown → asked (sent at 0, 5 and 15 s) → answered, when the request for IPsec SAs takes over
//                        └→ silent (after 25 s) for 30 s, then 60, 120, 240 s: not asked
// What was answered and could not be negotiated is left alone for kSilence, all flows of these proxies.
//
// Limits, each counted by name: one probe a flow, kMaxProbesOfSource for one inside host (a scan leaves
// room for the others), kMaxProbes in all, a bucket of kProbesPerSecond for sending, kMaxSilent flows
// remembered. Answers: a bucket of kAnswersPerSecond, and none longer than its probe.
//
// Not supported: address translation on the way. It is detected (by the address, network or port inside)
// and said in the log. Lines of an access list that name a protocol or a port: the draft has a responder
// choose by addresses alone, so it does not take the probe for such a line's flow out of transit.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ike/counters.h"
#include "controlplane/ike/engine.h"
#include "controlplane/ike/ted_wire.h"

namespace viaduct::ike {

/// So many at once, so many a second.
class TedBucket {
public:
    TedBucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}

    bool take(TimePoint now);

private:
    double rate_;
    double burst_;
    double tokens_;
    TimePoint filled_{};
};

class Ted {
public:
    static constexpr std::size_t kMaxProbes = 256;
    static constexpr std::size_t kMaxProbesOfSource = 32;
    static constexpr std::size_t kMaxSilent = 1024;
    static constexpr std::size_t kMaxRefused = 64;
    static constexpr Duration kAnswerTime = 10s;
    static constexpr Duration kSilence = 30s;
    static constexpr Duration kLongestSilence = 240s;
    static constexpr unsigned kProbesPerSecond = 50;
    static constexpr unsigned kProbeBurst = 100;
    static constexpr unsigned kAnswersPerSecond = 50;

    struct Flow {
        IfIndex interface;
        Ipv4Address source;
        Ipv4Address destination;

        auto operator<=>(const Flow&) const = default;
    };

    struct Probe {
        ConnectionId number;  // as IOS counts it: among the ISAKMP SAs
        DiscoverRequest request;
        Cookie cookie;
        unsigned sent = 0;
        Bytes message;
    };

    struct Silent {
        TimePoint until{};
        unsigned failures = 0;
    };

    /// Proxies whose negotiation failed after an answer.
    struct Refused {
        PolicyRef policy;
        ProxyPair proxies;
        TimePoint until{};
    };

    explicit Ted(Engine::State& core) : core_(core) {}

    /// Another configuration: what it no longer asks for is forgotten.
    void configure();
    void discover(const DiscoverRequest& request);
    /// `packet.local`: the flow's destination here, `packet.remote`: its source.
    void on_probe(const PacketIn& packet, const Header& header);
    void on_reply(const PacketIn& packet, const Header& header);
    void on_timer(ConnectionId number, std::uint32_t detail);
    /// A request that an answer led to came to nothing.
    void on_request_failed(const Acquire& acquire);
    /// `clear crypto …`: silent and refused flows may be asked about at once.
    void forget_negative();

    [[nodiscard]] const std::map<Flow, Probe>& probes() const { return probes_; }

    [[nodiscard]] const std::map<Flow, Silent>& silent() const { return silent_; }

    [[nodiscard]] const std::vector<Refused>& refused() const { return refused_; }

private:
    struct Match {
        const LocalInterface* interface = nullptr;
        Proxy local;
    };

    template <typename... T>
    void debug(fmt::format_string<T...> format, T&&... args) const;
    ConnectionId next_number();

    // asking (ted.cc)
    [[nodiscard]] bool left_alone(const Flow& flow, const DiscoverRequest& request);
    [[nodiscard]] bool under_way(const DiscoverRequest& request) const;
    [[nodiscard]] bool room_for(const Flow& flow);
    void say_beginning(const Probe& probe) const;
    void send(Probe& probe);
    void forget(const Flow& flow);
    void remember_silent(const Flow& flow);
    [[nodiscard]] std::optional<Counter> refusal(const Probe& probe,
                                                 const TedReply& reply,
                                                 const PacketIn& packet) const;
    [[nodiscard]] bool discovers(IfIndex interface) const;
    void say_answer(const Probe& probe, const TedReply& reply, const PacketIn& packet) const;
    void accept(const Probe& probe, Ipv4Address peer, const Proxy& far);
    void throw_away(ConnectionId number, std::string_view role, Ipv4Address peer);

    // answering (ted_answer.cc)
    [[nodiscard]] std::optional<Match> protects(IfIndex interface,
                                                Ipv4Address source,
                                                Ipv4Address destination) const;
    void say_asked(ConnectionId number, const TedProbe& probe, const PacketIn& packet) const;
    void answer(const Match& match, const TedProbe& probe, const PacketIn& packet);
    void say_nat(const std::string& what);

    Engine::State& core_;
    std::map<Flow, Probe> probes_;
    std::map<Ipv4Address, std::size_t> probes_of_source_;
    std::map<Flow, Silent> silent_;
    std::vector<Refused> refused_;
    TedBucket probe_bucket_{kProbesPerSecond, kProbeBurst};
    TedBucket answer_bucket_{kAnswersPerSecond, kAnswersPerSecond};
    TimePoint nat_said_{};
    bool nat_was_said_ = false;
};

/// An address that a single station can have.
[[nodiscard]] bool is_station(Ipv4Address address);

}  // namespace viaduct::ike
