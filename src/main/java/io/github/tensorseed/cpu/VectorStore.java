package io.github.tensorseed.cpu;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.github.tensorseed.DType;
import java.lang.foreign.MemorySegment;
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
      case F16 -> {
        codes(pairs, bytes, 10, 15, 0x1p16f, 16);
        pack16(pairs, bytes, out, at);
      }
      case F8_E4M3 -> {
        codes(pairs, bytes, 3, 7, 448, 24);
        pack8(pairs, bytes, out, at);
      }
      case F8_E5M2 -> {
        codes(pairs, bytes, 2, 15, 57344, 24);
        pack8(pairs, bytes, out, at);
      }
      case F64 -> throw new IllegalStateException("F64 is not rounded from binary32");
    }
  }

  private static void float32(MemorySegment pairs, int bytes, MemorySegment out, long at) {
    // Not constants of the class: selectFrom is one instruction only with a vector that is made here.
    IntVector lower = IntVector.fromArray(INTS, IN_ORDER, 0);
    IntVector upper = IntVector.fromArray(INTS, IN_ORDER, LANES);
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = IntVector.fromMemorySegment(INTS, pairs, i, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, pairs, i + VECTOR, LITTLE_ENDIAN);
      lower.selectFrom(even, odd).intoMemorySegment(out, at + i, LITTLE_ENDIAN);
      upper.selectFrom(even, odd).intoMemorySegment(out, at + i + VECTOR, LITTLE_ENDIAN);
    }
  }

  private static void bfloat16(MemorySegment pairs, int bytes, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = IntVector.fromMemorySegment(INTS, pairs, i, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, pairs, i + VECTOR, LITTLE_ENDIAN);
      even = even.lanewise(LSHR, 16).and(1).add(0x7fff).add(even).lanewise(LSHR, 16);
      odd = odd.lanewise(LSHR, 16).and(1).add(0x7fff).add(odd).and(0xffff0000);
      even.or(odd).intoMemorySegment(out, at + i / 2, LITTLE_ENDIAN);
    }
  }

  /// Values to their codes in a narrow type, in place. Adding the power of two whose last place is the value's last place in that type
  /// rounds the value to it and leaves its significand in the low bits; the places of subnormals are those of the least normal numbers.
  ///
  /// @param greatest all values beyond count as this: the type's greatest, if it saturates, or the power of two that is its infinity
  /// @param unused bits above the code
  private static void codes(MemorySegment values, int bytes, int mantissa, int bias, float greatest, int unused) {
    int drop = 23 - mantissa;
    for (int i = 0; i < bytes; i += VECTOR) {
      IntVector bits = IntVector.fromMemorySegment(INTS, values, i, LITTLE_ENDIAN);
      IntVector magnitude = bits.and(0x7fffffff).min(Float.floatToRawIntBits(greatest));
      IntVector exponent = magnitude.and(0x7f800000).max(128 - bias << 23);
      IntVector power = exponent.add(drop << 23);
      IntVector significand = magnitude.reinterpretAsFloats().add(power.reinterpretAsFloats()).reinterpretAsInts().sub(power);
      IntVector code = exponent.lanewise(LSHR, drop).add(significand).sub(128 - bias << mantissa);
      code.or(bits.and(0x80000000).lanewise(LSHR, unused)).intoMemorySegment(values, i, LITTLE_ENDIAN);
    }
  }

  private static void pack16(MemorySegment codes, int bytes, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = IntVector.fromMemorySegment(INTS, codes, i, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, codes, i + VECTOR, LITTLE_ENDIAN);
      even.or(odd.lanewise(LSHL, 16)).intoMemorySegment(out, at + i / 2, LITTLE_ENDIAN);
    }
  }

  private static void pack8(MemorySegment codes, int bytes, MemorySegment out, long at) {
    for (int i = 0; i < bytes; i += 2 * VECTOR) {
      IntVector even = IntVector.fromMemorySegment(INTS, codes, i, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, codes, i + VECTOR, LITTLE_ENDIAN);
      ShortVector both = (ShortVector) even.or(odd.lanewise(LSHL, 8)).convertShape(I2S, SHORTS, 0);
      both.intoMemorySegment(out, at + i / 4, LITTLE_ENDIAN);
    }
  }
}
