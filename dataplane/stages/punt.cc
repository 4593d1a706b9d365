// Up to control: bounded, policed by reason, the important before the rest.
#include <algorithm>
#include <new>

#include "dataplane/punt_policer.h"
#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

namespace {

struct Limit {
    unsigned per_second;
    unsigned burst;
};

/// What control can well do, with room for a thousand peers that start at once.
constexpr Limit limit_of(PuntReason reason) {
    switch (reason) {
    case PuntReason::arp:
    case PuntReason::ike:
    case PuntReason::link_multicast:
    case PuntReason::nhrp:
        return {20000, 4096};
    case PuntReason::gre_keepalive:
    case PuntReason::local:
    case PuntReason::glean:
    case PuntReason::resolve:
    case PuntReason::acquire:
    case PuntReason::options:
        return {10000, 1024};
    case PuntReason::discover:
    case PuntReason::ted_probe:  // control sends and answers 50 probes a second
        return {2000, 512};
    case PuntReason::redirect_nhrp:
    case PuntReason::ttl_expired:
    case PuntReason::unreachable:
    case PuntReason::too_big:
    case PuntReason::redirect:
        return {1000, 256};
    case PuntReason::unknown_spi:
    case PuntReason::kCount:
        return {100, 64};
    }
    return {100, 64};
}

}  // namespace

bool PuntPolicer::pass(PuntReason reason, TimePoint now) {
    const auto limit = limit_of(reason);
    const Duration interval{1'000'000'000 / limit.per_second};
    auto& bucket = buckets_[static_cast<std::size_t>(reason)];
    const auto base = std::max(bucket.full_at, now);
    if (base - now > interval * (limit.burst - 1)) {
        return false;
    }
    bucket.full_at = base + interval;
    return true;
}

namespace {

void write_parcel(rte_mbuf* buffer, const PacketMeta& p, PuntReason reason, std::uint16_t mtu) {
    auto* parcel = new (Packet{buffer}.private_area()) Parcel;
    parcel->meta = p;
    parcel->reason = reason;
    parcel->mtu = mtu;
}

}  // namespace

void Worker::enqueue_punt(rte_mbuf* buffer, PuntReason reason) {
    auto& ring = is_urgent(reason) ? urgent_punts : other_punts;
    if (!ring.put(buffer)) {
        drop_buffer(buffer, Drop::punt_ring_full);
    }
}

void Worker::punt(PacketMeta& p, PuntReason reason, std::uint16_t mtu) {
    if (!policer_.pass(reason, now)) {
        drop(p, Drop::punt_policed);
        return;
    }
    Packet{p.buffer}.seal(p.l3, p.length);
    write_parcel(p.buffer, p, reason, mtu);
    enqueue_punt(p.buffer, reason);
}

void Worker::punt_copy(const PacketMeta& p, PuntReason reason, std::uint16_t mtu) {
    if (!policer_.pass(reason, now)) {
        count(Drop::punt_policed);
        return;
    }
    auto* copy = buffer_of({p.l3, p.length});
    if (copy == nullptr) {
        count(Drop::punt_no_buffer);
        return;
    }
    write_parcel(copy, p, reason, mtu);
    enqueue_punt(copy, reason);
}

void Worker::drop_and_punt(PacketMeta& p, Drop why, PuntReason reason, std::uint16_t mtu) {
    if (!policer_.pass(reason, now)) {
        drop(p, why);
        return;
    }
    count(why);
    tally(p.in).in_drops.add(1);
    Packet{p.buffer}.seal(p.l3, p.length);
    write_parcel(p.buffer, p, reason, mtu);
    enqueue_punt(p.buffer, reason);
}

}  // namespace viaduct::dataplane
