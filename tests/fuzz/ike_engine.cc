// libFuzzer: a responder with document 003's policy gets datagrams, acquires and passing time from the
// input; its invariants are checked after each.
#include "tests/fuzz/ike_harness.h"

using namespace viaduct;
using namespace viaduct::ike;

namespace {

config::RunningConfig dmvpn() {
    config::RunningConfig config;
    auto& crypto = config.crypto;
    crypto.policies[10] = {crypto::Cipher::des_cbc,
                           crypto::Hash::md5,
                           crypto::DhGroup::modp768,
                           config::IkeAuthentication::pre_share,
                           86400};
    crypto.keys = {{{0, "cisco123"}, Ipv4Address{}, Ipv4Address{}, "", false}};
    crypto.transform_sets["strong"] = {crypto::Cipher::tdes_cbc, crypto::Auth::hmac_md5_96};
    crypto.ipsec_profiles["cisco"].transform_sets = {"strong"};
    return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Ipv4Address own(10, 0, 0, 1);
    const Ipv4Address peer(10, 0, 0, 2);
    fuzz::Harness h;
    auto& engine = h.engine;
    const auto config = dmvpn();
    auto tunnel = fuzz::interface_of(9, "Tu0", own);
    tunnel.mtu = 1440;
    tunnel.ipsec_profile = "cisco";
    tunnel.multipoint = true;
    tunnel.source_interface = IfIndex{1};
    engine.configure(h.now, config, {fuzz::interface_of(1, "Fa0/0", own), tunnel});
    ByteReader in({data, size});
    while (in.remaining() > 3) {
        const auto what = in.u8();
        const auto length = in.u16();
        if (what % 8 == 0) {
            h.pass(std::chrono::milliseconds(length));
        } else if (what % 8 == 1) {
            Acquire acquire;
            acquire.policy = {IfIndex{9}, "", 0, "", 0, "cisco", ""};
            acquire.local = own;
            acquire.peers = {peer};
            const Ipv4Address host{0xFFFFFFFFU};
            acquire.proxies = {{own, host, kProtoGre, 0}, {peer, host, kProtoGre, 0}};
            engine.on_acquire(h.now, acquire);
        } else {
            const auto packet = in.bytes(std::min<std::size_t>(length, in.remaining()));
            engine.on_packet(h.now,
                             {IfIndex{1},
                              {own, what % 8 == 2 ? kPortNatT : kPortIsakmp},
                              {peer, kPortIsakmp},
                              packet});
        }
        (void)h.settle();
    }
    return 0;
}
