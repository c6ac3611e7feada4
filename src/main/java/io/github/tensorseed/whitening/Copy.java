package io.github.tensorseed.whitening;

import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/// Copies of rows from matrix to matrix by way of the host, a row at a time, rounded once where dtypes differ.
final class Copy {
  private Copy() {}

  static void rows(Tensor from, long fromRow, Tensor to, long toRow, long count) {
    for (long i = 0; i < count; i++) {
      row(from, fromRow + i, to, toRow + i, _ -> {});
    }
  }

  /// @param change of the values on their way
  static void row(Tensor from, long fromRow, Tensor to, long toRow, Consumer<double[]> change) {
    int columns = Math.toIntExact(from.shape().extent(1));
    long read = (long) columns * from.dtype().bytes();
    long written = (long) columns * to.dtype().bytes();
    double[] values = new double[columns];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(Math.max(read, written), Long.BYTES);
      from.device().read(from, fromRow * read, host.asSlice(0, read));
      for (int j = 0; j < columns; j++) {
        values[j] = from.dtype().get(host, j);
      }
      change.accept(values);
      for (int j = 0; j < columns; j++) {
        to.dtype().set(host, j, values[j]);
      }
      to.device().write(to, toRow * written, host.asSlice(0, written));
    }
  }
}
