package io.github.tensorseed.spark;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/// Rows of a partition on a device, batch by batch.
final class RowBatches implements AutoCloseable {
  /// Bytes and rows of a batch: enough for products at full speed.
  private static final long BYTES = 16L << 20;
  private static final long ROWS = 1 << 14;

  private final Iterator<float[]> rows;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment host;
  private final Tensor batch;
  private float @Nullable [] row;

  /// @param rows at least one
  RowBatches(Iterator<float[]> rows, Device device) {
    this.rows = rows;
    float[] first = rows.next();
    row = first;
    if (first.length == 0) {
      throw new IllegalArgumentException("a row has no features");
    }
    Shape shape = Shape.of(Math.clamp(BYTES / Float.BYTES / first.length, 1, ROWS), first.length);
    batch = device.allocate(DType.F32, shape);
    boolean here = batch.memory().byteSize() == batch.bytes();
    host = here ? batch.memory() : arena.allocate(batch.bytes(), Float.BYTES);
  }

  long features() {
    return batch.shape().extent(1);
  }

  /// The next rows, which are the caller's until the next call; null after the last.
  @Nullable Tensor next() {
    long features = features();
    long count = 0;
    while (row != null && count < batch.shape().extent(0)) {
      if (row.length != features) {
        throw new IllegalArgumentException("a row has " + row.length + " features, and the first of its partition " + features);
      }
      MemorySegment.copy(row, 0, host, ValueLayout.JAVA_FLOAT, count * features * Float.BYTES, row.length);
      count++;
      row = rows.hasNext() ? rows.next() : null;
    }
    if (count == 0) {
      return null;
    }
    Tensor full = batch.view(0, Shape.of(count, features));
    if (host.address() != batch.memory().address()) {
      batch.device().write(full, 0, host.asSlice(0, full.bytes()));
    }
    return full;
  }

  @Override
  public void close() {
    batch.close();
    arena.close();
  }
}
