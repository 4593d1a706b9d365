// libFuzzer target: EIGRP's parser. What is accepted is written again, read again and must be the same.
#include <cstddef>
#include <cstdint>

#include "controlplane/eigrp/auth.h"
#include "controlplane/eigrp/wire.h"
#include "dataplane/base/check.h"

using namespace viaduct;
using namespace viaduct::eigrp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes bytes(data, data + size);
    if (bytes.size() >= kHeaderBytes) {
        // Past the two checks that random bytes never pass.
        bytes[0] = 2;
        seal(bytes);
    }
    const auto packet = parse_packet(bytes);
    if (key_id_of(bytes)) {
        static_cast<void>(verify(bytes, Secret{as_bytes("cisco123")}));
    }
    if (!packet) {
        return 0;
    }
    ByteWriter out;
    for (const auto& route : packet->routes) {
        const auto before = out.size();
        write_route(out, route);
        VIADUCT_CHECK(out.size() - before == route_bytes(route));
    }
    const auto again = parse_packet(write_packet(packet->header, out.view()));
    VIADUCT_CHECK(again.has_value() && again->routes.size() == packet->routes.size());
    for (std::size_t i = 0; i < again->routes.size(); ++i) {
        VIADUCT_CHECK(again->routes[i].prefix == packet->routes[i].prefix);
        VIADUCT_CHECK(again->routes[i].next_hop == packet->routes[i].next_hop);
        VIADUCT_CHECK(again->routes[i].external == packet->routes[i].external);
    }
    return 0;
}
