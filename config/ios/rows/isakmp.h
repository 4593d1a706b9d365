// Pieces of patterns that several rows of ISAKMP and IPsec share.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"
#include "config/model/crypto.h"

namespace viaduct::ios {

/// The group whose number, behind `prefix`, is a keyword of the line ("group14").
std::optional<crypto::DhGroup> read_dh_group(const Args& args, const std::string& prefix);

inline constexpr std::string_view kKeepalivePattern =
    "<seconds:10-3600> [ <again:2-60> ] [ periodic | on-demand ]";
inline constexpr std::string_view kKeepaliveHelp =
    "|seconds: Number of seconds between keep alives|again: Number of seconds between retries if "
    "keepalive "
    "fails|periodic: DPD messages are sent at regular intervals|on-demand: DPD messages are sent "
    "only when "
    "there is traffic to send";

config::Keepalive read_keepalive(const Args& args);
std::string keepalive_text(const config::Keepalive& keepalive);

/// `client configuration address respond|initiate`, one line each.
void change_config_mode(config::ConfigMode& mode, const Args& args);
std::vector<std::string_view> config_mode_words(config::ConfigMode mode);

}  // namespace viaduct::ios
