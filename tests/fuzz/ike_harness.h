// What an IKE engine under a fuzzer stands in: no log, randomness from a seed, Diffie-Hellman at once, places for SAs without
// end, and time that the target moves.
#pragma once

#include <cstdlib>
#include <vector>

#include "controlplane/ike/engine.h"
#include "crypto/offload.h"

namespace viaduct::ike::fuzz {

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

inline void check(bool condition) {
    if (!condition) {
        std::abort();
    }
}

inline LocalInterface interface_of(std::uint16_t index, const char* name, Ipv4Address address) {
    LocalInterface out;
    out.index = IfIndex{index};
    out.name = *config::InterfaceName::parse(name);
    out.address = address;
    out.up = true;
    out.mtu = 1500;
    return out;
}

struct Harness {
    explicit Harness(std::uint64_t seed = 1) : random(seed) {}

    SeededRandom random;
    Silent sink;
    Log log{sink};
    crypto::InlineOffload offload{random};
    Places places;
    Engine engine{random, log, offload, places, places};
    TimePoint now{1000s};

    void pass(Duration time) {
        now += time;
        engine.on_time(now);
    }

    /// Hands finished jobs back and takes what the engine wants done.
    std::vector<Action> settle() {
        for (auto& done : offload.take_done()) {
            engine.on_offload(now, std::move(done));
        }
        return engine.take_actions();
    }
};

}  // namespace viaduct::ike::fuzz
