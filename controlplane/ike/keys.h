// Key derivation and message protection of IKEv1 as functions over values (RFC 2409, 5 and appendix B).
#pragma once

#include <initializer_list>

#include "controlplane/ike/wire.h"
#include "crypto/algorithms.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/result.h"
#include "dataplane/base/secret.h"

namespace viaduct::ike {

/// What goes into the phase 1 keys and hashes. All views outlive the call.
struct Phase1Material {
    crypto::Hash hash = crypto::Hash::sha1;
    crypto::Cipher cipher = crypto::Cipher::des_cbc;
    Cookie initiator;
    Cookie responder;
    BytesView nonce_i;
    BytesView nonce_r;
    BytesView public_i;  // g^xi
    BytesView public_r;  // g^xr
};

struct Phase1Keys {
    Secret skeyid;
    Secret skeyid_d;
    Secret skeyid_a;
    Secret cipher_key;  // from SKEYID_e
    Bytes iv;  // of the first encrypted message
};

/// SKEYID = prf(pre-shared key, Ni_b | Nr_b), and what follows from it.
Phase1Keys keys_of_pre_shared(const Phase1Material& m, BytesView pre_shared_key, BytesView shared);
/// SKEYID = prf(Ni_b | Nr_b, g^xy).
Phase1Keys keys_of_signature(const Phase1Material& m, BytesView shared);

/// HASH_I or HASH_R: prf(SKEYID, g^x(own) | g^x(other) | CKY(own) | CKY(other) | SAi_b | ID_b), "own"
/// being the side whose hash it is.
Bytes authentication_hash(const Phase1Material& m,
                          const Phase1Keys& keys,
                          bool of_initiator,
                          BytesView sa_body,
                          BytesView id_body);

/// The IV of a phase 2 exchange: hash(last phase 1 ciphertext block | message ID).
Bytes phase2_iv(crypto::Hash hash, crypto::Cipher cipher, BytesView last_block, MessageId id);

/// prf(SKEYID_a, parts).
Bytes phase2_hash(crypto::Hash hash,
                  const Phase1Keys& keys,
                  std::initializer_list<BytesView> parts);

/// Encrypts a payload chain with zero padding to the block; `iv` becomes the last block.
Bytes encrypt_body(crypto::Cipher cipher, const Phase1Keys& keys, Bytes& iv, BytesView chain);
/// Decrypts; `iv` becomes the last block of the ciphertext. Fails for lengths that are no blocks.
Result<Bytes> decrypt_body(crypto::Cipher cipher,
                           const Phase1Keys& keys,
                           Bytes& iv,
                           BytesView ciphertext);

/// KEYMAT of one IPsec SA (RFC 2409, 5.5), cut into cipher key (with salt) and authentication key.
struct ChildKeyMaterial {
    Secret cipher_key;
    Secret auth_key;
};

struct ChildKeyInput {
    crypto::Hash prf = crypto::Hash::sha1;
    BytesView skeyid_d;
    BytesView shared;  // g(qm)^xy; empty without PFS
    Spi spi;
    BytesView nonce_i;
    BytesView nonce_r;
    crypto::Cipher cipher = crypto::Cipher::null;
    crypto::Auth auth = crypto::Auth::none;
};

ChildKeyMaterial child_keys(const ChildKeyInput& input);

}  // namespace viaduct::ike
