// `ping` and `traceroute` of the console: jobs that send through the ICMP engine and print as IOS does.
#include <algorithm>
#include <fmt/format.h>

#include "controlplane/icmp/engine.h"
#include "dataplane/base/checksum.h"

namespace viaduct::icmp {

namespace {

constexpr std::uint16_t kTracePort = 33434;
/// Translation gives these to nobody else (dataplane/tables/nat_ports.cc).
constexpr unsigned kOwnIdentifiers = 0xFF00;

std::int64_t milliseconds(Duration d) {
    // IOS prints whole milliseconds and never 0.
    return std::max<std::int64_t>(1,
                                  std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

/// IOS: the letters of `ping` and `traceroute` ("U" destination unreachable, "M" could not fragment, "N"/"H"
/// network/host unreachable, "A" prohibited, "P" protocol, "&" lifetime exceeded).
char letter(std::uint8_t type, std::uint8_t code) {
    if (type == 11) {
        return '&';
    }
    switch (code) {
    case 4:
        return 'M';
    case 9:
    case 10:
    case 13:
        return 'A';
    default:
        return 'U';
    }
}

}  // namespace

/// One probe after the other: each is answered, or its time runs out, before the next goes out.
class ProbeJob : public ios::ExecJob {
public:
    ~ProbeJob() override = default;

    ProbeJob(const ProbeJob&) = delete;
    ProbeJob& operator=(const ProbeJob&) = delete;
    ProbeJob(ProbeJob&&) = delete;
    ProbeJob& operator=(ProbeJob&&) = delete;

    Progress poll(TimePoint now, std::string& out) override {
        if (!begun_) {
            begun_ = true;
            out += "Type escape sequence to abort.\n";
            begin(out);
        }
        if (finished_) {
            return Progress::finished;
        }
        if (outstanding_) {
            const auto found = engine_.waiting_.find(key());
            if (found != engine_.waiting_.end() && found->second.answer) {
                on_answer(*found->second.answer, found->second.sent, out);
            } else if (now >= deadline_) {
                on_silence(out);
            } else {
                return Progress::running;
            }
            forget();
        }
        finished_ = !go_on(now, out);
        return finished_ ? Progress::finished : Progress::running;
    }

    [[nodiscard]] TimePoint next_deadline() const override {
        return outstanding_ ? deadline_ : TimePoint{};
    }

    void interrupt() override {
        interrupted_ = true;
        deadline_ = TimePoint{};
    }

protected:
    using Answer = Engine::Answer;
    using Key = Engine::Key;

    explicit ProbeJob(Engine& engine) : engine_(engine) {}

    virtual void begin(std::string& out) = 0;
    virtual void on_answer(const Answer& answer, TimePoint sent, std::string& out) = 0;
    virtual void on_silence(std::string& out) = 0;
    /// The next probe, or the last words. False: it was the end.
    virtual bool go_on(TimePoint now, std::string& out) = 0;
    /// What the answer to the present probe is known by.
    [[nodiscard]] virtual Key key() const = 0;

    void await(TimePoint now, Duration timeout) {
        outstanding_ = true;
        deadline_ = now + timeout;
        engine_.waiting_[key()].sent = now;
    }

    void forget() {
        engine_.waiting_.erase(key());
        outstanding_ = false;
    }

    /// Nothing without a route: IOS waits out the time.
    void transmit(const std::optional<Ipv4Address>& source, ip::Packet packet) {
        if (source) {
            packet.source = *source;
            engine_.transmit(packet);
        }
    }

    [[nodiscard]] std::optional<Ipv4Address> source_for(const std::optional<Ipv4Address>& wanted,
                                                        Ipv4Address destination) const {
        return wanted ? wanted : engine_.source_for_(destination);
    }

    [[nodiscard]] bool interrupted() const { return interrupted_; }

private:
    Engine& engine_;
    bool begun_ = false;
    bool outstanding_ = false;
    bool interrupted_ = false;
    bool finished_ = false;
    TimePoint deadline_{};
};

class PingJob final : public ProbeJob {
public:
    PingJob(Engine& engine, PingOptions options, std::uint16_t id)
        : ProbeJob(engine), options_(options), id_(id) {}

    ~PingJob() override { forget(); }

    PingJob(const PingJob&) = delete;
    PingJob& operator=(const PingJob&) = delete;
    PingJob(PingJob&&) = delete;
    PingJob& operator=(PingJob&&) = delete;

private:
    void begin(std::string& out) override {
        out +=
            fmt::format("Sending {}, {}-byte ICMP Echos to {}, timeout is {} seconds:\n",
                        options_.count,
                        options_.size,
                        options_.destination.to_string(),
                        std::chrono::duration_cast<std::chrono::seconds>(options_.timeout).count());
        if (options_.source) {
            out += fmt::format("Packet sent with a source address of {}\n",
                               options_.source->to_string());
        }
    }

    [[nodiscard]] Key key() const override {
        return std::uint32_t{id_} << 16U | static_cast<std::uint16_t>(sent_);
    }

    void on_answer(const Answer& answer, TimePoint sent, std::string& out) override {
        if (answer.type == 0) {
            const auto ms = milliseconds(answer.at - sent);
            least_ = received_ == 0 ? ms : std::min(least_, ms);
            most_ = std::max(most_, ms);
            total_ += ms;
            ++received_;
            out += '!';
        } else {
            out += letter(answer.type, answer.code);
        }
    }

    void on_silence(std::string& out) override { out += '.'; }

    bool go_on(TimePoint now, std::string& out) override {
        if (sent_ < options_.count && !interrupted()) {
            send(now);
            return true;
        }
        summary(out);
        return false;
    }

    void send(TimePoint now) {
        ++sent_;
        await(now, options_.timeout);
        ByteWriter body;
        body.u8(8).u8(0).u16(0).u32(key());
        for (unsigned i = 28; i < options_.size; ++i) {
            body.u8(0xAB ^
                    static_cast<std::uint8_t>((i & 1U) != 0 ? 0x66 : 0));  // IOS: pattern 0xABCD
        }
        body.patch_u16(2, internet_checksum(body.view()));
        ip::Packet packet;
        packet.protocol = kProtoIcmp;
        packet.destination = options_.destination;
        packet.dont_fragment = options_.dont_fragment;
        packet.payload = body.view();
        transmit(source_for(options_.source, options_.destination), packet);
    }

    void summary(std::string& out) const {
        const auto percent = sent_ == 0 ? 0 : received_ * 100 / sent_;
        out += fmt::format("\nSuccess rate is {} percent ({}/{})", percent, received_, sent_);
        if (received_ != 0) {
            out += fmt::format(", round-trip min/avg/max = {}/{}/{} ms",
                               least_,
                               total_ / static_cast<std::int64_t>(received_),
                               most_);
        }
        out += '\n';
    }

    PingOptions options_;
    std::uint16_t id_;
    unsigned sent_ = 0;
    unsigned received_ = 0;
    std::int64_t least_ = 0;
    std::int64_t most_ = 0;
    std::int64_t total_ = 0;
};

class TraceJob final : public ProbeJob {
public:
    TraceJob(Engine& engine, TraceOptions options, std::uint16_t port)
        : ProbeJob(engine), options_(options), source_port_(port) {}

    ~TraceJob() override { forget(); }

    TraceJob(const TraceJob&) = delete;
    TraceJob& operator=(const TraceJob&) = delete;
    TraceJob(TraceJob&&) = delete;
    TraceJob& operator=(TraceJob&&) = delete;

private:
    void begin(std::string& out) override {
        out += fmt::format("Tracing the route to {}\n\n", options_.destination.to_string());
    }

    [[nodiscard]] Key key() const override {
        return std::uint32_t{source_port_} << 16U |
               static_cast<std::uint16_t>(kTracePort + sequence_);
    }

    void on_answer(const Answer& answer, TimePoint sent, std::string& out) override {
        if (answer.from != last_from_) {
            out += last_from_.is_unspecified() ? "" : "\n    ";
            out += answer.from.to_string();
            last_from_ = answer.from;
        }
        if (answer.type == 3 && answer.code != 3) {
            out += fmt::format(" !{}", letter(answer.type, answer.code) == 'A' ? 'A' : 'H');
        } else {
            out += fmt::format(" {} msec", milliseconds(answer.at - sent));
        }
        arrived_ = arrived_ || answer.type == 3;
    }

    void on_silence(std::string& out) override { out += " * "; }

    bool go_on(TimePoint now, std::string& out) override {
        if (probe_ == options_.probes) {
            out += '\n';
            probe_ = 0;
            ++ttl_;
            last_from_ = Ipv4Address{};
            if (arrived_ || ttl_ > options_.max_ttl) {
                return false;
            }
        }
        if (interrupted()) {
            out += '\n';
            return false;
        }
        send(now, out);
        return true;
    }

    void send(TimePoint now, std::string& out) {
        if (probe_ == 0) {
            out += fmt::format("{:3} ", ttl_);
        }
        ++probe_;
        ++sequence_;
        await(now, options_.timeout);
        const auto source = source_for(options_.source, options_.destination);
        const Bytes data(20);
        const auto udp =
            ip::write_udp(source.value_or(Ipv4Address{}),
                          options_.destination,
                          {L4Port{source_port_}, L4Port{static_cast<std::uint16_t>(key())}, data});
        ip::Packet packet;
        packet.ttl = static_cast<std::uint8_t>(ttl_);
        packet.protocol = kProtoUdp;
        packet.destination = options_.destination;
        packet.payload = udp;
        transmit(source, packet);
    }

    TraceOptions options_;
    std::uint16_t source_port_;
    unsigned ttl_ = 1;
    unsigned probe_ = 0;
    unsigned sequence_ = 0;
    bool arrived_ = false;
    Ipv4Address last_from_;
};

std::unique_ptr<ios::ExecJob> Engine::ping(TimePoint /*now*/, const PingOptions& options) {
    return std::make_unique<PingJob>(
        *this, options, static_cast<std::uint16_t>(kOwnIdentifiers + ++next_id_ % 256));
}

std::unique_ptr<ios::ExecJob> Engine::traceroute(TimePoint /*now*/, const TraceOptions& options) {
    return std::make_unique<TraceJob>(
        *this, options, static_cast<std::uint16_t>(49152 + (++next_id_ % 8192)));
}

}  // namespace viaduct::icmp
