package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Laws.*;
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
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/// The binary32 functions of [Laws], one value per lane, the same operations in the same order, in passes over a piece of memory that stays
/// in the first cache.
///
/// Passes are short for C2's sake: it stops inlining after some fifty vector operations, and what it does not inline keeps its vectors in
/// objects. The loads and stores in between cost little, for it is the arithmetic units that are busy.
final class VectorLaws {
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final int VECTOR = INTS.vectorByteSize();
  private static final int SIGN = 0x80000000;

  private VectorLaws() {}

  /// Words to `min(fma(range, U, low), high)`.
  static void uniforms(MemorySegment words, int bytes, float range, float low, float high, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += VECTOR) {
      FloatVector value = uniform(ints(words, i)).fma(range, low);
      value.blend(high, value.compare(GT, high)).intoMemorySegment(out, at + i, LITTLE_ENDIAN);
    }
  }

  /// Words to `value` with the sign of their top bit.
  static void signs(MemorySegment words, int bytes, float value, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += VECTOR) {
      ints(words, i).and(SIGN).lanewise(XOR, Float.floatToRawIntBits(value)).intoMemorySegment(out, at + i, LITTLE_ENDIAN);
    }
  }

  /// Every other vector, words, to the radii of normals, in place.
  static void radii(MemorySegment words, int bytes) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      minusTwoLog(uniform(ints(words, i)), ROOT_HALF_BITS).lanewise(SQRT).intoMemorySegment(words, i, LITTLE_ENDIAN);
    }
  }

  /// Pairs of vectors, radii and words, to normals of even and of odd elements, in place.
  static void normals(MemorySegment pairs, int bytes, float mean, float std) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      FloatVector radius = floats(pairs, i);
      FloatVector v = fraction(ints(pairs, i + VECTOR)).mul(ANGLE_STEP * 0x1p32f).add(ANGLE_START);
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
      even.reinterpretAsFloats().mul(radius).fma(std, mean).intoMemorySegment(pairs, i, LITTLE_ENDIAN);
      odd.reinterpretAsFloats().mul(radius).fma(std, mean).intoMemorySegment(pairs, i + VECTOR, LITTLE_ENDIAN);
    }
  }

  /// Values to their exponentials, in place.
  static void exponentials(MemorySegment values, int bytes) {
    for (int i = 0; i < bytes; i += VECTOR) {
      FloatVector bounded = floats(values, i).min(EXP_GREATEST).max(EXP_LEAST);
      FloatVector shifted = bounded.fma(LOG2_E, ROUNDER);
      FloatVector n = shifted.sub(ROUNDER);
      IntVector k = shifted.reinterpretAsInts().sub(Float.floatToRawIntBits(ROUNDER));
      FloatVector r = n.lanewise(FMA, -LN2_LOW, n.lanewise(FMA, -LN2_HIGH, bounded));
      FloatVector tail = r.fma(EXP_4, EXP_3).lanewise(FMA, r, EXP_2).lanewise(FMA, r, EXP_1).lanewise(FMA, r, EXP_0);
      FloatVector y = r.mul(r).fma(tail, r).add(1);
      IntVector half = k.lanewise(ASHR, 1);
      y.mul(powerOfTwo(half)).mul(powerOfTwo(k.sub(half))).intoMemorySegment(values, i, LITTLE_ENDIAN);
    }
  }

  private static FloatVector powerOfTwo(IntVector exponent) {
    return exponent.add(127).lanewise(LSHL, EXPONENT_SHIFT).reinterpretAsFloats();
  }

  /// Words to -2 ln(2p) for the tail probabilities p of a truncated normal, in place; negative where the lower tail is meant.
  static void tails(MemorySegment words, int bytes, TruncatedNormal.Tails tails) {
    float inside = (float) tails.inside();
    float below = (float) tails.below();
    boolean allBelow = tails.split() > 0xffffffffL; // one more than the greatest word, which no comparison of words can express
    float above = allBelow ? below : (float) tails.above();
    int flip = allBelow ? 0 : -1;
    int sign = allBelow ? SIGN : 0;
    for (int i = 0; i < bytes; i += VECTOR) {
      IntVector word = ints(words, i);
      VectorMask<Integer> lower = word.compare(ULT, (int) tails.split());
      FloatVector u = uniform(word.lanewise(XOR, IntVector.broadcast(INTS, flip).blend(0, lower)));
      FloatVector tail = FloatVector.broadcast(FLOATS, above).blend(below, lower.cast(FLOATS));
      FloatVector p = u.lanewise(FMA, inside, tail);
      FloatVector w = minusTwoLog(p.blend(0.5f, p.compare(GT, 0.5f)).mul(0x1p25f), ROOT_HALF_BITS + (24 << EXPONENT_SHIFT));
      w.reinterpretAsInts().or(IntVector.broadcast(INTS, sign).blend(SIGN, lower)).intoMemorySegment(words, i, LITTLE_ENDIAN);
    }
  }

  /// What [#tails] leaves to values of a truncated normal.
  static void quantiles(MemorySegment tails, int bytes, float mean, float std, float low, float high, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += VECTOR) {
      IntVector tail = ints(tails, i);
      FloatVector w = tail.and(~SIGN).reinterpretAsFloats();
      FloatVector s = w.add(TWO_LN2).lanewise(SQRT);
      FloatVector numerator = s.fma(TAIL_P4, TAIL_P3).lanewise(FMA, s, TAIL_P2).lanewise(FMA, s, TAIL_P1).lanewise(FMA, s, 1);
      FloatVector excess = s.fma(TAIL_D3, TAIL_D2).lanewise(FMA, s, TAIL_D1).lanewise(FMA, s, TAIL_D0);
      IntVector quantile = w.mul(numerator).div(s.fma(numerator, excess)).reinterpretAsInts();
      FloatVector z = quantile.lanewise(XOR, tail.and(SIGN)).reinterpretAsFloats();
      FloatVector value = z.fma(std, mean);
      value = value.blend(low, value.compare(LT, low));
      value.blend(high, value.compare(GT, high)).intoMemorySegment(out, at + i, LITTLE_ENDIAN);
    }
  }

  private static FloatVector uniform(IntVector words) {
    return fraction(words).add(0x1p-33f);
  }

  /// Unsigned words times 2^-32, rounded once: either half is exact in the low bits of a power of two, and the sum takes both powers away.
  private static FloatVector fraction(IntVector words) {
    FloatVector high = words.lanewise(LSHR, 16).or(0x43000000).reinterpretAsFloats();
    FloatVector low = words.and(0xffff).or(0x3b000000).reinterpretAsFloats();
    return high.sub(0x1p7f + 0x1p-9f).add(low);
  }

  private static FloatVector minusTwoLog(FloatVector x, int origin) {
    IntVector offset = x.reinterpretAsInts().sub(origin);
    FloatVector e = (FloatVector) offset.lanewise(ASHR, EXPONENT_SHIFT).convert(I2F, 0);
    FloatVector f = FloatVector.broadcast(FLOATS, 1).sub(offset.and(FRACTION_MASK).add(ROOT_HALF_BITS).reinterpretAsFloats());
    FloatVector g = f.mul(f);
    FloatVector even = g.fma(LOG_6, LOG_4).lanewise(FMA, g, LOG_2).lanewise(FMA, g, LOG_0);
    FloatVector odd = g.fma(LOG_7, LOG_5).lanewise(FMA, g, LOG_3).lanewise(FMA, g, LOG_1);
    FloatVector quotient = odd.fma(f, even).lanewise(FMA, f, 2);
    return f.fma(quotient, e.mul(MINUS_TWO_LN2));
  }

  private static IntVector ints(MemorySegment memory, long at) {
    return IntVector.fromMemorySegment(INTS, memory, at, LITTLE_ENDIAN);
  }

  private static FloatVector floats(MemorySegment memory, long at) {
    return FloatVector.fromMemorySegment(FLOATS, memory, at, LITTLE_ENDIAN);
  }
}
