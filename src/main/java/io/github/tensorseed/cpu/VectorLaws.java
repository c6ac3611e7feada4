package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Laws.*;
import static io.github.tensorseed.cpu.VectorKernels.MEMORY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.FMA;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.SQRT;
import static jdk.incubator.vector.VectorOperators.ULT;
import static jdk.incubator.vector.VectorOperators.XOR;

import io.github.tensorseed.Distribution.TruncatedNormal;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/// The binary32 functions of [Laws], one value per lane, the same operations in the same order, in passes over a piece of memory that stays
/// in the first cache.
///
/// Every pass calls vectors directly, without methods of its own in between: C2 stops inlining those after some fifty vector operations of
/// one compilation, and a vector that is passed on to a method must be an object. Which pass is compiled together with which others
/// changes from one run of a JVM to the next, and so did the speed, by a factor of two, as long as there were such methods. The loads and
/// stores between passes cost little, for it is the arithmetic units that are busy.
@SuppressWarnings("NarrowCalculation") // on purpose: see VectorKernels.MEMORY
final class VectorLaws {
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int VECTOR = INTS.vectorByteSize();
  private static final int SIGN = 0x80000000;

  // A word's halves are exact in the low bits of 2^7 and 2^-9, which are taken away again; their sum, word times 2^-32, is rounded once.
  private static final int UPPER = 0x43000000;
  private static final int LOWER = 0x3b000000;
  private static final float BOTH = 0x1p7f + 0x1p-9f;

  private VectorLaws() {}

  /// Every `stride`-th vector, words to `fma(range, U, low)`.
  static void uniforms(long words, int vectors, int stride, float range, float low, long out) {
    FloatVector scale = FloatVector.broadcast(FLOATS, range);
    FloatVector origin = FloatVector.broadcast(FLOATS, low);
    for (int i = 0; i < vectors; i += stride) {
      IntVector word = IntVector.fromMemorySegment(INTS, MEMORY, words + i * VECTOR, LITTLE_ENDIAN);
      FloatVector upper = word.lanewise(LSHR, 16).or(UPPER).reinterpretAsFloats().sub(BOTH);
      FloatVector u = upper.add(word.and(0xffff).or(LOWER).reinterpretAsFloats()).add(0x1p-33f);
      u.fma(scale, origin).intoMemorySegment(MEMORY, out + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Values to those at most `high`.
  static void atMost(float high, long values, int vectors, long out) {
    for (int i = 0; i < vectors; i++) {
      FloatVector value = FloatVector.fromMemorySegment(FLOATS, MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
      value.blend(high, value.compare(GT, high)).intoMemorySegment(MEMORY, out + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Words to `value` with the sign of their top bit.
  static void signs(long words, int vectors, float value, long out) {
    for (int i = 0; i < vectors; i++) {
      IntVector sign = IntVector.fromMemorySegment(INTS, MEMORY, words + i * VECTOR, LITTLE_ENDIAN).and(SIGN);
      sign.lanewise(XOR, Float.floatToRawIntBits(value)).intoMemorySegment(MEMORY, out + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Every `stride`-th vector, values times a power of two, to -2 ln of the values, in place.
  ///
  /// @param origin the bits of that power of two times sqrt(1/2)
  static void logarithms(long values, int vectors, int stride, int origin) {
    for (int i = 0; i < vectors; i += stride) {
      IntVector offset = IntVector.fromMemorySegment(INTS, MEMORY, values + i * VECTOR, LITTLE_ENDIAN).sub(origin);
      FloatVector e = (FloatVector) offset.lanewise(ASHR, EXPONENT_SHIFT).convert(I2F, 0);
      FloatVector f = FloatVector.broadcast(FLOATS, 1).sub(offset.and(FRACTION_MASK).add(ROOT_HALF_BITS).reinterpretAsFloats());
      FloatVector g = f.mul(f);
      FloatVector even = g.fma(LOG_6, LOG_4).lanewise(FMA, g, LOG_2).lanewise(FMA, g, LOG_0);
      FloatVector odd = g.fma(LOG_7, LOG_5).lanewise(FMA, g, LOG_3).lanewise(FMA, g, LOG_1);
      FloatVector quotient = odd.fma(f, even).lanewise(FMA, f, 2);
      f.fma(quotient, e.mul(MINUS_TWO_LN2)).intoMemorySegment(MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Pairs of vectors, what [#logarithms] leaves of uniforms, and words, to normals of even and of odd elements, in place.
  static void normals(long pairs, int vectors, float mean, float std) {
    for (int i = 0; i < vectors; i += 2) {
      FloatVector radius = FloatVector.fromMemorySegment(FLOATS, MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN).lanewise(SQRT);
      IntVector word = IntVector.fromMemorySegment(INTS, MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
      FloatVector upper = word.lanewise(LSHR, 16).or(UPPER).reinterpretAsFloats().sub(BOTH);
      FloatVector v = upper.add(word.and(0xffff).or(LOWER).reinterpretAsFloats()).mul(ANGLE_STEP * 0x1p32f).add(ANGLE_START);
      FloatVector turns = v.fma(TWO_OVER_PI, ROUNDER);
      FloatVector n = turns.sub(ROUNDER);
      FloatVector r = n.lanewise(FMA, -HALF_PI_LOW, n.lanewise(FMA, -HALF_PI_HIGH, v));
      FloatVector w = r.mul(r);
      FloatVector sine = w.fma(SIN_2, SIN_1).lanewise(FMA, w, SIN_0).fma(r.mul(w), r);
      FloatVector cosine = w.fma(COS_3, COS_2).lanewise(FMA, w, COS_1).lanewise(FMA, w, COS_0).lanewise(FMA, w, 1);
      IntVector quarter = turns.reinterpretAsInts();
      VectorMask<Float> swap = quarter.lanewise(LSHL, 31).compare(LT, 0).cast(FLOATS);
      IntVector even = sine.blend(cosine, swap).reinterpretAsInts().lanewise(XOR, quarter.and(2).lanewise(LSHL, 30));
      IntVector odd = cosine.blend(sine, swap).reinterpretAsInts().lanewise(XOR, quarter.add(1).and(2).lanewise(LSHL, 30));
      even.reinterpretAsFloats().mul(radius).fma(std, mean).intoMemorySegment(MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN);
      odd.reinterpretAsFloats().mul(radius).fma(std, mean).intoMemorySegment(MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Values to their exponentials, in place.
  static void exponentials(long values, int vectors) {
    for (int i = 0; i < vectors; i++) {
      FloatVector bounded = FloatVector.fromMemorySegment(FLOATS, MEMORY, values + i * VECTOR, LITTLE_ENDIAN).min(EXP_GREATEST).max(EXP_LEAST);
      FloatVector shifted = bounded.fma(LOG2_E, ROUNDER);
      FloatVector n = shifted.sub(ROUNDER);
      IntVector k = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUNDER));
      FloatVector r = n.lanewise(FMA, -LN2_LOW, n.lanewise(FMA, -LN2_HIGH, bounded));
      FloatVector tail = r.fma(EXP_4, EXP_3).lanewise(FMA, r, EXP_2).lanewise(FMA, r, EXP_1).lanewise(FMA, r, EXP_0);
      FloatVector y = r.mul(r).fma(tail, r).add(1);
      IntVector half = k.lanewise(ASHR, 1);
      FloatVector power = half.add(127).lanewise(LSHL, EXPONENT_SHIFT).reinterpretAsFloats();
      FloatVector rest = k.sub(half).add(127).lanewise(LSHL, EXPONENT_SHIFT).reinterpretAsFloats();
      y.mul(power).mul(rest).intoMemorySegment(MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Words to the tail probabilities of a truncated normal, times 2^25.
  static void tails(long words, int vectors, TruncatedNormal.Tails tails, long probabilities) {
    boolean all = allBelow(tails);
    float inside = (float) tails.inside();
    float below = (float) tails.below();
    float above = all ? below : (float) tails.above();
    int flip = all ? 0 : -1;
    int split = (int) tails.split();
    for (int i = 0; i < vectors; i++) {
      IntVector word = IntVector.fromMemorySegment(INTS, MEMORY, words + i * VECTOR, LITTLE_ENDIAN);
      VectorMask<Integer> lower = word.compare(ULT, split);
      word = word.lanewise(XOR, IntVector.broadcast(INTS, flip).blend(0, lower));
      FloatVector upper = word.lanewise(LSHR, 16).or(UPPER).reinterpretAsFloats().sub(BOTH);
      FloatVector u = upper.add(word.and(0xffff).or(LOWER).reinterpretAsFloats()).add(0x1p-33f);
      FloatVector tail = FloatVector.broadcast(FLOATS, above).blend(below, lower.cast(FLOATS));
      FloatVector p = u.lanewise(FMA, inside, tail);
      p.blend(0.5f, p.compare(GT, 0.5f)).mul(0x1p25f).intoMemorySegment(MEMORY, probabilities + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// What [#logarithms] leaves of tail probabilities to values of a truncated normal, whose words tell the half.
  static void quantiles(long words, long logarithms, int vectors, TruncatedNormal law, TruncatedNormal.Tails tails, long out) {
    float mean = (float) law.mean();
    float std = (float) law.std();
    float low = (float) law.low();
    float high = (float) law.high();
    int sign = allBelow(tails) ? SIGN : 0;
    int split = (int) tails.split();
    for (int i = 0; i < vectors; i++) {
      VectorMask<Integer> lower = IntVector.fromMemorySegment(INTS, MEMORY, words + i * VECTOR, LITTLE_ENDIAN).compare(ULT, split);
      FloatVector w = FloatVector.fromMemorySegment(FLOATS, MEMORY, logarithms + i * VECTOR, LITTLE_ENDIAN);
      FloatVector s = w.add(TWO_LN2).lanewise(SQRT);
      FloatVector numerator = s.fma(TAIL_P4, TAIL_P3).lanewise(FMA, s, TAIL_P2).lanewise(FMA, s, TAIL_P1).lanewise(FMA, s, 1);
      FloatVector excess = s.fma(TAIL_D3, TAIL_D2).lanewise(FMA, s, TAIL_D1).lanewise(FMA, s, TAIL_D0);
      IntVector quantile = w.mul(numerator).div(s.fma(numerator, excess)).reinterpretAsInts();
      FloatVector z = quantile.lanewise(XOR, IntVector.broadcast(INTS, sign).blend(SIGN, lower)).reinterpretAsFloats();
      FloatVector value = z.fma(std, mean);
      value = value.blend(low, value.compare(LT, low));
      value.blend(high, value.compare(GT, high)).intoMemorySegment(MEMORY, out + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Whether every word is below the split, which is one more than the greatest: no comparison of words can express that.
  private static boolean allBelow(TruncatedNormal.Tails tails) {
    return tails.split() > 0xffffffffL;
  }
}
