// Hardware and services that a virtual router does not have: accepted, kept, written back, without effect.
#include <algorithm>
#include <array>

#include "config/ios/fields.h"
#include "config/ios/kept_lines.h"
#include "config/ios/table.h"

namespace viaduct::ios {

namespace {

/// Many: lines that differ stand side by side. One: a new line replaces the old one. Section: as many, and
/// sub-lines may follow.
enum class Shape : std::uint8_t { many, one, section };

struct KeptRow {
    Place place;
    Shape shape;
    std::string_view pattern;
    std::string_view help;
    std::string_view example;
};

constexpr std::array<KeptRow, 82> kKept{{
    {Place::service, Shape::one, "service config", "TFTP load config files", "service config"},
    {Place::service, Shape::one, "service pad", "Enable PAD commands", "no service pad"},
    {Place::service,
     Shape::one,
     "service tcp-keepalives-in",
     "Generate keepalives on idle incoming network "
     "connections",
     "service tcp-keepalives-in"},
    {Place::service,
     Shape::one,
     "service tcp-keepalives-out",
     "Generate keepalives on idle outgoing network "
     "connections",
     "service tcp-keepalives-out"},
    {Place::service,
     Shape::one,
     "service tcp-small-servers",
     "TCP and UDP small servers",
     "no service tcp-small-servers"},
    {Place::service,
     Shape::one,
     "service udp-small-servers",
     "UDP small servers",
     "no service udp-small-servers"},
    {Place::service,
     Shape::one,
     "service sequence-numbers",
     "Stamp logger messages with a sequence number",
     "service sequence-numbers"},
    {Place::service,
     Shape::one,
     "service internal",
     "Enable/Disable Internal commands",
     "service internal"},
    {Place::service,
     Shape::one,
     "service finger",
     "Allow responses to finger requests",
     "no service finger"},
    {Place::service,
     Shape::one,
     "service linenumber",
     "enable line number banner for each exec",
     "service linenumber"},
    {Place::service,
     Shape::one,
     "service nagle",
     "Enable Nagle's congestion control algorithm",
     "service nagle"},
    {Place::service,
     Shape::one,
     "service password-recovery",
     "Enable password recovery",
     "no service password-recovery"},
    {Place::service,
     Shape::one,
     "service compress-config",
     "Compress the configuration file",
     "service compress-config"},
    {Place::ip_basic,
     Shape::many,
     "ipv6 <what:LINE>",
     "Global IPv6 configuration commands",
     "no ipv6 cef"},
    {Place::ip_basic, Shape::many, "ip sla <what:LINE>", "IP Service Level Agreement", "ip sla 1"},
    {Place::clock,
     Shape::many,
     "security <what:LINE>",
     "Infra Security CLIs",
     "security passwords min-length 6"},
    {Place::clock,
     Shape::many,
     "license <what:LINE>",
     "Configure license features",
     "license udi pid CISCO2911/K9"},
    {Place::domain,
     Shape::many,
     "login <what:LINE>",
     "Enable secure login checking",
     "login block-for 60 attempts 3 within 30"},
    {Place::domain,
     Shape::one,
     "multilink <what:LINE>",
     "PPP multilink global configuration",
     "multilink bundle-name authenticated"},
    {Place::hardware, Shape::section, "archive", "Archive the configuration", "archive"},
    {Place::hardware, Shape::section, "redundancy", "Enter redundancy mode", "redundancy"},
    {Place::nat,
     Shape::many,
     "ip nat service <what:LINE>",
     "Special translation for application using non-standard "
     "port",
     "ip nat service list 10 ftp tcp port 2021"},
    {Place::nat,
     Shape::many,
     "ip nat log <what:LINE>",
     "NAT Logging",
     "ip nat log translations syslog"},
    {Place::boot, Shape::one, "boot-start-marker", "Boot start marker", "boot-start-marker"},
    {Place::boot,
     Shape::many,
     "boot <what:LINE>",
     "Modify system boot parameters",
     "boot system flash:c3725-ik9s-mz.123-3.bin"},
    {Place::boot, Shape::one, "boot-end-marker", "Boot end marker", "boot-end-marker"},
    {Place::clock,
     Shape::one,
     "memory-size iomem <percent:0-100>",
     "Percentage of DRAM to use for I/O memory",
     "memory-size iomem 10"},
    {Place::clock, Shape::one, "mmi <what:LINE>", "Modem management", "mmi polling-interval 60"},
    {Place::clock,
     Shape::one,
     "clock summer-time <what:LINE>",
     "Configure summer (daylight savings) time",
     "clock summer-time CEST recurring"},
    {Place::clock,
     Shape::one,
     "exception <what:LINE>",
     "Exception handling",
     "exception core-file c"},
    {Place::clock,
     Shape::one,
     "scheduler <what:LINE>",
     "Scheduler parameters",
     "scheduler allocate 4000 1000"},
    {Place::aaa, Shape::one, "resource policy", "Resource policy", "resource policy"},
    {Place::ip_basic, Shape::one, "ip cef [ <what:LINE> ]", "Cisco Express Forwarding", "ip cef"},
    {Place::ip_basic, Shape::one, "ip finger", "finger server", "no ip finger"},
    {Place::ip_basic,
     Shape::one,
     "ip gratuitous-arps",
     "Generate gratuitous ARPs for PPP/SLIP peer addresses",
     "no ip gratuitous-arps"},
    {Place::ip_basic,
     Shape::one,
     "ip icmp rate-limit unreachable [ <ms:LINE> ]",
     "Rate limit unreachables",
     "ip icmp rate-limit unreachable 100"},
    {Place::ip_basic,
     Shape::one,
     "ip multicast-routing",
     "Enable IP multicast forwarding",
     "ip multicast-routing"},
    {Place::ip_basic,
     Shape::many,
     "ip audit <what:LINE>",
     "Intrusion Detection System",
     "ip audit notify log"},
    {Place::ip_basic,
     Shape::many,
     "ip inspect <what:LINE>",
     "Context-based Access Control Engine",
     "ip inspect name fw tcp"},
    {Place::ip_basic,
     Shape::one,
     "ip tcp synwait-time <seconds:5-300>",
     "Set time to wait on new TCP "
     "connections",
     "ip tcp synwait-time 10"},
    {Place::ip_basic,
     Shape::one,
     "ip tcp path-mtu-discovery",
     "Enable path-MTU discovery on new TCP "
     "connections",
     "ip tcp path-mtu-discovery"},
    {Place::domain,
     Shape::many,
     "ip ssh <what:LINE>",
     "Configure ssh options",
     "ip ssh break-string"},
    {Place::domain, Shape::many, "ip scp <what:LINE>", "Scp commands", "ip scp server enable"},
    {Place::domain,
     Shape::many,
     "ip ftp <what:LINE>",
     "FTP configuration commands",
     "ip ftp passive"},
    {Place::domain, Shape::many, "ip rcmd <what:LINE>", "Rcmd commands", "ip rcmd rcp-enable"},
    {Place::domain,
     Shape::one,
     "ip telnet <what:LINE>",
     "Specify telnet options",
     "ip telnet quiet"},
    {Place::domain,
     Shape::many,
     "vpdn <what:LINE>",
     "Virtual Private Dialup Network",
     "vpdn enable"},
    {Place::domain,
     Shape::section,
     "vpdn-group <name:WORD>",
     "VPDN group configuration",
     "vpdn-group 1"},
    {Place::domain,
     Shape::one,
     "isdn <what:LINE>",
     "ISDN global parameters",
     "isdn switch-type basic-net3"},
    {Place::isakmp,
     Shape::one,
     "crypto isakmp client configuration address-pool local <pool:WORD>",
     "Set default address pool",
     "crypto isakmp client configuration address-pool local ippool"},
    {Place::isakmp,
     Shape::many,
     "crypto engine <what:LINE>",
     "Enter a crypto engine configurable menu",
     "crypto engine accelerator"},
    {Place::isakmp,
     Shape::many,
     "crypto mib <what:LINE>",
     "Configure Crypto-related MIB Parameters",
     "crypto mib ipsec flowmib history tunnel size 200"},
    {Place::voice,
     Shape::many,
     "voice <what:LINE>",
     "Global voice configuration",
     "no voice hpi capture buffer"},
    {Place::voice, Shape::section, "voice-port <port:LINE>", "Voice Port", "voice-port 1/0/0"},
    {Place::voice,
     Shape::section,
     "voice-card <slot:0-15>",
     "Configure a specific voice card",
     "voice-card 0"},
    {Place::voice,
     Shape::many,
     "fax <what:LINE>",
     "Define Fax call treatment",
     "fax interface-type fax-mail"},
    {Place::hardware,
     Shape::section,
     "controller <what:LINE>",
     "Configure a specific controller",
     "controller ISA 5/1"},
    {Place::hardware,
     Shape::section,
     "class-map <what:LINE>",
     "Configure QoS Class Map",
     "class-map match-all voice"},
    {Place::hardware,
     Shape::section,
     "policy-map <what:LINE>",
     "Configure QoS Policy Map",
     "policy-map edge"},
    {Place::hardware, Shape::one, "bridge irb", "Integrated routing and bridging", "bridge irb"},
    {Place::http, Shape::one, "ip http server", "Enable http server", "ip http server"},
    {Place::http,
     Shape::one,
     "ip http secure-server",
     "Enable HTTP secure server",
     "no ip http secure-server"},
    {Place::http,
     Shape::many,
     "ip http <what:LINE>",
     "HTTP server configuration",
     "ip http authentication local"},
    {Place::http,
     Shape::one,
     "ip forward-protocol <what:LINE>",
     "Controls forwarding of physical and "
     "directed IP broadcasts",
     "ip forward-protocol nd"},
    {Place::http,
     Shape::one,
     "ip default-gateway <gateway:A.B.C.D>",
     "Specify default gateway (if not "
     "routing IP)",
     "ip default-gateway 10.0.0.1"},
    {Place::http, Shape::one, "ip pim <what:LINE>", "PIM global commands", "ip pim bidir-enable"},
    {Place::radius,
     Shape::many,
     "snmp-server <what:LINE>",
     "Modify SNMP engine parameters",
     "snmp-server community public RO"},
    {Place::radius,
     Shape::many,
     "tacacs-server <what:LINE>",
     "Modify TACACS query parameters",
     "tacacs-server host 10.0.0.9"},
    {Place::radius,
     Shape::many,
     "dialer-list <what:LINE>",
     "Create a dialer list entry",
     "dialer-list 1 protocol ip permit"},
    {Place::radius, Shape::one, "cdp run", "Enable CDP", "no cdp run"},
    {Place::radius,
     Shape::many,
     "tftp-server <what:LINE>",
     "Provide TFTP service for netload requests",
     "tftp-server flash:image"},
    {Place::call_control,
     Shape::many,
     "call <what:LINE>",
     "Configure Call parameters",
     "call rsvp-sync"},
    {Place::call_control,
     Shape::section,
     "control-plane",
     "Configure control plane services",
     "control-plane"},
    {Place::call_control,
     Shape::section,
     "mgcp profile <name:WORD>",
     "Setup an MGCP profile",
     "mgcp profile default"},
    {Place::call_control, Shape::many, "mgcp [ <what:LINE> ]", "Setup MGCP parameters", "mgcp"},
    {Place::call_control,
     Shape::section,
     "dial-peer <what:LINE>",
     "Dial Map (Peer) configuration commands",
     "dial-peer cor custom"},
    {Place::call_control, Shape::section, "gateway", "Gateway", "gateway"},
    {Place::call_control,
     Shape::section,
     "sip-ua",
     "SIP User Agent configuration commands",
     "sip-ua"},
    {Place::call_control,
     Shape::section,
     "gatekeeper",
     "Gatekeeper configuration commands",
     "gatekeeper"},
    {Place::banners,
     Shape::many,
     "privilege <what:LINE>",
     "Command privilege parameters",
     "privilege exec level 5 ping"},
    {Place::banners,
     Shape::many,
     "alias <what:LINE>",
     "Create command alias",
     "alias exec s show ip route"},
    {Place::ntp,
     Shape::many,
     "ntp clock-period <period:LINE>",
     "Length of hardware clock tick",
     "ntp clock-period 17180000"},
}};

/// keep_line() on the sections' first lines; sections keep their sub-lines.
void keep_section(std::vector<config::KeptSection>& sections,
                  const Args& args,
                  std::size_t identity) {
    std::vector<std::string> lines;
    lines.reserve(sections.size());
    for (const auto& section : sections) {
        lines.push_back(section.line);
    }
    keep_line(lines, args, identity);
    std::vector<config::KeptSection> kept;
    for (const auto& line : lines) {
        const auto old =
            std::find_if(sections.begin(), sections.end(), [&line](const auto& section) {
                return section.line == line;
            });
        kept.push_back(old != sections.end() ? *old : config::KeptSection{line, {}});
    }
    sections = std::move(kept);
    // The order of writing: a new line goes behind those of its place and of the places before it.
    if (sections.empty()) {
        return;
    }
    const auto place = kept_place(sections.back().line);
    for (std::size_t at = sections.size() - 1; at > 0 && kept_place(sections[at - 1].line) > place;
         --at) {
        std::swap(sections[at - 1], sections[at]);
    }
}

Row make_row(const KeptRow& kept) {
    Row row{
        .mode = Mode::global, .pattern = std::string(kept.pattern), .help = std::string(kept.help)};
    const auto identity = kept.shape == Shape::one ? leading_words(kept.pattern) : 0;
    const bool section = kept.shape == Shape::section;
    row.apply = [identity, section](ConfigSession& session, const Args& args) -> Result<void> {
        auto& sections = session.config().kept;
        if (sections.size() >= 10000) {
            return failure("Lines without effect: limit of 10000");
        }
        keep_section(sections, args, identity);
        if (section && !args.negated()) {
            session.enter({.mode = Mode::kept_section, .name = args.canonical()});
        }
        return done();
    };
    row.examples = {std::string(kept.example)};
    row.place = kept.place;
    row.effect = Effect::kept;
    row.enters = section;
    return row;
}

}  // namespace

Rows kept_rows() {
    Rows rows;
    rows.reserve(kKept.size());
    for (const auto& kept : kKept) {
        rows.push_back(make_row(kept));
    }
    return rows;
}

}  // namespace viaduct::ios
