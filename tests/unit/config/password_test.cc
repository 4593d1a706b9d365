#include "config/ios/password.h"

#include <catch2/catch.hpp>

#include "config/ios/parser.h"
#include "config/ios/writer.h"
#include "crypto/password_hash.h"

using namespace viaduct;

TEST_CASE("password: P2 type 7 of document 004 is decoded", "[password]") {
    CHECK(ios::decode_type7("121A0C041104") == std::string("cisco"));
    const auto user = ios::decode_type7("0201024E070A0E2649");
    REQUIRE(user);
    for (const char c : *user) {
        CHECK((c > ' ' && c < 0x7F));
    }
}

TEST_CASE("password: type 7 both ways, for every salt and length", "[password]") {
    std::string plain;
    for (unsigned salt = 0; salt < 16; ++salt) {
        plain += static_cast<char>('!' + salt * 5);
        CHECK(ios::decode_type7(ios::encode_type7(plain, salt)) == plain);
    }
    const std::string longest(100, 'x');
    CHECK(ios::decode_type7(ios::encode_type7(longest, 15)) == longest);
}

TEST_CASE("password: what is not type 7 is refused", "[password]") {
    for (const auto* text : {"", "1", "12", "121", "121A0", "XX1A", "121G", "991A0C", "12 A"}) {
        CHECK_FALSE(ios::decode_type7(text));
    }
}

TEST_CASE("password: service password-encryption turns plain passwords into type 7", "[password]") {
    const auto loaded = ios::load(
        "username a password 0 cisco\nenable password cisco\nservice password-encryption\n"
        "line vty 0 4\n password later\n",
        "test");
    REQUIRE(loaded.ok());
    const auto& system = loaded.config.system;
    for (const auto* password :
         {&system.users.at("a").password, &system.enable_password, &system.lines.at(0).password}) {
        CHECK(password->type == 7);
    }
    CHECK(ios::plain_text(system.lines.at(0).password) == std::string("later"));
    CHECK(ios::write_config(loaded.config).find("cisco") == std::string::npos);
}

TEST_CASE("password: P2 a secret that is typed clear is stored as type 5, hashes stay as they are",
          "[password]") {
    const auto loaded = ios::load(
        "hostname Hub\nenable secret cisco\nusername a secret 0 cisco\nusername b secret cisco\n"
        "username c secret 8 $8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk\n",
        "test");
    REQUIRE(loaded.ok());
    const auto& system = loaded.config.system;
    for (const auto* secret :
         {&system.enable_secret, &system.users.at("a").password, &system.users.at("b").password}) {
        CHECK(secret->type == 5);
        CHECK(secret->text.starts_with("$1$"));
        CHECK(crypto::secret_fits(5, secret->text, "cisco"));
        CHECK_FALSE(crypto::secret_fits(5, secret->text, "cisc"));
    }
    // One password, three users: three hashes.
    CHECK(system.users.at("a").password != system.users.at("b").password);
    CHECK(system.users.at("a").password != system.enable_secret);
    CHECK(system.users.at("c").password.type == 8);
    const auto text = ios::write_config(loaded.config);
    CHECK(text.find("cisco") == std::string::npos);
    CHECK(text.find("enable secret 5 $1$") != std::string::npos);
    CHECK(text.find("username c secret 8 $8$TnGX") != std::string::npos);
    CHECK(ios::load(text, "again").config == loaded.config);
}
