// Small texts in IOS's ways that several layers write.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/base/clock.h"

namespace viaduct::ios {

/// An age or an uptime as IOS's tables show it: "00:01:41", from a day on "1d02h", from a week on "1w2d".
/// What is negative is shown as zero.
std::string age_text(Duration age);
/// Hours, minutes and seconds only, however many hours: "168:00:05". What is negative is shown as zero.
std::string clock_text(Duration time);

/// Without the blanks, tabulators and line ends around it.
std::string_view trimmed(std::string_view text);

}  // namespace viaduct::ios
