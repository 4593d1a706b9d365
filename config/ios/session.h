// An interactive configuration session: `configure terminal` of one operator, or a file line by line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"
#include "config/ios/route_index.h"
#include "config/ios/rows.h"
#include "config/ios/scope.h"
#include "config/model/running_config.h"

namespace viaduct::ios {

/// Applies lines to a running configuration that somebody else owns and that must outlive the session.
/// A line that is refused changes nothing. Rows call object(), enter() and config().
class ConfigSession {
public:
    explicit ConfigSession(config::RunningConfig& config);

    /// One line as typed: comments, `exit`, `end`, `no …`, `default …` and the rows of this mode and its
    /// parents. `do …` is the console's business and is refused here.
    tl::expected<void, SyntaxError> execute(std::string_view line);

    /// "(config-if)": what stands between the host name and '#'.
    [[nodiscard]] std::string prompt_suffix() const;
    /// What may come next, for `?` and Tab; `no` and `default` included.
    [[nodiscard]] std::vector<Completion> complete(std::string_view line) const;

    /// `end`, or `exit` in global mode, was executed: the operator is back in exec mode.
    [[nodiscard]] bool finished() const { return finished_; }

    /// A banner's text goes on: lines are taken as they are until its delimiter comes.
    [[nodiscard]] bool wants_text() const { return static_cast<bool>(store_); }

    /// Leaves all sub-modes.
    void to_global();

    /// The effect of the row that took the last line; acted_on for comments and the like.
    [[nodiscard]] Effect last_effect() const { return last_effect_; }

    /// That row; nullptr for comments, mode changes and refused lines.
    [[nodiscard]] const Row* last_row() const { return last_row_; }

    // For rows.
    [[nodiscard]] config::RunningConfig& config() { return config_; }

    [[nodiscard]] const Scope& scope() const { return stack_[level_.value_or(stack_.size() - 1)]; }

    template <typename T>
    [[nodiscard]] T& object() {
        return object_of<T>(config_, scope());
    }

    void enter(Scope scope) { entered_ = std::move(scope); }

    [[nodiscard]] RouteIndex& route_index() { return route_index_; }

    /// Takes `first` and the lines that follow as text until the delimiter comes, then calls `store`.
    using StoreText = std::function<void(ConfigSession&, std::string)>;
    void begin_text(StoreText store, std::string_view first, std::string delimiter);
    /// The same for an argument "#text#" or "^Ctext": its first character (or "^C") is the delimiter.
    void begin_delimited(StoreText store, std::string_view argument);

private:
    tl::expected<void, SyntaxError> execute_row(std::string_view line);
    tl::expected<void, SyntaxError> apply(const Row& row, const Args& args, std::size_t level);
    tl::expected<void, SyntaxError> keep_sub_line(std::string_view line);
    void take_text(std::string_view line);

    config::RunningConfig& config_;
    std::vector<Scope> stack_;  // global first, the present mode last
    std::optional<std::size_t> level_;  // of the row being applied
    std::optional<Scope> entered_;
    StoreText store_;
    std::string text_;
    std::string delimiter_;
    bool finished_ = false;
    Effect last_effect_ = Effect::acted_on;
    const Row* last_row_ = nullptr;
    RouteIndex route_index_;
};

}  // namespace viaduct::ios
