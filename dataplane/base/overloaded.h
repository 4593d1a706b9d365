// One visitor of several lambdas, for std::visit.
#pragma once

namespace viaduct {

template <typename... F>
struct Overloaded : F... {
    using F::operator()...;
};

}  // namespace viaduct
