// libFuzzer: a probe or reply from anywhere. What is read and written again says the same, and is no longer than the
// room it was given.
#include "controlplane/ike/ted_wire.h"

#include <cstdlib>

using namespace viaduct;
using namespace viaduct::ike;

namespace {

void check(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView datagram(data, size);
    const auto header = parse_header(datagram);
    if (!header) {
        return 0;
    }
    if (const auto probe = read_ted_probe(*header, datagram)) {
        const auto again = write_ted_probe(*probe, 1);
        const auto second = read_ted_probe(*parse_header(again), again);
        check(second && second->gateway == probe->gateway && second->proxy == probe->proxy &&
              second->initiator == probe->initiator && second->ios == probe->ios);
    }
    if (const auto reply = read_ted_reply(*header, datagram)) {
        const auto again = write_ted_reply(*reply, 1, size);
        check(again.size() <= size);
        if (!again.empty()) {
            const auto second = read_ted_reply(*parse_header(again), again);
            check(second && second->gateway == reply->gateway && second->proxy == reply->proxy &&
                  second->responder == reply->responder);
        }
    }
    return 0;
}
