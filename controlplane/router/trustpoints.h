// `crypto pki trustpoint`: from the PEM files that it names to values for IKE.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/model/running_config.h"
#include "controlplane/ike/engine.h"
#include "controlplane/log/log.h"
#include "dataplane/base/result.h"

namespace viaduct {

/// The text of a file that the configuration names. Error: "FILE: sentence".
using ReadFile = std::function<Result<std::string>(const std::string& name)>;

/// All trustpoints as far as their files can be read. What is wrong with one is a log line, and that part
/// is left out: a trustpoint without an authority believes nobody, one without a key shows nothing.
/// `read_file` may be empty: then there are no files.
std::vector<ike::TrustpointKeys> load_trustpoints(const config::CryptoConfig& crypto,
                                                  const ReadFile& read_file,
                                                  Log& log);

}  // namespace viaduct
