// Hashes, HMAC, CBC ciphers of IKE phase 1, random bytes and MD5-crypt, as functions over values
// (OpenSSL 3 beneath). No exceptions, no state that a caller can see; every function may be called
// from any thread.
//
// Algorithms come from a library context of our own (default provider, no openssl.cnf), so a
// system-wide policy that forbids MD5 or SHA-1 does not stop IKEv1, whose standard demands them.
// Single DES is run as triple DES with three equal keys, which is the same function; the legacy
// provider is not needed.
//
// Types 8 and 9 of secrets: password_hash.h. Not supported: stream ciphers, CTR and GCM outside ESP.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "crypto/algorithms.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/random.h"
#include "dataplane/base/result.h"

namespace viaduct::crypto {

/// The hash of the parts in a row, as if they were one string; info(hash).digest_bytes long.
Bytes digest(Hash hash, std::initializer_list<BytesView> parts);

/// HMAC (RFC 2104) of the parts in a row, not truncated. Any key length, also 0.
Bytes hmac(Hash hash, BytesView key, std::initializer_list<BytesView> parts);

/// Compares MACs, hashes, passwords: the time depends on the length alone. False if the lengths
/// differ.
bool equal_constant_time(BytesView a, BytesView b);

/// CBC without padding for IKE phase 1: des_cbc, tdes_cbc, aes_cbc_128/192/256.
/// Errors: another cipher; wrong length of key or IV; data that is no multiple of the block.
Result<Bytes> cbc_encrypt(Cipher cipher, BytesView key, BytesView iv, BytesView data);
Result<Bytes> cbc_decrypt(Cipher cipher, BytesView key, BytesView iv, BytesView data);

/// The operating system's generator. Ends the program if the system has no randomness to give.
class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override;
};

/// MD5-crypt, the hash of `enable secret 5` and `username … secret 5`: "$1$salt$22 characters".
/// `salt` is 0–8 characters; a salt that comes as "$1$salt$…" is understood, so a stored hash can be
/// handed in to check a password: md5_crypt(typed, stored) == stored.
std::string md5_crypt(std::string_view password, std::string_view salt);

}  // namespace viaduct::crypto
