// Results: a value, or why there is none, in words for the operator.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace viaduct {

/// What went wrong, one clear sentence without a full stop, fit to be shown to the operator.
struct Error {
    std::string message;

    bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(std::string message) {
    return tl::unexpected<Error>(Error{std::move(message)});
}

}  // namespace viaduct
