#include "controlplane/ike/keys.h"

#include <array>

#include "crypto/primitives.h"
#include "dataplane/base/check.h"

namespace viaduct::ike {

namespace {

/// RFC 2409, appendix B: "the negotiated prf … Ka = K1 | K2 | K3", K1 = prf(SKEYID_e, 0), when
/// SKEYID_e is not long enough.
Secret cipher_key_of(crypto::Hash hash, crypto::Cipher cipher, const Secret& skeyid_e) {
    const auto wanted = crypto::info(cipher).key_bytes;
    if (skeyid_e.size() >= wanted) {
        return Secret(skeyid_e.view().first(wanted));
    }
    const std::array<std::uint8_t, 1> zero{0};
    Bytes key;
    Bytes block = crypto::hmac(hash, skeyid_e.view(), {BytesView(zero)});
    while (true) {
        key.insert(key.end(), block.begin(), block.end());
        if (key.size() >= wanted) {
            break;
        }
        block = crypto::hmac(hash, skeyid_e.view(), {BytesView(block)});
    }
    key.resize(wanted);
    return Secret(std::move(key));
}

Phase1Keys expand(const Phase1Material& m, Secret skeyid, BytesView shared) {
    const auto cky_i = octets_of(m.initiator);
    const auto cky_r = octets_of(m.responder);
    const std::array<std::uint8_t, 1> zero{0};
    const std::array<std::uint8_t, 1> one{1};
    const std::array<std::uint8_t, 1> two{2};
    Phase1Keys out;
    // SKEYID_d = prf(SKEYID, g^xy | CKY-I | CKY-R | 0)
    out.skeyid_d = Secret(crypto::hmac(m.hash, skeyid.view(), {shared, cky_i, cky_r, zero}));
    // SKEYID_a = prf(SKEYID, SKEYID_d | g^xy | CKY-I | CKY-R | 1)
    out.skeyid_a = Secret(
        crypto::hmac(m.hash, skeyid.view(), {out.skeyid_d.view(), shared, cky_i, cky_r, one}));
    // SKEYID_e = prf(SKEYID, SKEYID_a | g^xy | CKY-I | CKY-R | 2)
    const Secret skeyid_e(
        crypto::hmac(m.hash, skeyid.view(), {out.skeyid_a.view(), shared, cky_i, cky_r, two}));
    out.skeyid = std::move(skeyid);
    out.cipher_key = cipher_key_of(m.hash, m.cipher, skeyid_e);
    out.iv = crypto::digest(m.hash, {m.public_i, m.public_r});
    out.iv.resize(crypto::info(m.cipher).iv_bytes);
    return out;
}

}  // namespace

Phase1Keys keys_of_pre_shared(const Phase1Material& m, BytesView pre_shared_key, BytesView shared) {
    return expand(m, Secret(crypto::hmac(m.hash, pre_shared_key, {m.nonce_i, m.nonce_r})), shared);
}

Phase1Keys keys_of_signature(const Phase1Material& m, BytesView shared) {
    Bytes nonces(m.nonce_i.begin(), m.nonce_i.end());
    nonces.insert(nonces.end(), m.nonce_r.begin(), m.nonce_r.end());
    return expand(m, Secret(crypto::hmac(m.hash, nonces, {shared})), shared);
}

Bytes authentication_hash(const Phase1Material& m,
                          const Phase1Keys& keys,
                          bool of_initiator,
                          BytesView sa_body,
                          BytesView id_body) {
    const auto own_cookie = octets_of(of_initiator ? m.initiator : m.responder);
    const auto other_cookie = octets_of(of_initiator ? m.responder : m.initiator);
    const auto own_public = of_initiator ? m.public_i : m.public_r;
    const auto other_public = of_initiator ? m.public_r : m.public_i;
    return crypto::hmac(m.hash,
                        keys.skeyid.view(),
                        {own_public, other_public, own_cookie, other_cookie, sa_body, id_body});
}

Bytes phase2_iv(crypto::Hash hash, crypto::Cipher cipher, BytesView last_block, MessageId id) {
    ByteWriter message_id;
    message_id.u32(id.value());
    auto iv = crypto::digest(hash, {last_block, message_id.view()});
    iv.resize(crypto::info(cipher).iv_bytes);
    return iv;
}

Bytes phase2_hash(crypto::Hash hash,
                  const Phase1Keys& keys,
                  std::initializer_list<BytesView> parts) {
    return crypto::hmac(hash, keys.skeyid_a.view(), parts);
}

Bytes encrypt_body(crypto::Cipher cipher, const Phase1Keys& keys, Bytes& iv, BytesView chain) {
    const auto block = crypto::info(cipher).iv_bytes;
    Bytes plain(chain.begin(), chain.end());
    plain.resize((plain.size() + block - 1) / block * block);
    auto out = crypto::cbc_encrypt(cipher, keys.cipher_key.view(), iv, plain);
    VIADUCT_CHECK(out.has_value());
    iv.assign(out->end() - static_cast<std::ptrdiff_t>(block), out->end());
    return std::move(*out);
}

Result<Bytes> decrypt_body(crypto::Cipher cipher,
                           const Phase1Keys& keys,
                           Bytes& iv,
                           BytesView ciphertext) {
    const auto block = crypto::info(cipher).iv_bytes;
    if (ciphertext.empty() || ciphertext.size() % block != 0) {
        return failure("length is no multiple of the cipher's block");
    }
    auto out = crypto::cbc_decrypt(cipher, keys.cipher_key.view(), iv, ciphertext);
    if (out) {
        iv.assign(ciphertext.end() - static_cast<std::ptrdiff_t>(block), ciphertext.end());
    }
    return out;
}

ChildKeyMaterial child_keys(const ChildKeyInput& input) {
    const auto& cipher = crypto::info(input.cipher);
    const auto& auth = crypto::info(input.auth);
    const auto cipher_bytes = cipher.key_bytes + cipher.salt_bytes;
    const auto wanted = cipher_bytes + auth.key_bytes;
    ByteWriter head;
    head.bytes(input.shared).u8(kProtocolEsp).u32(input.spi.value());
    // K1 = prf(SKEYID_d, [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b), Kn = prf(SKEYID_d, Kn-1 | …)
    Bytes material;
    Bytes previous;
    while (material.size() < wanted) {
        previous = crypto::hmac(
            input.prf, input.skeyid_d, {previous, head.view(), input.nonce_i, input.nonce_r});
        material.insert(material.end(), previous.begin(), previous.end());
    }
    const BytesView all(material);
    ChildKeyMaterial out;
    // RFC 2407, 4.4.4 and RFC 4106, 8.1: encryption first (with the salt behind the key), then
    // authentication.
    out.cipher_key = Secret(all.first(cipher_bytes));
    out.auth_key = Secret(all.subspan(cipher_bytes, auth.key_bytes));
    const Secret wiped_material(std::move(material));
    const Secret wiped_head(head.take());
    return out;
}

}  // namespace viaduct::ike
