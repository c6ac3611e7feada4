package io.github.tensorseed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.DoubleBinaryOperator;

/// `y_i = f(x_i, y_i)` by way of the host, for what a device has no kernel for.
final class Elementwise {
  private static final long PIECE = 1 << 14;

  private Elementwise() {}

  /// @throws IllegalArgumentException unless both are F32 or both F64, and of as many elements
  static void run(Tensor x, Tensor y, DoubleBinaryOperator f) {
    DType dtype = x.dtype();
    if (y.dtype() != dtype || dtype != DType.F32 && dtype != DType.F64 || x.elements() != y.elements()) {
      throw new IllegalArgumentException(x + " and " + y + ": both must be F32, or both F64, and of as many elements");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocate(PIECE * dtype.bytes(), Double.BYTES);
      MemorySegment to = arena.allocate(PIECE * dtype.bytes(), Double.BYTES);
      for (long at = 0; at < x.elements(); at += PIECE) {
        long count = Math.min(PIECE, x.elements() - at);
        MemorySegment here = to.asSlice(0, count * dtype.bytes());
        x.device().read(x, at * dtype.bytes(), from.asSlice(0, here.byteSize()));
        y.device().read(y, at * dtype.bytes(), here);
        for (long i = 0; i < count; i++) {
          dtype.set(here, i, f.applyAsDouble(dtype.get(from, i), dtype.get(here, i)));
        }
        y.device().write(y, at * dtype.bytes(), here);
      }
    }
  }
}
