// The filterable event log (N15): what concerns IKE, IPsec and authentication, by class and severity, as the
// VPN 3000 concentrator keeps it. One table says which message is which event; a bounded ring keeps them.
// It stands beside the router's own log and buffer: `logging …` and `debug …` work as ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/model/event_class.h"
#include "config/model/system.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"

namespace viaduct {

/// What a message is as an event.
struct EventKind {
    config::EventClass event_class = config::EventClass::ike;
    std::uint8_t severity = 1;  // 1 … 13

    bool operator==(const EventKind&) const = default;
};

/// nullopt: the message belongs to no class (EIGRP, DHCP, …).
std::optional<EventKind> event_of(const LogMessage& message);
std::optional<EventKind> event_of(Debug category);
/// "IKEDBG", in any case.
std::optional<config::EventClass> event_class_named(std::string_view name);
std::string_view event_class_name(config::EventClass event_class);

/// Makes `log` hand out the debug lines that the event log or its console keeps. Idempotent.
void record_events(Log& log, const config::EventConfig& events);

/// What `show event-log` asks for.
struct EventFilter {
    std::optional<config::EventClass> event_class;
    std::uint8_t severity = 13;  // the highest shown
    std::size_t last = SIZE_MAX;
};

class EventLog {
public:
    /// As the concentrator's; older ones go.
    static constexpr std::size_t kMaxEvents = 2048;
    /// A longer text is cut.
    static constexpr std::size_t kMaxTextBytes = 1024;

    /// Keeps the message if its class and severity are wanted.
    void add(const LogMessage& message,
             const config::EventConfig& events,
             WallTime wall,
             std::int32_t zone_offset_min);

    void clear() { events_.clear(); }

    /// "2918 10/20/2002 20:22:42.440 SEV=4 IKE/SESSION_STATUS RPT=64", and the text below it.
    [[nodiscard]] std::string show(const EventFilter& filter) const;

private:
    struct Event {
        std::uint64_t number = 0;
        WallTime wall;
        std::int32_t zone_offset_min = 0;
        EventKind kind;
        std::string mnemonic;  // empty: a debug line
        std::uint64_t repeat = 0;
        std::string text;
    };

    std::deque<Event> events_;
    std::uint64_t next_number_ = 1;
    /// How often each event was seen. As many as the program has mnemonics.
    std::map<std::pair<config::EventClass, std::string>, std::uint64_t> repeats_;
};

}  // namespace viaduct
