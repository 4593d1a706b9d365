#include "controlplane/eigrp/auth.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "controlplane/eigrp/wire.h"
#include "dataplane/base/check.h"

namespace viaduct::eigrp {

namespace {

constexpr std::size_t kDigestBytes = 16;
constexpr std::size_t kDigestAt = kHeaderBytes + 24;
constexpr std::size_t kAfterDigest = kDigestAt + kDigestBytes;
constexpr std::uint16_t kMd5 = 2;

using Digest = std::array<std::uint8_t, kDigestBytes>;

Digest digest_of(BytesView packet, const Secret& key) {
    const std::size_t covered = packet.size() - kHeaderBytes;
    Bytes input(packet.begin(),
                packet.begin() + static_cast<std::ptrdiff_t>(std::min(covered, kDigestAt)));
    input[2] = 0;
    input[3] = 0;
    if (covered > kDigestAt) {
        const auto k = key.view();
        input.insert(input.end(), k.begin(), k.end());
        if (k.size() < kDigestBytes) {
            input.resize(kDigestAt + kDigestBytes);
        }
    }
    if (covered > kAfterDigest) {
        const auto rest = packet.subspan(kAfterDigest, covered - kAfterDigest);
        input.insert(input.end(), rest.begin(), rest.end());
    }
    Digest out{};
    unsigned length = 0;
    const int ok = EVP_Digest(input.data(), input.size(), out.data(), &length, EVP_md5(), nullptr);
    OPENSSL_cleanse(input.data(), input.size());
    VIADUCT_CHECK(ok == 1 && length == kDigestBytes);
    return out;
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a') + 10U;
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<unsigned>(c - 'A') + 10U;
    }
    return std::nullopt;
}

// Cisco's type 7: two decimal digits say where in the fixed text to begin, then bytes XOR that text.
std::optional<Secret> decode_type7(std::string_view text) {
    static constexpr std::string_view kXlat =
        "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87";
    if (text.size() < 4 || text.size() % 2 != 0 || text[0] < '0' || text[0] > '9' ||
        text[1] < '0' || text[1] > '9') {
        return std::nullopt;
    }
    std::size_t at =
        static_cast<std::size_t>(text[0] - '0') * 10U + static_cast<std::size_t>(text[1] - '0');
    Bytes plain;
    for (std::size_t i = 2; i < text.size(); i += 2, ++at) {
        const auto high = hex_digit(text[i]);
        const auto low = hex_digit(text[i + 1]);
        if (!high || !low) {
            return std::nullopt;
        }
        plain.push_back(static_cast<std::uint8_t>(
            (*high << 4U | *low) ^ static_cast<std::uint8_t>(kXlat[at % kXlat.size()])));
    }
    return Secret{std::move(plain)};
}

}  // namespace

void write_authentication(ByteWriter& out, std::uint32_t key_id) {
    out.u16(kTlvAuthentication).u16(kAuthenticationBytes).u16(kMd5).u16(kDigestBytes);
    out.u32(key_id).u32(0).zeros(8).zeros(kDigestBytes);
}

void sign(Bytes& packet, const Secret& key) {
    VIADUCT_CHECK(packet.size() >= kAfterDigest);
    const auto digest = digest_of(packet, key);
    std::copy(digest.begin(), digest.end(), packet.begin() + kDigestAt);
}

std::optional<std::uint32_t> key_id_of(BytesView packet) {
    if (packet.size() < kAfterDigest) {
        return std::nullopt;
    }
    ByteReader in(packet.subspan(kHeaderBytes));
    if (in.u16() != kTlvAuthentication || in.u16() != kAuthenticationBytes || in.u16() != kMd5 ||
        in.u16() != kDigestBytes) {
        return std::nullopt;
    }
    return in.u32();
}

bool verify(BytesView packet, const Secret& key) {
    VIADUCT_CHECK(packet.size() >= kAfterDigest);
    const auto digest = digest_of(packet, key);
    return CRYPTO_memcmp(digest.data(), packet.data() + kDigestAt, kDigestBytes) == 0;
}

bool Calendar::covers(const std::optional<config::KeyLifetime>& life, TimePoint now) const {
    if (!life) {
        return true;
    }
    if (!known) {
        return false;
    }
    const auto offset = std::chrono::minutes{life->local ? local_offset_min : 0};
    const auto at =
        std::chrono::floor<std::chrono::seconds>(now.time_since_epoch() + ahead + offset);
    return at.count() >= life->start_s && (!life->end_s || at.count() < *life->end_s);
}

const std::pair<const std::uint32_t, Key>* Keys::sending(const Calendar& calendar,
                                                         TimePoint now) const {
    const auto good = std::find_if(by_id.begin(), by_id.end(), [&](const auto& entry) {
        return calendar.covers(entry.second.send, now);
    });
    return good == by_id.end() ? nullptr : &*good;
}

const Key* Keys::accepting(std::uint32_t id, const Calendar& calendar, TimePoint now) const {
    const auto found = by_id.find(id);
    const bool good = found != by_id.end() && calendar.covers(found->second.accept, now);
    return good ? &found->second : nullptr;
}

bool Keys::shares_a_key_with(const Keys& other) const {
    return std::any_of(by_id.begin(), by_id.end(), [&](const auto& entry) {
        const auto found = other.by_id.find(entry.first);
        if (found == other.by_id.end()) {
            return false;
        }
        const auto one = entry.second.secret.view();
        const auto two = found->second.secret.view();
        return one.size() == two.size() && CRYPTO_memcmp(one.data(), two.data(), one.size()) == 0;
    });
}

std::optional<Secret> plain_key(const config::Password& password) {
    if (password.type == 7) {
        return decode_type7(password.text);
    }
    return Secret{as_bytes(password.text)};
}

}  // namespace viaduct::eigrp
