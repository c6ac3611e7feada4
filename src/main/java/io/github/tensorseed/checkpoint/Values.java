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
    if (type.dtype().isPresent()) {
      DType dtype = type.dtype().get();
      for (int i = 0; i < count; i++) {
        values[i] = dtype.get(memory, i);
      }
      return;
    }
    for (int i = 0; i < count; i++) {
      values[i] = switch (type) {
        case I64 -> memory.get(LONG, 8L * i);
        case U64 -> {
          long value = memory.get(LONG, 8L * i);
          yield value >= 0 ? value : (value >>> 1 | value & 1) * 2.0;
        }
        case I32 -> memory.get(INT, 4L * i);
        case U32 -> Integer.toUnsignedLong(memory.get(INT, 4L * i));
        case I16 -> memory.get(SHORT, 2L * i);
        case U16 -> Short.toUnsignedInt(memory.get(SHORT, 2L * i));
        case I8 -> memory.get(ValueLayout.JAVA_BYTE, i);
        case U8, BOOL -> Byte.toUnsignedInt(memory.get(ValueLayout.JAVA_BYTE, i));
        default -> throw new IllegalArgumentException(type + " has no values as doubles");
      };
    }
  }
}
