package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The kernels that take elements from one type to another, times a number, on the emulated driver.
///
/// Expected is the definition in plain Java: an exact value, one product in binary64 where either type is F64 and else in binary32, and what
/// [DType#round] makes of its binary32, whose own test goes by the exact values of all codes. NaN becomes the one NaN of each type.
class ConversionsTest {
  private static final int GUARD = 32;

  private final PtxBench bench = new PtxBench("eager");
  private final Map<String, Long> modules =
      Ptx.TARGETS.stream().collect(Collectors.toMap(target -> target, target -> bench.module(Ptx.shipped(target).text())));

  private static long nan(DType dtype) {
    return switch (dtype) {
      case F64 -> 0x7ff8000000000000L;
      case F32 -> 0x7fc00000;
      case BF16 -> 0x7fc0;
      case F16 -> 0x7e00;
      case F8_E4M3, F8_E5M2 -> 0x7f;
    };
  }

  private static long expected(DType from, long code, double scale, DType to) {
    double exact = from == DType.F64 ? Double.longBitsToDouble(code) : from.widen((int) code);
    double product = from == DType.F64 || to == DType.F64 ? exact * scale : (float) exact * (float) scale;
    if (Double.isNaN(product)) {
      return nan(to);
    }
    return to == DType.F64 ? Double.doubleToRawLongBits(product) : to.round((float) product) & -1L >>> (64 - 8 * to.bytes());
  }

  /// Codes that rounding is difficult for: every code of the narrow types; of F32 every code of BF16 and of F16 and every middle between two of
  /// either, with their neighbours; of F64 these, the middles between two of F32, and some of every exponent.
  private static long[] codes(DType from) {
    if (from.bytes() <= 2) {
      return LongStream.range(0, 1L << (8 * from.bytes())).toArray();
    }
    int[] floats = IntStream.range(0, 1 << 16).flatMap(code -> {
      int upper = code << 16;
      int half = Float.floatToRawIntBits(DType.F16.widen(code));
      int middle = half | 0x1000; // of F16's normal numbers
      int low = Float.floatToRawIntBits((DType.F16.widen(code) + DType.F16.widen(Math.min(code + 1, 0xffff))) / 2); // and of the others
      return IntStream.of(upper, upper + 0x7fff, upper + 0x8000, upper + 0x8001, half, middle - 1, middle, middle + 1, low - 1, low, low + 1);
    }).toArray();
    if (from == DType.F32) {
      return Arrays.stream(floats).mapToLong(Integer::toUnsignedLong).toArray();
    }
    Random random = new Random(3);
    LongStream ofFloats = Arrays.stream(floats).filter(bits -> bits % 5 != 0).mapToLong(bits -> {
      return Double.doubleToRawLongBits(Float.intBitsToFloat(bits)) + random.nextInt(3) - 1;
    });
    LongStream middles = LongStream.range(0, 100_000).map(_ -> {
      return (Double.doubleToRawLongBits(Float.intBitsToFloat(random.nextInt())) | 1L << 28) + random.nextInt(3) - 1;
    });
    LongStream exponents = LongStream.range(0, 1 << 12).flatMap(exponent -> {
      return LongStream.of(0, 1, random.nextLong() & -1L >>> 12, -1L >>> 12).map(fraction -> exponent << 52 | fraction);
    });
    return LongStream.concat(ofFloats, LongStream.concat(middles, exponents)).toArray();
  }

  @ParameterizedTest
  @EnumSource
  void everyTypeIsReached(DType from) {
    long[] codes = codes(from);
    long in = bench.upload(codes, from.bytes());
    for (DType to : DType.values()) {
      long out = bench.allocate((long) codes.length * to.bytes());
      for (double scale : new double[] {1, -0.37, 0x1p-20, 3e5}) {
        for (String target : modules.keySet()) {
          launch(target, from, to, 7, out, in, codes.length, scale);
          long[] converted = bench.download(out, codes.length, to.bytes());
          for (int i = 0; i < codes.length; i++) {
            long expected = expected(from, codes[i], scale, to);
            if (converted[i] != expected) {
              assertThat(Long.toHexString(converted[i])).as("convert_%s_%s of %x times %s, %s", from, to, codes[i], scale, target)
                  .isEqualTo(Long.toHexString(expected));
            }
          }
        }
      }
      bench.check("cuMemFree_v2", out);
    }
    bench.check("cuMemFree_v2", in);
  }

  private void launch(String target, DType from, DType to, int blocks, long out, long in, int count, double scale) {
    long kernel = bench.function(modules.getOrDefault(target, 0L), ("convert_" + from + "_" + to).toLowerCase(Locale.ROOT));
    assertThat(bench.launch(kernel, 0L, blocks, 256, out, in, count, Double.doubleToRawLongBits(scale))).isZero();
    bench.check("cuCtxSynchronize");
  }

  /// Nothing but the elements is written, wherever they begin and end.
  @Test
  void anyAlignmentAndLength() {
    for (DType from : DType.values()) {
      for (DType to : DType.values()) {
        for (int count : new int[] {0, 1, 3, 4, 5, 1031}) {
          long[] codes = new Random(count).longs(count).map(code -> code & -1L >>> (64 - 8 * from.bytes())).toArray();
          for (int shift = 0; shift < 9; shift += count > 8 ? 3 : 1) {
            compare(from, to, codes, shift, 8 - shift);
            compare(from, to, codes, 8, shift);
          }
        }
      }
    }
  }

  private void compare(DType from, DType to, long[] codes, int inShift, int outShift) {
    long[] bytes = new long[inShift + codes.length * from.bytes() + 1];
    for (int i = 0; i < codes.length * from.bytes(); i++) {
      bytes[inShift + i] = codes[i / from.bytes()] >>> (8 * (i % from.bytes())) & 0xff;
    }
    long in = bench.upload(bytes, 1);
    int length = codes.length * to.bytes();
    long out = bench.allocate(length + 2 * GUARD);
    long[] expected = LongStream.generate(() -> 0x5a).limit(length + 2 * GUARD).toArray();
    for (int i = 0; i < length; i++) {
      expected[GUARD + outShift + i] = expected(from, codes[i / to.bytes()], 0.75, to) >>> (8 * (i % to.bytes())) & 0xff;
    }
    for (String target : modules.keySet()) {
      bench.check("cuMemsetD8_v2", out, (byte) 0x5a, length + 2L * GUARD);
      launch(target, from, to, 2, out + GUARD + outShift, in + inShift, codes.length, 0.75);
      assertThat(bench.download(out, expected.length, 1))
          .as("%s to %s, %d from %d to %d, %s", from, to, codes.length, inShift, outShift, target).isEqualTo(expected);
    }
    bench.check("cuMemFree_v2", in);
    bench.check("cuMemFree_v2", out);
  }

  /// As elements are scaled where they are.
  @ParameterizedTest
  @EnumSource
  void inPlace(DType dtype) {
    long[] codes = new Random(5).longs(5000).map(code -> code & -1L >>> (64 - 8 * dtype.bytes())).toArray();
    long[] expected = Arrays.stream(codes).map(code -> expected(dtype, code, 0.02, dtype)).toArray();
    for (String target : modules.keySet()) {
      long memory = bench.upload(codes, dtype.bytes());
      launch(target, dtype, dtype, 3, memory, memory, codes.length, 0.02);
      assertThat(bench.download(memory, codes.length, dtype.bytes())).as(target).isEqualTo(expected);
    }
  }
}
