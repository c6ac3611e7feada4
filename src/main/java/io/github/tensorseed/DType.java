package io.github.tensorseed;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// The element types, by their safetensors names.
///
/// F32 and every narrower type is computed in binary32 and rounded once, to nearest even; F64 is computed in binary64.
/// F16 and BF16 overflow to infinity. The 8-bit types keep subnormals, saturate at their largest finite value and keep NaN.
public enum DType {
  F64(8, Double.MAX_VALUE),
  F32(4, Float.MAX_VALUE),
  /// The upper half of a binary32.
  BF16(2, 0x1.fep127),
  /// IEEE binary16.
  F16(2, 65504),
  /// 4 bits of exponent (bias 7), 3 of mantissa; no infinity ("E4M3FN").
  F8_E4M3(1, 448),
  /// 5 bits of exponent (bias 15), 2 of mantissa.
  F8_E5M2(1, 57344);

  private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);

  private final int bytes;
  private final double max;

  DType(int bytes, double max) {
    this.bytes = bytes;
    this.max = max;
  }

  /// Bytes per element.
  public int bytes() {
    return bytes;
  }

  /// The largest finite value.
  public double max() {
    return max;
  }

  /// The type of this name, in either case.
  ///
  /// @throws IllegalArgumentException for an unknown name; the message lists the known ones
  public static DType of(String name) {
    for (DType dtype : values()) {
      if (dtype.name().equalsIgnoreCase(name)) {
        return dtype;
      }
    }
    List<String> known = Arrays.stream(values()).map(dtype -> dtype.name().toLowerCase(Locale.ROOT)).toList();
    throw new IllegalArgumentException("unknown dtype '" + name + "'" + Nearest.hint(name.toLowerCase(Locale.ROOT), known));
  }

  /// The bits of `value` rounded once to this type. Not for F64, which does not come from a float.
  public int round(float value) {
    return switch (this) {
      case F64 -> throw new IllegalStateException("F64 is not rounded from binary32");
      case F32 -> Float.floatToRawIntBits(value);
      case BF16 -> roundToBFloat16(value);
      case F16 -> Float.floatToFloat16(value) & 0xffff;
      case F8_E4M3 -> Float8.roundE4M3(value);
      case F8_E5M2 -> Float8.roundE5M2(value);
    };
  }

  /// The value that `bits` stands for, exactly. Not for F64.
  public float widen(int bits) {
    return switch (this) {
      case F64 -> throw new IllegalStateException("F64 does not fit binary32");
      case F32 -> Float.intBitsToFloat(bits);
      case BF16 -> Float.intBitsToFloat(bits << 16);
      case F16 -> Float.float16ToFloat((short) bits);
      case F8_E4M3 -> Float8.widenE4M3(bits);
      case F8_E5M2 -> Float8.widenE5M2(bits);
    };
  }

  /// Writes `value` as element `index` of `memory`: rounded to binary32 first, then to this type; F64 as it is.
  public void set(MemorySegment memory, long index, double value) {
    long offset = index * bytes;
    switch (this) {
      case F64 -> memory.set(LONG, offset, Double.doubleToRawLongBits(value));
      case F32 -> memory.set(INT, offset, round((float) value));
      case BF16, F16 -> memory.set(SHORT, offset, (short) round((float) value));
      case F8_E4M3, F8_E5M2 -> memory.set(ValueLayout.JAVA_BYTE, offset, (byte) round((float) value));
    }
  }

  /// Element `index` of `memory`, exactly.
  public double get(MemorySegment memory, long index) {
    long bits = bits(memory, index);
    return this == F64 ? Double.longBitsToDouble(bits) : widen((int) bits);
  }

  /// The bits of element `index` of `memory`, zero-extended.
  public long bits(MemorySegment memory, long index) {
    long offset = index * bytes;
    return switch (bytes) {
      case 8 -> memory.get(LONG, offset);
      case 4 -> Integer.toUnsignedLong(memory.get(INT, offset));
      case 2 -> Short.toUnsignedLong(memory.get(SHORT, offset));
      default -> Byte.toUnsignedLong(memory.get(ValueLayout.JAVA_BYTE, offset));
    };
  }

  /// Whether `value` is finite once rounded to this type, without saturation.
  public boolean holds(double value) {
    return switch (this) {
      case F64 -> Double.isFinite(value);
      case F32, BF16, F16 -> Float.isFinite(widen(round((float) value)));
      // Half-way to the value that would come next: a tie goes to the even mantissa, which is 448, but not 57344.
      case F8_E4M3 -> Math.abs((float) value) <= 464;
      case F8_E5M2 -> Math.abs((float) value) < 61440;
    };
  }

  /// Checks that this type holds a parameter of an initializer.
  void requireHeld(Initializer initializer, String parameter, double value) {
    if (!holds(value)) {
      throw new IllegalArgumentException(initializer + ": " + parameter + " = " + value + " is not finite in " + this
          + ", whose largest value is " + Numbers.text(max));
    }
  }

  private static int roundToBFloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.isNaN(value) ? bits >>> 16 | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
  }
}
