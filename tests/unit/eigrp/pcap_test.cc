// Writes what our engines send into a capture file, for a dissector that we did not write:
//   eigrp_test '[pcap]' && tshark -r eigrp_sent.pcap -Y '_ws.malformed or _ws.expert'
#include <fstream>

#include <catch2/catch.hpp>

#include "dataplane/base/checksum.h"
#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

class PcapFile {
public:
    explicit PcapFile(const char* name) : out_(name, std::ios::binary) {
        const std::uint32_t head[] = {0xA1B2C3D4U, 0x00040002U, 0, 0, 65535, 101};  // raw IP
        out_.write(reinterpret_cast<const char*>(head), sizeof(head));
    }

    void add(const Sent& s, Ipv4Address source) {
        ByteWriter ip;
        ip.u8(0x45).u8(0xC0).u16(static_cast<std::uint16_t>(20 + s.packet.payload.size()));
        ip.u32(0).u8(2).u8(88).u16(0).address(source).address(s.packet.destination);
        const auto sum = internet_checksum(ip.view());
        ip.patch_u16(10, sum);
        ip.bytes(s.packet.payload);
        const auto ns = s.at.time_since_epoch().count();
        const auto length = static_cast<std::uint32_t>(ip.size());
        const std::uint32_t head[] = {static_cast<std::uint32_t>(ns / 1'000'000'000),
                                      static_cast<std::uint32_t>(ns / 1000 % 1'000'000),
                                      length,
                                      length};
        out_.write(reinterpret_cast<const char*>(head), sizeof(head));
        out_.write(reinterpret_cast<const char*>(ip.view().data()), length);
    }

private:
    std::ofstream out_;
};

TEST_CASE("what we send, as a capture file", "[.][pcap]") {
    PcapFile file("eigrp_sent.pcap");
    for (const bool wide : {false, true}) {
        Network net(wide ? 3 : 4);
        net.tap = [&](const Sent& s) {
            file.add(s, net.node(s.node).state(s.packet.interface).address);
        };
        const Options options{.wide_metrics = wide};
        const auto hub = net.add("hub", options);
        std::vector<std::pair<std::size_t, IfIndex>> ports;
        ports.emplace_back(hub, net.interface(hub, Ipv4Address(10, 9, 0, 1), 24));
        for (std::uint8_t n = 0; n < 5; ++n) {
            const auto s = net.add("S", n == 4 ? Options{} : options);
            ports.emplace_back(
                s, net.interface(s, Ipv4Address(10, 9, 0, static_cast<std::uint8_t>(n + 2)), 24));
            for (std::uint8_t l = 0; l < 30; ++l) {
                net.lan(s, {Ipv4Address(172, static_cast<std::uint8_t>(16 + n), l, 0), 24});
            }
            net.node(s).eigrp().stub.enabled = n == 3;
            config::EigrpRedistribution fixed;
            fixed.source = config::EigrpRedistribution::Source::static_routes;
            net.node(s).eigrp().redistributions = {fixed};
        }
        net.node(hub).eigrp(IfIndex{1}).split_horizon = false;
        net.node(hub).eigrp(IfIndex{1}).next_hop_self = false;
        const auto segment = net.segment(ports);
        net.segment(segment).loss = 0.1;
        for (const auto& [n, i] : ports) {
            net.node(n).configuration.key_chains["K"][3].key_string = {0, "cisco123"};
            net.node(n).eigrp(i).authentication_md5 = wide;
            net.node(n).eigrp(i).key_chain = "K";
        }
        net.start();
        for (std::size_t n = 1; n < net.size(); ++n) {
            net.node(n).engine->set_redistributed(
                net.now(),
                RedistributedSource::static_routes,
                {{{Ipv4Address(20, static_cast<std::uint8_t>(n), 0, 0), 16}, 9, {}},
                 {{Ipv4Address{}, 0}, 0, {}}});
            net.after(n);
        }
        net.run(30s);
        for (std::size_t n = 1; n < net.size(); ++n) {
            net.node(n).state(IfIndex{3}).up = false;
            net.apply(n);
            net.run(500ms);
        }
        // A neighbour that is gone without a word leaves active routes, and the others are asked twice.
        net.filter = [&](const Sent& s, const Port&) {
            const auto h = parse_header(s.packet.payload);
            return h->opcode != Opcode::reply || s.node != 2;
        };
        net.node(1).state(IfIndex{4}).up = false;
        net.apply(1);
        net.run(10s);
        net.power_off(1);
        net.run(30s);
        net.node(hub).configuration.processes.clear();
        net.apply(hub);
        net.run(1s);
    }
}

}  // namespace
}  // namespace viaduct::eigrp::test
