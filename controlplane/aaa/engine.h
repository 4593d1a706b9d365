// AAA for logins: method lists of `aaa authentication login`, answered from the local user table or by
// RADIUS (RFC 2865, PAP).
//
// A request walks through the methods of its list. A method that cannot answer (no server, time-out, no such
// password) passes it on to the next; one that says no ends it (IOS). RADIUS servers are tried in the
// configuration's order, each `retransmit` times every `timeout` seconds; a server that did not answer is passed over
// for `deadtime` minutes.
//
// Not supported: CHAP, challenges (an Access-Challenge counts as a refusal), accounting, TACACS+.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/model/running_config.h"
#include "controlplane/aaa/radius_wire.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/random.h"
#include "dataplane/base/secret.h"

namespace viaduct::aaa {

/// A RADIUS request, from our port to the server's.
struct SendPacket {
    Ipv4Address server;
    L4Port server_port;
    L4Port local_port;
    Bytes payload;
};

struct Decision {
    std::uint64_t request = 0;
    bool accepted = false;
    std::optional<Ipv4Address> framed_address;
    std::string group;  // of Class "OU=GROUP;"
    std::string message;  // Reply-Message, or why not
};

using Action = std::variant<SendPacket, Decision>;

struct Request {
    std::uint64_t id = 0;  // the caller's; comes back in the Decision
    std::string list;  // method list; "default" or empty: the default list
    std::string user;
    Secret password;
    std::string calling_station;
};

struct Counters {
    std::uint64_t requests = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t timeouts = 0;
    std::uint64_t forged = 0;  // responses with a wrong authenticator
    std::uint64_t unexpected = 0;  // responses that nobody waits for
    std::uint64_t malformed = 0;
    std::uint64_t table_full = 0;
};

class Engine {
public:
    /// RADIUS identifiers are one byte; so many requests wait at a time.
    static constexpr std::size_t kMaxPending = 200;

    Engine(Random& random, Log& log);

    void configure(const config::RunningConfig& config);

    /// The address that RADIUS sees as NAS-IP-Address.
    void set_nas_address(Ipv4Address address) { nas_address_ = address; }

    /// Answered at once or later by a Decision.
    void authenticate(TimePoint now, Request request);
    void on_packet(TimePoint now,
                   Ipv4Address server,
                   L4Port server_port,
                   L4Port local_port,
                   BytesView payload);
    [[nodiscard]] TimePoint next_deadline() const;
    void on_time(TimePoint now);
    std::vector<Action> take_actions();

    /// The local user table: for `login local` and `username …`.
    [[nodiscard]] bool local_password_is(const std::string& user, BytesView password) const;

    [[nodiscard]] bool is_radius_port(L4Port port) const { return port == kLocalPort; }

    [[nodiscard]] const Counters& counters() const { return counters_; }

    static constexpr L4Port kLocalPort{1645};

private:
    struct Server {
        config::RadiusServer config;
        Secret key;
        TimePoint dead_until{};
        std::uint64_t sent = 0;
        std::uint64_t answered = 0;
        std::uint64_t timed_out = 0;
    };

    struct Pending {
        Request request;
        std::vector<config::AaaMethodList::Method> methods;
        std::size_t method = 0;
        std::size_t server = 0;
        unsigned tries = 0;
        std::uint8_t identifier = 0;
        Authenticator authenticator{};
        Bytes packet;
        TimePoint deadline = kNever;
    };

    void step(TimePoint now, Pending pending);
    bool start_radius(TimePoint now, Pending& pending);
    void send(TimePoint now, Pending& pending);
    void decide(const Pending& pending,
                bool accepted,
                std::string message,
                std::optional<Ipv4Address> framed = {},
                std::string group = {});

    Random& random_;
    Log& log_;
    std::map<std::string, config::AaaMethodList> login_;
    std::map<std::string, config::User> users_;
    Secret enable_;
    std::vector<Server> servers_;
    std::uint16_t timeout_s_ = 5;
    std::uint8_t retransmit_ = 3;
    std::uint16_t deadtime_min_ = 0;
    Ipv4Address nas_address_;
    std::map<std::uint8_t, Pending> pending_;  // by identifier
    std::uint8_t next_identifier_ = 0;
    Counters counters_;
    std::vector<Action> actions_;
};

}  // namespace viaduct::aaa
