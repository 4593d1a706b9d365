// Diffie-Hellman of IKE: MODP groups 1, 2, 5, 14, 15, 16 (RFC 2409, RFC 3526) and ECP groups 19,
// 20, 21 (RFC 5903). Stateless and thread-safe; the groups' tables are built once and never change.
//
// The private key is a big-endian number: info(group).private_bits long (MODP, the top bit set), or
// even in [1, n-1] (ECP). Exponentiation takes constant time in it.
#pragma once

#include "crypto/algorithms.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/random.h"
#include "dataplane/base/result.h"
#include "dataplane/base/secret.h"

namespace viaduct::crypto {

struct DhKeyPair {
    Secret private_key;
    Bytes public_value;  // body of the KE payload: g^x padded to the modulus; ECP: x | y
};

/// A fresh key pair. The same random bytes give the same pair.
DhKeyPair dh_generate(DhGroup group, Random& random);

/// The key pair that belongs to a given private key (test vectors, keys kept over a restart).
/// Errors: 0, or not below the group's order (ECP) or modulus (MODP).
Result<DhKeyPair> dh_from_private(DhGroup group, BytesView private_key);

/// The shared secret: g^xy padded to the modulus with leading zeros (RFC 2409), the x coordinate for
/// ECP (RFC 5903, section 9). Errors, all the peer's: a public value of the wrong length; MODP: not
/// 1 < y < p-1; ECP: a coordinate not below the field's prime, a point that is not on the curve.
Result<Secret> dh_shared(DhGroup group, const DhKeyPair& own, BytesView peer_public);

}  // namespace viaduct::crypto
