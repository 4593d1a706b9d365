// A command that runs on a lab host (ping, traceroute, a TCP transfer): hears what comes in for it, prints what a Linux
// tool prints.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "controlplane/lab/host/wire.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace viaduct::lab {

class Host;
class TcpConnection;

/// An ICMP error, or the host's own news that nobody answered ARP, about a packet that this host sent.
struct PathError {
    Ipv4Address from;
    std::uint8_t type = 0;  // ICMP's
    std::uint8_t code = 0;
    std::uint16_t mtu = 0;  // with "too big"
    Ipv4Address destination;
    IpProtocol protocol;
    std::uint16_t first = 0;  // ICMP: identifier; UDP, TCP: source port
    std::uint16_t second = 0;  // ICMP: sequence; UDP, TCP: destination port
};

class Job {
public:
    Job() = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    Job(Job&&) = delete;
    Job& operator=(Job&&) = delete;
    virtual ~Job() = default;

    virtual void start(TimePoint now) = 0;
    virtual void on_time(TimePoint now) = 0;
    [[nodiscard]] virtual TimePoint next_deadline() const = 0;

    virtual void on_echo_reply(TimePoint,
                               Ipv4Address /*from*/,
                               std::uint8_t /*ttl*/,
                               const IcmpView&) {}

    virtual void on_path_error(TimePoint, const PathError&) {}

    virtual void on_udp(TimePoint, Ipv4Address /*from*/, const UdpView&) {}

    /// The connection that this job opened made progress.
    virtual void on_tcp(TimePoint, TcpConnection&) {}

    /// Ctrl-C.
    virtual void interrupt(TimePoint now) = 0;

    [[nodiscard]] bool finished() const { return finished_; }

    /// What a shell would find in $?.
    [[nodiscard]] int status() const { return status_; }

    std::string take_output() { return std::exchange(output_, {}); }

protected:
    void print(std::string text) { output_ += text; }

    void finish(int status) {
        finished_ = true;
        status_ = status;
    }

private:
    bool finished_ = false;
    int status_ = 0;
    std::string output_;
};

/// "ping 10.2.0.10 count 5 size 100 df", "tcp 10.2.0.10:80 send 100000", "traceroute 10.2.0.10", "udp …", "ip address".
Result<std::unique_ptr<Job>> parse_job(Host& host, std::string_view command);

struct PingOptions {
    Ipv4Address target;
    unsigned count = 5;  // 1 – 1000000
    std::uint16_t size = 56;  // payload bytes, 0 – 65507
    bool dont_fragment = false;
    Duration interval = std::chrono::seconds{1};  // ≥ 1 ms
    Duration timeout = std::chrono::seconds{2};  // for the last answers
    std::uint8_t ttl = 64;
};

std::unique_ptr<Job> make_ping(Host& host, const PingOptions& options);
std::unique_ptr<Job> make_traceroute(Host& host, Ipv4Address target);
/// At most 4 000 000 000 bytes.
std::unique_ptr<Job> make_tcp_send(Host& host,
                                   Ipv4Address target,
                                   L4Port port,
                                   std::uint64_t bytes);
/// Datagrams of `size` bytes to an echo port; counts what comes back.
std::unique_ptr<Job> make_udp_echo(
    Host& host, Ipv4Address target, L4Port port, std::uint16_t size, unsigned count);
std::unique_ptr<Job> make_show_address(Host& host);

}  // namespace viaduct::lab
