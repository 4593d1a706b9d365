#include "controlplane/icmp/engine.h"

#include <algorithm>
#include <utility>

#include "dataplane/base/checksum.h"

namespace viaduct::icmp {

namespace {

constexpr std::uint8_t kEchoReply = 0;
constexpr std::uint8_t kUnreachable = 3;
constexpr std::uint8_t kRedirect = 5;
constexpr std::uint8_t kEcho = 8;
constexpr std::uint8_t kTimeExceeded = 11;
constexpr std::uint8_t kParameterProblem = 12;

constexpr double kErrorsPerSecond = 100;
constexpr double kErrorBurst = 20;
constexpr std::size_t kMaxReports = 64;
constexpr std::size_t kQuoted = 8;  // RFC 792: internet header + 64 bits

Bytes icmp_message(std::uint8_t type, std::uint8_t code, std::uint32_t rest, BytesView body) {
    ByteWriter writer;
    writer.u8(type).u8(code).u16(0).u32(rest).bytes(body);
    writer.patch_u16(2, internet_checksum(writer.view()));
    return writer.take();
}

bool is_error(std::uint8_t type) {
    return type == kUnreachable || type == 4 || type == kRedirect || type == kTimeExceeded ||
           type == kParameterProblem;
}

/// RFC 1812, 4.3.2.7: about these nothing is said.
bool no_error_about(const ip::Packet& packet) {
    const auto source = packet.source;
    const bool icmp_error =
        packet.protocol == kProtoIcmp && !packet.payload.empty() && is_error(packet.payload[0]);
    return icmp_error || packet.fragment_offset != 0 || packet.destination.is_multicast() ||
           packet.destination.is_broadcast() || source.is_unspecified() || source.is_multicast() ||
           source.is_broadcast() || source.is_loopback();
}

}  // namespace

Engine::Engine(Random& random,
               Log& log,
               std::function<std::optional<Ipv4Address>(Ipv4Address)> source_for)
    : random_(random), log_(log), source_for_(std::move(source_for)) {
    ip_id_ = static_cast<std::uint16_t>(random_.u32());
}

void Engine::transmit(const ip::Packet& packet) {
    auto out = packet;
    out.id = ip_id_++;
    actions_.push_back({ip::write(out)});
}

bool Engine::may_send(TimePoint now, ErrorKind kind) {
    auto& bucket = buckets_[static_cast<std::size_t>(kind)];
    const std::chrono::duration<double> passed = now - bucket.last;
    bucket.tokens = std::min(kErrorBurst, bucket.tokens + passed.count() * kErrorsPerSecond);
    bucket.last = now;
    if (bucket.tokens < 1) {
        ++counters_.errors_limited;
        return false;
    }
    bucket.tokens -= 1;
    return true;
}

void Engine::send_error(TimePoint now,
                        ErrorKind kind,
                        BytesView offending,
                        Ipv4Address own,
                        std::uint8_t type,
                        std::uint8_t code,
                        std::uint32_t rest) {
    const auto packet = ip::parse(offending);
    if (!packet || no_error_about(*packet) || own.is_unspecified() || !may_send(now, kind)) {
        return;
    }
    const auto header = 20 + packet->options.size();
    const auto quoted = offending.first(std::min(offending.size(), header + kQuoted));
    const auto message = icmp_message(type, code, rest, quoted);
    ip::Packet out;
    // RFC 1812, 4.3.2.5: "ICMP error messages … SHOULD have their IP Precedence field set to 6".
    out.tos = 0xC0;
    out.protocol = kProtoIcmp;
    out.source = own;
    out.destination = packet->source;
    out.payload = message;
    ++counters_.errors_sent;
    log_.debug(Debug::ip_icmp,
               "ICMP: type {} code {} sent to {} (dest was {})",
               type,
               code,
               packet->source.to_string(),
               packet->destination.to_string());
    transmit(out);
}

void Engine::send_unreachable(
    TimePoint now, BytesView offending, Ipv4Address own, std::uint8_t code, std::uint16_t mtu) {
    send_error(now, ErrorKind::unreachable, offending, own, kUnreachable, code, mtu);
}

void Engine::send_time_exceeded(TimePoint now,
                                BytesView offending,
                                Ipv4Address own,
                                std::uint8_t code) {
    send_error(now, ErrorKind::time_exceeded, offending, own, kTimeExceeded, code, 0);
}

void Engine::send_redirect(TimePoint now,
                           BytesView offending,
                           Ipv4Address own,
                           Ipv4Address gateway) {
    send_error(now, ErrorKind::redirect, offending, own, kRedirect, 1, gateway.value());
}

void Engine::on_packet(TimePoint now, const ip::Packet& packet) {
    ByteReader reader(packet.payload);
    const auto type = reader.u8();
    const auto code = reader.u8();
    reader.u16();
    const auto rest = reader.u32();
    if (!reader.ok() || internet_checksum(packet.payload) != 0) {
        ++counters_.malformed;
        return;
    }
    const auto body = reader.rest();
    if (type == kEcho) {
        ++counters_.echo_requests;
        const auto message = icmp_message(kEchoReply, 0, rest, body);
        ip::Packet out;
        out.tos = packet.tos;
        out.protocol = kProtoIcmp;
        out.source = packet.destination;
        if (packet.destination.is_multicast() || packet.destination.is_broadcast()) {
            return;
        }
        out.destination = packet.source;
        out.payload = message;
        log_.debug(Debug::ip_icmp,
                   "ICMP: echo reply sent, src {}, dst {}",
                   out.source.to_string(),
                   out.destination.to_string());
        transmit(out);
    } else if (type == kEchoReply) {
        ++counters_.echo_replies;
        log_.debug(Debug::ip_icmp,
                   "ICMP: echo reply rcvd, src {}, dst {}",
                   packet.source.to_string(),
                   packet.destination.to_string());
        const auto found = waiting_.find(rest);
        if (found != waiting_.end() && !found->second.answer) {
            found->second.answer = Answer{now, packet.source, type, code};
        }
    } else if (is_error(type)) {
        on_error(now, packet, type, code, rest, body);
    } else {
        ++counters_.unhandled;
    }
}

void Engine::on_error(TimePoint now,
                      const ip::Packet& packet,
                      std::uint8_t type,
                      std::uint8_t code,
                      std::uint32_t rest,
                      BytesView inner) {
    ++counters_.errors_received;
    // The quoted packet is cut off, so ip::parse would refuse it: only what is needed is read here.
    ByteReader reader(inner);
    const std::size_t header = (reader.u8() & 0xFU) * std::size_t{4};
    reader.skip(8);
    const IpProtocol protocol{reader.u8()};
    if (!reader.ok() || header < 20 || inner.size() < header + 8) {
        ++counters_.malformed;
        return;
    }
    ByteReader quoted(inner.subspan(header));
    Key key = 0;
    if (protocol == kProtoIcmp) {
        quoted.skip(4);
        key = quoted.u32();
    } else if (protocol == kProtoUdp) {
        key = quoted.u32();
    }
    const auto found = waiting_.find(key);
    if (found != waiting_.end() && !found->second.answer) {
        found->second.answer = Answer{now, packet.source, type, code};
        return;
    }
    if (reports_.size() < kMaxReports) {
        reports_.push_back({type,
                            code,
                            static_cast<std::uint16_t>(rest),
                            packet.source,
                            Bytes(inner.begin(), inner.end())});
    }
}

std::vector<Engine::ErrorReport> Engine::take_reports() {
    return std::exchange(reports_, {});
}

std::vector<SendPacket> Engine::take_actions() {
    return std::exchange(actions_, {});
}

}  // namespace viaduct::icmp
