// What phase 1.5 keeps about an ISAKMP SA: the group that the peer named, who its user is, what address
// it was given, and the transaction exchanges under way.
//
//   responder  phase1 → xauth_request → xauth_aaa → xauth_set → open       (request, reply; set, ack)
//                ▲            └── wrong, fewer than kMaxLogins ◄─┘  └─► closing → the SA ends
//   initiator  phase1 → xauth_wait → config_request → open
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ike/wire.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"

namespace viaduct::ike {

enum class ClientStep : std::uint8_t {
    phase1,  // not authenticated yet
    xauth_request,  // responder: name and password were asked for
    xauth_aaa,  // responder: AAA is deciding
    xauth_set,  // responder: "accepted" was sent
    closing,  // responder: "refused" was sent
    xauth_wait,  // initiator: the server asks when it wants to
    config_request,  // initiator: address and the rest were asked for
    open,  // quick mode may come
};

/// One transaction exchange. Kept a while after its end, so that a repetition gets the same answer.
struct Transaction {
    bool ours = false;  // we sent its first message
    bool finished = false;
    std::uint64_t order = 0;  // the oldest finished one makes room
    Bytes iv;
    Bytes last_sent;
    Bytes last_received;
    unsigned retransmits = 0;
    unsigned answers_repeated = 0;
};

struct RemoteClient {
    std::string group;  // from ID_KEY_ID
    bool group_known = true;  // false: the SA fails at message 3, like one with a wrong key
    std::string list;  // `client authentication list`; empty: no XAUTH
    ClientStep step = ClientStep::phase1;
    unsigned failures = 0;
    std::uint16_t identifier = 0;  // of all XAUTH messages
    std::uint64_t authentication = 0;  // AAA's request; 0: none
    std::map<MessageId, Transaction> transactions;
    std::uint64_t last_order = 0;

    std::string user;
    std::string group_of_user;  // from RADIUS; the groups must agree where they are locked
    std::optional<Ipv4Address> framed;
    std::optional<Ipv4Address> address;  // the address that this SA leases
    std::optional<L4Port> esp_udp_port;  // ours, where it was given one: ESP goes by Cisco's UDP
    std::string version;  // what the client says of itself
    TimePoint login{};
    bool session = false;  // counted as one of the sessions

    std::string ezvpn;  // initiator: which `crypto ipsec client ezvpn`
};

}  // namespace viaduct::ike
