// IPsec: transform sets, global settings, IPsec profiles.
#include <algorithm>
#include <array>

#include "config/ios/fields.h"
#include "config/ios/words.h"

namespace viaduct::ios {

namespace {

using config::CryptoConfig;
using config::IpsecMode;
using config::TransformSet;
using crypto::Auth;
using crypto::Cipher;

struct CipherWord {
    std::string_view word;
    Cipher plain;  // without a key length, or with 128
    Cipher with_192;  // the same where the word takes no key length
    Cipher with_256;
};

constexpr std::array<CipherWord, 6> kCipherWords{{
    {"esp-des", Cipher::des_cbc, Cipher::des_cbc, Cipher::des_cbc},
    {"esp-3des", Cipher::tdes_cbc, Cipher::tdes_cbc, Cipher::tdes_cbc},
    {"esp-aes", Cipher::aes_cbc_128, Cipher::aes_cbc_192, Cipher::aes_cbc_256},
    {"esp-gcm", Cipher::aes_gcm_128, Cipher::aes_gcm_192, Cipher::aes_gcm_256},
    {"esp-gmac", Cipher::aes_gmac_128, Cipher::aes_gmac_192, Cipher::aes_gmac_256},
    {"esp-null", Cipher::null, Cipher::null, Cipher::null},
}};

std::string ah_word(const crypto::AuthInfo& auth) {
    return "ah" + std::string(auth.ios_name.substr(3));
}

std::string transform_pattern() {
    std::string out = "( esp-des | esp-3des | esp-null";
    for (const auto* word : {"esp-aes", "esp-gcm", "esp-gmac"}) {
        out += " | " + std::string(word) + " [ 128 | 192 | 256 ]";
    }
    for (const auto& auth : crypto::all_auths()) {
        if (auth.id != Auth::none) {
            out += " | " + std::string(auth.ios_name) + " | " + ah_word(auth);
        }
    }
    return out + " | comp-lzs )*";
}

/// The transforms of a line, or why they do not go together.
Result<TransformSet> read_transforms(const Args& args) {
    TransformSet set;
    const auto once = [](bool taken, std::string_view what) -> Result<void> {
        return taken ? Result<void>(failure("Only one " + std::string(what) + " is allowed"))
                     : done();
    };
    for (const auto& row : kCipherWords) {
        if (!args.has(row.word)) {
            continue;
        }
        if (auto result = once(set.esp_cipher.has_value(), "ESP cipher"); !result) {
            return tl::unexpected(result.error());
        }
        set.esp_cipher = args.has("256")   ? row.with_256
                         : args.has("192") ? row.with_192
                                           : row.plain;
    }
    for (const auto& auth : crypto::all_auths()) {
        if (auth.id == Auth::none) {
            continue;
        }
        for (const bool esp : {true, false}) {
            auto& field = esp ? set.esp_auth : set.ah_auth;
            if (!args.has(esp ? std::string(auth.ios_name) : ah_word(auth))) {
                continue;
            }
            if (auto result = once(field.has_value(), "authentication transform"); !result) {
                return tl::unexpected(result.error());
            }
            field = auth.id;
        }
    }
    set.comp_lzs = args.has("comp-lzs");
    if (!set.esp_cipher && !set.esp_auth && !set.ah_auth) {
        return failure("Incomplete command.");
    }
    if (set.esp_cipher && crypto::info(*set.esp_cipher).aead && set.esp_auth) {
        return failure("A cipher with its own authentication takes no authentication transform");
    }
    return set;
}

std::string transforms_text(const TransformSet& set) {
    std::string out;
    if (set.ah_auth) {
        out += " " + ah_word(crypto::info(*set.ah_auth));
    }
    if (set.esp_cipher) {
        out += " " + std::string(crypto::info(*set.esp_cipher).ios_esp_name);
    }
    if (set.esp_auth) {
        out += " " + std::string(crypto::info(*set.esp_auth).ios_name);
    }
    return out + (set.comp_lzs ? " comp-lzs" : "");
}

Row transform_set_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto ipsec transform-set <name:WORD> " + transform_pattern(),
            .help =
                "Define transform and settings|name: Transform set tag|esp-des: ESP transform "
                "using DES "
                "cipher (56 bits)|esp-3des: ESP transform using 3DES(EDE) cipher (168 "
                "bits)|esp-aes: ESP "
                "transform using AES cipher|esp-gcm: ESP transform using GCM cipher|esp-gmac: ESP "
                "transform using GMAC cipher|esp-null: ESP transform w/o cipher|esp-md5-hmac: ESP "
                "transform using HMAC-MD5 auth|esp-sha-hmac: ESP transform using HMAC-SHA "
                "auth|ah-md5-hmac: AH-HMAC-MD5 transform|ah-sha-hmac: AH-HMAC-SHA "
                "transform|comp-lzs: IP "
                "Compression using the LZS compression algorithm|128: 128 bit keys|192: 192 bit "
                "keys|256: 256 bit keys"};
    row.no = "crypto ipsec transform-set <name:WORD> [ <rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& sets = session.config().crypto.transform_sets;
        const auto name = args.text("name");
        if (args.negated()) {
            sets.erase(name);
            return done();
        }
        auto set = read_transforms(args);
        if (!set) {
            return tl::unexpected(set.error());
        }
        if (const auto old = sets.find(name); old != sets.end()) {
            set->mode = old->second.mode;
            set->mode_require = old->second.mode_require;
        }
        sets[name] = *set;
        session.enter({.mode = Mode::transform_set, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, set] : out.config().crypto.transform_sets) {
            out.section("crypto ipsec transform-set " + quoted(name) + transforms_text(set),
                        {.mode = Mode::transform_set, .name = name});
        }
    };
    row.examples = {
        "crypto ipsec transform-set strong esp-3des esp-md5-hmac",
        "crypto ipsec transform-set gcm esp-gcm 256",
        "crypto ipsec transform-set all ah-sha-hmac esp-aes 192 esp-sha256-hmac comp-lzs"};
    row.enters = true;
    return at(Place::transform_sets, std::move(row));
}

Row transform_mode_row() {
    Row row{.mode = Mode::transform_set,
            .pattern = "mode { tunnel | transport [ require ] }",
            .help =
                "encapsulation mode (transport/tunnel)|tunnel: tunnel (datagram encapsulation) "
                "mode|transport: transport (payload encapsulation) mode|require: Refuse any other "
                "mode"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& set = session.object<TransformSet>();
        const bool transport = !args.negated() && args.has("transport");
        set.mode = transport ? IpsecMode::transport : IpsecMode::tunnel;
        set.mode_require = transport && args.has("require");
        return done();
    };
    row.write = [](Writer& out) {
        const auto& set = out.object<TransformSet>();
        if (set.mode == IpsecMode::transport) {
            out.line("mode transport{}", set.mode_require ? " require" : "");
        }
    };
    row.examples = {"mode transport", "mode transport require"};
    return row;
}

Row lifetime_row(bool seconds) {
    const std::string unit = seconds ? "seconds" : "kilobytes";
    const std::string words = "crypto ipsec security-association lifetime " + unit;
    Row row{
        .mode = Mode::global,
        .pattern = words + (seconds ? " <value:120-2592000>" : " <value:2560-4294967295>"),
        .help = seconds
                    ? "Time-based key duration|lifetime: security association lifetime|value: "
                      "Security association duration in seconds"
                    : "Volume-based key duration|lifetime: security association lifetime|value: "
                      "Security association duration in kilobytes encrypted"};
    row.apply = [seconds](ConfigSession& session, const Args& args) {
        auto& lifetime = session.config().crypto.lifetime;
        auto& value = seconds ? lifetime.seconds : lifetime.kilobytes;
        value = args.number("value");
        if (args.negated()) {
            value.reset();
        }
        return done();
    };
    row.write = [seconds, words](Writer& out) {
        const auto& lifetime = out.config().crypto.lifetime;
        if (const auto& value = seconds ? lifetime.seconds : lifetime.kilobytes) {
            out.line("{} {}", words, *value);
        }
    };
    row.examples = {words + (seconds ? " 1800" : " 100000")};
    return at(Place::ipsec, std::move(row));
}

Row window_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "crypto ipsec security-association replay window-size { 64 | 128 | 256 | 512 | 1024 }",
        .help = "Set replay window size|replay: Set replay checking"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& window = session.config().crypto.replay_window;
        window.reset();
        for (const std::uint16_t size : {64, 128, 256, 512, 1024}) {
            if (!args.negated() && args.has(std::to_string(size))) {
                window = size;
            }
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& window = out.config().crypto.replay_window) {
            out.line("crypto ipsec security-association replay window-size {}", *window);
        }
    };
    row.examples = {"crypto ipsec security-association replay window-size 1024"};
    return at(Place::ipsec, std::move(row));
}

Row ctcp_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto ctcp port <ports:LINE>",
            .help = "Configure cTCP encapsulation|port: cTCP ports|ports: Up to ten port numbers"};
    row.no = "crypto ctcp [ port [ <ports:LINE> ] ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        std::vector<std::uint16_t> ports;
        std::string_view rest = args.negated() ? std::string_view{} : args.line();
        rest.remove_prefix(std::min(rest.size(), rest.find_last_not_of("0123456789 ") + 1));
        while (!rest.empty()) {
            const auto word = rest.substr(0, rest.find(' '));
            rest.remove_prefix(std::min(rest.size(), word.size() + 1));
            const auto port = parse_number(word, 1, 65535);
            if (!word.empty() && !port) {
                return failure("Invalid port: " + std::string(word));
            }
            if (port) {
                ports.push_back(static_cast<std::uint16_t>(*port));
            }
        }
        if (!args.negated() && (ports.empty() || ports.size() > 10)) {
            return failure("One to ten ports");
        }
        session.config().crypto.ctcp_ports = std::move(ports);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& ports = out.config().crypto.ctcp_ports;
        std::string text;
        for (const auto port : ports) {
            text += fmt::format(" {}", port);
        }
        if (!ports.empty()) {
            out.line("crypto ctcp port{}", text);
        }
    };
    row.effect = Effect::later;
    row.examples = {"crypto ctcp port 10000 443"};
    return at(Place::ipsec, std::move(row));
}

Row profile_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto ipsec profile <name:WORD>",
            .help = "Configure an ipsec policy profile|name: Profile name"};
    row.no = "crypto ipsec profile <name:WORD>";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& profiles = session.config().crypto.ipsec_profiles;
        const auto name = args.text("name");
        if (args.negated()) {
            profiles.erase(name);
            return done();
        }
        profiles.try_emplace(name);
        session.enter({.mode = Mode::ipsec_profile, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, profile] : out.config().crypto.ipsec_profiles) {
            out.separator();
            out.section("crypto ipsec profile " + quoted(name),
                        {.mode = Mode::ipsec_profile, .name = name});
        }
    };
    row.examples = {"crypto ipsec profile cisco"};
    row.enters = true;
    return at(Place::ipsec_profiles, std::move(row));
}

}  // namespace

Rows ipsec_rows() {
    return {
        lifetime_row(true),
        lifetime_row(false),
        at(Place::ipsec,
           examples(
               {"crypto ipsec security-association idle-time 600"},
               number_row(
                   Mode::global,
                   "crypto ipsec security-association idle-time",
                   "60-86400",
                   &CryptoConfig::idle_time_s,
                   "Automatically delete IPSec SAs after a given idle period.|value: Idle time "
                   "in seconds"))),
        at(Place::ipsec,
           flag_row(Mode::global,
                    "crypto ipsec security-association replay disable",
                    &CryptoConfig::replay_disable,
                    "Disable replay checking")),
        window_row(),
        at(Place::ipsec,
           choice_row(Mode::global,
                      "crypto ipsec df-bit",
                      {"clear", "set", "copy"},
                      &CryptoConfig::df_bit,
                      "Handling of encapsulated DF bit.|clear: Clear DF bit|set: Set DF "
                      "bit|copy: Copy DF bit")),
        at(Place::ipsec,
           choice_row(Mode::global,
                      "crypto ipsec fragmentation",
                      {"before-encryption", "after-encryption"},
                      &CryptoConfig::fragmentation,
                      "Handling of fragmentation of near-MTU sized packets")),
        at(Place::ipsec,
           flag_row(Mode::global,
                    "crypto ipsec nat-transparency udp-encapsulation",
                    &CryptoConfig::nat_transparency,
                    "UDP encapsulation for IPSec, with NAT-T|nat-transparency: IPsec NAT "
                    "transparency model")),
        at(Place::ipsec,
           flag_row(Mode::global,
                    "crypto ipsec nat-transparency spi-matching",
                    &CryptoConfig::spi_matching,
                    "Match inbound SPI to outbound SPI for IPsec aware NAT")),
        ctcp_row(),
        transform_set_row(),
        transform_mode_row(),
        profile_row(),
    };
}

}  // namespace viaduct::ios
