// The graph that a CommandSet's patterns become: a trie of words as long as patterns begin alike, and a
// branch of its own for each pattern from its first choice on. Internal to the grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"

namespace viaduct::ios::pattern {

enum class ArgKind : std::uint8_t {
    address,
    mask,
    wildcard,
    word,
    line,
    interface,
    mac,
    hex,
    number,
    port,
    protocol,
};

using StateId = std::uint32_t;

struct KeywordEdge {
    std::string word;
    std::string help;
    StateId target = 0;
};

struct ArgEdge {
    std::string name;
    ArgKind kind = ArgKind::word;
    std::uint32_t low = 0;  // ArgKind::number
    std::uint32_t high = 0;  // ArgKind::number
    std::string help;
    StateId target = 0;
};

/// A step without a token. In a group `( … )*` it is taken once: `once` has the alternative's bit.
struct FreeEdge {
    StateId target = 0;
    std::uint64_t once = 0;
};

struct State {
    std::vector<KeywordEdge> keywords;  // sorted by word
    std::vector<ArgEdge> args;
    std::vector<FreeEdge> free;
    std::optional<std::size_t> accepts;
};

class Graph {
public:
    Graph() : states_(1) {}

    /// `keep_first`: where another pattern ends at the same place already, that one stays; without it
    /// this is a mistake of ours (VIADUCT_CHECK), as a malformed pattern is.
    void add(std::size_t id,
             std::string_view pattern,
             std::span<const TokenHelp> help,
             bool keep_first);

    [[nodiscard]] const State& state(StateId id) const { return states_[id]; }

    static constexpr StateId kStart = 0;

private:
    struct Group;
    StateId new_state();
    StateId keyword(StateId from, std::string_view word, std::span<const TokenHelp> help);
    StateId argument(StateId from, std::string_view token, std::span<const TokenHelp> help);
    void alternative(Group& group, StateId& current, std::uint64_t& next_bit);
    void leave_alternative(const Group& group, StateId current);

    std::vector<State> states_;
};

}  // namespace viaduct::ios::pattern
