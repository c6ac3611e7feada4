package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Mean and covariance of rows that come in batches, in one pass.
///
/// With the first batch's mean as a provisional one, sums of (x - shift) and of their products are kept, so that a large mean costs no
/// digits. Two partial results, of threads, devices or machines, become one by [#merge].
///
/// - Shape: rows of `d` features, F32 or F64. Memory of the device: d x d as F64, by default another one as F32, and one batch.
/// - Precision: [Precision].
/// - Source: T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, 1983.
public final class Covariance implements AutoCloseable {
  /// What products are computed in.
  public enum Precision {
    /// Of F32 rows in F32 over some thousands of rows, and these sums in F64; of F64 rows in F64.
    MIXED,
    /// Everything of F32 rows in F32.
    F32,
    /// Everything in F64.
    F64
  }

  /// Rows whose products are added up in F32 before they are added to those in F64: more cost digits, fewer cost time.
  private static final long ROWS_IN_F32 = 1 << 14;

  private final Device device;
  private final LinearAlgebra algebra;
  private final long features;
  private final Precision precision;
  private final List<Tensor> tensors = new ArrayList<>();
  private final Tensor shift;
  private final Tensor sums;
  /// Below the diagonal and on it.
  private final Tensor products;
  /// Products in F32 that are not in `products` yet, of so many rows.
  private @Nullable Tensor recent;
  private long recentRows;
  private @Nullable Tensor centered;
  private long rows;

  private Covariance(Device device, long features, Precision precision) {
    this.device = device;
    this.features = features;
    this.precision = precision;
    algebra = device.linearAlgebra();
    shift = zeros(DType.F64, features);
    sums = zeros(DType.F64, features);
    products = zeros(precision == Precision.F32 ? DType.F32 : DType.F64, features, features);
  }

  /// Of no rows yet.
  ///
  /// @throws IllegalArgumentException if `features` is not positive
  public static Covariance open(Device device, long features, Precision precision) {
    if (features < 1) {
      throw new IllegalArgumentException("features = " + features + ": rows have at least 1");
    }
    return new Covariance(device, features, precision);
  }

  private Tensor zeros(DType dtype, long... extents) {
    Tensor tensor = device.allocate(dtype, Shape.of(extents));
    tensors.add(tensor);
    device.fill(tensor, new Distribution.Constant(0), RandomStream.of(0));
    return tensor;
  }

  public Device device() {
    return device;
  }

  public long features() {
    return features;
  }

  /// How many rows there were.
  public long rows() {
    return rows;
  }

  /// Adds the rows of a matrix on the device, which stays as it is.
  ///
  /// @throws IllegalArgumentException if a value is not finite, with its row, counted over all batches; nothing has been added then
  public void add(Tensor batch) {
    if (batch.shape().rank() != 2 || batch.shape().extent(1) != features || batch.dtype() != DType.F32 && batch.dtype() != DType.F64) {
      throw new IllegalArgumentException(batch + ": rows of " + features + " features, F32 or F64, are wanted");
    }
    long count = batch.shape().extent(0);
    if (count == 0) {
      return;
    }
    DType computing = precision == Precision.F64 ? DType.F64 : precision == Precision.F32 ? DType.F32 : batch.dtype();
    if (computing != batch.dtype() && batch.dtype() == DType.F64) {
      throw new IllegalArgumentException(batch + " in precision f32: give F32 rows, or take another precision");
    }
    if (rows == 0) {
      shiftToMean(batch);
    }
    double[] before = sums.toDoubles();
    Tensor differences = scratch(computing, batch.shape());
    algebra.center(batch, shift, differences, sums);
    requireFinite(batch, before);
    if (computing == products.dtype()) {
      algebra.syrk(Op.T, 1, differences, 1, products);
    } else {
      addRecent(differences);
    }
    rows += count;
  }

  private void addRecent(Tensor differences) {
    if (recent == null) {
      recent = zeros(DType.F32, features, features);
    }
    algebra.syrk(Op.T, 1, differences, recentRows == 0 ? 0 : 1, recent);
    recentRows += differences.shape().extent(0);
    if (recentRows >= ROWS_IN_F32) {
      settle();
    }
  }

  /// Adds what is in F32 to what is in F64.
  private void settle() {
    if (recent != null && recentRows > 0) {
      algebra.axpy(1, recent, products);
      recentRows = 0;
    }
  }

  /// The first rows' mean, rounded to F32 so that F32 rows lose nothing by it.
  private void shiftToMean(Tensor batch) {
    Tensor differences = scratch(batch.dtype(), batch.shape());
    algebra.center(batch, shift, differences, sums);
    requireFinite(batch, new double[(int) features]);
    double[] mean = sums.toDoubles();
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (mean[i] / batch.shape().extent(0));
    }
    shift.copyFrom(mean);
    sums.copyFrom(new double[mean.length]);
  }

  /// Memory for rows less the shift, kept from batch to batch.
  private Tensor scratch(DType dtype, Shape shape) {
    if (centered == null || centered.dtype() != dtype || centered.elements() < shape.elements()) {
      if (centered != null) {
        tensors.remove(centered);
        centered.close();
      }
      centered = device.allocate(dtype, shape);
      tensors.add(centered);
    }
    return centered.shape().equals(shape) ? centered : device.view(centered, 0, shape);
  }

  /// @param before the sums to go back to
  private void requireFinite(Tensor batch, double[] before) {
    if (Arrays.stream(sums.toDoubles()).allMatch(Double::isFinite)) {
      return;
    }
    sums.copyFrom(before);
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

  /// Adds the rows that `other` has seen, as if they had been added here. The order of merging matters to rounding alone.
  public void merge(Covariance other) {
    if (other.features != features || other.precision != precision) {
      throw new IllegalArgumentException("a covariance of " + other.features + " features in precision " + other.precision
          + " cannot join one of " + features + " in precision " + precision);
    }
    if (other.rows == 0) {
      return;
    }
    other.settle();
    double[] theirShift = other.shift.toDoubles();
    double[] theirSums = other.sums.toDoubles();
    if (rows == 0) {
      shift.copyFrom(theirShift);
    }
    double[] difference = shift.toDoubles();
    double[] total = sums.toDoubles();
    for (int i = 0; i < difference.length; i++) {
      difference[i] = theirShift[i] - difference[i];
      total[i] += theirSums[i] + other.rows * difference[i];
    }
    // x - shift = (x - their shift) + difference, and the products follow.
    try (Tensor theirs = device.allocate(products.dtype(), products.shape());
         Tensor delta = device.allocate(products.dtype(), shift.shape());
         Tensor s = device.allocate(products.dtype(), shift.shape())) {
      copy(other.products, theirs);
      delta.copyFrom(difference);
      s.copyFrom(theirSums);
      algebra.ger(1, s, delta, theirs);
      algebra.ger(1, delta, s, theirs);
      algebra.ger((double) other.rows, delta, delta, theirs);
      algebra.axpy(1, theirs, products);
    }
    sums.copyFrom(total);
    rows += other.rows;
  }

  private static void copy(Tensor from, Tensor to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(Math.min(from.bytes(), 1 << 22));
      for (long at = 0; at < from.bytes(); at += piece.byteSize()) {
        MemorySegment part = piece.asSlice(0, Math.min(piece.byteSize(), from.bytes() - at));
        from.device().read(from, at, part);
        to.device().write(to, at, part);
      }
    }
  }

  /// The mean of all rows.
  public double[] mean() {
    requireRows(0);
    double[] mean = shift.toDoubles();
    double[] total = sums.toDoubles();
    for (int i = 0; i < mean.length; i++) {
      mean[i] += total[i] / rows;
    }
    return mean;
  }

  /// The covariance matrix, both triangles, in F64 (in precision F32 as that), as a tensor of the device that is the caller's to close.
  ///
  /// @param ddof what is taken from the number of rows before dividing by it: 1 for the unbiased estimate, 0 for the mean product
  /// @throws IllegalStateException if there are not more rows than that
  public Tensor matrix(int ddof) {
    requireRows(ddof);
    settle();
    Tensor matrix = device.allocate(products.dtype(), products.shape());
    device.fill(matrix, new Distribution.Constant(0), RandomStream.of(0));
    double degrees = (double) rows - ddof;
    algebra.axpy(1 / degrees, products, matrix);
    try (Tensor s = device.allocate(products.dtype(), sums.shape())) {
      s.copyFrom(sums.toDoubles());
      algebra.ger(-1 / (rows * degrees), s, s, matrix);
    }
    algebra.symmetrize(matrix);
    return matrix;
  }

  private void requireRows(int ddof) {
    if (ddof != 0 && ddof != 1) {
      throw new IllegalArgumentException("ddof = " + ddof + ": it is 1 for the unbiased covariance, or 0");
    }
    if (rows <= ddof) {
      throw new IllegalStateException(rows + (rows == 1 ? " row is" : " rows are") + " too few for a covariance with ddof " + ddof);
    }
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }
}
