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
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"

namespace viaduct::eigrp {

/// What the calendar says: unknown, no key with a lifetime is good.
struct Calendar {
    bool known = false;
    Duration ahead{};  // seconds since 1970 (UTC) are those of the router's clock plus this
    std::int32_t local_offset_min = 0;  // of the router's time zone

    [[nodiscard]] bool covers(const std::optional<config::KeyLifetime>& life, TimePoint now) const;
};

/// A key in plain.
struct Key {
    Secret secret;
    std::optional<config::KeyLifetime> accept;
    std::optional<config::KeyLifetime> send;
};

struct Keys {
    std::map<std::uint32_t, Key> by_id;

    /// IOS: "The software examines the key numbers in order from lowest to highest, and uses the first
    /// valid key that it encounters." nullptr: none is good now.
    [[nodiscard]] const std::pair<const std::uint32_t, Key>* sending(const Calendar& calendar,
                                                                     TimePoint now) const;
    /// nullptr: there is none of this number that is good now.
    [[nodiscard]] const Key* accepting(std::uint32_t id,
                                       const Calendar& calendar,
                                       TimePoint now) const;
    /// A key of the same number and bytes stands in both: who has one of them still understands us.
    [[nodiscard]] bool shares_a_key_with(const Keys& other) const;
};

/// Appends the TLV with an empty digest; it stands first after the header.
void write_authentication(ByteWriter& out, std::uint32_t key_id);
/// Fills in the digest of a whole packet whose first TLV is the authentication one.
void sign(Bytes& packet, const Secret& key);
/// The number of the key that the first TLV names; nullopt: that TLV is no MD5 authentication.
std::optional<std::uint32_t> key_id_of(BytesView packet);
/// The digest of a packet that has key_id_of() was made with this key. Constant time in the digest.
bool verify(BytesView packet, const Secret& key);

/// Plain text of `key-string` (type 0 or 7); nullopt if the type 7 text is none.
std::optional<Secret> plain_key(const config::Password& password);

}  // namespace viaduct::eigrp
