// Crypto maps and dynamic crypto maps, and the lines that their entries share with IPsec profiles.
#include <algorithm>
#include <sstream>

#include "config/ios/fields.h"
#include "config/ios/rows/isakmp.h"

namespace viaduct::ios {

namespace {

using config::CryptoMap;
using config::CryptoMapEntry;
using config::CryptoPolicy;
using config::SessionKey;

constexpr std::size_t kMaxPeers = 40;  // IOS: peers of one entry

using Maps = std::map<std::string, CryptoMap>;

void remove_entry(Maps& maps, const std::string& name, const Args& args) {
    const auto map = maps.find(name);
    if (map == maps.end()) {
        return;
    }
    if (args.has("seq")) {
        map->second.entries.erase(args.number("seq"));
    }
    if (!args.has("seq") || map->second == CryptoMap{}) {
        maps.erase(map);
    }
}

Result<void> apply_map_entry(ConfigSession& session, const Args& args) {
    auto& maps = session.config().crypto.maps;
    const auto name = args.text("tag");
    if (args.negated()) {
        remove_entry(maps, name, args);
        return done();
    }
    const auto sequence = args.number("seq");
    const bool manual = args.has("ipsec-manual");
    const auto kind = manual            ? CryptoMapEntry::Kind::manual
                      : args.has("dyn") ? CryptoMapEntry::Kind::dynamic
                                        : CryptoMapEntry::Kind::isakmp;
    const auto map = maps.find(name);
    const bool known = map != maps.end() && map->second.entries.contains(sequence);
    if (!manual && !args.has("ipsec-isakmp")) {
        if (!known) {
            return failure("Incomplete command.");
        }
        session.enter({.mode = Mode::crypto_map, .name = name, .number = sequence});
        return done();
    }
    if (known) {
        const auto& old = map->second.entries.at(sequence);
        const bool same_kind = (old.kind == CryptoMapEntry::Kind::manual) == manual;
        if (!same_kind) {
            return failure("Attempt to change the type of an existing crypto map entry");
        }
    }
    auto& entry = maps[name].entries[sequence];
    if (kind == CryptoMapEntry::Kind::dynamic || !known) {
        entry.kind = kind;
        entry.dynamic_map = args.text("dyn");
        entry.discover = args.has("discover");
    }
    if (args.has("profilename")) {
        entry.isakmp_profile = args.text("profilename");
    }
    session.enter({.mode = Mode::crypto_map, .name = name, .number = sequence});
    return done();
}

void write_maps(Writer& out) {
    for (const auto& [name, map] : out.config().crypto.maps) {
        out.separator();
        const auto tag = "crypto map " + quoted(name);
        if (map.local_address) {
            out.line("{} local-address {}", tag, map.local_address->to_string());
        }
        if (!map.client_authentication_list.empty()) {
            out.line(
                "{} client authentication list {}", tag, quoted(map.client_authentication_list));
        }
        if (!map.authorization_list.empty()) {
            out.line("{} isakmp authorization list {}", tag, quoted(map.authorization_list));
        }
        for (const auto word : config_mode_words(map.client_configuration)) {
            out.line("{} client configuration address {}", tag, word);
        }
        if (!map.isakmp_profile.empty()) {
            out.line("{} isakmp-profile {}", tag, quoted(map.isakmp_profile));
        }
        for (const auto& [sequence, entry] : map.entries) {
            auto kind = std::string("ipsec-isakmp");
            if (entry.kind == CryptoMapEntry::Kind::manual) {
                kind = "ipsec-manual";
            } else if (entry.kind == CryptoMapEntry::Kind::dynamic) {
                kind +=
                    " dynamic " + quoted(entry.dynamic_map) + (entry.discover ? " discover" : "");
            }
            out.section(fmt::format("{} {} {}", tag, sequence, kind),
                        {.mode = Mode::crypto_map, .name = name, .number = sequence});
        }
    }
}

Row crypto_map_row() {
    Row row{.mode = Mode::global,
            .pattern =
                "crypto map <tag:WORD> <seq:1-65535> [ ipsec-isakmp [ dynamic <dyn:WORD> [ "
                "discover ] | "
                "profile <profilename:WORD> ] | ipsec-manual ]",
            .help =
                "Enter a crypto map|tag: Crypto map tag|seq: Sequence to insert into crypto map "
                "entry|ipsec-isakmp: IPSEC w/ISAKMP|ipsec-manual: IPSEC w/manual keying|dynamic: "
                "Enable "
                "dynamic crypto map support|dyn: Dynamic crypto map template tag|discover: Enable "
                "Tunnel "
                "Endpoint Discovery|profile: Enable crypto map as a crypto-profile|profilename: "
                "Name of "
                "crypto profile"};
    row.no = "crypto map <tag:WORD> [ <seq:1-65535> [ <rest:LINE> ] ]";
    row.apply = apply_map_entry;
    row.write = write_maps;
    row.examples = {"crypto map mymap 10 ipsec-isakmp",
                    "crypto map mymap 60000 ipsec-isakmp dynamic dynmap",
                    "crypto map tedtag 10 ipsec-isakmp dynamic ted-map discover",
                    "crypto map keyed 10 ipsec-manual",
                    "crypto map prof 5 ipsec-isakmp profile L2L"};
    row.enters = true;
    return at(Place::crypto_maps, std::move(row));
}

/// `crypto map NAME words…`: a line of the whole map.
Row whole_map_row(const std::string& words,
                  const std::string& help,
                  std::function<void(CryptoMap&, const Args&)> change) {
    Row row{.mode = Mode::global, .pattern = "crypto map <tag:WORD> " + words, .help = help};
    row.no = row.pattern;
    row.apply = [change = std::move(change)](ConfigSession& session, const Args& args) {
        auto& maps = session.config().crypto.maps;
        const auto name = args.text("tag");
        change(maps[name], args);
        if (maps[name] == CryptoMap{}) {
            maps.erase(name);
        }
        return done();
    };
    return at(Place::crypto_maps, std::move(row));
}

Row whole_map_list_row(const std::string& words,
                       const std::string& help,
                       std::string CryptoMap::* field) {
    auto row = whole_map_row(words + " <name:WORD>",
                             help + "|tag: Crypto map tag|name: Named list",
                             [field](CryptoMap& map, const Args& args) {
                                 map.*field = args.negated() ? "" : args.text("name");
                             });
    row.no = "crypto map <tag:WORD> " + words + " [ <name:WORD> ]";
    row.examples = {"crypto map mymap " + words + " clientauth"};
    return row;
}

Row whole_map_configuration_row() {
    auto row =
        whole_map_row("client configuration address { respond | initiate }",
                      "Set mode configuration|tag: Crypto map tag|respond: Respond to ISAKMP "
                      "configuration requests|initiate: Initiate ISAKMP configuration",
                      [](CryptoMap& map, const Args& args) {
                          change_config_mode(map.client_configuration, args);
                      });
    row.examples = {"crypto map mymap client configuration address respond",
                    "crypto map mymap client configuration address initiate"};
    return row;
}

Row whole_map_local_row() {
    auto row = whole_map_row(
        "local-address <interface:interface>",
        "Interface to use for local address for this crypto map|tag: Crypto map tag",
        [](CryptoMap& map, const Args& args) {
            map.local_address = args.negated() ? std::nullopt : args.interface("interface");
        });
    row.no = "crypto map <tag:WORD> local-address [ <interface:interface> ]";
    row.examples = {"crypto map mymap local-address Loopback0"};
    return row;
}

Row dynamic_map_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto dynamic-map <tag:WORD> <seq:1-65535>",
            .help =
                "Specify a dynamic crypto map template|tag: Dynamic crypto map template tag|seq: "
                "Sequence "
                "to insert into dynamic map list"};
    row.no = "crypto dynamic-map <tag:WORD> [ <seq:1-65535> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& maps = session.config().crypto.dynamic_maps;
        const auto name = args.text("tag");
        if (args.negated()) {
            remove_entry(maps, name, args);
            return done();
        }
        maps[name].entries.try_emplace(args.number("seq"));
        session.enter({.mode = Mode::dynamic_map, .name = name, .number = args.number("seq")});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, map] : out.config().crypto.dynamic_maps) {
            out.separator();
            for (const auto& [sequence, entry] : map.entries) {
                out.section(fmt::format("crypto dynamic-map {} {}", quoted(name), sequence),
                            {.mode = Mode::dynamic_map, .name = name, .number = sequence});
            }
        }
    };
    row.examples = {"crypto dynamic-map dynmap 20"};
    row.enters = true;
    return at(Place::dynamic_maps, std::move(row));
}

Row match_row(Mode mode) {
    auto row = text_row(mode,
                        "match address",
                        "WORD",
                        &CryptoMapEntry::match_address,
                        "Match address of packets to encrypt.|text: Access list");
    return examples({"match address 101", "match address vpn"}, std::move(row));
}

Row map_peer_row(Mode mode) {
    Row row{
        .mode = mode,
        .pattern = "set peer <name:WORD> [ default ]",
        .help =
            "Allowed Encryption/Decryption peer.|name: IP address or name of peer|default: Default "
            "peer"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& entry = session.object<CryptoMapEntry>();
        const auto peer = args.text("name");
        if (args.negated()) {
            if (!args.has("name")) {
                entry.peers.clear();
                entry.default_peer.reset();
            }
            std::erase(entry.peers, peer);
            if (entry.default_peer == peer) {
                entry.default_peer.reset();
            }
            return done();
        }
        const bool known =
            std::find(entry.peers.begin(), entry.peers.end(), peer) != entry.peers.end();
        if (!known && entry.peers.size() >= kMaxPeers) {
            return failure(fmt::format("Peers of an entry: limit of {}", kMaxPeers));
        }
        if (entry.kind == CryptoMapEntry::Kind::manual && !known && !entry.peers.empty()) {
            entry.peers.clear();  // IOS: a manual entry has one peer
        }
        if (!known) {
            entry.peers.push_back(peer);
        }
        if (args.has("default")) {
            entry.default_peer = peer;
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& entry = out.object<CryptoMapEntry>();
        for (const auto& peer : entry.peers) {
            out.line("set peer {}{}", quoted(peer), entry.default_peer == peer ? " default" : "");
        }
    };
    row.examples = {"set peer 172.16.77.10", "set peer hub.cisco.com default"};
    return row;
}

Row transform_row(Mode mode) {
    Row row{.mode = mode,
            .pattern = "set transform-set <sets:LINE>",
            .help = "Specify list of transform sets in priority order|sets: Proposal tags"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        std::vector<std::string> sets;
        std::istringstream words(args.negated() ? "" : args.text("sets"));
        for (std::string word; words >> word;) {
            if (std::find(sets.begin(), sets.end(), word) == sets.end()) {
                sets.push_back(word);
            }
        }
        if (sets.size() > 11) {
            return failure("Transform sets of an entry: limit of 11");
        }
        session.object<CryptoPolicy>().transform_sets = std::move(sets);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& sets = out.object<CryptoPolicy>().transform_sets;
        if (!sets.empty()) {
            out.line("set transform-set {}", fmt::join(sets, " "));
        }
    };
    row.examples = {"set transform-set myset", "set transform-set myset strong"};
    return row;
}

Row pfs_row(Mode mode) {
    std::string groups;
    for (const auto& group : crypto::all_groups()) {
        groups += (groups.empty() ? "group" : " | group") +
                  std::to_string(static_cast<unsigned>(group.id));
    }
    Row row{
        .mode = mode,
        .pattern = "set pfs [ " + groups + " ]",
        .help =
            "Specify pfs settings|group1: D-H Group1 (768-bit modp)|group2: D-H Group2 (1024-bit "
            "modp)|group5: D-H Group5 (1536-bit modp)|group14: D-H Group14 (2048-bit modp)"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& pfs = session.object<CryptoPolicy>().pfs;
        pfs = read_dh_group(args, "group").value_or(crypto::DhGroup::modp768);
        if (args.negated()) {
            pfs.reset();
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& pfs = out.object<CryptoPolicy>().pfs) {
            out.line("set pfs group{}", static_cast<unsigned>(*pfs));
        }
    };
    row.examples = {"set pfs", "set pfs group14"};
    return row;
}

Row lifetime_row(Mode mode, bool seconds) {
    const std::string words =
        std::string("set security-association lifetime ") + (seconds ? "seconds" : "kilobytes");
    Row row{
        .mode = mode,
        .pattern = words + (seconds ? " <value:120-2592000>" : " <value:2560-4294967295>"),
        .help = seconds
                    ? "Time-based key duration|lifetime: security association lifetime|value: "
                      "Security association duration in seconds"
                    : "Volume-based key duration|lifetime: security association lifetime|value: "
                      "Security association duration in kilobytes encrypted"};
    row.apply = [seconds](ConfigSession& session, const Args& args) {
        auto& lifetime = session.object<CryptoPolicy>().lifetime;
        auto& value = seconds ? lifetime.seconds : lifetime.kilobytes;
        value = args.number("value");
        if (args.negated()) {
            value.reset();
        }
        return done();
    };
    row.write = [seconds, words](Writer& out) {
        const auto& lifetime = out.object<CryptoPolicy>().lifetime;
        if (const auto& value = seconds ? lifetime.seconds : lifetime.kilobytes) {
            out.line("{} {}", words, *value);
        }
    };
    row.examples = {words + (seconds ? " 120" : " 100000")};
    return row;
}

Row window_row(Mode mode) {
    Row row{
        .mode = mode,
        .pattern = "set security-association replay window-size { 64 | 128 | 256 | 512 | 1024 }",
        .help = "Set replay window size|replay: Set replay checking"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& window = session.object<CryptoPolicy>().replay_window;
        window.reset();
        for (const std::uint16_t size : {64, 128, 256, 512, 1024}) {
            if (!args.negated() && args.has(std::to_string(size))) {
                window = size;
            }
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& window = out.object<CryptoPolicy>().replay_window) {
            out.line("set security-association replay window-size {}", *window);
        }
    };
    row.examples = {"set security-association replay window-size 512"};
    return row;
}

Row session_key_row(Mode mode, bool inbound) {
    const std::string words =
        std::string("set session-key ") + (inbound ? "inbound" : "outbound") + " esp";
    Row row{
        .mode = mode,
        .pattern =
            words + " <spi:256-4294967295> cipher <cipherhex:HEX> [ authenticator <authhex:HEX> ]",
        .help =
            "Manual session key|session-key: Set session keys for traffic|inbound: Set inbound "
            "traffic's keys|outbound: Set outbound traffic's keys|esp: Set ESP keys|spi: Security "
            "parameter index (SPI) for this direction|cipher: Set encryption key|cipherhex: Key in "
            "hexadecimal|authenticator: Set authentication key|authhex: Key in hexadecimal"};
    row.apply = [inbound](ConfigSession& session, const Args& args) -> Result<void> {
        auto& entry = session.object<CryptoMapEntry>();
        auto& field = inbound ? entry.session_key_in : entry.session_key_out;
        if (args.negated()) {
            field.reset();
            return done();
        }
        if (entry.kind != CryptoMapEntry::Kind::manual) {
            return failure("Session keys belong to ipsec-manual entries");
        }
        SessionKey key{args.number("spi"), args.text("cipherhex"), args.text("authhex")};
        if (key.cipher_hex.size() % 2 != 0 || key.authenticator_hex.size() % 2 != 0) {
            return failure("A key needs an even number of hexadecimal digits");
        }
        field = std::move(key);
        return done();
    };
    row.write = [inbound, words](Writer& out) {
        const auto& entry = out.object<CryptoMapEntry>();
        if (const auto& key = inbound ? entry.session_key_in : entry.session_key_out) {
            out.line(
                "{} {} cipher {}{}",
                words,
                key->spi,
                key->cipher_hex,
                key->authenticator_hex.empty() ? "" : " authenticator " + key->authenticator_hex);
        }
    };
    row.examples = {words +
                    " 256 cipher 0123456789abcdef authenticator 00112233445566778899aabbccddeeff"};
    row.context = "crypto map keyed 10 ipsec-manual";
    return row;
}

Row reverse_route_row(Mode mode) {
    Row row{.mode = mode,
            .pattern = "reverse-route [ static ]",
            .help = "Reverse Route Injection.|static: Enable RRI statically"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& entry = session.object<CryptoMapEntry>();
        entry.reverse_route = !args.negated();
        entry.reverse_route_static = !args.negated() && args.has("static");
        return done();
    };
    row.write = [](Writer& out) {
        const auto& entry = out.object<CryptoMapEntry>();
        if (entry.reverse_route) {
            out.line("reverse-route{}", entry.reverse_route_static ? " static" : "");
        }
    };
    row.examples = {"reverse-route", "reverse-route static"};
    return row;
}

/// What crypto map entries, dynamic map entries and IPsec profiles have in common.
Rows policy_rows(Mode mode) {
    return {
        lifetime_row(mode, true),
        lifetime_row(mode, false),
        examples(
            {"set security-association idle-time 600"},
            number_row(
                mode,
                "set security-association idle-time",
                "60-86400",
                &CryptoPolicy::idle_time_s,
                "Automatically delete IPSec SAs after a given idle period.|value: Idle time in "
                "seconds")),
        flag_row(mode,
                 "set security-association level per-host",
                 &CryptoPolicy::per_host,
                 "Specify a security association per host|level: specify a security association "
                 "granularity "
                 "level"),
        flag_row(mode,
                 "set security-association replay disable",
                 &CryptoPolicy::replay_disable,
                 "Disable replay checking"),
        window_row(mode),
        transform_row(mode),
        pfs_row(mode),
        examples({"set isakmp-profile L2L"},
                 text_row(mode,
                          "set isakmp-profile",
                          "WORD",
                          &CryptoPolicy::isakmp_profile,
                          "Specify isakmp Profile|text: Profile name")),
        examples({"set identity branch"},
                 text_row(mode,
                          "set identity",
                          "WORD",
                          &CryptoPolicy::identity,
                          "Identity restriction.|text: Identity tag")),
        flag_row(mode,
                 "set nat demux",
                 &CryptoPolicy::nat_demux,
                 "Setting Multiple Clients Behind NAT|nat: Set NAT translation"),
        choice_row(mode,
                   "set df-bit",
                   {"clear", "set", "copy"},
                   &CryptoPolicy::df_bit,
                   "Handling of encapsulated DF bit.|clear: Clear DF bit|copy: Copy DF bit"),
    };
}

Rows entry_rows(Mode mode) {
    Rows rows{
        examples({"description to the branch"},
                 text_row(mode,
                          "description",
                          "LINE",
                          &CryptoPolicy::description,
                          "Description of the crypto map statement policy|text: Text")),
        map_peer_row(mode),
        session_key_row(mode, true),
        session_key_row(mode, false),
    };
    auto policy = policy_rows(mode);
    std::move(policy.begin(), policy.end(), std::back_inserter(rows));
    rows.push_back(match_row(mode));
    rows.push_back(reverse_route_row(mode));
    return rows;
}

}  // namespace

Rows crypto_map_rows() {
    Rows rows{
        dynamic_map_row(),
        crypto_map_row(),
        whole_map_list_row("client authentication list",
                           "Set client extended authentication list",
                           &CryptoMap::client_authentication_list),
        whole_map_list_row("isakmp authorization list",
                           "Set ISAKMP authorization list",
                           &CryptoMap::authorization_list),
        whole_map_list_row(
            "isakmp-profile", "Set the ISAKMP profile of the map", &CryptoMap::isakmp_profile),
        whole_map_configuration_row(),
        whole_map_local_row(),
        examples({"description GRE of the spokes"},
                 text_row(Mode::ipsec_profile,
                          "description",
                          "LINE",
                          &CryptoPolicy::description,
                          "Description of the profile|text: Text")),
    };
    const auto append = [&rows](Rows more) {
        std::move(more.begin(), more.end(), std::back_inserter(rows));
    };
    append(entry_rows(Mode::crypto_map));
    // The appliances' words; IOS has no switch for one peer.
    rows.push_back(flag_row(Mode::crypto_map,
                            "set nat-t-disable",
                            &CryptoPolicy::nat_t_disable,
                            "No NAT traversal with the peers of this entry"));
    append(entry_rows(Mode::dynamic_map));
    append(policy_rows(Mode::ipsec_profile));
    // Session keys belong to static maps alone.
    std::erase_if(rows, [](const Row& row) {
        return row.mode == Mode::dynamic_map && row.pattern.starts_with("set session-key");
    });
    return rows;
}

}  // namespace viaduct::ios
