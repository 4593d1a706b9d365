// The hashes of IOS's secrets against values that others made (crypt(3) and hashcat's examples of modes 500, 9200, 9300).
#include "crypto/password_hash.h"

#include <catch2/catch.hpp>

using viaduct::crypto::secret_fits;

TEST_CASE("P2: secrets of types 5, 8 and 9 fit their password and no other") {
    const char* const md5 = "$1$mERr$hx5rVt7rPNoS4wqbXKX7m0";
    const char* const pbkdf2 = "$8$TnGX/fE4KGHOVU$pEhnEvxrvaynpi8j4f.EMHr6M.FzU8xnZnBr/tJdFWk";
    const char* const scrypt = "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6";
    CHECK(secret_fits(5, md5, "cisco"));
    CHECK(secret_fits(8, pbkdf2, "hashcat"));
    CHECK(secret_fits(9, scrypt, "hashcat"));
    CHECK_FALSE(secret_fits(5, md5, "Cisco"));
    CHECK_FALSE(secret_fits(8, pbkdf2, "hashca"));
    CHECK_FALSE(secret_fits(9, scrypt, ""));
    CHECK_FALSE(secret_fits(8, scrypt, "hashcat"));
    CHECK_FALSE(secret_fits(4, md5, "cisco"));
    for (const char* broken : {"", "$", "$9", "$9$", "$9$x", "$9$x$", "cisco"}) {
        CHECK_FALSE(secret_fits(9, broken, "cisco"));
        CHECK_FALSE(secret_fits(5, broken, "cisco"));
    }
}
