#include "controlplane/router/nat_text.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

#include "config/ios/text.h"

namespace viaduct {

namespace {

using dataplane::NatSession;

std::int64_t seconds_of(Duration d) {
    return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(d).count());
}

/// PIX: "0:02:32".
std::string pix_age(Duration d) {
    const auto s = seconds_of(d);
    return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

const char* protocol_word(const std::optional<IpProtocol>& protocol) {
    if (!protocol) {
        return "---";
    }
    switch (protocol->value()) {
    case kProtoIcmp.value():
        return "icmp";
    case kProtoTcp.value():
        return "tcp";
    case kProtoUdp.value():
        return "udp";
    case kProtoGre.value():
        return "gre";
    case kProtoEsp.value():
        return "esp";
    default:
        return "ip";
    }
}

bool has_ports(const NatSession& session) {
    return session.protocol == kProtoTcp || session.protocol == kProtoUdp ||
           session.protocol == kProtoIcmp;
}

/// "A.B.C.D:port"; "---" for a side that the translation does not name.
std::string end_text(Ipv4Address address, std::uint16_t port, bool ports) {
    if (address.is_unspecified()) {
        return "---";
    }
    return ports ? fmt::format("{}:{}", address.to_string(), port) : address.to_string();
}

auto order(const NatSession& s) {
    return std::tuple(s.inside_global,
                      !s.protocol.has_value(),
                      s.protocol.value_or(IpProtocol{0}),
                      s.inside_global_port,
                      s.inside_local,
                      s.inside_local_port,
                      s.outside_global,
                      s.outside_global_port);
}

void sort(std::vector<NatSession>& sessions) {
    std::sort(sessions.begin(), sessions.end(), [](const NatSession& a, const NatSession& b) {
        return order(a) < order(b);
    });
}

/// It names both ends.
bool extended(const NatSession& session) {
    return session.protocol.has_value() && !session.outside_global.is_unspecified();
}

bool is_portmap(const NatSession& session) {
    return has_ports(session) && !session.is_static;
}

std::string upper_word(const NatSession& session) {
    std::string word = protocol_word(session.protocol);
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return word;
}

std::string xlate_line(const NatSession& x) {
    const bool ports = has_ports(x);
    const auto end = [ports](Ipv4Address address, std::uint16_t port) {
        return ports ? fmt::format("{}({})", address.to_string(), port) : address.to_string();
    };
    return fmt::format("{}Global {} Local {}{}",
                       ports ? "PAT " : "",
                       end(x.inside_global, x.inside_global_port),
                       end(x.inside_local, x.inside_local_port),
                       x.is_static && !ports ? " static" : "");
}

std::string xlate_detail(const NatSession& x, const PixSides& sides) {
    const bool ports = has_ports(x);
    const auto end = [ports](const std::string& name, Ipv4Address address, std::uint16_t port) {
        return ports ? fmt::format("{}:{}/{}", name, address.to_string(), port)
                     : fmt::format("{}:{}", name, address.to_string());
    };
    return fmt::format("{} from {} to {} flags {}",
                       ports ? upper_word(x) + " PAT" : "NAT",
                       end(sides.inside, x.inside_local, x.inside_local_port),
                       end(sides.outside, x.inside_global, x.inside_global_port),
                       x.is_static ? (ports ? "sr" : "s") : (is_portmap(x) ? "ri" : "i"));
}

}  // namespace

std::string translations_text(std::vector<NatSession> sessions, NatDetail detail, TimePoint now) {
    sort(sessions);
    auto out = fmt::format("{:<3} {:<18} {:<18} {:<18} {}\n",
                           "Pro",
                           "Inside global",
                           "Inside local",
                           "Outside local",
                           "Outside global");
    for (const auto& s : sessions) {
        const bool ports = has_ports(s);
        out += fmt::format("{:<3} {:<18} {:<18} {:<18} {}\n",
                           protocol_word(s.protocol),
                           end_text(s.inside_global, s.inside_global_port, ports),
                           end_text(s.inside_local, s.inside_local_port, ports),
                           end_text(s.outside_local, s.outside_local_port, ports),
                           end_text(s.outside_global, s.outside_global_port, ports));
        if (detail == NatDetail::brief) {
            continue;
        }
        out += fmt::format("    create {}, use {}",
                           ios::age_text(now - s.created),
                           ios::age_text(now - s.last_used));
        if (s.expires != kNever) {
            out += fmt::format(", left {}, Map-Id(In): {}", ios::age_text(s.expires - now), s.rule);
        }
        out += ",\n    flags:\n";
        out += s.is_static ? (extended(s) ? "static, extended" : "static")
                           : (extended(s) ? "extended" : "none");
        out += ", use_count: 0\n";
    }
    return out;
}

std::vector<NatSession> xlates_of(std::vector<NatSession> sessions) {
    const auto key = [](const NatSession& s) {
        return std::tuple(s.protocol.value_or(IpProtocol{0}),
                          s.inside_global,
                          s.inside_global_port,
                          s.inside_local,
                          s.inside_local_port);
    };
    // A connection over a static translation is no xlate of its own.
    std::erase_if(sessions, [](const NatSession& s) { return s.rule == 0 && !s.is_static; });
    // Of several sessions the one that was used last speaks for all.
    std::sort(sessions.begin(), sessions.end(), [&key](const NatSession& a, const NatSession& b) {
        return key(a) != key(b) ? key(a) < key(b) : b.last_used < a.last_used;
    });
    sessions.erase(
        std::unique(sessions.begin(),
                    sessions.end(),
                    [&key](const NatSession& a, const NatSession& b) { return key(a) == key(b); }),
        sessions.end());
    // The document's listing is in the order of its text, 1025, 1026, 4.
    std::sort(sessions.begin(), sessions.end(), [](const NatSession& a, const NatSession& b) {
        return xlate_line(a) < xlate_line(b);
    });
    return sessions;
}

std::string xlate_text(const std::vector<NatSession>& xlates,
                       std::size_t most_used,
                       const PixSides& sides,
                       NatDetail detail,
                       TimePoint now) {
    auto out = fmt::format("{} in use, {} most used\n", xlates.size(), most_used);
    if (detail != NatDetail::brief) {
        out +=
            "Flags: D - DNS, d - dump, I - identity, i - inside, n - no random,\n"
            "       o - outside, r - portmap, s - static\n";
    }
    for (const auto& x : xlates) {
        out += detail == NatDetail::brief ? xlate_line(x) : xlate_detail(x, sides);
        if (detail == NatDetail::timers) {
            out += fmt::format(" idle {} timeout {}",
                               pix_age(now - x.last_used),
                               x.expires == kNever ? "0:00:00" : pix_age(x.expires - x.last_used));
        }
        out += '\n';
    }
    return out;
}

std::string conn_text(std::vector<NatSession> sessions, std::size_t most_used, TimePoint now) {
    std::erase_if(sessions, [](const NatSession& s) { return !extended(s); });
    sort(sessions);
    auto out = fmt::format("{} in use, {} most used\n", sessions.size(), most_used);
    for (const auto& s : sessions) {
        const auto word = upper_word(s);
        const bool ports = has_ports(s);
        out += fmt::format("{} out {} in {} idle {}\n",
                           word,
                           end_text(s.outside_global, s.outside_global_port, ports),
                           end_text(s.inside_local, s.inside_local_port, ports),
                           pix_age(now - s.last_used));
    }
    return out;
}

std::string pix_arp_text(const std::vector<PixArp>& entries) {
    std::string out;
    for (const auto& entry : entries) {
        out += fmt::format("        {} {} {}\n",
                           entry.interface,
                           entry.address.to_string(),
                           entry.mac.to_string());
    }
    return out;
}

}  // namespace viaduct
