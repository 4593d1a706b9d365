#include "controlplane/ike/debug_text.h"

namespace viaduct::ike {

namespace {

std::string proxy_with_mask(const Proxy& proxy, const std::string& mask) {
    const bool host = proxy.mask == kSingleHost;
    return fmt::format("{}/{}/{}/{} (type={})",
                       proxy.address.to_string(),
                       mask,
                       proxy.protocol ? proxy.protocol->value() : 0,
                       proxy.port,
                       host ? 1 : 4);
}

/// IOS writes the mask of a single host as 0.0.0.0 in its messages to the key engine.
std::string engine_proxy(const Proxy& proxy) {
    const bool host = proxy.mask == kSingleHost;
    return proxy_with_mask(proxy, host ? "0.0.0.0" : proxy.mask.to_string());
}

unsigned key_bits(crypto::Cipher cipher) {
    const auto bytes = crypto::info(cipher).key_bytes;
    const bool fixed = cipher == crypto::Cipher::null || cipher == crypto::Cipher::des_cbc ||
                       cipher == crypto::Cipher::tdes_cbc;
    return fixed ? 0 : static_cast<unsigned>(bytes * 8);
}

}  // namespace

void debug_received(Log& log, const IkeSa& sa, const PacketIn& packet) {
    log.debug(Debug::crypto_isakmp,
              "{}: received packet from {} dport {} sport {} Global ({}) {}",
              sa.tag(),
              packet.remote.address.to_string(),
              packet.local.port.value(),
              packet.remote.port.value(),
              sa.initiator() ? 'I' : 'R',
              show_state(sa.state));
}

void debug_sending(Log& log, const IkeSa& sa, std::string_view state) {
    log.debug(Debug::crypto_isakmp,
              "{}: sending packet to {} my_port {} peer_port {} ({}) {}",
              sa.tag(),
              sa.remote.address.to_string(),
              sa.local.port.value(),
              sa.remote.port.value(),
              sa.initiator() ? 'I' : 'R',
              state);
}

std::string proxy_text(const Proxy& proxy) {
    return proxy_with_mask(proxy, proxy.mask.to_string());
}

std::string policy_head(const PolicyRef& policy, const std::string& interface_name) {
    return policy.crypto_map.empty() ? interface_name + "-head-0" : policy.crypto_map;
}

void debug_validate_proposal(Log& log,
                             const IkeSa& sa,
                             const ProxyPair& proxies,
                             const ChildSuite& suite,
                             const std::string& head) {
    log.debug(Debug::crypto_ipsec,
              "IPSEC(validate_proposal_request): proposal part #1, (key eng. msg.) INBOUND local= "
              "{}, remote= {}, "
              "local_proxy= {}, remote_proxy= {}, protocol= ESP, transform= {}, lifedur= 0s and "
              "0kb, spi= 0x0(0), "
              "conn_id= 0, keysize= {}, flags= 0x2",
              sa.local.address.to_string(),
              sa.remote.address.to_string(),
              proxy_text(proxies.local),
              proxy_text(proxies.remote),
              transform_text(suite.cipher, suite.auth),
              key_bits(suite.cipher));
    for (int i = 0; i < 2; ++i) {
        log.debug(
            Debug::crypto_ipsec, "IPSEC(kei_proxy): head = {}, map->ivrf = , kei->ivrf =", head);
    }
}

void debug_creating(Log& log, const IkeSa& sa, const Child& child) {
    if (!log.enabled(Debug::crypto_isakmp)) {
        return;
    }
    const auto& p = child.parameters;
    const auto flag = Debug::crypto_isakmp;
    const auto lifetimes = [&] {
        log.debug(flag, "lifetime of {} seconds", p.lifetime_s);
        if (p.lifetime_kb != 0) {
            log.debug(flag, "lifetime of {} kilobytes", p.lifetime_kb);
        }
        log.debug(flag, "has client flags 0x0");
    };
    log.debug(flag, "{}: Creating IPSec SAs", sa.tag());
    log.debug(flag,
              "inbound SA from {} to {} (f/i) 0/ 0 (proxy {} to {})",
              p.remote.address.to_string(),
              p.local.address.to_string(),
              p.proxies.remote.address.to_string(),
              p.proxies.local.address.to_string());
    log.debug(
        flag, "has spi 0x{:X} and conn_id {} and flags 2", child.spi_in.value(), child.connection);
    lifetimes();
    log.debug(flag,
              "outbound SA from {} to {} (f/i) 0/ 0 (proxy {} to {})",
              p.local.address.to_string(),
              p.remote.address.to_string(),
              p.proxies.local.address.to_string(),
              p.proxies.remote.address.to_string());
    log.debug(flag,
              "has spi {} and conn_id {} and flags A",
              static_cast<std::int32_t>(child.spi_out.value()),
              child.connection + 1);
    lifetimes();
}

void debug_created(Log& log, const Child& child, const std::string& head) {
    if (!log.enabled(Debug::crypto_ipsec)) {
        return;
    }
    const auto& p = child.parameters;
    const auto flag = Debug::crypto_ipsec;
    const auto transform = transform_text(child.suite.cipher, child.suite.auth);
    const auto initialize = [&](std::string_view way,
                                Spi spi,
                                std::uint32_t connection,
                                std::string_view flags) {
        log.debug(
            flag,
            "IPSEC(initialize_sas): , (key eng. msg.) {} local= {}, remote= {}, local_proxy= {}, "
            "remote_proxy= {}, protocol= ESP, transform= {}, lifedur= {}s and {}kb, spi= "
            "0x{:X}({}), "
            "conn_id= {}, keysize= {}, flags= {}",
            way,
            p.local.address.to_string(),
            p.remote.address.to_string(),
            engine_proxy(p.proxies.local),
            engine_proxy(p.proxies.remote),
            transform,
            p.lifetime_s,
            p.lifetime_kb,
            spi.value(),
            spi.value(),
            connection,
            key_bits(child.suite.cipher),
            flags);
    };
    log.debug(flag, "IPSEC(key_engine): got a queue event...");
    initialize("INBOUND", child.spi_in, child.connection, "0x2");
    initialize("OUTBOUND", child.spi_out, child.connection + 1, "0xA");
    for (int i = 0; i < 2; ++i) {
        log.debug(flag, "IPSEC(kei_proxy): head = {}, map->ivrf = , kei->ivrf =", head);
    }
    log.debug(flag,
              "IPSEC(add mtree): src {}, dest {}, dest_port 0",
              p.proxies.local.address.to_string(),
              p.proxies.remote.address.to_string());
    const auto created = [&](Ipv4Address destination, Spi spi, std::uint32_t connection) {
        log.debug(flag,
                  "IPSEC(create_sa): sa created, (sa) sa_dest= {}, sa_prot= 50, sa_spi= "
                  "0x{:X}({}), sa_trans= {}, "
                  "sa_conn_id= {}",
                  destination.to_string(),
                  spi.value(),
                  spi.value(),
                  transform,
                  connection);
    };
    created(p.local.address, child.spi_in, child.connection);
    created(p.remote.address, child.spi_out, child.connection + 1);
}

void debug_deleting(Log& log, const Child& child) {
    const auto& p = child.parameters;
    const auto transform = transform_text(child.suite.cipher, child.suite.auth);
    const auto one = [&](Ipv4Address destination, Spi spi, std::uint32_t connection) {
        log.debug(Debug::crypto_ipsec,
                  "IPSEC(delete_sa): deleting SA, (sa) sa_dest= {}, sa_prot= 50, sa_spi= "
                  "0x{:X}({}), sa_trans= {}, "
                  "sa_conn_id= {}",
                  destination.to_string(),
                  spi.value(),
                  spi.value(),
                  transform,
                  connection);
    };
    one(p.local.address, child.spi_in, child.connection);
    one(p.remote.address, child.spi_out, child.connection + 1);
}

}  // namespace viaduct::ike
