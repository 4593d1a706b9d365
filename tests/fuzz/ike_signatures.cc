// libFuzzer: what a peer's CERT, CERT_REQ, SIG and ID payloads feed (controlplane/ike/signatures.h). The input is a list of
// payloads; a CERT payload may be a good certificate with octets turned, so that the fuzzer gets behind the DER parser. The
// signature is never one of the peer's key over this hash, so nothing may be believed, ever.
//
//     piece: kind (1 octet), length (2), that many octets
#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/signatures.h"
#include "tests/fuzz/ike_harness.h"
#include "tests/unit/crypto/test_pki.h"

using namespace viaduct;
using namespace viaduct::ike;
using viaduct::ike::fuzz::check;

namespace {

namespace pki = crypto::test_pki;

constexpr WallTime kIn2027{std::chrono::sys_days{std::chrono::year(2027) / 6 / 1}};
constexpr std::uint8_t kX509Signature = 4;

struct Pki {
    crypto::Certificate root = *crypto::Certificate::from_pem(pki::kRootCa);
    crypto::Certificate between = *crypto::Certificate::from_pem(pki::kSubCa);
    crypto::Certificate peer = *crypto::Certificate::from_pem(pki::kPeer);
    crypto::RsaPrivateKey key = *crypto::RsaPrivateKey::from_pem(pki::kPeerKey);

    [[nodiscard]] std::vector<TrustpointKeys> trustpoints() const {
        TrustpointKeys out;
        out.name = "ca";
        out.certificate = peer;
        out.chain = {between};
        out.key = key;
        out.authorities = {root};
        out.revocation_none = true;
        return {out};
    }
};

const Pki& known() {
    static const Pki kPki;
    return kPki;
}

Bytes certificate_body(const crypto::Certificate& certificate) {
    ByteWriter out;
    out.u8(kX509Signature).bytes(certificate.der());
    return out.take();
}

/// Octets turned: pairs of a place (2) and what to turn there (1).
void turn(Bytes& body, ByteReader turns) {
    while (turns.remaining() >= 3) {
        const auto at = turns.u16();
        body[at % body.size()] ^= turns.u8();
    }
}

struct Message {
    ChainWriter chain;
    Identity identity;
};

void add_piece(Message& message, std::uint8_t kind, BytesView octets) {
    switch (kind % 8) {
    case 0:
    case 1: {
        auto body = certificate_body(kind % 8 == 0 ? known().peer : known().between);
        turn(body, ByteReader(octets));
        message.chain.add(PayloadType::certificate, body);
        return;
    }
    case 2:
        message.chain.add(PayloadType::certificate, octets);
        return;
    case 3:
        message.chain.add(PayloadType::signature, octets);
        return;
    case 4: {
        // A true signature, over another hash than the one that is asked for: three octets turned are too few.
        Bytes hash(20, 0x5A);
        turn(hash, ByteReader(octets.first(std::min<std::size_t>(octets.size(), 9))));
        message.chain.add(PayloadType::signature, *known().key.sign(hash));
        return;
    }
    case 5: {
        ByteWriter body;
        body.u8(kX509Signature).bytes(known().root.subject_der());
        auto wanted = body.take();
        turn(wanted, ByteReader(octets));
        message.chain.add(PayloadType::certificate_request, wanted);
        return;
    }
    case 6:
        message.chain.add(PayloadType::certificate_request, octets);
        return;
    default:
        if (const auto identity = parse_identity(octets)) {
            message.identity = *identity;
        }
    }
}

/// A message without a fault is believed: else the target would test the door only.
bool believes_the_good(Signatures& signatures, IkeSa& sa, BytesView hash) {
    ChainWriter writer;
    writer.add(PayloadType::certificate, certificate_body(known().peer));
    writer.add(PayloadType::certificate, certificate_body(known().between));
    writer.add(PayloadType::signature, *known().key.sign(hash));
    const auto chain = parse_chain(writer.first(), writer.view(), Padding::none);
    Identity identity;
    identity.type = IdType::der_asn1_dn;
    identity.data = known().peer.subject_der();
    return chain && signatures.check(sa, *chain, identity, hash);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Ipv4Address own(10, 0, 0, 1);
    const Ipv4Address peer(10, 0, 0, 2);
    SeededRandom random(1);
    fuzz::Silent sink;
    Log log(sink);
    crypto::InlineOffload offload(random);
    fuzz::Places places;
    config::RunningConfig config;
    config.crypto.policies[10].authentication = config::IkeAuthentication::rsa_sig;
    // Without the Engine around it: what stands behind phase 1's door is tested alone.
    Engine::State core(random, log, offload, places, places);
    core.config = &config;
    core.interfaces = {fuzz::interface_of(1, "Fa0/0", own)};
    core.now = TimePoint{1000s};
    core.signatures.set_trustpoints(known().trustpoints());
    core.signatures.set_wall(core.now, kIn2027);
    auto* sa =
        core.phase1.create(Role::responder, {own, kPortIsakmp}, {peer, kPortIsakmp}, Cookie{1});
    check(sa != nullptr);
    const auto hash = random.bytes(20);
    static const bool kGood = believes_the_good(core.signatures, *sa, hash);
    check(kGood);

    Message message;
    message.identity.type = IdType::der_asn1_dn;
    message.identity.data = known().peer.subject_der();
    ByteReader in({data, size});
    while (in.remaining() > 2) {
        const auto kind = in.u8();
        const auto length = in.u16();
        add_piece(message, kind, in.bytes(std::min<std::size_t>(length, in.remaining())));
    }
    const auto chain = parse_chain(message.chain.first(), message.chain.view(), Padding::none);
    if (!chain) {
        return 0;
    }
    core.signatures.choose_own(*sa, *chain);
    (void)core.signatures.own_identity(*sa, message.identity);
    ChainWriter answer;
    core.signatures.add_certificates(*sa, answer);
    check(!core.signatures.check(*sa, *chain, message.identity, hash));
    return 0;
}
