// show vpn-sessiondb [summary | remote | l2l | detail]: the sessions in the columns of the document's concentrator (row N12).
#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/session_rows.h"
#include "crypto/algorithms.h"

namespace viaduct::ike {

namespace {

std::string duration_text(Duration d) {
    const auto s =
        std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(d).count(), 0);
    return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

/// "Oct 20 20:13:35": a moment of the control clock on the wall.
std::string date_text(TimePoint moment, const ios::ExecContext& context) {
    const auto wall =
        context.wall - std::chrono::duration_cast<WallTime::duration>(context.now - moment);
    const auto seconds = std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(wall));
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof(text), "%b %e %H:%M:%S", &parts)};
}

std::string cipher_text(crypto::Cipher cipher) {
    switch (cipher) {
    case crypto::Cipher::des_cbc:
        return "DES-56";
    case crypto::Cipher::tdes_cbc:
        return "3DES-168";
    case crypto::Cipher::aes_cbc_128:
    case crypto::Cipher::aes_gcm_128:
        return "AES-128";
    case crypto::Cipher::aes_cbc_192:
    case crypto::Cipher::aes_gcm_192:
        return "AES-192";
    case crypto::Cipher::aes_cbc_256:
    case crypto::Cipher::aes_gcm_256:
        return "AES-256";
    default:
        return "none";
    }
}

std::string hash_text(crypto::Hash hash) {
    switch (hash) {
    case crypto::Hash::md5:
        return "MD5";
    case crypto::Hash::sha1:
        return "SHA-1";
    case crypto::Hash::sha256:
        return "SHA-256";
    case crypto::Hash::sha384:
        return "SHA-384";
    case crypto::Hash::sha512:
        return "SHA-512";
    }
    return "";
}

/// "2 (1024-bit)"
std::string group_text(crypto::DhGroup group) {
    std::string text(crypto::info(group).show_name.substr(1));
    if (const auto bit = text.find(" bit"); bit != std::string::npos) {
        text[bit] = '-';
    }
    return text;
}

std::string auth_text(crypto::Auth auth) {
    switch (auth) {
    case crypto::Auth::hmac_md5_96:
        return "MD5";
    case crypto::Auth::hmac_sha1_96:
        return "SHA-1";
    case crypto::Auth::hmac_sha256_128:
        return "SHA-256";
    case crypto::Auth::hmac_sha384_192:
        return "SHA-384";
    case crypto::Auth::hmac_sha512_256:
        return "SHA-512";
    default:
        return "none";
    }
}

/// A host, or a network with its wildcard mask: "0.0.0.0/255.255.255.255" is everything.
std::string end_text(const Proxy& proxy) {
    const auto wildcard = Ipv4Address{~proxy.mask.value()};
    const auto address = proxy.address.to_string();
    return wildcard == Ipv4Address{} ? address : address + "/" + wildcard.to_string();
}

std::string_view protocol_text(const IkeSa& sa) {
    if (sa.client && sa.client->esp_udp_port) {
        return "IPSec/UDP";
    }
    return sa.nat.detected() ? "IPSec/NAT-T" : "IPSec";
}

struct Bytes2 {
    std::uint64_t out = 0;
    std::uint64_t in = 0;
};

/// The pairs of SAs of a session: to the address that it leases, or to a peer.
std::vector<const Child*> children_of(const Engine::State& core, const IkeSa& sa) {
    std::vector<const Child*> out;
    for (const auto id : core.children.ids_with(sa.remote.address)) {
        const auto* child = core.children.find(id);
        const auto& p = child->parameters;
        // Network extension: a user without an address.
        const bool of_user =
            sa.client && (sa.client->address ? p.assigned_address == sa.client->address
                                             : !p.assigned_address && p.user == sa.client->user);
        const bool own = sa.client ? of_user : p.user.empty();
        if (own && (!p.udp_encapsulation || p.remote.port == sa.remote.port)) {
            out.push_back(child);
        }
    }
    return out;
}

Bytes2 bytes_of(const Engine::State& core, const std::vector<const Child*>& children) {
    Bytes2 sum;
    for (const auto* child : children) {
        const auto usage = core.usage.usage(child->id());
        sum.out += usage.bytes_out;
        sum.in += usage.bytes_in;
    }
    return sum;
}

void summary(const Engine::State& core, std::string& out) {
    const auto& s = core.sessions;
    out += "Session Summary\n";
    const auto row = [&out](const auto&... cells) {
        out += fmt::format("{:<10} {:<13} {:<10} {:<6} {:<10} {:<10} {}\n", cells...);
    };
    row("Active", "Active", "Active", "Total", "Peak", "Concurrent", "Total");
    row("LAN-to-LAN", "Remote Access", "Management", "Active", "Concurrent", "Limit", "Cumulative");
    row(s.lan_to_lan().active,
        s.remote().active,
        s.management().active,
        s.total().active,
        s.total().peak,
        kMaxIkeSas,
        s.total().cumulative);
    out += "\n";
}

/// "Cisco Systems VPN Client 3.6.1 (Rel):WinNT" is type WinNT, version 3.6.1 (Rel).
std::string version_text(const std::string& said) {
    constexpr std::string_view kBefore = " Client ";
    const auto colon = said.rfind(':');
    const auto before = said.find(kBefore);
    if (colon == std::string::npos || before == std::string::npos || before > colon) {
        return fmt::format("  Client version: {}\n", said);
    }
    const auto from = before + kBefore.size();
    return fmt::format("  Client Type: {}, Version: {}\n",
                       said.substr(colon + 1),
                       said.substr(from, colon - std::min(from, colon)));
}

void remote_rows(const Engine::State& core, const ios::ExecContext& context, std::string& out) {
    out += "Remote Access Sessions\n";
    out += fmt::format("{:<16} {:<15} {:<15} {:<12} {:<12} {:<10} {:<15} {:>9} {:>11} {:>11}\n",
                       "Username",
                       "Assigned IP",
                       "Public IP",
                       "Group",
                       "Protocol",
                       "Encryption",
                       "Login Time",
                       "Duration",
                       "Bytes Tx",
                       "Bytes Rx");
    for (const auto id : core.sessions.active()) {
        const auto* sa = core.ike(id);
        if (sa == nullptr || !sa->client) {
            continue;
        }
        const auto children = children_of(core, *sa);
        const auto bytes = bytes_of(core, children);
        const auto& client = *sa->client;
        out += fmt::format(
            "{:<16} {:<15} {:<15} {:<12} {:<12} {:<10} {:<15} {:>9} {:>11} {:>11}\n",
            client.user,
            client.address ? client.address->to_string() : "-",
            sa->remote.address.to_string(),
            client.group,
            protocol_text(*sa),
            cipher_text(children.empty() ? sa->suite.cipher : children.back()->suite.cipher),
            date_text(client.login, context),
            duration_text(context.now - client.login),
            bytes.out,
            bytes.in);
        if (!client.version.empty()) {
            out += version_text(client.version);
        }
    }
    out += core.sessions.active().empty() ? "No Remote Access Sessions\n\n" : "\n";
}

void remote_details(const Engine::State& core, const ios::ExecContext& context, std::string& out) {
    unsigned number = 0;
    for (const auto id : core.sessions.active()) {
        const auto* sa = core.ike(id);
        if (sa == nullptr || !sa->client) {
            continue;
        }
        out += fmt::format(
            "Username {}\n  IKE Session: Session ID {}, Encryption {}, Hashing {}, Diffie-Hellman "
            "Group {}, Authentication Mode {}{}, IKE Negotiation Mode {}, Rekey Time "
            "Interval {} seconds\n",
            sa->client->user,
            ++number,
            cipher_text(sa->suite.cipher),
            hash_text(sa->suite.hash),
            group_text(sa->suite.group),
            sa->is_signed() ? "RSA Certificates" : "Pre-Shared Keys",
            sa->client->list.empty() ? "" : " (XAUTH)",
            sa->exchange == ExchangeType::aggressive ? "Aggressive" : "Main",
            sa->suite.lifetime_s);
        for (const auto* child : children_of(core, *sa)) {
            const auto& p = child->parameters;
            const auto usage = core.usage.usage(child->id());
            const auto last = std::max({usage.last_in, usage.last_out, child->installed});
            out += fmt::format(
                "  {} Session: Session ID {}, Remote Address {}, Local Address {}, Encryption {}, "
                "Hashing {}, Idle Time {}, Encapsulation {}",
                p.esp_udp             ? "IPSec/UDP"
                : p.udp_encapsulation ? "IPSec/NAT-T"
                                      : "IPSec",
                ++number,
                end_text(p.proxies.remote),
                end_text(p.proxies.local),
                cipher_text(child->suite.cipher),
                auth_text(child->suite.auth),
                duration_text(context.now - last),
                p.tunnel_mode ? "Tunnel" : "Transport");
            if (p.udp_encapsulation) {
                out += fmt::format(", UDP Source Port {}, UDP Destination Port {}",
                                   (p.esp_udp ? p.esp_udp->remote : p.remote.port).value(),
                                   (p.esp_udp ? p.esp_udp->local : p.local.port).value());
            }
            out += fmt::format(
                ", Rekey Time Interval {} seconds, Bytes Received {}, Bytes Transmitted {}\n",
                p.lifetime_s,
                usage.bytes_in,
                usage.bytes_out);
        }
    }
}

void peer_rows(const Engine::State& core, const ios::ExecContext& context, std::string& out) {
    bool any = false;
    out += "LAN-to-LAN Sessions\n";
    out += fmt::format("{:<22} {:<15} {:<12} {:<10} {:<15} {:>9} {:>11} {:>11}\n",
                       "Connection Name",
                       "IP Address",
                       "Protocol",
                       "Encryption",
                       "Login Time",
                       "Duration",
                       "Bytes Tx",
                       "Bytes Rx");
    for (const auto& entry : core.ikes) {
        const auto& sa = *entry.second;
        if (!sa.complete() || sa.client || !core.phase1.is_newest(sa)) {
            continue;
        }
        any = true;
        const auto children = children_of(core, sa);
        const auto bytes = bytes_of(core, children);
        out += fmt::format(
            "{:<22} {:<15} {:<12} {:<10} {:<15} {:>9} {:>11} {:>11}\n",
            sa.peer_id.text(),
            sa.remote.address.to_string(),
            sa.nat.detected() ? "IPSec/NAT-T" : "IPSec",
            cipher_text(children.empty() ? sa.suite.cipher : children.back()->suite.cipher),
            date_text(sa.established, context),
            duration_text(context.now - sa.established),
            bytes.out,
            bytes.in);
    }
    out += any ? "\n" : "No LAN-to-LAN Sessions\n\n";
}

}  // namespace

ios::ExecRows session_rows(Engine& engine) {
    ios::ExecRow show;
    show.pattern = "show vpn-sessiondb [ { summary | remote | l2l | detail } ]";
    show.help = {{"vpn-sessiondb", "Sessions of remote access and LAN-to-LAN peers"},
                 {"summary", "How many there are, were at most, may be, and have been"},
                 {"remote", "Remote access sessions"},
                 {"l2l", "LAN-to-LAN sessions"},
                 {"detail", "Remote access sessions with their SAs"}};
    show.run = [&engine](ios::ExecContext& context,
                         const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
        const auto& core = engine.state();
        if (core.config == nullptr) {
            return nullptr;
        }
        const bool all =
            !args.has("summary") && !args.has("remote") && !args.has("l2l") && !args.has("detail");
        if (all || args.has("summary")) {
            summary(core, context.out);
        }
        if (all || args.has("l2l")) {
            peer_rows(core, context, context.out);
        }
        if (all || args.has("remote")) {
            remote_rows(core, context, context.out);
        }
        if (args.has("detail")) {
            remote_details(core, context, context.out);
        }
        return nullptr;
    };
    ios::ExecRows rows;
    rows.push_back(std::move(show));
    add_ezvpn_rows(rows, engine);
    return rows;
}

}  // namespace viaduct::ike
