#include "controlplane/log/event_log.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <fmt/format.h>

namespace viaduct {

namespace {

using config::EventClass;

/// A message's facility and how its mnemonic begins; the first row that fits counts.
struct MessageRow {
    std::string_view facility;
    std::string_view mnemonic;
    EventClass event_class;
};

constexpr std::array<MessageRow, 9> kMessages{{
    {"CRYPTO", "IKMP_LOGIN", EventClass::auth},
    {"CRYPTO", "IKMP_XAUTH", EventClass::auth},
    {"CRYPTO", "IKMP_INVAL_CERT", EventClass::cert},
    {"CRYPTO", "IPSEC_", EventClass::ipsec},
    {"CRYPTO", "RECVD_PKT", EventClass::ipsec},
    {"CRYPTO", "", EventClass::ike},
    {"PKI", "", EventClass::cert},
    {"RADIUS", "", EventClass::auth},
    {"AAA", "", EventClass::auth},
}};

/// IOS's severities as the concentrator's: 1 faults, 2–3 warnings, 4–6 information.
constexpr std::array<std::uint8_t, 8> kSeverities{1, 1, 1, 2, 3, 4, 5, 7};

struct DebugRow {
    Debug category;
    EventKind kind;
};

/// Severities as in document 000's log: 8 a message and its header, 9 the steps of processing it.
constexpr std::array<DebugRow, 8> kDebugLines{{
    {Debug::crypto_isakmp, {EventClass::ikedbg, 8}},
    {Debug::crypto_isakmp_ted, {EventClass::ikedbg, 8}},
    {Debug::crypto_isakmp_detail, {EventClass::ikedecode, 8}},
    {Debug::crypto_engine, {EventClass::ikedbg, 9}},
    {Debug::crypto_ipsec, {EventClass::ipsecdbg, 9}},
    {Debug::aaa_authentication, {EventClass::authdbg, 8}},
    {Debug::aaa_authorization, {EventClass::authdbg, 8}},
    {Debug::radius, {EventClass::authdbg, 9}},
}};

/// "10/20/2002 20:22:42.390"
std::string stamp(WallTime wall, std::int32_t zone_offset_min) {
    const auto local =
        std::chrono::floor<std::chrono::milliseconds>(wall) + std::chrono::minutes(zone_offset_min);
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(local - day);
    return fmt::format("{:02}/{:02}/{} {:02}:{:02}:{:02}.{:03}",
                       static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()),
                       static_cast<int>(date.year()),
                       time.hours().count(),
                       time.minutes().count(),
                       time.seconds().count(),
                       time.subseconds().count());
}

}  // namespace

std::optional<EventKind> event_of(Debug category) {
    const auto* const row = std::ranges::find(kDebugLines, category, &DebugRow::category);
    return row == kDebugLines.end() ? std::nullopt : std::optional(row->kind);
}

std::optional<EventKind> event_of(const LogMessage& message) {
    if (message.facility.empty()) {
        return event_of(message.category);
    }
    for (const MessageRow& row : kMessages) {
        if (row.facility == message.facility && message.mnemonic.starts_with(row.mnemonic)) {
            return EventKind{row.event_class,
                             kSeverities.at(static_cast<std::size_t>(message.severity))};
        }
    }
    return std::nullopt;
}

std::optional<EventClass> event_class_named(std::string_view name) {
    const auto same = [name](std::string_view other) {
        return std::ranges::equal(name, other, [](unsigned char a, unsigned char b) {
            return std::toupper(a) == std::toupper(b);
        });
    };
    const auto* const found = std::ranges::find_if(config::kEventClassNames, same);
    return found == config::kEventClassNames.end()
               ? std::nullopt
               : std::optional(static_cast<EventClass>(found - config::kEventClassNames.begin()));
}

std::string_view event_class_name(EventClass event_class) {
    return config::kEventClassNames.at(static_cast<std::size_t>(event_class));
}

void record_events(Log& log, const config::EventConfig& events) {
    for (const DebugRow& row : kDebugLines) {
        const auto& wanted = events.at(static_cast<std::size_t>(row.kind.event_class));
        log.record(row.category, row.kind.severity <= std::max(wanted.to_log, wanted.to_console));
    }
}

void EventLog::add(const LogMessage& message,
                   const config::EventConfig& events,
                   WallTime wall,
                   std::int32_t zone_offset_min) {
    const auto kind = event_of(message);
    if (!kind || kind->severity > events.at(static_cast<std::size_t>(kind->event_class)).to_log) {
        return;
    }
    events_.push_back({.number = next_number_++,
                       .wall = wall,
                       .zone_offset_min = zone_offset_min,
                       .kind = *kind,
                       .mnemonic = message.mnemonic,
                       .repeat = ++repeats_[{kind->event_class, message.mnemonic}],
                       .text = message.text.substr(0, kMaxTextBytes)});
    if (events_.size() > kMaxEvents) {
        events_.pop_front();
    }
}

std::string EventLog::show(const EventFilter& filter) const {
    const auto fits = [&filter](const Event& event) {
        return event.kind.severity <= filter.severity &&
               (!filter.event_class || *filter.event_class == event.kind.event_class);
    };
    auto skip = static_cast<std::size_t>(std::ranges::count_if(events_, fits));
    skip -= std::min(skip, filter.last);
    std::string out;
    for (const Event& event : events_) {
        if (!fits(event) || (skip > 0 && skip-- > 0)) {
            continue;
        }
        out += fmt::format("{} {} SEV={} {}/{} RPT={}\n{}\n",
                           event.number,
                           stamp(event.wall, event.zone_offset_min),
                           event.kind.severity,
                           event_class_name(event.kind.event_class),
                           event.mnemonic.empty() ? "0" : event.mnemonic,
                           event.repeat,
                           event.text);
    }
    return out;
}

}  // namespace viaduct
