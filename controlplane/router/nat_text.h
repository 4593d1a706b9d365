// Translations as IOS and as a PIX print them: texts of plain values.
#pragma once

#include <string>
#include <vector>

#include "controlplane/arp/engine.h"
#include "dataplane/nat.h"

namespace viaduct {

enum class NatDetail : std::uint8_t { brief, detail, timers };

/// `show ip nat translations [verbose]` (NatDetail::timers).
std::string translations_text(std::vector<dataplane::NatSession> sessions,
                              NatDetail detail,
                              TimePoint now);

/// One line of `show xlate` stands for all sessions of one inside host and port.
std::vector<dataplane::NatSession> xlates_of(std::vector<dataplane::NatSession> sessions);

/// The names that `nameif` gave to the two sides.
struct PixSides {
    std::string inside = "inside";
    std::string outside = "outside";
};

/// `show xlate [detail|debug]`. `most_used`: the most there ever were.
std::string xlate_text(const std::vector<dataplane::NatSession>& xlates,
                       std::size_t most_used,
                       const PixSides& sides,
                       NatDetail detail,
                       TimePoint now);

/// `show conn`.
std::string conn_text(std::vector<dataplane::NatSession> sessions,
                      std::size_t most_used,
                      TimePoint now);

/// A line of a PIX's `show arp`.
struct PixArp {
    std::string interface;
    Ipv4Address address;
    MacAddress mac;
};

std::string pix_arp_text(const std::vector<PixArp>& entries);

}  // namespace viaduct
