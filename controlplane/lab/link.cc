#include "controlplane/lab/link.h"

#include <algorithm>

namespace viaduct::lab {

namespace {

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kMaxStations = 65536;
/// Preamble, frame check sequence and gap take time on the cable, too.
constexpr std::size_t kWireOverhead = 24;

/// The six octets at `at` as a number.
std::uint64_t station(const Bytes& frame, std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 6; ++i) {
        value = value << 8U | frame[at + i];
    }
    return value;
}

bool is_group(const Bytes& frame, std::size_t at) {
    return (frame[at] & 1U) != 0;
}

Duration part_of(Duration whole, double share) {
    return Duration{static_cast<Duration::rep>(static_cast<double>(whole.count()) * share)};
}

}  // namespace

std::uint64_t derive_seed(std::uint64_t seed, std::string_view name) {
    std::uint64_t hash = 0xCBF29CE484222325U ^ seed;
    for (const char c : name) {
        hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3U;
    }
    return SeededRandom(hash).u64();
}

Link::Link(Scheduler& scheduler,
           std::string name,
           const LinkParameters& parameters,
           std::uint64_t seed)
    : scheduler_(scheduler), name_(std::move(name)), parameters_(parameters), seed_(seed) {}

unsigned Link::attach(Node& node, unsigned port, std::string name) {
    const auto seed = derive_seed(seed_, "link " + name_ + " from " + name);
    attachments_.push_back(std::make_unique<Attachment>(node, port, std::move(name), seed));
    return static_cast<unsigned>(attachments_.size() - 1);
}

void Link::send(TimePoint now, unsigned attachment, Frame frame) {
    auto& from = *attachments_[attachment];
    const auto lost = from.random.unit() < parameters_.loss;
    const auto duplicated = from.random.unit() < parameters_.duplicate;
    const auto reordered = from.random.unit() < parameters_.reorder;
    const auto jitter = part_of(parameters_.jitter, from.random.unit());
    if (!up_) {
        ++counters_.down;
        return;
    }
    if (frame->size() < kEthernetHeader || frame->size() > kEthernetHeader + parameters_.mtu) {
        ++counters_.too_big;
        return;
    }
    auto leaves = now;
    if (parameters_.rate_mbps > 0) {
        const auto start = std::max(now, from.busy_until);
        if (start - now > kQueue) {
            ++counters_.overflowed;
            return;
        }
        const auto bits = static_cast<double>((frame->size() + kWireOverhead) * 8);
        leaves = start + Duration{static_cast<Duration::rep>(bits * 1000 / parameters_.rate_mbps)};
        from.busy_until = leaves;
    }
    if (lost) {
        ++counters_.lost;
        return;
    }
    const auto delay = std::max(parameters_.delay + jitter, kShortestDelay);
    auto arrives = std::max(leaves + delay, from.last_arrival);
    if (reordered) {
        // Held back for as long as the way takes, so that what is sent meanwhile overtakes it.
        ++counters_.reordered;
        arrives += std::max<Duration>(parameters_.delay, 1ms);
    } else {
        from.last_arrival = arrives;
    }
    if (duplicated) {
        ++counters_.duplicated;
        scheduler_.post(arrives, *this, attachment, frame);
    }
    scheduler_.post(arrives, *this, attachment, std::move(frame));
}

void Link::on_event(TimePoint now, Event& event) {
    if (!up_) {
        ++counters_.down;
        return;
    }
    ++counters_.carried;
    counters_.bytes += event.frame->size();
    for (const auto& tap : taps_) {
        tap(now, *event.frame);
    }
    carry(now, event.argument, event.frame);
}

void Link::carry(TimePoint now, unsigned from, const Frame& frame) {
    if (!is_group(*frame, 6)) {
        const auto source = station(*frame, 6);
        if (stations_.size() < kMaxStations || stations_.contains(source)) {
            stations_.insert_or_assign(source, from);
        }
    }
    if (!is_group(*frame, 0)) {
        const auto found = stations_.find(station(*frame, 0));
        if (found != stations_.end()) {
            if (found->second != from) {
                auto& to = *attachments_[found->second];
                to.node->deliver(now, to.port, frame);
            }
            return;
        }
    }
    for (unsigned i = 0; i < attachments_.size(); ++i) {
        if (i != from) {
            attachments_[i]->node->deliver(now, attachments_[i]->port, frame);
        }
    }
}

void Link::set_up(TimePoint now, bool up) {
    if (up == up_) {
        return;
    }
    up_ = up;
    for (const auto& attachment : attachments_) {
        attachment->node->on_link(now, attachment->port, up);
    }
}

}  // namespace viaduct::lab
