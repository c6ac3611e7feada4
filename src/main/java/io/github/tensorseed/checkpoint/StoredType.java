package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import java.util.Optional;

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

  /// The type to fill or to read it with; empty for integers, booleans and formats without one.
  public Optional<DType> dtype() {
    return dtype;
  }
}
