#include "config/ios/writer.h"

#include "config/ios/rows.h"
#include "config/ios/table.h"

namespace viaduct::ios {

namespace {

void write_kept(Writer& out, Place place) {
    for (const auto& section : out.config().kept) {
        if (kept_place(section.line) != place) {
            continue;
        }
        out.text(section.line);
        for (const auto& line : section.sub_lines) {
            out.raw(" " + line + "\n");
        }
    }
}

}  // namespace

void Writer::text(std::string_view line) {
    out_.append(depth_, ' ');
    out_ += line;
    out_ += '\n';
}

void Writer::separator() {
    if (!out_.empty() && !out_.ends_with("\n!\n")) {
        out_ += "!\n";
    }
}

void Writer::section(std::string_view header, const Scope& scope) {
    text(header);
    const auto outer = std::exchange(scope_, scope);
    ++depth_;
    for (const auto& row : all_rows()) {
        if (row.mode == scope.mode && row.write) {
            row.write(*this);
        }
    }
    --depth_;
    scope_ = outer;
}

std::string write_config(const config::RunningConfig& config) {
    Writer out(config);
    const auto& rows = all_rows();
    out.raw("!\n");
    std::size_t at = 0;
    for (std::size_t p = 0; p < static_cast<std::size_t>(Place::kCount); ++p) {
        const auto place = static_cast<Place>(p);
        for (; at < rows.size() && rows[at].place == place; ++at) {
            if (rows[at].mode == Mode::global && rows[at].write) {
                rows[at].write(out);
            }
        }
        write_kept(out, place);
        out.separator();
    }
    out.raw("end\n");
    return out.take();
}

std::string quoted(std::string_view word) {
    const bool plain = !word.empty() && word.find_first_of(" \t\"") == std::string_view::npos;
    return plain ? std::string(word) : "\"" + std::string(word) + "\"";
}

std::string delimited(std::string_view text) {
    std::string mark = "^C";
    for (const auto* other : {"#", "@", "%", "~", "&"}) {
        if (text.find(mark) != std::string_view::npos) {
            mark = other;
        }
    }
    return mark + std::string(text) + mark;
}

}  // namespace viaduct::ios
