// The text of an access list's entries, as `show running-config` and `show access-lists` write them.
#pragma once

#include <string>
#include <string_view>

#include "config/model/access_list.h"

namespace viaduct::ios {

/// "permit tcp host 10.0.0.1 eq www any log", "remark text"; a standard list's entry has the source alone.
std::string access_entry_text(const config::AccessEntry& entry, bool extended);

/// 1-99, 1300-1999 and 100-199, 2000-2699.
bool is_standard_number(std::string_view name);
bool is_extended_number(std::string_view name);

}  // namespace viaduct::ios
