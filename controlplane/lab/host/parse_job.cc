// The command lines of a lab host.
#include <fmt/format.h>

#include "controlplane/lab/host/host.h"
#include "controlplane/lab/words.h"

namespace viaduct::lab {

namespace {

using JobResult = Result<std::unique_ptr<Job>>;
using Words = std::vector<std::string_view>;

constexpr std::string_view kPingUsage =
    "usage: ping A.B.C.D [count N] [size S] [df] [interval TIME] [ttl N]";

JobResult parse_ping(Host& host, const Words& words) {
    PingOptions options;
    const auto target = words.size() > 1 ? Ipv4Address::parse(words[1]) : std::nullopt;
    if (!target) {
        return failure(std::string(kPingUsage));
    }
    options.target = *target;
    for (std::size_t i = 2; i < words.size(); ++i) {
        const auto word = words[i];
        if (word == "df") {
            options.dont_fragment = true;
            continue;
        }
        const auto value = ++i < words.size() ? words[i] : std::string_view{};
        bool good = false;
        if (word == "count") {
            const auto n = parse_number<unsigned>(value, 1, 1'000'000);
            options.count = n.value_or(0);
            good = n.has_value();
        } else if (word == "size") {
            const auto n = parse_number<std::uint16_t>(value, 0, 65507);
            options.size = n.value_or(0);
            good = n.has_value();
        } else if (word == "ttl") {
            const auto n = parse_number<std::uint8_t>(value, 1, 255);
            options.ttl = n.value_or(64);
            good = n.has_value();
        } else if (word == "interval") {
            const auto time = parse_duration(value);
            options.interval = time.value_or(1s);
            good = time.has_value() && *time >= 1ms;
        }
        if (!good) {
            return failure(fmt::format("'{} {}' is not understood; {}", word, value, kPingUsage));
        }
    }
    return make_ping(host, options);
}

/// "A:PORT".
std::optional<std::pair<Ipv4Address, L4Port>> parse_endpoint(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = Ipv4Address::parse(text.substr(0, colon));
    const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 1, 65535);
    if (!address || !port) {
        return std::nullopt;
    }
    return std::pair{*address, L4Port{*port}};
}

JobResult parse_tcp(Host& host, const Words& words) {
    const auto to = words.size() == 4 ? parse_endpoint(words[1]) : std::nullopt;
    const auto bytes =
        words.size() == 4 ? parse_number<std::uint64_t>(words[3], 0, 4'000'000'000U) : std::nullopt;
    if (!to || !bytes || words[2] != "send") {
        return failure("usage: tcp A.B.C.D:PORT send BYTES (0 to 4000000000)");
    }
    return make_tcp_send(host, to->first, to->second, *bytes);
}

JobResult parse_udp(Host& host, const Words& words) {
    const auto to = words.size() >= 4 ? parse_endpoint(words[1]) : std::nullopt;
    const auto size =
        words.size() >= 4 ? parse_number<std::uint16_t>(words[3], 4, 65507) : std::nullopt;
    unsigned count = words.size() == 4 ? 1 : 0;
    if (words.size() == 6 && words[4] == "count") {
        count = parse_number<unsigned>(words[5], 1, 100'000).value_or(0);
    }
    if (!to || !size || count == 0 || words[2] != "send") {
        return failure("usage: udp A.B.C.D:PORT send BYTES (4 to 65507) [count N]");
    }
    return make_udp_echo(host, to->first, to->second, *size, count);
}

}  // namespace

JobResult parse_job(Host& host, std::string_view command) {
    const auto words = split_words(command);
    if (words.empty()) {
        return failure("a command is missing");
    }
    if (words[0] == "ping") {
        return parse_ping(host, words);
    }
    if (words[0] == "tcp") {
        return parse_tcp(host, words);
    }
    if (words[0] == "udp") {
        return parse_udp(host, words);
    }
    if (words[0] == "traceroute") {
        const auto target = words.size() == 2 ? Ipv4Address::parse(words[1]) : std::nullopt;
        if (!target) {
            return failure("usage: traceroute A.B.C.D");
        }
        return make_traceroute(host, *target);
    }
    if (words[0] == "ip" && words.size() == 2 &&
        std::string_view("address").starts_with(words[1])) {
        return make_show_address(host);
    }
    return failure(fmt::format(
        "{}: command not found (a host knows ping, tcp, udp, traceroute, ip address)", words[0]));
}

}  // namespace viaduct::lab
