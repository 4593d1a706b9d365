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
    SeededRandom random(1);
    Silent sink;
    Log log(sink);
    crypto::InlineOffload offload(random);
    Places places;
    const auto config = dmvpn();
    Engine engine(random, log, offload, places, places);
    TimePoint now{1000s};
    auto tunnel = interface_row(9, "Tu0", own, "");
    tunnel.mtu = 1440;
    tunnel.ipsec_profile = "cisco";
    tunnel.multipoint = true;
    tunnel.source_interface = IfIndex{1};
    engine.configure(now, config, {interface_row(1, "Fa0/0", own, ""), tunnel});
    ByteReader in({data, size});
    while (in.remaining() > 3) {
        const auto what = in.u8();
        const auto length = in.u16();
        if (what % 8 == 0) {
            now += std::chrono::milliseconds(length);
            engine.on_time(now);
        } else if (what % 8 == 1) {
            Acquire acquire;
            acquire.policy = {IfIndex{9}, "", 0, "", 0, "cisco", ""};
            acquire.local = own;
            acquire.peers = {peer};
            const Ipv4Address host{0xFFFFFFFFU};
            acquire.proxies = {{own, host, kProtoGre, 0}, {peer, host, kProtoGre, 0}};
            engine.on_acquire(now, acquire);
        } else {
            const auto packet = in.bytes(std::min<std::size_t>(length, in.remaining()));
            engine.on_packet(now,
                             {IfIndex{1},
                              {own, what % 8 == 2 ? kPortNatT : kPortIsakmp},
                              {peer, kPortIsakmp},
                              packet});
        }
        for (auto& done : offload.take_done()) {
            engine.on_offload(now, std::move(done));
        }
        (void)engine.take_actions();
    }
    return 0;
}
