// A host of a lab: one address on one link, a small IP stack of its own (a second opinion on everything the routers send)
// and commands that print like Linux's.
//
// What it does unasked: answers ARP and ICMP echo; answers UDP datagrams to port 7 with themselves and to any other port
// with "port unreachable"; accepts TCP on every port but 1, swallows the stream, and at its end tells the sender how
// many bytes came with which checksum (kReport); resets what belongs to no connection.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "controlplane/lab/host/dhcp.h"
#include "controlplane/lab/host/ip_layer.h"
#include "controlplane/lab/host/job.h"
#include "controlplane/lab/host/tcp.h"
#include "controlplane/lab/link.h"
#include "dataplane/base/random.h"

namespace viaduct::lab {

struct HostCounters {
    std::uint64_t frames_in = 0;
    std::uint64_t frames_out = 0;
    std::uint64_t malformed = 0;  // ICMP, UDP or TCP that did not parse or had a wrong checksum
    std::uint64_t echo_requests = 0;  // answered
    std::uint64_t resets_sent = 0;
};

/// FNV-1a, 64 bits, over a stream in pieces.
class StreamChecksum {
public:
    void add(BytesView bytes);

    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0xCBF29CE484222325U;
};

class Host final : public Node {
public:
    static constexpr std::size_t kMaxConnections = 1024;
    static constexpr std::uint16_t kEchoPort = 7;
    static constexpr std::uint16_t kClosedPort = 1;

    struct Options {
        std::string name;
        MacAddress mac;
        HostAddress address;  // unspecified: DHCP
        std::uint64_t seed = 1;
    };

    Host(Scheduler& scheduler, Link& link, Options options);
    ~Host() override;

    /// After everything is wired: asks for an address, or announces its own.
    void start(TimePoint now);
    /// Begins a command; it belongs to the host until it is finished and forgotten.
    Result<Job*> begin(TimePoint now, std::string_view command);
    void begin(TimePoint now, std::unique_ptr<Job> job);
    void forget(const Job& job);

    [[nodiscard]] const std::string& name() const { return options_.name; }

    [[nodiscard]] IpLayer& ip() { return ip_; }

    [[nodiscard]] const HostCounters& counters() const { return counters_; }

    [[nodiscard]] Random& random() { return random_; }

    [[nodiscard]] std::uint16_t new_identifier() { return next_identifier_++; }

    [[nodiscard]] L4Port new_port();

    // ── for jobs ──
    IpSendResult send(TimePoint now,
                      Ipv4Address to,
                      IpProtocol protocol,
                      BytesView payload,
                      const IpSendOptions& options);
    /// The connection is the host's; the job hears of it by on_tcp().
    TcpConnection& open(TimePoint now, Job& job, Ipv4Address to, L4Port port);

    void deliver(TimePoint now, unsigned port, const Frame& frame) override;
    void on_link(TimePoint now, unsigned port, bool up) override;
    void run(TimePoint now) override;
    [[nodiscard]] TimePoint next_deadline() const override;

private:
    struct Stream {
        TcpConnection connection;
        Job* job = nullptr;  // null: the sink that answers with a report
        StreamChecksum checksum;
        std::uint64_t received = 0;
        bool reported = false;

        Stream(const TcpEndpoints& endpoints, std::uint16_t mtu, std::uint32_t initial, Job* owner)
            : connection(endpoints, mtu, initial), job(owner) {}
    };

    void on_datagram(TimePoint now, const Datagram& datagram);
    void on_icmp(TimePoint now, const Datagram& datagram);
    void on_icmp_error(TimePoint now, Ipv4Address from, const IcmpView& message);
    void on_udp(TimePoint now, const Datagram& datagram);
    void on_tcp(TimePoint now, const Datagram& datagram);
    void refuse(TimePoint now, const Datagram& datagram, const TcpView& segment);
    void tell_path_error(TimePoint now, const PathError& error);
    void serve(TimePoint now, Stream& stream);
    void run_streams(TimePoint now);
    void run_dhcp(TimePoint now);
    void flush(TimePoint now);

    Options options_;
    Link& link_;
    unsigned attachment_;
    SeededRandom random_;
    IpLayer ip_;
    std::unique_ptr<DhcpClient> dhcp_;
    std::map<TcpEndpoints, std::unique_ptr<Stream>> streams_;
    std::vector<std::unique_ptr<Job>> jobs_;
    std::vector<Frame> input_;
    std::vector<Frame> handling_;
    std::uint16_t next_identifier_ = 1;
    std::uint16_t next_port_ = 40000;
    HostCounters counters_;
};

}  // namespace viaduct::lab
