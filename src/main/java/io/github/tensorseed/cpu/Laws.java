package io.github.tensorseed.cpu;

import static java.lang.Math.fma;

/// The value of every element, word by word: the definition that vector kernels and CUDA kernels must match bit for bit.
///
/// Each function is a fixed sequence of IEEE 754 operations, rounded to nearest even: `+ - * /`, square root, fused
/// multiply-add where the source says `fma`, integer operations and selects. There are no loops, no tables and no calls into a
/// platform's mathematics library, so a function maps one to one to SIMD lanes and to PTX. Subnormal numbers must be kept.
/// Coefficients are package-private because the vector kernels share them; they and the order of operations are frozen by
/// the stream's version.
///
/// The binary32 functions come first; those that compute in binary64 have the same shape and end in `64`.
///
/// - Precision: errors are given in units in the last place (ulp) of the exact result for the argument as it is. Each bound
///   is what the tests measured, rounded up.
/// - Source: polynomials and rational functions are minimax fits with relative weights. Box and Muller (1958) for the normal
///   pair, Cody and Waite (1980) for the argument reductions.
final class Laws {
  // log: -2 ln(1 - f) = f (2 + f Q(f)) for 1 - f in [sqrt(1/2), sqrt(2))
  static final float LOG_0 = 0x1.fffffap-1f;
  static final float LOG_1 = 0x1.5556f4p-1f;
  static final float LOG_2 = 0x1.00049ap-1f;
  static final float LOG_3 = 0x1.98d2cp-2f;
  static final float LOG_4 = 0x1.535d3p-2f;
  static final float LOG_5 = 0x1.318526p-2f;
  static final float LOG_6 = 0x1.25049ap-2f;
  static final float LOG_7 = 0x1.65c766p-3f;
  static final float MINUS_TWO_LN2 = -0x1.62e43p0f;
  /// The bits of sqrt(1/2), the least significand of the logarithm's reduction.
  static final int ROOT_HALF_BITS = 0x3f3504f3;
  static final int EXPONENT_SHIFT = 23;
  static final int FRACTION_MASK = (1 << EXPONENT_SHIFT) - 1;

  // sin r = r + r w S(w), cos r = 1 + w C(w) with w = r r, for |r| <= pi/4
  static final float SIN_0 = -0x1.555546p-3f;
  static final float SIN_1 = 0x1.110756p-7f;
  static final float SIN_2 = -0x1.994b4p-13f;
  static final float COS_0 = -0x1p-1f;
  static final float COS_1 = 0x1.55553cp-5f;
  static final float COS_2 = -0x1.6c07e2p-10f;
  static final float COS_3 = 0x1.9912fep-16f;
  static final float TWO_OVER_PI = 0x1.45f306p-1f;
  static final float HALF_PI_HIGH = 0x1.921fb6p0f;
  static final float HALF_PI_LOW = -0x1.777a5cp-25f;
  /// Added and taken away again, it rounds to an integer, which the sum's low bits hold meanwhile.
  static final float ROUNDER = 0x1.8p23f;

  // exp r = 1 + (r + r r E(r)) for |r| <= ln(2)/2
  static final float EXP_0 = 0x1.fffffcp-2f;
  static final float EXP_1 = 0x1.555492p-3f;
  static final float EXP_2 = 0x1.5558f2p-5f;
  static final float EXP_3 = 0x1.1239e2p-7f;
  static final float EXP_4 = 0x1.6a242cp-10f;
  static final float LOG2_E = 0x1.715476p0f;
  static final float LN2_HIGH = 0x1.62e43p-1f;
  static final float LN2_LOW = -0x1.05c61p-29f;
  static final float EXP_LEAST = -104; // exp is 0 here and below
  static final float EXP_GREATEST = 89; // exp is infinite here and above

  // T = w P(s) / (s P(s) + D(s)) with w = -2 ln(2p), s = sqrt(-2 ln p): w/T is nearly s far out, and P's rounding errors cancel
  static final float TAIL_P1 = 0x1.2db2ep2f;
  static final float TAIL_P2 = 0x1.1c6b2ep1f;
  static final float TAIL_P3 = 0x1.bcf0e6p-3f;
  static final float TAIL_P4 = 0x1.80c16p-9f;
  static final float TAIL_D0 = 0x1.9f831ep-2f;
  static final float TAIL_D1 = 0x1.3eb814p1f;
  static final float TAIL_D2 = 0x1.2dc9dep-1f;
  static final float TAIL_D3 = 0x1.f98848p-7f;
  static final float TWO_LN2 = -MINUS_TWO_LN2;

  /// 2 pi / 2^32 and half of it, as the 32-bit words of cuRAND's normal take them.
  static final float ANGLE_STEP = 0x1.921fb6p-30f;
  static final float ANGLE_START = 0x1.921fb6p-31f;

  static final double LOG64_0 = 0x1.0000000000003p0;
  static final double LOG64_1 = 0x1.555555555551ep-1;
  static final double LOG64_2 = 0x1.fffffffffdcb6p-2;
  static final double LOG64_3 = 0x1.99999999a118fp-2;
  static final double LOG64_4 = 0x1.55555556f1b22p-2;
  static final double LOG64_5 = 0x1.2492492279f24p-2;
  static final double LOG64_6 = 0x1.fffffef04068p-3;
  static final double LOG64_7 = 0x1.c71c71beea856p-3;
  static final double LOG64_8 = 0x1.9999c9c002f14p-3;
  static final double LOG64_9 = 0x1.745d48850bcfap-3;
  static final double LOG64_10 = 0x1.555069c147589p-3;
  static final double LOG64_11 = 0x1.3b0a860867828p-3;
  static final double LOG64_12 = 0x1.24dc87827eeeep-3;
  static final double LOG64_13 = 0x1.11db158f2ef82p-3;
  static final double LOG64_14 = 0x1.fb712e807ec28p-4;
  static final double LOG64_15 = 0x1.cf957d87c5c19p-4;
  static final double LOG64_16 = 0x1.d12742c8ebfc2p-4;
  static final double LOG64_17 = 0x1.0b72e48a6cd26p-3;
  static final double LOG64_18 = 0x1.ec0331f4672a5p-4;
  static final double LOG64_19 = 0x1.acd31681d34f4p-5;
  static final double MINUS_TWO_LN2_64 = -0x1.62e42fefa39efp0;
  static final long ROOT_HALF_BITS_64 = 0x3fe6a09e667f3bcdL;
  static final int EXPONENT_SHIFT_64 = 52;
  static final long FRACTION_MASK_64 = (1L << EXPONENT_SHIFT_64) - 1;

  static final double SIN64_0 = -0x1.5555555555548p-3;
  static final double SIN64_1 = 0x1.111111110f7cap-7;
  static final double SIN64_2 = -0x1.a01a019bfd187p-13;
  static final double SIN64_3 = 0x1.71de356711c24p-19;
  static final double SIN64_4 = -0x1.ae5e59f4b169bp-26;
  static final double SIN64_5 = 0x1.5d8fa2c90d81p-33;
  static final double COS64_0 = -0x1p-1;
  static final double COS64_1 = 0x1.555555555554bp-5;
  static final double COS64_2 = -0x1.6c16c16c14f8ap-10;
  static final double COS64_3 = 0x1.a01a019c838ffp-16;
  static final double COS64_4 = -0x1.27e4f7ea36996p-22;
  static final double COS64_5 = 0x1.1ee9d751c64f1p-29;
  static final double COS64_6 = -0x1.8fa4657a583bap-37;
  static final double TWO_OVER_PI_64 = 0x1.45f306dc9c883p-1;
  static final double HALF_PI_HIGH_64 = 0x1.921fb54442d18p0;
  static final double HALF_PI_LOW_64 = 0x1.1a62633145c07p-54;
  static final double ROUNDER_64 = 0x1.8p52;

  static final double EXP64_0 = 0x1.000000000000ap-1;
  static final double EXP64_1 = 0x1.55555555554fap-3;
  static final double EXP64_2 = 0x1.555555555087bp-5;
  static final double EXP64_3 = 0x1.1111111127bd4p-7;
  static final double EXP64_4 = 0x1.6c16c1842a6d5p-10;
  static final double EXP64_5 = 0x1.a01a012a5d70dp-13;
  static final double EXP64_6 = 0x1.a0199a0b81695p-16;
  static final double EXP64_7 = 0x1.71df25454e1abp-19;
  static final double EXP64_8 = 0x1.28ad7392eaf32p-22;
  static final double EXP64_9 = 0x1.ad7f83d632d51p-26;
  static final double LOG2_E_64 = 0x1.71547652b82fep0;
  static final double LN2_HIGH_64 = 0x1.62e42fefa39efp-1;
  static final double LN2_LOW_64 = 0x1.abc9e3b39803fp-56;
  static final double EXP_LEAST_64 = -746;
  static final double EXP_GREATEST_64 = 710;

  static final double TAIL64_P1 = 0x1.8c8c8d6ab124ep4;
  static final double TAIL64_P2 = 0x1.0d413523ebea4p7;
  static final double TAIL64_P3 = 0x1.f3cd643ab326cp7;
  static final double TAIL64_P4 = 0x1.7c13904c96e3p7;
  static final double TAIL64_P5 = 0x1.321cd1b9cce22p6;
  static final double TAIL64_P6 = 0x1.1e084e5775f34p4;
  static final double TAIL64_P7 = 0x1.25a11e0e91032p1;
  static final double TAIL64_P8 = 0x1.309933038d955p-3;
  static final double TAIL64_P9 = 0x1.26fb15c099a05p-8;
  static final double TAIL64_P10 = 0x1.ddfe50aee992ap-15;
  static final double TAIL64_P11 = 0x1.0614c81005422p-22;
  static final double TAIL64_P12 = 0x1.bf6a8a8d06b37p-33;
  static final double TAIL64_D0 = 0x1.5f9dc9f02be5cp-2;
  static final double TAIL64_D1 = 0x1.5cd1d3ab1ce32p3;
  static final double TAIL64_D2 = 0x1.054165300cde6p6;
  static final double TAIL64_D3 = 0x1.d8fb31b9a9e77p6;
  static final double TAIL64_D4 = 0x1.2a76e75e4a55ap6;
  static final double TAIL64_D5 = 0x1.8e96d0f57a7cep4;
  static final double TAIL64_D6 = 0x1.1fb78815f15d2p2;
  static final double TAIL64_D7 = 0x1.937527e3ab105p-2;
  static final double TAIL64_D8 = 0x1.fc3917636ad5ep-7;
  static final double TAIL64_D9 = 0x1.068d7ef432e62p-12;
  static final double TAIL64_D10 = 0x1.7285f6d9f415cp-20;
  static final double TAIL64_D11 = 0x1.b990924d66cdp-30;
  static final double TWO_LN2_64 = -MINUS_TWO_LN2_64;

  static final double TWO_PI_64 = 0x1.921fb54442d18p2;

  private Laws() {}

  /// The uniform of (0, 1] that belongs to a word: the unsigned word, rounded to binary32, times 2^-32, plus 2^-33.
  static float uniform(int word) {
    return unsigned(word) * 0x1p-32f + 0x1p-33f;
  }

  /// The angle of (0, 2 pi] that belongs to a word. Multiplication and addition round separately, as cuRAND's do: a fused
  /// operation moves the values next to zero by thousands of ulp.
  static float angle(int word) {
    return unsigned(word) * ANGLE_STEP + ANGLE_START;
  }

  private static float unsigned(int word) {
    return word & 0xffffffffL;
  }

  /// The radius of a normal pair, `sqrt(-2 ln u)`, for a normal `u` in (0, 1]; `radius(1)` is +0.
  static float radius(float u) {
    return (float) Math.sqrt(minusTwoLog(u));
  }

  /// `-2 ln u` for a normal `u` in (0, 1], within 2 ulp; `minusTwoLog(1)` is +0.
  static float minusTwoLog(float u) {
    return minusTwoLog(u, ROOT_HALF_BITS);
  }

  /// `-2 ln(x / 2^k)`, where `origin` is the bits of `sqrt(1/2)` plus k exponents: scaling by a power of two is free.
  /// With `x = 2^(e+k) (1 - f)` it is `f (2 + f Q(f)) - 2e ln 2`. The sign of `f` is such that 1 gives +0, not -0.
  private static float minusTwoLog(float x, int origin) {
    int offset = Float.floatToRawIntBits(x) - origin;
    float e = offset >> EXPONENT_SHIFT;
    float f = 1 - Float.intBitsToFloat((offset & FRACTION_MASK) + ROOT_HALF_BITS);
    float g = f * f;
    float even = fma(fma(fma(LOG_6, g, LOG_4), g, LOG_2), g, LOG_0);
    float odd = fma(fma(fma(LOG_7, g, LOG_5), g, LOG_3), g, LOG_1);
    float quotient = fma(fma(odd, f, even), f, 2);
    return fma(f, quotient, e * MINUS_TWO_LN2);
  }

  /// `sin v` for `v` in [0, 2 pi], where binary32's own 2 pi counts as inside: within 1.5 ulp and within 1e-7. The cosine has
  /// the same reduction and the same two polynomials, so vector code computes these once for both.
  static float sin(float v) {
    float turns = quarterTurns(v);
    return wave(remainder(v, turns), Float.floatToRawIntBits(turns));
  }

  /// `cos v`: the sine one quarter turn ahead. Within 6 ulp, reached next to 3 pi/2, and within 1e-7.
  static float cos(float v) {
    float turns = quarterTurns(v);
    return wave(remainder(v, turns), Float.floatToRawIntBits(turns) + 1);
  }

  /// The number of quarter turns next to `v`, still added to [#ROUNDER], whose two low bits are zero.
  private static float quarterTurns(float v) {
    return fma(v, TWO_OVER_PI, ROUNDER);
  }

  private static float remainder(float v, float turns) {
    float n = turns - ROUNDER;
    return fma(n, -HALF_PI_LOW, fma(n, -HALF_PI_HIGH, v));
  }

  /// `sin(r + quarter pi/2)` for `|r| <= pi/4`: bit 0 of `quarter` selects the cosine, bit 1 flips the sign.
  private static float wave(float r, int quarter) {
    float w = r * r;
    float sine = fma(fma(fma(SIN_2, w, SIN_1), w, SIN_0), r * w, r);
    float cosine = fma(fma(fma(fma(COS_3, w, COS_2), w, COS_1), w, COS_0), w, 1);
    float chosen = (quarter & 1) == 0 ? sine : cosine;
    return Float.intBitsToFloat(Float.floatToRawIntBits(chosen) ^ (quarter & 2) << 30);
  }

  /// `e^x` within 1.1 ulp for every `x` but NaN; infinity on overflow. It scales by 2^k in two steps, so a subnormal result
  /// is rounded once more and nothing else is.
  static float exp(float x) {
    float bounded = Math.max(EXP_LEAST, Math.min(x, EXP_GREATEST));
    float shifted = fma(bounded, LOG2_E, ROUNDER);
    float n = shifted - ROUNDER;
    int k = Float.floatToRawIntBits(shifted) - Float.floatToRawIntBits(ROUNDER);
    float r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, bounded));
    float tail = fma(fma(fma(fma(EXP_4, r, EXP_3), r, EXP_2), r, EXP_1), r, EXP_0);
    float y = 1 + fma(r * r, tail, r);
    int half = k >> 1;
    return y * powerOfTwo(half) * powerOfTwo(k - half);
  }

  private static float powerOfTwo(int exponent) {
    return Float.intBitsToFloat(exponent + 127 << EXPONENT_SHIFT);
  }

  /// `T(p)`, the z that a standard normal exceeds with probability `p`, for `p` in (0, 1/2]; `T(1/2)` is +0. Within 5 ulp:
  /// `w = -2 ln(2p)` keeps its relative precision where `p` nears 1/2. Scaling makes a subnormal `p` normal, so those are as good;
  /// `T(0)` is finite, a little above `T` of the least positive number.
  static float upperQuantile(float p) {
    float w = minusTwoLog(p * 0x1p25f, ROOT_HALF_BITS + (24 << EXPONENT_SHIFT));
    float s = (float) Math.sqrt(w + TWO_LN2);
    float numerator = fma(fma(fma(fma(TAIL_P4, s, TAIL_P3), s, TAIL_P2), s, TAIL_P1), s, 1);
    float excess = fma(fma(fma(TAIL_D3, s, TAIL_D2), s, TAIL_D1), s, TAIL_D0);
    return w * numerator / fma(s, numerator, excess);
  }

  /// The uniform of (0, 1] that belongs to two words, as cuRAND joins them: 53 bits times 2^-53, plus 2^-54.
  static double uniform64(int x, int y) {
    return uniform64(word64(x, y));
  }

  /// The 53-bit integer that two words make: `x ^ y << 21`, both unsigned.
  static long word64(int x, int y) {
    return x & 0xffffffffL ^ (y & 0xffffffffL) << 21;
  }

  /// The uniform that belongs to a 53-bit integer.
  static double uniform64(long word) {
    return word * 0x1p-53 + 0x1p-54;
  }

  /// The angle of (0, 2 pi] that belongs to a uniform.
  static double angle64(double t) {
    return TWO_PI_64 * t;
  }

  /// See [#radius].
  static double radius64(double u) {
    return Math.sqrt(minusTwoLog64(u));
  }

  /// See [#minusTwoLog]; within 2 ulp.
  static double minusTwoLog64(double u) {
    return minusTwoLog64(u, ROOT_HALF_BITS_64);
  }

  private static double minusTwoLog64(double x, long origin) {
    long offset = Double.doubleToRawLongBits(x) - origin;
    double e = offset >> EXPONENT_SHIFT_64;
    double f = 1 - Double.longBitsToDouble((offset & FRACTION_MASK_64) + ROOT_HALF_BITS_64);
    double g = f * f;
    double even = fma(fma(fma(LOG64_18, g, LOG64_16), g, LOG64_14), g, LOG64_12);
    even = fma(fma(fma(even, g, LOG64_10), g, LOG64_8), g, LOG64_6);
    even = fma(fma(fma(even, g, LOG64_4), g, LOG64_2), g, LOG64_0);
    double odd = fma(fma(fma(LOG64_19, g, LOG64_17), g, LOG64_15), g, LOG64_13);
    odd = fma(fma(fma(odd, g, LOG64_11), g, LOG64_9), g, LOG64_7);
    odd = fma(fma(fma(odd, g, LOG64_5), g, LOG64_3), g, LOG64_1);
    double quotient = fma(fma(odd, f, even), f, 2);
    return fma(f, quotient, e * MINUS_TWO_LN2_64);
  }

  /// See [#sin]; within 2 ulp.
  static double sin64(double v) {
    double turns = quarterTurns64(v);
    return wave64(remainder64(v, turns), Double.doubleToRawLongBits(turns));
  }

  /// See [#cos]; within 2 ulp.
  static double cos64(double v) {
    double turns = quarterTurns64(v);
    return wave64(remainder64(v, turns), Double.doubleToRawLongBits(turns) + 1);
  }

  private static double quarterTurns64(double v) {
    return fma(v, TWO_OVER_PI_64, ROUNDER_64);
  }

  private static double remainder64(double v, double turns) {
    double n = turns - ROUNDER_64;
    return fma(n, -HALF_PI_LOW_64, fma(n, -HALF_PI_HIGH_64, v));
  }

  private static double wave64(double r, long quarter) {
    double w = r * r;
    double sine = fma(fma(fma(SIN64_5, w, SIN64_4), w, SIN64_3), w, SIN64_2);
    sine = fma(fma(fma(sine, w, SIN64_1), w, SIN64_0), r * w, r);
    double cosine = fma(fma(fma(COS64_6, w, COS64_5), w, COS64_4), w, COS64_3);
    cosine = fma(fma(fma(fma(cosine, w, COS64_2), w, COS64_1), w, COS64_0), w, 1);
    double chosen = (quarter & 1) == 0 ? sine : cosine;
    return Double.longBitsToDouble(Double.doubleToRawLongBits(chosen) ^ (quarter & 2) << 62);
  }

  /// See [#exp]; within 1.1 ulp.
  static double exp64(double x) {
    double bounded = Math.max(EXP_LEAST_64, Math.min(x, EXP_GREATEST_64));
    double shifted = fma(bounded, LOG2_E_64, ROUNDER_64);
    double n = shifted - ROUNDER_64;
    long k = Double.doubleToRawLongBits(shifted) - Double.doubleToRawLongBits(ROUNDER_64);
    double r = fma(n, -LN2_LOW_64, fma(n, -LN2_HIGH_64, bounded));
    double tail = fma(fma(fma(EXP64_9, r, EXP64_8), r, EXP64_7), r, EXP64_6);
    tail = fma(fma(fma(tail, r, EXP64_5), r, EXP64_4), r, EXP64_3);
    tail = fma(fma(fma(tail, r, EXP64_2), r, EXP64_1), r, EXP64_0);
    double y = 1 + fma(r * r, tail, r);
    long half = k >> 1;
    return y * powerOfTwo64(half) * powerOfTwo64(k - half);
  }

  private static double powerOfTwo64(long exponent) {
    return Double.longBitsToDouble(exponent + 1023 << EXPONENT_SHIFT_64);
  }

  /// See [#upperQuantile]; within 5 ulp, and a subnormal `p` is as good.
  static double upperQuantile64(double p) {
    double w = minusTwoLog64(p * 0x1p54, ROOT_HALF_BITS_64 + (53L << EXPONENT_SHIFT_64));
    double s = Math.sqrt(w + TWO_LN2_64);
    double numerator = fma(fma(fma(fma(TAIL64_P12, s, TAIL64_P11), s, TAIL64_P10), s, TAIL64_P9), s, TAIL64_P8);
    numerator = fma(fma(fma(fma(numerator, s, TAIL64_P7), s, TAIL64_P6), s, TAIL64_P5), s, TAIL64_P4);
    numerator = fma(fma(fma(fma(numerator, s, TAIL64_P3), s, TAIL64_P2), s, TAIL64_P1), s, 1);
    double excess = fma(fma(fma(TAIL64_D11, s, TAIL64_D10), s, TAIL64_D9), s, TAIL64_D8);
    excess = fma(fma(fma(fma(excess, s, TAIL64_D7), s, TAIL64_D6), s, TAIL64_D5), s, TAIL64_D4);
    excess = fma(fma(fma(fma(excess, s, TAIL64_D3), s, TAIL64_D2), s, TAIL64_D1), s, TAIL64_D0);
    return w * numerator / fma(s, numerator, excess);
  }
}
