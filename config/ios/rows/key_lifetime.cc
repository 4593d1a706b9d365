// `accept-lifetime` and `send-lifetime` of a key: from which second of the calendar until which it is good.
#include <array>
#include <charconv>
#include <chrono>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::KeyChainKey;
using config::KeyLifetime;

constexpr std::array<std::string_view, 12> kMonths{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t kMonthLetters = 3;
constexpr std::int64_t kDaySeconds = 86'400;

std::optional<unsigned> number_of(std::string_view text, unsigned largest) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && value <= largest ? std::optional{value} : std::nullopt;
}

/// "jan", "January": at least three letters of the month's name.
std::optional<unsigned> month_of(std::string_view text) {
    constexpr std::array<std::string_view, 12> kRest{
        "uary", "ruary", "ch", "il", "", "e", "y", "ust", "tember", "ober", "ember", "ember"};
    const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
    for (unsigned m = 0; m < kMonths.size(); ++m) {
        const auto name = std::string(kMonths.at(m)) + std::string(kRest.at(m));
        if (text.size() >= kMonthLetters && text.size() <= name.size() &&
            std::equal(text.begin(), text.end(), name.begin(), same)) {
            return m + 1;
        }
    }
    return std::nullopt;
}

/// hh:mm:ss as seconds of the day.
std::optional<std::int64_t> time_of(std::string_view text) {
    const auto first = text.find(':');
    const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
    if (second == std::string_view::npos) {
        return std::nullopt;
    }
    const auto hours = number_of(text.substr(0, first), 23);
    const auto minutes = number_of(text.substr(first + 1, second - first - 1), 59);
    const auto seconds = number_of(text.substr(second + 1), 59);
    if (!hours || !minutes || !seconds) {
        return std::nullopt;
    }
    return *hours * std::int64_t{3600} + *minutes * std::int64_t{60} + *seconds;
}

/// `prefix` names the four arguments. IOS: "Jan 31 2026" or "31 Jan 2026".
std::optional<std::int64_t> moment_of(const Args& args, const std::string& prefix) {
    auto month = month_of(args.text(prefix + "month"));
    auto day = number_of(args.text(prefix + "day"), 31);
    if (!month) {
        month = month_of(args.text(prefix + "day"));
        day = number_of(args.text(prefix + "month"), 31);
    }
    const auto time = time_of(args.text(prefix + "time"));
    if (!month || !day || !time) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{
        std::chrono::year{static_cast<int>(args.number(prefix + "year"))},
        std::chrono::month{*month},
        std::chrono::day{*day}};
    if (!date.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days{date}.time_since_epoch().count() * kDaySeconds + *time;
}

std::string text_of(std::int64_t moment) {
    const std::chrono::sys_days day{std::chrono::days{moment / kDaySeconds}};
    const std::chrono::year_month_day date{day};
    const auto time = moment % kDaySeconds;
    return fmt::format("{:02}:{:02}:{:02} {} {} {}",
                       time / 3600,
                       time / 60 % 60,
                       time % 60,
                       kMonths.at(static_cast<unsigned>(date.month()) - 1),
                       static_cast<unsigned>(date.day()),
                       static_cast<int>(date.year()));
}

std::string text_of(const KeyLifetime& life) {
    std::string end = "infinite";
    if (life.end_s) {
        end = life.as_duration ? fmt::format("duration {}", *life.end_s - life.start_s)
                               : text_of(*life.end_s);
    }
    return fmt::format("{}{} {}", life.local ? "local " : "", text_of(life.start_s), end);
}

Result<KeyLifetime> lifetime_of(const Args& args) {
    const auto start = moment_of(args, "");
    if (!start) {
        return failure("Start time: hh:mm:ss and a date of the calendar are wanted");
    }
    KeyLifetime life{args.has("local"), *start, std::nullopt, args.has("duration")};
    if (life.as_duration) {
        life.end_s = *start + args.number("seconds");
    } else if (!args.has("infinite")) {
        life.end_s = moment_of(args, "end-");
        if (!life.end_s || *life.end_s <= *start) {
            return failure("End time: a date of the calendar later than the start is wanted");
        }
    }
    return life;
}

Row lifetime_row(const std::string& words,
                 std::optional<KeyLifetime> KeyChainKey::* field,
                 const std::string& help) {
    Row row{.mode = Mode::key_chain_key,
            .pattern = words +
                       " [ local ] <time:WORD> <month:WORD> <day:WORD> <year:1993-2099> "
                       "{ infinite | duration <seconds:1-2147483646> | "
                       "<end-time:WORD> <end-month:WORD> <end-day:WORD> <end-year:1993-2099> }",
            .help = help +
                    "|local: Specify time in local timezone|time: Time to start (hh:mm:ss)|month: "
                    "Month of the year to start|day: Day of the month to start|year: Year to "
                    "start|infinite: Never expires|duration: Set key lifetime duration|seconds: "
                    "Duration (seconds)|end-time: Time to stop (hh:mm:ss)|end-month: Month of the "
                    "year to stop|end-day: Day of the month to stop|end-year: Year to stop"};
    row.apply = [field](ConfigSession& session, const Args& args) -> Result<void> {
        auto& life = session.object<KeyChainKey>().*field;
        if (args.negated()) {
            life.reset();
            return done();
        }
        const auto read = lifetime_of(args);
        if (!read) {
            return tl::unexpected(read.error());
        }
        life = *read;
        return done();
    };
    row.write = [field, words](Writer& out) {
        if (const auto& life = out.object<KeyChainKey>().*field) {
            out.line("{} {}", words, text_of(*life));
        }
    };
    row.examples = {words + " 00:00:00 Jan 1 2026 infinite",
                    words + " local 08:30:00 Feb 28 2026 duration 86400",
                    words + " 23:59:59 Dec 31 2025 00:00:00 Mar 1 2026"};
    return row;
}

}  // namespace

Rows key_lifetime_rows() {
    return {lifetime_row(
                "accept-lifetime", &KeyChainKey::accept_lifetime, "Set accept lifetime of key"),
            lifetime_row("send-lifetime", &KeyChainKey::send_lifetime, "Set send lifetime of key")};
}

}  // namespace viaduct::ios
