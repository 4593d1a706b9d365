// The command line of `viaduct bench ike`.
#pragma once

namespace viaduct::bench {

int ike_main(int argc, char** argv);

}  // namespace viaduct::bench
