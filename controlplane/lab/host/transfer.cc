// Checked transfers between hosts: a TCP stream whose content the far end sums up, and UDP datagrams that come back.
#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "controlplane/lab/host/host.h"
#include "controlplane/lab/host/text.h"

namespace viaduct::lab {

namespace {

/// Byte `offset` of the stream is made from the seed alone, so nothing has to be kept for retransmissions.
void fill_pattern(std::uint64_t seed, std::uint64_t offset, std::span<std::uint8_t> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto at = offset + i;
        auto word = seed + (at >> 3U) * 0x9E3779B97F4A7C15U;
        word = (word ^ word >> 30U) * 0xBF58476D1CE4E5B9U;
        word ^= word >> 27U;
        out[i] = static_cast<std::uint8_t>(word >> ((at & 7U) * 8));
    }
}

class TcpSend final : public Job {
public:
    TcpSend(Host& host, Ipv4Address target, L4Port port, std::uint64_t bytes)
        : host_(host), target_(target), port_(port), bytes_(bytes), seed_(host.random().u64()) {}

    void start(TimePoint now) override {
        started_ = now;
        if (host_.ip().address().address.is_unspecified()) {
            print("tcp: connect: Network is unreachable\n");
            finish(1);
            return;
        }
        host_.open(now, *this, target_, port_);
    }

    void on_time(TimePoint) override {}

    [[nodiscard]] TimePoint next_deadline() const override { return kNever; }

    void on_tcp(TimePoint now, TcpConnection& connection) override {
        using State = TcpConnection::State;
        if (connection.state() == State::established && !sending_) {
            sending_ = true;
            connected_ = now;
            print(fmt::format("connected to {} port {} (mss {})\n",
                              target_.to_string(),
                              port_.value(),
                              connection.mss()));
            connection.send(
                now,
                [seed = seed_](std::uint64_t offset, std::span<std::uint8_t> out) {
                    fill_pattern(seed, offset, out);
                },
                bytes_);
        }
        const auto heard = connection.take_received();
        answer_.append(
            heard.begin(),
            heard.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                heard.size(), 256 - std::min<std::size_t>(answer_.size(), 256))));
        if (connection.acknowledged() >= bytes_ && sending_ && !all_sent_) {
            all_sent_ = true;
            report_sent(now, connection);
        }
        if (connection.state() == State::closed &&
            connection.failure() != TcpConnection::Failure::none) {
            report_failure(connection);
        } else if (sending_ && connection.peer_closed()) {
            report_answer();
        }
    }

    void interrupt(TimePoint) override {
        print("tcp: interrupted\n");
        finish(1);
    }

private:
    void report_sent(TimePoint now, const TcpConnection& connection) {
        const auto seconds =
            std::max(std::chrono::duration<double>(now - connected_).count(), 1e-9);
        print(fmt::format("sent {} bytes in {:.3f} s ({:.2f} Mbit/s), {} segments retransmitted\n",
                          bytes_,
                          seconds,
                          static_cast<double>(bytes_) * 8 / seconds / 1e6,
                          connection.retransmitted()));
    }

    void report_failure(const TcpConnection& connection) {
        using Failure = TcpConnection::Failure;
        const auto failure = connection.failure();
        const auto* const why = failure == Failure::refused     ? "Connection refused"
                                : failure == Failure::timed_out ? "Connection timed out"
                                                                : "Connection reset by peer";
        if (!sending_) {
            print(fmt::format(
                "tcp: connect to {} port {}: {}\n", target_.to_string(), port_.value(), why));
        } else {
            print(fmt::format("tcp: {} after {} of {} bytes\n",
                              why,
                              std::min(connection.acknowledged(), bytes_),
                              bytes_));
        }
        finish(1);
    }

    void report_answer() {
        StreamChecksum checksum;
        Bytes piece;
        for (std::uint64_t at = 0; at < bytes_; at += piece.size()) {
            piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(65536, bytes_ - at)));
            fill_pattern(seed_, at, piece);
            checksum.add(piece);
        }
        const auto wanted = fmt::format("received {} checksum {:016x}\n", bytes_, checksum.value());
        if (answer_ == wanted) {
            print(fmt::format("{} received {} bytes, checksum {:016x} correct\n",
                              target_.to_string(),
                              bytes_,
                              checksum.value()));
            finish(0);
        } else if (answer_.empty()) {
            print("peer closed without a report\n");
            finish(1);
        } else {
            print(fmt::format("content differs: sent {} bytes with checksum {:016x}, {} says: {}",
                              bytes_,
                              checksum.value(),
                              target_.to_string(),
                              answer_));
            finish(1);
        }
    }

    Host& host_;
    Ipv4Address target_;
    L4Port port_;
    std::uint64_t bytes_;
    std::uint64_t seed_;
    TimePoint started_;
    TimePoint connected_;
    bool sending_ = false;
    bool all_sent_ = false;
    std::string answer_;
};

class UdpEcho final : public Job {
public:
    UdpEcho(Host& host, Ipv4Address target, L4Port port, std::uint16_t size, unsigned count)
        : host_(host),
          target_(target),
          port_(port),
          source_(host.new_port()),
          size_(size),
          count_(count) {}

    void start(TimePoint now) override { send_next(now); }

    void on_time(TimePoint now) override {
        if (now < deadline_) {
            return;
        }
        if (sent_ < count_) {
            send_next(now);
        } else {
            summary();
        }
    }

    [[nodiscard]] TimePoint next_deadline() const override { return deadline_; }

    void on_udp(TimePoint now, Ipv4Address from, const UdpView& datagram) override {
        if (datagram.destination != source_ || from != target_ || datagram.source != port_) {
            return;
        }
        ByteReader in(datagram.payload);
        const auto number = in.u32();
        const auto at = sent_at_.find(number);
        if (!in.ok() || datagram.payload.size() != size_ || at == sent_at_.end()) {
            ++wrong_;
            return;
        }
        print(fmt::format("{} bytes from {} port {}: seq={} time={} ms\n",
                          size_,
                          from.to_string(),
                          port_.value(),
                          number,
                          ping_milliseconds(now - at->second)));
        sent_at_.erase(at);
        ++received_;
        if (received_ == count_) {
            summary();
        }
    }

    void on_path_error(TimePoint, const PathError& error) override {
        if (error.protocol == kProtoUdp && error.first == source_.value() &&
            error.destination == target_) {
            print(fmt::format("From {} {}\n", error.from.to_string(), describe(error)));
        }
    }

    void interrupt(TimePoint) override { summary(); }

private:
    static constexpr Duration kInterval = 100ms;

    void send_next(TimePoint now) {
        ++sent_;
        sent_at_[sent_] = now;
        ByteWriter payload;
        payload.u32(sent_).zeros(size_ - std::size_t{4});
        const auto datagram =
            write_udp(host_.ip().address().address, target_, {source_, port_, payload.view()});
        deadline_ = now + (sent_ < count_ ? kInterval : Duration{2s});
        if (host_.send(now, target_, kProtoUdp, datagram, {}) == IpSendResult::no_route) {
            print("udp: connect: Network is unreachable\n");
            finish(1);
        }
    }

    void summary() {
        print(fmt::format("{} datagrams sent, {} received, {} wrong\n", sent_, received_, wrong_));
        finish(received_ == count_ ? 0 : 1);
    }

    Host& host_;
    Ipv4Address target_;
    L4Port port_;
    L4Port source_;
    std::uint16_t size_;
    unsigned count_;
    std::uint32_t sent_ = 0;
    unsigned received_ = 0;
    unsigned wrong_ = 0;
    std::map<std::uint32_t, TimePoint> sent_at_;
    TimePoint deadline_ = kNever;
};

class ShowAddress final : public Job {
public:
    explicit ShowAddress(Host& host) : host_(host) {}

    void start(TimePoint) override {
        const auto& mine = host_.ip().address();
        const auto mac = host_.ip().mac().octets();
        print(fmt::format(
            "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {}\n    link/ether {:02x} brd "
            "ff:ff:ff:ff:ff:ff\n",
            host_.ip().mtu(),
            fmt::join(mac, ":")));
        if (!mine.address.is_unspecified()) {
            const Ipv4Prefix network(mine.address, mine.prefix_length);
            print(fmt::format("    inet {}/{} brd {} scope global eth0\n",
                              mine.address.to_string(),
                              mine.prefix_length,
                              network.broadcast().to_string()));
        }
        if (!mine.gateway.is_unspecified()) {
            print(fmt::format("default via {} dev eth0\n", mine.gateway.to_string()));
        }
        finish(0);
    }

    void on_time(TimePoint) override {}

    [[nodiscard]] TimePoint next_deadline() const override { return kNever; }

    void interrupt(TimePoint) override {}

private:
    Host& host_;
};

}  // namespace

std::unique_ptr<Job> make_tcp_send(Host& host,
                                   Ipv4Address target,
                                   L4Port port,
                                   std::uint64_t bytes) {
    return std::make_unique<TcpSend>(host, target, port, bytes);
}

std::unique_ptr<Job> make_udp_echo(
    Host& host, Ipv4Address target, L4Port port, std::uint16_t size, unsigned count) {
    return std::make_unique<UdpEcho>(host, target, port, size, count);
}

std::unique_ptr<Job> make_show_address(Host& host) {
    return std::make_unique<ShowAddress>(host);
}

}  // namespace viaduct::lab
