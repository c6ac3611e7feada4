package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.VectorKernels.MEMORY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import io.github.tensorseed.DType;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The last pass: pairs of vectors, the values of even and of odd elements, rounded to the element type as [DType#round] does, to memory.
/// No law gives NaN, so none is looked for.
@SuppressWarnings("NarrowCalculation") // on purpose: see VectorKernels.MEMORY
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

  static void store(DType dtype, long pairs, int vectors, long out) {
    switch (dtype) {
      case F32 -> float32(pairs, vectors, out);
      case BF16 -> bfloat16(pairs, vectors, out);
      case F16 -> float16(pairs, vectors, out);
      case F8_E4M3 -> {
        codes(pairs, vectors, 3, 7, 448);
        pack8(pairs, vectors, out);
      }
      case F8_E5M2 -> {
        codes(pairs, vectors, 2, 15, 57344);
        pack8(pairs, vectors, out);
      }
      case F64 -> throw new IllegalStateException("F64 is not rounded from binary32");
    }
  }

  private static void float32(long pairs, int vectors, long out) {
    // Not constants of the class: selectFrom is one instruction only with a vector that is made here.
    IntVector lower = IntVector.fromArray(INTS, IN_ORDER, 0);
    IntVector upper = IntVector.fromArray(INTS, IN_ORDER, LANES);
    for (int i = 0; i < vectors; i += 2) {
      IntVector even = IntVector.fromMemorySegment(INTS, MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
      lower.selectFrom(even, odd).intoMemorySegment(MEMORY, out + i * VECTOR, LITTLE_ENDIAN);
      upper.selectFrom(even, odd).intoMemorySegment(MEMORY, out + (i + 1) * VECTOR, LITTLE_ENDIAN);
    }
  }

  private static void bfloat16(long pairs, int vectors, long out) {
    for (int i = 0; i < vectors; i += 2) {
      IntVector even = IntVector.fromMemorySegment(INTS, MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
      even = even.lanewise(LSHR, 16).and(1).add(0x7fff).add(even).lanewise(LSHR, 16);
      odd = odd.lanewise(LSHR, 16).and(1).add(0x7fff).add(odd).and(0xffff0000);
      even.or(odd).intoMemorySegment(MEMORY, out + i * (VECTOR / 2), LITTLE_ENDIAN);
    }
  }

  /// Adding the power of two whose last place is the value's last place in the narrow type rounds the value to it and leaves its
  /// significand in the low bits; the places of subnormals are those of the least normal numbers. All values beyond 2^16 count as that,
  /// which is infinity.
  private static void float16(long pairs, int vectors, long out) {
    for (int i = 0; i < vectors; i += 2) {
      IntVector even = IntVector.fromMemorySegment(INTS, MEMORY, pairs + i * VECTOR, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, MEMORY, pairs + (i + 1) * VECTOR, LITTLE_ENDIAN);
      IntVector evenMagnitude = even.and(0x7fffffff).min(Float.floatToRawIntBits(0x1p16f));
      IntVector oddMagnitude = odd.and(0x7fffffff).min(Float.floatToRawIntBits(0x1p16f));
      IntVector evenExponent = evenMagnitude.and(0x7f800000).max(113 << 23);
      IntVector oddExponent = oddMagnitude.and(0x7f800000).max(113 << 23);
      IntVector evenPower = evenExponent.add(13 << 23);
      IntVector oddPower = oddExponent.add(13 << 23);
      IntVector evenSum = evenMagnitude.reinterpretAsFloats().add(evenPower.reinterpretAsFloats()).reinterpretAsInts();
      IntVector oddSum = oddMagnitude.reinterpretAsFloats().add(oddPower.reinterpretAsFloats()).reinterpretAsInts();
      IntVector evenCode = evenExponent.lanewise(LSHR, 13).add(evenSum.sub(evenPower)).sub(113 << 10);
      IntVector oddCode = oddExponent.lanewise(LSHR, 13).add(oddSum.sub(oddPower)).sub(113 << 10);
      evenCode = evenCode.or(even.and(0x80000000).lanewise(LSHR, 16));
      oddCode = oddCode.lanewise(LSHL, 16).or(odd.and(0x80000000));
      evenCode.or(oddCode).intoMemorySegment(MEMORY, out + i * (VECTOR / 2), LITTLE_ENDIAN);
    }
  }

  /// Values to their codes in an eight-bit type, in place, in the manner of [#float16].
  ///
  /// @param greatest all values beyond count as this, the type's greatest
  private static void codes(long values, int vectors, int mantissa, int bias, float greatest) {
    int drop = 23 - mantissa;
    for (int i = 0; i < vectors; i++) {
      IntVector bits = IntVector.fromMemorySegment(INTS, MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
      IntVector magnitude = bits.and(0x7fffffff).min(Float.floatToRawIntBits(greatest));
      IntVector exponent = magnitude.and(0x7f800000).max(128 - bias << 23);
      IntVector power = exponent.add(drop << 23);
      IntVector significand = magnitude.reinterpretAsFloats().add(power.reinterpretAsFloats()).reinterpretAsInts().sub(power);
      IntVector code = exponent.lanewise(LSHR, drop).add(significand).sub(128 - bias << mantissa);
      code.or(bits.and(0x80000000).lanewise(LSHR, 24)).intoMemorySegment(MEMORY, values + i * VECTOR, LITTLE_ENDIAN);
    }
  }

  private static void pack8(long codes, int vectors, long out) {
    for (int i = 0; i < vectors; i += 2) {
      IntVector even = IntVector.fromMemorySegment(INTS, MEMORY, codes + i * VECTOR, LITTLE_ENDIAN);
      IntVector odd = IntVector.fromMemorySegment(INTS, MEMORY, codes + (i + 1) * VECTOR, LITTLE_ENDIAN);
      ShortVector both = (ShortVector) even.or(odd.lanewise(LSHL, 8)).convertShape(I2S, SHORTS, 0);
      both.intoMemorySegment(MEMORY, out + i * (VECTOR / 4), LITTLE_ENDIAN);
    }
  }
}
