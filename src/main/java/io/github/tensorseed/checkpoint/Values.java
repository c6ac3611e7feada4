package io.github.tensorseed.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.github.tensorseed.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Stored values as doubles.
final class Values {
  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private Values() {}

  /// Whether [#decode] knows the type.
  static boolean known(StoredType type) {
    return switch (type) {
      case F4, F6_E2M3, F6_E3M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, C64 -> false;
      default -> true;
    };
  }

  /// Writes the first `count` values of `memory` to `values`; integers of 64 bits are rounded.
  static void decode(StoredType type, MemorySegment memory, int count, double[] values) {
    for (int i = 0; i < count; i++) {
      values[i] = decode(type, memory, i);
    }
  }

  /// Value `index` of `memory`; an integer of 64 bits is rounded.
  static double decode(StoredType type, MemorySegment memory, long index) {
    return switch (type) {
      case F64 -> DType.F64.get(memory, index);
      case F32 -> DType.F32.get(memory, index);
      case BF16 -> DType.BF16.get(memory, index);
      case F16 -> DType.F16.get(memory, index);
      case F8_E4M3 -> DType.F8_E4M3.get(memory, index);
      case F8_E5M2 -> DType.F8_E5M2.get(memory, index);
      case I64 -> memory.get(LONG, 8 * index);
      case U64 -> {
        long value = memory.get(LONG, 8 * index);
        yield value >= 0 ? value : (value >>> 1 | value & 1) * 2.0;
      }
      case I32 -> memory.get(INT, 4 * index);
      case U32 -> Integer.toUnsignedLong(memory.get(INT, 4 * index));
      case I16 -> memory.get(SHORT, 2 * index);
      case U16 -> Short.toUnsignedInt(memory.get(SHORT, 2 * index));
      case I8 -> memory.get(ValueLayout.JAVA_BYTE, index);
      case U8, BOOL -> Byte.toUnsignedInt(memory.get(ValueLayout.JAVA_BYTE, index));
      default -> throw new IllegalArgumentException(type + " has no values as doubles");
    };
  }

  /// The distance from `value` to the next larger magnitude of `dtype`; below the normal range that of the least values.
  static double spacing(DType dtype, double value) {
    int bits = switch (dtype) {
      case F64 -> 52;
      case F32 -> 23;
      case F16 -> 10;
      case BF16 -> 7;
      case F8_E4M3 -> 3;
      case F8_E5M2 -> 2;
    };
    double least = dtype == DType.F64 ? Double.MIN_VALUE : dtype.widen(1);
    return Math.max(least, Math.scalb(1.0, Math.getExponent(value) - bits));
  }

  /// Whether the bits of element `index`, of `width` bytes, differ.
  static boolean differ(MemorySegment a, MemorySegment b, long index, int width) {
    return MemorySegment.mismatch(a, index * width, (index + 1) * width, b, index * width, (index + 1) * width) >= 0;
  }

  /// 64 bits that depend on every byte and on `start`, and differ by chance for other bytes. Not for use against an adversary.
  static long checksum(MemorySegment bytes, long start) {
    long hash = mixed(start + 1);
    long at = 0;
    for (; at <= bytes.byteSize() - Long.BYTES; at += Long.BYTES) {
      hash = mixed(hash ^ bytes.get(LONG, at));
    }
    for (; at < bytes.byteSize(); at++) {
      hash = mixed(hash ^ bytes.get(ValueLayout.JAVA_BYTE, at));
    }
    return hash;
  }

  /// One to one.
  private static long mixed(long bits) {
    long product = bits * 0x9E3779B97F4A7C15L;
    return product ^ product >>> 32;
  }
}
