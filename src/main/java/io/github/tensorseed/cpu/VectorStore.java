package io.github.tensorseed.cpu;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.github.tensorseed.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The last pass: pairs of vectors, the values of even and of odd elements, rounded to the element type as [DType#round] does, to memory.
/// No law gives NaN, so none is looked for.
final class VectorStore {
  private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class, VectorShape.forBitSize(INTS.vectorBitSize() / 2));
  private static final int VECTOR = INTS.vectorByteSize();
  private static final int LANES = INTS.length();
  private static final int UPPER_HALF = 0xffff0000;

  /// Places of the elements in an even and an odd vector.
  private static final int[] IN_ORDER = new int[2 * LANES];

  static {
    for (int element = 0; element < 2 * LANES; element++) {
      IN_ORDER[element] = element / 2 + element % 2 * LANES;
    }
  }

  private VectorStore() {}

  static void store(DType dtype, MemorySegment pairs, int bytes, MemorySegment out, long at) {
    switch (dtype) {
      case F32 -> float32(pairs, bytes, out, at);
      case BF16 -> bfloat16(pairs, bytes, out, at);
      case F16 -> float16(pairs, bytes, out, at);
      case F8_E4M3 -> float8(pairs, bytes, 3, 7, 448, out, at);
      case F8_E5M2 -> float8(pairs, bytes, 2, 15, 57344, out, at);
      case F64 -> throw new IllegalStateException("F64 is not rounded from binary32");
    }
  }

  private static void float32(MemorySegment pairs, int bytes, MemorySegment out, long at) {
    // Not constants of the class: selectFrom is one instruction only with a vector that is made here.
    IntVector lower = IntVector.fromArray(INTS, IN_ORDER, 0);
    IntVector upper = IntVector.fromArray(INTS, IN_ORDER, LANES);
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = ints(pairs, i);
      IntVector odd = ints(pairs, i + VECTOR);
      lower.selectFrom(even, odd).intoMemorySegment(out, at + i, LITTLE_ENDIAN);
      upper.selectFrom(even, odd).intoMemorySegment(out, at + i + VECTOR, LITTLE_ENDIAN);
    }
  }

  private static void bfloat16(MemorySegment pairs, int bytes, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = bfloat16(ints(pairs, i)).lanewise(LSHR, 16);
      IntVector odd = bfloat16(ints(pairs, i + VECTOR)).and(UPPER_HALF);
      even.or(odd).intoMemorySegment(out, at + i / 2, LITTLE_ENDIAN);
    }
  }

  private static IntVector bfloat16(IntVector bits) {
    return bits.lanewise(LSHR, 16).and(1).add(0x7fff).add(bits);
  }

  private static void float16(MemorySegment pairs, int bytes, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = ints(pairs, i);
      IntVector odd = ints(pairs, i + VECTOR);
      IntVector signs = even.lanewise(LSHR, 16).and(0x8000).or(odd.and(0x80000000));
      magnitude(even, 10, 15, 0x1p16f).or(magnitude(odd, 10, 15, 0x1p16f).lanewise(LSHL, 16)).or(signs)
          .intoMemorySegment(out, at + i / 2, LITTLE_ENDIAN);
    }
  }

  private static void float8(MemorySegment pairs, int bytes, int mantissa, int bias, float greatest, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = ints(pairs, i);
      IntVector odd = ints(pairs, i + VECTOR);
      IntVector signs = even.lanewise(LSHR, 24).and(0x80).or(odd.lanewise(LSHR, 16).and(0x8000));
      IntVector codes = magnitude(even, mantissa, bias, greatest).or(magnitude(odd, mantissa, bias, greatest).lanewise(LSHL, 8)).or(signs);
      ((ShortVector) codes.convertShape(I2S, SHORTS, 0)).intoMemorySegment(out, at + i / 4, LITTLE_ENDIAN);
    }
  }

  /// The code of the value without its sign. Adding the power of two whose last place is the value's last place in the narrow type rounds the
  /// value to that place and leaves its significand in the low bits; the places of subnormals are those of the least normal numbers.
  /// Beyond `greatest` all values count as `greatest`: the type's greatest, if it saturates, or the power of two that is its infinity.
  private static IntVector magnitude(IntVector bits, int mantissa, int bias, float greatest) {
    int drop = 23 - mantissa;
    IntVector magnitude = bits.and(0x7fffffff).min(Float.floatToRawIntBits(greatest));
    IntVector exponent = magnitude.and(0x7f800000).max(128 - bias << 23);
    IntVector power = exponent.add(drop << 23);
    IntVector significand = magnitude.reinterpretAsFloats().add(power.reinterpretAsFloats()).reinterpretAsInts().sub(power);
    return exponent.lanewise(LSHR, drop).add(significand).sub(128 - bias << mantissa);
  }

  private static IntVector ints(MemorySegment memory, long at) {
    return IntVector.fromMemorySegment(INTS, memory, at, LITTLE_ENDIAN);
  }
}
