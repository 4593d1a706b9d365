#include "controlplane/ike/ted_wire.h"

#include "controlplane/ike/quick_payloads.h"
#include "controlplane/ike/vendor_ids.h"

namespace viaduct::ike {

namespace {

/// IOS sends a second vendor ID whose octets nobody published.
constexpr std::string_view kTedVendor = "TED V3 Viaduct";

Bytes gateway_body(Ipv4Address address) {
    Identity id;
    id.protocol = kProtoUdp.value();
    id.port = kPortIsakmp.value();
    ByteWriter out;
    out.address(address);
    id.data = out.take();
    return write_identity(id);
}

struct Contents {
    std::vector<Identity> ids;  // in order; 239 counts as one
    bool ios = false;
};

Parsed<Contents> read_contents(const Header& header, BytesView datagram, Cookie sender) {
    const auto chain = parse_chain(header.next, datagram.subspan(kHeaderBytes), Padding::none);
    if (!chain) {
        return tl::unexpected(chain.error());
    }
    Contents out;
    for (const auto& payload : chain->payloads) {
        if (payload.type == PayloadType::vendor_id) {
            out.ios = out.ios || is_ios_vendor_id(payload.body, sender);
        }
        if (payload.type != PayloadType::identification && payload.type != PayloadType::ted_proxy) {
            continue;
        }
        auto id = parse_identity(payload.body);
        if (!id) {
            return tl::unexpected(id.error());
        }
        out.ids.push_back(std::move(*id));
    }
    // "The payloads in the probe MUST include an ID payload which is the IP address of the initiating IPSec
    // host or security gateway (which MUST be the first ID payload within the probe)."
    if (out.ids.empty() || out.ids.front().type != IdType::ipv4_address ||
        !out.ids.front().address()) {
        return tl::unexpected(WireError::bad_body);
    }
    return out;
}

std::optional<Proxy> network_of(const Identity& id) {
    auto proxy = proxy_of(id);
    if (!proxy || !length_of_mask(proxy->mask)) {
        return std::nullopt;
    }
    proxy->address = Ipv4Address{proxy->address.value() & proxy->mask.value()};
    return proxy;
}

bool plain(const Header& header, ExchangeType exchange, BytesView datagram) {
    // "whose exchange type is 240, message ID zero, a unique cookie as the initiator cookie, zeros as the
    // responder cookie, and is unencrypted"
    return header.exchange == exchange && !header.encrypted() && header.message_id == MessageId{} &&
           header.initiator != Cookie{} && datagram.size() >= kHeaderBytes;
}

}  // namespace

Parsed<TedProbe> read_ted_probe(const Header& header, BytesView datagram) {
    if (!plain(header, ExchangeType::ted_probe, datagram) || header.responder != Cookie{}) {
        return tl::unexpected(WireError::bad_body);
    }
    const auto contents = read_contents(header, datagram, header.initiator);
    if (!contents) {
        return tl::unexpected(contents.error());
    }
    TedProbe out;
    out.initiator = header.initiator;
    out.gateway = *contents->ids.front().address();
    out.ios = contents->ios;
    if (contents->ids.size() > 1) {
        out.proxy = network_of(contents->ids[1]);
        if (!out.proxy) {
            return tl::unexpected(WireError::bad_body);
        }
    }
    return out;
}

Parsed<TedReply> read_ted_reply(const Header& header, BytesView datagram) {
    if (!plain(header, ExchangeType::ted_reply, datagram) || header.responder == Cookie{}) {
        return tl::unexpected(WireError::bad_body);
    }
    const auto contents = read_contents(header, datagram, header.responder);
    if (!contents) {
        return tl::unexpected(contents.error());
    }
    const auto proxy = contents->ids.size() > 1 ? network_of(contents->ids[1]) : std::nullopt;
    if (!proxy) {
        return tl::unexpected(WireError::bad_body);
    }
    return TedReply{header.initiator,
                    header.responder,
                    *contents->ids.front().address(),
                    *proxy,
                    contents->ios};
}

Bytes write_ted_probe(const TedProbe& probe, std::uint64_t tail) {
    ChainWriter chain;
    if (probe.ios) {
        chain.add(PayloadType::vendor_id, ios_vendor_id(probe.initiator, tail));
    }
    chain.add(PayloadType::identification, gateway_body(probe.gateway));
    if (probe.proxy) {
        chain.add(PayloadType::identification, write_identity(identity_of(*probe.proxy)));
    }
    if (probe.ios) {
        chain.add(PayloadType::vendor_id, as_bytes(kTedVendor));
    }
    Header h;
    h.initiator = probe.initiator;
    h.next = chain.first();
    h.exchange = ExchangeType::ted_probe;
    return write_message(h, chain.view());
}

Bytes write_ted_reply(const TedReply& reply, std::uint64_t tail, std::size_t room) {
    const auto make = [&](bool with_vendor) {
        ChainWriter chain;
        if (with_vendor) {
            chain.add(PayloadType::vendor_id, ios_vendor_id(reply.responder, tail));
        }
        chain.add(PayloadType::identification, gateway_body(reply.gateway));
        // IOS: its own payload number for the proxy, to those who know it.
        chain.add(reply.ios ? PayloadType::ted_proxy : PayloadType::identification,
                  write_identity(identity_of(reply.proxy)));
        Header h;
        h.initiator = reply.initiator;
        h.responder = reply.responder;
        h.next = chain.first();
        h.exchange = ExchangeType::ted_reply;
        return write_message(h, chain.view());
    };
    auto message = make(true);
    if (message.size() > room) {
        message = make(false);
    }
    return message.size() > room ? Bytes{} : message;
}

}  // namespace viaduct::ike
