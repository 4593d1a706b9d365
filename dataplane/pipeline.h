// The packet's whole way stands in pipeline.cc.
#pragma once

namespace viaduct::dataplane {

class Worker;
struct Parcel;

/// Carries everything that stands in the worker's frame to its end: sent, punted or dropped.
void run_pipeline(Worker& w);

/// Puts a packet that was injected, deferred or handed over back into the frame.
void resume(Worker& w, Parcel& parcel);

}  // namespace viaduct::dataplane
