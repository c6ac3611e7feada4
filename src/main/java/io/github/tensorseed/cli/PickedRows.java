package io.github.tensorseed.cli;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// What a page shows of rows that stream by: the covariance of some of their features, and some of the rows.
final class PickedRows implements AutoCloseable {
  private static final int FEATURES = 256;
  private static final int ROWS = 32;

  private final Device device;
  private final long total;
  private final int width;
  private final int step;
  private final Covariance covariance;
  private final List<double[]> rows = new ArrayList<>();

  /// @param total rows that will come
  /// @param width of each
  /// @param shown whether rows are picked as well
  PickedRows(Device device, long total, long width, boolean shown) {
    this.device = device;
    this.total = shown ? total : 0;
    this.width = Math.toIntExact(width);
    step = Math.toIntExact((width + FEATURES - 1) / FEATURES);
    covariance = Covariance.open(device, count(), Covariance.Precision.F64);
  }

  private int count() {
    return (width + step - 1) / step;
  }

  /// Every so manieth feature is picked.
  int step() {
    return step;
  }

  void add(Tensor batch) {
    int n = Math.toIntExact(batch.shape().extent(0));
    int count = count();
    try (Arena arena = Arena.ofConfined(); Tensor picked = device.allocate(DType.F64, Shape.of(n, count))) {
      MemorySegment values = arena.allocate(batch.bytes(), Double.BYTES);
      device.read(batch, 0, values);
      MemorySegment chosen = arena.allocate(picked.bytes(), Double.BYTES);
      for (int i = 0; i < n; i++) {
        for (int j = 0; j < count; j++) {
          chosen.setAtIndex(ValueLayout.JAVA_DOUBLE, (long) i * count + j, batch.dtype().get(values, (long) i * width + (long) j * step));
        }
        if (rows.size() < Math.min(ROWS, total) && covariance.rows() + i == rows.size() * total / Math.min(ROWS, total)) {
          rows.add(row(batch.dtype(), values, i));
        }
      }
      device.write(picked, 0, chosen);
      covariance.add(picked);
    }
  }

  private double[] row(DType dtype, MemorySegment values, long index) {
    double[] row = new double[width];
    for (int j = 0; j < width; j++) {
      row[j] = dtype.get(values, index * width + j);
    }
    return row;
  }

  /// Rows from everywhere in the data.
  List<double[]> rows() {
    return rows;
  }

  /// Of the picked features.
  double[] covariance() {
    try (Tensor matrix = covariance.matrix(0)) {
      return matrix.toDoubles();
    }
  }

  @Override
  public void close() {
    covariance.close();
  }
}
