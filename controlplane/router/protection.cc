#include "controlplane/router/protection.h"

#include <algorithm>
#include <utility>

namespace viaduct {

namespace {

dataplane::DfPolicy df_policy(const std::string& of_policy,
                              const std::string& of_interface,
                              const std::string& global) {
    const auto& word = !of_policy.empty()      ? of_policy
                       : !of_interface.empty() ? of_interface
                                               : global;
    if (word == "clear") {
        return dataplane::DfPolicy::clear;
    }
    return word == "set" ? dataplane::DfPolicy::set : dataplane::DfPolicy::copy;
}

std::optional<dataplane::UdpEncapsulation> udp_of(const ike::ChildParameters& child) {
    if (!child.udp_encapsulation) {
        return std::nullopt;
    }
    return child.esp_udp ? dataplane::UdpEncapsulation{child.esp_udp->local, child.esp_udp->remote}
                         : dataplane::UdpEncapsulation{child.local.port, child.remote.port};
}

/// No medium here carries more.
constexpr std::uint16_t kLargestMtu = 9216;

/// From here on IKE is asked for fresh keys: a tenth before the hard limit; earlier where that tenth would be gone
/// before an exchange is done.
constexpr std::uint64_t soft_limit(std::uint64_t hard) {
    constexpr std::uint64_t kLeast = 16 << 20U;
    return hard - std::min(std::max(hard / 10, kLeast), hard / 2);
}

}  // namespace

Protection::Protection(dataplane::Plane& plane, Log& log) : plane_(plane), log_(log) {
    contexts_.resize(1);
}

dataplane::PolicyId Protection::policy_of(IfIndex interface) const {
    const auto found = policies_.find(interface);
    return found == policies_.end() ? dataplane::PolicyId{} : found->second.id;
}

// ── flows and slots ─────────────────────────────────────────────────────────────────────────────

Protection::Flow& Protection::flow(const FlowKey& key) {
    auto [found, fresh] = flows_.try_emplace(key);
    if (fresh) {
        found->second.key = key;
        found->second.slot = plane_.add_slot();
    }
    return found->second;
}

void Protection::drop_flow(const FlowKey& key) {
    const auto found = flows_.find(key);
    if (found == flows_.end()) {
        return;
    }
    auto& flow = found->second;
    if (flow.dynamic_rule) {
        const auto policy = policies_.find(key.policy.interface);
        if (policy != policies_.end()) {
            plane_.remove_flow(policy->second.id, *flow.dynamic_rule);
        }
    }
    plane_.set_slot(flow.slot, dataplane::kNoSa);
    tunnel_slots_.erase(flow.slot);
    plane_.remove_slot(flow.slot);
    flows_.erase(found);
}

void Protection::bind(Flow& flow, ike::ChildId child, SaIndex sa) {
    flow.outbound = child;
    plane_.set_slot(flow.slot, sa);
}

/// A hub behind a NAT is configured by its outer address, and known by both once IKE has seen the inner one:
/// the same station, the same slot.
std::optional<Protection::FlowKey> Protection::known_as_outer(const FlowKey& key) const {
    if (!key.peer.original || flows_.contains(key)) {
        return std::nullopt;
    }
    auto outer = key;
    outer.peer.original.reset();
    const auto found = flows_.find(outer);
    if (found == flows_.end() || !found->second.configured) {
        return std::nullopt;
    }
    const auto child = children_.find(found->second.outbound);
    const bool same =
        child == children_.end() || child->second.parameters.remote_original == key.peer.original;
    return same ? std::optional(outer) : std::nullopt;
}

dataplane::SlotId Protection::tunnel_slot(const ProtectedTunnel& tunnel, const Station& peer) {
    tunnels_[tunnel.interface] = tunnel;
    FlowKey key;
    key.policy.interface = tunnel.interface;
    key.policy.ipsec_profile = tunnel.profile;
    key.peer = peer;
    if (const auto outer = known_as_outer(key)) {
        return flows_.at(*outer).slot;
    }
    auto& wanted = flow(key);
    wanted.configured = true;
    tunnel_slots_[wanted.slot] = {tunnel.interface, peer};
    return wanted.slot;
}

void Protection::release_tunnel_slot(IfIndex tunnel, const Station& peer) {
    const auto settings = tunnels_.find(tunnel);
    if (settings == tunnels_.end()) {
        return;
    }
    FlowKey key;
    key.policy.interface = tunnel;
    key.policy.ipsec_profile = settings->second.profile;
    key.peer = peer;
    const auto found = flows_.find(key);
    if (found == flows_.end()) {
        return;
    }
    found->second.configured = false;
    if (found->second.outbound.value() == 0) {
        drop_flow(key);
    }
}

Protection::FlowKey Protection::flow_key_of(const ike::ChildParameters& child) const {
    FlowKey key;
    key.policy = child.policy;
    if (child.policy.crypto_map.empty() && child.policy.ezvpn.empty()) {
        // In tunnel mode GRE's own addresses are inside, and a NAT does not see them.
        key.peer = {child.tunnel_mode ? child.proxies.remote.address : child.remote.address,
                    child.remote_original};
        if (const auto outer = known_as_outer(key)) {
            return *outer;
        }
    } else {
        key.proxies = child.proxies;
    }
    return key;
}

// ── acquires ────────────────────────────────────────────────────────────────────────────────────

std::optional<ike::Acquire> Protection::acquire_tunnel(IfIndex tunnel, const Station& peer) const {
    const auto found = tunnels_.find(tunnel);
    if (found == tunnels_.end()) {
        return std::nullopt;
    }
    const auto& settings = found->second;
    const Ipv4Address host{0xFFFFFFFFU};
    ike::Acquire acquire;
    acquire.policy.interface = tunnel;
    acquire.policy.ipsec_profile = settings.profile;
    acquire.local = settings.source;
    acquire.peers = {peer.address};
    acquire.proxies.local = {settings.source, host, kProtoGre, 0};
    acquire.proxies.remote = {peer.address, host, kProtoGre, 0};
    acquire.transport = true;
    acquire.remote_original = peer.original;
    return acquire;
}

std::optional<ike::Acquire> Protection::acquire_for(const dataplane::Punt& punt) const {
    if (const auto tunnel = tunnel_slots_.find(punt.slot); tunnel != tunnel_slots_.end()) {
        return acquire_tunnel(tunnel->second.first, tunnel->second.second);
    }
    if (punt.cookie == 0 || punt.cookie >= contexts_.size()) {
        return std::nullopt;
    }
    const auto& context = contexts_[punt.cookie];
    const auto policy = policies_.find(context.policy.interface);
    if (context.kind != Context::Kind::static_line || policy == policies_.end() ||
        config_ == nullptr) {
        return std::nullopt;
    }
    const auto map = config_->crypto.maps.find(context.policy.crypto_map);
    if (map == config_->crypto.maps.end()) {
        return std::nullopt;
    }
    const auto entry = map->second.entries.find(context.policy.sequence);
    if (entry == map->second.entries.end() ||
        entry->second.kind != config::CryptoMapEntry::Kind::isakmp) {
        return std::nullopt;
    }
    ike::Acquire acquire;
    acquire.policy = context.policy;
    acquire.local = policy->second.local;
    acquire.proxies = context.proxies;
    for (const auto& peer : entry->second.peers) {
        if (const auto address = Ipv4Address::parse(peer)) {
            acquire.peers.push_back(*address);
        } else if (const auto host = config_->system.hosts.find(peer);
                   host != config_->system.hosts.end()) {
            acquire.peers.push_back(host->second);
        }
    }
    return acquire.peers.empty() ? std::nullopt : std::optional(acquire);
}

std::optional<std::string> Protection::client_for(const dataplane::Punt& punt) const {
    if (punt.cookie == 0 || punt.cookie >= contexts_.size() ||
        contexts_[punt.cookie].kind != Context::Kind::client_line) {
        return std::nullopt;
    }
    return contexts_[punt.cookie].policy.ezvpn;
}

std::optional<ike::DiscoverRequest> Protection::discover_for(const dataplane::Punt& punt) const {
    if (punt.cookie == 0 || punt.cookie >= contexts_.size() || punt.packet.size() < 20) {
        return std::nullopt;
    }
    const auto& context = contexts_[punt.cookie];
    const auto policy = policies_.find(context.policy.interface);
    if (context.kind != Context::Kind::discover_line || policy == policies_.end()) {
        return std::nullopt;
    }
    ByteReader reader(punt.packet);
    reader.skip(12);
    ike::DiscoverRequest request;
    request.policy = context.policy;
    request.local = policy->second.local;
    request.source = reader.address();
    request.destination = reader.address();
    request.local_proxy = context.proxies.local;
    request.remote_proxy = context.proxies.remote;
    return request;
}

std::optional<Station> Protection::station_of(SaIndex sa) const {
    const auto child = child_of(sa);
    const auto found = child ? children_.find(*child) : children_.end();
    if (found == children_.end() || found->second.flow.peer.address.is_unspecified()) {
        return std::nullopt;
    }
    return found->second.flow.peer;
}

std::optional<ike::ChildId> Protection::child_of(SaIndex sa) const {
    const auto found = by_sa_.find(sa);
    return found == by_sa_.end() ? std::nullopt : std::optional(found->second);
}

// ── children ────────────────────────────────────────────────────────────────────────────────────

dataplane::SaParameters Protection::parameters_of(const ike::ChildParameters& child,
                                                  Spi spi,
                                                  const ike::ChildKeys& keys) const {
    dataplane::SaParameters out;
    out.spi = spi;
    out.local = child.local.address;
    out.remote = child.remote.address;
    out.tunnel_mode = child.tunnel_mode;
    out.cipher = keys.cipher;
    out.auth = keys.auth;
    out.cipher_key = keys.cipher_key;
    out.auth_key = keys.auth_key;
    out.udp = udp_of(child);
    out.replay_window = child.replay_window;
    out.interface = child.policy.interface;
    out.protects_tunnel = child.policy.crypto_map.empty() && child.policy.ezvpn.empty();
    if (out.protects_tunnel) {
        // Behind a NAT the addresses of the proxies are not those on the wire: the tunnel's own look-up by
        // outer addresses and key decides, the SA holds it to GRE.
        out.selector.protocol = kProtoGre;
    } else {
        out.selector = selector_of(child.proxies);
    }
    const auto settings = esp_settings_.find(child.policy.interface);
    const std::string none;
    const auto& of_interface = settings == esp_settings_.end() ? none : settings->second.first;
    const auto& fragmentation = settings == esp_settings_.end() || settings->second.second.empty()
                                    ? config_->crypto.fragmentation
                                    : settings->second.second;
    out.df = df_policy(child.df_bit, of_interface, config_->crypto.df_bit);
    out.fragment_before_encryption = fragmentation != "after-encryption";
    // A tunnel's packets are held to the way out's own size in the dataplane; ICMP may say less of the path.
    const auto mtu = mtus_.find(child.policy.interface);
    out.path_mtu = out.protects_tunnel  ? kLargestMtu
                   : mtu == mtus_.end() ? std::uint16_t{1500}
                                        : mtu->second;
    if (child.lifetime_kb != 0) {
        out.hard_bytes = std::uint64_t{child.lifetime_kb} * 1024;
        out.soft_bytes = soft_limit(out.hard_bytes);
    }
    return out;
}

void Protection::install(const ike::InstallInbound& action) {
    auto& child = children_[action.child.id];
    child.parameters = action.child;
    child.flow = flow_key_of(action.child);
    child.inbound = action.reserved;
    child.spi_in = action.spi;
    by_sa_[action.reserved] = action.child.id;
    const auto done = plane_.install_inbound(action.reserved,
                                             parameters_of(action.child, action.spi, action.keys));
    if (!done) {
        log_.message("CRYPTO",
                     Severity::errors,
                     "IPSEC_SETUP_FAILURE",
                     "IPSEC setup: inbound SA 0x{:08X} for {}: {}",
                     action.spi.value(),
                     action.child.remote.address.to_string(),
                     done.error().message);
    }
}

void Protection::install(const ike::InstallOutbound& action) {
    auto& child = children_[action.child.id];
    if (child.outbound != dataplane::kNoSa && child.spi_out == action.spi) {
        // Said again: this pair is to carry the flow once more (after a collision, or when the peer took the newer
        // one away). The SA stands; a second one would begin its sequence numbers anew.
        bind(flow(child.flow), action.child.id, child.outbound);
        return;
    }
    child.parameters = action.child;
    child.flow = flow_key_of(action.child);
    child.spi_out = action.spi;
    const auto done = plane_.install_outbound(parameters_of(action.child, action.spi, action.keys));
    if (!done) {
        log_.message("CRYPTO",
                     Severity::errors,
                     "IPSEC_SETUP_FAILURE",
                     "IPSEC setup: outbound SA 0x{:08X} for {}: {}",
                     action.spi.value(),
                     action.child.remote.address.to_string(),
                     done.error().message);
        return;
    }
    child.outbound = *done;
    by_sa_[*done] = action.child.id;
    auto& wanted = flow(child.flow);
    bind(wanted, action.child.id, *done);
    const auto policy = policies_.find(action.child.policy.interface);
    if (!wanted.configured && !wanted.dynamic_rule && policy != policies_.end()) {
        dataplane::PolicyRule rule;
        rule.priority = flow_priority(action.child);
        rule.selector = selector_of(action.child.proxies);
        rule.slot = wanted.slot;
        plane_.add_flow(policy->second.id, rule);
        wanted.dynamic_rule = rule;
    }
    reverse_routes_changed_ = reverse_routes_changed_ || action.child.reverse_route;
}

void Protection::remove(const ike::RemoveChild& action) {
    const auto found = children_.find(action.id);
    if (found == children_.end()) {
        return;
    }
    auto& child = found->second;
    if (child.outbound != dataplane::kNoSa) {
        if (const auto flow = flows_.find(child.flow);
            flow != flows_.end() && flow->second.outbound == action.id) {
            bind(flow->second, ike::ChildId{}, dataplane::kNoSa);
            if (!flow->second.configured) {
                drop_flow(child.flow);
            }
        }
        by_sa_.erase(child.outbound);
        plane_.remove_sa(child.outbound);
        child.outbound = dataplane::kNoSa;
    }
    if (action.outbound_only) {
        return;
    }
    if (child.inbound != dataplane::kNoSa) {
        by_sa_.erase(child.inbound);
        plane_.remove_sa(child.inbound);
    }
    reverse_routes_changed_ = reverse_routes_changed_ || child.parameters.reverse_route;
    children_.erase(found);
}

void Protection::move(const ike::MoveChild& action) {
    const auto found = children_.find(action.id);
    if (found == children_.end()) {
        return;
    }
    auto& child = found->second;
    child.parameters.remote = action.remote;
    if (child.parameters.esp_udp && action.esp_port) {
        child.parameters.esp_udp->remote = *action.esp_port;
    }
    const auto udp = udp_of(child.parameters);
    for (const auto sa : {child.inbound, child.outbound}) {
        if (sa != dataplane::kNoSa) {
            plane_.update_sa_remote(sa, action.remote.address, udp);
        }
    }
}

void Protection::path_mtu(Ipv4Address remote, Spi spi, std::uint16_t mtu) {
    // RFC 1191: a router never says less than 68; below 576 nobody sane lives, and believing less would let a
    // stranger shrink our packets to nothing.
    constexpr std::uint16_t kLeast = 576;
    for (const auto& [id, child] : children_) {
        if (child.spi_out == spi && child.parameters.remote.address == remote &&
            child.outbound != dataplane::kNoSa) {
            plane_.update_sa_path_mtu(child.outbound, std::max(mtu, kLeast));
            return;
        }
    }
}

std::vector<std::pair<Ipv4Prefix, Ipv4Address>> Protection::reverse_routes() const {
    std::vector<std::pair<Ipv4Prefix, Ipv4Address>> out;
    for (const auto& [id, child] : children_) {
        const auto length = length_of_mask(child.parameters.proxies.remote.mask);
        if (child.parameters.reverse_route && child.outbound != dataplane::kNoSa && length) {
            out.emplace_back(Ipv4Prefix{child.parameters.proxies.remote.address, *length},
                             child.parameters.remote.address);
        }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(),
                          out.end(),
                          [](const auto& a, const auto& b) { return a.first == b.first; }),
              out.end());
    return out;
}

bool Protection::take_reverse_routes_changed() {
    return std::exchange(reverse_routes_changed_, false);
}

// ── ike::SpiSource, ike::SaUsageSource ──────────────────────────────────────────────────────────

std::optional<ike::SpiSource::Reservation> Protection::reserve() {
    const auto reservation = plane_.reserve_inbound();
    if (!reservation) {
        return std::nullopt;
    }
    return Reservation{reservation->index, reservation->spi};
}

void Protection::release(SaIndex index) {
    plane_.release_inbound(index);
}

ike::SaUsage Protection::usage(ike::ChildId child) const {
    const auto found = children_.find(child);
    return found == children_.end() ? ike::SaUsage{}
                                    : usage_of(found->second.inbound, found->second.outbound);
}

std::vector<ike::ManualSas> Protection::manual() const {
    std::vector<ike::ManualSas> out;
    for (const auto& [name, entry] : manual_) {
        out.push_back(entry.sas);
        out.back().usage = usage_of(entry.sas.inbound, entry.sas.outbound);
    }
    return out;
}

ike::SaUsage Protection::usage_of(SaIndex inbound, SaIndex outbound) const {
    ike::SaUsage out;
    if (inbound != dataplane::kNoSa) {
        const auto in = plane_.sa_counters(inbound);
        out.packets_in = in.packets;
        out.bytes_in = in.bytes;
        out.errors_in = in.replayed + in.bad_icv + in.bad_selector + in.malformed;
        out.last_in = in.last_used;
    }
    if (outbound != dataplane::kNoSa) {
        const auto sent = plane_.sa_counters(outbound);
        out.packets_out = sent.packets;
        out.bytes_out = sent.bytes;
        out.errors_out = sent.malformed;
        out.last_out = sent.last_used;
    }
    return out;
}

// ── manual keys ─────────────────────────────────────────────────────────────────────────────────

void Protection::install_manual(const config::RunningConfig& config,
                                IfIndex interface,
                                const InterfaceStatus& status) {
    const auto policy = policies_.find(interface);
    const std::string prefix = status.name.to_string() + "/";
    std::map<std::string, std::string> wanted;
    if (policy != policies_.end() && !policy->second.crypto_map.empty()) {
        for (const auto& [sequence, entry] :
             config.crypto.maps.at(policy->second.crypto_map).entries) {
            if (entry.kind == config::CryptoMapEntry::Kind::manual && entry.session_key_in &&
                entry.session_key_out && !entry.peers.empty() && !entry.transform_sets.empty()) {
                const auto& in = *entry.session_key_in;
                const auto& out = *entry.session_key_out;
                wanted[prefix + std::to_string(sequence)] =
                    policy->second.local.to_string() + entry.peers.front() +
                    entry.transform_sets.front() + std::to_string(in.spi) + in.cipher_hex +
                    in.authenticator_hex + std::to_string(out.spi) + out.cipher_hex +
                    out.authenticator_hex + entry.match_address;
            }
        }
    }
    for (auto it = manual_.begin(); it != manual_.end();) {
        const bool ours = it->first.starts_with(prefix);
        const auto still = wanted.find(it->first);
        if (ours && (still == wanted.end() || it->second.signature != still->second)) {
            plane_.remove_sa(it->second.sas.inbound);
            plane_.remove_sa(it->second.sas.outbound);
            it = manual_.erase(it);
        } else {
            ++it;
        }
    }
    for (const auto& [name, signature] : wanted) {
        if (manual_.contains(name)) {
            continue;
        }
        const auto sequence = static_cast<std::uint32_t>(std::stoul(name.substr(prefix.size())));
        const auto& entry = config.crypto.maps.at(policy->second.crypto_map).entries.at(sequence);
        const auto set = config.crypto.transform_sets.find(entry.transform_sets.front());
        const auto peer = Ipv4Address::parse(entry.peers.front());
        if (set == config.crypto.transform_sets.end() || !peer) {
            continue;
        }
        dataplane::SaParameters sa;
        sa.local = policy->second.local;
        sa.remote = *peer;
        sa.tunnel_mode = set->second.mode == config::IpsecMode::tunnel;
        sa.cipher = set->second.esp_cipher.value_or(crypto::Cipher::null);
        sa.auth = set->second.esp_auth.value_or(crypto::Auth::none);
        sa.interface = interface;
        sa.path_mtu = mtus_[interface];
        sa.replay_window =
            entry.replay_disable || config.crypto.replay_disable
                ? std::uint16_t{0}
                : entry.replay_window.value_or(config.crypto.replay_window.value_or(64));
        const auto& settings = esp_settings_[interface];
        sa.df = df_policy(entry.df_bit, settings.first, config.crypto.df_bit);
        sa.fragment_before_encryption = settings.second != "after-encryption";
        std::vector<FlowKey> flows;
        for (const auto& key : policy->second.static_flows) {
            if (key.policy.sequence == sequence) {
                flows.push_back(key);
            }
        }
        if (!flows.empty() && flows.size() == 1) {
            sa.selector = selector_of(flows.front().proxies);
        }
        sa.spi = Spi{entry.session_key_in->spi};
        sa.cipher_key = Secret(from_hex(entry.session_key_in->cipher_hex));
        sa.auth_key = Secret(from_hex(entry.session_key_in->authenticator_hex));
        const auto reserved = plane_.reserve_inbound();
        const auto in = reserved ? plane_.install_inbound(reserved->index, sa)
                                 : Result<void>(failure("the table of SAs is full"));
        sa.spi = Spi{entry.session_key_out->spi};
        sa.cipher_key = Secret(from_hex(entry.session_key_out->cipher_hex));
        sa.auth_key = Secret(from_hex(entry.session_key_out->authenticator_hex));
        const auto out = plane_.install_outbound(sa);
        if (!in || !out) {
            if (reserved && !in) {
                plane_.release_inbound(reserved->index);
            } else if (reserved) {
                plane_.remove_sa(reserved->index);
            }
            problems_.push_back("crypto map " + policy->second.crypto_map + " " +
                                std::to_string(sequence) + ": " +
                                (in ? out.error().message : in.error().message));
            continue;
        }
        auto& installed = manual_[name];
        installed.signature = signature;
        auto& sas = installed.sas;
        sas.policy.interface = interface;
        sas.policy.crypto_map = policy->second.crypto_map;
        sas.policy.sequence = sequence;
        sas.proxies = flows.empty() ? ike::ProxyPair{} : flows.front().proxies;
        sas.local = sa.local;
        sas.remote = sa.remote;
        sas.tunnel_mode = sa.tunnel_mode;
        sas.replay = sa.replay_window != 0;
        sas.cipher = sa.cipher;
        sas.auth = sa.auth;
        sas.spi_in = Spi{entry.session_key_in->spi};
        sas.spi_out = Spi{entry.session_key_out->spi};
        sas.inbound = reserved->index;
        sas.outbound = *out;
        for (const auto& key : flows) {
            plane_.set_slot(flow(key).slot, *out);
        }
    }
}

}  // namespace viaduct
