// `show ip nhrp …`, `show dmvpn …` and `clear ip nhrp …`: IOS's layouts (15.x) of what the engine knows.
#pragma once

#include <optional>
#include <string>

#include "config/ios/exec_row.h"
#include "controlplane/nhrp/engine.h"

namespace viaduct::nhrp {

/// What `show dmvpn` wants to know of IPsec; the Router asks IKE.
class IpsecView {
public:
    IpsecView() = default;
    IpsecView(const IpsecView&) = delete;
    IpsecView& operator=(const IpsecView&) = delete;
    IpsecView(IpsecView&&) = delete;
    IpsecView& operator=(IpsecView&&) = delete;
    virtual ~IpsecView() = default;

    /// How far a tunnel whose SAs do not stand has come.
    enum class Phase : std::uint8_t { ike, ipsec };
    [[nodiscard]] virtual Phase phase(Ipv4Address local, const Nbma& remote) const = 0;
    /// The lines of one session below "Crypto Session Details:", each with its end of line; empty if
    /// there is none.
    [[nodiscard]] virtual std::string session(const Interface& interface,
                                              const Nbma& remote) const = 0;
};

enum class CacheFilter : std::uint8_t { all, dynamic, configured, incomplete, local, shortcut };
enum class Detail : std::uint8_t { normal, detail };

std::string show_cache(const Engine& engine,
                       TimePoint now,
                       CacheFilter filter,
                       std::optional<Ipv4Address> address,
                       Detail detail);
std::string show_cache_brief(const Engine& engine);
std::string show_servers(const Engine& engine, TimePoint now, Detail detail);
std::string show_multicast(const Engine& engine);
std::string show_traffic(const Engine& engine);
std::string show_summary(const Engine& engine);
/// ipsec may be null: a tunnel whose SAs do not stand is then shown as "IKE".
std::string show_dmvpn(const Engine& engine, const IpsecView* ipsec, TimePoint now, Detail detail);

/// The rows; engine and ipsec must outlive them. `clear` leaves actions in the engine, which the Router
/// takes after each command.
ios::ExecRows exec_rows(Engine& engine, const IpsecView* ipsec = nullptr);

}  // namespace viaduct::nhrp
