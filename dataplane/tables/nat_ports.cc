// Which ports of which global address are taken.
#include <bit>

#include "dataplane/tables/nat_table.h"

namespace viaduct::dataplane {

namespace {

struct PortRange {
    std::uint32_t first;
    std::uint32_t last;
};

/// IOS keeps a port in its class. An ICMP identifier has no classes.
constexpr PortRange kRanges[]{{1, 511}, {512, 1023}, {1024, 65535}};
constexpr PortRange kIdentifiers{0, 65535};

std::size_t protocol_place(std::uint8_t protocol) {
    return protocol == kProtoTcp.value() ? 0 : protocol == kProtoUdp.value() ? 1 : 2;
}

std::size_t class_of(std::uint8_t protocol, std::uint16_t port) {
    if (protocol == kProtoIcmp.value() || port >= 1024 || port == 0) {
        return 2;
    }
    return port >= 512 ? 1 : 0;
}

PortRange range_of(std::uint8_t protocol, std::size_t port_class) {
    return protocol == kProtoIcmp.value() ? kIdentifiers : kRanges[port_class];
}

std::uint32_t hash_of(std::uint32_t address) {
    return static_cast<std::uint32_t>((address * 0x9E3779B97F4A7C15U) >> 32U);
}

}  // namespace

NatPorts* NatTable::ports_of(std::uint32_t address, bool make) {
    const auto hash = hash_of(address);
    const auto reference =
        ports_index_.find(hash, [&](std::uint32_t r) { return ports_[r - 1].address == address; });
    if (reference != 0 || !make) {
        return reference != 0 ? &ports_[reference - 1] : nullptr;
    }
    auto place = free_ports_;
    if (place != kNone) {
        free_ports_ = ports_[place].next;
    } else if (ports_used_ < ports_.size()) {
        place = ports_used_++;
    } else {
        return nullptr;
    }
    auto& ports = ports_[place];
    ports.address = address;
    for (std::size_t p = 0; p < NatPorts::kProtocols; ++p) {
        for (std::size_t c = 0; c < NatPorts::kClasses; ++c) {
            ports.cursor[p][c] = (p == 2 ? kIdentifiers : kRanges[c]).first;
        }
    }
    if (!ports.ready) {
        ports.ready = true;
        // Another worker's ports are as good as taken: a port names its worker.
        for (std::uint32_t port = 0; port < 65536; ++port) {
            const bool ours = port % shape.workers == shape.worker;
            for (std::size_t p = 0; p < NatPorts::kProtocols; ++p) {
                const auto c = p == 2 ? 2 : class_of(0, static_cast<std::uint16_t>(port));
                const bool is_port = p == 2 || port != 0;
                ports.free[p][c] += ours && is_port ? 1 : 0;
                ports.used[p][port / 64] |= std::uint64_t{!ours} << port % 64;
            }
        }
    }
    ports_index_.insert(hash, place + 1);
    return &ports;
}

void NatTable::release(NatPorts& ports) {
    const auto place = static_cast<std::uint32_t>(&ports - &ports_[0]);
    ports_index_.erase(hash_of(ports.address), place + 1);
    ports.next = free_ports_;
    free_ports_ = place;
}

bool NatTable::may_use(std::uint32_t address, std::uint8_t protocol, std::uint16_t port) const {
    if (protocol == kProtoUdp.value()) {
        const bool dhcp = port == 67 || port == 68;
        const bool ike = port == kPortIsakmp.value() || port == kPortNatT.value();
        if (dhcp || (ike && own_ike.load(std::memory_order_relaxed))) {
            return false;
        }
    }
    // The router's own pings have these identifiers (controlplane/icmp/ping.cc).
    constexpr std::uint16_t kOwnIdentifiers = 0xFF00;
    if (protocol == kProtoIcmp.value() && port >= kOwnIdentifiers) {
        return false;
    }
    return !rules_->claims(protocol, {address, port});
}

void NatTable::set_port(NatPorts& ports, std::uint8_t protocol, std::uint16_t port, bool used) {
    const auto p = protocol_place(protocol);
    const auto bit = std::uint64_t{1} << port % 64U;
    auto& word = ports.used[p][port / 64U];
    word = used ? word | bit : word & ~bit;
    auto& left = ports.free[p][class_of(protocol, port)];
    left = used ? left - 1 : left + 1;
}

/// The same port where it can be had (RFC 4787, section 4.2.1: "port preservation"), else the next free one of its
/// class.
std::optional<std::uint16_t> NatTable::take_port(NatPorts& ports,
                                                 std::uint8_t protocol,
                                                 std::uint16_t wanted) {
    const auto p = protocol_place(protocol);
    const auto c = class_of(protocol, wanted);
    const auto& used = ports.used[p];
    const bool wanted_is_free = (used[wanted / 64U] >> wanted % 64U & 1U) == 0;
    const bool is_port = wanted != 0 || protocol == kProtoIcmp.value();
    if (ports.free[p][c] == 0) {
        return std::nullopt;
    }
    if (wanted_is_free && is_port && may_use(ports.address, protocol, wanted)) {
        set_port(ports, protocol, wanted, true);
        return wanted;
    }
    const auto range = range_of(protocol, c);
    const auto first_word = range.first / 64;
    const auto words = range.last / 64 - first_word + 1;
    const auto start = ports.cursor[p][c];
    // The word of the cursor comes twice: from the cursor on, and at the end whole.
    for (std::uint32_t i = 0; i <= words; ++i) {
        const auto word = first_word + (start / 64 - first_word + i) % words;
        auto left = ~used[word];
        left &= i == 0 ? ~std::uint64_t{0} << start % 64 : ~std::uint64_t{0};
        while (left != 0) {
            const auto port = word * 64 + static_cast<std::uint32_t>(std::countr_zero(left));
            left &= left - 1;
            if (port < range.first || port > range.last ||
                !may_use(ports.address, protocol, static_cast<std::uint16_t>(port))) {
                continue;
            }
            ports.cursor[p][c] = port == range.last ? range.first : port + 1;
            set_port(ports, protocol, static_cast<std::uint16_t>(port), true);
            return static_cast<std::uint16_t>(port);
        }
    }
    return std::nullopt;
}

}  // namespace viaduct::dataplane
