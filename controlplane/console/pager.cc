#include "controlplane/console/pager.h"

#include <utility>

namespace viaduct::console {

namespace {

constexpr std::string_view kMore = " --More-- ";
constexpr std::string_view kWiped = "\r          \r";

}  // namespace

void Pager::start() {
    left_ = length_ > 1 ? length_ - 1 : length_;
    waiting_ = false;
    quit_ = false;
    rest_.clear();
}

std::string Pager::feed(std::string_view text) {
    if (quit_) {
        return {};
    }
    rest_ += text;
    return waiting_ ? std::string{} : advance();
}

std::string Pager::advance() {
    if (length_ == 0) {
        return std::exchange(rest_, {});
    }
    std::size_t at = 0;
    while (at < rest_.size() && left_ > 0) {
        const std::size_t end = rest_.find('\n', at);
        if (end == std::string::npos) {
            at = rest_.size();
            break;
        }
        at = end + 1;
        --left_;
    }
    std::string shown = rest_.substr(0, at);
    rest_.erase(0, at);
    if (!rest_.empty()) {
        waiting_ = true;
        shown += kMore;
    }
    return shown;
}

std::string Pager::key(char key) {
    waiting_ = false;
    std::string shown(kWiped);
    if (key == ' ') {
        left_ = length_ > 1 ? length_ - 1 : length_;
    } else if (key == '\r' || key == '\n') {
        left_ = 1;
    } else {
        quit_ = true;
        rest_.clear();
        return shown;
    }
    return shown + advance();
}

}  // namespace viaduct::console
