#include "controlplane/console/filter.h"

#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <regex.h>
#include <utility>

#include "config/ios/text.h"

namespace viaduct::console {

namespace {

/// IOS: `_` matches the beginning or end of a line, a blank, a comma, a brace or a parenthesis.
std::string to_posix(std::string_view expression) {
    std::string out;
    bool escaped = false;
    for (const char c : expression) {
        if (c == '_' && !escaped) {
            out += "(^|$|[ ,{}()])";
        } else {
            out += c;
        }
        escaped = c == '\\' && !escaped;
    }
    return out;
}

}  // namespace

struct Filter::Impl {
    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    Impl(Impl&&) = delete;
    Impl& operator=(Impl&&) = delete;

    ~Impl() {
        if (compiled) {
            regfree(&expression);
        }
    }

    [[nodiscard]] bool matches(const std::string& line) const {
        return regexec(&expression, line.c_str(), 0, nullptr, 0) == 0;
    }

    enum class Kind : std::uint8_t { include, exclude, begin, section, count };
    static constexpr std::array<std::pair<std::string_view, Kind>, 5> kKinds{{
        {"include", Kind::include},
        {"exclude", Kind::exclude},
        {"begin", Kind::begin},
        {"section", Kind::section},
        {"count", Kind::count},
    }};

    Kind kind = Kind::include;
    regex_t expression{};
    bool compiled = false;
    bool open = false;  // begin: found; section: within one
    std::size_t indentation = 0;  // section: of its first line
    std::size_t counted = 0;
    std::string partial;  // the unfinished last line
};

FilteredLine split_filter(std::string_view line) {
    // IOS: the bar must stand behind a blank; "a|b" within a word is not a filter.
    std::size_t bar = line.find(" |");
    if (bar == std::string_view::npos) {
        return {.command = line};
    }
    FilteredLine split;
    split.command = line.substr(0, bar);
    bar += 2;
    const std::size_t first = line.find_first_not_of(' ', bar);
    split.has_filter = true;
    split.filter_column = first == std::string_view::npos ? line.size() : first;
    split.filter = ios::trimmed(line.substr(bar));
    return split;
}

Filter::Filter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;

Result<Filter> Filter::parse(std::string_view text) {
    text = ios::trimmed(text);
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    const std::string_view expression =
        blank == std::string_view::npos ? std::string_view{} : ios::trimmed(text.substr(blank));
    if (word.empty()) {
        return failure("% Incomplete command.");
    }
    auto impl = std::make_unique<Impl>();
    bool known = false;
    for (const auto& [name, kind] : Impl::kKinds) {
        if (name.starts_with(word)) {
            impl->kind = kind;
            known = true;
        }
    }
    if (!known) {
        return failure("% Invalid input detected at '^' marker.");
    }
    if (expression.empty()) {
        return failure("% Incomplete command.");
    }
    const int status =
        regcomp(&impl->expression, to_posix(expression).c_str(), REG_EXTENDED | REG_NOSUB);
    if (status != 0) {
        return failure(fmt::format("% Failed to compile regular expression {}.", expression));
    }
    impl->compiled = true;
    return Filter(std::move(impl));
}

void Filter::pass(std::string_view line, std::string& out) {
    const std::string text(line.ends_with('\n') ? line.substr(0, line.size() - 1) : line);
    const bool hit = impl_->matches(text);
    bool shown = false;
    switch (impl_->kind) {
    case Impl::Kind::include:
        shown = hit;
        break;
    case Impl::Kind::exclude:
        shown = !hit;
        break;
    case Impl::Kind::begin:
        impl_->open = impl_->open || hit;
        shown = impl_->open;
        break;
    case Impl::Kind::section: {
        const std::size_t indentation = text.find_first_not_of(' ');
        const bool deeper = indentation != std::string::npos && indentation > impl_->indentation;
        if (!(impl_->open && deeper)) {
            impl_->open = hit;
            impl_->indentation = indentation == std::string::npos ? 0 : indentation;
        }
        shown = impl_->open;
        break;
    }
    case Impl::Kind::count:
        impl_->counted += hit ? 1 : 0;
        break;
    }
    if (shown) {
        out += line;
    }
}

void Filter::feed(std::string_view text, std::string& out) {
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) {
            impl_->partial += text;
            return;
        }
        if (impl_->partial.empty()) {
            pass(text.substr(0, end + 1), out);
        } else {
            impl_->partial += text.substr(0, end + 1);
            pass(std::exchange(impl_->partial, {}), out);
        }
        text.remove_prefix(end + 1);
    }
}

void Filter::finish(std::string& out) {
    if (!impl_->partial.empty()) {
        pass(std::exchange(impl_->partial, {}) + "\n", out);
    }
    if (impl_->kind == Impl::Kind::count) {
        out += fmt::format("Number of lines which match regexp = {}\n", impl_->counted);
    }
}

}  // namespace viaduct::console
