// The DHCP client (RFC 2131, section 4.4) of `ip address dhcp`, for all interfaces of one router.
//
// States: init ─discover─▶ selecting ─offer─▶ requesting ─ack─▶ bound ─T1─▶ renewing ─T2─▶ rebinding ─end─▶ init.
// Retransmission 4, 8, 16, 32, 64 s with ±1 s of jitter (RFC 2131, 4.1); a NAK or the end of the lease takes the
// address away at once. A link that went down and came up asks for the old address first (init-reboot).
//
// Not supported: INFORM, authentication (RFC 3118), checking the address by ARP before use.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/model/interface.h"
#include "controlplane/dhcp/wire.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/random.h"

namespace viaduct::dhcp {

struct Lease {
    Ipv4Address address;
    unsigned length = 24;
    Ipv4Address server;
    std::vector<Ipv4Address> routers;
    std::vector<Ipv4Address> dns;
    std::string domain;
    TimePoint obtained{};
    std::uint32_t lease_s = 0;  // 0xFFFFFFFF: for ever
    std::uint32_t renewal_s = 0;
    std::uint32_t rebinding_s = 0;

    bool operator==(const Lease&) const = default;
};

/// A DHCP message out of this interface, from port 68 to 67. Without a source address of ours yet, or while
/// rebinding: broadcast.
struct ClientSend {
    IfIndex interface;
    Ipv4Address source;  // 0.0.0.0 before the lease
    Ipv4Address destination;  // 255.255.255.255 or the server
    Bytes payload;
};

/// The interface has this lease from now on; nullopt: none any more.
struct LeaseChanged {
    IfIndex interface;
    std::optional<Lease> lease;
};

using ClientAction = std::variant<ClientSend, LeaseChanged>;

struct ClientInterface {
    IfIndex index;
    config::InterfaceName name;
    MacAddress mac;
    bool up = false;
    std::string client_id;  // `client-id`: empty: the MAC address
    std::string hostname;

    bool operator==(const ClientInterface&) const = default;
};

class Client {
public:
    enum class State : std::uint8_t {
        init,
        selecting,
        requesting,
        bound,
        renewing,
        rebinding,
        released
    };

    Client(Random& random, Log& log) : random_(random), log_(log) {}

    /// All interfaces with `ip address dhcp`. Those that are gone give their lease back.
    void configure(TimePoint now, std::vector<ClientInterface> interfaces);
    void on_message(TimePoint now, IfIndex interface, Ipv4Address source, const Message& message);
    /// `release dhcp IF`, `renew dhcp IF`. False: no DHCP on that interface.
    bool release(TimePoint now, IfIndex interface);
    bool renew(TimePoint now, IfIndex interface);
    [[nodiscard]] TimePoint next_deadline() const;
    void on_time(TimePoint now);
    std::vector<ClientAction> take_actions();

    struct Session {
        ClientInterface interface;
        State state = State::init;
        std::uint32_t xid = 0;
        std::optional<Lease> lease;  // held, or offered while requesting
        TimePoint began{};
        TimePoint deadline = kNever;
        unsigned tries = 0;
    };

    [[nodiscard]] const std::map<IfIndex, Session>& sessions() const { return sessions_; }

    [[nodiscard]] std::uint64_t ignored() const { return ignored_; }

private:
    void enter(TimePoint now, Session& session, State state, std::string_view reason);
    void send(TimePoint now, Session& session);
    void retry_later(TimePoint now, Session& session);
    void lose(TimePoint now, Session& session, std::string_view reason);
    void on_offer(TimePoint now, Session& session, const Message& message);
    void on_ack(TimePoint now, Session& session, const Message& message);
    static std::optional<Lease> lease_of(TimePoint now, const Message& message);

    Random& random_;
    Log& log_;
    std::map<IfIndex, Session> sessions_;
    std::uint64_t ignored_ = 0;
    std::vector<ClientAction> actions_;
};

std::string_view to_string(Client::State state);

}  // namespace viaduct::dhcp
