// One Ethernet segment of a lab: any number of nodes, a switch in the middle, and the faults of real cables.
// Every direction (a frame's sender) has its own random stream, and every frame draws the same number of values,
// so one fault switched on does not move the dice of another.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/lab/scheduler.h"
#include "dataplane/base/address.h"
#include "dataplane/base/random.h"

namespace viaduct::lab {

struct LinkParameters {
    Duration delay{};  // one way; a link without delay still takes Link::kShortestDelay
    Duration jitter{};  // 0 … jitter more, evenly; keeps the order
    double loss = 0;  // 0 … 1, share of frames
    double duplicate = 0;  // 0 … 1
    double reorder = 0;  // 0 … 1, share of frames that are overtaken by those behind them
    double rate_mbps = 0;  // 0: no limit
    unsigned mtu = 1500;  // layer 3 bytes, 68 – 9216; larger frames are dropped
    std::string external;  // interface of this machine that is bridged in; real time only

    bool operator==(const LinkParameters&) const = default;
};

struct LinkCounters {
    std::uint64_t carried =
        0;  // frames that reached the other end of the cable, duplicates included
    std::uint64_t bytes = 0;
    std::uint64_t lost = 0;  // by `loss`
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t too_big = 0;
    std::uint64_t overflowed = 0;  // the queue before a limited rate was full
    std::uint64_t down = 0;  // sent or in flight while the cable was out
};

class Link final : public EventTarget {
public:
    static constexpr Duration kShortestDelay = 10us;
    /// A queue before a limited rate holds this much time.
    static constexpr Duration kQueue = 200ms;

    Link(Scheduler& scheduler,
         std::string name,
         const LinkParameters& parameters,
         std::uint64_t seed);

    /// Returns the attachment's number, from 0.
    unsigned attach(Node& node, unsigned port, std::string name);
    void send(TimePoint now, unsigned attachment, Frame frame);

    [[nodiscard]] const std::string& name() const { return name_; }

    [[nodiscard]] const LinkParameters& parameters() const { return parameters_; }

    /// From the next frame on.
    void set_parameters(const LinkParameters& parameters) { parameters_ = parameters; }

    [[nodiscard]] bool up() const { return up_; }

    void set_up(TimePoint now, bool up);

    [[nodiscard]] const LinkCounters& counters() const { return counters_; }

    /// Sees every frame that is carried, when it arrives.
    using Tap = std::function<void(TimePoint now, BytesView frame)>;

    void add_tap(Tap tap) { taps_.push_back(std::move(tap)); }

    void on_event(TimePoint now, Event& event) override;

private:
    struct Attachment {
        Node* node = nullptr;
        unsigned port = 0;
        std::string name;
        SeededRandom random;
        TimePoint busy_until{};  // the last bit of the last frame left, with a limited rate
        TimePoint last_arrival{};

        Attachment(Node& n, unsigned p, std::string text, std::uint64_t seed)
            : node(&n), port(p), name(std::move(text)), random(seed) {}
    };

    void carry(TimePoint now, unsigned from, const Frame& frame);

    Scheduler& scheduler_;
    std::string name_;
    LinkParameters parameters_;
    std::uint64_t seed_;
    bool up_ = true;
    std::vector<std::unique_ptr<Attachment>> attachments_;
    std::unordered_map<std::uint64_t, unsigned>
        stations_;  // MAC address → attachment; see kMaxStations
    std::vector<Tap> taps_;
    LinkCounters counters_;
};

/// A stream's own seed from the lab's: FNV-1a over the name, mixed.
std::uint64_t derive_seed(std::uint64_t seed, std::string_view name);

}  // namespace viaduct::lab
