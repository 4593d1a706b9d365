#include "controlplane/ike/fragments.h"

#include <algorithm>

#include "controlplane/ike/core.h"

namespace viaduct::ike {

Fragments::Reassembly* Fragments::find_or_open(const Key& key) {
    const auto known = open_.find(key);
    if (known != open_.end()) {
        return &known->second;
    }
    const auto of_source = std::count_if(open_.begin(), open_.end(), [&](const auto& entry) {
        return entry.first.remote.address == key.remote.address;
    });
    if (open_.size() >= kMaxReassemblies || static_cast<std::size_t>(of_source) >= kMaxPerSource) {
        core_.counters.count(Counter::fragment_limit);
        return nullptr;
    }
    auto& fresh = open_[key];
    fresh.number = ++last_number_;
    core_.timers.set({TimerKind::fragment, fresh.number}, core_.now + kTimeout);
    return &fresh;
}

std::optional<Bytes> Fragments::add(const PacketIn& packet, const Header& header) {
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    const auto fragment = chain && chain->payloads.size() == 1
                              ? parse_fragment(chain->payloads.front().body)
                              : Parsed<Fragment>(tl::unexpected(WireError::bad_body));
    if (!fragment || fragment->number > kMaxPieces) {
        core_.counters.count(Counter::malformed_payload);
        return std::nullopt;
    }
    const Key key{packet.remote, header.initiator, fragment->id};
    auto* reassembly = find_or_open(key);
    if (reassembly == nullptr) {
        return std::nullopt;
    }
    reassembly->pieces.try_emplace(fragment->number, fragment->data.begin(), fragment->data.end());
    if (fragment->last) {
        reassembly->last = fragment->number;
    }
    // Numbers go from 1 without a gap, so counting is enough.
    if (!reassembly->last || reassembly->pieces.size() != *reassembly->last ||
        reassembly->pieces.rbegin()->first != *reassembly->last) {
        return std::nullopt;
    }
    Bytes whole;
    for (const auto& entry : reassembly->pieces) {
        whole.insert(whole.end(), entry.second.begin(), entry.second.end());
    }
    core_.timers.cancel({TimerKind::fragment, reassembly->number});
    open_.erase(key);
    return whole;
}

void Fragments::on_timeout(std::uint64_t number) {
    std::erase_if(open_, [&](const auto& entry) { return entry.second.number == number; });
}

}  // namespace viaduct::ike
