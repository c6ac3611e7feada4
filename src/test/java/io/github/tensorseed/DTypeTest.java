package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Every code of the narrow types, and every place where rounding turns from one code to the next, against the formats' definitions.
class DTypeTest {

  /// A narrow type as its definition has it: fields, bias and what the greatest exponent means.
  private enum Format {
    BF16(DType.BF16, 8, 7, 127),
    F16(DType.F16, 5, 10, 15),
    F8_E4M3(DType.F8_E4M3, 4, 3, 7),
    F8_E5M2(DType.F8_E5M2, 5, 2, 15);

    final DType dtype;
    final int exponentBits;
    final int mantissaBits;
    final int bias;
    /// The code of the largest finite value.
    final int largest;

    Format(DType dtype, int exponentBits, int mantissaBits, int bias) {
      this.dtype = dtype;
      this.exponentBits = exponentBits;
      this.mantissaBits = mantissaBits;
      this.bias = bias;
      largest = IntStream.range(0, sign()).filter(code -> Double.isFinite(magnitude(code))).max().orElseThrow();
    }

    int sign() {
      return 1 << exponentBits + mantissaBits;
    }

    /// The value of a code without its sign.
    double magnitude(int code) {
      int exponent = code >> mantissaBits;
      int mantissa = code & (1 << mantissaBits) - 1;
      int greatest = (1 << exponentBits) - 1;
      if (dtype == DType.F8_E4M3 ? code == 0x7f : exponent == greatest && mantissa != 0) {
        return Double.NaN;
      }
      if (dtype != DType.F8_E4M3 && exponent == greatest) {
        return Double.POSITIVE_INFINITY;
      }
      return exponent == 0
          ? Math.scalb((double) mantissa, 1 - bias - mantissaBits)
          : Math.scalb(Math.scalb((double) mantissa, -mantissaBits) + 1, exponent - bias);
    }

    double value(int code) {
      double magnitude = magnitude(code & sign() - 1);
      return (code & sign()) == 0 ? magnitude : -magnitude;
    }

    /// What everything beyond the largest finite value becomes.
    int overflow() {
      return this == BF16 || this == F16 ? largest + 1 : largest;
    }

    /// Where rounding passes from `code` to the next one up, which would exist beyond the largest too.
    double middle(int code) {
      double value = magnitude(code);
      double next = code == largest ? 2 * value - magnitude(code - 1) : magnitude(code + 1);
      return (value + next) / 2;
    }

    /// Nearest, ties to even, by search among the middles of all codes.
    int nearest(double[] middles, float value) {
      int place = Arrays.binarySearch(middles, Math.abs((double) value));
      int code = place < 0 ? -place - 1 : place + (place & 1);
      return (Float.floatToRawIntBits(value) < 0 ? sign() : 0) | (code > largest ? overflow() : code);
    }

    double[] middles() {
      return IntStream.rangeClosed(0, largest).mapToDouble(this::middle).toArray();
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyCodeHasItsValue(Format format) {
    for (int code = 0; code < 2 * format.sign(); code++) {
      assertThat(Double.compare(format.dtype.widen(code), format.value(code))).as("code %x", code).isZero();
    }
    assertThat(format.dtype.max()).isEqualTo(format.magnitude(format.largest));
  }

  @ParameterizedTest
  @EnumSource
  void everyFiniteCodeComesBack(Format format) {
    for (int code = 0; code < 2 * format.sign(); code++) {
      if (Double.isFinite(format.value(code))) {
        assertThat(format.dtype.round(format.dtype.widen(code))).as("code %x", code).isEqualTo(code);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void roundsToNearestEvenAroundEveryMiddle(Format format) {
    for (int code = 0; code <= format.largest; code++) {
      float middle = (float) format.middle(code);
      assertThat((double) middle).as("the middle is a binary32").isEqualTo(format.middle(code));
      int above = code == format.largest ? format.overflow() : code + 1;
      int even = (code & 1) == 0 ? code : above;
      assertRounds(format, Math.nextDown(middle), code);
      assertRounds(format, middle, even);
      assertRounds(format, Math.nextUp(middle), above);
      float value = (float) format.magnitude(code);
      assertRounds(format, Math.nextUp(value), Math.nextUp(value) == middle ? even : code);
    }
    assertRounds(format, Float.MAX_VALUE, format.overflow());
    assertRounds(format, Float.POSITIVE_INFINITY, format.overflow());
    assertRounds(format, Float.MIN_VALUE, 0);
  }

  /// Every 4099th binary32, all exponents and both signs among them.
  @ParameterizedTest
  @EnumSource
  void roundsToNearestEvenEverywhere(Format format) {
    double[] middles = format.middles();
    for (long bits = 0; bits < 1L << 32; bits += 4099) {
      float value = Float.intBitsToFloat((int) bits);
      if (!Float.isNaN(value) && format.dtype.round(value) != format.nearest(middles, value)) {
        assertThat(format.dtype.round(value)).as("%s", value).isEqualTo(format.nearest(middles, value));
      }
    }
  }

  /// NaN of either sign and any payload, quiet or signalling; 0x7fffffff is the one that a careless addition turns into zero.
  @ParameterizedTest
  @EnumSource
  void nanStaysNan(Format format) {
    for (int bits : new int[] {0x7fc00000, 0x7fffffff, 0x7f800001, 0xffc00000, 0xffffffff, 0xff800001}) {
      int code = format.dtype.round(Float.intBitsToFloat(bits));
      assertThat(format.value(code)).as("%x", bits).isNaN();
      assertThat(code).isBetween(0, 2 * format.sign() - 1);
    }
  }

  @ParameterizedTest
  @EnumSource
  void holdsWhatStaysFiniteWithoutSaturation(Format format) {
    float middle = (float) format.middle(format.largest);
    // The tie goes to the even mantissa, which is the largest value's own in F8_E4M3 alone.
    float first = format == Format.F8_E4M3 ? Math.nextUp(middle) : middle;
    assertThat(format.dtype.holds(Math.nextDown(first))).isTrue();
    assertThat(format.dtype.holds(-Math.nextDown(first))).isTrue();
    assertThat(format.dtype.holds(first)).isFalse();
    assertThat(format.dtype.holds(-first)).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void holdsNeitherNanNorInfinity(DType dtype) {
    assertThat(dtype.holds(dtype.max())).isTrue();
    assertThat(dtype.holds(-0.0)).isTrue();
    assertThat(dtype.holds(Double.NaN)).isFalse();
    assertThat(dtype.holds(Double.POSITIVE_INFINITY)).isFalse();
    assertThat(dtype.holds(Double.NEGATIVE_INFINITY)).isFalse();
  }

  /// Half-way to 2^128 and beyond, a double becomes an infinite binary32.
  @Test
  void holdsForBinary32AfterRounding() {
    double middle = 0x1.ffffffp127;
    assertThat(DType.F32.holds(Math.nextDown(middle))).isTrue();
    assertThat(DType.F32.holds(middle)).isFalse();
    assertThat(DType.F64.holds(Double.MAX_VALUE)).isTrue();
    // 65520 - 2^-30 lies below F16's limit and becomes 65520 on the way, which does not.
    assertThat(DType.F16.holds(65520 - 0x1p-30)).isFalse();
  }

  @ParameterizedTest
  @EnumSource
  void setAndGetAreLittleEndianAtAnyAlignment(DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(3L * dtype.bytes() + 1).asSlice(1);
      dtype.set(memory, 1, -1.5);
      assertThat(dtype.get(memory, 1)).isEqualTo(-1.5);
      assertThat(dtype.get(memory, 0)).isZero();
      assertThat(dtype.get(memory, 2)).isZero();
      long bits = 0;
      for (int i = 0; i < dtype.bytes(); i++) {
        bits |= Byte.toUnsignedLong(memory.get(ValueLayout.JAVA_BYTE, dtype.bytes() + i)) << 8 * i;
      }
      assertThat(dtype.bits(memory, 1)).isEqualTo(bits);
    }
  }

  /// 1 + 2^-8 + 2^-40 lies above the middle of two BF16 values and, as a binary32, on it.
  @Test
  void setRoundsTwiceAsTheLawsDo() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(8);
      DType.BF16.set(memory, 0, 1 + 0x1p-8 + 0x1p-40);
      assertThat(DType.BF16.get(memory, 0)).isEqualTo(1);
      DType.F64.set(memory, 0, 1 + 0x1p-52);
      assertThat(DType.F64.get(memory, 0)).isEqualTo(1 + 0x1p-52);
    }
  }

  @Test
  void namesInEitherCase() {
    assertThat(DType.of("bf16")).isEqualTo(DType.BF16);
    assertThat(DType.of("F8_E4M3")).isEqualTo(DType.F8_E4M3);
    assertThatThrownBy(() -> DType.of("float32"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("unknown dtype 'float32'; known: f64, f32, bf16, f16, f8_e4m3, f8_e5m2");
  }

  @Test
  void binary64DoesNotComeFromAFloat() {
    assertThatThrownBy(() -> DType.F64.round(1)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> DType.F64.widen(1)).isInstanceOf(IllegalStateException.class);
  }

  private static void assertRounds(Format format, float value, int code) {
    assertThat(format.dtype.round(value)).as("%s", value).isEqualTo(code);
    assertThat(format.dtype.round(-value)).as("%s", -value).isEqualTo(format.sign() | code);
  }
}
