#include <algorithm>
#include <new>

#include "crypto/primitives.h"
#include "dataplane/base/check.h"
#include "dataplane/packet.h"
#include "dataplane/plane_impl.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

namespace {

std::unique_ptr<Random> make_random(std::uint64_t seed) {
    if (seed == 0) {
        return std::make_unique<crypto::SystemRandom>();
    }
    return std::make_unique<SeededRandom>(seed);
}

}  // namespace

Plane::Impl::Impl(const PlaneOptions& options)
    : random(make_random(options.random_seed)), tables(options, *random) {
    for (unsigned i = 0; i < options.workers; ++i) {
        workers.push_back(std::make_unique<Worker>(tables, i, options));
    }
}

void Plane::Impl::start_engines() {
    for (auto& engine : tables.engines) {
        if (engine == nullptr) {
            engine = std::make_unique<crypto::EspEngine>(*random);
        }
    }
}

namespace {

PlaneOptions checked(PlaneOptions options) {
    VIADUCT_CHECK(options.workers >= 1 && options.workers <= 64);
    return options;
}

Parcel* parcel_of(rte_mbuf* buffer) {
    return reinterpret_cast<Parcel*>(Packet{buffer}.private_area());
}

Punt punt_of(rte_mbuf* buffer) {
    const auto& parcel = *parcel_of(buffer);
    const auto& m = parcel.meta;
    Punt punt;
    punt.reason = parcel.reason;
    punt.in = IfIndex{m.in};
    punt.out = IfIndex{m.out};
    punt.address = Ipv4Address{m.gateway};
    punt.nbma = Ipv4Address{m.nbma};
    punt.sa = SaIndex{m.sa};
    punt.slot = SlotId{m.slot};
    punt.cookie = m.cookie;
    punt.code = m.code;
    punt.mtu = parcel.mtu;
    const auto view = Packet{buffer}.view();
    punt.packet.assign(view.begin(), view.end());
    return punt;
}

}  // namespace

Plane::Plane(const PlaneOptions& options) : impl_(std::make_unique<Impl>(checked(options))) {}

Plane::~Plane() = default;

// ── interfaces ──

void Plane::attach_port(IfIndex interface, std::unique_ptr<Port> port) {
    auto& t = impl_->tables;
    t.interfaces.set_port(interface, t.ports.attach(interface, std::move(port)));
    t.next_hops.rebuild();
}

Port* Plane::port(IfIndex interface) {
    return impl_->tables.ports.find(interface);
}

void Plane::publish_interfaces(std::span<const Interface> interfaces) {
    auto& t = impl_->tables;
    t.interfaces.publish(interfaces);
    t.nat.set_own_ike(std::any_of(interfaces.begin(), interfaces.end(), [](const auto& i) {
        return i.policy.value() != 0 || i.tunnel.protected_by_ipsec;
    }));
    t.next_hops.rebuild();
    t.route_generation.fetch_add(1, std::memory_order_release);
}

void Plane::publish_esp_udp_ports(std::span<const L4Port> ports) {
    impl_->tables.esp_udp_ports.publish(ports);
}

// ── forwarding ──

NextHopId Plane::add_next_hop(const NextHop& next_hop) {
    return impl_->tables.next_hops.add(next_hop);
}

void Plane::update_next_hop(NextHopId id, const NextHop& next_hop) {
    impl_->tables.next_hops.update(id, next_hop);
}

void Plane::remove_next_hop(NextHopId id) {
    impl_->tables.next_hops.remove(id);
    impl_->tables.route_generation.fetch_add(1, std::memory_order_release);
}

void Plane::set_route(const Ipv4Prefix& prefix, NextHopId next_hop) {
    impl_->tables.routes.set(prefix, next_hop);
}

void Plane::remove_route(const Ipv4Prefix& prefix) {
    impl_->tables.routes.remove(prefix);
}

void Plane::commit_routes() {
    impl_->tables.routes.commit();
    impl_->tables.route_generation.fetch_add(1, std::memory_order_release);
}

// ── what the router sends itself ──

bool Plane::inject(BytesView packet, const InjectOptions& options) {
    const bool ip = options.gre_protocol == 0x0800;
    if (packet.empty() || (ip && packet.size() < wire::kIpv4Bytes)) {
        return false;
    }
    auto* buffer = buffer_of(packet);
    if (buffer == nullptr) {
        return false;
    }
    auto* parcel = new (Packet{buffer}.private_area()) Parcel;
    auto& m = parcel->meta;
    m.buffer = buffer;
    m.l3 = Packet{buffer}.data();
    m.length = static_cast<std::uint16_t>(packet.size());
    m.set(kOurs);
    if (ip) {
        read_header(m);
        if (m.length < m.header_bytes || m.length > packet.size()) {
            free_buffer(buffer);
            return false;
        }
    } else {
        m.set(kRawGre);
    }
    m.gre_protocol = options.gre_protocol;
    if (options.bypass_policy) {
        m.set(kBypassPolicy);
    }
    if (options.interface) {
        m.set(kForcedOut);
        m.out = options.interface->value();
    }
    m.gateway = options.next_hop.value_or(Ipv4Address{}).value();
    m.nbma = options.nbma.value_or(Ipv4Address{}).value();
    m.slot = options.slot.value();
    auto& worker = *impl_->workers[impl_->next_inject];
    impl_->next_inject = (impl_->next_inject + 1) % static_cast<unsigned>(impl_->workers.size());
    if (!worker.injected.put(buffer)) {
        free_buffer(buffer);
        return false;
    }
    return true;
}

bool Plane::inject_frame(IfIndex interface, BytesView frame) {
    if (frame.size() < wire::kEthernetBytes) {
        return false;
    }
    auto* buffer = buffer_of(frame);
    if (buffer == nullptr) {
        return false;
    }
    auto* parcel = new (Packet{buffer}.private_area()) Parcel;
    parcel->meta.buffer = buffer;
    parcel->meta.length = static_cast<std::uint16_t>(frame.size());
    parcel->meta.out = interface.value();
    parcel->resume = Parcel::Resume::frame;
    if (!impl_->workers[0]->injected.put(buffer)) {
        free_buffer(buffer);
        return false;
    }
    return true;
}

// ── what comes up ──

std::vector<Punt> Plane::take_punts(std::size_t limit) {
    std::vector<Punt> out;
    const auto take = [&](Ring<rte_mbuf*> Worker::* ring) {
        for (auto& w : impl_->workers) {
            rte_mbuf* buffer = nullptr;
            while (out.size() < limit && ((*w).*ring).take(buffer)) {
                out.push_back(punt_of(buffer));
                free_buffer(buffer);
            }
        }
    };
    take(&Worker::urgent_punts);
    take(&Worker::other_punts);
    return out;
}

std::vector<SaEvent> Plane::take_events() {
    std::vector<SaEvent> out;
    for (auto& w : impl_->workers) {
        EventRecord e;
        while (w->events.take(e)) {
            out.push_back({e.kind, SaIndex{e.sa}, Ipv4Address{e.remote}, L4Port{e.remote_port}});
        }
    }
    return out;
}

std::vector<NextHopId> Plane::take_used_next_hops() {
    return impl_->tables.next_hops.take_used();
}

// ── driving ──

std::size_t Plane::run_once(unsigned index, TimePoint now) {
    VIADUCT_CHECK(index < impl_->workers.size());
    return impl_->workers[index]->run_once(now);
}

unsigned Plane::workers() const {
    return static_cast<unsigned>(impl_->workers.size());
}

void Plane::reclaim() {
    impl_->tables.rcu.reclaim();
    impl_->tables.nat.reclaim();
}

// ── counters ──

InterfaceCounters Plane::interface_counters(IfIndex interface) const {
    return impl_->tables.interfaces.counters(interface);
}

namespace {

std::vector<StageCounters> sum_stages(std::span<const std::unique_ptr<Worker>> workers) {
    std::vector<StageCounters> out;
    for (std::size_t s = 0; s < kStageCount; ++s) {
        StageCounters c{std::string(stage_name(static_cast<Stage>(s)))};
        for (const auto& w : workers) {
            c.packets += w->stages[s].packets.value();
            c.vectors += w->stages[s].vectors.value();
            c.cycles += w->stages[s].cycles.value();
        }
        out.push_back(std::move(c));
    }
    return out;
}

std::uint64_t sum_drops(std::span<const std::unique_ptr<Worker>> workers, std::size_t reason) {
    std::uint64_t sum = 0;
    for (const auto& w : workers) {
        sum += w->drops[reason].value();
    }
    return sum;
}

}  // namespace

std::vector<StageCounters> Plane::stage_counters() const {
    auto out = sum_stages(impl_->workers);
    for (std::size_t i = 0; i < impl_->stages_cleared.size(); ++i) {
        out[i].packets -= impl_->stages_cleared[i].packets;
        out[i].vectors -= impl_->stages_cleared[i].vectors;
        out[i].cycles -= impl_->stages_cleared[i].cycles;
    }
    return out;
}

std::vector<DropCounter> Plane::drop_counters() const {
    std::vector<DropCounter> out;
    for (std::size_t i = 0; i < kDropCount; ++i) {
        out.push_back({std::string(drop_name(static_cast<Drop>(i))),
                       sum_drops(impl_->workers, i) - impl_->drops_cleared[i]});
    }
    return out;
}

void Plane::clear_counters() {
    impl_->tables.interfaces.clear_counters();
    impl_->stages_cleared = sum_stages(impl_->workers);
    for (std::size_t i = 0; i < kDropCount; ++i) {
        impl_->drops_cleared[i] = sum_drops(impl_->workers, i);
    }
}

}  // namespace viaduct::dataplane
