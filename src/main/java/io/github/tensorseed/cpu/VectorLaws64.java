package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Laws.*;
import static io.github.tensorseed.cpu.VectorKernels.MEMORY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.I2D;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.SQRT;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.github.tensorseed.Distribution.TruncatedNormal;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/// The binary64 functions of [Laws] in the manner of [VectorLaws]. Pairs of vectors are one block per lane: its first and its second value.
@SuppressWarnings("NarrowCalculation") // on purpose: see VectorKernels.MEMORY
final class VectorLaws64 {
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
  private static final int VECTOR = LONGS.vectorByteSize();
  private static final int LANES = LONGS.length();
  private static final long SIGN = 1L << 63;
  private static final long LOW_HALF = 0xffffffffL;

  // An integer's halves are exact in the low bits of 2^31 and 1/2, which are taken away again.
  private static final long UPPER = 0x41e00000_00000000L;
  private static final long LOWER = 0x3fe00000_00000000L;
  private static final double BOTH = 0x1p31 + 0x1p-1;

  /// Places of the first half of the elements, then of the second, in two vectors: one from each in turn, and two from each in turn.
  private static final long[] SINGLES = new long[2 * LANES];
  private static final long[] TWOS = new long[2 * LANES];

  static {
    for (int element = 0; element < 2 * LANES; element++) {
      SINGLES[element] = element / 2 + (element % 2) * (long) LANES;
      TWOS[element] = element / 4 * 2 + element % 2 + (element / 2 % 2) * (long) LANES;
    }
  }

  private VectorLaws64() {}

  /// Pairs of vectors, the words of even and of odd places, to 53-bit integers, in place.
  static void integers(long words, int vectors) {
    for (int i = 0; i < vectors; i += 2) {
      LongVector x = LongVector.fromMemorySegment(LONGS, MEMORY, words + i * VECTOR, LITTLE_ENDIAN);
      LongVector y = LongVector.fromMemorySegment(LONGS, MEMORY, words + (i + 1) * VECTOR, LITTLE_ENDIAN);
      y.and(LOW_HALF).lanewise(LSHL, 21).lanewise(XOR, x.and(LOW_HALF)).intoMemorySegment(MEMORY, words + i * VECTOR, LITTLE_ENDIAN);
      y.lanewise(LSHR, 32).lanewise(LSHL, 21).lanewise(XOR, x.lanewise(LSHR, 32)).intoMemorySegment(MEMORY, words + (i + 1) * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Integers to uniforms, in place.
  static void uniforms(long integers, int vectors) {
    for (int i = 0; i < vectors; i++) {
      LongVector integer = LongVector.fromMemorySegment(LONGS, MEMORY, integers + i * VECTOR, LITTLE_ENDIAN);
      DoubleVector upper = integer.lanewise(LSHR, 32).or(UPPER).reinterpretAsDoubles().sub(BOTH);
      DoubleVector u = upper.add(integer.and(LOW_HALF).or(LOWER).reinterpretAsDoubles()).add(0x1p-54);
      u.intoMemorySegment(MEMORY, integers + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Uniforms to `min(fma(range, U, low), high)`, in place.
  static void scale(long uniforms, int vectors, double range, double low, double high) {
    for (int i = 0; i < vectors; i++) {
      DoubleVector value = DoubleVector.fromMemorySegment(DOUBLES, MEMORY, uniforms + i * VECTOR, LITTLE_ENDIAN).fma(range, low);
      value.blend(high, value.compare(GT, high)).intoMemorySegment(MEMORY, uniforms + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Words to `value` with the sign of their top bit.
  static void signs(long words, int vectors, double value, long out) {
    for (int i = 0; i < vectors; i++) {
      IntVector ones = IntVector.fromMemorySegment(INTS, MEMORY, words + i * VECTOR, LITTLE_ENDIAN).lanewise(ASHR, 31).or(1);
      ((DoubleVector) ones.convert(I2D, 0)).mul(value).intoMemorySegment(MEMORY, out + 2 * i * VECTOR, LITTLE_ENDIAN);
      ((DoubleVector) ones.convert(I2D, 1)).mul(value).intoMemorySegment(MEMORY, out + (2 * i + 1) * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Every `stride`-th vector, values times a power of two, to -2 ln of the values, in place.
  ///
  /// @param origin the bits of that power of two times sqrt(1/2)
  static void logarithms(long values, int vectors, int stride, long origin) {
    for (int i = 0; i < vectors; i += stride) {
      LongVector offset = LongVector.fromMemorySegment(LONGS, MEMORY, values + i * VECTOR, LITTLE_ENDIAN).sub(origin);
      // A small integer in the low bits of ROUNDER becomes a double by taking ROUNDER away.
      LongVector exponent = offset.lanewise(ASHR, EXPONENT_SHIFT_64).add(Double.doubleToRawLongBits(ROUNDER_64));
      DoubleVector e = exponent.reinterpretAsDoubles().sub(ROUNDER_64);
      DoubleVector f = DoubleVector.broadcast(DOUBLES, 1).sub(offset.and(FRACTION_MASK_64).add(ROOT_HALF_BITS_64).reinterpretAsDoubles());
      DoubleVector g = f.mul(f);
      DoubleVector even = g.fma(LOG64_18, LOG64_16).lanewise(FMA, g, LOG64_14).lanewise(FMA, g, LOG64_12);
      even = even.lanewise(FMA, g, LOG64_10).lanewise(FMA, g, LOG64_8).lanewise(FMA, g, LOG64_6);
      even = even.lanewise(FMA, g, LOG64_4).lanewise(FMA, g, LOG64_2).lanewise(FMA, g, LOG64_0);
      DoubleVector odd = g.fma(LOG64_19, LOG64_17).lanewise(FMA, g, LOG64_15).lanewise(FMA, g, LOG64_13);
      odd = odd.lanewise(FMA, g, LOG64_11).lanewise(FMA, g, LOG64_9).lanewise(FMA, g, LOG64_7);
      odd = odd.lanewise(FMA, g, LOG64_5).lanewise(FMA, g, LOG64_3).lanewise(FMA, g, LOG64_1);
      DoubleVector quotient = odd.fma(f, even).lanewise(FMA, f, 2);
      f.fma(quotient, e.mul(MINUS_TWO_LN2_64)).intoMemorySegment(MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Pairs of vectors, what [#logarithms] leaves of uniforms, and uniforms, to pairs of normals, in place.
  static void normals(long pairs, int vectors, double mean, double std) {
    for (int i = 0; i < vectors; i += 2) {
      DoubleVector radius = DoubleVector.fromMemorySegment(DOUBLES, MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN).lanewise(SQRT);
      DoubleVector v = DoubleVector.fromMemorySegment(DOUBLES, MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN).mul(TWO_PI_64);
      DoubleVector turns = v.fma(TWO_OVER_PI_64, ROUNDER_64);
      DoubleVector n = turns.sub(ROUNDER_64);
      DoubleVector r = n.lanewise(FMA, -HALF_PI_LOW_64, n.lanewise(FMA, -HALF_PI_HIGH_64, v));
      DoubleVector w = r.mul(r);
      DoubleVector sine = w.fma(SIN64_5, SIN64_4).lanewise(FMA, w, SIN64_3).lanewise(FMA, w, SIN64_2);
      sine = sine.lanewise(FMA, w, SIN64_1).lanewise(FMA, w, SIN64_0).fma(r.mul(w), r);
      DoubleVector cosine = w.fma(COS64_6, COS64_5).lanewise(FMA, w, COS64_4).lanewise(FMA, w, COS64_3);
      cosine = cosine.lanewise(FMA, w, COS64_2).lanewise(FMA, w, COS64_1).lanewise(FMA, w, COS64_0).lanewise(FMA, w, 1);
      LongVector quarter = turns.reinterpretAsLongs();
      VectorMask<Double> swap = quarter.lanewise(LSHL, 63).compare(LT, 0).cast(DOUBLES);
      LongVector first = sine.blend(cosine, swap).reinterpretAsLongs().lanewise(XOR, quarter.and(2).lanewise(LSHL, 62));
      LongVector second = cosine.blend(sine, swap).reinterpretAsLongs().lanewise(XOR, quarter.add(1).and(2).lanewise(LSHL, 62));
      first.reinterpretAsDoubles().mul(radius).fma(std, mean).intoMemorySegment(MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN);
      second.reinterpretAsDoubles().mul(radius).fma(std, mean).intoMemorySegment(MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Values to their exponentials, in place.
  static void exponentials(long values, int vectors) {
    for (int i = 0; i < vectors; i++) {
      DoubleVector bounded = DoubleVector.fromMemorySegment(DOUBLES, MEMORY, values + i * VECTOR, LITTLE_ENDIAN).min(EXP_GREATEST_64).max(EXP_LEAST_64);
      DoubleVector shifted = bounded.fma(LOG2_E_64, ROUNDER_64);
      DoubleVector n = shifted.sub(ROUNDER_64);
      LongVector k = shifted.reinterpretAsLongs().sub(Double.doubleToRawLongBits(ROUNDER_64));
      DoubleVector r = n.lanewise(FMA, -LN2_LOW_64, n.lanewise(FMA, -LN2_HIGH_64, bounded));
      DoubleVector tail = r.fma(EXP64_9, EXP64_8).lanewise(FMA, r, EXP64_7).lanewise(FMA, r, EXP64_6);
      tail = tail.lanewise(FMA, r, EXP64_5).lanewise(FMA, r, EXP64_4).lanewise(FMA, r, EXP64_3);
      tail = tail.lanewise(FMA, r, EXP64_2).lanewise(FMA, r, EXP64_1).lanewise(FMA, r, EXP64_0);
      DoubleVector y = r.mul(r).fma(tail, r).add(1);
      LongVector half = k.lanewise(ASHR, 1);
      DoubleVector power = half.add(1023).lanewise(LSHL, EXPONENT_SHIFT_64).reinterpretAsDoubles();
      DoubleVector rest = k.sub(half).add(1023).lanewise(LSHL, EXPONENT_SHIFT_64).reinterpretAsDoubles();
      y.mul(power).mul(rest).intoMemorySegment(MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Integers to the tail probabilities of a truncated normal, times 2^54.
  static void tails(long integers, int vectors, TruncatedNormal.Tails tails, long probabilities) {
    for (int i = 0; i < vectors; i++) {
      LongVector integer = LongVector.fromMemorySegment(LONGS, MEMORY, integers + i * VECTOR, LITTLE_ENDIAN);
      VectorMask<Long> lower = integer.compare(LT, tails.split());
      integer = integer.lanewise(XOR, LongVector.broadcast(LONGS, (1L << 53) - 1).blend(0, lower));
      DoubleVector upper = integer.lanewise(LSHR, 32).or(UPPER).reinterpretAsDoubles().sub(BOTH);
      DoubleVector u = upper.add(integer.and(LOW_HALF).or(LOWER).reinterpretAsDoubles()).add(0x1p-54);
      DoubleVector tail = DoubleVector.broadcast(DOUBLES, tails.above()).blend(tails.below(), lower.cast(DOUBLES));
      DoubleVector p = u.lanewise(FMA, tails.inside(), tail);
      p.blend(0.5, p.compare(GT, 0.5)).mul(0x1p54).intoMemorySegment(MEMORY, probabilities + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Integers and what [#logarithms] leaves of their tail probabilities to values of a truncated normal, in place of the integers.
  static void quantiles(long integers, long logarithms, int vectors, TruncatedNormal law, TruncatedNormal.Tails tails) {
    for (int i = 0; i < vectors; i++) {
      VectorMask<Long> lower = LongVector.fromMemorySegment(LONGS, MEMORY, integers + i * VECTOR, LITTLE_ENDIAN).compare(LT, tails.split());
      DoubleVector w = DoubleVector.fromMemorySegment(DOUBLES, MEMORY, logarithms + i * VECTOR, LITTLE_ENDIAN);
      DoubleVector s = w.add(TWO_LN2_64).lanewise(SQRT);
      DoubleVector numerator = s.fma(TAIL64_P12, TAIL64_P11).lanewise(FMA, s, TAIL64_P10).lanewise(FMA, s, TAIL64_P9);
      numerator = numerator.lanewise(FMA, s, TAIL64_P8).lanewise(FMA, s, TAIL64_P7).lanewise(FMA, s, TAIL64_P6);
      numerator = numerator.lanewise(FMA, s, TAIL64_P5).lanewise(FMA, s, TAIL64_P4).lanewise(FMA, s, TAIL64_P3);
      numerator = numerator.lanewise(FMA, s, TAIL64_P2).lanewise(FMA, s, TAIL64_P1).lanewise(FMA, s, 1);
      DoubleVector excess = s.fma(TAIL64_D11, TAIL64_D10).lanewise(FMA, s, TAIL64_D9).lanewise(FMA, s, TAIL64_D8);
      excess = excess.lanewise(FMA, s, TAIL64_D7).lanewise(FMA, s, TAIL64_D6).lanewise(FMA, s, TAIL64_D5);
      excess = excess.lanewise(FMA, s, TAIL64_D4).lanewise(FMA, s, TAIL64_D3).lanewise(FMA, s, TAIL64_D2);
      excess = excess.lanewise(FMA, s, TAIL64_D1).lanewise(FMA, s, TAIL64_D0);
      LongVector quantile = w.mul(numerator).div(s.fma(numerator, excess)).reinterpretAsLongs();
      DoubleVector z = quantile.lanewise(XOR, LongVector.zero(LONGS).blend(SIGN, lower)).reinterpretAsDoubles();
      DoubleVector value = z.fma(law.std(), law.mean());
      value = value.blend(law.low(), value.compare(LT, law.low()));
      value.blend(law.high(), value.compare(GT, law.high())).intoMemorySegment(MEMORY, integers + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Pairs of vectors, the first two elements of each block in the first half of them, the other two in the second, to memory in order.
  static void store(long pairs, int vectors, long out) {
    LongVector lowerSingles = LongVector.fromArray(LONGS, SINGLES, 0);
    LongVector upperSingles = LongVector.fromArray(LONGS, SINGLES, LANES);
    LongVector lowerTwos = LongVector.fromArray(LONGS, TWOS, 0);
    LongVector upperTwos = LongVector.fromArray(LONGS, TWOS, LANES);
    long others = pairs + vectors / 2 * VECTOR;
    for (int i = 0; i < vectors / 2; i += 2) {
      LongVector first = LongVector.fromMemorySegment(LONGS, MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN);
      LongVector second = LongVector.fromMemorySegment(LONGS, MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
      LongVector third = LongVector.fromMemorySegment(LONGS, MEMORY, others + i * VECTOR, LITTLE_ENDIAN);
      LongVector fourth = LongVector.fromMemorySegment(LONGS, MEMORY, others + (i + 1) * VECTOR, LITTLE_ENDIAN);
      LongVector lower01 = lowerSingles.selectFrom(first, second);
      LongVector upper01 = upperSingles.selectFrom(first, second);
      LongVector lower23 = lowerSingles.selectFrom(third, fourth);
      LongVector upper23 = upperSingles.selectFrom(third, fourth);
      lowerTwos.selectFrom(lower01, lower23).intoMemorySegment(MEMORY, out + 2 * i * VECTOR, LITTLE_ENDIAN);
      upperTwos.selectFrom(lower01, lower23).intoMemorySegment(MEMORY, out + (2 * i + 1) * VECTOR, LITTLE_ENDIAN);
      lowerTwos.selectFrom(upper01, upper23).intoMemorySegment(MEMORY, out + (2 * i + 2) * VECTOR, LITTLE_ENDIAN);
      upperTwos.selectFrom(upper01, upper23).intoMemorySegment(MEMORY, out + (2 * i + 3) * VECTOR, LITTLE_ENDIAN);
    }
  }
}
