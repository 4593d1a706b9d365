// Rows for the commonest kind of line: one field of one object. T is the object's type, found by the scope
// (scope.h); the default is the one of the model.
#pragma once

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "config/ios/password.h"
#include "config/ios/rows.h"
#include "config/ios/session.h"
#include "config/ios/writer.h"

namespace viaduct::ios {

/// Result<void> of an apply that went well.
inline Result<void> done() {
    return {};
}

/// `words` switches a bool.
template <typename T>
Row flag_row(Mode mode, std::string words, bool T::* field, std::string help) {
    const bool normal = T{}.*field;
    Row row{.mode = mode, .pattern = words, .help = std::move(help)};
    row.apply = [field](ConfigSession& session, const Args& args) {
        session.object<T>().*field = !args.negated();
        return done();
    };
    row.write = [field, normal, words](Writer& out) {
        if (out.object<T>().*field != normal) {
            out.line("{}{}", normal ? "no " : "", words);
        }
    };
    row.examples = {(normal ? "no " : "") + words};
    row.default_on = normal;
    return row;
}

template <typename V>
struct FieldValue {
    using Type = V;
};

template <typename V>
struct FieldValue<std::optional<V>> {
    using Type = V;
};

/// `words <n:range>` sets a number (or an optional one).
template <typename T, typename V>
Row number_row(
    Mode mode, std::string words, const std::string& range, V T::* field, std::string help) {
    Row row{.mode = mode, .pattern = words + " <value:" + range + ">", .help = std::move(help)};
    row.apply = [field](ConfigSession& session, const Args& args) {
        session.object<T>().*field =
            args.negated() ? T{}.*field
                           : V{static_cast<typename FieldValue<V>::Type>(args.number("value"))};
        return done();
    };
    row.write = [field, words](Writer& out) {
        const auto& value = out.object<T>().*field;
        if (value != T{}.*field) {
            const std::optional<typename FieldValue<V>::Type> number = value;
            out.line("{} {}", words, static_cast<std::uint64_t>(number.value_or(0)));
        }
    };
    return row;
}

/// `words <text:kind>` with kind WORD or LINE sets a text; empty is the default.
template <typename T>
Row text_row(Mode mode,
             std::string words,
             const std::string& kind,
             std::string T::* field,
             std::string help) {
    Row row{.mode = mode, .pattern = words + " <text:" + kind + ">", .help = std::move(help)};
    row.apply = [field](ConfigSession& session, const Args& args) {
        session.object<T>().*field = args.negated() ? T{}.*field : args.text("text");
        return done();
    };
    row.write = [field, words, kind](Writer& out) {
        const auto& value = out.object<T>().*field;
        if (!value.empty()) {
            out.line("{} {}", words, kind == "WORD" ? quoted(value) : value);
        }
    };
    return row;
}

/// `words { a | b | c }` sets a text to one of the words.
template <typename T>
Row choice_row(Mode mode,
               std::string words,
               std::vector<std::string> choices,
               std::string T::* field,
               std::string help) {
    std::string alternatives;
    for (const auto& choice : choices) {
        alternatives += (alternatives.empty() ? "" : " | ") + choice;
    }
    Row row{.mode = mode, .pattern = words + " { " + alternatives + " }", .help = std::move(help)};
    row.apply = [field, choices](ConfigSession& session, const Args& args) {
        auto& value = session.object<T>().*field;
        value.clear();
        for (const auto& choice : choices) {
            if (!args.negated() && args.has(choice)) {
                value = choice;
            }
        }
        return done();
    };
    row.write = [field, words](Writer& out) {
        const auto& value = out.object<T>().*field;
        if (!value.empty()) {
            out.line("{} {}", words, value);
        }
    };
    for (const auto& choice : choices) {
        row.examples.push_back(words + " " + choice);
    }
    return row;
}

inline Row at(Place place, Row row) {
    row.place = place;
    return row;
}

inline Row examples(std::vector<std::string> lines, Row row) {
    row.examples = std::move(lines);
    return row;
}

inline Row effect(Effect effect, Row row) {
    row.effect = effect;
    return row;
}

/// For examples of lines that only some interface takes.
inline Row in_context(std::string lines, Row row) {
    row.context = std::move(lines);
    return row;
}

}  // namespace viaduct::ios
