// Fuzz target: the NHRP parser. What it takes is built again and must parse to the same.
#include "controlplane/nhrp/wire.h"
#include "dataplane/base/check.h"
#include "dataplane/base/checksum.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace viaduct;
    using namespace viaduct::nhrp;
    (void)parse({data, size});
    (void)parse_cies({data, size});
    if (size < 20) {
        return 0;
    }
    // Past size and checksum, which a fuzzer would not guess.
    ByteWriter out(Bytes(data, data + size));
    out.patch_u16(10, static_cast<std::uint16_t>(size));
    out.patch_u16(12, 0);
    out.patch_u16(12, internet_checksum(out.view()));
    auto packet = parse(out.view());
    if (!packet) {
        return 0;
    }
    if (packet->type == PacketType::error_indication) {
        packet->extensions.clear();  // read, never written
    }
    if (packet->contents.size() <= 1500) {
        const auto again = parse(build(*packet));
        VIADUCT_CHECK(again && *again == *packet);
    }
    return 0;
}
