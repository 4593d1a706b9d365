// All security associations of a plane, the slots that name outbound ones, and inbound look-up by SPI.
//
//     SPI of our choice = index (20 bits) | generation (12 bits), so look-up is an array access.
//
// SPIs that somebody else chose (manual keys) are found by a small hash table instead.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "dataplane/base/random.h"
#include "dataplane/base/result.h"
#include "dataplane/control.h"
#include "dataplane/tables/growing.h"
#include "dataplane/tables/line_memory.h"
#include "dataplane/tables/rcu.h"
#include "dataplane/tables/sa.h"

namespace viaduct::dataplane {

class SaTable {
public:
    static constexpr unsigned kGenerationBits = 12;
    static constexpr std::uint32_t kMaxIndex = (1U << (32U - kGenerationBits)) - 1;

    /// What a worker reads during one turn.
    struct View {
        GrowingArray<const Sa*>::View sas;
        GrowingArray<const Sa*>::View slots;
        const std::atomic<std::uint64_t>* foreign = nullptr;  // SPI << 32 | index; 0: free
        std::uint32_t foreign_mask = 0;
        bool has_foreign = false;

        [[nodiscard]] const void* hint(std::uint32_t spi) const {
            return sas.address(spi >> kGenerationBits);
        }

        /// What will be looked at for this SPI first: to fetch it; it may be another's.
        [[nodiscard]] const Sa* candidate(std::uint32_t spi) const {
            return sas.get(spi >> kGenerationBits);
        }

        /// The inbound SA of this SPI; nullptr: none.
        [[nodiscard]] const Sa* inbound(std::uint32_t spi) const {
            const auto* sa = candidate(spi);
            if (sa != nullptr && sa->spi.value() == spi && sa->inbound) [[likely]] {
                return sa;
            }
            return has_foreign ? find_foreign(spi) : nullptr;
        }

        /// The SA that a slot names now; nullptr: it is empty.
        [[nodiscard]] const Sa* outbound(std::uint32_t slot) const { return slots.get(slot); }

        [[nodiscard]] const Sa* find_foreign(std::uint32_t spi) const;
    };

    /// `extra_window`: packets that workers may bring out of order among themselves; replay windows are
    /// wider by it.
    SaTable(Rcu& rcu, Random& random, std::uint32_t max_sas, std::uint16_t extra_window);
    ~SaTable();
    SaTable(const SaTable&) = delete;
    SaTable& operator=(const SaTable&) = delete;
    SaTable(SaTable&&) = delete;
    SaTable& operator=(SaTable&&) = delete;

    // ── control ──
    std::optional<InboundReservation> reserve();
    void release(SaIndex index);
    Result<void> install_inbound(SaIndex reserved, const SaParameters& parameters);
    Result<SaIndex> install_outbound(const SaParameters& parameters);
    void update_remote(SaIndex index, Ipv4Address remote, std::optional<UdpEncapsulation> udp);
    void update_path_mtu(SaIndex index, std::uint16_t path_mtu);
    void remove(SaIndex index);
    [[nodiscard]] SaCounters counters(SaIndex index) const;
    SlotId add_slot();
    void remove_slot(SlotId slot);
    void set_slot(SlotId slot, SaIndex outbound);

    // ── workers ──
    [[nodiscard]] View view() const;

private:
    /// Control's side of one place.
    struct Place {
        enum class Use : std::uint8_t { free, reserved, installed, waiting } use = Use::free;
        std::uint16_t generation = 0;
        bool foreign = false;
        std::unique_ptr<crypto::EspKey> key;
        SaState* state = nullptr;
        std::vector<std::uint32_t> slots;  // that name it
    };

    struct Foreign {
        explicit Foreign(std::uint32_t n) : words(new std::atomic<std::uint64_t>[n] {}), size(n) {}

        std::unique_ptr<std::atomic<std::uint64_t>[]> words;
        std::uint32_t size;
    };

    [[nodiscard]] Spi spi_of(std::uint32_t index) const;
    std::optional<std::uint32_t> take_place();
    void publish(std::uint32_t index, const Sa* sa);
    Result<Sa*> make(std::uint32_t index, const SaParameters& p, bool inbound);
    void add_foreign(Spi spi, std::uint32_t index);
    void remove_foreign(Spi spi);
    void rebuild_foreign(std::uint32_t size);

    Rcu& rcu_;
    Random& random_;
    std::uint32_t limit_;
    std::uint16_t extra_window_;
    LineMemory memory_;  // of SAs, their counters and keys: one behind the other
    GrowingArray<const Sa*> sas_;
    GrowingArray<const Sa*> slots_;
    std::atomic<Foreign*> foreign_;
    std::atomic<std::uint32_t> foreign_count_{0};
    std::uint32_t foreign_used_ = 0;  // with graves
    std::vector<Place> places_;
    std::vector<std::uint32_t> free_places_;
    std::vector<bool> slot_taken_;
    std::vector<std::uint32_t> slot_index_;  // the SA that a slot names
    std::vector<std::uint32_t> free_slots_;
};

}  // namespace viaduct::dataplane
