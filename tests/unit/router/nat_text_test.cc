// N11: listings byte for byte as the document and IOS print them.
#include "controlplane/router/nat_text.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

namespace viaduct {
namespace {

using dataplane::NatSession;

constexpr TimePoint kNow{100000s};

NatSession session(std::optional<IpProtocol> protocol,
                   Ipv4Address local,
                   std::uint16_t local_port,
                   Ipv4Address global,
                   std::uint16_t global_port,
                   Ipv4Address outside = {},
                   std::uint16_t outside_port = 0) {
    NatSession s;
    s.protocol = protocol;
    s.inside_local = local;
    s.inside_local_port = local_port;
    s.inside_global = global;
    s.inside_global_port = global_port;
    s.outside_local = s.outside_global = outside;
    s.outside_local_port = s.outside_global_port = outside_port;
    s.rule = 1;
    s.created = kNow - 152s;
    s.last_used = kNow - 46s;
    s.expires = kNow + 254s;
    return s;
}

std::optional<std::string> fixture(const std::string& name) {
    namespace fs = std::filesystem;
    const fs::path root(VIADUCT_SOURCE_ROOT);
    const auto file = fs::path("shared") / "fixtures" / "show" / name;
    const auto path =
        fs::exists(root / ".." / file) ? root / ".." / file : root / ".." / ".." / file;
    std::ifstream in(path);
    if (!in) {
        WARN("SKIPPED: " << path << " is not there");
        return std::nullopt;
    }
    std::ostringstream text;
    text << in.rdbuf();
    // The first line is the prompt with the command.
    const auto whole = text.str();
    return whole.substr(whole.find('\n') + 1);
}

const Ipv4Address kPat{171, 69, 89, 78};
const Ipv4Address kCenter{172, 16, 172, 50};

std::vector<NatSession> document() {
    return {session(kProtoUdp, {10, 10, 10, 2}, 500, kPat, 4, kCenter, 500),
            session(kProtoUdp, {10, 10, 10, 3}, 4500, kPat, 1025, kCenter, 4500),
            session(kProtoUdp, {10, 10, 10, 2}, 4500, kPat, 1026, kCenter, 4500),
            // The same port to another host is the same xlate.
            session(kProtoUdp, {10, 10, 10, 2}, 4500, kPat, 1026, {172, 16, 172, 51}, 4500)};
}

}  // namespace

TEST_CASE("N11: show xlate is the document's, byte for byte") {
    const auto wanted = fixture("pix-xlate.txt");
    if (wanted) {
        CHECK(xlate_text(xlates_of(document()), 4, {}, NatDetail::brief, kNow) == *wanted);
    }
}

TEST_CASE("N11: a PIX's show arp is the document's, byte for byte") {
    const auto mac = [](const char* text) { return *MacAddress::parse(text); };
    const auto wanted = fixture("pix-arp.txt");
    if (wanted) {
        CHECK(pix_arp_text({{"outside", {171, 69, 88, 3}, mac("00d0.0132.e40a")},
                            {"outside", {171, 69, 88, 2}, mac("00d0.0133.3c0a")},
                            {"outside", {171, 69, 88, 1}, mac("0000.0c07.ac7b")},
                            {"inside", {10, 10, 10, 3}, mac("0050.dabb.f093")},
                            {"inside", {10, 10, 10, 2}, mac("0001.0267.55cc")}}) == *wanted);
    }
}

TEST_CASE("N11: show xlate detail and debug, show conn") {
    auto sessions = document();
    auto fixed = session({}, {10, 10, 10, 9}, 0, {171, 69, 89, 79}, 0);
    fixed.is_static = true;
    fixed.expires = kNever;
    sessions.push_back(fixed);
    const auto text = xlate_text(xlates_of(sessions), 5, {}, NatDetail::timers, kNow);
    CHECK(text ==
          "4 in use, 5 most used\n"
          "Flags: D - DNS, d - dump, I - identity, i - inside, n - no random,\n"
          "       o - outside, r - portmap, s - static\n"
          "NAT from inside:10.10.10.9 to outside:171.69.89.79 flags s idle 0:00:46 timeout "
          "0:00:00\n"
          "UDP PAT from inside:10.10.10.3/4500 to outside:171.69.89.78/1025 flags ri idle 0:00:46 "
          "timeout 0:05:00\n"
          "UDP PAT from inside:10.10.10.2/4500 to outside:171.69.89.78/1026 flags ri idle 0:00:46 "
          "timeout 0:05:00\n"
          "UDP PAT from inside:10.10.10.2/500 to outside:171.69.89.78/4 flags ri idle 0:00:46 "
          "timeout 0:05:00\n");
    const auto conn = conn_text(sessions, 9, kNow);
    CHECK(
        conn.starts_with("4 in use, 9 most used\n"
                         "UDP out 172.16.172.50:500 in 10.10.10.2:500 idle 0:00:46\n"));
}

TEST_CASE("N11: show ip nat translations in IOS's columns") {
    std::vector<NatSession> sessions{
        session(
            kProtoTcp, {192, 168, 1, 89}, 11012, {171, 69, 233, 209}, 11012, {171, 69, 1, 220}, 23),
        session(kProtoIcmp, {10, 0, 0, 2}, 7, {192, 0, 2, 1}, 7, {192, 0, 2, 2}, 7)};
    auto fixed = session({}, {192, 168, 1, 1}, 0, {171, 69, 233, 210}, 0);
    fixed.is_static = true;
    fixed.expires = kNever;
    sessions.push_back(fixed);
    CHECK(translations_text(sessions, NatDetail::brief, kNow) ==
          "Pro Inside global      Inside local       Outside local      Outside global\n"
          "tcp 171.69.233.209:11012 192.168.1.89:11012 171.69.1.220:23    171.69.1.220:23\n"
          "--- 171.69.233.210     192.168.1.1        ---                ---\n"
          "icmp 192.0.2.1:7        10.0.0.2:7         192.0.2.2:7        192.0.2.2:7\n");
    const auto verbose = translations_text({sessions[0]}, NatDetail::timers, kNow);
    CHECK(verbose.find("    create 00:02:32, use 00:00:46, left 00:04:14, Map-Id(In): 1,\n"
                       "    flags:\nextended, use_count: 0\n") != std::string::npos);
}

}  // namespace viaduct
