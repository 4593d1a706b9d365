// The lab of document 004 for tests: its hub's configuration, clients of our own EzVPN role, a spoke.
#pragma once

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

inline constexpr Ipv4Address kHub{10, 48, 67, 181};

/// Document 004's hub as it stands, with more lines behind it.
std::string hub_text(const std::string& more = "");
/// Its users: "gfullage" with "gfullage", and "user1", "user2" … with "secret".
void configure_hub(Node& hub, const std::string& more = "");

struct ClientAs {
    std::string group = "testgroup";
    std::string key = "cisco321";
    std::string user = "gfullage";
    std::string password = "gfullage";
};

void configure_client(Node& client, const ClientAs& as = {});
/// The LAN-to-LAN peer: main mode with the wildcard key.
void configure_spoke(Node& spoke, Ipv4Address lan);
Acquire spoke_acquire(const Node& spoke, Ipv4Address lan);

/// What the client was given last; nullptr: nothing, or it is down.
const ClientConfigured* given(const Node& client);
/// Client's SAs to everywhere, from the address that it was given.
ProxyPair client_proxies(Ipv4Address assigned);
bool keys_agree(const Pair& a, const Pair& b);

}  // namespace viaduct::ike::test
