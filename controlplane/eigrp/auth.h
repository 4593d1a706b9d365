// MD5 authentication of EIGRP packets (TLV 0002).
//
// What the digest covers is unpublished. The law below fits every sample that is known (the vectors of
// the John the Ripper project, taken from IOS 12.4 and 15.4, and what others found with real gear):
// the key (zero padded to at least 16 bytes) takes the digest's place, the checksum is zero, and the
// last 20 bytes of the packet are left out – IOS takes the length without the EIGRP header. So a plain
// hello's parameters are not covered, and the digest of a packet without TLVs (ack, INIT) covers no key.
#pragma once

#include <map>
#include <optional>

#include "config/model/routing.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/secret.h"

namespace viaduct::eigrp {

/// The key chain's keys in plain; the lowest id sends.
struct Keys {
    std::map<std::uint32_t, Secret> by_id;
};

/// Appends the TLV with an empty digest; it stands first after the header.
void write_authentication(ByteWriter& out, std::uint32_t key_id);
/// Fills in the digest of a whole packet whose first TLV is the authentication one.
void sign(Bytes& packet, const Secret& key);
/// The first TLV is a good MD5 authentication by one of the keys. Constant time in the digest.
bool verify(BytesView packet, const Keys& keys);

/// Plain text of `key-string` (type 0 or 7); nullopt if the type 7 text is none.
std::optional<Secret> plain_key(const config::Password& password);

}  // namespace viaduct::eigrp
