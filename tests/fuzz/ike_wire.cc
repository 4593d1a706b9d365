// libFuzzer: any bytes as an ISAKMP datagram; what the strict parsers accept is written back unchanged.
#include <algorithm>
#include <cstdlib>

#include "controlplane/ike/wire.h"

using namespace viaduct;
using namespace viaduct::ike;

namespace {

void check(bool condition) {
    if (!condition) {
        std::abort();
    }
}

template <typename Value>
void round_trip(const Parsed<Value>& parsed, Bytes (*write)(const Value&), BytesView body) {
    if (parsed) {
        check(std::ranges::equal(write(*parsed), body));
    }
}

void one_payload(const PayloadView& payload) {
    switch (payload.type) {
    case PayloadType::sa:
        round_trip(parse_sa(payload.body), write_sa, payload.body);
        break;
    case PayloadType::identification:
        round_trip(parse_identity(payload.body), write_identity, payload.body);
        break;
    case PayloadType::notification:
        round_trip(parse_notification(payload.body), write_notification, payload.body);
        break;
    case PayloadType::deletion:
        (void)parse_deletion(payload.body);
        break;
    case PayloadType::attributes:
        round_trip(parse_config(payload.body), write_config, payload.body);
        break;
    case PayloadType::nat_oa:
        (void)parse_nat_oa(payload.body);
        break;
    case PayloadType::fragment:
        (void)parse_fragment(payload.body);
        break;
    default:
        break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input(data, size);
    const auto header = parse_header(input);
    if (!header) {
        return 0;
    }
    check(std::ranges::equal(write_message(*header, input.subspan(kHeaderBytes)), input));
    if (const auto chain =
            parse_chain(header->next, input.subspan(kHeaderBytes), Padding::allowed)) {
        for (const auto& payload : chain->payloads) {
            one_payload(payload);
        }
    }
    return 0;
}
