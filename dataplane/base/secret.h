// Key material: wipes itself, cannot be compared with == or printed.
#pragma once

#include <cstring>
#include <utility>

#include "dataplane/base/bytes.h"

namespace viaduct {

/// Owns secret bytes. view() is for handing them to crypto/; compare MACs with crypto's
/// constant-time function, never here.
class Secret {
public:
    Secret() = default;

    explicit Secret(BytesView bytes) : bytes_(bytes.begin(), bytes.end()) {}

    explicit Secret(Bytes&& bytes) : bytes_(std::move(bytes)) {}

    Secret(const Secret&) = default;

    Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

    Secret& operator=(const Secret& other) {
        if (this != &other) {
            wipe();
            bytes_ = other.bytes_;
        }
        return *this;
    }

    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            wipe();
            bytes_ = std::exchange(other.bytes_, {});
        }
        return *this;
    }

    ~Secret() { wipe(); }

    bool operator==(const Secret&) const = delete;

    [[nodiscard]] BytesView view() const { return bytes_; }

    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

    [[nodiscard]] bool empty() const { return bytes_.empty(); }

private:
    void wipe() {
        if (!bytes_.empty()) {
            std::memset(bytes_.data(), 0, bytes_.size());
            // The compiler may not drop the memset: the bytes are declared as read here.
            __asm__ __volatile__("" : : "r"(bytes_.data()) : "memory");
        }
    }

    Bytes bytes_;
};

}  // namespace viaduct
