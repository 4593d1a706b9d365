#include "controlplane/lab/host/dhcp.h"

#include <algorithm>

namespace viaduct::lab {

namespace {

constexpr std::uint32_t kMagicCookie = 0x63825363;
constexpr std::size_t kClientHardware = 28;
constexpr std::size_t kOptions = 236;
constexpr std::uint8_t kDiscover = 1;
constexpr std::uint8_t kOffer = 2;
constexpr std::uint8_t kRequest = 3;
constexpr std::uint8_t kAck = 5;
constexpr std::uint8_t kNak = 6;

std::uint32_t number(BytesView value) {
    ByteReader in(value);
    return in.u32();
}

}  // namespace

void DhcpClient::start(TimePoint now) {
    retry_ = kFirstRetry;
    transaction_ = random_.u32();
    discover(now);
}

void DhcpClient::discover(TimePoint now) {
    state_ = State::selecting;
    offer_ = {};
    messages_.push_back(write(kDiscover));
    deadline_ = now + retry_;
    retry_ = std::min(retry_ * 2, Duration{kLongestRetry});
}

void DhcpClient::request(TimePoint now) {
    messages_.push_back(write(kRequest));
    deadline_ = now + retry_;
    retry_ = std::min(retry_ * 2, Duration{kLongestRetry});
}

Bytes DhcpClient::write(std::uint8_t type) const {
    ByteWriter out;
    const auto renewing = state_ == State::renewing;
    out.u8(1).u8(1).u8(6).u8(0).u32(transaction_).u16(0).u16(renewing ? 0 : 0x8000);
    out.address(renewing ? offer_.address.address : Ipv4Address{}).zeros(12);
    out.bytes(mac_.octets()).zeros(10 + 64 + 128).u32(kMagicCookie);
    out.u8(53).u8(1).u8(type);
    if (type == kRequest && !renewing) {
        out.u8(50).u8(4).address(offer_.address.address);
        out.u8(54).u8(4).address(offer_.server);
    }
    out.u8(55).u8(3).u8(1).u8(3).u8(51).u8(255);
    return out.take();
}

std::optional<DhcpClient::Offer> DhcpClient::read(BytesView message) const {
    ByteReader in(message);
    const auto operation = in.u8();
    in.skip(3);
    const auto transaction = in.u32();
    in.skip(8);
    Offer out;
    out.address.address = in.address();
    in.skip(8);
    const auto hardware = in.bytes(mac_.octets().size());
    in.skip(kOptions - kClientHardware - mac_.octets().size());
    if (in.u32() != kMagicCookie || !in.ok() || operation != 2 || transaction != transaction_ ||
        !std::equal(hardware.begin(), hardware.end(), mac_.octets().begin())) {
        return std::nullopt;
    }
    out.lease = std::chrono::hours{24};
    while (in.remaining() > 0) {
        const auto code = in.u8();
        if (code == 255) {
            break;
        }
        if (code == 0) {
            continue;
        }
        const auto value = in.bytes(in.u8());
        if (code == 53 && value.size() == 1) {
            out.type = value[0];
        } else if (code == 1 && value.size() == 4) {
            out.address.prefix_length = length_of_mask(Ipv4Address{number(value)}).value_or(24);
        } else if (code == 3 && value.size() >= 4) {
            out.address.gateway = Ipv4Address{number(value)};
        } else if (code == 51 && value.size() == 4) {
            out.lease = std::chrono::seconds{number(value)};
        } else if (code == 54 && value.size() == 4) {
            out.server = Ipv4Address{number(value)};
        } else if (code == 58 && value.size() == 4) {
            out.renewal = std::chrono::seconds{number(value)};
        }
    }
    return in.ok() ? std::optional{out} : std::nullopt;
}

void DhcpClient::on_message(TimePoint now, BytesView message) {
    const auto offer = read(message);
    if (!offer) {
        return;
    }
    if (state_ == State::selecting && offer->type == kOffer) {
        offer_ = *offer;
        state_ = State::requesting;
        retry_ = kFirstRetry;
        request(now);
    } else if (state_ == State::requesting || state_ == State::renewing) {
        if (offer->type == kAck) {
            bind(now, *offer);
        } else if (offer->type == kNak) {
            change_ = HostAddress{};
            start(now);
        }
    }
}

void DhcpClient::bind(TimePoint now, const Offer& offer) {
    if (state_ != State::renewing || offer.address != offer_.address) {
        change_ = offer.address;
    }
    state_ = State::bound;
    offer_ = offer;
    lease_until_ = now + offer.lease;
    deadline_ = now + (offer.renewal > Duration{} ? offer.renewal : offer.lease / 2);
}

void DhcpClient::on_time(TimePoint now) {
    if (now < deadline_) {
        return;
    }
    switch (state_) {
    case State::stopped:
        deadline_ = kNever;
        break;
    case State::selecting:
    case State::requesting:
        // RFC 2131, 3.1.5: a client that hears nothing begins again.
        discover(now);
        break;
    case State::bound:
        state_ = State::renewing;
        retry_ = kFirstRetry;
        transaction_ = random_.u32();
        request(now);
        break;
    case State::renewing:
        if (now >= lease_until_) {
            change_ = HostAddress{};
            start(now);
        } else {
            request(now);
            deadline_ = std::min(deadline_, lease_until_);
        }
        break;
    }
}

}  // namespace viaduct::lab
