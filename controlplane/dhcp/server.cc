#include "controlplane/dhcp/server.h"

#include <algorithm>
#include <utility>

namespace viaduct::dhcp {

namespace {

constexpr Duration kOfferHeld = 60s;
constexpr std::uint32_t kOneDay = 86400;
constexpr std::uint8_t kMaxHops = 16;
constexpr Ipv4Address kLimitedBroadcast{0xFFFFFFFFU};

Bytes client_of(const Message& message) {
    const auto found = message.options.find(option::kClientId);
    if (found != message.options.end() && found->second.size() >= 2) {
        return found->second;
    }
    ByteWriter id;
    id.u8(1).bytes(message.chaddr.octets());
    return id.take();
}

/// IOS writes identifiers as dotted groups of four digits: "0100.50da.bbf0.93".
Bytes identifier_of(const std::string& text) {
    std::string digits;
    std::copy_if(
        text.begin(), text.end(), std::back_inserter(digits), [](char c) { return c != '.'; });
    return from_hex(digits);
}

std::uint32_t lease_of(const config::DhcpPool& pool) {
    return pool.lease_infinite ? 0xFFFFFFFFU : pool.lease_s.value_or(kOneDay);
}

}  // namespace

void Server::configure(const config::DhcpConfig& config, std::vector<ServerInterface> interfaces) {
    config_ = config;
    interfaces_.clear();
    for (auto& interface : interfaces) {
        interfaces_[interface.index] = std::move(interface);
    }
    std::vector<Ipv4Address> gone;
    for (const auto& [address, binding] : bindings_) {
        if (!config_.pools.contains(binding.pool)) {
            gone.push_back(address);
        }
    }
    for (const auto address : gone) {
        unbind(address);
    }
}

const Server::PoolEntry* Server::pool_for(Ipv4Address subnet_address) const {
    const PoolEntry* best = nullptr;
    for (const auto& entry : config_.pools) {
        const auto& network = entry.second.network;
        if (network && network->contains(subnet_address) &&
            (best == nullptr || network->length() > best->second.network->length())) {
            best = &entry;
        }
    }
    return best;
}

const Server::PoolEntry* Server::manual_pool(const Bytes& client, MacAddress mac) const {
    for (const auto& entry : config_.pools) {
        const auto& pool = entry.second;
        const bool by_id =
            !pool.client_identifier.empty() && identifier_of(pool.client_identifier) == client;
        if (pool.host && (by_id || pool.hardware_address == mac)) {
            return &entry;
        }
    }
    return nullptr;
}

bool Server::free_for(const PoolEntry& pool,
                      Ipv4Address address,
                      const Bytes& client,
                      TimePoint now) const {
    const auto& network = *pool.second.network;
    if (!network.contains(address) || address == network.network() ||
        address == network.broadcast()) {
        return false;
    }
    const bool excluded =
        std::any_of(config_.excluded.begin(), config_.excluded.end(), [address](const auto& e) {
            return address >= e.first && address <= e.last;
        });
    const bool own =
        std::any_of(interfaces_.begin(), interfaces_.end(), [address](const auto& item) {
            return item.second.address == address;
        });
    if (excluded || own) {
        return false;
    }
    const auto found = bindings_.find(address);
    return found == bindings_.end() || found->second.client == client ||
           found->second.expires <= now;
}

std::optional<Ipv4Address> Server::choose(TimePoint now,
                                          const PoolEntry& pool,
                                          const Bytes& client,
                                          MacAddress mac,
                                          std::optional<Ipv4Address> wanted) {
    if (const auto* manual = manual_pool(client, mac)) {
        return manual->second.host->address;
    }
    if (const auto own = by_client_.find(client);
        own != by_client_.end() && free_for(pool, own->second, client, now)) {
        return own->second;
    }
    if (wanted && free_for(pool, *wanted, client, now)) {
        return wanted;
    }
    const auto& network = *pool.second.network;
    const std::uint32_t first = network.network().value() + 1;
    const std::uint32_t last = network.broadcast().value() - 1;
    auto& next = next_address_[pool.first];
    if (next.value() < first || next.value() > last) {
        next = Ipv4Address{first};
    }
    // One turn around the network; a full one is bounded by the number of bindings that we keep.
    const std::uint64_t size = std::uint64_t{last} - first + 1;
    const auto turns =
        std::min<std::uint64_t>(size, kMaxBindings + config_.excluded.size() * 65536);
    for (std::uint64_t i = 0; i < turns; ++i) {
        const auto candidate = next;
        next = Ipv4Address{candidate.value() == last ? first : candidate.value() + 1};
        if (free_for(pool, candidate, client, now)) {
            return candidate;
        }
    }
    return std::nullopt;
}

void Server::unbind(Ipv4Address address) {
    const auto found = bindings_.find(address);
    if (found == bindings_.end()) {
        return;
    }
    expiries_.erase({found->second.expires, address});
    if (const auto own = by_client_.find(found->second.client);
        own != by_client_.end() && own->second == address) {
        by_client_.erase(own);
    }
    bindings_.erase(found);
}

void Server::bind(TimePoint now,
                  Ipv4Address address,
                  const PoolEntry& pool,
                  const Bytes& client,
                  MacAddress mac,
                  bool offered) {
    if (const auto own = by_client_.find(client);
        own != by_client_.end() && own->second != address) {
        unbind(own->second);
    }
    unbind(address);
    Binding binding;
    binding.address = address;
    binding.client = client;
    binding.mac = mac;
    binding.pool = pool.first;
    binding.offered = offered;
    const auto* manual = manual_pool(client, mac);
    binding.manual = manual != nullptr;
    const auto lease = lease_of(manual != nullptr ? manual->second : pool.second);
    binding.expires = offered                ? now + kOfferHeld
                      : lease == 0xFFFFFFFFU ? kNever
                                             : now + std::chrono::seconds(lease);
    if (binding.expires != kNever) {
        expiries_.insert({binding.expires, address});
    }
    by_client_[client] = address;
    bindings_[address] = std::move(binding);
}

void Server::on_request(TimePoint now,
                        IfIndex interface,
                        Ipv4Address /*source*/,
                        Ipv4Address destination,
                        Message message) {
    const auto found = interfaces_.find(interface);
    const auto type = message.type();
    if (found == interfaces_.end() || !type) {
        ++counters_.malformed;
        return;
    }
    const auto& on = found->second;
    const auto client = client_of(message);
    const auto subnet = !message.giaddr.is_unspecified() ? message.giaddr
                        : !message.ciaddr.is_unspecified() && destination != kLimitedBroadcast
                            ? message.ciaddr
                            : on.address;
    const auto* pool = config_.service ? pool_for(subnet) : nullptr;
    if (pool == nullptr) {
        if (!on.helpers.empty() && destination == kLimitedBroadcast) {
            relay(on, std::move(message));
        } else {
            ++counters_.no_pool;
        }
        return;
    }
    switch (*type) {
    case MessageType::discover:
        ++counters_.discover;
        discover(now, on, message, *pool);
        break;
    case MessageType::request:
        ++counters_.request;
        request(now, on, message, *pool);
        break;
    case MessageType::decline:
        ++counters_.decline;
        if (const auto address = message.address_option(option::kRequestedAddress)) {
            const auto bound = bindings_.find(*address);
            if (bound != bindings_.end() && bound->second.client == client) {
                unbind(*address);
                // RFC 2131, 4.3.3: the address is in use by somebody else: nobody gets it for an hour.
                bind(now, *address, *pool, from_hex("00"), MacAddress{}, false);
                log_.message("DHCPD",
                             Severity::warnings,
                             "DECLINE_CONFLICT",
                             "DHCP address conflict:  client declined {}.",
                             address->to_string());
            }
        }
        break;
    case MessageType::release:
        ++counters_.release;
        if (const auto bound = bindings_.find(message.ciaddr);
            bound != bindings_.end() && bound->second.client == client) {
            unbind(message.ciaddr);
        }
        break;
    case MessageType::inform:
        ++counters_.inform;
        answer(on, message, *pool, MessageType::ack, Ipv4Address{}, on.address);
        break;
    case MessageType::offer:
    case MessageType::ack:
    case MessageType::nak:
        ++counters_.malformed;
        break;
    }
}

void Server::discover(TimePoint now,
                      const ServerInterface& on,
                      const Message& message,
                      const PoolEntry& pool) {
    const auto client = client_of(message);
    if (bindings_.size() >= kMaxBindings && !by_client_.contains(client)) {
        ++counters_.table_full;
        return;
    }
    const auto address = choose(
        now, pool, client, message.chaddr, message.address_option(option::kRequestedAddress));
    if (!address) {
        ++counters_.exhausted;
        log_.message("DHCPD",
                     Severity::warnings,
                     "POOL_EXHAUSTED",
                     "pool {} has no free address for {}",
                     pool.first,
                     message.chaddr.to_string());
        return;
    }
    const auto bound = bindings_.find(*address);
    if (bound == bindings_.end() || bound->second.offered || bound->second.client != client) {
        bind(now, *address, pool, client, message.chaddr, true);
    }
    ++counters_.offer;
    answer(on, message, pool, MessageType::offer, *address, on.address);
}

void Server::request(TimePoint now,
                     const ServerInterface& on,
                     const Message& message,
                     const PoolEntry& pool) {
    const auto client = client_of(message);
    const auto server = message.address_option(option::kServerId);
    if (server && *server != on.address) {
        // It chose another server: what we offered is free again.
        if (const auto own = by_client_.find(client);
            own != by_client_.end() && bindings_.at(own->second).offered) {
            unbind(own->second);
        }
        return;
    }
    const auto wanted = message.ciaddr.is_unspecified()
                            ? message.address_option(option::kRequestedAddress)
                            : std::optional(message.ciaddr);
    const auto* manual = manual_pool(client, message.chaddr);
    const bool right = wanted && (manual != nullptr ? manual->second.host->address == *wanted
                                                    : free_for(pool, *wanted, client, now));
    if (!right) {
        ++counters_.nak;
        Message nak;
        nak.reply = true;
        nak.xid = message.xid;
        nak.giaddr = message.giaddr;
        nak.chaddr = message.chaddr;
        nak.broadcast = true;
        nak.set_type(MessageType::nak);
        nak.set_address(option::kServerId, on.address);
        nak.set_text(option::kMessage, "requested address not available");
        deliver(on, message, std::move(nak), on.address);
        return;
    }
    if (bindings_.size() >= kMaxBindings && !bindings_.contains(*wanted)) {
        ++counters_.table_full;
        return;
    }
    bind(now, *wanted, pool, client, message.chaddr, false);
    ++counters_.ack;
    answer(on, message, pool, MessageType::ack, *wanted, on.address);
}

void Server::answer(const ServerInterface& on,
                    const Message& asked,
                    const PoolEntry& pool,
                    MessageType type,
                    Ipv4Address address,
                    Ipv4Address server_id) {
    const auto* manual = manual_pool(client_of(asked), asked.chaddr);
    const auto& settings = pool.second;
    Message reply;
    reply.reply = true;
    reply.xid = asked.xid;
    reply.broadcast = asked.broadcast;
    reply.ciaddr = type == MessageType::ack ? asked.ciaddr : Ipv4Address{};
    reply.yiaddr = address;
    reply.siaddr = settings.next_server.value_or(Ipv4Address{});
    reply.giaddr = asked.giaddr;
    reply.chaddr = asked.chaddr;
    reply.set_type(type);
    reply.set_address(option::kServerId, server_id);
    if (!address.is_unspecified()) {
        const auto lease = lease_of(manual != nullptr ? manual->second : settings);
        reply.set_number(option::kLeaseTime, lease);
        reply.set_number(option::kRenewalTime, lease / 2);
        reply.set_number(option::kRebindingTime, lease / 8 * 7);
    }
    const auto length =
        manual != nullptr ? manual->second.host->length : settings.network->length();
    reply.set_address(option::kMask, mask_of(length));
    reply.set_addresses(option::kRouters, settings.default_routers);
    reply.set_addresses(option::kDnsServers, settings.dns_servers);
    reply.set_text(option::kDomainName, settings.domain_name);
    reply.set_addresses(option::kNetbiosServers, settings.netbios_servers);
    reply.set_text(option::kBootFile, settings.bootfile);
    if (const auto agent = asked.options.find(option::kAgentInformation);
        agent != asked.options.end()) {
        reply.options[agent->first] = agent->second;  // RFC 3046, 2.2: echoed
    }
    deliver(on, asked, std::move(reply), server_id);
}

void Server::deliver(const ServerInterface& on,
                     const Message& asked,
                     Message reply,
                     Ipv4Address server_id) {
    const auto bytes = write(reply);
    if (!asked.giaddr.is_unspecified()) {
        actions_.emplace_back(
            ServerUnicast{server_id, asked.giaddr, kServerPort, kServerPort, bytes});
    } else if (!asked.ciaddr.is_unspecified() && !reply.broadcast) {
        actions_.emplace_back(
            ServerUnicast{server_id, asked.ciaddr, kServerPort, kClientPort, bytes});
    } else if (reply.broadcast) {
        actions_.emplace_back(
            ServerReply{on.index, on.address, kLimitedBroadcast, MacAddress::broadcast(), bytes});
    } else {
        actions_.emplace_back(ServerReply{on.index, on.address, reply.yiaddr, asked.chaddr, bytes});
    }
}

void Server::relay(const ServerInterface& on, Message message) {
    // RFC 1542, 4.1.1: hops counted, giaddr filled once, with the address of the interface it came from.
    if (message.hops >= kMaxHops) {
        ++counters_.relay_dropped;
        return;
    }
    ++message.hops;
    if (message.giaddr.is_unspecified()) {
        message.giaddr = on.address;
    }
    for (const auto helper : on.helpers) {
        ++counters_.relayed;
        actions_.emplace_back(
            ServerUnicast{on.address, helper, kServerPort, kServerPort, write(message)});
    }
}

void Server::on_reply(TimePoint /*now*/, const Message& message) {
    for (const auto& [index, on] : interfaces_) {
        if (on.up && on.address == message.giaddr && !message.giaddr.is_unspecified()) {
            ++counters_.relayed;
            const bool broadcast = message.broadcast || message.yiaddr.is_unspecified();
            actions_.emplace_back(ServerReply{index,
                                              on.address,
                                              broadcast ? kLimitedBroadcast : message.yiaddr,
                                              broadcast ? MacAddress::broadcast() : message.chaddr,
                                              write(message)});
            return;
        }
    }
    ++counters_.relay_dropped;
}

std::size_t Server::clear_bindings(std::optional<Ipv4Address> address) {
    std::vector<Ipv4Address> gone;
    for (const auto& [bound, binding] : bindings_) {
        if (!address || bound == *address) {
            gone.push_back(bound);
        }
    }
    for (const auto bound : gone) {
        unbind(bound);
    }
    return gone.size();
}

TimePoint Server::next_deadline() const {
    return expiries_.empty() ? kNever : expiries_.begin()->first;
}

void Server::on_time(TimePoint now) {
    while (!expiries_.empty() && expiries_.begin()->first <= now) {
        unbind(expiries_.begin()->second);
    }
}

std::vector<ServerAction> Server::take_actions() {
    return std::exchange(actions_, {});
}

}  // namespace viaduct::dhcp
