#include "controlplane/router/tunnel_keepalive.h"

#include <algorithm>
#include <utility>

#include "controlplane/ip/packet.h"

namespace viaduct {

Bytes write_keepalive(const TunnelKeepalives::Tunnel& tunnel) {
    constexpr std::uint16_t kKeyPresent = 0x2000;
    ByteWriter gre;
    gre.u16(tunnel.key ? kKeyPresent : std::uint16_t{0}).u16(0);
    if (tunnel.key) {
        gre.u32(*tunnel.key);
    }
    ip::Packet packet;
    packet.tos = 0xC0;
    packet.protocol = kProtoGre;
    packet.source = tunnel.destination;
    packet.destination = tunnel.source;
    packet.payload = gre.view();
    return ip::write(packet);
}

void TunnelKeepalives::configure(TimePoint now, const std::vector<Tunnel>& wanted) {
    std::erase_if(states_, [&](const auto& item) {
        return std::ranges::find(wanted, item.first, &Tunnel::index) == wanted.end();
    });
    for (const auto& tunnel : wanted) {
        const auto found = states_.find(tunnel.index);
        if (found == states_.end()) {
            states_[tunnel.index] = {tunnel, now + tunnel.period, 0, false};
        } else if (found->second.tunnel != tunnel) {
            // Another peer or pace: what was found out about the old one is kept until the new one tells.
            found->second.tunnel = tunnel;
            found->second.next = now + tunnel.period;
        }
    }
}

void TunnelKeepalives::on_answer(IfIndex tunnel) {
    const auto found = states_.find(tunnel);
    if (found == states_.end()) {
        return;  // one that was under way when keepalives were switched off
    }
    found->second.unanswered = 0;
    if (std::exchange(found->second.down, false)) {
        changed_ = true;
    }
}

void TunnelKeepalives::on_time(TimePoint now) {
    for (auto& [index, state] : states_) {
        if (state.next > now) {
            continue;
        }
        state.next = now + state.tunnel.period;
        if (state.unanswered >= state.tunnel.retries) {
            if (!std::exchange(state.down, true)) {
                changed_ = true;
            }
        } else {
            ++state.unanswered;
        }
        packets_.push_back({index, write_keepalive(state.tunnel)});
    }
}

TimePoint TunnelKeepalives::next_deadline() const {
    TimePoint next = kNever;
    for (const auto& [index, state] : states_) {
        next = std::min(next, state.next);
    }
    return next;
}

std::vector<TunnelKeepalives::Send> TunnelKeepalives::take_packets() {
    return std::exchange(packets_, {});
}

bool TunnelKeepalives::down(IfIndex tunnel) const {
    const auto found = states_.find(tunnel);
    return found != states_.end() && found->second.down;
}

bool TunnelKeepalives::take_changed() {
    return std::exchange(changed_, false);
}

}  // namespace viaduct
