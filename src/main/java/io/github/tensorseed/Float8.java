package io.github.tensorseed;

/// Rounding of binary32 to the 8-bit floating-point types and back.
///
/// Source: P. Micikevicius et al., "FP8 Formats for Deep Learning", arXiv 2209.05433.
final class Float8 {
  private Float8() {}

  static int roundE4M3(float value) {
    return round(value, 3, 7, 0x7e, 0x7f);
  }

  static int roundE5M2(float value) {
    return round(value, 2, 15, 0x7b, 0x7f);
  }

  static float widenE4M3(int bits) {
    return (bits & 0x7f) == 0x7f ? Float.NaN : widen(bits, 3, 7);
  }

  static float widenE5M2(int bits) {
    int magnitude = bits & 0x7f;
    if (magnitude >= 0x7c) {
      return magnitude > 0x7c ? Float.NaN : (bits & 0x80) == 0 ? Float.POSITIVE_INFINITY : Float.NEGATIVE_INFINITY;
    }
    return widen(bits, 2, 15);
  }

  private static int round(float value, int mantissa, int bias, int largest, int nan) {
    int bits = Float.floatToRawIntBits(value);
    int magnitude = bits & 0x7fffffff;
    int code;
    if (magnitude > 0x7f800000) {
      code = nan;
    } else if (magnitude < (128 - bias) << 23) {
      // Below the least normal 2^(1 - bias): adding 2^(23 + 1 - bias - mantissa) leaves the code in the low bits, rounded.
      float shift = Float.intBitsToFloat((127 + 24 - bias - mantissa) << 23);
      code = Float.floatToRawIntBits(Math.abs(value) + shift) - Float.floatToRawIntBits(shift);
    } else {
      int drop = 23 - mantissa;
      int even = magnitude + (1 << (drop - 1)) - 1 + (magnitude >>> drop & 1);
      code = Math.min((even >>> drop) - ((127 - bias) << mantissa), largest);
    }
    return bits >>> 24 & 0x80 | code;
  }

  private static float widen(int bits, int mantissa, int bias) {
    int code = bits & 0x7f;
    float magnitude = code >>> mantissa == 0
        ? code * Float.intBitsToFloat((127 + 1 - bias - mantissa) << 23)
        : Float.intBitsToFloat((code << (23 - mantissa)) + ((127 - bias) << 23));
    return (bits & 0x80) == 0 ? magnitude : -magnitude;
  }
}
