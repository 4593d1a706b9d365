// The router as a VPN client (`crypto ipsec client ezvpn`, row N16): aggressive mode with the group's key,
// XAUTH with the configured user, Mode-Config, then quick mode for what the server lets through.
//
//   down → connecting (ISAKMP SA in phase 1) → SA's client: xauth_wait → config_request → open
//   any → down, with a reason; `connect auto` tries again after kRetry with the next peer, `connect acl` with the next
//   packet that the list permits (the Router calls connect()).
//
// What is given goes to the Router as ClientConfigured: in client mode it translates the inside hosts to the assigned
// address. In network-plus mode SAs protect the address, which is the router's own, and the inside networks beside it. Without NAT-T the server is asked for Cisco's IPsec over UDP.
//
// Not supported: saved-password prompts (`xauth userid mode interactive`), a new phase 1 before the old one
// ends (the session begins anew).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ike/phase1.h"

namespace viaduct::ike {

class Ezvpn {
public:
    static constexpr Duration kRetry = 20s;
    static constexpr Duration kStep = 10s;
    static constexpr unsigned kMaxSteps = 5;

    explicit Ezvpn(Engine::State& core);

    /// The configuration changed: clients that are gone go, automatic ones connect.
    void configure();
    void connect(const std::string& name);
    void disconnect(const std::string& name);
    void on_timer_retry(std::uint64_t number);

    // Of an SA that was begun for a client.
    void on_phase1_complete(IkeSa& sa);
    void on_body(IkeSa& sa, MessageId id, bool ours, const ConfigBody& body);
    void on_timer_step(IkeSa& sa);
    void on_lost(const IkeSa& sa, std::string_view reason);

    // What Policies asks about a reference to a client.
    [[nodiscard]] const config::CryptoPolicy& policy() const { return policy_; }

    [[nodiscard]] bool stands(const PolicyRef& ref) const;
    [[nodiscard]] std::vector<ChildSuite> suites(const IkeSa& sa) const;
    [[nodiscard]] std::optional<PolicyRef> select(const IkeSa& sa, const ProxyPair& proxies) const;
    /// The group's key as it is configured now; empty if the client is gone.
    [[nodiscard]] Secret key_of(const std::string& name) const;

    struct Client {
        std::uint64_t number = 0;  // owner of its timer
        std::size_t next_peer = 0;
        std::optional<ConnectionId> ike;
        bool wanted = false;
        std::optional<ClientConfigured> given;
    };

    [[nodiscard]] const std::map<std::string, Client>& clients() const { return clients_; }

    [[nodiscard]] const LocalInterface* outside_of(const std::string& name) const;

private:
    [[nodiscard]] const config::EzvpnClient* settings(const std::string& name) const;
    void try_peer(const std::string& name);
    void again_later(const std::string& name);
    void reply_login(IkeSa& sa, MessageId id, const ConfigBody& body);
    void request_config(IkeSa& sa);
    void on_given(IkeSa& sa, const ConfigBody& body);
    void acquire(IkeSa& sa, const ClientConfigured& given);
    /// What our side of the tunnel may be.
    [[nodiscard]] std::vector<Proxy> inside_of(const std::string& name,
                                               const ClientConfigured& given) const;

    Engine::State& core_;
    config::CryptoPolicy policy_;
    std::map<std::string, Client> clients_;
    std::uint64_t last_number_ = 0;
};

}  // namespace viaduct::ike
