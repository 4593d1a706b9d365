#include "controlplane/lab/host/ip_layer.h"

#include <algorithm>

namespace viaduct::lab {

namespace {

constexpr std::size_t kIpHeader = 20;

}  // namespace

void IpLayer::set_address(const HostAddress& address) {
    address_ = address;
    neighbors_.clear();
    path_mtus_.clear();
    if (!address.address.is_unspecified()) {
        // Gratuitous, so that neighbours forget a predecessor.
        const ArpPacket announcement{1, mac_, address.address, MacAddress{}, address.address};
        output(MacAddress::broadcast(), kEtherTypeArp, write_arp(announcement));
    }
}

bool IpLayer::is_ours(Ipv4Address destination) const {
    if (destination.is_broadcast() || destination == address_.address) {
        return true;
    }
    return destination == Ipv4Prefix(address_.address, address_.prefix_length).broadcast();
}

std::optional<Datagram> IpLayer::on_frame(TimePoint now, BytesView frame) {
    const auto ethernet = read_ethernet(frame);
    if (!ethernet || (ethernet->destination != mac_ && !ethernet->destination.is_multicast())) {
        return std::nullopt;
    }
    if (ethernet->type == kEtherTypeArp) {
        if (const auto arp = read_arp(ethernet->payload)) {
            on_arp(now, *arp);
        }
        return std::nullopt;
    }
    if (ethernet->type != kEtherTypeIpv4) {
        return std::nullopt;
    }
    const auto packet = read_ipv4(ethernet->payload);
    // Without an address everything sent to our MAC is taken: DHCP servers answer to the address they offer.
    if (!packet || !(is_ours(packet->destination) || address_.address.is_unspecified())) {
        return std::nullopt;
    }
    if (packet->is_fragment()) {
        return on_fragment(now, *packet, ethernet->source);
    }
    return Datagram{packet->source,
                    packet->destination,
                    packet->protocol,
                    packet->ttl,
                    Bytes(packet->payload.begin(), packet->payload.end()),
                    ethernet->source};
}

void IpLayer::on_arp(TimePoint now, const ArpPacket& arp) {
    if (address_.address.is_unspecified() || arp.sender_mac == mac_) {
        return;
    }
    const auto for_us = arp.target == address_.address;
    const auto known = neighbors_.find(arp.sender);
    // RFC 826: update what is known, add only when the packet is for us.
    if (!arp.sender.is_unspecified() &&
        (known != neighbors_.end() || (for_us && neighbors_.size() < kMaxNeighbors))) {
        auto& neighbor = neighbors_[arp.sender];
        neighbor.mac = arp.sender_mac;
        neighbor.deadline = now + kNeighborTime;
        deadline_ = std::min(deadline_, neighbor.deadline);
        neighbor.tries = 0;
        for (const auto& packet : std::exchange(neighbor.pending, {})) {
            output(arp.sender_mac, kEtherTypeIpv4, packet);
        }
    }
    if (for_us && arp.operation == 1) {
        const ArpPacket reply{2, mac_, address_.address, arp.sender_mac, arp.sender};
        output(arp.sender_mac, kEtherTypeArp, write_arp(reply));
    }
}

std::optional<Datagram> IpLayer::on_fragment(TimePoint now,
                                             const Ipv4View& packet,
                                             MacAddress from) {
    const FragmentKey key{packet.source, packet.destination, packet.id, packet.protocol.value()};
    auto found = reassemblies_.find(key);
    if (found == reassemblies_.end()) {
        if (reassemblies_.size() >= kMaxReassemblies) {
            return std::nullopt;
        }
        found = reassemblies_.emplace(key, Reassembly{now + kReassemblyTime, {}, {}}).first;
        deadline_ = std::min(deadline_, found->second.deadline);
    }
    auto& reassembly = found->second;
    const auto end = std::size_t{packet.fragment_offset} + packet.payload.size();
    if (end > 65535 || (packet.more_fragments && packet.payload.size() % 8 != 0)) {
        reassemblies_.erase(found);
        return std::nullopt;
    }
    if (!packet.more_fragments) {
        reassembly.total = end;
    }
    reassembly.parts.insert_or_assign(packet.fragment_offset,
                                      Bytes(packet.payload.begin(), packet.payload.end()));
    Bytes whole;
    for (const auto& [offset, part] : reassembly.parts) {
        if (offset != whole.size()) {
            return std::nullopt;
        }
        whole.insert(whole.end(), part.begin(), part.end());
    }
    if (!reassembly.total || whole.size() != *reassembly.total) {
        return std::nullopt;
    }
    reassemblies_.erase(found);
    return Datagram{
        packet.source, packet.destination, packet.protocol, packet.ttl, std::move(whole), from};
}

std::uint16_t IpLayer::path_mtu(TimePoint now, Ipv4Address destination) const {
    const auto found = path_mtus_.find(destination);
    return found == path_mtus_.end() || found->second.until <= now
               ? mtu_
               : std::min(mtu_, found->second.mtu);
}

std::uint16_t IpLayer::on_too_big(TimePoint now, Ipv4Address destination, std::uint16_t mtu) {
    const auto before = path_mtu(now, destination);
    if (mtu < before) {
        path_mtus_[destination] = {std::max(mtu, kSmallestPathMtu), now + kPathMtuTime};
    }
    return path_mtu(now, destination);
}

std::optional<Ipv4Address> IpLayer::next_hop(Ipv4Address destination) const {
    if (address_.address.is_unspecified()) {
        return std::nullopt;
    }
    if (Ipv4Prefix(address_.address, address_.prefix_length).contains(destination)) {
        return destination;
    }
    return address_.gateway.is_unspecified() ? std::nullopt : std::optional{address_.gateway};
}

IpSendResult IpLayer::send(TimePoint now,
                           Ipv4Address destination,
                           IpProtocol protocol,
                           BytesView payload,
                           const IpSendOptions& options) {
    const auto hop = next_hop(destination);
    if (!hop) {
        return IpSendResult::no_route;
    }
    const std::size_t mtu = path_mtu(now, destination);
    Ipv4View packet;
    packet.id = next_id_++;
    packet.dont_fragment = options.dont_fragment;
    packet.ttl = options.ttl;
    packet.protocol = protocol;
    packet.source = address_.address;
    packet.destination = destination;
    if (kIpHeader + payload.size() <= mtu) {
        packet.payload = payload;
        emit(now, *hop, write_ipv4(packet));
        return IpSendResult::sent;
    }
    if (options.dont_fragment || payload.size() > 65515) {
        return IpSendResult::too_long;
    }
    const auto piece = (mtu - kIpHeader) / 8 * 8;
    for (std::size_t at = 0; at < payload.size(); at += piece) {
        packet.payload = payload.subspan(at, std::min(piece, payload.size() - at));
        packet.fragment_offset = static_cast<std::uint16_t>(at);
        packet.more_fragments = at + piece < payload.size();
        emit(now, *hop, write_ipv4(packet));
    }
    return IpSendResult::sent;
}

void IpLayer::broadcast(IpProtocol protocol, BytesView payload) {
    Ipv4View packet;
    packet.id = next_id_++;
    packet.protocol = protocol;
    packet.destination = Ipv4Address{0xFFFFFFFFU};
    packet.payload = payload;
    output(MacAddress::broadcast(), kEtherTypeIpv4, write_ipv4(packet));
}

void IpLayer::emit(TimePoint now, Ipv4Address hop, Bytes packet) {
    if (hop == address_.address) {
        output(mac_, kEtherTypeIpv4, packet);
        return;
    }
    if (!neighbors_.contains(hop) && neighbors_.size() >= kMaxNeighbors) {
        return;
    }
    auto& neighbor = neighbors_[hop];
    if (neighbor.mac) {
        output(*neighbor.mac, kEtherTypeIpv4, packet);
        return;
    }
    if (neighbor.pending.size() < kMaxPending) {
        neighbor.pending.push_back(std::move(packet));
    }
    if (neighbor.tries == 0) {
        neighbor.tries = 1;
        neighbor.deadline = now + kArpRetry;
        deadline_ = std::min(deadline_, neighbor.deadline);
        ask(hop);
    }
}

void IpLayer::ask(Ipv4Address target) {
    const ArpPacket request{1, mac_, address_.address, MacAddress{}, target};
    output(MacAddress::broadcast(), kEtherTypeArp, write_arp(request));
}

void IpLayer::output(MacAddress to, std::uint16_t type, BytesView payload) {
    frames_.push_back(write_ethernet({to, mac_, type, payload}));
}

void IpLayer::on_time(TimePoint now) {
    if (now < deadline_) {
        return;
    }
    deadline_ = kNever;
    std::erase_if(reassemblies_, [now](const auto& r) { return r.second.deadline <= now; });
    for (const auto& [key, reassembly] : reassemblies_) {
        deadline_ = std::min(deadline_, reassembly.deadline);
    }
    for (auto at = neighbors_.begin(); at != neighbors_.end();) {
        auto& [address, neighbor] = *at;
        if (neighbor.deadline > now) {
            deadline_ = std::min(deadline_, neighbor.deadline);
            ++at;
        } else if (!neighbor.mac && neighbor.tries < kArpTries) {
            ++neighbor.tries;
            neighbor.deadline = now + kArpRetry;
            deadline_ = std::min(deadline_, neighbor.deadline);
            ask(address);
            ++at;
        } else {
            std::move(
                neighbor.pending.begin(), neighbor.pending.end(), std::back_inserter(unresolved_));
            at = neighbors_.erase(at);
        }
    }
}

std::vector<Bytes> IpLayer::take_frames() {
    return std::exchange(frames_, {});
}

std::vector<Bytes> IpLayer::take_unresolved() {
    return std::exchange(unresolved_, {});
}

}  // namespace viaduct::lab
