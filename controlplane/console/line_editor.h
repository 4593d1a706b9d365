// Editing one line at a terminal: keys in, escape sequences out. Knows no terminal; the client feeds it bytes
// and writes what it returns.
//
// Keys, as on IOS: Ctrl-A/E begin and end, Ctrl-B/F and arrows, Esc-B/F words, Ctrl-D delete, Ctrl-K/U/W/X kill,
// Ctrl-P/N and arrows history, Ctrl-T transpose, Ctrl-R/L draw again, Tab, `?` at once, Ctrl-V takes the next key as it is,
// Ctrl-C, Ctrl-Z, Ctrl-^.
//
// Not supported: several rows a line (a long line scrolls sideways), wide characters count as their bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace viaduct::console {

class LineEditor {
public:
    enum class Event : std::uint8_t { none, line, help, tab, interrupt, end, end_of_file };

    void set_prompt(std::string prompt) { prompt_ = std::move(prompt); }

    /// Off: nothing that is typed is shown, and nothing goes into the history (passwords).
    void set_echo(bool on) { echo_ = on; }

    void set_columns(unsigned columns) { columns_ = columns; }

    /// One byte of the keyboard. `out` is what the terminal is to show.
    Event feed(char key, std::string& out);
    /// After `line` or `end`: what was typed; the editor is empty again.
    std::string take_line();

    /// What stands before the cursor: what `?` and Tab are about.
    [[nodiscard]] std::string_view before_cursor() const {
        return std::string_view(line_).substr(0, cursor_);
    }

    [[nodiscard]] const std::string& line() const { return line_; }

    /// Types text at the cursor.
    void insert(std::string_view text, std::string& out);
    /// Shows prompt and line anew at the beginning of a row.
    void draw(std::string& out) const;
    /// Empties the row, so that something else may be shown there; draw() brings it back.
    void hide(std::string& out) const;

private:
    enum class Escape : std::uint8_t { none, escape, bracket, literal };

    Event on_control(char key, std::string& out);
    Event on_escape(char key, std::string& out);
    /// False: no key of the editor's.
    bool edit(char key, std::string& out);
    void move(std::size_t to);
    void erase(std::size_t from, std::size_t to);
    void recall(int step);
    [[nodiscard]] std::size_t word_left() const;
    [[nodiscard]] std::size_t word_right() const;

    std::string prompt_;
    std::string line_;
    std::size_t cursor_ = 0;
    bool echo_ = true;
    unsigned columns_ = 80;
    Escape escape_ = Escape::none;
    std::string parameters_;  // of an escape sequence
    std::string killed_;
    std::vector<std::string> history_;
    std::size_t recalled_ = 0;  // history_.size(): the new line
    std::string new_line_;  // while an older one is shown
};

}  // namespace viaduct::console
