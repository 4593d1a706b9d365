// The debug lines of two engines with document 003's policy against the document's own, in order.
#include <fstream>
#include <regex>

#include <catch2/catch.hpp>

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

/// Ids, SPIs and pointers are other ones each time; blanks and underscores suffered in the document.
std::string normal(std::string line) {
    using R = std::regex;
    line = std::regex_replace(line, R(R"(ISAKMP \(0:\d+\))"), "ISAKMP(0:N)");
    line = std::regex_replace(line, R(R"(ISAKMP \(\d+\))"), "ISAKMP(N)");
    line = std::regex_replace(line, R(R"(sa = [0-9A-F]{8})"), "sa = P");
    line = std::regex_replace(line, R(R"((node|M-ID of|message ID =|Node) -?\d{2,})"), "$1 M");
    line = std::regex_replace(line, R(R"(spi= 0x[0-9A-F]{4,8}\(\d+\))"), "spi= S");
    line = std::regex_replace(line, R(R"(has spi (0x)?-?[0-9A-Fa-f]+)"), "has spi S");
    line = std::regex_replace(line, R(R"(getting spi \d+)"), "getting spi S");
    line = std::regex_replace(line, R(R"(conn[_ ]id=? ?[1-9]\d*)"), "conn_id C");
    line = std::regex_replace(line, R(R"( matching 209\.168\.202\.\d+$)"), "");
    std::string out;
    for (const char c : line) {
        if (c != ' ' && c != '_') {
            out.push_back(c);
        }
    }
    return out;
}

/// The document's lines without stamps; two lines that ran into one are two again.
std::vector<std::string> fixture(const std::string& file, const std::string& stamp) {
    std::ifstream in("../shared/fixtures/debug/" + file);
    std::vector<std::string> out;
    std::string line;
    const std::regex stamps(stamp);
    while (std::getline(in, line)) {
        std::sregex_token_iterator it(line.begin(), line.end(), stamps, -1);
        for (; it != std::sregex_token_iterator(); ++it) {
            const auto text = std::regex_replace(it->str(), std::regex(R"( ?sv9-4#$)"), "");
            if (!text.empty() && text.find("purging node") == std::string::npos &&
                text.find("Echos") == std::string::npos) {
                out.push_back(normal(text));
            }
        }
    }
    return out;
}

std::vector<std::string> normals(const std::vector<std::string>& lines) {
    std::vector<std::string> out;
    std::transform(lines.begin(), lines.end(), std::back_inserter(out), normal);
    return out;
}

/// Lines of `wanted` that are not in `have`, in order.
std::vector<std::string> missing(const std::vector<std::string>& wanted,
                                 const std::vector<std::string>& have) {
    // Longest common subsequence.
    std::vector<std::vector<unsigned>> best(wanted.size() + 1,
                                            std::vector<unsigned>(have.size() + 1));
    for (std::size_t i = wanted.size(); i-- > 0;) {
        for (std::size_t j = have.size(); j-- > 0;) {
            best[i][j] = wanted[i] == have[j] ? best[i + 1][j + 1] + 1
                                              : std::max(best[i + 1][j], best[i][j + 1]);
        }
    }
    std::vector<std::string> out;
    std::size_t j = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        while (j < have.size() && best[i][j] == best[i][j + 1]) {
            ++j;
        }
        if (j < have.size() && wanted[i] == have[j]) {
            ++j;
        } else {
            out.push_back(wanted[i]);
        }
    }
    return out;
}

std::string join(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) {
        out += line + "\n";
    }
    return out;
}

}  // namespace

TEST_CASE("D10: debug crypto isakmp and ipsec in the document's words and order") {
    const auto of_initiator = fixture("dmvpn-isakmp-sv9-3.log", R"(05:50:4[89]: )");
    const auto of_responder = fixture("dmvpn-isakmp-sv9-4.log", R"(\*Mar 1 02:25:\d\d\.\d\d\d: )");
    if (of_initiator.empty() || of_responder.empty()) {
        WARN("skipped: ../shared/fixtures/debug is not there");
        return;
    }
    World world(51);
    auto& a = world.add("sv9-3", Ipv4Address(209, 168, 202, 131));
    auto& b = world.add("sv9-4", Ipv4Address(209, 168, 202, 130));
    for (auto* node : {&a, &b}) {
        configure_dmvpn(*node);
        node->log.set(Debug::crypto_isakmp, true);
        node->log.set(Debug::crypto_ipsec, true);
    }
    // The document's release (12.3) knew drafts 03 and 02 alone.
    world.filter = [&](const Endpoint& from, const Endpoint& to, const Bytes& payload) {
        const auto header = parse_header(payload);
        if (header->responder != Cookie{} || header->encrypted()) {
            return true;
        }
        const auto chain =
            parse_chain(header->next, BytesView(payload).subspan(kHeaderBytes), Padding::none);
        ChainWriter out;
        for (const auto& p : chain->payloads) {
            const auto id = recognise_vendor_id(p.body);
            if (p.type != PayloadType::vendor_id ||
                (id != VendorId::nat_t_rfc3947 && id != VendorId::nat_t_draft7)) {
                out.add(p.type, p.body);
            }
        }
        if (out.size() == chain->payloads.back().end) {
            return true;
        }
        world.deliver_raw(from, to, write_message(*header, out.view()));
        return false;
    };
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    REQUIRE(a.pairs.size() == 1);
    const auto lost_i = missing(of_initiator, normals(a.lines.lines));
    const auto lost_r = missing(of_responder, normals(b.lines.lines));
    INFO("initiator lacks:\n" << join(lost_i) << "responder lacks:\n" << join(lost_r));
    CHECK(lost_i.empty());
    CHECK(lost_r.empty());
    // Ours has more than the document only where it knows more vendor IDs.
    const auto more = missing(normals(a.lines.lines), of_initiator);
    INFO("initiator has besides:\n"
         << join(more) << "responder has besides:\n"
         << join(missing(normals(b.lines.lines), of_responder)));
    CHECK(more.size() <= 2);
    CHECK(missing(normals(b.lines.lines), of_responder).empty());
}

}  // namespace viaduct::ike::test
