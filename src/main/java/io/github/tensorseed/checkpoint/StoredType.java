package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import java.util.Optional;
import java.util.OptionalLong;

/// The element types of the safetensors format, by their names there. Those that can be filled have a [DType].
public enum StoredType {
  BOOL(8),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  U8(8),
  I8(8),
  F8_E5M2(8, DType.F8_E5M2),
  F8_E4M3(8, DType.F8_E4M3),
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(16, DType.F16),
  BF16(16, DType.BF16),
  I32(32),
  U32(32),
  F32(32, DType.F32),
  C64(64),
  F64(64, DType.F64),
  I64(64),
  U64(64);

  private final int bits;
  private final Optional<DType> dtype;

  StoredType(int bits) {
    this.bits = bits;
    dtype = Optional.empty();
  }

  StoredType(int bits, DType dtype) {
    this.bits = bits;
    this.dtype = Optional.of(dtype);
  }

  /// Bits per element.
  public int bits() {
    return bits;
  }

  /// The stored form of a type.
  public static StoredType of(DType dtype) {
    return valueOf(dtype.name()); // both have the names of the format
  }

  /// The type to fill or to read it with; empty for integers, booleans and formats without one.
  public Optional<DType> dtype() {
    return dtype;
  }

  /// The bits of a whole number in this type of integers or booleans; empty if it cannot hold it, and for types of other kinds.
  OptionalLong integer(double value) {
    double least = switch (this) {
      case BOOL, U8, U16, U32, U64 -> 0;
      case I8, I16, I32, I64 -> -Math.scalb(1.0, bits - 1);
      default -> Double.NaN;
    };
    double beyond = switch (this) {
      case BOOL -> 2;
      case U8, U16, U32, U64 -> Math.scalb(1.0, bits);
      case I8, I16, I32, I64 -> Math.scalb(1.0, bits - 1);
      default -> Double.NaN;
    };
    if (value == Math.rint(value) && value >= least && value < beyond) {
      return OptionalLong.of(value < 0x1p63 ? (long) value : (long) (value - 0x1p63) + Long.MIN_VALUE);
    }
    return OptionalLong.empty();
  }
}
