// ping, as iputils prints it.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "controlplane/lab/host/host.h"
#include "controlplane/lab/host/text.h"

namespace viaduct::lab {

namespace {

class Ping final : public Job {
public:
    Ping(Host& host, const PingOptions& options)
        : host_(host), options_(options), identifier_(host.new_identifier()) {}

    void start(TimePoint now) override {
        started_ = now;
        if (host_.ip().address().address.is_unspecified()) {
            print("ping: connect: Network is unreachable\n");
            finish(2);
            return;
        }
        print(fmt::format("PING {0} ({0}) {1}({2}) bytes of data.\n",
                          options_.target.to_string(),
                          options_.size,
                          options_.size + 28));
        send_next(now);
    }

    void on_time(TimePoint now) override {
        if (now < deadline_) {
            return;
        }
        if (transmitted_ < options_.count) {
            send_next(now);
        } else {
            summary(now);
        }
    }

    [[nodiscard]] TimePoint next_deadline() const override { return deadline_; }

    void on_echo_reply(TimePoint now,
                       Ipv4Address from,
                       std::uint8_t ttl,
                       const IcmpView& message) override {
        if (message.rest >> 16U != identifier_) {
            return;
        }
        const auto sequence = full_sequence(static_cast<std::uint16_t>(message.rest));
        const auto sent = sent_.find(sequence);
        if (sent == sent_.end()) {
            return;
        }
        const auto trip = now - sent->second.at;
        const auto duplicate = sent->second.answered;
        sent->second.answered = true;
        print(fmt::format("{} bytes from {}: icmp_seq={} ttl={} time={} ms{}{}\n",
                          message.payload.size() + 8,
                          from.to_string(),
                          sequence,
                          ttl,
                          ping_milliseconds(trip),
                          duplicate ? " (DUP!)" : "",
                          intact(sequence, message.payload) ? "" : " (BAD DATA!)"));
        if (duplicate) {
            ++duplicates_;
            return;
        }
        ++received_;
        add(trip);
        if (transmitted_ == options_.count && received_ + errors_ >= options_.count) {
            summary(now);
        }
    }

    void on_path_error(TimePoint now, const PathError& error) override {
        if (error.protocol != kProtoIcmp || error.first != identifier_ ||
            error.destination != options_.target) {
            return;
        }
        const auto sequence = full_sequence(error.second);
        print(fmt::format(
            "From {} icmp_seq={} {}\n", error.from.to_string(), sequence, describe(error)));
        ++errors_;
        if (transmitted_ == options_.count && received_ + errors_ >= options_.count) {
            summary(now);
        }
    }

    void interrupt(TimePoint now) override {
        if (!finished()) {
            summary(now);
        }
    }

private:
    struct Sent {
        TimePoint at;
        bool answered = false;
    };

    void send_next(TimePoint now) {
        ++transmitted_;
        sent_[transmitted_] = {now};
        // Older ones than this are late beyond recognition.
        sent_.erase(sent_.begin(),
                    sent_.lower_bound(transmitted_ > 4096 ? transmitted_ - 4096 : 0));
        Bytes payload(options_.size);
        for (std::size_t i = 0; i < payload.size(); ++i) {
            payload[i] = content(transmitted_, i);
        }
        const auto rest = std::uint32_t{identifier_} << 16U | (transmitted_ & 0xFFFFU);
        const auto message = write_icmp({kIcmpEcho, 0, rest, payload});
        deadline_ = now + (transmitted_ < options_.count ? options_.interval : last_wait());
        switch (host_.send(now,
                           options_.target,
                           kProtoIcmp,
                           message,
                           {.ttl = options_.ttl, .dont_fragment = options_.dont_fragment})) {
        case IpSendResult::sent:
            break;
        case IpSendResult::too_long:
            ++errors_;
            print(fmt::format("ping: local error: message too long, mtu={}\n",
                              host_.ip().path_mtu(now, options_.target)));
            if (transmitted_ == options_.count && received_ + errors_ >= options_.count) {
                deadline_ = now;
            }
            break;
        case IpSendResult::no_route:
            print("ping: connect: Network is unreachable\n");
            finish(2);
            break;
        }
    }

    /// Without any answer so far, ARP has the time to give up.
    [[nodiscard]] Duration last_wait() const {
        return received_ == 0 ? std::max<Duration>(options_.timeout, 4s) : options_.timeout;
    }

    /// Sequence numbers on the wire have 16 bits.
    [[nodiscard]] std::uint32_t full_sequence(std::uint16_t low) const {
        auto sequence = (transmitted_ & ~0xFFFFU) | low;
        return sequence > transmitted_ && sequence > 0xFFFFU ? sequence - 0x10000U : sequence;
    }

    /// As iputils fills the first 256 bytes of the first packet; beyond, another in each of 256 and in each packet, so that
    /// pieces of one packet, or of two, in each other's place are seen.
    static std::uint8_t content(std::uint32_t sequence, std::size_t at) {
        return static_cast<std::uint8_t>(at + 31 * (at >> 8U) + 7 * (sequence - 1));
    }

    [[nodiscard]] bool intact(std::uint32_t sequence, BytesView payload) const {
        if (payload.size() != options_.size) {
            return false;
        }
        for (std::size_t i = 0; i < payload.size(); ++i) {
            if (payload[i] != content(sequence, i)) {
                return false;
            }
        }
        return true;
    }

    void add(Duration trip) {
        const auto ms = std::chrono::duration<double, std::milli>(trip).count();
        shortest_ = received_ == 1 ? ms : std::min(shortest_, ms);
        longest_ = std::max(longest_, ms);
        sum_ += ms;
        squares_ += ms * ms;
    }

    void summary(TimePoint now) {
        deadline_ = kNever;
        const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_);
        print(fmt::format("\n--- {} ping statistics ---\n{} packets transmitted, {} received",
                          options_.target.to_string(),
                          transmitted_,
                          received_));
        if (duplicates_ > 0) {
            print(fmt::format(", +{} duplicates", duplicates_));
        }
        if (errors_ > 0) {
            print(fmt::format(", +{} errors", errors_));
        }
        const auto lost = 100.0 * (transmitted_ - received_) / transmitted_;
        print(fmt::format(", {:.6g}% packet loss, time {}ms\n", lost, time.count()));
        if (received_ > 0) {
            const auto mean = sum_ / received_;
            const auto deviation = std::sqrt(std::max(0.0, squares_ / received_ - mean * mean));
            print(fmt::format("rtt min/avg/max/mdev = {:.3f}/{:.3f}/{:.3f}/{:.3f} ms\n",
                              shortest_,
                              mean,
                              longest_,
                              deviation));
        }
        finish(received_ > 0 ? 0 : 1);
    }

    Host& host_;
    PingOptions options_;
    std::uint16_t identifier_;
    TimePoint started_;
    TimePoint deadline_ = kNever;
    std::uint32_t transmitted_ = 0;
    std::uint32_t received_ = 0;
    std::uint32_t duplicates_ = 0;
    std::uint32_t errors_ = 0;
    std::map<std::uint32_t, Sent> sent_;
    double shortest_ = 0;
    double longest_ = 0;
    double sum_ = 0;
    double squares_ = 0;
};

}  // namespace

std::unique_ptr<Job> make_ping(Host& host, const PingOptions& options) {
    return std::make_unique<Ping>(host, options);
}

}  // namespace viaduct::lab
