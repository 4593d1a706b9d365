#include "dataplane/tables/sa_table.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "dataplane/wire/esp.h"
#include "dataplane/wire/ipv4.h"
#include "dataplane/wire/outer_header.h"
#include "dataplane/wire/udp.h"

namespace viaduct::dataplane {

namespace {

constexpr std::uint64_t kGrave = 1;  // a removed entry: look-ups go on behind it

std::uint32_t hash_of(std::uint32_t spi) {
    return static_cast<std::uint32_t>(std::uint64_t{spi} * 0x9E3779B97F4A7C15U >> 32U);
}

Selector mirror(const Selector& s) {
    Selector m = s;
    std::swap(m.source, m.destination);
    std::swap(m.source_mask, m.destination_mask);
    std::swap(m.source_port_first, m.destination_port_first);
    std::swap(m.source_port_last, m.destination_port_last);
    return m;
}

/// What workers would compute of key and addresses for every packet.
void derive(Sa& sa) {
    sa.icv_bytes = static_cast<std::uint8_t>(sa.key->icv_bytes());
    sa.open_bytes = static_cast<std::uint8_t>(wire::kEspBytes + sa.key->iv_bytes());
    sa.block_mask = static_cast<std::uint8_t>(sa.key->block_bytes() - 1);
    sa.before_bytes = static_cast<std::uint8_t>((sa.tunnel_mode ? wire::kIpv4Bytes : 0U) +
                                                (sa.has_udp() ? wire::kUdpBytes : 0U) +
                                                wire::kEspBytes + sa.key->iv_bytes());
    const auto protocol = sa.has_udp() ? kProtoUdp.value() : kProtoEsp.value();
    sa.outer_sum = wire::fixed_outer_sum({0, sa.local, sa.remote, kOuterTtl, protocol});
}

}  // namespace

PackedSelector PackedSelector::of(const Selector& s) {
    PackedSelector p;
    p.source_mask = s.source_mask.value();
    p.source = s.source.value() & p.source_mask;
    p.destination_mask = s.destination_mask.value();
    p.destination = s.destination.value() & p.destination_mask;
    p.any_protocol = !s.protocol.has_value();
    p.protocol = s.protocol.value_or(IpProtocol{0}).value();
    p.source_port_first = s.source_port_first;
    p.source_port_last = s.source_port_last;
    p.destination_port_first = s.destination_port_first;
    p.destination_port_last = s.destination_port_last;
    return p;
}

SaTable::SaTable(Rcu& rcu, Random& random, std::uint32_t max_sas, std::uint16_t extra_window)
    : rcu_(rcu),
      random_(random),
      limit_(std::min(max_sas, kMaxIndex)),
      extra_window_(extra_window),
      sas_(rcu, memory_, 16),
      slots_(rcu, memory_, 16),
      foreign_(new Foreign(16)),
      places_(1),
      slot_taken_(1, true),
      slot_index_(1, 0) {}

SaTable::~SaTable() {
    for (std::uint32_t i = 1; i < places_.size(); ++i) {
        memory_.unmake(sas_.get(i));
        memory_.unmake(places_[i].state);
    }
    delete foreign_.load(std::memory_order_relaxed);
}

SaTable::View SaTable::view() const {
    const auto* foreign = foreign_.load(std::memory_order_acquire);
    return {sas_.view(),
            slots_.view(),
            foreign->words.get(),
            foreign->size - 1,
            foreign_count_.load(std::memory_order_acquire) != 0};
}

const Sa* SaTable::View::find_foreign(std::uint32_t spi) const {
    auto at = hash_of(spi) & foreign_mask;
    for (std::uint32_t probes = 0; probes <= foreign_mask; ++probes, at = (at + 1) & foreign_mask) {
        const auto word = foreign[at].load(std::memory_order_acquire);
        if (word == 0) {
            return nullptr;
        }
        if (word >> 32U == spi && word != kGrave) {
            const auto* sa = sas.get(static_cast<std::uint32_t>(word));
            return sa != nullptr && sa->inbound && sa->spi.value() == spi ? sa : nullptr;
        }
    }
    return nullptr;
}

Spi SaTable::spi_of(std::uint32_t index) const {
    return Spi{index << kGenerationBits |
               (places_[index].generation & ((1U << kGenerationBits) - 1))};
}

std::optional<std::uint32_t> SaTable::take_place() {
    if (!free_places_.empty()) {
        const auto index = free_places_.back();
        free_places_.pop_back();
        return index;
    }
    if (places_.size() > limit_) {
        return std::nullopt;
    }
    places_.emplace_back();
    places_.back().generation = static_cast<std::uint16_t>(random_.u32());
    return static_cast<std::uint32_t>(places_.size() - 1);
}

std::optional<InboundReservation> SaTable::reserve() {
    const auto index = take_place();
    if (!index) {
        return std::nullopt;
    }
    places_[*index].use = Place::Use::reserved;
    ++places_[*index].generation;
    return InboundReservation{SaIndex{*index}, spi_of(*index)};
}

void SaTable::release(SaIndex index) {
    const auto at = index.value();
    if (at < places_.size() && places_[at].use == Place::Use::reserved) {
        places_[at].use = Place::Use::free;
        free_places_.push_back(at);
    }
}

Result<Sa*> SaTable::make(std::uint32_t index, const SaParameters& p, bool inbound) {
    auto key =
        crypto::make_esp_key(p.cipher,
                             p.auth,
                             p.cipher_key.view(),
                             p.auth_key.view(),
                             inbound ? crypto::Direction::decrypt : crypto::Direction::encrypt,
                             crypto::EspTuning::measured(),
                             memory_);
    if (!key) {
        return tl::unexpected(key.error());
    }
    auto& place = places_[index];
    place.key = std::move(*key);
    place.state = memory_.make<SaState>();
    auto* sa = memory_.make<Sa>();
    sa->spi = p.spi;
    sa->index = index;
    sa->local = p.local.value();
    sa->remote = p.remote.value();
    sa->key = place.key.get();
    sa->state = place.state;
    if (inbound && p.replay_window != 0) {
        const auto window = static_cast<std::uint16_t>(p.replay_window + extra_window_);
        const auto words = ReplayWindow::words_for(window);
        sa->window = place.state->words.data();
        if (words > place.state->words.size()) {
            place.state->large_window.reset(new ReplayWindow::Words[words]{});
            sa->window = place.state->large_window.get();
        }
        sa->window_packets = window;
        sa->window_mask = static_cast<std::uint16_t>(words - 1);
    }
    sa->interface = p.interface.value();
    if (p.udp) {
        sa->local_port = p.udp->local.value();
        sa->remote_port = p.udp->remote.value();
    }
    sa->path_mtu = p.path_mtu;
    sa->inbound = inbound;
    sa->tunnel_mode = p.tunnel_mode;
    sa->protects_tunnel = p.protects_tunnel;
    sa->fragment_before = p.fragment_before_encryption;
    sa->df = p.df;
    sa->soft_packets = p.soft_packets;
    sa->soft_bytes = p.soft_bytes;
    sa->hard_bytes = p.hard_bytes;
    sa->has_limits = p.soft_packets != 0 || p.soft_bytes != 0 || p.hard_bytes != 0;
    sa->selector = PackedSelector::of(inbound ? mirror(p.selector) : p.selector);
    sa->any_selector = sa->selector.source_mask == 0 && sa->selector.destination_mask == 0 &&
                       sa->selector.any_protocol && sa->selector.any_ports();
    derive(*sa);
    return sa;
}

/// Slots hold the SA itself, which saves workers a look-up: they are told of the new one.
void SaTable::publish(std::uint32_t index, const Sa* sa) {
    places_[index].use = Place::Use::installed;
    const auto* old = sas_.set(index, sa);
    for (const auto slot : places_[index].slots) {
        slots_.set(slot, sa);
    }
    if (old != nullptr) {
        rcu_.retire([this, old] { memory_.unmake(old); });
    }
}

Result<void> SaTable::install_inbound(SaIndex reserved, const SaParameters& parameters) {
    const auto index = reserved.value();
    if (index >= places_.size() || places_[index].use != Place::Use::reserved) {
        return failure(fmt::format("no inbound SA is reserved at place {}", index));
    }
    auto sa = make(index, parameters, true);
    if (!sa) {
        return tl::unexpected(sa.error());
    }
    if (parameters.spi != spi_of(index)) {
        places_[index].foreign = true;
        publish(index, *sa);
        add_foreign(parameters.spi, index);
    } else {
        publish(index, *sa);
    }
    return {};
}

Result<SaIndex> SaTable::install_outbound(const SaParameters& parameters) {
    const auto index = take_place();
    if (!index) {
        return failure(fmt::format("the table of {} SAs is full", limit_));
    }
    auto sa = make(*index, parameters, false);
    if (!sa) {
        free_places_.push_back(*index);
        return tl::unexpected(sa.error());
    }
    publish(*index, *sa);
    return SaIndex{*index};
}

void SaTable::update_remote(SaIndex index,
                            Ipv4Address remote,
                            std::optional<UdpEncapsulation> udp) {
    const auto* old = sas_.get(index.value());
    if (old == nullptr) {
        return;
    }
    auto* sa = memory_.make<Sa>(*old);
    sa->remote = remote.value();
    sa->local_port = udp ? udp->local.value() : std::uint16_t{0};
    sa->remote_port = udp ? udp->remote.value() : std::uint16_t{0};
    derive(*sa);
    if (!sa->inbound) {
        sa->state->words[0].store(0, std::memory_order_relaxed);
    }
    publish(index.value(), sa);
}

void SaTable::update_path_mtu(SaIndex index, std::uint16_t path_mtu) {
    const auto* old = sas_.get(index.value());
    if (old == nullptr) {
        return;
    }
    auto* sa = memory_.make<Sa>(*old);
    sa->path_mtu = path_mtu;
    publish(index.value(), sa);
}

void SaTable::remove(SaIndex index) {
    const auto at = index.value();
    if (at >= places_.size() || places_[at].use != Place::Use::installed) {
        return;
    }
    auto& place = places_[at];
    for (const auto slot : place.slots) {
        slots_.set(slot, nullptr);
        slot_index_[slot] = 0;
    }
    place.slots.clear();
    const auto* sa = sas_.set(at, nullptr);
    if (place.foreign) {
        remove_foreign(sa->spi);
        place.foreign = false;
    }
    place.use = Place::Use::waiting;
    // Key, counters and the index itself may still be in a worker's hands.
    rcu_.retire([this, at, sa] {
        memory_.unmake(sa);
        auto& p = places_[at];
        p.key.reset();
        memory_.unmake(std::exchange(p.state, nullptr));
        p.use = Place::Use::free;
        free_places_.push_back(at);
    });
}

SaCounters SaTable::counters(SaIndex index) const {
    SaCounters c;
    if (index.value() >= places_.size() || places_[index.value()].state == nullptr) {
        return c;
    }
    const auto& s = *places_[index.value()].state;
    c.packets = s.packets.load(std::memory_order_relaxed);
    c.bytes = s.bytes.load(std::memory_order_relaxed);
    c.replayed = s.replayed.load(std::memory_order_relaxed);
    c.bad_icv = s.bad_icv.load(std::memory_order_relaxed);
    c.bad_selector = s.bad_selector.load(std::memory_order_relaxed);
    c.malformed = s.malformed.load(std::memory_order_relaxed);
    c.sequence = s.sequence.load(std::memory_order_relaxed);
    c.last_used = TimePoint{Duration{s.last_used.load(std::memory_order_relaxed)}};
    return c;
}

// ── slots ──

SlotId SaTable::add_slot() {
    std::uint32_t slot = 0;
    if (free_slots_.empty()) {
        slot = static_cast<std::uint32_t>(slot_taken_.size());
        slot_taken_.push_back(true);
        slot_index_.push_back(0);
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
        slot_taken_[slot] = true;
    }
    slots_.set(slot, nullptr);
    return SlotId{slot};
}

void SaTable::remove_slot(SlotId slot) {
    const auto at = slot.value();
    if (at == 0 || at >= slot_taken_.size() || !slot_taken_[at]) {
        return;
    }
    set_slot(slot, kNoSa);
    slot_taken_[at] = false;
    rcu_.retire([this, at] { free_slots_.push_back(at); });
}

void SaTable::set_slot(SlotId slot, SaIndex outbound) {
    const auto at = slot.value();
    if (at == 0 || at >= slot_taken_.size() || !slot_taken_[at]) {
        return;
    }
    const auto to = outbound.value();
    const bool valid = to != 0 && to < places_.size() && places_[to].use == Place::Use::installed &&
                       !sas_.get(to)->inbound;
    slots_.set(at, valid ? sas_.get(to) : nullptr);
    const auto before = std::exchange(slot_index_[at], valid ? to : 0);
    if (before != 0) {
        std::erase(places_[before].slots, at);
    }
    if (valid) {
        places_[to].slots.push_back(at);
    }
}

// ── SPIs of others' choice ──

void SaTable::add_foreign(Spi spi, std::uint32_t index) {
    auto* table = foreign_.load(std::memory_order_relaxed);
    if ((foreign_used_ + 1) * 2 > table->size) {
        rebuild_foreign(
            std::max<std::uint32_t>(16, (foreign_count_.load(std::memory_order_relaxed) + 1) * 4));
        table = foreign_.load(std::memory_order_relaxed);
    }
    const auto mask = table->size - 1;
    auto at = hash_of(spi.value()) & mask;
    while (table->words[at].load(std::memory_order_relaxed) != 0) {
        at = (at + 1) & mask;
    }
    table->words[at].store(std::uint64_t{spi.value()} << 32U | index, std::memory_order_release);
    foreign_count_.fetch_add(1, std::memory_order_release);
    ++foreign_used_;
}

void SaTable::remove_foreign(Spi spi) {
    auto* table = foreign_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < table->size; ++i) {
        const auto word = table->words[i].load(std::memory_order_relaxed);
        if (word > kGrave && word >> 32U == spi.value()) {
            table->words[i].store(kGrave, std::memory_order_release);
            foreign_count_.fetch_sub(1, std::memory_order_release);
            return;
        }
    }
}

void SaTable::rebuild_foreign(std::uint32_t least) {
    std::uint32_t size = 16;
    while (size < least) {
        size *= 2;
    }
    auto* old = foreign_.load(std::memory_order_relaxed);
    auto* next = new Foreign(size);
    foreign_used_ = 0;
    for (std::uint32_t i = 0; i < old->size; ++i) {
        const auto word = old->words[i].load(std::memory_order_relaxed);
        if (word <= kGrave) {
            continue;
        }
        auto at = hash_of(static_cast<std::uint32_t>(word >> 32U)) & (size - 1);
        while (next->words[at].load(std::memory_order_relaxed) != 0) {
            at = (at + 1) & (size - 1);
        }
        next->words[at].store(word, std::memory_order_relaxed);
        ++foreign_used_;
    }
    foreign_.store(next, std::memory_order_release);
    rcu_.retire_object(old);
}

}  // namespace viaduct::dataplane
