// ESP's ciphers once more, one packet at a time through OpenSSL: slow and plain. The second source
// that tests compare EspEngine with, and what a tool uses that decrypts a capture.
#pragma once

#include "crypto/algorithms.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/result.h"
#include "dataplane/base/secret.h"

namespace viaduct::crypto {

class EspReference {
public:
    /// Keys as make_esp_key takes them.
    static Result<EspReference> make(Cipher cipher,
                                     Auth auth,
                                     BytesView cipher_key,
                                     BytesView auth_key);

    /// `packet` is ESP header, room for the IV, payload with trailer; `iv` is info(cipher).iv_bytes
    /// long. Returns the packet with IV, ciphertext and ICV.
    [[nodiscard]] Result<Bytes> encrypt(BytesView packet, BytesView iv) const;
    /// `packet` is ESP header up to the end of the ICV. Returns ESP header, IV and plaintext.
    /// Errors: a wrong ICV, a length that cannot be.
    [[nodiscard]] Result<Bytes> decrypt(BytesView packet) const;

private:
    EspReference() = default;

    [[nodiscard]] Bytes icv(BytesView authenticated) const;

    Cipher cipher_ = Cipher::null;
    Auth auth_ = Auth::none;
    Secret cipher_key_;
    Secret salt_;
    Secret auth_key_;
};

}  // namespace viaduct::crypto
