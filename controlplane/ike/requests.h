// Wishes for IPsec SAs: an acquire waits here until phase 1 stands, then for its quick mode; if a peer
// does not answer, the next one is tried.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "controlplane/ike/phase1.h"

namespace viaduct::ike {

struct Request {
    RequestId id;
    Acquire acquire;
    std::size_t next_peer = 0;  // index into acquire.peers
    std::optional<ChildId> rekeys;  // the pair that it shall follow
    std::optional<ConnectionId> ike;  // waits for it, or its quick mode runs there
    bool running = false;  // quick mode is under way
    bool retried = false;  // a silent ISAKMP SA was given up for it once
};

class Requests {
public:
    explicit Requests(Engine::State& core) : core_(core) {}

    void add(const Acquire& acquire, std::optional<ChildId> rekeys);
    /// Phase 1 is complete: quick mode begins.
    void on_phase1_ready(RequestId id, IkeSa& sa);
    void on_phase1_lost(RequestId id, const IkeSa& sa, std::string_view reason);
    void on_quick_done(RequestId id);
    /// `silent`: the peer did not answer, rather than refuse.
    void on_quick_failed(RequestId id, std::string_view reason, bool silent);
    /// Its quick mode is over; what becomes of it is decided next.
    void detach(RequestId id);
    /// It has waited long enough for what the peer began.
    void on_timer(RequestId id);
    /// The requests wait for another ISAKMP SA now.
    void move(const std::vector<RequestId>& ids, ConnectionId to);
    /// All of them whose policy is gone.
    void drop_if_gone();
    void drop_for(const PolicyRef& policy,
                  Ipv4Address remote,
                  const std::optional<Ipv4Address>& remote_original);

    [[nodiscard]] const std::map<RequestId, Request>& all() const { return requests_; }

    [[nodiscard]] bool pending_for(const PolicyRef& policy,
                                   const ProxyPair& proxies,
                                   const std::optional<Ipv4Address>& remote_original) const;

private:
    void advance(Request& request);
    void next_peer(RequestId id, std::string_view reason);
    void give_up(RequestId id, std::string_view reason);
    void initiate(Request& request);
    [[nodiscard]] IkeSa* usable_attempt(Ipv4Address local, Ipv4Address remote) const;
    [[nodiscard]] std::optional<L4Port> port_of_station(Ipv4Address local,
                                                        Ipv4Address remote,
                                                        Ipv4Address original) const;

    Engine::State& core_;
    std::map<RequestId, Request> requests_;
    RequestId last_{0};
};

}  // namespace viaduct::ike
