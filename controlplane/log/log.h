// Log messages and debug lines on their way from the engines to whoever shows them.
// An engine is handed a Log and says what happened; where it appears (buffer, console, terminal, syslog
// host) is the console's business. Nothing here blocks, and secrets never come here.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace viaduct {

/// Syslog severities (RFC 5424 numbers, IOS words).
enum class Severity : std::uint8_t {
    emergencies,
    alerts,
    critical,
    errors,
    warnings,
    notifications,
    informational,
    debugging,
};

/// What `debug …` can switch on; one bit each. The words of the command stand beside it in kDebugWords.
enum class Debug : std::uint8_t {
    crypto_isakmp,
    crypto_isakmp_ted,
    crypto_isakmp_detail,
    crypto_ipsec,
    crypto_engine,
    nhrp,
    nhrp_packet,
    nhrp_cache,
    nhrp_extension,
    eigrp_packets,
    eigrp_fsm,
    eigrp_neighbors,
    ip_icmp,
    ip_packet,
    ip_routing,
    ip_nat,
    arp,
    dhcp,
    dhcp_server,
    aaa_authentication,
    aaa_authorization,
    radius,
    tunnel,
    kCount,
};

struct DebugWords {
    Debug flag;
    std::string_view command;  // after "debug "
    std::string_view title;  // as `show debugging` lists it: "Crypto ISAKMP debugging"
};

inline constexpr std::array<DebugWords, static_cast<std::size_t>(Debug::kCount)> kDebugWords{{
    {Debug::crypto_isakmp, "crypto isakmp", "Crypto ISAKMP debugging"},
    {Debug::crypto_isakmp_ted, "crypto isakmp ted", "Crypto ISAKMP TED debugging"},
    {Debug::crypto_isakmp_detail, "crypto isakmp detail", "Crypto ISAKMP internals debugging"},
    {Debug::crypto_ipsec, "crypto ipsec", "Crypto IPSEC debugging"},
    {Debug::crypto_engine, "crypto engine", "Crypto Engine debugging"},
    {Debug::nhrp, "nhrp", "NHRP protocol debugging"},
    {Debug::nhrp_packet, "nhrp packet", "NHRP activity debugging"},
    {Debug::nhrp_cache, "nhrp cache", "NHRP cache operations debugging"},
    {Debug::nhrp_extension, "nhrp extension", "NHRP extension processing debugging"},
    {Debug::eigrp_packets, "eigrp packets", "EIGRP Packets debugging"},
    {Debug::eigrp_fsm, "eigrp fsm", "EIGRP FSM Events/Actions debugging"},
    {Debug::eigrp_neighbors, "eigrp neighbors", "EIGRP Neighbors debugging"},
    {Debug::ip_icmp, "ip icmp", "ICMP packet debugging"},
    {Debug::ip_packet, "ip packet", "IP packet debugging"},
    {Debug::ip_routing, "ip routing", "IP routing debugging"},
    {Debug::ip_nat, "ip nat", "IP NAT debugging"},
    {Debug::arp, "arp", "ARP packet debugging"},
    {Debug::dhcp, "dhcp", "DHCP client activity debugging"},
    {Debug::dhcp_server, "ip dhcp server", "DHCP server debugging"},
    {Debug::aaa_authentication, "aaa authentication", "AAA Authentication debugging"},
    {Debug::aaa_authorization, "aaa authorization", "AAA Authorization debugging"},
    {Debug::radius, "radius", "Radius protocol debugging"},
    {Debug::tunnel, "tunnel", "Tunnel Interface debugging"},
}};

/// One message. A debug line has an empty facility and says which switch it belongs to.
struct LogMessage {
    std::string facility;  // "CRYPTO", "DUAL", "SYS", "LINEPROTO", …
    Severity severity = Severity::debugging;
    std::string mnemonic;  // "ISAKMP_MANUAL_DELETE", "NBRCHANGE", …
    std::string text;
    Debug category = Debug::kCount;
    /// The switch is off: only the event log asked for this line.
    bool only_recorded = false;
};

/// Where messages go. Implemented by the console; by a vector in tests.
class LogSink {
public:
    LogSink() = default;
    LogSink(const LogSink&) = delete;
    LogSink& operator=(const LogSink&) = delete;
    LogSink(LogSink&&) = delete;
    LogSink& operator=(LogSink&&) = delete;
    virtual ~LogSink() = default;

    virtual void on_message(const LogMessage& message) = 0;
};

/// One router's log: the switches of `debug`, and the way to the sink. Control thread only.
class Log {
public:
    explicit Log(LogSink& sink) : sink_(sink) {}

    /// "%FACILITY-severity-MNEMONIC: text" without the stamp.
    template <typename... T>
    void message(std::string_view facility,
                 Severity severity,
                 std::string_view mnemonic,
                 fmt::format_string<T...> format,
                 T&&... args) {
        sink_.on_message({std::string(facility),
                          severity,
                          std::string(mnemonic),
                          fmt::format(format, std::forward<T>(args)...)});
    }

    /// A debug line; arguments are not formatted unless the switch is on.
    template <typename... T>
    void debug(Debug flag, fmt::format_string<T...> format, T&&... args) {
        if (enabled(flag)) {
            sink_.on_message({"",
                              Severity::debugging,
                              "",
                              fmt::format(format, std::forward<T>(args)...),
                              flag,
                              !switched_on(flag)});
        }
    }

    /// Somebody wants the lines of `flag`: engines ask before costly texts.
    [[nodiscard]] bool enabled(Debug flag) const {
        return switched_on(flag) || recorded_.test(static_cast<std::size_t>(flag));
    }

    /// `debug …` is on.
    [[nodiscard]] bool switched_on(Debug flag) const {
        return flags_.test(static_cast<std::size_t>(flag));
    }

    void set(Debug flag, bool on) { flags_.set(static_cast<std::size_t>(flag), on); }

    /// The event log keeps the lines of `flag`, whether the switch is on or not.
    void record(Debug flag, bool on) { recorded_.set(static_cast<std::size_t>(flag), on); }

    void clear_all() { flags_.reset(); }

private:
    LogSink& sink_;
    std::bitset<static_cast<std::size_t>(Debug::kCount)> flags_;
    std::bitset<static_cast<std::size_t>(Debug::kCount)> recorded_;
};

}  // namespace viaduct
