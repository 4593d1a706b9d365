#include "config/ios/password.h"

#include <fmt/format.h>
#include <numeric>

#include "config/ios/words.h"
#include "config/ios/writer.h"
#include "crypto/primitives.h"

namespace viaduct::ios {

namespace {

// IOS: the published key of the type 7 scrambling.
constexpr std::string_view kKey = "dsfd;kfoA,.iyewrkldJKDHSUBsgvca69834ncxv9873254k;fg87";

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// "7 text" would be read as type 7 by IOS.
bool looks_typed(std::string_view text) {
    return text.size() > 1 && text[0] >= '0' && text[0] <= '9' && text[1] == ' ';
}

}  // namespace

Result<std::string> decode_type7(std::string_view hex) {
    const auto bad = [hex] { return failure("Invalid encrypted password: " + std::string(hex)); };
    if (hex.size() < 4 || hex.size() % 2 != 0) {
        return bad();
    }
    const auto salt =
        parse_number(hex.substr(0, 2), 0, static_cast<std::uint32_t>(kKey.size() - 1));
    if (!salt) {
        return bad();
    }
    std::string plain;
    for (std::size_t at = 2; at < hex.size(); at += 2) {
        const int high = hex_digit(hex[at]);
        const int low = hex_digit(hex[at + 1]);
        if (high < 0 || low < 0) {
            return bad();
        }
        const auto key = kKey[(*salt + at / 2 - 1) % kKey.size()];
        plain += static_cast<char>((high << 4 | low) ^ key);
    }
    return plain;
}

std::string encode_type7(std::string_view plain, unsigned salt) {
    std::string out = fmt::format("{:02}", salt);
    for (std::size_t i = 0; i < plain.size(); ++i) {
        const auto byte = static_cast<unsigned char>(plain[i] ^ kKey[(salt + i) % kKey.size()]);
        out += fmt::format("{:02X}", byte);
    }
    return out;
}

Result<std::string> plain_text(const config::Password& password) {
    if (password.type == 7) {
        return decode_type7(password.text);
    }
    if (password.type == 0) {
        return password.text;
    }
    return failure(fmt::format("A password of type {} is a hash", password.type));
}

Result<config::Password> read_password(const Args& args) {
    if (args.has("hidden")) {
        auto plain = decode_type7(args.text("hidden"));
        if (!plain) {
            return tl::unexpected(plain.error());
        }
        return config::Password{7, args.text("hidden")};
    }
    for (const auto& [name, type] :
         {std::pair{"hash", 5}, std::pair{"hash8", 8}, std::pair{"hash9", 9}}) {
        const auto hash = args.text(name);
        if (hash.find_first_of(" \t") != std::string::npos) {
            return failure("The secret you entered is not a valid encrypted secret");
        }
        if (!hash.empty()) {
            return config::Password{static_cast<std::uint8_t>(type), hash};
        }
    }
    if (args.has("plain0")) {
        return config::Password{0, args.text("plain0")};
    }
    auto text = args.text("plain");
    if (looks_typed(text)) {
        return failure("Invalid encrypted password: " + text);
    }
    return config::Password{0, std::move(text)};
}

config::Password stored_secret(const config::SystemConfig& system,
                               std::string_view whose,
                               config::Password password) {
    if (password.type != 0 || password.empty()) {
        return password;
    }
    constexpr std::string_view kAlphabet =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr std::size_t kSaltCharacters = 4;
    // IOS draws the salt; here it follows from whose password it is and the text, so that the same file gives the same
    // file and no two users or routers have the same hash.
    std::string seed;
    for (const std::string_view part :
         {std::string_view(system.hostname), whose, std::string_view(password.text)}) {
        seed += fmt::format("{}:{}", part.size(), part);
    }
    const auto sum = crypto::digest(crypto::Hash::sha256, {Bytes(seed.begin(), seed.end())});
    std::string salt;
    for (std::size_t i = 0; i < kSaltCharacters; ++i) {
        salt += kAlphabet[sum.at(i) & 63U];
    }
    return {5, crypto::md5_crypt(password.text, salt)};
}

config::Password stored(const config::SystemConfig& system, config::Password password) {
    if (!system.password_encryption || password.type != 0 || password.empty()) {
        return password;
    }
    // IOS draws the salt; here it follows from the text, so that the same file gives the same file.
    const auto sum =
        std::accumulate(password.text.begin(), password.text.end(), 0U, [](unsigned s, char c) {
            return s + static_cast<unsigned char>(c);
        });
    return {7, encode_type7(password.text, sum % 16)};
}

void encrypt_passwords(config::RunningConfig& config) {
    const auto encrypt = [&config](config::Password& password) {
        password = stored(config.system, std::move(password));
    };
    encrypt(config.system.enable_password);
    for (auto& [name, user] : config.system.users) {
        if (!user.secret) {
            encrypt(user.password);
        }
    }
    for (auto& line : config.system.lines) {
        encrypt(line.password);
    }
    for (auto& [name, chain] : config.key_chains) {
        for (auto& [id, key] : chain) {
            encrypt(key.key_string);
        }
    }
    encrypt(config.aaa.radius_key);
    for (auto& server : config.aaa.radius_servers) {
        encrypt(server.key);
    }
    for (auto& [name, client] : config.crypto.ezvpn_clients) {
        encrypt(client.password);
    }
}

std::string password_text(const config::Password& password, bool always_type) {
    if (password.type == 0 && !always_type && !looks_typed(password.text)) {
        return password.text;
    }
    return fmt::format("{} {}", password.type, password.text);
}

std::string password_word(const config::Password& password) {
    const auto text = quoted(password.text);
    return password.type == 0 ? text : fmt::format("{} {}", password.type, text);
}

}  // namespace viaduct::ios
