// Writes a running configuration: hands each row its turn, in IOS's order, with `!` between the parts.
#pragma once

#include <fmt/format.h>
#include <string>
#include <string_view>
#include <utility>

#include "config/ios/scope.h"

namespace viaduct::ios {

class Writer {
public:
    explicit Writer(const config::RunningConfig& config) : config_(config) {}

    [[nodiscard]] const config::RunningConfig& config() const { return config_; }

    [[nodiscard]] const Scope& scope() const { return scope_; }

    template <typename T>
    [[nodiscard]] const T& object() const {
        return object_of<T>(config_, scope_);
    }

    void text(std::string_view line);

    template <typename... T>
    void line(fmt::format_string<T...> format, T&&... args) {
        text(fmt::format(format, std::forward<T>(args)...));
    }

    /// A header and the lines of all rows of the scope's mode, one blank deeper.
    void section(std::string_view header, const Scope& scope);
    /// A `!`, unless one stands there already.
    void separator();

    /// Text that is not to be indented (banners), with its newline.
    void raw(std::string_view text) { out_ += text; }

    [[nodiscard]] std::string take() { return std::move(out_); }

private:
    const config::RunningConfig& config_;
    Scope scope_;
    unsigned depth_ = 0;
    std::string out_;
};

/// `show running-config`: from `version` to `end`, without "Building configuration...".
std::string write_config(const config::RunningConfig& config);

/// A word as it must stand in a file: in quotes if it has blanks or is empty.
std::string quoted(std::string_view word);

/// A banner's text between delimiters that it does not contain.
std::string delimited(std::string_view text);

}  // namespace viaduct::ios
