// The two messages of Tunnel End-Point Discovery as values. Both travel in the clear, with message ID 0.
//
//   probe (240)  HDR(CKY-I, 0), VID "IOS", ID(gateway, UDP 500), ID(local proxy), VID
//   reply (241)  HDR(CKY-I, CKY-R), VID "IOS", ID(gateway, UDP 500), 239(its local proxy)
//
// The draft asks a probe for the first ID alone and a reply for two; vendor IDs and what else there may be
// are passed over. 239 is IOS's number for the proxy's payload; 5 is the draft's. Both are read.
#pragma once

#include <optional>
#include <vector>

#include "controlplane/ike/engine.h"
#include "controlplane/ike/wire.h"

namespace viaduct::ike {

struct TedProbe {
    Cookie initiator;
    Ipv4Address gateway;  // who asks, and is to be answered
    std::optional<Proxy> proxy;  // what it protects on its own side
    bool ios = false;  // showed the IOS vendor ID: knows payload 239
};

struct TedReply {
    Cookie initiator;  // the probe's
    Cookie responder;  // never 0
    Ipv4Address gateway;
    Proxy proxy;  // what the responding gateway protects on its own side
    bool ios = true;  // read: showed the vendor ID; written: the proxy goes as payload 239
};

/// `datagram` is the whole message that `header` stands at the start of. Refused: other exchanges, anything
/// encrypted, a message ID, a wrong cookie, a gateway that is no address, a proxy whose mask has holes.
Parsed<TedProbe> read_ted_probe(const Header& header, BytesView datagram);
Parsed<TedReply> read_ted_reply(const Header& header, BytesView datagram);

/// `tail`: the random part of the vendor ID.
Bytes write_ted_probe(const TedProbe& probe, std::uint64_t tail);
/// As long as `room` allows: the vendor ID is left out first; empty if it does not fit even so.
Bytes write_ted_reply(const TedReply& reply, std::uint64_t tail, std::size_t room);

}  // namespace viaduct::ike
