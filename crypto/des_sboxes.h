// The S-boxes of DES (FIPS 46-3) as circuits of three-input gates: lut<T>(a, b, c) is bit 4a + 2b + c
// of T. Found by a search over truth tables of our own; the tests prove them through DES itself
// against OpenSSL. Inputs in the order of the standard (b1 … b6), outputs highest bit first.
#pragma once

#include <array>
#include <cstddef>

namespace viaduct::crypto {

// 28 gates.
template <typename V>
inline void sbox1(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x86>(x[3], x[5], x[4]);
    const V g1 = V::template lut<0x06>(x[2], x[0], x[5]);
    const V g2 = V::template lut<0xBC>(g1, x[4], g0);
    const V g3 = V::template lut<0xCA>(x[2], g0, g2);
    const V g4 = V::template lut<0x59>(x[3], x[2], g3);
    const V g5 = V::template lut<0x56>(g4, x[3], x[2]);
    const V g6 = V::template lut<0x72>(g5, g0, x[4]);
    const V g7 = V::template lut<0xCA>(x[0], g6, g4);
    const V g8 = V::template lut<0xCA>(x[1], g3, g7);
    const V g9 = V::template lut<0x1C>(x[0], g6, x[5]);
    const V g10 = V::template lut<0x48>(g9, x[4], x[2]);
    const V g11 = V::template lut<0x86>(g9, g6, x[3]);
    const V g12 = V::template lut<0xCA>(x[4], g10, g11);
    const V g13 = V::template lut<0x79>(g5, x[4], x[5]);
    const V g14 = V::template lut<0x5E>(g11, x[2], g13);
    const V g15 = V::template lut<0xCA>(x[0], g13, g14);
    const V g16 = V::template lut<0xCA>(x[1], g15, g12);
    const V g17 = V::template lut<0x6F>(g4, x[3], g1);
    const V g18 = V::template lut<0x68>(g17, g6, x[0]);
    const V g19 = V::template lut<0xD6>(g15, g3, g18);
    const V g20 = V::template lut<0x56>(g6, g18, g14);
    const V g21 = V::template lut<0xCA>(x[5], g20, g19);
    const V g22 = V::template lut<0xCA>(x[1], g18, g21);
    const V g23 = V::template lut<0x2D>(g7, g0, g20);
    const V g24 = V::template lut<0x61>(g23, g12, g3);
    const V g25 = V::template lut<0x18>(g4, g18, x[5]);
    const V g26 = V::template lut<0x79>(g25, g24, g10);
    const V g27 = V::template lut<0xCA>(x[1], g24, g26);
    y[0] = g8;
    y[1] = g22;
    y[2] = g27;
    y[3] = g16;
}

// 28 gates.
template <typename V>
inline void sbox2(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x35>(x[4], x[2], x[3]);
    const V g1 = V::template lut<0x48>(g0, x[5], x[1]);
    const V g2 = V::template lut<0x2E>(g0, x[1], x[3]);
    const V g3 = V::template lut<0x4B>(g2, x[2], x[4]);
    const V g4 = V::template lut<0xCA>(x[5], g1, g3);
    const V g5 = V::template lut<0xC6>(x[4], g2, x[1]);
    const V g6 = V::template lut<0x59>(x[2], x[1], x[4]);
    const V g7 = V::template lut<0x49>(g6, g4, g2);
    const V g8 = V::template lut<0xCA>(x[5], g7, g5);
    const V g9 = V::template lut<0xCA>(x[0], g8, g4);
    const V g10 = V::template lut<0x27>(g4, x[3], x[2]);
    const V g11 = V::template lut<0x96>(g10, x[4], x[0]);
    const V g12 = V::template lut<0x2E>(g2, g11, x[3]);
    const V g13 = V::template lut<0xE1>(g12, x[1], g10);
    const V g14 = V::template lut<0xCA>(x[5], g11, g13);
    const V g15 = V::template lut<0x1D>(g14, x[2], x[3]);
    const V g16 = V::template lut<0xA5>(g15, g2, g4);
    const V g17 = V::template lut<0xA9>(x[0], g10, g16);
    const V g18 = V::template lut<0xCA>(x[5], g16, g17);
    const V g19 = V::template lut<0x68>(x[5], g6, g12);
    const V g20 = V::template lut<0x87>(g19, x[1], g11);
    const V g21 = V::template lut<0xCA>(x[4], g18, g20);
    const V g22 = V::template lut<0x4B>(g17, g10, g20);
    const V g23 = V::template lut<0x34>(g8, g12, g22);
    const V g24 = V::template lut<0xCA>(x[2], g22, g23);
    const V g25 = V::template lut<0x2B>(g21, g9, g22);
    const V g26 = V::template lut<0x96>(g25, x[4], g7);
    const V g27 = V::template lut<0xCA>(x[5], g24, g26);
    y[0] = g21;
    y[1] = g14;
    y[2] = g27;
    y[3] = g9;
}

// 27 gates.
template <typename V>
inline void sbox3(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x53>(x[4], x[3], x[2]);
    const V g1 = V::template lut<0x69>(g0, x[1], x[5]);
    const V g2 = V::template lut<0x19>(g0, x[2], x[5]);
    const V g3 = V::template lut<0x29>(g2, x[1], x[4]);
    const V g4 = V::template lut<0xD6>(x[2], g2, g3);
    const V g5 = V::template lut<0xCA>(x[3], g3, g4);
    const V g6 = V::template lut<0xCA>(x[0], g5, g1);
    const V g7 = V::template lut<0x4F>(g2, g6, x[4]);
    const V g8 = V::template lut<0x9E>(g7, x[1], x[3]);
    const V g9 = V::template lut<0x87>(g1, x[3], g8);
    const V g10 = V::template lut<0xCA>(x[0], g9, g8);
    const V g11 = V::template lut<0x41>(x[1], g1, x[4]);
    const V g12 = V::template lut<0x69>(g11, x[0], g8);
    const V g13 = V::template lut<0xCA>(x[2], g12, g10);
    const V g14 = V::template lut<0x69>(g0, g10, g4);
    const V g15 = V::template lut<0x74>(x[3], g12, g0);
    const V g16 = V::template lut<0x41>(g15, g6, g11);
    const V g17 = V::template lut<0xCA>(x[0], g16, g14);
    const V g18 = V::template lut<0x16>(g3, x[2], g16);
    const V g19 = V::template lut<0x5B>(g2, g14, x[4]);
    const V g20 = V::template lut<0xCA>(x[0], g19, g18);
    const V g21 = V::template lut<0xCA>(x[1], g20, g17);
    const V g22 = V::template lut<0x7D>(g18, x[5], g19);
    const V g23 = V::template lut<0x69>(g22, x[1], x[3]);
    const V g24 = V::template lut<0x74>(x[2], g1, g8);
    const V g25 = V::template lut<0x36>(g24, g23, x[1]);
    const V g26 = V::template lut<0xCA>(x[0], g25, g23);
    y[0] = g26;
    y[1] = g13;
    y[2] = g21;
    y[3] = g6;
}

// 27 gates.
template <typename V>
inline void sbox4(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x47>(x[2], x[4], x[3]);
    const V g1 = V::template lut<0xE8>(x[3], x[4], x[2]);
    const V g2 = V::template lut<0xCA>(x[1], g1, g0);
    const V g3 = V::template lut<0x71>(x[4], g0, x[1]);
    const V g4 = V::template lut<0x96>(g3, x[3], x[2]);
    const V g5 = V::template lut<0xCA>(x[5], g2, g4);
    const V g6 = V::template lut<0x6D>(g5, g2, x[4]);
    const V g7 = V::template lut<0x2D>(x[2], g4, x[1]);
    const V g8 = V::template lut<0x1E>(g7, g6, x[3]);
    const V g9 = V::template lut<0xCA>(x[5], g8, g6);
    const V g10 = V::template lut<0xCA>(x[0], g9, g5);
    const V g11 = V::template lut<0x2E>(g4, x[5], g2);
    const V g12 = V::template lut<0x93>(x[4], g7, g0);
    const V g13 = V::template lut<0x92>(g4, g2, x[4]);
    const V g14 = V::template lut<0xCA>(x[5], g13, g12);
    const V g15 = V::template lut<0xCA>(x[0], g14, g11);
    const V g16 = V::template lut<0x27>(g15, g4, g5);
    const V g17 = V::template lut<0x96>(g16, g6, x[0]);
    const V g18 = V::template lut<0x54>(g16, g14, g9);
    const V g19 = V::template lut<0xA6>(x[5], g14, g5);
    const V g20 = V::template lut<0xCA>(x[0], g19, g18);
    const V g21 = V::template lut<0xCA>(x[1], g20, g17);
    const V g22 = V::template lut<0x3E>(g10, g1, g3);
    const V g23 = V::template lut<0x69>(g22, g21, g11);
    const V g24 = V::template lut<0x6B>(x[0], g11, g14);
    const V g25 = V::template lut<0xA4>(g24, g20, g23);
    const V g26 = V::template lut<0xCA>(x[3], g25, g23);
    y[0] = g10;
    y[1] = g15;
    y[2] = g21;
    y[3] = g26;
}

// 29 gates.
template <typename V>
inline void sbox5(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x19>(x[1], x[2], x[0]);
    const V g1 = V::template lut<0x41>(g0, x[4], x[5]);
    const V g2 = V::template lut<0x3A>(x[4], x[0], x[2]);
    const V g3 = V::template lut<0x1E>(g2, x[1], g0);
    const V g4 = V::template lut<0xCA>(x[5], g3, g1);
    const V g5 = V::template lut<0x61>(x[2], x[0], x[4]);
    const V g6 = V::template lut<0x96>(g5, x[1], x[5]);
    const V g7 = V::template lut<0xCA>(x[3], g6, g4);
    const V g8 = V::template lut<0x18>(x[2], g7, x[4]);
    const V g9 = V::template lut<0x39>(g8, g5, x[5]);
    const V g10 = V::template lut<0x3B>(g0, x[5], x[4]);
    const V g11 = V::template lut<0x94>(g10, g9, g8);
    const V g12 = V::template lut<0xCA>(x[3], g11, g9);
    const V g13 = V::template lut<0x37>(g7, g3, x[0]);
    const V g14 = V::template lut<0x96>(g13, g10, x[3]);
    const V g15 = V::template lut<0xCA>(x[1], g12, g14);
    const V g16 = V::template lut<0x94>(g0, g14, g11);
    const V g17 = V::template lut<0x65>(g12, g7, x[2]);
    const V g18 = V::template lut<0x69>(g17, g16, x[5]);
    const V g19 = V::template lut<0xCA>(x[0], g18, g16);
    const V g20 = V::template lut<0x7E>(g13, x[4], g9);
    const V g21 = V::template lut<0x2E>(g4, g9, g16);
    const V g22 = V::template lut<0xCA>(x[0], g21, g20);
    const V g23 = V::template lut<0xCA>(x[1], g19, g22);
    const V g24 = V::template lut<0x2D>(x[0], g17, g12);
    const V g25 = V::template lut<0x9C>(g24, g6, g19);
    const V g26 = V::template lut<0x1B>(x[1], x[0], g15);
    const V g27 = V::template lut<0x69>(g26, g7, g23);
    const V g28 = V::template lut<0xCA>(x[4], g27, g25);
    y[0] = g28;
    y[1] = g7;
    y[2] = g23;
    y[3] = g15;
}

// 28 gates.
template <typename V>
inline void sbox6(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0xAC>(x[0], x[5], x[1]);
    const V g1 = V::template lut<0x96>(x[1], x[0], x[5]);
    const V g2 = V::template lut<0xCA>(x[2], g1, g0);
    const V g3 = V::template lut<0x2B>(g1, x[5], x[1]);
    const V g4 = V::template lut<0x25>(g3, x[0], x[2]);
    const V g5 = V::template lut<0xCA>(x[4], g4, g2);
    const V g6 = V::template lut<0x49>(g0, x[4], x[2]);
    const V g7 = V::template lut<0xB1>(g6, g5, g1);
    const V g8 = V::template lut<0xCA>(x[3], g7, g5);
    const V g9 = V::template lut<0x69>(x[4], x[0], x[3]);
    const V g10 = V::template lut<0x2D>(x[1], g9, x[4]);
    const V g11 = V::template lut<0xCA>(x[2], g9, g10);
    const V g12 = V::template lut<0x78>(g4, g8, g5);
    const V g13 = V::template lut<0xA7>(g12, g11, x[4]);
    const V g14 = V::template lut<0xCA>(x[5], g13, g11);
    const V g15 = V::template lut<0x99>(x[0], g1, x[4]);
    const V g16 = V::template lut<0xE7>(g3, g9, x[5]);
    const V g17 = V::template lut<0xCA>(x[3], g16, g15);
    const V g18 = V::template lut<0x96>(g10, x[1], g17);
    const V g19 = V::template lut<0xB4>(g10, g16, x[3]);
    const V g20 = V::template lut<0xCA>(x[0], g19, g18);
    const V g21 = V::template lut<0xCA>(x[2], g20, g17);
    const V g22 = V::template lut<0xE5>(g17, g12, g19);
    const V g23 = V::template lut<0x63>(g4, g10, x[3]);
    const V g24 = V::template lut<0xCA>(x[2], g23, g22);
    const V g25 = V::template lut<0x4B>(x[3], g2, g8);
    const V g26 = V::template lut<0x96>(g25, g13, g16);
    const V g27 = V::template lut<0xCA>(x[5], g26, g24);
    y[0] = g14;
    y[1] = g21;
    y[2] = g8;
    y[3] = g27;
}

// 28 gates.
template <typename V>
inline void sbox7(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x6D>(x[4], x[3], x[1]);
    const V g1 = V::template lut<0x34>(x[4], x[3], x[1]);
    const V g2 = V::template lut<0xCA>(x[2], g1, g0);
    const V g3 = V::template lut<0x4B>(x[2], g0, g1);
    const V g4 = V::template lut<0xCA>(x[0], g3, g2);
    const V g5 = V::template lut<0x7D>(g3, x[2], x[1]);
    const V g6 = V::template lut<0x96>(g5, g2, x[0]);
    const V g7 = V::template lut<0xCA>(x[5], g4, g6);
    const V g8 = V::template lut<0x29>(x[2], x[0], x[4]);
    const V g9 = V::template lut<0x3D>(g8, g4, g2);
    const V g10 = V::template lut<0xB8>(g8, g6, x[3]);
    const V g11 = V::template lut<0xCA>(x[5], g10, g9);
    const V g12 = V::template lut<0x65>(x[2], x[0], g0);
    const V g13 = V::template lut<0xE4>(g12, g4, x[5]);
    const V g14 = V::template lut<0xCA>(x[1], g13, g11);
    const V g15 = V::template lut<0x69>(x[5], g14, g8);
    const V g16 = V::template lut<0x29>(g15, g10, x[3]);
    const V g17 = V::template lut<0x4B>(g6, g3, x[5]);
    const V g18 = V::template lut<0xCA>(x[4], g17, g16);
    const V g19 = V::template lut<0x16>(g7, g12, g16);
    const V g20 = V::template lut<0x69>(g19, g10, x[5]);
    const V g21 = V::template lut<0xCA>(x[2], g20, g18);
    const V g22 = V::template lut<0x4D>(g12, g8, g7);
    const V g23 = V::template lut<0x43>(g20, g17, g22);
    const V g24 = V::template lut<0xCA>(x[2], g23, g22);
    const V g25 = V::template lut<0x1A>(g7, g1, x[5]);
    const V g26 = V::template lut<0x86>(g25, g15, x[4]);
    const V g27 = V::template lut<0xCA>(x[3], g26, g24);
    y[0] = g14;
    y[1] = g27;
    y[2] = g21;
    y[3] = g7;
}

// 27 gates.
template <typename V>
inline void sbox8(const std::array<V, 6>& x, std::array<V, 4>& y) {
    const V g0 = V::template lut<0x62>(x[3], x[2], x[4]);
    const V g1 = V::template lut<0x28>(g0, x[0], x[5]);
    const V g2 = V::template lut<0x79>(x[0], x[4], x[3]);
    const V g3 = V::template lut<0x1F>(g2, g1, x[2]);
    const V g4 = V::template lut<0xCA>(x[1], g1, g3);
    const V g5 = V::template lut<0x4A>(x[0], g0, x[2]);
    const V g6 = V::template lut<0xE1>(g5, x[4], x[3]);
    const V g7 = V::template lut<0x24>(g2, g3, x[2]);
    const V g8 = V::template lut<0xCA>(x[1], g7, g6);
    const V g9 = V::template lut<0xCA>(x[5], g4, g8);
    const V g10 = V::template lut<0x61>(x[4], g4, g6);
    const V g11 = V::template lut<0x47>(g10, x[5], g8);
    const V g12 = V::template lut<0x6A>(g8, g7, x[4]);
    const V g13 = V::template lut<0xA9>(g12, x[5], g11);
    const V g14 = V::template lut<0xCA>(x[0], g13, g11);
    const V g15 = V::template lut<0xE4>(g2, g5, g12);
    const V g16 = V::template lut<0x63>(g7, x[3], x[4]);
    const V g17 = V::template lut<0xCA>(x[5], g16, g15);
    const V g18 = V::template lut<0x3B>(x[5], x[0], x[4]);
    const V g19 = V::template lut<0x63>(g18, g17, g8);
    const V g20 = V::template lut<0xCA>(x[1], g17, g19);
    const V g21 = V::template lut<0x9A>(g16, g13, x[4]);
    const V g22 = V::template lut<0x59>(g6, x[5], g21);
    const V g23 = V::template lut<0xCA>(x[0], g22, g21);
    const V g24 = V::template lut<0x5E>(g13, g19, g16);
    const V g25 = V::template lut<0x3D>(g24, g23, g7);
    const V g26 = V::template lut<0xCA>(x[1], g23, g25);
    y[0] = g14;
    y[1] = g20;
    y[2] = g26;
    y[3] = g9;
}

template <std::size_t kBox, typename V>
inline void sbox(const std::array<V, 6>& x, std::array<V, 4>& y) {
    if constexpr (kBox == 0) {
        sbox1(x, y);
    }
    if constexpr (kBox == 1) {
        sbox2(x, y);
    }
    if constexpr (kBox == 2) {
        sbox3(x, y);
    }
    if constexpr (kBox == 3) {
        sbox4(x, y);
    }
    if constexpr (kBox == 4) {
        sbox5(x, y);
    }
    if constexpr (kBox == 5) {
        sbox6(x, y);
    }
    if constexpr (kBox == 6) {
        sbox7(x, y);
    }
    if constexpr (kBox == 7) {
        sbox8(x, y);
    }
}

}  // namespace viaduct::crypto
