// What the fuzz targets of the IKE engine share: a log that keeps nothing, SPIs without end, an interface.
#pragma once

#include <string>

#include "controlplane/ike/engine.h"
#include "crypto/offload.h"

namespace viaduct::ike {

class Silent final : public LogSink {
public:
    void on_message(const LogMessage&) override {}
};

class Places final : public SpiSource, public SaUsageSource {
public:
    std::optional<Reservation> reserve() override {
        ++next_;
        return Reservation{SaIndex{next_}, Spi{0x10000U + next_}};
    }

    void release(SaIndex) override {}

    [[nodiscard]] SaUsage usage(ChildId) const override { return {}; }

private:
    std::uint32_t next_ = 0;
};

inline LocalInterface interface_row(std::uint16_t index,
                                    std::string_view name,
                                    Ipv4Address address,
                                    std::string crypto_map) {
    LocalInterface row;
    row.index = IfIndex{index};
    row.name = *config::InterfaceName::parse(name);
    row.address = address;
    row.up = true;
    row.crypto_map = std::move(crypto_map);
    return row;
}

}  // namespace viaduct::ike
