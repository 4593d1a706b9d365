#include "controlplane/arp/engine.h"

#include <algorithm>
#include <utility>

namespace viaduct::arp {

namespace {

constexpr std::uint16_t kRequest = 1;
constexpr std::uint16_t kReply = 2;
constexpr Duration kRetry = 1s;
constexpr unsigned kTries = 4;
constexpr Duration kLeftAlone = 5s;
constexpr Duration kRefreshBefore = 60s;

struct Message {
    std::uint16_t operation = 0;
    MacAddress sender_mac;
    Ipv4Address sender_ip;
    MacAddress target_mac;
    Ipv4Address target_ip;
};

MacAddress read_mac(ByteReader& reader) {
    MacAddress::Octets octets{};
    const auto bytes = reader.bytes(octets.size());
    std::copy(bytes.begin(), bytes.end(), octets.begin());
    return MacAddress{octets};
}

/// Padding behind the 28 bytes is the medium's and passed over.
std::optional<Message> parse(BytesView frame) {
    ByteReader reader(frame);
    reader.skip(14);
    const auto hardware = reader.u16();
    const auto protocol = reader.u16();
    const auto sizes = reader.u16();
    Message message;
    message.operation = reader.u16();
    message.sender_mac = read_mac(reader);
    message.sender_ip = reader.address();
    message.target_mac = read_mac(reader);
    message.target_ip = reader.address();
    const bool right = reader.ok() && hardware == 1 && protocol == 0x0800 && sizes == 0x0604 &&
                       (message.operation == kRequest || message.operation == kReply) &&
                       !message.sender_mac.is_multicast();
    return right ? std::optional(message) : std::nullopt;
}

bool owns(const Interface& on, Ipv4Address address) {
    return std::any_of(on.addresses.begin(), on.addresses.end(), [address](const auto& a) {
        return a.address == address;
    });
}

bool on_link(const Interface& on, Ipv4Address address) {
    return std::any_of(on.addresses.begin(), on.addresses.end(), [address](const auto& a) {
        return a.network().contains(address);
    });
}

bool is_alias(const Interface& on, Ipv4Address address) {
    return std::any_of(on.aliases.begin(), on.aliases.end(), [address](const auto& range) {
        return range.first <= address && address <= range.last;
    });
}

}  // namespace

Engine::Engine(Log& log, std::function<bool(IfIndex, Ipv4Address)> reaches_elsewhere)
    : log_(log), reaches_elsewhere_(std::move(reaches_elsewhere)) {}

const Interface* Engine::interface(IfIndex index) const {
    const auto found = interfaces_.find(index);
    return found == interfaces_.end() ? nullptr : &found->second;
}

void Engine::configure(TimePoint now,
                       std::vector<Interface> interfaces,
                       const std::vector<config::StaticArp>& fixed) {
    const auto before = std::exchange(interfaces_, {});
    for (auto& interface : interfaces) {
        interfaces_[interface.index] = std::move(interface);
    }
    std::vector<Key> gone;
    for (const auto& [key, entry] : entries_) {
        const auto* on = this->interface(key.first);
        if (on == nullptr || !on->up || !on_link(*on, key.second) ||
            entry.state == Entry::State::fixed) {
            gone.push_back(key);
        }
    }
    for (const auto& key : gone) {
        drop(key);
    }
    fixed_.clear();
    for (const auto& entry : fixed) {
        fixed_[entry.address] = entry.mac;
        for (const auto& [index, on] : interfaces_) {
            if (on.up && on_link(on, entry.address)) {
                auto& slot = entries_[{index, entry.address}];
                slot.state = Entry::State::fixed;
                slot.mac = entry.mac;
                slot.learned = now;
                actions_.emplace_back(SetNeighbor{index, entry.address, entry.mac});
            }
        }
    }
    for (const auto& [index, on] : interfaces_) {
        const auto old = before.find(index);
        for (const auto& address : on.addresses) {
            const bool known =
                old != before.end() && old->second.up && owns(old->second, address.address);
            if (on.up && !known) {
                // RFC 5227, section 3: an announcement is a request whose sender and target are the same.
                send(index,
                     MacAddress::broadcast(),
                     kRequest,
                     address.address,
                     MacAddress{},
                     address.address);
            }
        }
    }
}

void Engine::send(IfIndex interface,
                  MacAddress destination,
                  std::uint16_t operation,
                  Ipv4Address sender_ip,
                  MacAddress target_mac,
                  Ipv4Address target_ip) {
    const auto& mac = interfaces_.at(interface).mac;
    ByteWriter writer;
    writer.bytes(destination.octets()).bytes(mac.octets()).u16(0x0806);
    writer.u16(1).u16(0x0800).u16(0x0604).u16(operation);
    writer.bytes(mac.octets()).address(sender_ip).bytes(target_mac.octets()).address(target_ip);
    ++(operation == kRequest ? counters_.requests_sent : counters_.replies_sent);
    actions_.emplace_back(SendFrame{interface, writer.take()});
}

std::optional<Ipv4Address> Engine::own_address_for(const Interface& on, Ipv4Address peer) const {
    for (const auto& address : on.addresses) {
        if (address.network().contains(peer)) {
            return address.address;
        }
    }
    return on.addresses.empty() ? std::nullopt : std::optional(on.addresses.front().address);
}

void Engine::request(const Interface& on, Ipv4Address address, std::optional<MacAddress> known) {
    if (const auto own = own_address_for(on, address)) {
        send(on.index,
             known.value_or(MacAddress::broadcast()),
             kRequest,
             *own,
             known.value_or(MacAddress{}),
             address);
    }
}

void Engine::on_frame(TimePoint now, IfIndex interface, BytesView frame) {
    const auto found = interfaces_.find(interface);
    if (found == interfaces_.end() || !found->second.up) {
        return;
    }
    const auto& on = found->second;
    const auto message = parse(frame);
    if (!message) {
        ++counters_.malformed;
        return;
    }
    ++(message->operation == kRequest ? counters_.requests_received : counters_.replies_received);
    log_.debug(Debug::arp,
               "IP ARP: rcvd {} src {} {}, dst {} {}",
               message->operation == kRequest ? "req" : "rep",
               message->sender_ip.to_string(),
               message->sender_mac.to_string(),
               message->target_ip.to_string(),
               on.name.to_string());
    if (owns(on, message->sender_ip)) {
        if (message->sender_mac != on.mac) {
            log_.message("IP",
                         Severity::warnings,
                         "DUPADDR",
                         "Duplicate address {} on {}, sourced by {}",
                         message->sender_ip.to_string(),
                         on.name.to_string(),
                         message->sender_mac.to_string());
        }
        return;
    }
    const bool for_us = owns(on, message->target_ip) || is_alias(on, message->target_ip);
    const auto entry = entries_.find({interface, message->sender_ip});
    const bool probe = message->sender_ip.is_unspecified();
    if (!probe && entry == entries_.end() && !on_link(on, message->sender_ip)) {
        ++counters_.foreign;
        return;
    }
    // RFC 826: an existing entry is updated; a new one is made when we are the target.
    if (!probe && (for_us || entry != entries_.end())) {
        learn(now, interface, message->sender_ip, message->sender_mac);
    }
    if (message->operation != kRequest || message->sender_ip == message->target_ip) {
        return;
    }
    const bool proxied = !for_us && on.proxy && !on_link(on, message->target_ip) &&
                         reaches_elsewhere_(interface, message->target_ip);
    if (for_us || proxied) {
        send(interface,
             message->sender_mac,
             kReply,
             message->target_ip,
             message->sender_mac,
             message->sender_ip);
    }
}

void Engine::learn(TimePoint now, IfIndex interface, Ipv4Address address, MacAddress mac) {
    const Key key{interface, address};
    auto found = entries_.find(key);
    if (found == entries_.end()) {
        if (entries_.size() >= kMaxEntries) {
            ++counters_.table_full;
            return;
        }
        found = entries_.try_emplace(key).first;
        ++incomplete_;
    }
    auto& entry = found->second;
    if (entry.state == Entry::State::fixed) {
        return;
    }
    if (entry.state != Entry::State::reachable) {
        --incomplete_;
    }
    if (entry.state != Entry::State::reachable || entry.mac != mac) {
        actions_.emplace_back(SetNeighbor{interface, address, mac});
    }
    entry.state = Entry::State::reachable;
    entry.mac = mac;
    entry.learned = now;
    entry.tries = 0;
    const auto timeout = interfaces_.at(interface).timeout;
    set_deadline(key, entry, now + std::max<Duration>(timeout - kRefreshBefore, timeout / 2));
    for (auto& held : std::exchange(entry.held, {})) {
        actions_.emplace_back(ReleasePacket{interface, address, std::move(held.packet)});
    }
}

void Engine::on_wanted(
    TimePoint now, IfIndex interface, Ipv4Address address, IfIndex in, Bytes packet) {
    const auto* on = this->interface(interface);
    if (on == nullptr || !on->up) {
        return;
    }
    const Key key{interface, address};
    auto found = entries_.find(key);
    if (found == entries_.end()) {
        if (entries_.size() >= kMaxEntries || incomplete_ >= kMaxIncomplete) {
            ++counters_.table_full;
            return;
        }
        found = entries_.try_emplace(key).first;
        ++incomplete_;
        found->second.tries = 1;
        set_deadline(key, found->second, now + kRetry);
        request(*on, address, std::nullopt);
    }
    auto& entry = found->second;
    switch (entry.state) {
    case Entry::State::incomplete:
        if (entry.held.size() >= kHeldPackets) {
            entry.held.pop_front();
        }
        entry.held.push_back({in, std::move(packet)});
        break;
    case Entry::State::failed:
        actions_.emplace_back(UnreachablePacket{in, std::move(packet)});
        break;
    case Entry::State::reachable:
    case Entry::State::fixed:
        // Resolved between the punt and now.
        actions_.emplace_back(ReleasePacket{interface, address, std::move(packet)});
        break;
    }
}

void Engine::set_deadline(const Key& key, Entry& entry, TimePoint at) {
    if (entry.deadline != kNever) {
        deadlines_.erase({entry.deadline, key});
    }
    entry.deadline = at;
    if (at != kNever) {
        deadlines_.insert({at, key});
    }
}

void Engine::drop(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) {
        return;
    }
    auto& entry = found->second;
    set_deadline(key, entry, kNever);
    if (entry.state == Entry::State::reachable || entry.state == Entry::State::fixed) {
        actions_.emplace_back(RemoveNeighbor{key.first, key.second});
    } else {
        --incomplete_;
    }
    entries_.erase(found);
}

void Engine::time_out(TimePoint now, const Key& key) {
    auto& entry = entries_.at(key);
    const auto& on = interfaces_.at(key.first);
    if (entry.state == Entry::State::failed ||
        (entry.state == Entry::State::reachable && entry.tries >= kTries)) {
        drop(key);
        return;
    }
    if (entry.tries >= kTries) {
        entry.state = Entry::State::failed;
        for (auto& held : std::exchange(entry.held, {})) {
            actions_.emplace_back(UnreachablePacket{held.in, std::move(held.packet)});
        }
        set_deadline(key, entry, now + kLeftAlone);
        return;
    }
    ++entry.tries;
    const bool refresh = entry.state == Entry::State::reachable;
    request(on, key.second, refresh ? std::optional(entry.mac) : std::nullopt);
    set_deadline(key, entry, now + (refresh ? kRefreshBefore / kTries : kRetry));
}

void Engine::clear(TimePoint now) {
    std::vector<std::pair<Key, MacAddress>> known;
    for (const auto& [key, entry] : entries_) {
        if (entry.state == Entry::State::reachable) {
            known.emplace_back(key, entry.mac);
        }
    }
    // IOS: `clear arp-cache` asks every known neighbour again; those that answer stay.
    for (const auto& [key, mac] : known) {
        auto& entry = entries_.at(key);
        entry.tries = kTries - 1;
        request(interfaces_.at(key.first), key.second, mac);
        set_deadline(key, entry, now + kRetry);
    }
}

TimePoint Engine::next_deadline() const {
    return deadlines_.empty() ? kNever : deadlines_.begin()->first;
}

void Engine::on_time(TimePoint now) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        // A copy: what it names is taken out of the set on the way.
        const Key key = deadlines_.begin()->second;
        time_out(now, key);
    }
}

std::vector<Action> Engine::take_actions() {
    return std::exchange(actions_, {});
}

std::optional<MacAddress> Engine::find(IfIndex interface, Ipv4Address address) const {
    const auto found = entries_.find({interface, address});
    const bool known = found != entries_.end() && (found->second.state == Entry::State::reachable ||
                                                   found->second.state == Entry::State::fixed);
    return known ? std::optional(found->second.mac) : std::nullopt;
}

std::vector<EntryView> Engine::entries(TimePoint now) const {
    std::vector<EntryView> out;
    for (const auto& [index, on] : interfaces_) {
        for (const auto& address : on.addresses) {
            if (on.up) {
                out.push_back({address.address, on.mac, std::nullopt, index});
            }
        }
    }
    for (const auto& [key, entry] : entries_) {
        switch (entry.state) {
        case Entry::State::fixed:
            out.push_back({key.second, entry.mac, std::nullopt, key.first});
            break;
        case Entry::State::reachable:
            out.push_back({key.second, entry.mac, now - entry.learned, key.first});
            break;
        case Entry::State::incomplete:
        case Entry::State::failed:
            out.push_back({key.second, std::nullopt, Duration{0}, key.first});
            break;
        }
    }
    std::sort(out.begin(), out.end(), [](const EntryView& a, const EntryView& b) {
        return a.address < b.address;
    });
    return out;
}

}  // namespace viaduct::arp
