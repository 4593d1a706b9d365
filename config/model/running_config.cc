#include "config/model/running_config.h"

namespace viaduct::config {

RunningConfig::RunningConfig() = default;
RunningConfig::RunningConfig(const RunningConfig&) = default;
RunningConfig::RunningConfig(RunningConfig&&) noexcept = default;
RunningConfig& RunningConfig::operator=(const RunningConfig&) = default;
RunningConfig& RunningConfig::operator=(RunningConfig&&) noexcept = default;
RunningConfig::~RunningConfig() = default;
bool RunningConfig::operator==(const RunningConfig&) const = default;

}  // namespace viaduct::config
