#include "controlplane/console/line_editor.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace viaduct::console {

namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxHistory = 256;
constexpr char kEscape = '\x1b';
constexpr char kDelete = '\x7f';

constexpr char control(char letter) {
    return static_cast<char>(letter & 0x1f);
}

}  // namespace

void LineEditor::draw(std::string& out) const {
    out += "\r\x1b[K" + prompt_;
    if (!echo_) {
        return;
    }
    // The line scrolls sideways when it does not fit behind the prompt.
    const std::size_t room =
        std::max<std::size_t>(columns_ > prompt_.size() + 1 ? columns_ - prompt_.size() - 1 : 0, 8);
    const std::size_t first = cursor_ >= room ? cursor_ - room + 1 : 0;
    const std::string_view shown = std::string_view(line_).substr(first, room);
    out += shown;
    if (const std::size_t back = shown.size() - (cursor_ - first); back > 0) {
        out += fmt::format("\x1b[{}D", back);
    }
}

void LineEditor::hide(std::string& out) const {
    out += "\r\x1b[K";
}

std::string LineEditor::take_line() {
    std::string line = std::exchange(line_, {});
    cursor_ = 0;
    if (echo_ && line.find_first_not_of(' ') != std::string::npos &&
        (history_.empty() || history_.back() != line)) {
        history_.push_back(line);
        if (history_.size() > kMaxHistory) {
            history_.erase(history_.begin());
        }
    }
    recalled_ = history_.size();
    new_line_.clear();
    return line;
}

void LineEditor::insert(std::string_view text, std::string& out) {
    if (line_.size() + text.size() > kMaxLine) {
        out += '\a';
        return;
    }
    line_.insert(cursor_, text);
    cursor_ += text.size();
    const bool fits = prompt_.size() + line_.size() + 1 < columns_;
    if (echo_ && cursor_ == line_.size() && fits) {
        out += text;
    } else {
        draw(out);
    }
}

void LineEditor::move(std::size_t to) {
    cursor_ = std::min(to, line_.size());
}

void LineEditor::erase(std::size_t from, std::size_t to) {
    killed_ = line_.substr(from, to - from);
    line_.erase(from, to - from);
    cursor_ = from;
}

std::size_t LineEditor::word_left() const {
    std::size_t at = cursor_;
    while (at > 0 && line_[at - 1] == ' ') {
        --at;
    }
    while (at > 0 && line_[at - 1] != ' ') {
        --at;
    }
    return at;
}

std::size_t LineEditor::word_right() const {
    std::size_t at = cursor_;
    while (at < line_.size() && line_[at] == ' ') {
        ++at;
    }
    while (at < line_.size() && line_[at] != ' ') {
        ++at;
    }
    return at;
}

void LineEditor::recall(int step) {
    if (!echo_ || (step < 0 && recalled_ == 0) || (step > 0 && recalled_ >= history_.size())) {
        return;
    }
    if (recalled_ == history_.size()) {
        new_line_ = line_;
    }
    recalled_ = step < 0 ? recalled_ - 1 : recalled_ + 1;
    line_ = recalled_ == history_.size() ? new_line_ : history_[recalled_];
    cursor_ = line_.size();
}

LineEditor::Event LineEditor::on_escape(char key, std::string& out) {
    if (escape_ == Escape::escape) {
        if (key == '[' || key == 'O') {
            escape_ = Escape::bracket;
            parameters_.clear();
            return Event::none;
        }
        escape_ = Escape::none;
        if (key == 'b' || key == 'f') {
            move(key == 'b' ? word_left() : word_right());
        } else if (key == 'd') {
            erase(cursor_, word_right());
        }
        draw(out);
        return Event::none;
    }
    if ((key >= '0' && key <= '9') || key == ';') {
        parameters_ += key;
        return Event::none;
    }
    escape_ = Escape::none;
    const bool is_tilde = key == '~';
    if (key == 'A' || key == 'B') {
        recall(key == 'A' ? -1 : 1);
    } else if (key == 'C' || key == 'D') {
        move(key == 'C' ? cursor_ + 1 : cursor_ - (cursor_ > 0 ? 1 : 0));
    } else if (key == 'H' || (is_tilde && (parameters_ == "1" || parameters_ == "7"))) {
        move(0);
    } else if (key == 'F' || (is_tilde && (parameters_ == "4" || parameters_ == "8"))) {
        move(line_.size());
    } else if (is_tilde && parameters_ == "3" && cursor_ < line_.size()) {
        line_.erase(cursor_, 1);
    }
    draw(out);
    return Event::none;
}

LineEditor::Event LineEditor::on_control(char key, std::string& out) {
    switch (key) {
    case '\r':
    case '\n':
        out += "\r\n";
        return Event::line;
    case '\t':
        return Event::tab;
    case kEscape:
        escape_ = Escape::escape;
        return Event::none;
    case control('C'):
    case control('^'):
        line_.clear();
        cursor_ = 0;
        return Event::interrupt;
    case control('Z'):
        out += "^Z\r\n";
        return Event::end;
    case control('V'):
        escape_ = Escape::literal;
        return Event::none;
    case control('D'):
        if (line_.empty()) {
            return Event::end_of_file;
        }
        break;
    default:
        break;
    }
    if (edit(key, out)) {
        draw(out);
    }
    return Event::none;
}

bool LineEditor::edit(char key, std::string& out) {
    switch (key) {
    case control('D'):
        line_.erase(std::min(cursor_, line_.size()), 1);
        return true;
    case kDelete:
    case control('H'):
        if (cursor_ > 0) {
            line_.erase(--cursor_, 1);
        }
        return true;
    case control('A'):
        move(0);
        return true;
    case control('E'):
        move(line_.size());
        return true;
    case control('B'):
        move(cursor_ - (cursor_ > 0 ? 1 : 0));
        return true;
    case control('F'):
        move(cursor_ + 1);
        return true;
    case control('K'):
        erase(cursor_, line_.size());
        return true;
    case control('U'):
    case control('X'):
        erase(0, cursor_);
        return true;
    case control('W'):
        erase(word_left(), cursor_);
        return true;
    case control('Y'):
        insert(killed_, out);
        return true;
    case control('T'):
        if (cursor_ > 0 && line_.size() > 1) {
            const std::size_t at = std::min(cursor_, line_.size() - 1);
            std::swap(line_[at - 1], line_[at]);
            move(at + 1);
        }
        return true;
    case control('P'):
        recall(-1);
        return true;
    case control('N'):
        recall(1);
        return true;
    case control('R'):
    case control('L'):
        return true;
    default:
        return false;
    }
}

LineEditor::Event LineEditor::feed(char key, std::string& out) {
    if (escape_ == Escape::literal) {
        escape_ = Escape::none;
        insert(std::string_view(&key, 1), out);
        return Event::none;
    }
    if (escape_ != Escape::none) {
        return on_escape(key, out);
    }
    const auto byte = static_cast<unsigned char>(key);
    if (byte < 0x20 || key == kDelete) {
        return on_control(key, out);
    }
    if (key == '?' && echo_) {
        return Event::help;
    }
    insert(std::string_view(&key, 1), out);
    return Event::none;
}

}  // namespace viaduct::console
