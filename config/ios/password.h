// Passwords as they stand in configuration files: plain, type 7 (reversible), hashes.
#pragma once

#include <string>
#include <string_view>

#include "config/ios/grammar.h"
#include "config/model/running_config.h"
#include "dataplane/base/result.h"

namespace viaduct::ios {

/// The plain text of "SSxx…": two decimal digits of salt (00-52), then one byte of hex a character.
Result<std::string> decode_type7(std::string_view hex);
/// salt 0-15, as IOS chooses it.
std::string encode_type7(std::string_view plain, unsigned salt);

/// The plain text of a password of type 0 or 7; an error for hashes.
Result<std::string> plain_text(const config::Password& password);

/// Parts of patterns: a password that ends the line, one of a single word, and one that may be a hash.
inline constexpr std::string_view kPasswordLine =
    "{ 0 <plain0:LINE> | 7 <hidden:WORD> | <plain:LINE> }";
inline constexpr std::string_view kPasswordWord =
    "{ 0 <plain0:WORD> | 7 <hidden:WORD> | <plain:WORD> }";
inline constexpr std::string_view kSecretLine =
    "{ 0 <plain0:LINE> | 5 <hash:WORD> | 8 <hash8:WORD> | 9 <hash9:WORD> | <plain:LINE> }";

/// What one of those parts matched. Refuses type 7 that cannot be decoded.
Result<config::Password> read_password(const Args& args);

/// A `secret` as it is stored: what was typed clear becomes type 5. `whose` ("enable", a user's name) goes into the salt.
config::Password stored_secret(const config::SystemConfig& system,
                               std::string_view whose,
                               config::Password password);

/// As it is stored: with `service password-encryption` a plain password becomes type 7.
config::Password stored(const config::SystemConfig& system, config::Password password);

/// Every password of the configuration that `service password-encryption` covers (not the keys of
/// ISAKMP, which IOS leaves as they are) becomes type 7.
void encrypt_passwords(config::RunningConfig& config);

/// "7 0822455D0A16" or "cisco"; with `always_type`, "0 cisco". `word`: quoted if it has blanks.
std::string password_text(const config::Password& password, bool always_type = false);
std::string password_word(const config::Password& password);

}  // namespace viaduct::ios
