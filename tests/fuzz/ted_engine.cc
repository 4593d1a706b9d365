// libFuzzer: a gateway with document 002's policy gets discoveries, probes and replies in any order, from any side, and
// time that passes. A reply's cookie is put right every other time, so that the fuzzer gets behind that door. Its limits
// and the promise about amplification are checked after each input.
#include <algorithm>

#include "controlplane/ike/core.h"
#include "tests/fuzz/ike_harness.h"

using namespace viaduct;
using namespace viaduct::ike;
using viaduct::ike::fuzz::check;

namespace {

constexpr Ipv4Address kOwn(11, 11, 11, 1);
constexpr Ipv4Address kInsideHost(13, 13, 13, 4);
constexpr Ipv4Address kOutsideHost(12, 12, 12, 13);

config::RunningConfig daphne() {
    config::RunningConfig config;
    auto& crypto = config.crypto;
    crypto.policies[10].authentication = config::IkeAuthentication::pre_share;
    crypto.keys = {{{0, "abc123"}, Ipv4Address{}, Ipv4Address{}, "", false}};
    crypto.transform_sets["ted-transforms"] = {crypto::Cipher::des_cbc, crypto::Auth::hmac_md5_96};
    auto& row = crypto.dynamic_maps["ted-map"].entries[10];
    row.transform_sets = {"ted-transforms"};
    row.match_address = "101";
    auto& entry = crypto.maps["tedtag"].entries[10];
    entry.kind = config::CryptoMapEntry::Kind::dynamic;
    entry.dynamic_map = "ted-map";
    entry.discover = true;
    config::AccessEntry line;
    line.sequence = 10;
    line.source = {Ipv4Address(13, 13, 13, 0), Ipv4Address{255}};
    line.destination = {Ipv4Address(12, 12, 12, 0), Ipv4Address{255}};
    config.access_lists["101"].entries = {line};
    return config;
}

DiscoverRequest request_for(std::uint8_t host) {
    DiscoverRequest r;
    r.policy = {IfIndex{1}, "tedtag", 10, "ted-map", 10, "", ""};
    r.local = kOwn;
    r.source = kInsideHost;
    r.destination = Ipv4Address{kOutsideHost.value() + host % 4U};
    r.local_proxy = {Ipv4Address(13, 13, 13, 0), mask_of(24), std::nullopt, 0};
    r.remote_proxy = {Ipv4Address(12, 12, 12, 0), mask_of(24), std::nullopt, 0};
    return r;
}

/// What was protected before may only have been narrowed.
void check_requests(const Engine::State& core) {
    for (const auto& [id, request] : core.requests.all()) {
        const auto& remote = request.acquire.proxies.remote;
        check((remote.address.value() & 0xFFFFFF00U) == Ipv4Address(12, 12, 12, 0).value());
        check((~remote.mask.value() & 0xFFFFFF00U) == 0);
        check(request.acquire.peers.front() != kOwn);
    }
    check(core.ted.probes().size() <= Ted::kMaxProbes &&
          core.ted.silent().size() <= Ted::kMaxSilent &&
          core.ted.refused().size() <= Ted::kMaxRefused);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Harness h;
    auto& engine = h.engine;
    const auto config = daphne();
    auto outside = fuzz::interface_of(1, "Fa0/0", kOwn);
    outside.crypto_map = "tedtag";
    engine.configure(
        h.now, config, {outside, fuzz::interface_of(2, "Fa0/1", Ipv4Address(13, 13, 13, 13))});
    ByteReader in({data, size});
    while (in.remaining() > 3) {
        const auto what = in.u8();
        const auto length = in.u16();
        std::size_t came = 0;
        bool is_probe = false;
        if (what % 4 == 0) {
            h.pass(std::chrono::milliseconds(length));
        } else if (what % 4 == 1) {
            engine.on_discover(h.now, request_for(what));
        } else {
            const auto view = in.bytes(std::min<std::size_t>(length, in.remaining()));
            Bytes packet(view.begin(), view.end());
            const auto& probes = engine.state().ted.probes();
            is_probe = what % 4 == 2;
            if (!is_probe && (what & 0x80U) == 0 && !probes.empty() && packet.size() >= 8) {
                ByteWriter cookie;
                cookie.u64(probes.begin()->second.cookie.value());
                std::copy_n(cookie.view().begin(), 8, packet.begin());
            }
            came = packet.size();
            const Ipv4Address gateway(11, 11, 11, 2);
            const Endpoint local{is_probe ? kInsideHost : kOwn, kPortIsakmp};
            const Endpoint remote{is_probe ? kOutsideHost : gateway, kPortIsakmp};
            engine.on_packet(
                h.now, {(what & 0x40U) == 0 ? IfIndex{1} : IfIndex{2}, local, remote, packet});
        }
        for (const auto& action : h.settle()) {
            const auto* sent = std::get_if<SendPacket>(&action);
            // Nothing but an answer comes of a probe, and never more bytes.
            check(sent == nullptr || !is_probe ||
                  sent->payload.size() <= std::max<std::size_t>(came, 0));
        }
        check_requests(engine.state());
    }
    return 0;
}
