package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;

/// Rows less a shift near their mean, so that a large mean costs no digits, and the sums that lead from one to the other.
final class Centering implements AutoCloseable {
  /// Rows whose mean becomes the shift: within a sixteenth of a standard deviation it is as good as the mean itself.
  private static final long FIRST = 256;

  private final Device device;
  private final long features;
  /// F64 with values of F32, so that F32 rows lose nothing by it.
  final Tensor shift;
  /// Of the rows less the shift.
  private final Tensor sums;
  private double[] total;
  private long rows;

  Centering(Device device, long features) {
    if (features < 1 || features > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException("features = " + features + ": rows have at least 1 and less than 2^31 of them");
    }
    this.device = device;
    this.features = features;
    total = new double[(int) features];
    shift = device.full(DType.F64, Shape.of(features), 0);
    sums = device.full(DType.F64, Shape.of(features), 0);
  }

  long rows() {
    return rows;
  }

  double[] sums() {
    return total.clone();
  }

  /// @param products made of rows
  static void requireFinite(double[] products, Covariance.Precision precision) {
    if (!Arrays.stream(products).allMatch(Double::isFinite)) {
      throw new IllegalArgumentException("the products of the rows overflow in precision " + precision.name().toLowerCase(Locale.ROOT)
          + "; scale the data down, or take f64");
    }
  }

  /// What rows are multiplied in.
  ///
  /// @throws IllegalArgumentException unless these are rows, and of a dtype that goes with the precision
  DType require(Tensor batch, Covariance.Precision precision) {
    if (batch.shape().rank() != 2 || batch.shape().extent(1) != features || batch.dtype() != DType.F32 && batch.dtype() != DType.F64) {
      throw new IllegalArgumentException(batch + ": rows of " + features + " features, F32 or F64, are wanted");
    }
    if (precision == Covariance.Precision.F32 && batch.dtype() == DType.F64) {
      throw new IllegalArgumentException(batch + " in precision f32: give F32 rows, or take another precision");
    }
    return precision == Covariance.Precision.F64 ? DType.F64 : batch.dtype();
  }

  /// Counts the rows of a batch and leaves them, less the shift, in `differences`.
  ///
  /// @throws IllegalArgumentException if a value is not finite; the rows do not count then
  void add(Tensor batch, Tensor differences) {
    if (rows == 0) {
      shiftToMean(batch, differences);
    }
    device.linearAlgebra().center(batch, shift, differences, sums);
    total = requireFinite(batch);
    rows += batch.shape().extent(0);
  }

  private void shiftToMean(Tensor batch, Tensor differences) {
    Shape first = Shape.of(Math.min(FIRST, batch.shape().extent(0)), features);
    shift.copyFrom(new double[total.length]);
    device.linearAlgebra().center(batch.view(0, first), shift, differences.view(0, first), sums);
    double[] mean = requireFinite(batch);
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (mean[i] / first.extent(0));
    }
    shift.copyFrom(mean);
    sums.copyFrom(total);
  }

  /// The sums, as they are now.
  private double[] requireFinite(Tensor batch) {
    double[] now = sums.toDoubles();
    if (Arrays.stream(now).allMatch(Double::isFinite)) {
      return now;
    }
    sums.copyFrom(total);
    long bytes = features * batch.dtype().bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment row = arena.allocate(bytes);
      for (long i = 0; i < batch.shape().extent(0); i++) {
        device.read(batch, i * bytes, row);
        for (long j = 0; j < features; j++) {
          double value = batch.dtype().get(row, j);
          if (!Double.isFinite(value)) {
            throw new IllegalArgumentException("row " + (rows + i) + " has " + value + " as feature " + j
                + " (both counted from 0); remove such rows, or replace their values");
          }
        }
      }
    }
    throw new IllegalArgumentException("the sums of rows " + rows + " to " + (rows + batch.shape().extent(0) - 1)
        + " overflow; scale the data down");
  }

  /// Counts other rows as if they had been added here.
  ///
  /// @return their shift less this one
  double[] merge(Centering other) {
    double[] difference = other.shift.toDoubles();
    if (rows == 0) {
      shift.copyFrom(difference);
    }
    double[] here = shift.toDoubles();
    for (int i = 0; i < here.length; i++) {
      difference[i] -= here[i];
      total[i] += other.total[i] + other.rows * difference[i];
    }
    sums.copyFrom(total);
    rows += other.rows;
    return difference;
  }

  void save(DataOutputStream out) throws IOException {
    out.writeLong(rows);
    write(out, shift.toDoubles());
    write(out, total);
  }

  void load(DataInputStream in) throws IOException {
    rows = in.readLong();
    shift.copyFrom(read(in, total.length));
    total = read(in, total.length);
    sums.copyFrom(total);
  }

  static void write(DataOutputStream out, double[] values) throws IOException {
    for (double value : values) {
      out.writeDouble(value);
    }
  }

  static double[] read(DataInputStream in, int count) throws IOException {
    double[] values = new double[count];
    for (int i = 0; i < count; i++) {
      values[i] = in.readDouble();
    }
    return values;
  }

  /// The mean less the shift.
  double[] offset() {
    return Arrays.stream(total).map(sum -> sum / rows).toArray();
  }

  double offsetSquared() {
    return Arrays.stream(offset()).map(value -> value * value).sum();
  }

  double[] mean() {
    requireRows(0);
    double[] mean = offset();
    double[] from = shift.toDoubles();
    for (int i = 0; i < mean.length; i++) {
      mean[i] += from[i];
    }
    return mean;
  }

  void requireRows(int ddof) {
    if (ddof != 0 && ddof != 1) {
      throw new IllegalArgumentException("ddof = " + ddof + ": it is 1 for the unbiased covariance, or 0");
    }
    if (rows <= ddof) {
      throw new IllegalStateException(rows + (rows == 1 ? " row is" : " rows are") + " too few for a covariance with ddof " + ddof);
    }
  }

  @Override
  public void close() {
    shift.close();
    sums.close();
  }
}
