// Static ARP entries and the address pools of remote access.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

Row arp_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "arp <address:A.B.C.D> <mac:H.H.H> arpa",
        .help =
            "Set a static ARP entry|address: IP address of ARP entry|mac: 48-bit hardware address "
            "of ARP entry|arpa: ARP type ARPA"};
    row.no = "arp <address:A.B.C.D> [ <mac:H.H.H> [ arpa ] ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& entries = session.config().static_arp;
        const auto address = args.address("address");
        std::erase_if(entries, [address](const auto& entry) { return entry.address == address; });
        if (args.negated()) {
            return done();
        }
        if (entries.size() >= 65536) {
            return failure("Static ARP entries: limit of 65536");
        }
        entries.push_back({address, *args.mac("mac")});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& entry : out.config().static_arp) {
            out.line("arp {} {} ARPA", entry.address.to_string(), entry.mac.to_string());
        }
    };
    row.examples = {"arp 10.0.0.2 0200.0000.0002 arpa"};
    return at(Place::arp, std::move(row));
}

Row local_pool_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "ip local pool <name:WORD> <first:A.B.C.D> [ <last:A.B.C.D> ]",
        .help =
            "Configure an IP address pool|local: Specify local options|name: Create named local "
            "address pool|first: First IP address of range|last: Last IP address of range"};
    row.no = "ip local pool <name:WORD> [ <first:A.B.C.D> [ <last:A.B.C.D> ] ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& pools = session.config().address_pools;
        const auto name = args.text("name");
        const auto first = args.address("first");
        const auto last = args.has("last") ? args.address("last") : first;
        if (args.negated()) {
            if (pools.contains(name) && args.has("first")) {
                std::erase(pools[name].ranges, std::pair(first, last));
            }
            if (!args.has("first") || (pools.contains(name) && pools[name].ranges.empty())) {
                pools.erase(name);
            }
            return done();
        }
        if (last < first || last.value() - first.value() >= 1U << 20U) {
            return failure("Bad IP range, " + first.to_string() + " - " + last.to_string());
        }
        // IOS: ranges of all pools are apart from each other.
        for (const auto& [other, pool] : pools) {
            for (const auto& range : pool.ranges) {
                if (other == name && range == std::pair(first, last)) {
                    return done();
                }
                if (first <= range.second && range.first <= last) {
                    return failure("IP address range overlaps with pool: " + other);
                }
            }
        }
        pools[name].ranges.emplace_back(first, last);
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, pool] : out.config().address_pools) {
            for (const auto& [first, last] : pool.ranges) {
                out.line("ip local pool {} {}{}",
                         quoted(name),
                         first.to_string(),
                         first == last ? "" : " " + last.to_string());
            }
        }
    };
    row.examples = {"ip local pool ippool 10.5.5.1 10.5.5.254", "ip local pool one 10.6.6.6"};
    return at(Place::pools, std::move(row));
}

}  // namespace

Rows ip_rows() {
    return {local_pool_row(), arp_row()};
}

}  // namespace viaduct::ios
