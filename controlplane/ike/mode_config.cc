// Mode-Config as server: the address and what else the group's clients are to know.
#include <algorithm>

#include "controlplane/ike/config_attributes.h"
#include "controlplane/ike/core.h"
#include "controlplane/ike/transaction.h"

namespace viaduct::ike {

namespace {

constexpr std::uint16_t kMaxBackupServers = 10;
constexpr std::size_t kMaxSplitNetworks = 50;
constexpr std::string_view kVersion = "Viaduct, virtual router with IOS configuration";

Attribute address(std::uint16_t type, Ipv4Address value) {
    ByteWriter out;
    out.address(value);
    return {type, out.take()};
}

std::string joined(const std::vector<std::string>& parts, std::size_t limit) {
    std::string out;
    for (std::size_t i = 0; i < parts.size() && i < limit; ++i) {
        out += (i == 0 ? "" : ",") + parts[i];
    }
    return out;
}

/// ```
/// | address (4) | mask (4) | protocol (2) | source port (2) | destination port (2) |   for each network
/// ```
Bytes split_networks(const config::AccessList& list) {
    ByteWriter out;
    std::size_t count = 0;
    for (const auto& line : list.entries) {
        if (!line.remark.empty() || line.action != config::AclAction::permit ||
            count == kMaxSplitNetworks) {
            continue;
        }
        const Ipv4Address mask{~line.source.wildcard.value()};
        out.address(Ipv4Address{line.source.address.value() & mask.value()}).address(mask);
        out.u16(line.protocol ? line.protocol->value() : 0).u16(0).u16(0);
        ++count;
    }
    return out.take();
}

}  // namespace

void Transactions::debug_request(const IkeSa& sa, const ConfigBody& body) const {
    core_.log.debug(Debug::crypto_isakmp, "{}: checking request:", sa.tag());
    for (const auto& a : body.attributes) {
        const auto name = config_attribute_name(a.type);
        if (name.empty()) {
            core_.log.debug(Debug::crypto_isakmp, "ISAKMP: UNKNOWN Unknown Attr: 0x{:X}", a.type);
        } else {
            core_.log.debug(Debug::crypto_isakmp, "ISAKMP: {}", name);
        }
    }
}

/// An address for the SA. False: there is none, and both ends are told.
bool Transactions::lease(IkeSa& sa) {
    auto& client = *sa.client;
    if (client.address) {
        return true;
    }
    if (client.framed) {
        if (pools.take(*client.framed, sa.id)) {
            client.address = client.framed;
            return true;
        }
        refuse(sa, "the address that AAA assigns is in use: " + client.framed->to_string());
        return false;
    }
    const auto* group = group_of(sa);
    const auto pool_name = group != nullptr && !group->pool.empty() ? group->pool : "default";
    const auto pool = core_.config->address_pools.find(pool_name);
    if (pool == core_.config->address_pools.end()) {
        refuse(sa, "there is no address pool '" + pool_name + "'");
        return false;
    }
    // The same user at the same endpoint comes once more (a new phase 1): he keeps what he has.
    if (auto* old = core_.sessions.same_login(sa); old != nullptr && old->client->address) {
        client.address = std::exchange(old->client->address, std::nullopt);
        pools.hand_over(*client.address, sa.id);
        core_.phase1.destroy(old->id, "superseded", Phase1::Notify::yes);
        return true;
    }
    client.address = pools.allocate(pool_name, pool->second, {client.group, client.user}, sa.id);
    if (!client.address) {
        core_.counters.count(Counter::pool_empty);
        refuse(sa, "address pool '" + pool_name + "' is empty");
        return false;
    }
    core_.log.debug(
        Debug::crypto_isakmp, "{}: allocating address {}", sa.tag(), client.address->to_string());
    return true;
}

void Transactions::on_config_request(IkeSa& sa, MessageId id, const ConfigBody& body) {
    debug_request(sa, body);
    const auto wants_address = std::any_of(body.attributes.begin(),
                                           body.attributes.end(),
                                           [](const auto& a) { return a.type == kConfigAddress; });
    for (const auto& a : body.attributes) {
        const auto* value = std::get_if<Bytes>(&a.value);
        if (a.type == kConfigVersion && value != nullptr && value->size() <= kMaxUserBytes) {
            sa.client->version.clear();
            std::copy_if(value->begin(),
                         value->end(),
                         std::back_inserter(sa.client->version),
                         [](std::uint8_t c) { return c >= 0x20 && c < 0x7F; });
        }
    }
    if (wants_address && !lease(sa)) {
        return;  // refused: the SA is gone
    }
    ConfigBody reply;
    reply.type = ConfigType::reply;
    reply.identifier = body.identifier;
    std::vector<std::uint16_t> answered;
    for (const auto& a : body.attributes) {
        if (std::find(answered.begin(), answered.end(), a.type) != answered.end()) {
            continue;
        }
        answered.push_back(a.type);
        auto values = values_of(sa, a.type);
        if (values.empty()) {
            core_.log.debug(
                Debug::crypto_isakmp,
                "ISAKMP (0/{}): Unknown Attr: {} (0x{:X})",
                sa.id.value(),
                config_attribute_name(a.type).empty() ? "UNKNOWN" : config_attribute_name(a.type),
                a.type);
        }
        reply.attributes.insert(reply.attributes.end(), values.begin(), values.end());
    }
    answer(sa, id, reply);
}

std::vector<Attribute> Transactions::values_of(IkeSa& sa, std::uint16_t type) {
    const auto& client = *sa.client;
    if (type == kConfigAddress && client.address) {
        core_.log.debug(Debug::crypto_isakmp,
                        "ISAKMP: Sending private address: {}",
                        client.address->to_string());
        return {address(type, *client.address)};
    }
    if (type == kConfigExpiry) {
        const auto end = core_.timers.of({TimerKind::phase1_hard, sa.id.value()});
        const auto left = end ? std::chrono::duration_cast<std::chrono::seconds>(*end - core_.now)
                              : std::chrono::seconds(sa.suite.lifetime_s);
        core_.log.debug(Debug::crypto_isakmp,
                        "ISAKMP: Sending ADDRESS_EXPIRY seconds left to use the address: {}",
                        left.count());
        ByteWriter out;
        out.u32(static_cast<std::uint32_t>(left.count()));
        return {{type, out.take()}};
    }
    if (type == kConfigVersion) {
        core_.log.debug(
            Debug::crypto_isakmp, "ISAKMP: Sending APPLICATION_VERSION string: {}", kVersion);
        return {text_attribute(type, kVersion)};
    }
    const auto* group = group_of(sa);
    if (type == kUnityNatPort) {
        return port_values(sa, group);
    }
    return group != nullptr ? group_values(sa, *group, type) : std::vector<Attribute>{};
}

/// NAT-T goes before IPsec over UDP (document 001): who speaks it is not given a port of the other kind.
std::vector<Attribute> Transactions::port_values(IkeSa& sa,
                                                 const config::ClientGroup* group) const {
    if (sa.nat.detected()) {
        return {{kUnityNatPort, kPortNatT.value()}};
    }
    if (group == nullptr || !group->ipsec_udp || sa.nat.dialect != NatDialect::none) {
        return {};
    }
    sa.client->esp_udp_port = L4Port{group->ipsec_udp_port};
    core_.log.debug(
        Debug::crypto_isakmp, "ISAKMP: Sending UDP encapsulation port: {}", group->ipsec_udp_port);
    return {{kUnityNatPort, group->ipsec_udp_port}};
}

std::vector<Attribute> Transactions::group_values(const IkeSa& sa,
                                                  const config::ClientGroup& group,
                                                  std::uint16_t type) const {
    (void)sa;
    std::vector<Attribute> out;
    const auto addresses = [&](const std::vector<Ipv4Address>& list, std::string_view what) {
        for (const auto& a : list) {
            core_.log.debug(
                Debug::crypto_isakmp, "ISAKMP: Sending {} server address: {}", what, a.to_string());
            out.push_back(address(type, a));
        }
    };
    switch (type) {
    case kConfigNetmask:
        if (group.netmask) {
            out.push_back(address(type, *group.netmask));
        }
        break;
    case kConfigDns:
        addresses(group.dns, "IP4_DNS");
        break;
    case kConfigNbns:
        addresses(group.wins, "IP4_NBNS");
        break;
    case kUnityBanner:
        if (!group.banner.empty()) {
            out.push_back(text_attribute(type, group.banner));
        }
        break;
    case kUnitySavePassword:
        core_.log.debug(Debug::crypto_isakmp,
                        "ISAKMP: Sending save password reply value {}",
                        group.save_password ? 1 : 0);
        out.push_back({type, std::uint16_t{group.save_password}});
        break;
    case kUnityDomain:
        if (!group.domain.empty()) {
            core_.log.debug(Debug::crypto_isakmp,
                            "ISAKMP: Sending DEFAULT_DOMAIN default domain name: {}",
                            group.domain);
            out.push_back(text_attribute(type, group.domain));
        }
        break;
    case kUnitySplitDns:
        if (!group.split_dns.empty()) {
            out.push_back(text_attribute(type, joined(group.split_dns, group.split_dns.size())));
        }
        break;
    case kUnitySplitInclude: {
        const auto list = core_.config->access_lists.find(group.acl);
        auto networks =
            list != core_.config->access_lists.end() ? split_networks(list->second) : Bytes{};
        if (!networks.empty()) {
            out.push_back({type, std::move(networks)});
        }
        break;
    }
    case kUnityLocalLan:
        if (group.include_local_lan) {
            out.push_back({type, std::uint16_t{1}});
        }
        break;
    case kUnityPfs:
        if (group.pfs) {
            out.push_back({type, std::uint16_t{1}});
        }
        break;
    case kUnityBackupServers:
        if (!group.backup_gateways.empty()) {
            out.push_back(text_attribute(type, joined(group.backup_gateways, kMaxBackupServers)));
        }
        break;
    default:
        break;
    }
    return out;
}

}  // namespace viaduct::ike
