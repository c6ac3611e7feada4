package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance.Precision;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The products of few rows with one another, for rows of more features than a matrix of them could have.
///
/// The rows are kept. A fit turns them into the eigenvectors of their covariance, where they lie, and takes them away from here.
///
/// - Shape: at most n rows of `d` features, F32 or F64. Memory of the device: n x d in the rows' dtype (in precision F64 as that), n x n as
///   F64 four times, half of it LAPACK's, and 2 n x 4096.
/// - Precision: products in F64, of F32 rows, too, since they are few and the eigenvectors are divided by the roots of the eigenvalues; in
///   F32 only where precision F32 is asked for. The eigenvectors are rounded to the dtype in which the rows are kept.
public final class Gram implements Scatter {
  /// Features that are multiplied at a time.
  private static final long COLUMNS = 1 << 12;

  private final Device device;
  private final LinearAlgebra algebra;
  private final long capacity;
  private final long features;
  private final Precision precision;
  private final Shrinkage shrinkage;
  private final Centering centering;
  /// Rows less the shift.
  private @Nullable Tensor kept;
  private boolean spent;

  private Gram(Device device, long capacity, long features, Precision precision, Shrinkage shrinkage) {
    this.device = device;
    this.capacity = capacity;
    this.features = features;
    this.precision = precision;
    this.shrinkage = shrinkage;
    algebra = device.linearAlgebra();
    centering = new Centering(device, features);
  }

  /// Of no rows yet.
  ///
  /// @param rows the most that may be added
  /// @throws IllegalArgumentException if `rows` or `features` is not positive, or there would be too many rows for an eigenproblem
  public static Gram open(Device device, long rows, long features, Precision precision, Shrinkage shrinkage) {
    if (rows < 1 || rows > LinearAlgebra.MAX_ORDER) {
      throw new IllegalArgumentException("rows = " + rows + ": the Gram side takes 1 to " + LinearAlgebra.MAX_ORDER
          + "; more of them go by the covariance side");
    }
    return new Gram(device, rows, features, precision, shrinkage);
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public Side side() {
    return Side.GRAM;
  }

  @Override
  public Precision precision() {
    return precision;
  }

  @Override
  public long features() {
    return features;
  }

  @Override
  public long rows() {
    return centering.rows();
  }

  /// @throws IllegalArgumentException also if there is no room for so many rows, or the dtype is not that of the rows before
  /// @throws IllegalStateException after a fit
  @Override
  public void add(Tensor batch) {
    requireRows();
    DType dtype = centering.require(batch, precision);
    Shape shape = batch.shape();
    if (shape.extent(0) > capacity - rows()) {
      throw new IllegalArgumentException(rows() + " rows and " + shape.extent(0) + " more are too many for a Gram side of " + capacity
          + "; open it for as many as there will be");
    }
    if (shape.extent(0) == 0) {
      return;
    }
    if (kept == null) {
      kept = device.allocate(dtype, Shape.of(capacity, features));
    }
    if (kept.dtype() != dtype) {
      throw new IllegalArgumentException(batch + " after rows of " + kept.dtype() + ": all rows of a Gram side are of one dtype");
    }
    centering.add(batch, kept.view(rows() * features * dtype.bytes(), shape));
  }

  @Override
  public double[] mean() {
    return centering.mean();
  }

  private void requireRows() {
    if (spent) {
      throw new IllegalStateException("the rows of this Gram side have become the eigenvectors of a whitening; add them to a new one");
    }
  }

  /// For a whitening, of which the memory of the rows is then.
  Axes axes(int ddof) {
    requireRows();
    centering.requireRows(ddof);
    Tensor data = Objects.requireNonNull(kept);
    int n = (int) rows();
    double degrees = n - ddof;
    try (Tensor products = products(data); Tensor values = device.allocate(DType.F64, Shape.of(n))) {
      double fourth = shrinkage == Shrinkage.LEDOIT_WOLF ? sumOfSquaredDiagonal(products) : 0;
      algebra.syevd(products, values);
      Axes.reverseRows(products);
      int d = (int) features;
      double share = precision == Precision.F32 ? Axes.noiseOfSingles(d) : 2 * d * Axes.DOUBLE;
      double[] all = Axes.falling(values.toDoubles(), d, share, n * centering.offsetSquared(), n);
      double[] factors = Arrays.stream(all).limit(n).takeWhile(value -> value > 0).map(value -> 1 / Math.sqrt(value)).toArray();
      spent = true;
      turn(data, products, factors);
      double intensity = shrinkage == Shrinkage.LEDOIT_WOLF ? FourthMoments.intensity(all, fourth, n) : 0;
      double[] eigenvalues = Axes.shrunk(Arrays.stream(all).map(value -> value / degrees).toArray(), intensity);
      kept = null;
      return new Axes(eigenvalues, 0, data.view(0, Shape.of(factors.length, features)), data, intensity, rounding(data.dtype()));
    }
  }

  /// Errors of d products add up like a random walk, and the eigenvectors are rounded.
  private double rounding(DType dtype) {
    double roots = Math.sqrt((double) features) + Math.sqrt((double) rows());
    return (precision == Precision.F32 ? Axes.SINGLE : Axes.DOUBLE) * roots + (dtype == DType.F32 ? Axes.SINGLE : Axes.DOUBLE);
  }

  private DType computing() {
    return precision == Precision.F32 ? DType.F32 : DType.F64;
  }

  /// Of each row less the mean with each, [n, n] in F64.
  private Tensor products(Tensor data) {
    long n = rows();
    Tensor sum = device.full(DType.F64, Shape.of(n, n), 0);
    try (Tensor scratch = device.allocate(computing(), Shape.of(n, Math.min(COLUMNS, features)));
         Tensor part = device.allocate(computing(), sum.shape())) {
      for (long at = 0; at < features; at += COLUMNS) {
        algebra.syrk(Op.N, 1, centered(data, at, scratch), 0, part);
        algebra.axpy(1, part, sum);
      }
      algebra.symmetrize(sum);
      center(sum);
      return sum;
    } catch (RuntimeException e) {
      sum.close();
      throw e;
    }
  }

  /// Columns of the rows less their mean, from column `at` on, in a block of their own.
  private Tensor centered(Tensor data, long at, Tensor scratch) {
    long n = rows();
    Shape width = Shape.of(Math.min(COLUMNS, features - at));
    Tensor block = scratch.view(0, Shape.of(n, width.extent(0)));
    copy(data, at, block, true);
    try (Tensor ones = device.full(block.dtype(), Shape.of(n), 1); Tensor mean = device.allocate(block.dtype(), width)) {
      mean.copyFrom(Arrays.copyOfRange(centering.offset(), (int) at, (int) (at + width.extent(0))));
      algebra.ger(-1, ones, mean, block);
    }
    return block;
  }

  /// Takes away what rounding left of the mean: K - 1 r^T - r 1^T + g 1 1^T, with r the means of rows and g that of all.
  private void center(Tensor sum) {
    long n = rows();
    try (Tensor ones = device.full(DType.F64, Shape.of(n), 1); Tensor means = device.allocate(DType.F64, Shape.of(n))) {
      algebra.gemv(Op.N, 1.0 / n, sum, ones, 0, means);
      double[] less = means.toDoubles();
      Centering.requireFinite(less, precision);
      double half = Arrays.stream(less).sum() / n / 2;
      means.copyFrom(Arrays.stream(less).map(value -> value - half).toArray());
      algebra.ger(-1, ones, means, sum);
      algebra.ger(-1, means, ones, sum);
    }
  }

  /// Of a square matrix.
  private double sumOfSquaredDiagonal(Tensor matrix) {
    long n = matrix.shape().extent(0);
    double sum = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(Double.BYTES, Double.BYTES);
      for (long i = 0; i < n; i++) {
        device.read(matrix, i * (n + 1) * Double.BYTES, value);
        sum += value.get(ValueLayout.JAVA_DOUBLE, 0) * value.get(ValueLayout.JAVA_DOUBLE, 0);
      }
    }
    return sum;
  }

  /// The rows become diag(factors) V X, block by block of columns: the eigenvectors of X^T X.
  ///
  /// @param vectors V, of which as many rows are taken as there are factors
  private void turn(Tensor data, Tensor vectors, double[] factors) {
    if (factors.length == 0) {
      return;
    }
    long n = rows();
    long columns = Math.min(COLUMNS, features);
    try (Tensor scales = device.allocate(DType.F64, Shape.of(factors.length));
         Tensor turn = device.allocate(computing(), Shape.of(factors.length, n));
         Tensor before = device.allocate(computing(), Shape.of(n, columns));
         Tensor after = device.allocate(computing(), Shape.of(factors.length, columns))) {
      scales.copyFrom(factors);
      Tensor leading = vectors.view(0, turn.shape());
      algebra.dgmm(scales, leading);
      device.convert(leading, 1, turn);
      for (long at = 0; at < features; at += COLUMNS) {
        long width = Math.min(COLUMNS, features - at);
        Tensor turned = after.view(0, Shape.of(factors.length, width));
        algebra.gemm(Op.N, Op.N, 1, turn, centered(data, at, before), 0, turned);
        copy(data, at, turned, false);
      }
    }
  }

  /// Copies columns from `at` on of as many rows as the block has to it, or from it.
  private void copy(Tensor data, long at, Tensor block, boolean there) {
    Shape run = Shape.of(block.shape().extent(1));
    for (long i = 0; i < block.shape().extent(0); i++) {
      Tensor inData = data.view((i * features + at) * data.dtype().bytes(), run);
      Tensor inBlock = block.view(i * run.bytes(block.dtype()), run);
      device.convert(there ? inData : inBlock, 1, there ? inBlock : inData);
    }
  }

  /// As in `Gram side of 500 rows, 200000 features, precision mixed`.
  @Override
  public String toString() {
    return "Gram side of " + rows() + " rows, " + features + " features, precision " + precision.name().toLowerCase(Locale.ROOT)
        + (shrinkage == Shrinkage.NONE ? "" : ", to be shrunk");
  }

  @Override
  public void close() {
    if (kept != null) {
      kept.close();
    }
    centering.close();
  }
}
