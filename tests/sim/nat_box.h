// A NAT with one outside address, as homes and hotels have it: UDP alone, a port of its own for each inside address and
// port, answers only from where something was sent to, no way from inside to inside by the outside address. It stands
// between links of a lab as one more node; inside links do not hear of each other.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/lab/host/wire.h"
#include "controlplane/lab/lab.h"

namespace viaduct::sim {

class NatBox final : public lab::Node {
public:
    struct Side {
        std::string link;
        Ipv4Address address;
    };

    NatBox(lab::Lab& lab, const Side& outside, const std::vector<Side>& insides)
        : Node(unused_clock()) {
        attach(lab, outside);
        for (const auto& side : insides) {
            attach(lab, side);
        }
    }

    void deliver(TimePoint now, unsigned port, const lab::Frame& frame) override {
        const auto ethernet = lab::read_ethernet(*frame);
        if (!ethernet) {
            return;
        }
        if (ethernet->type == lab::kEtherTypeArp) {
            on_arp(now, port, *ethernet);
        } else if (ethernet->type == lab::kEtherTypeIpv4 &&
                   ethernet->destination == ports_[port].mac) {
            on_packet(now, port, ethernet->payload);
        }
    }

    void on_link(TimePoint /*now*/, unsigned /*port*/, bool /*up*/) override {}

    void run(TimePoint /*now*/) override {}

    [[nodiscard]] TimePoint next_deadline() const override { return kNever; }

    /// As after a restart: the next packet from inside gets another port.
    void forget() {
        mappings_.clear();
        inside_of_.clear();
        allowed_.clear();
    }

    [[nodiscard]] std::uint64_t refused() const { return refused_; }

private:
    struct Port {
        lab::Link* link = nullptr;
        unsigned attachment = 0;
        Ipv4Address address;
        MacAddress mac;
        std::map<Ipv4Address, MacAddress> neighbors;
        std::map<Ipv4Address, std::vector<Bytes>> waiting;
    };

    using Place = std::pair<Ipv4Address, std::uint16_t>;

    /// Frames are sent on at once: the scheduler of the lab is not needed.
    static lab::Scheduler& unused_clock() {
        static lab::Scheduler clock;
        return clock;
    }

    void attach(lab::Lab& lab, const Side& side) {
        const auto number = static_cast<unsigned>(ports_.size());
        Port port;
        port.link = &lab.link(side.link);
        port.address = side.address;
        port.mac = MacAddress{
            MacAddress::Octets{0x02, 0x4E, 0x41, 0x54, 0, static_cast<std::uint8_t>(number + 1)}};
        port.attachment = port.link->attach(*this, number, "nat");
        ports_.push_back(std::move(port));
    }

    void send_frame(TimePoint now, Port& port, MacAddress to, std::uint16_t type, BytesView body) {
        port.link->send(
            now,
            port.attachment,
            std::make_shared<const Bytes>(lab::write_ethernet({to, port.mac, type, body})));
    }

    void on_arp(TimePoint now, unsigned number, const lab::EthernetView& ethernet) {
        auto& port = ports_[number];
        const auto arp = lab::read_arp(ethernet.payload);
        if (!arp) {
            return;
        }
        port.neighbors[arp->sender] = arp->sender_mac;
        if (arp->operation == 1 && arp->target == port.address) {
            const auto answer =
                lab::write_arp({2, port.mac, port.address, arp->sender_mac, arp->sender});
            send_frame(now, port, arp->sender_mac, lab::kEtherTypeArp, answer);
        }
        const auto waiting = port.waiting.extract(arp->sender);
        if (!waiting.empty()) {
            for (const auto& packet : waiting.mapped()) {
                send_frame(now, port, arp->sender_mac, lab::kEtherTypeIpv4, packet);
            }
        }
    }

    void send_packet(TimePoint now, Port& port, const lab::Ipv4View& packet) {
        const auto bytes = lab::write_ipv4(packet);
        const auto neighbor = port.neighbors.find(packet.destination);
        if (neighbor != port.neighbors.end()) {
            send_frame(now, port, neighbor->second, lab::kEtherTypeIpv4, bytes);
            return;
        }
        port.waiting[packet.destination].push_back(bytes);
        const auto question =
            lab::write_arp({1, port.mac, port.address, MacAddress{}, packet.destination});
        send_frame(now, port, MacAddress::broadcast(), lab::kEtherTypeArp, question);
    }

    void on_packet(TimePoint now, unsigned number, BytesView bytes) {
        auto packet = lab::read_ipv4(bytes);
        if (!packet || packet->protocol != kProtoUdp || packet->payload.size() < 8) {
            ++refused_;
            return;
        }
        --packet->ttl;
        if (number == 0) {
            inwards(now, *packet);
        } else if (packet->destination != ports_[0].address) {
            outwards(now, number, *packet);
        } else {
            ++refused_;
        }
    }

    /// The same, with other ports and without a checksum, which RFC 768 allows.
    static Bytes with_ports(BytesView datagram, std::uint16_t source, std::uint16_t destination) {
        ByteWriter out(Bytes(datagram.begin(), datagram.end()));
        out.patch_u16(0, source);
        out.patch_u16(2, destination);
        out.patch_u16(6, 0);
        return out.take();
    }

    static std::pair<std::uint16_t, std::uint16_t> ports_of(BytesView datagram) {
        ByteReader reader(datagram);
        const auto source = reader.u16();
        return {source, reader.u16()};
    }

    void outwards(TimePoint now, unsigned number, lab::Ipv4View packet) {
        Bytes datagram;
        if (packet.fragment_offset == 0) {
            const auto [source, destination] = ports_of(packet.payload);
            const Place inside{packet.source, source};
            const auto [it, added] = mappings_.try_emplace(inside, next_port_);
            if (added) {
                inside_of_[next_port_] = {number, inside};
                ++next_port_;
            }
            allowed_.insert({it->second, {packet.destination, destination}});
            datagram = with_ports(packet.payload, it->second, destination);
            packet.payload = datagram;
        }
        packet.source = ports_[0].address;
        send_packet(now, ports_[0], packet);
    }

    void inwards(TimePoint now, lab::Ipv4View packet) {
        const std::pair fragment{packet.source, packet.id};
        Bytes datagram;
        if (packet.fragment_offset == 0) {
            const auto [source, destination] = ports_of(packet.payload);
            const auto found = inside_of_.find(destination);
            if (found == inside_of_.end() ||
                !allowed_.contains({destination, {packet.source, source}})) {
                ++refused_;
                return;
            }
            datagram = with_ports(packet.payload, source, found->second.second.second);
            packet.payload = datagram;
            fragments_[fragment] = {found->second.first, found->second.second.first};
        }
        const auto way = fragments_.find(fragment);
        if (way == fragments_.end()) {
            ++refused_;
            return;
        }
        packet.destination = way->second.second;
        send_packet(now, ports_[way->second.first], packet);
    }

    std::vector<Port> ports_;  // 0: outside
    std::map<Place, std::uint16_t> mappings_;
    std::map<std::uint16_t, std::pair<unsigned, Place>> inside_of_;
    std::set<std::pair<std::uint16_t, Place>> allowed_;
    std::map<std::pair<Ipv4Address, std::uint16_t>, std::pair<unsigned, Ipv4Address>> fragments_;
    std::uint16_t next_port_ = 40000;
    std::uint64_t refused_ = 0;
};

}  // namespace viaduct::sim
