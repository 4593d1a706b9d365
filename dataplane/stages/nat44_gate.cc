// A PIX's fail-closed side of the NAT44 stage: what comes in by a gate, belongs to no flow that began inside and is not
// for the router itself needs a permit line of the gate's access list. Flows are made for everything that goes out
// through a gate, also over static translations and for what is not translated at all.
#include "dataplane/stages/nat44.h"

namespace viaduct::dataplane::nat44 {

bool gate_open(Worker& w, const PacketMeta& p, bool mapped) {
    const auto* gate = w.nat.rules->gate_of(IfIndex{p.in});
    if (gate == nullptr) {
        return true;
    }
    if (!mapped && w.next_hops.at(w.routes.lookup(p.destination))->kind == NextHop::Kind::local) {
        return true;
    }
    const auto* acl = w.tables.acls.find(gate->permit);
    if (acl != nullptr && acl->permits(acl_key_of(p), w.index)) {
        return true;
    }
    w.drop(p, Drop::nat44_gate_closed);
    return false;
}

}  // namespace viaduct::dataplane::nat44
