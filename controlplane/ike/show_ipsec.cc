// show crypto ipsec …, show crypto engine connections active
#include <algorithm>
#include <iterator>

#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/show.h"

namespace viaduct::ike {

namespace {

std::string ident_text(const Proxy& proxy) {
    return fmt::format("({}/{}/{}/{})",
                       proxy.address.to_string(),
                       proxy.mask.to_string(),
                       proxy.protocol ? proxy.protocol->value() : 0,
                       proxy.port);
}

std::string tag_of(const Engine::State& core, const PolicyRef& policy) {
    return policy_head(policy, interface_text(core, policy.interface));
}

/// One SA as `show crypto ipsec sa` tells of it.
struct ShownSa {
    Spi spi;
    crypto::Cipher cipher = crypto::Cipher::null;
    crypto::Auth auth = crypto::Auth::none;
    bool tunnel_mode = true;
    bool udp = false;
    bool replay = true;
    std::uint32_t connection = 0;
    std::uint32_t flow = 0;
    std::string timing;
};

/// One flow: what is protected, between whom, and the SAs of both directions, old before new.
struct ShownFlow {
    ProxyPair proxies;
    Endpoint local;
    Endpoint remote;
    SaUsage sum;
    Spi current;  // 0: none sends
    std::vector<ShownSa> inbound;
    std::vector<ShownSa> outbound;
};

std::string timing_text(const Engine::State& core,
                        const Child& child,
                        TimePoint now,
                        std::uint64_t bytes) {
    const auto end = core.timers.of({TimerKind::child_outbound_end, child.id().value()});
    const auto left = end && *end > now
                          ? std::chrono::duration_cast<std::chrono::seconds>(*end - now).count()
                          : 0;
    const auto kb = child.parameters.lifetime_kb -
                    std::min<std::uint64_t>(bytes / 1024, child.parameters.lifetime_kb);
    return fmt::format("sa timing: remaining key lifetime (k/sec): ({}/{})", kb, left);
}

ShownSa shown_sa(const Engine::State& core, const Child& child, TimePoint now, bool inbound) {
    const auto usage = core.usage.usage(child.id());
    const auto& p = child.parameters;
    ShownSa out;
    out.spi = inbound ? child.spi_in : child.spi_out;
    out.cipher = child.suite.cipher;
    out.auth = child.suite.auth;
    out.tunnel_mode = p.tunnel_mode;
    out.udp = p.udp_encapsulation;
    out.replay = p.replay_window != 0;
    out.connection = child.connection + (inbound ? 0U : 1U);
    out.flow = out.connection - Children::kFirstConnection + 1;
    out.timing = timing_text(core, child, now, inbound ? usage.bytes_in : usage.bytes_out);
    return out;
}

ShownFlow shown_flow(const Engine::State& core,
                     const std::vector<const Child*>& pairs,
                     const SaUsage& past,
                     TimePoint now) {
    const auto& p = pairs.back()->parameters;
    const auto current = core.children.current_of(flow_of(p));
    const auto* used = current ? core.children.find(*current) : nullptr;
    ShownFlow out;
    out.proxies = p.proxies;
    out.local = p.local;
    out.remote = {p.remote.address, p.udp_encapsulation ? p.remote.port : kPortIsakmp};
    out.sum = past;
    out.current = used != nullptr ? used->spi_out : Spi{};
    for (const auto* child : pairs) {
        add_usage(out.sum, core.usage.usage(child->id()));
        out.inbound.push_back(shown_sa(core, *child, now, true));
        if (child->stage == ChildStage::live) {
            out.outbound.push_back(shown_sa(core, *child, now, false));
        }
    }
    return out;
}

/// Keyed by hand: no lifetime; numbered by their places in the table of SAs.
ShownFlow shown_flow(const ManualSas& sas) {
    const auto sa = [&](Spi spi, SaIndex index) {
        ShownSa out;
        out.spi = spi;
        out.cipher = sas.cipher;
        out.auth = sas.auth;
        out.tunnel_mode = sas.tunnel_mode;
        out.replay = sas.replay;
        out.connection = index.value() + 1;
        out.flow = index.value() + 1;
        out.timing = "no sa timing";
        return out;
    };
    return {sas.proxies,
            {sas.local, kPortIsakmp},
            {sas.remote, kPortIsakmp},
            sas.usage,
            sas.spi_out,
            {sa(sas.spi_in, sas.inbound)},
            {sa(sas.spi_out, sas.outbound)}};
}

/// One `spi: …` block.
std::string spi_block(const ShownSa& sa, const std::string& tag) {
    return fmt::format(
        "      spi: 0x{:X}({})\n"
        "        transform: {},\n"
        "        in use settings ={{{}{}, }}\n"
        "        slot: 0, conn id: {}, flow_id: {}, crypto map: {}\n"
        "        {}\n"
        "        IV size: {} bytes\n"
        "        replay detection support: {}\n",
        sa.spi.value(),
        sa.spi.value(),
        transform_text(sa.cipher, sa.auth),
        sa.tunnel_mode ? "Tunnel" : "Transport",
        sa.udp ? " UDP-Encaps" : "",
        sa.connection,
        sa.flow,
        tag,
        sa.timing,
        crypto::info(sa.cipher).iv_bytes,
        sa.replay ? "Y" : "N");
}

std::uint16_t mtu_of(const Engine::State& core, Ipv4Address local) {
    for (const auto& interface : core.interfaces) {
        if (interface.address == local && interface.ipsec_profile.empty()) {
            return interface.mtu;
        }
    }
    return 1500;
}

std::string flow_block(const ShownFlow& flow, std::uint16_t mtu, const std::string& tag) {
    auto out = fmt::format(
        "\n   protected vrf:\n"
        "   local  ident (addr/mask/prot/port): {}\n"
        "   remote ident (addr/mask/prot/port): {}\n"
        "   current_peer: {}:{}\n"
        "     PERMIT, flags={{}}\n"
        "    #pkts encaps: {}, #pkts encrypt: {}, #pkts digest {}\n"
        "    #pkts decaps: {}, #pkts decrypt: {}, #pkts verify {}\n"
        "    #pkts compressed: 0, #pkts decompressed: 0\n"
        "    #pkts not compressed: 0, #pkts compr. failed: 0\n"
        "    #pkts not decompressed: 0, #pkts decompress failed: 0\n"
        "    #send errors {}, #recv errors {}\n\n"
        "     local crypto endpt.: {}, remote crypto endpt.: {}\n"
        "     path mtu {}, media mtu {}\n"
        "     current outbound spi: {:X}\n",
        ident_text(flow.proxies.local),
        ident_text(flow.proxies.remote),
        flow.remote.address.to_string(),
        flow.remote.port.value(),
        flow.sum.packets_out,
        flow.sum.packets_out,
        flow.sum.packets_out,
        flow.sum.packets_in,
        flow.sum.packets_in,
        flow.sum.packets_in,
        flow.sum.errors_out,
        flow.sum.errors_in,
        flow.local.address.to_string(),
        flow.remote.address.to_string(),
        mtu,
        mtu,
        flow.current.value());
    for (const bool inbound : {true, false}) {
        const auto way = inbound ? "inbound" : "outbound";
        out += fmt::format("\n     {} esp sas:\n", way);
        for (const auto& sa : inbound ? flow.inbound : flow.outbound) {
            out += spi_block(sa, tag);
        }
        out += fmt::format("\n     {} ah sas:\n\n     {} pcp sas:\n", way, way);
    }
    return out;
}

/// "HMAC_SHA+DES_56_CB".
std::string algorithm_text(crypto::Cipher cipher, std::string_view hash) {
    std::string_view name = "NULL";
    switch (cipher) {
    case crypto::Cipher::null:
        break;
    case crypto::Cipher::des_cbc:
        name = "DES_56_CB";
        break;
    case crypto::Cipher::tdes_cbc:
        name = "3DES_56_C";
        break;
    case crypto::Cipher::aes_cbc_128:
    case crypto::Cipher::aes_cbc_192:
    case crypto::Cipher::aes_cbc_256:
        name = "AES_CBC";
        break;
    case crypto::Cipher::aes_gcm_128:
    case crypto::Cipher::aes_gcm_192:
    case crypto::Cipher::aes_gcm_256:
        name = "AES_GCM";
        break;
    case crypto::Cipher::aes_gmac_128:
    case crypto::Cipher::aes_gmac_192:
    case crypto::Cipher::aes_gmac_256:
        name = "AES_GMAC";
        break;
    }
    return hash.empty() ? std::string(name) : fmt::format("HMAC_{}+{}", hash, name);
}

std::string_view hash_word(std::optional<crypto::Hash> hash) {
    if (!hash) {
        return "";
    }
    switch (*hash) {
    case crypto::Hash::md5:
        return "MD5";
    case crypto::Hash::sha1:
        return "SHA";
    case crypto::Hash::sha256:
        return "SHA256";
    case crypto::Hash::sha384:
        return "SHA384";
    case crypto::Hash::sha512:
        return "SHA512";
    }
    return "";
}

std::string connection_row(std::uint32_t id,
                           const std::string& interface,
                           const std::string& address,
                           const std::string& algorithm,
                           std::uint64_t encrypted,
                           std::uint64_t decrypted) {
    return fmt::format("{:>4} {:<20} {:<15} {:<6} {:<18} {:>8} {:>8}\n",
                       id,
                       interface,
                       address,
                       "set",
                       algorithm,
                       encrypted,
                       decrypted);
}

}  // namespace

void add_usage(SaUsage& sum, const SaUsage& usage) {
    sum.packets_in += usage.packets_in;
    sum.packets_out += usage.packets_out;
    sum.errors_in += usage.errors_in;
    sum.errors_out += usage.errors_out;
}

std::string show_ipsec_sa(const Engine::State& core, TimePoint now, const SaFilter& filter) {
    // By interface, then by flow in the order of the newest pair; what is keyed by hand at the end.
    struct Place {
        std::map<FlowKey, std::vector<const Child*>> negotiated;
        std::vector<ShownFlow> manual;
    };

    std::map<std::pair<std::string, std::string>, Place> by_interface;
    const auto place_of = [&](const PolicyRef& policy, Ipv4Address remote) -> Place* {
        const auto name = interface_text(core, policy.interface);
        const bool wanted = (!filter.peer || remote == *filter.peer) &&
                            (filter.map.empty() || policy.crypto_map == filter.map) &&
                            (!filter.interface || filter.interface->to_string() == name);
        return wanted ? &by_interface[{name, tag_of(core, policy)}] : nullptr;
    };
    for (const auto& [id, child] : core.children.all()) {
        const auto& p = child->parameters;
        if (auto* place = place_of(p.policy, p.remote.address); place != nullptr) {
            place->negotiated[flow_of(p)].push_back(child.get());
        }
    }
    for (const auto& sas : core.usage.manual()) {
        if (auto* place = place_of(sas.policy, sas.remote); place != nullptr) {
            place->manual.push_back(shown_flow(sas));
        }
    }
    std::string out;
    if (by_interface.empty() && !filter.peer) {
        for (const auto& interface : core.interfaces) {
            if (!interface.crypto_map.empty() &&
                (filter.map.empty() || filter.map == interface.crypto_map)) {
                out += fmt::format("\ninterface: {}\n    Crypto map tag: {}, local addr. {}\n",
                                   interface.name.to_string(),
                                   interface.crypto_map,
                                   core.map_address(interface).to_string());
            }
        }
        return out.empty() ? "No SAs found\n" : out;
    }
    for (auto& [names, place] : by_interface) {
        std::vector<ShownFlow> flows;
        for (const auto& [key, pairs] : place.negotiated) {
            flows.push_back(shown_flow(core, pairs, core.children.past_usage(key), now));
        }
        std::move(place.manual.begin(), place.manual.end(), std::back_inserter(flows));
        out += fmt::format("\ninterface: {}\n    Crypto map tag: {}, local addr. {}\n",
                           names.first,
                           names.second,
                           flows.front().local.address.to_string());
        for (const auto& flow : flows) {
            out += flow_block(flow, mtu_of(core, flow.local.address), names.second);
        }
    }
    return out;
}

std::string show_transform_sets(const Engine::State& core, const std::string& name) {
    std::string out;
    for (const auto& [set_name, set] : core.crypto().transform_sets) {
        if (!name.empty() && name != set_name) {
            continue;
        }
        std::string algorithms;
        if (set.ah_auth) {
            // "esp-md5-hmac" → "ah-md5-hmac"
            algorithms += "ah-" + std::string(crypto::info(*set.ah_auth).ios_name).substr(4) + " ";
        }
        if (set.esp_cipher) {
            algorithms += std::string(crypto::info(*set.esp_cipher).ios_esp_name) + " ";
        }
        if (set.esp_auth) {
            algorithms += std::string(crypto::info(*set.esp_auth).ios_name) + " ";
        }
        if (set.comp_lzs) {
            algorithms += "comp-lzs ";
        }
        out += fmt::format("Transform set {}: {{ {} }}\n   will negotiate = {{ {},  }},\n",
                           set_name,
                           algorithms,
                           set.mode == config::IpsecMode::tunnel ? "Tunnel" : "Transport");
        if (set.ah_auth || set.comp_lzs) {
            out += "   configured, not running: AH and compression\n";
        }
        out += "\n";
    }
    return out;
}

std::string show_sa_lifetime(const Engine::State& core) {
    const auto& lifetime = core.crypto().lifetime;
    return fmt::format("Security association lifetime: {} kilobytes/{} seconds\n",
                       lifetime.kilobytes.value_or(4608000),
                       lifetime.seconds.value_or(3600));
}

std::string show_ipsec_profiles(const Engine::State& core) {
    std::string out;
    for (const auto& [name, profile] : core.crypto().ipsec_profiles) {
        out += fmt::format("IPSEC profile {}\n", name);
        if (!profile.isakmp_profile.empty()) {
            out += fmt::format("        ISAKMP Profile: {}\n", profile.isakmp_profile);
        }
        out += fmt::format(
            "        Security association lifetime: {} kilobytes/{} seconds\n        PFS (Y/N): "
            "{}\n",
            core.policies.lifetime_kb(profile),
            core.policies.lifetime_s(profile),
            profile.pfs ? "Y" : "N");
        if (profile.pfs) {
            out += fmt::format("        DH group:  group{}\n", static_cast<unsigned>(*profile.pfs));
        }
        out += "        Transform sets={\n";
        for (const auto& set : profile.transform_sets) {
            out += fmt::format("                {},\n", set);
        }
        out += "        }\n\n";
    }
    return out;
}

std::string show_engine_connections(const Engine::State& core) {
    std::string out =
        "\n  ID Interface            IP-Address      State  Algorithm           Encrypt  Decrypt\n";
    for (const auto& [id, sa] : core.ikes) {
        if (sa->complete()) {
            out += connection_row(id.value(),
                                  "<none>",
                                  "<none>",
                                  algorithm_text(sa->suite.cipher, hash_word(sa->suite.hash)),
                                  0,
                                  0);
        }
    }
    const auto rows = [&](std::uint32_t in_id,
                          std::uint32_t out_id,
                          const PolicyRef& policy,
                          Ipv4Address local,
                          crypto::Cipher cipher,
                          crypto::Auth auth,
                          const SaUsage& usage) {
        const auto name = interface_text(core, policy.interface);
        const auto algorithm = algorithm_text(cipher, hash_word(crypto::info(auth).hash));
        out += connection_row(in_id, name, local.to_string(), algorithm, 0, usage.packets_in);
        out += connection_row(out_id, name, local.to_string(), algorithm, usage.packets_out, 0);
    };
    for (const auto& [id, child] : core.children.all()) {
        const auto& p = child->parameters;
        rows(child->connection,
             child->connection + 1,
             p.policy,
             p.local.address,
             child->suite.cipher,
             child->suite.auth,
             core.usage.usage(id));
    }
    for (const auto& sas : core.usage.manual()) {
        rows(sas.inbound.value() + 1,
             sas.outbound.value() + 1,
             sas.policy,
             sas.local,
             sas.cipher,
             sas.auth,
             sas.usage);
    }
    return out + "\n";
}

}  // namespace viaduct::ike
