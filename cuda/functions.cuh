// The functions of STREAM.md, section 7, in its two precisions: the operations of Laws.java in its order, so with its bits. Where a
// sequence here differs from that page's it is because both round to the same: a product by a power of two is exact and may be
// part of a fused operation, and a sign may be flipped before a product instead of after it.
#pragma once
#include "words.h"

template <typename Real>
__device__ __forceinline__ Real horner(Real, Real last) {
  return last;
}

/// c + x (next + x (...)).
template <typename Real, typename... Rest>
__device__ __forceinline__ Real horner(Real x, Real c, Real next, Rest... rest) {
  return fma(horner(x, next, rest...), x, c);
}

/// What F32 and narrower types are computed in.
struct Binary32 {
  using Real = float;
  using Bits = s32;
  using Word = u32;  // what makes one uniform
  static constexpr int BLOCKS = 1;  // that make four elements
  static constexpr Word ALL = 0xffffffff;
  static constexpr int FRACTION = 23, BIAS = 127;
  static constexpr Bits ROOT_HALF = 0x3f3504f3;
  static constexpr Real LOG_STEP = -0x1.62e43p-23f, TWO_LN2 = 0x1.62e43p0f;
  static constexpr Real TWO_OVER_PI = 0x1.45f306p-1f, HALF_PI_HIGH = 0x1.921fb6p0f, HALF_PI_LOW = -0x1.777a5cp-25f, ROUNDER = 0x1.8p23f;
  static constexpr Real LOG2_E = 0x1.715476p0f, LN2_HIGH = 0x1.62e43p-1f, LN2_LOW = -0x1.05c61p-29f, EXP_LEAST = -104, EXP_GREATEST = 89;
  static constexpr int TAIL_EXPONENTS = 24;
  static constexpr Real TAIL_SCALE = 0x1p25f;

  static __device__ __forceinline__ Word word(const u32* words, int element) { return words[element]; }
  static __device__ __forceinline__ Real unit(Word word) { return fma(static_cast<float>(word), 0x1p-32f, 0x1p-33f); }
  static __device__ __forceinline__ Real angle(Word word) {
    return add(mul(static_cast<float>(word), 0x1.921fb6p-30f), 0x1.921fb6p-31f);
  }

  /// An exponent where it stands in the bits, as a number, exactly; LOG_STEP takes its place into account.
  static __device__ __forceinline__ Real exponent(Bits bits) { return static_cast<float>(bits); }
  static __device__ __forceinline__ Real logEven(Real g) {
    return horner(g, 0x1.fffffap-1f, 0x1.00049ap-1f, 0x1.535d3p-2f, 0x1.25049ap-2f);
  }
  static __device__ __forceinline__ Real logOdd(Real g) {
    return horner(g, 0x1.5556f4p-1f, 0x1.98d2cp-2f, 0x1.318526p-2f, 0x1.65c766p-3f);
  }
  static __device__ __forceinline__ Real sine(Real w) { return horner(w, -0x1.555546p-3f, 0x1.110756p-7f, -0x1.994b4p-13f); }
  static __device__ __forceinline__ Real cosine(Real w) { return horner(w, -0x1p-1f, 0x1.55553cp-5f, -0x1.6c07e2p-10f, 0x1.9912fep-16f); }
  static __device__ __forceinline__ Real exponential(Real r) {
    return horner(r, 0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.1239e2p-7f, 0x1.6a242cp-10f);
  }
  static __device__ __forceinline__ Real tailNumerator(Real s) {
    return horner(s, 1.0f, 0x1.2db2ep2f, 0x1.1c6b2ep1f, 0x1.bcf0e6p-3f, 0x1.80c16p-9f);
  }
  static __device__ __forceinline__ Real tailExcess(Real s) {
    return horner(s, 0x1.9f831ep-2f, 0x1.3eb814p1f, 0x1.2dc9dep-1f, 0x1.f98848p-7f);
  }
};

/// What F64 is computed in.
struct Binary64 {
  using Real = double;
  using Bits = s64;
  using Word = u64;
  static constexpr int BLOCKS = 2;
  static constexpr Word ALL = (1ull << 53) - 1;
  static constexpr int FRACTION = 52, BIAS = 1023;
  static constexpr Bits ROOT_HALF = 0x3fe6a09e667f3bcd;
  static constexpr Real LOG_STEP = -0x1.62e42fefa39efp-20, TWO_LN2 = 0x1.62e42fefa39efp0;
  static constexpr Real TWO_OVER_PI = 0x1.45f306dc9c883p-1, HALF_PI_HIGH = 0x1.921fb54442d18p0, HALF_PI_LOW = 0x1.1a62633145c07p-54;
  static constexpr Real ROUNDER = 0x1.8p52;
  static constexpr Real LOG2_E = 0x1.71547652b82fep0, LN2_HIGH = 0x1.62e42fefa39efp-1, LN2_LOW = 0x1.abc9e3b39803fp-56;
  static constexpr Real EXP_LEAST = -746, EXP_GREATEST = 710;
  static constexpr int TAIL_EXPONENTS = 53;
  static constexpr Real TAIL_SCALE = 0x1p54;

  static __device__ __forceinline__ Word word(const u32* words, int element) {
    return words[2 * element] ^ static_cast<u64>(words[2 * element + 1]) << 21;
  }
  static __device__ __forceinline__ Real unit(Word word) { return fma(static_cast<double>(word), 0x1p-53, 0x1p-54); }
  static __device__ __forceinline__ Real angle(Word word) { return mul(0x1.921fb54442d18p2, unit(word)); }

  static __device__ __forceinline__ Real exponent(Bits bits) { return static_cast<double>(static_cast<s32>(bits >> 32)); }
  static __device__ __forceinline__ Real logEven(Real g) {
    return horner(g, 0x1.0000000000003p0, 0x1.fffffffffdcb6p-2, 0x1.55555556f1b22p-2, 0x1.fffffef04068p-3, 0x1.9999c9c002f14p-3,
                  0x1.555069c147589p-3, 0x1.24dc87827eeeep-3, 0x1.fb712e807ec28p-4, 0x1.d12742c8ebfc2p-4, 0x1.ec0331f4672a5p-4);
  }
  static __device__ __forceinline__ Real logOdd(Real g) {
    return horner(g, 0x1.555555555551ep-1, 0x1.99999999a118fp-2, 0x1.2492492279f24p-2, 0x1.c71c71beea856p-3, 0x1.745d48850bcfap-3,
                  0x1.3b0a860867828p-3, 0x1.11db158f2ef82p-3, 0x1.cf957d87c5c19p-4, 0x1.0b72e48a6cd26p-3, 0x1.acd31681d34f4p-5);
  }
  static __device__ __forceinline__ Real sine(Real w) {
    return horner(w, -0x1.5555555555548p-3, 0x1.111111110f7cap-7, -0x1.a01a019bfd187p-13, 0x1.71de356711c24p-19, -0x1.ae5e59f4b169bp-26,
                  0x1.5d8fa2c90d81p-33);
  }
  static __device__ __forceinline__ Real cosine(Real w) {
    return horner(w, -0x1p-1, 0x1.555555555554bp-5, -0x1.6c16c16c14f8ap-10, 0x1.a01a019c838ffp-16, -0x1.27e4f7ea36996p-22,
                  0x1.1ee9d751c64f1p-29, -0x1.8fa4657a583bap-37);
  }
  static __device__ __forceinline__ Real exponential(Real r) {
    return horner(r, 0x1.000000000000ap-1, 0x1.55555555554fap-3, 0x1.555555555087bp-5, 0x1.1111111127bd4p-7, 0x1.6c16c1842a6d5p-10,
                  0x1.a01a012a5d70dp-13, 0x1.a0199a0b81695p-16, 0x1.71df25454e1abp-19, 0x1.28ad7392eaf32p-22, 0x1.ad7f83d632d51p-26);
  }
  static __device__ __forceinline__ Real tailNumerator(Real s) {
    return horner(s, 1.0, 0x1.8c8c8d6ab124ep4, 0x1.0d413523ebea4p7, 0x1.f3cd643ab326cp7, 0x1.7c13904c96e3p7, 0x1.321cd1b9cce22p6,
                  0x1.1e084e5775f34p4, 0x1.25a11e0e91032p1, 0x1.309933038d955p-3, 0x1.26fb15c099a05p-8, 0x1.ddfe50aee992ap-15,
                  0x1.0614c81005422p-22, 0x1.bf6a8a8d06b37p-33);
  }
  static __device__ __forceinline__ Real tailExcess(Real s) {
    return horner(s, 0x1.5f9dc9f02be5cp-2, 0x1.5cd1d3ab1ce32p3, 0x1.054165300cde6p6, 0x1.d8fb31b9a9e77p6, 0x1.2a76e75e4a55ap6,
                  0x1.8e96d0f57a7cep4, 0x1.1fb78815f15d2p2, 0x1.937527e3ab105p-2, 0x1.fc3917636ad5ep-7, 0x1.068d7ef432e62p-12,
                  0x1.7285f6d9f415cp-20, 0x1.b990924d66cdp-30);
  }
};

// Selections, not minima and maxima, which also order zeros by their sign.
template <typename Real>
__device__ __forceinline__ Real atMost(Real high, Real value) {
  return value > high ? high : value;
}

template <typename Real>
__device__ __forceinline__ Real atLeast(Real low, Real value) {
  return value < low ? low : value;
}

/// -2 ln(x / 2^exponents).
template <typename F>
__device__ __forceinline__ typename F::Real minusTwoLog(typename F::Real x, int exponents = 0) {
  using Bits = typename F::Bits;
  using Real = typename F::Real;
  Bits scale = static_cast<Bits>(exponents) << F::FRACTION;
  Bits e = (bits(x) - (F::ROOT_HALF + scale)) & ~((static_cast<Bits>(1) << F::FRACTION) - 1);
  Real f = sub(static_cast<Real>(1), real(bits(x) - (e + scale)));
  Real g = mul(f, f);
  Real quotient = fma(fma(F::logOdd(g), f, F::logEven(g)), f, static_cast<Real>(2));
  return fma(f, quotient, mul(F::exponent(e), F::LOG_STEP));
}

/// A pair of unit normals, by the sine and by the cosine of the second word's angle.
template <typename F>
__device__ __forceinline__ void normals(typename F::Word x, typename F::Word y, typename F::Real& even, typename F::Real& odd) {
  using Real = typename F::Real;
  Real radius = sqrt(minusTwoLog<F>(F::unit(x)));
  Real v = F::angle(y);
  Real turns = fma(v, F::TWO_OVER_PI, F::ROUNDER);
  Real n = sub(turns, F::ROUNDER);
  Real r = fma(n, -F::HALF_PI_LOW, fma(n, -F::HALF_PI_HIGH, v));
  Real w = mul(r, r);
  Real sine = fma(F::sine(w), mul(r, w), r);
  Real cosine = fma(F::cosine(w), w, static_cast<Real>(1));
  s32 quarter = static_cast<s32>(bits(turns));
  bool swap = (quarter & 1) != 0;
  Real flipped = real(bits(radius) ^ static_cast<typename F::Bits>(quarter & 2) << (8 * sizeof(Real) - 2));
  even = mul(flipped, swap ? cosine : sine);
  odd = mul(flipped, swap ? -sine : cosine);
}

template <typename F>
__device__ __forceinline__ typename F::Real powerOfTwo(typename F::Bits exponent) {
  return real((exponent + F::BIAS) << F::FRACTION);
}

template <typename F>
__device__ __forceinline__ typename F::Real exponential(typename F::Real x) {
  using Real = typename F::Real;
  Real bounded = atLeast(F::EXP_LEAST, atMost(F::EXP_GREATEST, x));
  Real shifted = fma(bounded, F::LOG2_E, F::ROUNDER);
  Real n = sub(shifted, F::ROUNDER);
  typename F::Bits k = bits(shifted) - bits(F::ROUNDER);
  Real r = fma(n, -F::LN2_LOW, fma(n, -F::LN2_HIGH, bounded));
  Real y = add(static_cast<Real>(1), fma(mul(r, r), F::exponential(r), r));
  typename F::Bits half = k >> 1;
  return mul(mul(y, powerOfTwo<F>(half)), powerOfTwo<F>(k - half));
}

/// T(p), the z that a unit normal exceeds with probability p.
template <typename F>
__device__ __forceinline__ typename F::Real upperQuantile(typename F::Real p) {
  using Real = typename F::Real;
  Real w = minusTwoLog<F>(mul(p, F::TAIL_SCALE), F::TAIL_EXPONENTS);
  Real s = sqrt(add(w, F::TWO_LN2));
  Real numerator = F::tailNumerator(s);
  return div(mul(w, numerator), fma(s, numerator, F::tailExcess(s)));
}
