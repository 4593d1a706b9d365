// Transaction exchanges (draft-dukes-ike-mode-cfg) and what rides on them: XAUTH (draft-beaulieu-ike-xauth)
// and Mode-Config with Cisco's Unity attributes, both roles.
//
//   server                                        client
//   HDR*, HASH, ATTR(REQUEST name, password) ──►
//                                            ◄──  HDR*, HASH, ATTR(REPLY name, password)
//   HDR*, HASH, ATTR(SET status)             ──►
//                                            ◄──  HDR*, HASH, ATTR(ACK)
//                                            ◄──  HDR*, HASH, ATTR(REQUEST address, DNS, …)
//   HDR*, HASH, ATTR(REPLY address, DNS, …)  ──►
//
// No quick mode before XAUTH is done. A wrong password is asked for again, kMaxLogins times in all; then the
// status is sent as failed and the ISAKMP SA ends; LoginLimit bounds how often that may be. An address belongs to its ISAKMP SA: when that ends, the
// IPsec SAs to the address end and it goes back to the pool.
//
// Not supported: challenges (CHAP, one-time passwords, next PIN), SET with an address by the server
// (`client configuration address initiate` answers requests only), Mode-Config for IPv6.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ike/address_pools.h"
#include "controlplane/ike/login_limit.h"
#include "controlplane/ike/phase1.h"

namespace viaduct::ike {

struct OpenedMessage;  // core.h

class Transactions {
public:
    static constexpr unsigned kMaxLogins = 3;
    static constexpr std::size_t kMaxTransactions = 16;  // of one ISAKMP SA
    static constexpr std::size_t kMaxUserBytes = 128;
    static constexpr Duration kXauthTime = 60s;

    explicit Transactions(Engine::State& core) : core_(core) {}

    /// Phase 1 is complete. May end the SA.
    void begin(IkeSa& sa);

    /// Quick mode may run.
    [[nodiscard]] static bool ready(const IkeSa& sa) {
        return !sa.client || sa.client->step == ClientStep::open;
    }

    void on_message(IkeSa& sa, const PacketIn& packet, const Header& header);
    void on_authentication(std::uint64_t request, const AuthenticationResult& result);
    void on_timer_retransmit(ConnectionId ike, MessageId id);
    /// XAUTH and configuration took too long.
    void on_timer_setup(ConnectionId ike);
    /// The SA ends: the user's IPsec SAs and address with it.
    void close(IkeSa& sa, std::string_view reason, Phase1::Notify notify);

    /// The proxies are the client's own to propose: its host is the address that it leases; a network may stand
    /// behind it (what others lease is refused elsewhere).
    [[nodiscard]] static bool owns(const IkeSa& sa, const Proxy& remote);

    AddressPools pools;

private:
    friend class Ezvpn;

    struct Settings {  // of the ISAKMP profile, or of the crypto map in the older way
        std::string list;
        std::string authorization;
        config::ConfigMode mode = config::ConfigMode::none;
    };

    [[nodiscard]] Settings settings_of(const IkeSa& sa) const;
    [[nodiscard]] const config::ClientGroup* group_of(const IkeSa& sa) const;

    // exchanges
    void start(IkeSa& sa, const ConfigBody& body);
    void answer(IkeSa& sa, MessageId id, const ConfigBody& body);
    void on_body(IkeSa& sa, MessageId id, bool ours, const ConfigBody& body);
    bool make_room(RemoteClient& client);
    std::optional<OpenedMessage> open_answer(IkeSa& sa,
                                             const PacketIn& packet,
                                             const Header& header,
                                             Bytes& iv);
    void refuse(IkeSa& sa, std::string_view why);
    void send(IkeSa& sa, Transaction& t, MessageId id, const ConfigBody& body);

    // XAUTH, server
    void ask_for_login(IkeSa& sa, std::string_view message);
    void on_login(IkeSa& sa, const ConfigBody& body);
    void login_failed(IkeSa& sa, const std::string& why);
    void send_status(IkeSa& sa, bool accepted);
    void on_status_acknowledged(IkeSa& sa);
    [[nodiscard]] std::string may_enter(const IkeSa& sa) const;
    void open(IkeSa& sa);

    // Mode-Config, server
    void on_config_request(IkeSa& sa, MessageId id, const ConfigBody& body);
    bool lease(IkeSa& sa);
    void debug_request(const IkeSa& sa, const ConfigBody& body) const;
    std::vector<Attribute> values_of(IkeSa& sa, std::uint16_t type);
    std::vector<Attribute> port_values(IkeSa& sa, const config::ClientGroup* group) const;
    std::vector<Attribute> group_values(const IkeSa& sa,
                                        const config::ClientGroup& group,
                                        std::uint16_t type) const;

    Engine::State& core_;
    std::uint64_t last_authentication_ = 0;
    std::map<std::uint64_t, ConnectionId> authentications_;
    LoginLimit limit_;
    TimePoint limit_said_{};  // the log line about it
};

}  // namespace viaduct::ike
