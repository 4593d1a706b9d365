#include "dataplane/bench.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>

#include "crypto/esp_reference.h"
#include "dataplane/base/checksum.h"
#include "dataplane/base/random.h"
#include "dataplane/packet.h"
#include "dataplane/plane.h"
#include "dataplane/ports/synthetic_port.h"

namespace viaduct::dataplane {

namespace {

using Path = BenchOptions::Path;

constexpr IfIndex kInside{1};
constexpr IfIndex kOutside{2};
constexpr IfIndex kTunnel{3};
constexpr PolicyId kPolicy{1};
constexpr AclId kAcl{1};
const Ipv4Address kNearGateway{192, 0, 2, 1};
const Ipv4Address kFarGateway{192, 0, 2, 2};
const MacAddress kInsideMac{MacAddress::Octets{2, 0, 0, 0, 0, 1}};
const MacAddress kOutsideMac{MacAddress::Octets{2, 0, 0, 0, 0, 2}};
const MacAddress kHostMac{MacAddress::Octets{2, 0, 0, 0, 0, 101}};
const MacAddress kPeerMac{MacAddress::Octets{2, 0, 0, 0, 0, 102}};
/// Distinct frames of a run with more routes or entries than one: enough to see all, small enough for
/// the second-level cache not to be what is measured.
constexpr std::uint32_t kMostFrames = 65536;
constexpr std::size_t kRound = 16384;  // packets between two looks at the clock
/// Inbound, the packets of a round are made afresh (unmeasured) and then read by the source: few enough to
/// lie in the second-level cache, where the frames of the other paths lie, and a NIC's.
constexpr std::size_t kInboundRound = 512;
constexpr auto kVirtualNow = TimePoint{Duration{1'000'000'000}};

Bytes frame_of(MacAddress to,
               MacAddress from,
               Ipv4Address source,
               Ipv4Address destination,
               std::uint16_t bytes) {
    ByteWriter w;
    w.bytes(to.octets()).bytes(from.octets()).u16(0x0800);
    ByteWriter ip;
    const auto length = static_cast<std::uint16_t>(bytes - 14);
    ip.u8(0x45).u8(0).u16(length).u16(0x1234).u16(0).u8(64).u8(kProtoUdp.value()).u16(0);
    ip.address(source).address(destination);
    ip.patch_u16(10, internet_checksum(ip.view()));
    ip.u16(1000).u16(2000).u16(static_cast<std::uint16_t>(length - 20)).u16(0);
    for (std::size_t i = 28; i < length; ++i) {
        ip.u8(static_cast<std::uint8_t>(i));
    }
    w.bytes(ip.view());
    return w.take();
}

/// A router between two synthetic ports.
struct Rig {
    explicit Rig(std::uint32_t max_sas) : plane(options_for(max_sas)) {
        auto buffers = std::make_shared<BufferStack>();
        auto in = std::make_unique<SourcePort>(kInsideMac, buffers);
        auto out = std::make_unique<SinkPort>(kOutsideMac, buffers);
        source = in.get();
        sink = out.get();
        plane.attach_port(kInside, std::move(in));
        plane.attach_port(kOutside, std::move(out));
        for (const auto& [index, mac] : {std::pair{kInside, kInsideMac}, {kOutside, kOutsideMac}}) {
            Interface i;
            i.index = index;
            i.up = true;
            i.mac = mac;
            interfaces.push_back(i);
        }
        plane.publish_interfaces(interfaces);
        NextHop n;
        n.kind = NextHop::Kind::ethernet;
        n.interface = kOutside;
        n.mac = kPeerMac;
        peer = plane.add_next_hop(n);
        n.kind = NextHop::Kind::local;
        local = plane.add_next_hop(n);
    }

    static PlaneOptions options_for(std::uint32_t max_sas) {
        PlaneOptions o;
        o.max_sas = max_sas;
        return o;
    }

    /// One turn of the worker, or of the ports alone; returns how many packets it carried.
    std::size_t turn() {
        if (!ports_alone) {
            return plane.run_once(0, kVirtualNow);
        }
        constexpr std::size_t kBurst = 64;  // the worker's
        std::array<rte_mbuf*, kBurst> frames;
        const auto count = source->receive(0, frames);
        return sink->transmit(0, std::span(frames).first(count));
    }

    /// Turns until the source is dry.
    void run_dry() {
        while (turn() != 0) {
        }
    }

    Plane plane;
    SourcePort* source = nullptr;
    SinkPort* sink = nullptr;
    std::vector<Interface> interfaces;
    NextHopId peer;
    NextHopId local;
    bool ports_alone = false;
};

/// Destination of the i-th route or entry: /24s side by side from 16.0.0.0 on; beyond 65,536 the
/// prefixes are scattered and up to /28 long, as a full table's are.
Ipv4Prefix prefix_of(std::uint32_t i, std::uint32_t count) {
    if (count <= 65536) {
        return Ipv4Prefix{Ipv4Address{0x10000000U + (i << 8U)}, 24};
    }
    const std::uint32_t scattered = i * 0x9E3779B1U;
    const std::uint32_t address = 0x01000000U + scattered % 0xDE000000U;
    return Ipv4Prefix{Ipv4Address{address >> 24U == 127 ? address + 0x01000000U : address},
                      18 + i % 8};
}

Selector selector_of(std::uint32_t i, std::uint32_t count) {
    Selector s;
    s.source = Ipv4Address{10, 0, 0, 0};
    s.source_mask = mask_of(8);
    s.destination = prefix_of(i, count).network();
    s.destination_mask = mask_of(24);
    return s;
}

SaParameters sa_of(const BenchOptions& o, std::uint32_t i, Random& random) {
    SaParameters p;
    p.local = kNearGateway;
    p.remote = kFarGateway;
    p.cipher = o.cipher;
    p.auth = o.auth;
    p.cipher_key = Secret(random.bytes(info(o.cipher).key_bytes + info(o.cipher).salt_bytes));
    p.auth_key = Secret(random.bytes(info(o.auth).key_bytes));
    p.replay_window = o.replay_window;
    p.path_mtu = 9000;
    p.interface = kOutside;
    p.selector = selector_of(i, o.entries);
    if (o.udp) {
        p.udp = UdpEncapsulation{kPortNatT, kPortNatT};
    }
    return p;
}

SaParameters reversed(const SaParameters& p) {
    auto r = p;
    std::swap(r.local, r.remote);
    std::swap(r.selector.source, r.selector.destination);
    std::swap(r.selector.source_mask, r.selector.destination_mask);
    return r;
}

class Bench {
public:
    explicit Bench(const BenchOptions& options) : o_(options), near_(o_.entries * 2 + 16) {}

    Result<BenchResult> run() {
        if (o_.frame_bytes.empty() || o_.entries == 0 || o_.routes == 0 || o_.seconds <= 0) {
            return failure(
                "a benchmark needs frames, at least one route and entry, and a time above 0");
        }
        if (auto ready = prepare(); !ready) {
            return tl::unexpected(ready.error());
        }
        make_frames();
        auto result = is_inbound() ? measure_inbound() : measure();
        if (auto right = check(result); !right) {
            return tl::unexpected(right.error());
        }
        result.cipher_path = near_.plane.cipher_path();
        return result;
    }

private:
    [[nodiscard]] bool is_inbound() const {
        return o_.path == Path::esp_in || o_.path == Path::gre_in || o_.path == Path::gre_esp_in;
    }

    [[nodiscard]] bool protects_gre() const {
        return o_.path == Path::gre_esp_out || o_.path == Path::gre_esp_in;
    }

    Result<void> prepare();
    Result<void> prepare_esp();
    void prepare_far();
    void prepare_tunnel();
    void add_tunnel(Rig& rig, Ipv4Address source) const;
    void prepare_acl();
    void make_frames();
    BenchResult measure();
    BenchResult measure_inbound();
    void finish(BenchResult& r, std::uint64_t cycles, Plane& plane);
    Result<void> check(BenchResult& r);
    Result<void> check_frame(BytesView in, BytesView out);
    Result<void> check_esp(BytesView in, BytesView esp);

    BenchOptions o_;
    Rig near_;  // encrypts; for esp_in it makes the packets
    std::unique_ptr<Rig> far_;  // decrypts: esp_in
    SeededRandom random_{1};
    std::vector<SaParameters> sas_;
    FrameStore frames_;
    std::uint64_t frame_bits_ = 0;
};

Result<void> Bench::prepare() {
    auto& plane = near_.plane;
    near_.ports_alone = o_.path == Path::ports;
    const auto count = o_.path == Path::forward ? o_.routes : o_.entries;
    for (std::uint32_t i = 0; i < count; ++i) {
        plane.set_route(prefix_of(i, count), near_.peer);
    }
    plane.set_route(Ipv4Prefix{kFarGateway, 32}, near_.peer);
    plane.set_route(Ipv4Prefix{kNearGateway, 32}, near_.local);
    plane.commit_routes();
    if (is_inbound()) {
        prepare_far();
    }
    switch (o_.path) {
    case Path::ports:
    case Path::forward:
        return {};
    case Path::forward_acl:
        prepare_acl();
        return {};
    case Path::esp_out:
    case Path::esp_in:
        return prepare_esp();
    case Path::gre_out:
    case Path::gre_in:
        prepare_tunnel();
        return {};
    case Path::gre_esp_out:
    case Path::gre_esp_in:
        if (auto ready = prepare_esp(); !ready) {
            return ready;
        }
        prepare_tunnel();
        return {};
    }
    return {};
}

void Bench::prepare_far() {
    far_ = std::make_unique<Rig>(o_.entries * 2 + 16);
    far_->interfaces[0].mtu = far_->interfaces[0].ip_mtu = 9000;
    far_->plane.publish_interfaces(far_->interfaces);
    for (std::uint32_t i = 0; i < o_.entries; ++i) {
        far_->plane.set_route(prefix_of(i, o_.entries), far_->peer);
    }
    far_->plane.set_route(Ipv4Prefix{kFarGateway, 32}, far_->local);
    far_->plane.commit_routes();
}

Result<void> Bench::prepare_esp() {
    auto& inbound = far_ ? far_->plane : near_.plane;
    std::vector<PolicyRule> rules;
    for (std::uint32_t i = 0; i < o_.entries; ++i) {
        auto p = sa_of(o_, i, random_);
        const auto reserved = inbound.reserve_inbound();
        if (!reserved) {
            return failure("the SA table is full");
        }
        p.spi = reserved->spi;
        if (protects_gre()) {
            p.tunnel_mode = false;
            p.protects_tunnel = true;
            p.interface = kTunnel;
        }
        const auto out = near_.plane.install_outbound(p);
        if (!out) {
            return tl::unexpected(out.error());
        }
        if (far_) {
            auto in = reversed(p);
            in.interface = protects_gre() ? kTunnel : kInside;  // where its packets come in, here
            if (auto installed = inbound.install_inbound(reserved->index, in); !installed) {
                return installed;
            }
        }
        PolicyRule rule;
        rule.priority = i;
        rule.selector = p.selector;
        rule.slot = near_.plane.add_slot();
        near_.plane.set_slot(rule.slot, *out);
        sas_.push_back(std::move(p));
        if (o_.dynamic) {
            near_.plane.add_flow(kPolicy, rule);
        } else {
            rules.push_back(rule);
        }
    }
    near_.interfaces[1].mtu = near_.interfaces[1].ip_mtu = 9000;
    if (!protects_gre()) {
        near_.plane.publish_policy(kPolicy, rules);
        near_.interfaces[1].policy = kPolicy;
        if (far_) {
            // The far end holds what comes in against its own crypto map.
            for (auto& r : rules) {
                std::swap(r.selector.source, r.selector.destination);
                std::swap(r.selector.source_mask, r.selector.destination_mask);
            }
            far_->plane.publish_policy(kPolicy, rules);
            far_->interfaces[0].policy = kPolicy;
            far_->plane.publish_interfaces(far_->interfaces);
        }
    }
    near_.plane.publish_interfaces(near_.interfaces);
    return {};
}

void Bench::add_tunnel(Rig& rig, Ipv4Address source) const {
    Interface i;
    i.index = kTunnel;
    i.kind = InterfaceKind::tunnel_multipoint;
    i.up = true;
    i.mtu = 9000;
    i.ip_mtu = 8000;
    i.tunnel.source = source;
    i.tunnel.key = 0;
    i.tunnel.protected_by_ipsec = protects_gre();
    rig.interfaces[1].mtu = rig.interfaces[1].ip_mtu = 9000;
    rig.interfaces.push_back(i);
    rig.plane.publish_interfaces(rig.interfaces);
}

void Bench::prepare_tunnel() {
    add_tunnel(near_, kNearGateway);
    if (far_) {
        add_tunnel(*far_, kFarGateway);
    }
    for (std::uint32_t n = 0; n < o_.entries; ++n) {
        NextHop hop;
        hop.kind = NextHop::Kind::tunnel;
        hop.interface = kTunnel;
        hop.nbma = kFarGateway;
        hop.slot = SlotId{protects_gre() ? n + 1 : 0};
        near_.plane.set_route(prefix_of(n, o_.entries), near_.plane.add_next_hop(hop));
    }
    near_.plane.commit_routes();
}

void Bench::prepare_acl() {
    std::vector<AclRule> rules;
    for (std::uint32_t i = 0; i + 1 < o_.entries; ++i) {
        AclRule deny;
        deny.selector.source =
            Ipv4Address{172, 16, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
        deny.selector.source_mask = mask_of(32);
        rules.push_back(deny);
    }
    AclRule permit;
    permit.permit = true;
    rules.push_back(permit);
    near_.plane.publish_acl(kAcl, rules);
    near_.interfaces[0].acl_in = kAcl;
    near_.plane.publish_interfaces(near_.interfaces);
}

void Bench::make_frames() {
    const auto targets = o_.path == Path::forward ? o_.routes : o_.entries;
    const auto sizes = static_cast<std::uint32_t>(o_.frame_bytes.size());
    const auto count = std::min(std::max(targets, 256U), kMostFrames) * sizes;
    for (std::uint32_t i = 0; i < count; ++i) {
        // Every target with every length; with more targets than frames, targets all over the table.
        const auto step = std::max(1U, targets / kMostFrames);
        const auto target = static_cast<std::uint32_t>(std::uint64_t{i / sizes} * step % targets);
        const auto prefix = prefix_of(target, targets);
        frames_.add(frame_of(kInsideMac,
                             kHostMac,
                             Ipv4Address{10, 1, 0, 2},
                             Ipv4Address{prefix.network().value() + 1},
                             o_.frame_bytes[i % sizes]));
        frame_bits_ += std::uint64_t{o_.frame_bytes[i % sizes]} * 8;
    }
}

void Bench::finish(BenchResult& r, std::uint64_t cycles, Plane& plane) {
    r.packets_per_second = static_cast<double>(r.packets) / r.seconds;
    r.gigabits_per_second = r.packets_per_second * static_cast<double>(frame_bits_) /
                            static_cast<double>(frames_.size()) / 1e9;
    r.cycles_per_packet =
        static_cast<double>(cycles) / static_cast<double>(std::max<std::uint64_t>(r.packets, 1));
    for (const auto& s : plane.stage_counters()) {
        if (s.packets != 0) {
            r.stages.push_back({s.stage,
                                s.packets,
                                s.vectors,
                                static_cast<double>(s.cycles) / static_cast<double>(s.packets),
                                static_cast<double>(s.cycles) / static_cast<double>(cycles)});
        }
    }
}

BenchResult Bench::measure() {
    BenchResult r;
    near_.source->load(&frames_, kRound);
    near_.run_dry();  // warm
    near_.plane.clear_counters();
    const auto sent_before = near_.sink->statistics().tx_packets;
    std::uint64_t received = 0;
    std::uint64_t cycles = 0;
    const auto start = o_.time.now();
    const auto end = start + duration_of(o_.seconds);
    near_.source->load(&frames_, 0);
    auto stop = start;
    const auto first_cycle = cycles_now();
    while (stop < end) {
        for (std::size_t n = 0; n < kRound;) {
            const auto handled = near_.turn();
            n += handled;
            received += handled;
        }
        stop = o_.time.now();
    }
    cycles = cycles_now() - first_cycle;
    r.seconds = std::chrono::duration<double>(stop - start).count();
    r.packets = near_.sink->statistics().tx_packets - sent_before;
    r.lost = received - r.packets;
    finish(r, cycles, near_.plane);
    return r;
}

/// In rounds: the near router encrypts (not measured), the far one decrypts.
BenchResult Bench::measure_inbound() {
    BenchResult r;
    FrameStore encrypted;
    near_.sink->keep_in(&encrypted);
    std::uint64_t cycles = 0;
    std::uint64_t received = 0;
    bool warm = false;
    const auto sent = [&] { return far_->sink->statistics().tx_packets; };
    auto sent_before = sent();
    near_.source->load(&frames_, 0);
    std::size_t at = 0;
    auto round = std::max(frames_.size(), kRound);  // the first touches all SAs
    while (r.seconds < o_.seconds) {
        encrypted.clear();
        FrameStore slice;
        for (std::size_t i = 0; i < round; ++i, at = (at + 1) % frames_.size()) {
            slice.add(frames_.at(at));
        }
        near_.source->load(&slice, round);
        near_.run_dry();
        for (std::size_t i = 0; i < encrypted.size(); ++i) {
            std::copy(kInsideMac.octets().begin(),
                      kInsideMac.octets().end(),
                      encrypted.bytes.begin() + encrypted.offsets[i]);
        }
        far_->source->load(&encrypted, encrypted.size());
        const auto start = o_.time.now();
        const auto first_cycle = cycles_now();
        far_->run_dry();
        cycles += cycles_now() - first_cycle;
        r.seconds += std::chrono::duration<double>(o_.time.now() - start).count();
        received += encrypted.size();
        if (!warm) {
            warm = true;
            round = kInboundRound;
            far_->plane.clear_counters();
            sent_before = sent();
            r.seconds = 0;
            cycles = 0;
            received = 0;
        }
    }
    r.packets = sent() - sent_before;
    r.lost = received - r.packets;
    finish(r, cycles, far_->plane);
    near_.sink->keep_in(nullptr);
    return r;
}

/// One more round, kept and looked at.
Result<void> Bench::check(BenchResult& r) {
    if (r.lost != 0) {
        std::string why;
        for (const auto& d : (far_ ? *far_ : near_).plane.drop_counters()) {
            why += d.packets == 0 ? "" : fmt::format(" {}={}", d.reason, d.packets);
        }
        return failure(
            fmt::format("{} of {} packets were lost:{}", r.lost, r.lost + r.packets, why));
    }
    FrameStore encrypted;
    FrameStore out;
    const auto count = std::min<std::size_t>(frames_.size(), 2048);
    near_.sink->keep_in(&out);
    near_.source->load(&frames_, count);
    near_.run_dry();
    if (far_) {
        encrypted = std::move(out);
        out = {};
        for (std::size_t i = 0; i < encrypted.size(); ++i) {
            std::copy(kInsideMac.octets().begin(),
                      kInsideMac.octets().end(),
                      encrypted.bytes.begin() + encrypted.offsets[i]);
        }
        far_->sink->keep_in(&out);
        far_->source->load(&encrypted, encrypted.size());
        far_->run_dry();
        far_->sink->keep_in(nullptr);
    }
    near_.sink->keep_in(nullptr);
    if (out.size() != count) {
        return failure(fmt::format("{} packets went in and {} came out", count, out.size()));
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (auto right = check_frame(frames_.at(i), out.at(i)); !right) {
            return failure(fmt::format("packet {}: {}", i, right.error().message));
        }
        ++r.checked;
    }
    return {};
}

/// The packet as it should leave after `hops` routers.
Bytes forwarded(BytesView ip, unsigned hops) {
    Bytes p(ip.begin(), ip.end());
    p[8] = static_cast<std::uint8_t>(p[8] - hops);
    p[10] = p[11] = 0;
    const auto sum = internet_checksum(BytesView(p).first(20));
    p[10] = static_cast<std::uint8_t>(sum >> 8U);
    p[11] = static_cast<std::uint8_t>(sum);
    return p;
}

Result<void> Bench::check_frame(BytesView in, BytesView out) {
    if (o_.path == Path::ports) {
        if (!std::equal(in.begin(), in.end(), out.begin(), out.end())) {
            return failure("it is not the frame that went in");
        }
        return {};
    }
    if (out.size() < 34 ||
        !std::equal(kPeerMac.octets().begin(), kPeerMac.octets().end(), out.begin()) ||
        internet_checksum(out.subspan(14, 20)) != 0) {
        return failure("wrong Ethernet header or IP checksum");
    }
    const auto ip = out.subspan(14);
    const auto expected = forwarded(in.subspan(14), far_ ? 2 : 1);
    switch (o_.path) {
    case Path::ports:
    case Path::forward:
    case Path::forward_acl:
    case Path::esp_in:
    case Path::gre_in:
    case Path::gre_esp_in:
        if (!std::equal(ip.begin(), ip.end(), expected.begin(), expected.end())) {
            return failure("it is not the packet that went in");
        }
        return {};
    case Path::gre_out:
        if (!std::equal(ip.begin() + 28, ip.end(), expected.begin(), expected.end())) {
            return failure("it is not the packet that went in, in GRE");
        }
        return {};
    case Path::esp_out:
    case Path::gre_esp_out:
        return check_esp(expected, ip.subspan(o_.udp ? 28 : 20));
    }
    return {};
}

Result<void> Bench::check_esp(BytesView expected, BytesView esp) {
    ByteReader spi_reader(esp);
    const Spi spi{spi_reader.u32()};
    const auto sa =
        std::find_if(sas_.begin(), sas_.end(), [spi](const auto& s) { return s.spi == spi; });
    if (sa == sas_.end()) {
        return failure("no SA has this SPI");
    }
    const auto reference = crypto::EspReference::make(
        sa->cipher, sa->auth, sa->cipher_key.view(), sa->auth_key.view());
    if (!reference) {
        return tl::unexpected(reference.error());
    }
    const auto opened = reference->decrypt(esp);
    if (!opened) {
        return tl::unexpected(opened.error());
    }
    const auto start = 8 + info(sa->cipher).iv_bytes + (o_.path == Path::gre_esp_out ? 8U : 0U);
    const auto inner = BytesView(*opened).subspan(start);
    if (inner.size() < expected.size() ||
        !std::equal(expected.begin(), expected.end(), inner.begin())) {
        return failure("what was encrypted is not the packet that went in");
    }
    return {};
}

}  // namespace

Result<BenchResult> run_bench(const BenchOptions& options) {
    return Bench(options).run();
}

}  // namespace viaduct::dataplane
