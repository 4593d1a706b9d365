#include "network.h"

#include <algorithm>

#include <catch2/catch.hpp>

namespace viaduct::nhrp::test {

Ipv4Address ip(std::string_view text) {
    const auto out = Ipv4Address::parse(text);
    REQUIRE(out);
    return *out;
}

Ipv4Prefix net(std::string_view text) {
    const auto out = Ipv4Prefix::parse(text);
    REQUIRE(out);
    return *out;
}

std::optional<Route> Routes::lookup(Ipv4Address destination) const {
    const Route* best = nullptr;
    for (const auto& [prefix, route] : table_) {
        if (prefix.contains(destination) &&
            (best == nullptr || prefix.length() > best->prefix.length())) {
            best = &route;
        }
    }
    return best == nullptr ? std::nullopt : std::optional{*best};
}

std::string Routes::interface_name(IfIndex index) const {
    return index == kLan ? "FastEthernet0/1" : index == kTunnel0 ? "Tunnel0" : "Tunnel1";
}

void Routes::add(std::string_view prefix, IfIndex out, std::string_view next_hop) {
    table_[net(prefix)] = {out, ip(next_hop), net(prefix)};
}

void Lines::on_message(const LogMessage& message) {
    auto text = message.facility.empty() ? message.text
                                         : fmt::format("%{}-{}-{}: {}",
                                                       message.facility,
                                                       static_cast<int>(message.severity),
                                                       message.mnemonic,
                                                       message.text);
    lines.push_back(std::move(text));
}

std::size_t Lines::count(std::string_view part) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        lines, [&](const std::string& line) { return line.find(part) != std::string::npos; }));
}

std::string Lines::missing_in_order(const std::vector<std::string>& wanted) const {
    auto it = lines.begin();
    for (const auto& line : wanted) {
        it = std::find(it, lines.end(), line);
        if (it == lines.end()) {
            return line;
        }
        ++it;
    }
    return {};
}

Node::Node(Network& owner, std::string node_name, std::uint64_t seed)
    : network(owner), name(std::move(node_name)), random(seed) {
    engine = std::make_unique<Engine>(random, log, routes, limits);
}

void Node::configure() {
    engine->configure(network.now, interfaces);
    run_actions();
}

void Node::power_off() {
    powered = false;
    engine.reset();
    adjacencies.clear();
    shortcuts.clear();
    multicast.clear();
}

void Node::power_on() {
    powered = true;
    engine = std::make_unique<Engine>(random, log, routes, limits);
    configure();
}

void Node::run_actions() {
    for (auto& action : engine->take_actions()) {
        if (auto* packet = std::get_if<SendPacket>(&action)) {
            if (network.record) {
                sent.push_back(*packet);
            }
            network.send(*this, *packet);
        } else if (auto* set = std::get_if<SetAdjacency>(&action)) {
            adjacencies[{set->tunnel, set->protocol_address}] = *set;
        } else if (auto* gone = std::get_if<RemoveAdjacency>(&action)) {
            CHECK(adjacencies.erase({gone->tunnel, gone->protocol_address}) == 1);
        } else if (auto* peers = std::get_if<SetMulticastPeers>(&action)) {
            multicast[peers->tunnel] = peers->peers;
        } else if (auto* want = std::get_if<RequestTunnel>(&action)) {
            network.request_sa(*this, want->nbma_remote);
        } else if (auto* release = std::get_if<ReleaseTunnel>(&action)) {
            ++released;
            network.release_sa(*this, release->nbma_remote);
        } else if (auto* reset = std::get_if<ResetTunnel>(&action)) {
            resets.push_back(reset->nbma_remote);
        } else if (auto* install = std::get_if<InstallRoute>(&action)) {
            shortcuts[install->prefix] = *install;
        } else if (auto* remove = std::get_if<RemoveRoute>(&action)) {
            CHECK(shortcuts.erase(remove->prefix) == 1);
        }
    }
    if (network.check) {
        CHECK(engine->is_consistent());
    }
}

void Node::route_packet(
    Ipv4Address source, Ipv4Address destination, IfIndex in, Ipv4Address from, unsigned ttl) {
    if (destination == interface().address) {
        ++data_received;
        return;
    }
    auto route = routes.lookup(destination);
    for (const auto& [prefix, shortcut] : shortcuts) {
        if (prefix.contains(destination) && (!route || prefix.length() >= route->prefix.length())) {
            route = Route{shortcut.tunnel, shortcut.next_hop, prefix, true};
        }
    }
    if (!route || ttl == 0) {
        ++data_dropped;
        return;
    }
    if (route->out == kLan) {
        ++data_received;
        return;
    }
    if (in == kTunnel0 || in == IfIndex{8}) {
        ++data_through;
        ByteWriter packet;
        packet.u8(0x45).zeros(7).u8(static_cast<std::uint8_t>(ttl)).u8(1).u16(0);
        packet.address(source).address(destination).zeros(40);
        engine->on_redirect(network.now, in, route->out, from, packet.view());
        run_actions();
    }
    const auto next = route->next_hop.is_unspecified() ? destination : route->next_hop;
    const std::pair key{route->out, next};
    auto it = adjacencies.find(key);
    if (it == adjacencies.end() || it->second.temporary) {
        engine->on_resolution_needed(network.now, route->out, next, destination);
        run_actions();
        it = adjacencies.find(key);
    }
    if (it == adjacencies.end()) {
        ++data_dropped;
        return;
    }
    engine->set_used(network.now, route->out, next);
    network.send_data(*this, it->second.nbma, source, destination, route->out, ttl - 1);
}

const SetAdjacency* Node::adjacency(std::string_view address) const {
    const auto it = adjacencies.find({interfaces.front().index, ip(address)});
    return it == adjacencies.end() ? nullptr : &it->second;
}

const CacheEntry* Node::entry(std::string_view target) const {
    const auto it = engine->cache().entries().find({interfaces.front().index, net(target)});
    return it == engine->cache().entries().end() ? nullptr : &it->second;
}

std::uint64_t Node::drops(Drop drop) const {
    std::uint64_t sum = 0;
    for (const auto& [index, tunnel] : engine->tunnels()) {
        sum += tunnel.traffic.drops.at(static_cast<std::size_t>(drop));
    }
    return sum;
}

Node& Network::add(const std::string& name,
                   std::string_view tunnel,
                   std::string_view nbma,
                   std::string_view lan) {
    auto& node = *(nodes_[name] = std::make_unique<Node>(*this, name, random_.u64()));
    Interface interface;
    interface.index = kTunnel0;
    interface.name = "Tunnel0";
    interface.address = ip(tunnel);
    interface.length = 24;
    interface.nbma = ip(nbma);
    interface.protection = true;
    interface.protection_profile = "cisco";
    interface.nhrp.authentication = "cisco123";
    interface.nhrp.network_id = 1;
    interface.nhrp.multicast_dynamic = true;
    node.interfaces.push_back(interface);
    node.routes.add(Ipv4Prefix(ip(tunnel), 24).to_string(), kTunnel0);
    if (!lan.empty()) {
        node.routes.add(lan, kLan);
    }
    return node;
}

void Network::document003() {
    add("sv9-2", "192.168.1.1", "209.168.202.225", "1.1.1.0/24");
    add("sv9-3", "192.168.1.2", "209.168.202.131", "2.2.2.0/24");
    add("sv9-4", "192.168.1.3", "209.168.202.130", "3.3.3.0/24");
    for (auto& [name, node] : nodes_) {
        // `version 12.3`: no NAT extension yet.
        node->interface().nat_extension = false;
        node->interface().cie_mtu = 1514;
        if (name != "sv9-2") {
            auto& nhrp = node->interface().nhrp;
            nhrp.maps.push_back({ip("192.168.1.1"), 32, ip("209.168.202.225")});
            nhrp.multicast_maps.push_back(ip("209.168.202.225"));
            nhrp.servers.push_back({ip("192.168.1.1")});
        }
    }
    auto& hub = *nodes_.at("sv9-2");
    hub.routes.add("2.2.2.0/24", kTunnel0, "192.168.1.2");
    hub.routes.add("3.3.3.0/24", kTunnel0, "192.168.1.3");
    nodes_.at("sv9-3")->routes.add("3.3.3.0/24", kTunnel0);
    nodes_.at("sv9-4")->routes.add("2.2.2.0/24", kTunnel0);
    nodes_.at("sv9-3")->routes.add("1.1.1.0/24", kTunnel0, "192.168.1.1");
    nodes_.at("sv9-4")->routes.add("1.1.1.0/24", kTunnel0, "192.168.1.1");
}

void Network::run_until(TimePoint end) {
    while (true) {
        TimePoint next = events_.empty() ? kNever : events_.begin()->first;
        for (auto& [name, node] : nodes_) {
            if (node->powered) {
                next = std::min(next, node->engine->next_deadline());
            }
        }
        if (next > end) {
            now = end;
            return;
        }
        now = std::max(now, next);
        for (auto& [name, node] : nodes_) {
            if (node->powered && node->engine->next_deadline() <= now) {
                node->engine->on_time(now);
                node->run_actions();
            }
        }
        while (!events_.empty() && events_.begin()->first <= now) {
            auto event = std::move(events_.extract(events_.begin()).mapped());
            event();
        }
    }
}

std::pair<std::string, std::string> Network::key(const Node& a, const Node& b) {
    return a.name < b.name ? std::pair{a.name, b.name} : std::pair{b.name, a.name};
}

bool Network::sa(const Node& a, const Node& b) const {
    return sas_.contains(key(a, b));
}

Node* Network::find(const Nbma& nbma, const Node& from) {
    for (auto& [name, node] : nodes_) {
        if (!node->powered || node.get() == &from) {
            continue;
        }
        const auto own = node->interface().nbma;
        const bool direct = !node->public_nbma && nbma.address == own;
        const bool through_nat =
            node->public_nbma == nbma.address && (!nbma.original || nbma.original == own);
        const bool behind_the_same =
            node->public_nbma && node->public_nbma == from.public_nbma && nbma.address == own;
        if (direct || through_nat || behind_the_same) {
            return node.get();
        }
    }
    return nullptr;
}

void Network::send(Node& from, const SendPacket& packet) {
    auto* to = find(packet.to, from);
    if (to == nullptr || (from.interface().protection && !sa(from, *to)) || random_.unit() < loss) {
        return;
    }
    const auto local = packet.to.address == to->interface().nbma && to->public_nbma.has_value();
    const auto source = local ? from.interface().nbma : from.outer();
    const int copies = random_.unit() < duplicate ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        const Duration extra =
            jitter > 0ns ? Duration(random_.below(static_cast<std::uint64_t>(jitter.count())))
                         : 0ns;
        at(now + delay + extra,
           [this, name = to->name, tunnel = packet.tunnel, source, bytes = packet.nhrp] {
               deliver(*nodes_.at(name), tunnel, source, bytes);
           });
    }
}

void Network::deliver(Node& to, IfIndex tunnel, Ipv4Address from, const Bytes& bytes) {
    if (to.powered) {
        to.engine->on_packet(now, tunnel, from, bytes);
        to.run_actions();
    }
}

void Network::send_data(Node& from,
                        const Nbma& to,
                        Ipv4Address source,
                        Ipv4Address destination,
                        IfIndex tunnel,
                        unsigned ttl) {
    auto* node = find(to, from);
    if (node == nullptr || (from.interface().protection && !sa(from, *node))) {
        ++from.data_dropped;
        return;
    }
    at(now + delay,
       [this, name = node->name, source, destination, tunnel, outer = from.outer(), ttl] {
           auto& target = *nodes_.at(name);
           if (target.powered) {
               target.route_packet(source, destination, tunnel, outer, ttl);
           }
       });
}

void Network::request_sa(Node& from, const Nbma& to) {
    if (!asked_.insert({from.name, to.address.to_string()}).second) {
        return;
    }
    auto* node = find(to, from);
    // Nobody behind a port-translating NAT can be called.
    const bool reachable = node != nullptr && ike_works &&
                           (!node->public_nbma || to.address == node->interface().nbma);
    at(now + ike_delay,
       [this, a = from.name, b = node == nullptr ? "" : node->name, to, reachable] {
           auto& one = *nodes_.at(a);
           asked_.erase({a, to.address.to_string()});
           if (!one.powered) {
               return;
           }
           if (!b.empty() && sa(one, *nodes_.at(b))) {
               return;  // the other was quicker
           }
           if (!reachable || !nodes_.at(b)->powered) {
               one.engine->on_tunnel_state(
                   now, one.interface().nbma, to.address, Engine::TunnelState::down, to.original);
               one.run_actions();
               return;
           }
           auto& other = *nodes_.at(b);
           sas_.insert(key(one, other));
           const bool inside =
               to.address == other.interface().nbma && other.public_nbma.has_value();
           const auto seen = inside ? one.interface().nbma : one.outer();
           const auto original =
               !inside && one.public_nbma ? std::optional{one.interface().nbma} : std::nullopt;
           other.engine->on_tunnel_state(
               now, other.interface().nbma, seen, Engine::TunnelState::up, original);
           other.run_actions();
           one.engine->on_tunnel_state(
               now, one.interface().nbma, to.address, Engine::TunnelState::up, to.original);
           one.run_actions();
       });
}

void Network::release_sa(Node& from, const Nbma& to) {
    auto* other = find(to, from);
    if (other == nullptr || sas_.erase(key(from, *other)) == 0) {
        return;
    }
    at(now + 1us, [this, a = from.name, b = other->name, to] {
        auto& one = *nodes_.at(a);
        auto& two = *nodes_.at(b);
        if (one.powered) {
            one.engine->on_tunnel_state(
                now, one.interface().nbma, to.address, Engine::TunnelState::down, to.original);
            one.run_actions();
        }
        if (two.powered) {
            const auto original =
                one.public_nbma ? std::optional{one.interface().nbma} : std::nullopt;
            two.engine->on_tunnel_state(
                now, two.interface().nbma, one.outer(), Engine::TunnelState::down, original);
            two.run_actions();
        }
    });
}

void Network::drop_sas(Node& node) {
    for (auto& [name, other] : nodes_) {
        if (sas_.erase(key(node, *other)) == 0) {
            continue;
        }
        const auto tell = [this](Node& who, const Node& about) {
            if (who.powered) {
                const auto original =
                    about.public_nbma ? std::optional{about.interfaces.front().nbma} : std::nullopt;
                who.engine->on_tunnel_state(
                    now, who.interface().nbma, about.outer(), Engine::TunnelState::down, original);
                who.run_actions();
            }
        };
        tell(*other, node);
        tell(node, *other);
    }
}

}  // namespace viaduct::nhrp::test
