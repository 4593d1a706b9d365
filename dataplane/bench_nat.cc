#include "dataplane/bench_nat.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

#include "dataplane/base/checksum.h"
#include "dataplane/packet.h"
#include "dataplane/plane.h"
#include "dataplane/ports/synthetic_port.h"

namespace viaduct::dataplane {

namespace {

constexpr IfIndex kInside{1};
constexpr IfIndex kOutside{2};
constexpr AclId kAcl{1};
constexpr std::uint32_t kPool = 0xC6120001;  // 198.18.0.1 …
const Ipv4Address kServer{203, 0, 113, 9};
const MacAddress kInsideMac{MacAddress::Octets{2, 0, 0, 0, 0, 1}};
const MacAddress kOutsideMac{MacAddress::Octets{2, 0, 0, 0, 0, 2}};
const MacAddress kHostMac{MacAddress::Octets{2, 0, 0, 0, 0, 101}};
const MacAddress kPeerMac{MacAddress::Octets{2, 0, 0, 0, 0, 102}};
constexpr std::size_t kRound = 16384;  // packets between two looks at the clock
constexpr auto kVirtualNow = TimePoint{Duration{1'000'000'000}};

std::uint16_t udp_checksum(BytesView ip) {
    ByteWriter w;
    w.bytes(ip.subspan(12, 8)).u8(0).u8(kProtoUdp.value());
    w.u16(static_cast<std::uint16_t>(ip.size() - 20)).bytes(ip.subspan(20));
    return internet_checksum(w.view());
}

/// Flow i: one of 64 ports of its host.
Bytes frame_of(std::uint32_t i, std::uint16_t bytes) {
    ByteWriter ip;
    const auto length = static_cast<std::uint16_t>(bytes - 14);
    ip.u8(0x45).u8(0).u16(length).u16(0x1234).u16(0).u8(64).u8(kProtoUdp.value()).u16(0);
    ip.address(Ipv4Address{0x0A010000U + i / 64 + 2}).address(kServer);
    ip.patch_u16(10, internet_checksum(ip.view()));
    ip.u16(static_cast<std::uint16_t>(20000 + i % 64)).u16(2000);
    ip.u16(static_cast<std::uint16_t>(length - 20)).u16(0);
    for (std::size_t at = 28; at < length; ++at) {
        ip.u8(static_cast<std::uint8_t>(at));
    }
    ip.patch_u16(26, udp_checksum(ip.view()));
    ByteWriter w;
    w.bytes(kInsideMac.octets()).bytes(kHostMac.octets()).u16(0x0800).bytes(ip.view());
    return w.take();
}

std::size_t resident_bytes() {
    std::size_t pages = 0;
    if (auto* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
        if (std::fscanf(file, "%*u %zu", &pages) != 1) {
            pages = 0;
        }
        (void)std::fclose(file);
    }
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class Bench {
public:
    explicit Bench(const NatBenchOptions& options) : o_(options), plane_(options_for(options)) {
        auto buffers = std::make_shared<BufferStack>();
        auto in = std::make_unique<SourcePort>(kInsideMac, buffers);
        auto out = std::make_unique<SinkPort>(kOutsideMac, buffers);
        source_ = in.get();
        sink_ = out.get();
        plane_.attach_port(kInside, std::move(in));
        plane_.attach_port(kOutside, std::move(out));
        Interface inside;
        inside.index = kInside;
        inside.up = true;
        inside.mac = kInsideMac;
        inside.nat_side = 1;
        Interface outside = inside;
        outside.index = kOutside;
        outside.mac = kOutsideMac;
        outside.nat_side = 2;
        plane_.publish_interfaces(std::vector{inside, outside});
        NextHop peer;
        peer.kind = NextHop::Kind::ethernet;
        peer.interface = kOutside;
        peer.mac = kPeerMac;
        plane_.set_route(Ipv4Prefix{Ipv4Address{}, 0}, plane_.add_next_hop(peer));
        plane_.commit_routes();
        AclRule permit;
        permit.permit = true;
        permit.selector.source = Ipv4Address{10, 0, 0, 0};
        permit.selector.source_mask = mask_of(8);
        plane_.publish_acl(kAcl, std::vector{permit});
        NatDynamic rule;
        rule.id = 1;
        rule.match = kAcl;
        rule.out = kOutside;
        rule.overload = true;
        rule.range = {Ipv4Address{kPool}, Ipv4Address{kPool + o_.flows / 60000}};
        NatPolicy policy;
        policy.dynamics = {rule};
        plane_.publish_nat(policy);
        for (std::uint32_t i = 0; i < o_.flows; ++i) {
            frames_.add(frame_of(i, o_.frame_bytes));
        }
    }

    Result<NatBenchResult> run() {
        make_sessions();
        measure();
        if (auto right = check(); !right) {
            return tl::unexpected(right.error());
        }
        return r_;
    }

private:
    static PlaneOptions options_for(const NatBenchOptions& o) {
        PlaneOptions p;
        p.nat_sessions = o.flows;
        return p;
    }

    void run_dry() {
        while (plane_.run_once(0, kVirtualNow) != 0) {
        }
    }

    void make_sessions() {
        // Buffers are taken before, so that they are not counted.
        const auto before = resident_bytes();
        source_->load(&frames_, frames_.size());
        const auto start = o_.time.now();
        run_dry();
        const auto seconds = std::chrono::duration<double>(o_.time.now() - start).count();
        r_.sessions_per_second = o_.flows / seconds;
        r_.bytes_per_session = static_cast<double>(resident_bytes() - before) / o_.flows;
    }

    void measure() {
        auto& p = r_.packets;
        source_->load(&frames_, std::max(frames_.size(), kRound));
        run_dry();  // warm
        plane_.clear_counters();
        const auto sent_before = sink_->statistics().tx_packets;
        std::uint64_t received = 0;
        source_->load(&frames_, 0);
        const auto start = o_.time.now();
        const auto end = start + duration_of(o_.seconds);
        auto stop = start;
        const auto first_cycle = cycles_now();
        while (stop < end) {
            for (std::size_t n = 0; n < kRound;) {
                const auto handled = plane_.run_once(0, kVirtualNow);
                n += handled;
                received += handled;
            }
            stop = o_.time.now();
        }
        const auto cycles = cycles_now() - first_cycle;
        p.seconds = std::chrono::duration<double>(stop - start).count();
        p.packets = sink_->statistics().tx_packets - sent_before;
        p.lost = received - p.packets;
        p.packets_per_second = static_cast<double>(p.packets) / p.seconds;
        p.gigabits_per_second = p.packets_per_second * o_.frame_bytes * 8 / 1e9;
        p.cycles_per_packet = static_cast<double>(cycles) /
                              static_cast<double>(std::max<std::uint64_t>(p.packets, 1));
        for (const auto& s : plane_.stage_counters()) {
            if (s.packets != 0) {
                p.stages.push_back({s.stage,
                                    s.packets,
                                    s.vectors,
                                    static_cast<double>(s.cycles) / static_cast<double>(s.packets),
                                    static_cast<double>(s.cycles) / static_cast<double>(cycles)});
            }
        }
    }

    /// One more round, looked at: whole packets, sums computed anew, no global endpoint twice.
    Result<void> check() {
        if (r_.packets.lost != 0) {
            return failure(fmt::format("{} packets were lost", r_.packets.lost));
        }
        FrameStore out;
        const auto count = std::min<std::size_t>(frames_.size(), 65536);
        sink_->keep_in(&out);
        source_->load(&frames_, count);
        run_dry();
        sink_->keep_in(nullptr);
        if (out.size() != count) {
            return failure(fmt::format("{} packets went in and {} came out", count, out.size()));
        }
        std::set<std::pair<std::uint32_t, std::uint16_t>> seen;
        for (std::size_t i = 0; i < count; ++i) {
            const auto in = frames_.at(i).subspan(14);
            const auto ip = out.at(i).subspan(14);
            ByteReader r(ip.subspan(12));
            const auto source = r.u32();
            (void)r.u32();
            const auto port = r.u16();
            const bool same = std::equal(ip.begin() + 16, ip.begin() + 20, in.begin() + 16) &&
                              std::equal(ip.begin() + 22, ip.begin() + 26, in.begin() + 22) &&
                              std::equal(ip.begin() + 28, ip.end(), in.begin() + 28, in.end());
            if (!same || ip[8] != 63 || internet_checksum(ip.first(20)) != 0 ||
                udp_checksum(ip) != 0 || source < kPool || source > kPool + o_.flows / 60000) {
                return failure(fmt::format("packet {} is not what it should be", i));
            }
            if (!seen.insert({source, port}).second) {
                return failure(fmt::format("packet {} has another one's port", i));
            }
            ++r_.packets.checked;
        }
        return {};
    }

    NatBenchOptions o_;
    NatBenchResult r_;
    Plane plane_;
    SourcePort* source_ = nullptr;
    SinkPort* sink_ = nullptr;
    FrameStore frames_;
};

}  // namespace

Result<NatBenchResult> run_nat_bench(const NatBenchOptions& options) {
    if (options.flows == 0 || options.flows > 4'000'000 || options.frame_bytes < 60 ||
        options.seconds <= 0) {
        return failure(
            "a NAT benchmark needs 1-4000000 flows, frames of 60 bytes, and a time above 0");
    }
    return Bench(options).run();
}

}  // namespace viaduct::dataplane
