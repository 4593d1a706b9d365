// The packet's whole way, in the order in which it meets the stages. Read this first.
//
//   port ─▶ ethernet ──(nothing else to do: checks, look-up, rewrite in one pass)────────────▶ port
//              │
//              ▼
//   ┌─▶ ip4_input ─▶ input_features ─▶ route ─▶ routed ─▶ output_features ─▶ crypto_map ─┐
//   │                                             │              │               │       │
//   │                                             ▼              ▼               ▼       ▼
//   │                                           local         gre_out ──────▶ esp_out  adjacency ─▶ port
//   │                                          │     │           │               │
//   └── decrypted, decapsulated ◀── esp_in, gre_in   ▼           └── outer ──────┴──▶ route (again)
//                                                 control
//
// Short ways, which skip only what would not have acted: ethernet ─▶ esp_in for ESP to us; esp_in ─▶ gre_in for GRE in a
// protected tunnel; esp_in, gre_in or ip4_input ─▶ straight ─▶ port, gre_out or crypto_map for what came out of a tunnel,
// or was translated, and has nothing else to do.
//
// A decrypted or decapsulated packet re-enters at ip4_input on the interface that it now belongs to; an
// encrypted or encapsulated one is routed again by its outer destination. Every such turn is one pass of
// the loop below, and no packet makes more than kMaxPasses of them.
//
// Address translation (nat44) stands outside → inside behind input_features, before the look-up (route, straight);
// inside → outside behind routed, before output_features: access list out, crypto map and tunnel see translated
// addresses.
#include "dataplane/pipeline.h"

#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

namespace {

using StageFunction = void (*)(Worker&);

void run(Worker& w, Stage stage, const Vector& vector, StageFunction function) {
    if (!vector.empty()) {
        const auto packets = vector.size();
        function(w);
        w.stage_done(stage, packets);
    }
}

}  // namespace

void run_pipeline(Worker& w) {
    auto& f = w.frame;
    for (unsigned pass = 0; pass <= kMaxPasses; ++pass) {
        run(w, Stage::ip4_input, f.ip4_input, ip4_input);
        run(w, Stage::input_features, f.input_features, input_features);
        run(w, Stage::nat44, f.nat44_in, nat44_in);
        run(w, Stage::straight, f.straight, straight);
        run(w, Stage::route, f.route, route);
        run(w, Stage::routed, f.routed, routed);
        run(w, Stage::nat44, f.nat44_out, nat44_out);
        run(w, Stage::local, f.local, local);
        run(w, Stage::esp_in, f.esp_in, esp_in);
        run(w, Stage::gre_in, f.gre_in, gre_in);
        run(w, Stage::output_features, f.output_features, output_features);
        run(w, Stage::gre_out, f.gre_out, gre_out);
        run(w, Stage::crypto_map, f.crypto_map, crypto_map);
        run(w, Stage::esp_out, f.esp_out, esp_out);
        if (f.ip4_input.empty() && f.straight.empty() && f.input_features.empty() &&
            f.nat44_in.empty() && f.route.empty() && f.routed.empty()) {
            break;
        }
    }
    run(w, Stage::adjacency, f.adjacency, adjacency);
}

}  // namespace viaduct::dataplane
