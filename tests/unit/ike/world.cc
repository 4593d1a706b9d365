#include "tests/unit/ike/world.h"

#include <algorithm>

namespace viaduct::ike::test {

bool Lines::contains(std::string_view text) const {
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
        return line.find(text) != std::string::npos;
    });
}

Node::Node(World& w, std::string n, Ipv4Address a, std::uint64_t s)
    : world(w), name(std::move(n)), address(a), seed(s), random(s), offload(random) {
    interfaces.push_back({kOutside,
                          *config::InterfaceName::parse("FastEthernet0/0"),
                          a,
                          true,
                          "",
                          1500,
                          "",
                          false,
                          std::nullopt,
                          kNoInterface});
    engine = std::make_unique<Engine>(random, log, offload, *this, *this);
}

std::optional<SpiSource::Reservation> Node::reserve() {
    if (reserved.size() >= spi_limit) {
        return std::nullopt;
    }
    const SaIndex index{next_index++};
    reserved.insert(index);
    return Reservation{index,
                       Spi{(random.u32() & 0xFFFF0000U) | 0x10000U | (index.value() & 0xFFFFU)}};
}

SaUsage Node::usage(ChildId child) const {
    const auto it = pairs.find(child);
    return it == pairs.end() ? SaUsage{} : it->second.usage;
}

void Node::configure() {
    engine->configure(world.now, config, interfaces);
    drain();
}

void Node::acquire(const Acquire& acquire) {
    engine->on_acquire(world.now, acquire);
    drain();
}

void Node::reboot() {
    pairs.clear();
    current_of.clear();
    reserved.clear();
    (void)offload.take_done();
    engine = std::make_unique<Engine>(random, log, offload, *this, *this);
    configure();
}

namespace {

struct Apply {
    Node& node;

    void operator()(const SendPacket& packet) {
        node.sent.push_back(packet);
        node.world.send(node, packet);
    }

    void operator()(const InstallInbound& in) {
        auto& pair = node.pairs[in.child.id];
        pair.parameters = in.child;
        pair.spi_in = in.spi;
        pair.reserved = in.reserved;
        pair.keys_in = in.keys;
    }

    void operator()(const InstallOutbound& out) {
        auto& pair = node.pairs[out.child.id];
        pair.parameters = out.child;
        pair.spi_out = out.spi;
        pair.keys_out = out.keys;
        node.current_of[out.child.proxies] = out.child.id;
    }

    void operator()(const RemoveChild& gone) {
        auto& pair = node.pairs[gone.id];
        const auto current = node.current_of.find(pair.parameters.proxies);
        if (current != node.current_of.end() && current->second == gone.id) {
            node.current_of.erase(current);
        }
        if (gone.outbound_only) {
            pair.spi_out.reset();
        } else {
            node.reserved.erase(pair.reserved);
            node.pairs.erase(gone.id);
        }
    }

    void operator()(const MoveChild& moved) {
        node.pairs[moved.id].parameters.remote = moved.remote;
    }

    void operator()(const ChildState& state) { node.states.push_back(state); }

    void operator()(const AuthenticateUser& login) {
        if (node.on_login) {
            node.on_login(login);
        }
    }

    void operator()(const ClientConfigured& given) { node.configured.push_back(given); }
};

}  // namespace

void Node::drain() {
    while (true) {
        auto actions = engine->take_actions();
        auto done = hold_offload ? std::vector<crypto::JobResult>{} : offload.take_done();
        if (actions.empty() && done.empty()) {
            return;
        }
        for (const auto& action : actions) {
            std::visit(Apply{*this}, action);
        }
        for (auto& result : done) {
            engine->on_offload(world.now, std::move(result));
        }
    }
}

const Pair* Node::current(const ProxyPair& proxies) const {
    const auto it = current_of.find(proxies);
    return it == current_of.end() ? nullptr : &pairs.at(it->second);
}

std::size_t Node::ike_count() const {
    return engine->state().ikes.size();
}

std::size_t Node::established_count() const {
    const auto& ikes = engine->state().ikes;
    return static_cast<std::size_t>(std::count_if(
        ikes.begin(), ikes.end(), [](const auto& e) { return e.second->complete(); }));
}

// ── the network ─────────────────────────────────────────────────────────────────────────────────

Node& World::add(const std::string& name, Ipv4Address address) {
    nodes.push_back(std::make_unique<Node>(*this, name, address, random.u64()));
    return *nodes.back();
}

void World::at(TimePoint when, std::function<void()> run) {
    events_.push_back({when, order_++, std::move(run)});
    std::push_heap(events_.begin(), events_.end());
}

void World::send(Node& from, const SendPacket& packet) {
    (void)from;
    deliver_raw(packet.local, packet.remote, packet.payload);
}

void World::deliver_raw(const Endpoint& from, const Endpoint& to, Bytes payload) {
    ++datagrams;
    if (filter && !filter(from, to, payload)) {
        return;
    }
    const int copies = random.unit() < link.duplicate ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        if (random.unit() < link.loss) {
            continue;
        }
        const auto jitter = link.jitter.count() > 0
                                ? Duration(static_cast<std::int64_t>(random.below(
                                      static_cast<std::uint64_t>(link.jitter.count()))))
                                : Duration{};
        at(now + link.delay + jitter, [this, from, to, payload] { carry(from, to, payload); });
    }
}

void World::carry(Endpoint from, Endpoint to, Bytes payload) {
    for (auto& nat : nats) {
        if (nat.inside.contains(from.address) && !nat.inside.contains(to.address)) {
            auto [it, fresh] = nat.ports.try_emplace(from, L4Port{nat.next_port});
            nat.next_port = static_cast<std::uint16_t>(nat.next_port + (fresh ? 1 : 0));
            from = {nat.outside, it->second};
        }
        if (to.address == nat.outside) {
            const auto it =
                std::find_if(nat.ports.begin(), nat.ports.end(), [&](const auto& entry) {
                    return entry.second == to.port;
                });
            if (it == nat.ports.end()) {
                return;
            }
            to = it->first;
        }
    }
    arrive(from, to, payload);
}

void World::arrive(const Endpoint& from, const Endpoint& to, const Bytes& payload) {
    for (auto& node : nodes) {
        const bool transit =
            node->lan && node->lan->contains(to.address) && !node->lan->contains(from.address);
        if (node->address != to.address && !transit) {
            continue;
        }
        BytesView body(payload);
        if (to.port == kPortNatT && body.size() >= 4 &&
            std::all_of(body.begin(), body.begin() + 4, [](auto b) { return b == 0; })) {
            body = body.subspan(4);
        }
        node->engine->on_packet(now, {kOutside, to, from, body});
        node->drain();
    }
}

bool World::step(TimePoint limit) {
    auto next = events_.empty() ? kNever : events_.front().when;
    for (const auto& node : nodes) {
        next = std::min(next, node->engine->next_deadline());
    }
    if (next > limit) {
        now = limit;
        return false;
    }
    now = std::max(now, next);
    if (!events_.empty() && events_.front().when <= now) {
        std::pop_heap(events_.begin(), events_.end());
        auto event = std::move(events_.back());
        events_.pop_back();
        event.run();
        return true;
    }
    for (auto& node : nodes) {
        if (node->engine->next_deadline() <= now) {
            node->engine->on_time(now);
            node->drain();
        }
    }
    return true;
}

void World::run(Duration time) {
    const auto limit = now + time;
    while (step(limit)) {
    }
}

bool World::run_until(Duration limit, const std::function<bool()>& condition) {
    const auto end = now + limit;
    while (!condition()) {
        if (!step(end)) {
            return condition();
        }
    }
    return true;
}

void World::start_traffic() {
    traffic = true;
    at(now + 1s, [this] { tick_traffic(); });
}

void World::tick_traffic() {
    if (!traffic) {
        return;
    }
    for (auto& node : nodes) {
        const auto flows = node->current_of;
        for (const auto& entry : flows) {
            send_esp(*node, node->pairs.at(entry.second));
        }
    }
    at(now + 1s, [this] { tick_traffic(); });
}

void World::send_esp(Node& from, const Pair& pair) {
    ++esp_sent;
    auto& usage = from.pairs[pair.parameters.id].usage;
    ++usage.packets_out;
    usage.bytes_out += 100;
    usage.last_out = now;
    if (random.unit() < link.loss) {
        return;
    }
    const auto spi = *pair.spi_out;
    const auto key = pair.keys_out.cipher_key;
    const auto to = pair.parameters.remote.address;
    const auto from_name = from.name;
    at(now + link.delay, [this, spi, key, to, from_name] {
        for (auto& node : nodes) {
            const bool behind = std::any_of(nats.begin(), nats.end(), [&](const auto& nat) {
                return nat.outside == to && nat.inside.contains(node->address);
            });
            if (node->address != to && !behind) {
                continue;
            }
            for (auto& [id, p] : node->pairs) {
                if (p.spi_in == spi &&
                    std::ranges::equal(p.keys_in.cipher_key.view(), key.view())) {
                    ++p.usage.packets_in;
                    p.usage.bytes_in += 100;
                    p.usage.last_in = now;
                    if (!p.noticed) {
                        p.noticed = true;
                        const auto child = id;
                        node->engine->on_sa_notice(now, child, SaNotice::first_packet);
                        node->drain();
                    }
                    return;
                }
            }
        }
        ++esp_lost_by_sa;
        trouble.push_back(fmt::format(
            "{} s: {} sent by SPI {:08x}, nobody took it",
            std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() /
                1000.0,
            from_name,
            spi.value()));
    });
}

// ── configurations ──────────────────────────────────────────────────────────────────────────────

void configure_dmvpn(Node& node) {
    auto& crypto = node.config.crypto;
    node.config.system.hostname = node.name;
    crypto.policies[10] = {crypto::Cipher::des_cbc,
                           crypto::Hash::md5,
                           crypto::DhGroup::modp768,
                           config::IkeAuthentication::pre_share,
                           86400};
    crypto.keys = {{{0, "cisco123"}, Ipv4Address{}, Ipv4Address{}, "", false}};
    crypto.transform_sets["strong"] = {crypto::Cipher::tdes_cbc, crypto::Auth::hmac_md5_96};
    auto& profile = crypto.ipsec_profiles["cisco"];
    profile.transform_sets = {"strong"};
    profile.lifetime.seconds = 120;
    node.interfaces.resize(1);
    node.interfaces.push_back({kTunnel,
                               *config::InterfaceName::parse("Tunnel0"),
                               node.address,
                               true,
                               "",
                               1440,
                               "cisco",
                               true,
                               std::nullopt,
                               kOutside});
    node.configure();
}

Acquire dmvpn_acquire(const Node& from, const Node& to) {
    constexpr Ipv4Address kHost{0xFFFFFFFFU};
    Acquire a;
    a.policy.interface = kTunnel;
    a.policy.ipsec_profile = "cisco";
    a.local = from.address;
    a.peers = {to.address};
    a.proxies = {{from.address, kHost, kProtoGre, 0}, {to.address, kHost, kProtoGre, 0}};
    return a;
}

void configure_ted(Node& node, Ipv4Address lan, Ipv4Address peer_lan) {
    auto& crypto = node.config.crypto;
    node.config.system.hostname = node.name;
    node.lan = Ipv4Prefix(lan, 24);
    crypto.policies[10].authentication = config::IkeAuthentication::pre_share;
    crypto.keys = {{{0, "abc123"}, Ipv4Address{}, Ipv4Address{}, "", false}};
    crypto.transform_sets["ted-transforms"] = {crypto::Cipher::des_cbc, crypto::Auth::hmac_md5_96};
    auto& row = crypto.dynamic_maps["ted-map"].entries[10];
    row.transform_sets = {"ted-transforms"};
    row.match_address = "101";
    auto& entry = crypto.maps["tedtag"].entries[10];
    entry.kind = config::CryptoMapEntry::Kind::dynamic;
    entry.dynamic_map = "ted-map";
    entry.discover = true;
    config::AccessEntry line;
    line.sequence = 10;
    line.source = {lan, Ipv4Address{255}};
    line.destination = {peer_lan, Ipv4Address{255}};
    node.config.access_lists["101"].entries = {line};
    node.interfaces[0].crypto_map = "tedtag";
    node.configure();
}

DiscoverRequest ted_request(const Node& from,
                            Ipv4Address source,
                            Ipv4Address destination,
                            Ipv4Address lan,
                            Ipv4Address peer_lan) {
    DiscoverRequest r;
    r.policy.interface = kOutside;
    r.policy.crypto_map = "tedtag";
    r.policy.sequence = 10;
    r.policy.dynamic_map = "ted-map";
    r.policy.dynamic_sequence = 10;
    r.local = from.address;
    r.source = source;
    r.destination = destination;
    r.local_proxy = {lan, mask_of(24), std::nullopt, 0};
    r.remote_proxy = {peer_lan, mask_of(24), std::nullopt, 0};
    return r;
}

void configure_site(Node& node, const Node& peer, Ipv4Address lan, Ipv4Address peer_lan) {
    auto& crypto = node.config.crypto;
    node.config.system.hostname = node.name;
    crypto.policies[10] = {crypto::Cipher::aes_cbc_128,
                           crypto::Hash::sha1,
                           crypto::DhGroup::modp1024,
                           config::IkeAuthentication::pre_share,
                           86400};
    crypto.keys = {{{0, "cisco123"}, peer.address, Ipv4Address{0xFFFFFFFFU}, "", false}};
    crypto.transform_sets["ts"] = {crypto::Cipher::aes_cbc_128, crypto::Auth::hmac_sha1_96};
    auto& entry = crypto.maps["mymap"].entries[10];
    entry.transform_sets = {"ts"};
    entry.peers = {peer.address.to_string()};
    entry.match_address = "101";
    config::AccessEntry line;
    line.sequence = 10;
    line.source = {lan, Ipv4Address{255}};
    line.destination = {peer_lan, Ipv4Address{255}};
    node.config.access_lists["101"].entries = {line};
    node.interfaces[0].crypto_map = "mymap";
    node.configure();
}

Acquire site_acquire(const Node& from, const Node& to, Ipv4Address lan, Ipv4Address peer_lan) {
    Acquire a;
    a.policy.interface = kOutside;
    a.policy.crypto_map = "mymap";
    a.policy.sequence = 10;
    a.local = from.address;
    a.peers = {to.address};
    a.proxies = {{lan, mask_of(24), std::nullopt, 0}, {peer_lan, mask_of(24), std::nullopt, 0}};
    return a;
}

}  // namespace viaduct::ike::test
