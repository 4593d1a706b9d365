// The tests' own router: one Plane on memory ports, driven turn by turn, and a small packet builder.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/plane.h"
#include "dataplane/ports/memory_port.h"

namespace viaduct::dataplane::test {

inline Ipv4Address ip(std::string_view text) {
    return Ipv4Address::parse(text).value();
}

inline Ipv4Prefix net(std::string_view text) {
    return Ipv4Prefix::parse(text).value();
}

/// Locally administered, told apart by a number.
MacAddress mac(std::uint16_t number);

/// An IPv4 packet in the making; fields that are not set are right.
struct Ip {
    std::string source = "10.1.0.2";
    std::string destination = "10.2.0.2";
    IpProtocol protocol = kProtoUdp;
    std::uint8_t ttl = 64;
    std::uint8_t tos = 0;
    std::uint16_t id = 0x1234;
    std::uint16_t fragment = 0;  // flags and offset
    Bytes options;  // a multiple of 4
    Bytes payload;

    [[nodiscard]] Bytes build() const;
};

/// `count` bytes 0, 1, 2 …
Bytes counting(std::size_t count);
Bytes udp(std::uint16_t source_port, std::uint16_t destination_port, BytesView payload);
Bytes tcp(std::uint16_t source_port,
          std::uint16_t destination_port,
          std::uint8_t flags,
          BytesView options,
          BytesView payload);
/// A UDP packet from a to b of `length` bytes in all (at least 28).
Bytes udp_packet(std::string_view a,
                 std::string_view b,
                 std::size_t length,
                 std::uint16_t fragment = 0);
Bytes frame(MacAddress destination, MacAddress source, std::uint16_t type, BytesView payload);
/// The IP packet in a frame, without padding.
Bytes ip_of(const Bytes& frame);
/// Right version, lengths and header checksum.
bool is_valid_ip(BytesView packet);

class Router {
public:
    explicit Router(const PlaneOptions& options = {});

    /// An Ethernet interface with its own address on `prefix`, a connected route (glean) and MAC mac(index).
    void add_ethernet(std::uint16_t index,
                      std::string_view address_and_length,
                      std::uint16_t mtu = 1500);

    /// Changes an interface and publishes all.
    template <typename Change>
    void change(std::uint16_t index, Change&& change_it) {
        change_it(interfaces_[index]);
        publish();
    }

    void add_interface(const Interface& interface);
    void publish();
    NextHopId add_local(std::string_view address);
    /// A neighbour that ARP knows: a host route to an Ethernet next hop with mac(number).
    NextHopId add_neighbour(std::uint16_t interface,
                            std::string_view address,
                            std::uint16_t number);
    void add_route(std::string_view prefix, NextHopId next_hop);

    NextHopId next_hop(const NextHop& n) { return plane.add_next_hop(n); }

    /// A packet from the wire to this router's interface.
    void receive(std::uint16_t interface, BytesView ip_packet);
    void receive_frame(std::uint16_t interface, BytesView frame);
    /// Turns until nothing is left to do.
    void run();
    /// Frames that left by `interface`.
    std::vector<Bytes> sent(std::uint16_t interface);
    /// Their IP packets.
    std::vector<Bytes> sent_ip(std::uint16_t interface);

    std::vector<Punt> punts() { return plane.take_punts(100000); }

    std::uint64_t drops(std::string_view reason);
    /// All reasons that were counted, "a=1 b=2".
    std::string all_drops();

    MemoryPort& port(std::uint16_t interface) { return *ports_.at(interface); }

    Plane plane;
    TimePoint now{Duration{1'000'000'000}};

private:
    std::map<std::uint16_t, Interface> interfaces_;
    std::map<std::uint16_t, MemoryPort*> ports_;
};

}  // namespace viaduct::dataplane::test
