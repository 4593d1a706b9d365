// Attributes of XAUTH (draft-beaulieu-ike-xauth, 6), Mode-Config (draft-dukes-ike-mode-cfg, 3.4) and
// Cisco's Unity, with IOS's names of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "controlplane/ike/wire.h"

namespace viaduct::ike {

inline constexpr std::uint16_t kXauthType = 16520;
inline constexpr std::uint16_t kXauthUserName = 16521;
inline constexpr std::uint16_t kXauthUserPassword = 16522;
inline constexpr std::uint16_t kXauthPasscode = 16523;
inline constexpr std::uint16_t kXauthMessage = 16524;
inline constexpr std::uint16_t kXauthStatus = 16527;
inline constexpr std::uint16_t kXauthGeneric = 0;
inline constexpr std::uint16_t kXauthOk = 1;
inline constexpr std::uint16_t kXauthFailed = 0;

inline constexpr std::uint16_t kConfigAddress = 1;
inline constexpr std::uint16_t kConfigNetmask = 2;
inline constexpr std::uint16_t kConfigDns = 3;
inline constexpr std::uint16_t kConfigNbns = 4;
inline constexpr std::uint16_t kConfigExpiry = 5;
inline constexpr std::uint16_t kConfigVersion = 7;
inline constexpr std::uint16_t kConfigSubnet = 13;

inline constexpr std::uint16_t kUnityBanner = 0x7000;
inline constexpr std::uint16_t kUnitySavePassword = 0x7001;
inline constexpr std::uint16_t kUnityDomain = 0x7002;
inline constexpr std::uint16_t kUnitySplitDns = 0x7003;
inline constexpr std::uint16_t kUnitySplitInclude = 0x7004;
inline constexpr std::uint16_t kUnityNatPort = 0x7005;
inline constexpr std::uint16_t kUnityLocalLan = 0x7006;
inline constexpr std::uint16_t kUnityPfs = 0x7007;
inline constexpr std::uint16_t kUnityBackupServers = 0x7009;

/// As `debug crypto isakmp` prints it; empty: IOS does not know it either.
inline std::string_view config_attribute_name(std::uint16_t type) {
    switch (type) {
    case kConfigAddress:
        return "IP4_ADDRESS";
    case kConfigNetmask:
        return "IP4_NETMASK";
    case kConfigDns:
        return "IP4_DNS";
    case kConfigNbns:
        return "IP4_NBNS";
    case kConfigExpiry:
        return "ADDRESS_EXPIRY";
    case kConfigVersion:
        return "APPLICATION_VERSION";
    case kConfigSubnet:
        return "IP4_SUBNET";
    case kUnityBanner:
        return "MODECFG_BANNER";
    case kUnitySavePassword:
        return "MODECFG_SAVEPWD";
    case kUnityDomain:
        return "DEFAULT_DOMAIN";
    case kUnitySplitDns:
        return "SPLIT_DNS";
    case kUnitySplitInclude:
        return "SPLIT_INCLUDE";
    case kUnityNatPort:
        return "NAT_T_PORT";
    case kUnityLocalLan:
        return "INCLUDE_LOCAL_LAN";
    case kUnityPfs:
        return "PFS";
    case kUnityBackupServers:
        return "BACKUP_SERVER";
    default:
        return "";
    }
}

/// An attribute whose value is a text, without an end mark.
inline Attribute text_attribute(std::uint16_t type, std::string_view value) {
    return {type, Bytes(value.begin(), value.end())};
}

}  // namespace viaduct::ike
