// `debug crypto isakmp detail` and event class IKEDECODE: headers and payloads taken apart, in the words of
// document 000's concentrator. Costs nothing while nobody wants it.
#pragma once

#include "controlplane/ike/wire.h"
#include "controlplane/log/log.h"

namespace viaduct::ike {

/// "ISAKMP HEADER : ( Version 1.0 )" and its fields.
void decode_header(Log& log, const Header& header);
/// "RECEIVED Message (msgid=1b050792) with payloads :"; the length is without the padding.
void decode_payloads(Log& log, const Header& header, const Chain& chain);
/// "Notify Payload Decode :"
void decode_notify(Log& log, const Notification& notification);

}  // namespace viaduct::ike
