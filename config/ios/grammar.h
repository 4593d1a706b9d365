// Patterns of commands: one text that says what may be typed, from which matching, abbreviation, `?`,
// Tab and the caret of an error all come. Used by configuration rows and by exec rows.
//
// The pattern language, tokens separated by blanks:
//   word             a keyword; may be abbreviated as long as it is unambiguous among what is possible there
//   <name:kind>      an argument, found in Args by its name; kinds:
//                      A.B.C.D       an address            mask   a contiguous netmask A.B.C.D
//                      wildcard      a wildcard mask       WORD   one word (or "quoted words")
//                      LINE          the rest of the line, blanks and all (last token only)
//                      interface     "FastEthernet0/0", "fa0/0", "Tunnel 0"
//                      H.H.H         a MAC address         HEX    hexadecimal digits
//                      1-65535       a decimal number in that range
//                      port          0-65535 or a well-known name (isakmp, non500-isakmp, www, …)
//                      protocol      0-255 or ip, icmp, tcp, udp, gre, esp, ahp, eigrp, …
//   { a | b c | d }  exactly one of the alternatives        [ a b ]  may be left out
//   ( a | b )*       any number of the alternatives, each at most once, in any order
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/interface.h"
#include "dataplane/base/address.h"
#include "dataplane/base/result.h"

namespace viaduct::ios {

/// What one line matched: keywords by their own (full) words, arguments by their names.
class Args {
public:
    /// The keyword or argument was there.
    [[nodiscard]] bool has(std::string_view name) const { return values_.contains(name); }

    /// The text as typed (WORD, LINE, HEX) or, for a keyword, its full word; empty if absent.
    [[nodiscard]] std::string text(std::string_view name) const;
    /// A number, port or protocol; `otherwise` if absent.
    [[nodiscard]] std::uint32_t number(std::string_view name, std::uint32_t otherwise = 0) const;
    /// A.B.C.D, mask or wildcard; 0.0.0.0 if absent.
    [[nodiscard]] Ipv4Address address(std::string_view name) const;
    [[nodiscard]] std::optional<config::InterfaceName> interface(std::string_view name) const;
    [[nodiscard]] std::optional<MacAddress> mac(std::string_view name) const;

    /// The line began with `no` (or `undebug` for `debug`).
    [[nodiscard]] bool negated() const { return negated_; }

    /// The whole line as typed, without `no` and outer blanks.
    [[nodiscard]] const std::string& line() const { return line_; }

    /// The same line with its keywords in full and single blanks; arguments stay as typed.
    [[nodiscard]] const std::string& canonical() const { return canonical_; }

    void set(std::string name, std::string value) { values_[std::move(name)] = std::move(value); }

    void set_negated(bool negated) { negated_ = negated; }

    void set_line(std::string line) { line_ = std::move(line); }

    void set_canonical(std::string line) { canonical_ = std::move(line); }

private:
    std::map<std::string, std::string, std::less<>> values_;
    std::string line_;
    std::string canonical_;
    bool negated_ = false;
};

/// Help for one token of a pattern: the keyword, or the argument's name, and what IOS's `?` says.
struct TokenHelp {
    std::string_view token;
    std::string_view text;
};

/// Where and why a line was not understood. `column` counts bytes from 0 in the line as given.
struct SyntaxError {
    /// refused: understood, but it cannot be applied here; the message says why, there is no caret.
    enum class Kind : std::uint8_t { invalid, incomplete, ambiguous, unknown, refused };
    Kind kind = Kind::invalid;
    std::size_t column = 0;
    std::string message;  // "% Invalid input detected at '^' marker.", "% Incomplete command.", …
};

/// One possible next word, as `?` lists it.
struct Completion {
    std::string word;  // keyword, "A.B.C.D", "WORD", "<1-255>", "<cr>"
    std::string help;
    bool operator==(const Completion&) const = default;
};

/// A set of patterns that are possible at one prompt, each with a caller's id.
/// Building is not cheap (it parses the patterns); one table is shared by all sessions of a router.
class CommandSet {
public:
    /// What happens when two patterns match a line equally well: a refusal, or the one with the lower id
    /// (for sets in which that is meant: the `no` forms of configuration rows).
    enum class Ties : std::uint8_t { ambiguous, lowest_id };

    CommandSet();
    explicit CommandSet(Ties ties);
    ~CommandSet();
    CommandSet(const CommandSet&) = delete;
    CommandSet& operator=(const CommandSet&) = delete;
    CommandSet(CommandSet&&) noexcept;
    CommandSet& operator=(CommandSet&&) noexcept;

    /// A malformed pattern is our own mistake: VIADUCT_CHECK.
    void add(std::size_t id, std::string_view pattern, std::span<const TokenHelp> help);

    struct Match {
        std::size_t id = 0;
        Args args;
        bool abbreviated = false;  // not all keywords were typed in full
    };

    /// Matches a whole line (no leading `no`, which the caller took off). A keyword wins over an
    /// argument at the same place, a number or address over a WORD, a WORD over a LINE; otherwise two
    /// matches are an ambiguity. Where the better reading leads nowhere the other is tried, so a
    /// password that looks like the beginning of a keyword is a password.
    /// Values in Args: keywords by their full word; numbers, ports and protocols as decimal digits
    /// (protocol `ip` stays "ip"); interfaces by their full name; quoted words without the quotes.
    /// const and without hidden state: any number of threads may match at the same time.
    [[nodiscard]] tl::expected<Match, SyntaxError> match(std::string_view line) const;

    /// What may stand where the line ends: after a blank, every next word ("<cr>" if it may end here);
    /// within a word, those that begin with it.
    [[nodiscard]] std::vector<Completion> complete(std::string_view line) const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace viaduct::ios
