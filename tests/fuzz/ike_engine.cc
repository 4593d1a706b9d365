// libFuzzer: two gateways with document 003's policy, between which the input carries, changes, loses and repeats what they
// send; strangers' datagrams, wishes for SAs, limits and time that passes come in between. So the engines are met in
// every state, phase 2 and DPD too. Their invariants are checked after each step.
//
// Input, again and again: a byte whose low bits say what, two bytes of detail, and for a stranger's datagram its bytes.
#include <array>
#include <deque>

#include "controlplane/ike/core.h"
#include "tests/fuzz/ike_harness.h"

using namespace viaduct;
using namespace viaduct::ike;

namespace {

constexpr std::size_t kMostUnderWay = 32;
constexpr Ipv4Address kHost{0xFFFFFFFFU};

config::RunningConfig dmvpn() {
    config::RunningConfig config;
    auto& crypto = config.crypto;
    crypto.policies[10] = {crypto::Cipher::des_cbc,
                           crypto::Hash::md5,
                           crypto::DhGroup::modp768,
                           config::IkeAuthentication::pre_share,
                           86400};
    crypto.keys = {{{0, "cisco123"}, Ipv4Address{}, Ipv4Address{}, "", false}};
    crypto.keepalive = config::Keepalive{10, 2, false};
    crypto.transform_sets["strong"] = {crypto::Cipher::tdes_cbc, crypto::Auth::hmac_md5_96};
    crypto.ipsec_profiles["cisco"].transform_sets = {"strong"};
    return config;
}

struct Gateway : fuzz::Harness {
    Gateway(const config::RunningConfig& config, Ipv4Address address)
        : Harness(address.value()), own(address) {
        auto tunnel = fuzz::interface_of(9, "Tu0", own);
        tunnel.mtu = 1440;
        tunnel.ipsec_profile = "cisco";
        tunnel.multipoint = true;
        tunnel.source_interface = IfIndex{1};
        engine.configure(now, config, {fuzz::interface_of(1, "Fa0/0", own), tunnel});
    }

    void acquire(Ipv4Address peer) {
        Acquire wish;
        wish.policy = {IfIndex{9}, "", 0, "", 0, "cisco", ""};
        wish.local = own;
        wish.peers = {peer};
        wish.proxies = {{own, kHost, kProtoGre, 0}, {peer, kHost, kProtoGre, 0}};
        engine.on_acquire(now, wish);
    }

    /// Something happens to one of its pairs.
    void notice(std::uint16_t detail) {
        constexpr std::array kNotices{
            SaNotice::soft_limit, SaNotice::hard_limit, SaNotice::first_packet, SaNotice::idle};
        const auto pairs = engine.state().children.ids_with(std::nullopt);
        if (!pairs.empty()) {
            engine.on_sa_notice(
                now, pairs[detail / kNotices.size() % pairs.size()], kNotices[detail % 4U]);
        }
    }

    void receive(const Endpoint& from, const Endpoint& to, BytesView packet) {
        engine.on_packet(now, {IfIndex{1}, to, from, packet});
    }

    /// What it sends goes under way.
    void run() {
        for (auto& action : settle()) {
            auto* packet = std::get_if<SendPacket>(&action);
            if (packet != nullptr && sent.size() < kMostUnderWay) {
                sent.push_back(std::move(*packet));
            }
        }
        engine.state().check_invariants();
    }

    Ipv4Address own;
    std::deque<SendPacket> sent;
};

/// The oldest datagram of `from` arrives: as it was, changed in one byte, twice, or not at all.
void carry(Gateway& from, Gateway& to, std::uint8_t how, std::uint16_t detail) {
    if (from.sent.empty()) {
        return;
    }
    auto packet = std::move(from.sent.front());
    from.sent.pop_front();
    if (how == 1 && !packet.payload.empty()) {
        packet.payload[detail % packet.payload.size()] ^=
            static_cast<std::uint8_t>(1U << (detail >> 13U));
    }
    for (unsigned times = how == 3 ? 0 : how == 2 ? 2 : 1; times > 0; --times) {
        to.receive(packet.local, packet.remote, packet.payload);
    }
}

/// A stranger's bytes with the cookies of an SA that stands, so that they come past the first door.
void mend_cookies(const Gateway& gateway, Bytes& packet) {
    const auto& known = gateway.engine.state().by_cookies;
    if (known.empty() || packet.size() < 16) {
        return;
    }
    ByteWriter cookies;
    cookies.u64(known.begin()->first.initiator.value());
    cookies.u64(known.begin()->first.responder.value());
    std::copy(cookies.view().begin(), cookies.view().end(), packet.begin());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto config = dmvpn();
    Gateway a(config, Ipv4Address(10, 0, 0, 1));
    Gateway b(config, Ipv4Address(10, 0, 0, 2));
    ByteReader in({data, size});
    while (in.remaining() > 2) {
        const auto what = in.u8();
        const auto detail = in.u16();
        auto& one = (what & 8U) == 0 ? a : b;
        auto& other = (what & 8U) == 0 ? b : a;
        switch (what & 7U) {
        case 0:
            a.pass(std::chrono::milliseconds(detail));
            b.pass(std::chrono::milliseconds(detail));
            break;
        case 1:
            one.acquire(other.own);
            break;
        case 2:
            one.notice(detail);
            break;
        case 3: {
            const auto view = in.bytes(std::min<std::size_t>(detail, in.remaining()));
            Bytes packet(view.begin(), view.end());
            if ((what & 0x80U) != 0) {
                mend_cookies(one, packet);
            }
            const auto port = (what & 0x40U) != 0 ? kPortNatT : kPortIsakmp;
            one.receive({other.own, kPortIsakmp}, {one.own, port}, packet);
            break;
        }
        default:
            carry(one, other, what & 3U, detail);
            break;
        }
        a.run();
        b.run();
    }
    return 0;
}
