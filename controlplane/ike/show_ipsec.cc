// show crypto ipsec …, show crypto engine connections active
#include <algorithm>

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

std::string settings_text(const Child& child) {
    return fmt::format("{}{}, ",
                       child.parameters.tunnel_mode ? "Tunnel" : "Transport",
                       child.parameters.udp_encapsulation ? " UDP-Encaps" : "");
}

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
    return fmt::format("({}/{})", kb, left);
}

/// One `spi: …` block.
std::string spi_block(const Engine::State& core, const Child& child, TimePoint now, bool inbound) {
    const auto spi = (inbound ? child.spi_in : child.spi_out).value();
    const auto usage = core.usage.usage(child.id());
    const auto connection = child.connection + (inbound ? 0U : 1U);
    return fmt::format(
        "      spi: 0x{:X}({})\n"
        "        transform: {},\n"
        "        in use settings ={{{}}}\n"
        "        slot: 0, conn id: {}, flow_id: {}, crypto map: {}\n"
        "        sa timing: remaining key lifetime (k/sec): {}\n"
        "        IV size: {} bytes\n"
        "        replay detection support: {}\n",
        spi,
        spi,
        transform_text(child.suite.cipher, child.suite.auth),
        settings_text(child),
        connection,
        connection - Children::kFirstConnection + 1,
        tag_of(core, child.parameters.policy),
        timing_text(core, child, now, inbound ? usage.bytes_in : usage.bytes_out),
        crypto::info(child.suite.cipher).iv_bytes,
        child.parameters.replay_window != 0 ? "Y" : "N");
}

std::uint16_t mtu_of(const Engine::State& core, const Child& child) {
    for (const auto& interface : core.interfaces) {
        if (interface.address == child.parameters.local.address &&
            interface.ipsec_profile.empty()) {
            return interface.mtu;
        }
    }
    return 1500;
}

std::string flow_block(const Engine::State& core,
                       const std::vector<const Child*>& pairs,
                       const SaUsage& past,
                       TimePoint now) {
    const auto& newest = *pairs.back();
    const auto& p = newest.parameters;
    SaUsage sum = past;
    for (const auto* child : pairs) {
        const auto usage = core.usage.usage(child->id());
        sum.packets_in += usage.packets_in;
        sum.packets_out += usage.packets_out;
        sum.errors_in += usage.errors_in;
        sum.errors_out += usage.errors_out;
    }
    const auto current = core.children.current_of(flow_of(p));
    const auto* used = current ? core.children.find(*current) : nullptr;
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
        ident_text(p.proxies.local),
        ident_text(p.proxies.remote),
        p.remote.address.to_string(),
        p.udp_encapsulation ? p.remote.port.value() : kPortIsakmp.value(),
        sum.packets_out,
        sum.packets_out,
        sum.packets_out,
        sum.packets_in,
        sum.packets_in,
        sum.packets_in,
        sum.errors_out,
        sum.errors_in,
        p.local.address.to_string(),
        p.remote.address.to_string(),
        mtu_of(core, newest),
        mtu_of(core, newest),
        used != nullptr ? used->spi_out.value() : 0);
    for (const bool inbound : {true, false}) {
        const auto way = inbound ? "inbound" : "outbound";
        out += fmt::format("\n     {} esp sas:\n", way);
        for (const auto* child : pairs) {
            if (inbound || child->stage == ChildStage::live) {
                out += spi_block(core, *child, now, inbound);
            }
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

std::string show_ipsec_sa(const Engine::State& core, TimePoint now, const SaFilter& filter) {
    // By interface, then by flow in the order of the newest pair.
    std::map<std::pair<std::string, std::string>, std::map<FlowKey, std::vector<const Child*>>>
        by_interface;
    for (const auto& [id, child] : core.children.all()) {
        const auto& p = child->parameters;
        const auto name = interface_text(core, p.policy.interface);
        const bool wanted = (!filter.peer || p.remote.address == *filter.peer) &&
                            (filter.map.empty() || p.policy.crypto_map == filter.map) &&
                            (!filter.interface || filter.interface->to_string() == name);
        if (wanted) {
            by_interface[{name, tag_of(core, p.policy)}][flow_of(p)].push_back(child.get());
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
    for (const auto& [place, flows] : by_interface) {
        out += fmt::format("\ninterface: {}\n    Crypto map tag: {}, local addr. {}\n",
                           place.first,
                           place.second,
                           flows.begin()->second.front()->parameters.local.address.to_string());
        for (const auto& [key, pairs] : flows) {
            out += flow_block(core, pairs, core.children.past_usage(key), now);
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
    for (const auto& [id, child] : core.children.all()) {
        const auto usage = core.usage.usage(id);
        const auto& p = child->parameters;
        const auto name = interface_text(core, p.policy.interface);
        const auto address = p.local.address.to_string();
        const auto algorithm =
            algorithm_text(child->suite.cipher, hash_word(crypto::info(child->suite.auth).hash));
        out += connection_row(child->connection, name, address, algorithm, 0, usage.packets_in);
        out +=
            connection_row(child->connection + 1, name, address, algorithm, usage.packets_out, 0);
    }
    return out + "\n";
}

}  // namespace viaduct::ike
