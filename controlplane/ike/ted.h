// Tunnel End-Point Discovery (draft-fluhrer-ted-00, and document 002 for what IOS adds): finds out which
// gateway protects a flow's far end.
//
//   initiating gateway                                       responding gateway
//   probe (240), with the flow's own addresses    ──────►    taken out of transit
//     VID(IOS), ID(gateway), ID(local proxy), VID
//                                                 ◄──────    reply (241), gateway to gateway
//                                                              VID(IOS), ID(gateway), 239(its proxy)
//   then phase 1 if there is none, and quick mode with both proxies.
//
// Neither message is authenticated: the reply says whom to ask and may narrow what our access list
// protects, never widen it. States of a probe: waiting (repeated after 5 s and 15 s) → answered, or, after
// 35 s, silent: the flow is left alone for kSilence. Limits: one probe a flow, kMaxProbes in all, a bucket
// of kAnswersPerSecond for answers, which are never longer than the probe.
// Not supported: translators on the way (detected by the address inside and said).
#pragma once

#include <map>
#include <optional>

#include "controlplane/ike/engine.h"
#include "controlplane/ike/wire.h"

namespace viaduct::ike {

class Ted {
 public:
    static constexpr std::size_t kMaxProbes = 256;
    static constexpr std::size_t kMaxSilent = 1024;
    static constexpr Duration kSilence = 30s;
    static constexpr unsigned kAnswersPerSecond = 50;

    explicit Ted(Engine::State& core) : core_(core) {}

    void discover(const DiscoverRequest& request);
    /// `packet.local`: the flow's destination here, `packet.remote`: its source.
    void on_probe(const PacketIn& packet, const Header& header);
    void on_reply(const PacketIn& packet, const Header& header);
    void on_timer(std::uint64_t number);
    void reset();

    [[nodiscard]] std::size_t probes() const { return probes_.size(); }

 private:
    struct Flow {
        IfIndex interface;
        Ipv4Address source;
        Ipv4Address destination;

        auto operator<=>(const Flow&) const = default;
    };
    struct Probe {
        std::uint64_t number = 0;
        DiscoverRequest request;
        Cookie cookie;
        unsigned sent = 0;
        Bytes message;
    };
    struct Match {
        const LocalInterface* interface = nullptr;
        Proxy local;
    };
    void send(Probe& probe);
    /// The entry with `discover` that protects what comes from `source` to `destination` here.
    [[nodiscard]] std::optional<Match> protects(Ipv4Address source, Ipv4Address destination) const;
    bool take_token();

    Engine::State& core_;
    std::map<Flow, Probe> probes_;
    std::map<Flow, TimePoint> silent_;   // until when
    std::uint64_t last_number_ = 0;
    unsigned tokens_ = kAnswersPerSecond;
    TimePoint tokens_at_{};
};

}  // namespace viaduct::ike
