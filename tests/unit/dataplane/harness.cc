#include "tests/unit/dataplane/harness.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "dataplane/base/checksum.h"
#include "dataplane/ports/eal.h"

namespace viaduct::dataplane::test {

namespace {

const PlaneOptions& with_dpdk(const PlaneOptions& options) {
    EalOptions eal;
    eal.buffers = 16384;
    const auto started = start_eal(eal);
    INFO((started ? std::string() : started.error().message));
    REQUIRE(started);
    return options;
}

}  // namespace

MacAddress mac(std::uint16_t number) {
    return MacAddress{MacAddress::Octets{
        0x02, 0, 0, 0, static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)}};
}

Bytes Ip::build() const {
    ByteWriter w;
    const auto words = 5 + options.size() / 4;
    w.u8(static_cast<std::uint8_t>(0x40U | words)).u8(tos);
    w.u16(static_cast<std::uint16_t>(words * 4 + payload.size()));
    w.u16(id).u16(fragment).u8(ttl).u8(protocol.value()).u16(0);
    w.address(ip(source)).address(ip(destination)).bytes(options);
    w.patch_u16(10, internet_checksum(w.view()));
    w.bytes(payload);
    return w.take();
}

Bytes counting(std::size_t count) {
    Bytes out(count);
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = static_cast<std::uint8_t>(i * 7 + (i >> 8U));
    }
    return out;
}

Bytes udp(std::uint16_t source_port, std::uint16_t destination_port, BytesView payload) {
    ByteWriter w;
    w.u16(source_port)
        .u16(destination_port)
        .u16(static_cast<std::uint16_t>(8 + payload.size()))
        .u16(0);
    w.bytes(payload);
    return w.take();
}

Bytes tcp(std::uint16_t source_port,
          std::uint16_t destination_port,
          std::uint8_t flags,
          BytesView options,
          BytesView payload) {
    ByteWriter w;
    w.u16(source_port).u16(destination_port).u32(1).u32(0);
    w.u8(static_cast<std::uint8_t>((5 + options.size() / 4) << 4U))
        .u8(flags)
        .u16(8192)
        .u16(0)
        .u16(0);
    w.bytes(options).bytes(payload);
    return w.take();
}

Bytes udp_packet(std::string_view a,
                 std::string_view b,
                 std::size_t length,
                 std::uint16_t fragment) {
    Ip p;
    p.source = a;
    p.destination = b;
    p.fragment = fragment;
    p.payload = udp(1000, 2000, counting(length - 28));
    return p.build();
}

Bytes frame(MacAddress destination, MacAddress source, std::uint16_t type, BytesView payload) {
    ByteWriter w;
    w.bytes(destination.octets()).bytes(source.octets()).u16(type).bytes(payload);
    return w.take();
}

Bytes ip_of(const Bytes& f) {
    REQUIRE(f.size() >= 34);
    const std::size_t total = std::size_t{f[16]} << 8U | f[17];
    REQUIRE(f.size() >= 14 + total);
    return {f.begin() + 14, f.begin() + 14 + static_cast<std::ptrdiff_t>(total)};
}

bool is_valid_ip(BytesView p) {
    if (p.size() < 20 || p[0] >> 4U != 4) {
        return false;
    }
    const std::size_t header = (p[0] & 0xFU) * 4U;
    return header >= 20 && header <= p.size() && (std::size_t{p[2]} << 8U | p[3]) == p.size() &&
           internet_checksum(p.first(header)) == 0;
}

Router::Router(const PlaneOptions& options) : plane(with_dpdk(options)) {}

void Router::add_interface(const Interface& interface) {
    interfaces_[interface.index.value()] = interface;
    publish();
}

void Router::publish() {
    std::vector<Interface> all;
    for (const auto& [index, i] : interfaces_) {
        all.push_back(i);
    }
    plane.publish_interfaces(all);
}

void Router::add_ethernet(std::uint16_t index,
                          std::string_view address_and_length,
                          std::uint16_t mtu) {
    auto port = std::make_unique<MemoryPort>(mac(index), std::size_t{mtu} + 14);
    ports_[index] = port.get();
    plane.attach_port(IfIndex{index}, std::move(port));
    Interface i;
    i.index = IfIndex{index};
    i.up = true;
    i.mac = mac(index);
    i.mtu = mtu;
    i.ip_mtu = mtu;
    add_interface(i);
    const auto slash = address_and_length.find('/');
    const auto address = address_and_length.substr(0, slash);
    add_local(address);
    NextHop glean;
    glean.kind = NextHop::Kind::glean;
    glean.interface = IfIndex{index};
    add_route(address_and_length, plane.add_next_hop(glean));
}

NextHopId Router::add_local(std::string_view address) {
    NextHop local;
    local.kind = NextHop::Kind::local;
    const auto id = plane.add_next_hop(local);
    add_route(std::string(address) + "/32", id);
    return id;
}

NextHopId Router::add_neighbour(std::uint16_t interface,
                                std::string_view address,
                                std::uint16_t number) {
    NextHop n;
    n.kind = NextHop::Kind::ethernet;
    n.interface = IfIndex{interface};
    n.gateway = ip(address);
    n.mac = mac(number);
    const auto id = plane.add_next_hop(n);
    add_route(std::string(address) + "/32", id);
    return id;
}

void Router::add_route(std::string_view prefix, NextHopId next_hop) {
    plane.set_route(net(prefix), next_hop);
    plane.commit_routes();
}

void Router::receive(std::uint16_t interface, BytesView ip_packet) {
    receive_frame(interface, frame(mac(interface), mac(900), 0x0800, ip_packet));
}

void Router::receive_frame(std::uint16_t interface, BytesView f) {
    REQUIRE(port(interface).deliver(f));
}

void Router::run() {
    for (int turn = 0; turn < 1000; ++turn) {
        std::size_t handled = 0;
        for (unsigned w = 0; w < plane.workers(); ++w) {
            handled += plane.run_once(w, now);
        }
        plane.reclaim();
        if (handled == 0) {
            return;
        }
    }
    FAIL("the plane does not come to rest");
}

std::vector<Bytes> Router::sent(std::uint16_t interface) {
    return port(interface).take_transmitted_bytes();
}

std::vector<Bytes> Router::sent_ip(std::uint16_t interface) {
    std::vector<Bytes> out;
    for (const auto& f : sent(interface)) {
        out.push_back(ip_of(f));
    }
    return out;
}

std::uint64_t Router::drops(std::string_view reason) {
    for (const auto& d : plane.drop_counters()) {
        if (d.reason == reason) {
            return d.packets;
        }
    }
    FAIL("no drop reason " << reason);
    return 0;
}

std::string Router::all_drops() {
    std::string out;
    for (const auto& d : plane.drop_counters()) {
        if (d.packets != 0) {
            out += fmt::format("{}{}={}", out.empty() ? "" : " ", d.reason, d.packets);
        }
    }
    return out;
}

}  // namespace viaduct::dataplane::test
