// traceroute -n with UDP probes, one probe at a time.
#include <array>
#include <fmt/format.h>

#include "controlplane/lab/host/host.h"
#include "controlplane/lab/host/text.h"

namespace viaduct::lab {

namespace {

constexpr unsigned kMaxHops = 30;
constexpr unsigned kProbes = 3;
constexpr unsigned kSilentHops = 5;  // in a row: given up (a lab's path is shorter than that)
constexpr std::uint16_t kFirstPort = 33434;
constexpr Duration kWait = 2s;
constexpr std::size_t kPayload = 32;  // "60 byte packets"

class Traceroute final : public Job {
public:
    Traceroute(Host& host, Ipv4Address target)
        : host_(host), target_(target), port_(host.new_port()) {}

    void start(TimePoint now) override {
        print(fmt::format("traceroute to {0} ({0}), {1} hops max, 60 byte packets\n",
                          target_.to_string(),
                          kMaxHops));
        probe(now);
    }

    void on_time(TimePoint now) override {
        if (now >= deadline_) {
            print(" *");
            next(now);
        }
    }

    [[nodiscard]] TimePoint next_deadline() const override { return deadline_; }

    void on_path_error(TimePoint now, const PathError& error) override {
        if (error.protocol != kProtoUdp || error.first != port_.value() ||
            error.destination != target_ || error.second != destination_port()) {
            return;
        }
        silent_hops_ = 0;
        heard_ = true;
        if (error.from != last_from_) {
            print(" " + error.from.to_string());
            last_from_ = error.from;
        }
        print(fmt::format("  {} ms{}", milliseconds(now - sent_at_), mark(error)));
        arrived_ = arrived_ || error.type == kIcmpUnreachable;
        next(now);
    }

    void interrupt(TimePoint) override {
        print("\n");
        finish(1);
    }

private:
    [[nodiscard]] std::uint16_t destination_port() const {
        return static_cast<std::uint16_t>(kFirstPort + (hop_ - 1) * kProbes + probe_);
    }

    static std::string mark(const PathError& error) {
        if (error.type != kIcmpUnreachable || error.code == 3) {
            return "";
        }
        switch (error.code) {
        case 0:
            return " !N";
        case 1:
            return " !H";
        case 2:
            return " !P";
        case kIcmpTooBig:
            return fmt::format(" !F-{}", error.mtu);
        case 9:
        case 10:
        case 13:
            return " !X";
        default:
            return fmt::format(" !<{}>", error.code);
        }
    }

    void probe(TimePoint now) {
        if (probe_ == 0) {
            print(fmt::format("{:2} ", hop_));
            last_from_ = {};
            heard_ = false;
        }
        sent_at_ = now;
        deadline_ = now + kWait;
        std::array<std::uint8_t, kPayload> payload{};
        const auto datagram = write_udp(
            host_.ip().address().address, target_, {port_, L4Port{destination_port()}, payload});
        if (host_.send(
                now, target_, kProtoUdp, datagram, {.ttl = static_cast<std::uint8_t>(hop_)}) !=
            IpSendResult::sent) {
            print("\nconnect: Network is unreachable\n");
            finish(1);
        }
    }

    void next(TimePoint now) {
        if (++probe_ < kProbes) {
            probe(now);
            return;
        }
        print("\n");
        probe_ = 0;
        silent_hops_ = heard_ ? 0 : silent_hops_ + 1;
        if (arrived_ || hop_ == kMaxHops || silent_hops_ == kSilentHops) {
            deadline_ = kNever;
            finish(arrived_ ? 0 : 1);
            return;
        }
        ++hop_;
        probe(now);
    }

    Host& host_;
    Ipv4Address target_;
    L4Port port_;
    unsigned hop_ = 1;
    unsigned probe_ = 0;
    unsigned silent_hops_ = 0;
    bool heard_ = false;
    bool arrived_ = false;
    Ipv4Address last_from_;
    TimePoint sent_at_;
    TimePoint deadline_ = kNever;
};

}  // namespace

std::unique_ptr<Job> make_traceroute(Host& host, Ipv4Address target) {
    return std::make_unique<Traceroute>(host, target);
}

}  // namespace viaduct::lab
