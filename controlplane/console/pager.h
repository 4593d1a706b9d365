// `--More--`: text goes out a page at a time. Knows no terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace viaduct::console {

class Pager {
public:
    /// Lines a page, the one of `--More--` included; 0: everything at once.
    void set_length(unsigned lines) { length_ = lines; }

    /// A new command: the page begins anew, and what was quit is forgotten.
    void start();
    /// What of the text is to be shown now; the rest waits for a key. Ends with `--More--` if it does.
    std::string feed(std::string_view text);
    /// A key while waiting: blank a page, Return a line, anything else the end of this output.
    std::string key(char key);

    [[nodiscard]] bool waiting() const { return waiting_; }

    /// The operator wants no more of this command's output.
    [[nodiscard]] bool quit() const { return quit_; }

private:
    std::string advance();

    unsigned length_ = 0;
    unsigned left_ = 0;  // lines until the next stop
    bool waiting_ = false;
    bool quit_ = false;
    std::string rest_;
};

}  // namespace viaduct::console
