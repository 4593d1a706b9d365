// Output filters of the exec mode: `show … | include REGEX` and its relatives.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace viaduct::console {

/// Where a command line ends and its filter begins.
struct FilteredLine {
    std::string_view command;  // without the blank before the bar
    std::string_view filter;  // after the bar; empty: no filter
    bool has_filter = false;
    std::size_t filter_column = 0;  // of the filter's first byte in the whole line
};

FilteredLine split_filter(std::string_view line);

/// Passes on the lines that the filter lets through, as they come. Regular expressions are POSIX extended ones;
/// `_` stands for a delimiter, as in IOS.
class Filter {
public:
    /// `text` is what stands after the bar: "include crypto map". Keywords may be abbreviated.
    static Result<Filter> parse(std::string_view text);
    ~Filter();
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;
    Filter(Filter&&) noexcept;
    Filter& operator=(Filter&&) noexcept;

    /// Appends what gets through to `out`; an unfinished last line waits for its end.
    void feed(std::string_view text, std::string& out);
    void finish(std::string& out);

private:
    struct Impl;
    explicit Filter(std::unique_ptr<Impl> impl);
    void pass(std::string_view line, std::string& out);

    std::unique_ptr<Impl> impl_;
};

}  // namespace viaduct::console
