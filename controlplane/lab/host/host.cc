#include "controlplane/lab/host/host.h"

#include <algorithm>
#include <fmt/format.h>

namespace viaduct::lab {

namespace {

constexpr std::size_t kMaxJobs = 64;
constexpr std::size_t kQuoted = 8;  // RFC 792: "the first 64 bits of the original datagram's data"

/// What an error quotes of us: addresses, protocol and the two numbers that tell the flow.
std::optional<PathError> read_quoted(BytesView quoted) {
    const auto packet = read_quoted_ipv4(quoted);
    if (!packet || packet->fragment_offset != 0) {
        return std::nullopt;
    }
    PathError out;
    out.destination = packet->destination;
    out.protocol = packet->protocol;
    ByteReader in(packet->payload);
    if (packet->protocol == kProtoIcmp) {
        in.skip(4);
    }
    out.first = in.u16();
    out.second = in.u16();
    return in.ok() ? std::optional{out} : std::nullopt;
}

}  // namespace

void StreamChecksum::add(BytesView bytes) {
    for (const auto byte : bytes) {
        value_ = (value_ ^ byte) * 0x100000001B3U;
    }
}

Host::Host(Scheduler& scheduler, Link& link, Options options)
    : Node(scheduler),
      options_(std::move(options)),
      link_(link),
      attachment_(link.attach(*this, 0, options_.name)),
      random_(options_.seed),
      ip_(options_.mac, static_cast<std::uint16_t>(link.parameters().mtu)) {}

Host::~Host() = default;

void Host::start(TimePoint now) {
    if (options_.address.address.is_unspecified()) {
        dhcp_ = std::make_unique<DhcpClient>(options_.mac, random_);
        dhcp_->start(now);
    } else {
        ip_.set_address(options_.address);
    }
    scheduler().make_ready(*this);
}

Result<Job*> Host::begin(TimePoint now, std::string_view command) {
    if (jobs_.size() >= kMaxJobs) {
        return failure(fmt::format("{}: too many commands at once (limit {})", name(), kMaxJobs));
    }
    auto job = parse_job(*this, command);
    if (!job) {
        return tl::unexpected<Error>(job.error());
    }
    auto* out = job->get();
    begin(now, std::move(*job));
    return out;
}

void Host::begin(TimePoint now, std::unique_ptr<Job> job) {
    jobs_.push_back(std::move(job));
    jobs_.back()->start(now);
    scheduler().make_ready(*this);
}

void Host::forget(const Job& job) {
    for (auto& [endpoints, stream] : streams_) {
        if (stream->job == &job) {
            stream->connection.abort();
        }
    }
    std::erase_if(jobs_, [&job](const auto& j) { return j.get() == &job; });
    std::erase_if(streams_, [&job](const auto& s) { return s.second->job == &job; });
}

L4Port Host::new_port() {
    next_port_ =
        next_port_ == 65535 ? std::uint16_t{40000} : static_cast<std::uint16_t>(next_port_ + 1);
    return L4Port{next_port_};
}

IpSendResult Host::send(TimePoint now,
                        Ipv4Address to,
                        IpProtocol protocol,
                        BytesView payload,
                        const IpSendOptions& options) {
    scheduler().make_ready(*this);
    return ip_.send(now, to, protocol, payload, options);
}

TcpConnection& Host::open(TimePoint now, Job& job, Ipv4Address to, L4Port port) {
    const TcpEndpoints endpoints{ip_.address().address, new_port(), to, port};
    auto& stream = streams_[endpoints];
    stream = std::make_unique<Stream>(endpoints, ip_.path_mtu(now, to), random_.u32(), &job);
    stream->connection.connect(now);
    scheduler().make_ready(*this);
    return stream->connection;
}

void Host::deliver(TimePoint, unsigned, const Frame& frame) {
    input_.push_back(frame);
    scheduler().make_ready(*this);
}

void Host::on_link(TimePoint now, unsigned, bool up) {
    // A client asks anew when its cable comes back (and keeps its address if the server gives the same).
    if (up && dhcp_ && ip_.address().address.is_unspecified()) {
        dhcp_->start(now);
        scheduler().make_ready(*this);
    }
}

void Host::run(TimePoint now) {
    handling_.swap(input_);
    for (const auto& frame : handling_) {
        ++counters_.frames_in;
        if (const auto datagram = ip_.on_frame(now, *frame)) {
            on_datagram(now, *datagram);
        }
    }
    handling_.clear();
    ip_.on_time(now);
    for (const auto& packet : ip_.take_unresolved()) {
        if (auto error = read_quoted(packet)) {
            error->from = ip_.address().address;
            error->type = kIcmpUnreachable;
            error->code = 1;
            tell_path_error(now, *error);
        }
    }
    run_dhcp(now);
    run_streams(now);
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        if (!jobs_[i]->finished() && jobs_[i]->next_deadline() <= now) {
            jobs_[i]->on_time(now);
        }
    }
    run_streams(now);
    flush(now);
}

void Host::flush(TimePoint now) {
    for (auto& frame : ip_.take_frames()) {
        ++counters_.frames_out;
        link_.send(now, attachment_, std::make_shared<const Bytes>(std::move(frame)));
    }
}

TimePoint Host::next_deadline() const {
    auto deadline = ip_.next_deadline();
    if (dhcp_) {
        deadline = std::min(deadline, dhcp_->next_deadline());
    }
    for (const auto& [endpoints, stream] : streams_) {
        deadline = std::min(deadline, stream->connection.next_deadline());
    }
    for (const auto& job : jobs_) {
        if (!job->finished()) {
            deadline = std::min(deadline, job->next_deadline());
        }
    }
    return deadline;
}

void Host::run_dhcp(TimePoint now) {
    if (!dhcp_) {
        return;
    }
    dhcp_->on_time(now);
    if (const auto change = dhcp_->take_change()) {
        ip_.set_address(*change);
    }
    for (const auto& message : dhcp_->take_messages()) {
        const UdpView datagram{
            L4Port{DhcpClient::kClientPort}, L4Port{DhcpClient::kServerPort}, message};
        ip_.broadcast(kProtoUdp, write_udp(Ipv4Address{}, Ipv4Address{0xFFFFFFFFU}, datagram));
    }
}

void Host::on_datagram(TimePoint now, const Datagram& datagram) {
    if (datagram.protocol == kProtoIcmp) {
        on_icmp(now, datagram);
    } else if (datagram.protocol == kProtoUdp) {
        on_udp(now, datagram);
    } else if (datagram.protocol == kProtoTcp) {
        on_tcp(now, datagram);
    }
}

void Host::on_icmp(TimePoint now, const Datagram& datagram) {
    const auto message = read_icmp(datagram.payload);
    if (!message) {
        ++counters_.malformed;
        return;
    }
    switch (message->type) {
    case kIcmpEcho:
        if (datagram.destination == ip_.address().address) {
            ++counters_.echo_requests;
            auto reply = *message;
            reply.type = kIcmpEchoReply;
            ip_.send(now, datagram.source, kProtoIcmp, write_icmp(reply), {});
        }
        break;
    case kIcmpEchoReply:
        for (const auto& job : jobs_) {
            if (!job->finished()) {
                job->on_echo_reply(now, datagram.source, datagram.ttl, *message);
            }
        }
        break;
    case kIcmpUnreachable:
    case kIcmpTimeExceeded:
    case kIcmpParameterProblem:
        on_icmp_error(now, datagram.source, *message);
        break;
    default:
        break;
    }
}

void Host::on_icmp_error(TimePoint now, Ipv4Address from, const IcmpView& message) {
    auto error = read_quoted(message.payload);
    if (!error) {
        return;
    }
    error->from = from;
    error->type = message.type;
    error->code = message.code;
    if (message.type == kIcmpUnreachable && message.code == kIcmpTooBig) {
        error->mtu = static_cast<std::uint16_t>(message.rest);
        const auto mtu = ip_.on_too_big(now, error->destination, error->mtu);
        for (auto& [endpoints, stream] : streams_) {
            if (endpoints.remote_address == error->destination) {
                stream->connection.on_path_mtu(now, mtu);
            }
        }
    }
    tell_path_error(now, *error);
}

void Host::tell_path_error(TimePoint now, const PathError& error) {
    for (const auto& job : jobs_) {
        if (!job->finished()) {
            job->on_path_error(now, error);
        }
    }
}

void Host::on_udp(TimePoint now, const Datagram& datagram) {
    const auto udp = read_udp(datagram.source, datagram.destination, datagram.payload);
    if (!udp) {
        ++counters_.malformed;
        return;
    }
    if (udp->destination.value() == DhcpClient::kClientPort) {
        if (dhcp_) {
            dhcp_->on_message(now, udp->payload);
        }
        return;
    }
    if (datagram.destination != ip_.address().address) {
        return;
    }
    if (udp->destination.value() == kEchoPort) {
        const UdpView answer{udp->destination, udp->source, udp->payload};
        ip_.send(now,
                 datagram.source,
                 kProtoUdp,
                 write_udp(datagram.destination, datagram.source, answer),
                 {});
        return;
    }
    if (udp->destination.value() >= 40000) {
        for (const auto& job : jobs_) {
            if (!job->finished()) {
                job->on_udp(now, datagram.source, *udp);
            }
        }
        return;
    }
    Ipv4View quoted;
    quoted.ttl = datagram.ttl;
    quoted.protocol = datagram.protocol;
    quoted.source = datagram.source;
    quoted.destination = datagram.destination;
    quoted.payload = datagram.payload;
    const auto whole = write_ipv4(quoted);
    const auto part = BytesView(whole).first(std::min(whole.size(), 20 + kQuoted));
    ip_.send(now, datagram.source, kProtoIcmp, write_icmp({kIcmpUnreachable, 3, 0, part}), {});
}

void Host::on_tcp(TimePoint now, const Datagram& datagram) {
    const auto segment = read_tcp(datagram.source, datagram.destination, datagram.payload);
    if (!segment) {
        ++counters_.malformed;
        return;
    }
    const TcpEndpoints endpoints{
        datagram.destination, segment->destination, datagram.source, segment->source};
    const auto found = streams_.find(endpoints);
    if (found != streams_.end() &&
        found->second->connection.state() != TcpConnection::State::closed) {
        found->second->connection.on_segment(now, *segment);
        return;
    }
    if (segment->syn && !segment->ack && !segment->reset &&
        segment->destination.value() != kClosedPort && streams_.size() < kMaxConnections &&
        datagram.destination == ip_.address().address) {
        auto& stream = streams_[endpoints];
        stream = std::make_unique<Stream>(
            endpoints, ip_.path_mtu(now, datagram.source), random_.u32(), nullptr);
        stream->connection.accept(now, *segment);
        return;
    }
    refuse(now, datagram, *segment);
}

void Host::refuse(TimePoint now, const Datagram& datagram, const TcpView& segment) {
    if (segment.reset) {
        return;
    }
    ++counters_.resets_sent;
    TcpView reset;
    reset.source = segment.destination;
    reset.destination = segment.source;
    reset.reset = true;
    if (segment.ack) {
        reset.sequence = segment.acknowledgement;
    } else {
        reset.ack = true;
        reset.acknowledgement = segment.sequence +
                                static_cast<std::uint32_t>(segment.payload.size()) +
                                (segment.syn ? 1U : 0U);
    }
    ip_.send(now,
             datagram.source,
             kProtoTcp,
             write_tcp(datagram.destination, datagram.source, reset),
             {});
}

void Host::serve(TimePoint now, Stream& stream) {
    const auto bytes = stream.connection.take_received();
    stream.checksum.add(bytes);
    stream.received += bytes.size();
    if (!stream.connection.peer_closed() || stream.reported) {
        return;
    }
    stream.reported = true;
    const auto report =
        fmt::format("received {} checksum {:016x}\n", stream.received, stream.checksum.value());
    stream.connection.send(
        now,
        [report](std::uint64_t offset, std::span<std::uint8_t> out) {
            std::copy_n(
                report.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        },
        report.size());
}

void Host::run_streams(TimePoint now) {
    for (auto& [endpoints, stream] : streams_) {
        auto& connection = stream->connection;
        if (connection.next_deadline() <= now) {
            connection.on_time(now);
        }
        if (stream->job == nullptr) {
            serve(now, *stream);
        } else if (!stream->job->finished()) {
            stream->job->on_tcp(now, connection);
        }
        for (const auto& segment : connection.take_segments()) {
            const auto result = ip_.send(now,
                                         endpoints.remote_address,
                                         kProtoTcp,
                                         segment,
                                         {.ttl = 64, .dont_fragment = true});
            if (result == IpSendResult::too_long) {
                connection.on_path_mtu(now, ip_.path_mtu(now, endpoints.remote_address));
            }
        }
    }
    std::erase_if(streams_, [](const auto& s) {
        return s.second->connection.state() == TcpConnection::State::closed &&
               (s.second->job == nullptr || s.second->job->finished());
    });
}

}  // namespace viaduct::lab
