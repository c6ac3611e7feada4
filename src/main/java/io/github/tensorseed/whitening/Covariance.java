package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Mean and covariance of rows that come in batches, in one pass.
///
/// With the first rows' mean as a provisional one, sums of (x - shift) and of their products are kept, so that a large mean costs no
/// digits. Two partial results, of threads, devices or machines, become one by [#merge].
///
/// - Shape: rows of `d` features, F32 or F64. Memory of the device: d x d as F64, by default another one as F32, and one batch. With
///   [Shrinkage#LEDOIT_WOLF] 16 MB more.
/// - Precision: [Precision].
/// - Source: T. Chan, G. Golub, R. LeVeque, Algorithms for computing the sample variance, 1983.
public final class Covariance implements Scatter {
  /// What products are computed in.
  public enum Precision {
    /// Of up to 1024 features in F64, which takes little next to reading and centering them. Of more, of F32 rows in F32 over some thousands of
    /// rows, and these sums in F64; of F64 rows in F64.
    MIXED,
    /// Everything of F32 rows in F32.
    F32,
    /// Everything in F64.
    F64
  }

  /// The most features of F32 rows whose products are in F64 by default.
  private static final long WIDEST_IN_F64 = 1024;
  /// Rows whose products are added up in F32 before they are added to those in F64: more cost digits, fewer cost time.
  private static final long ROWS_IN_F32 = 1 << 14;
  /// Begins what is saved: a word of no meaning, and the version of the format.
  private static final long FORMAT = 0x7453_636f_7661_7201L;

  private final Device device;
  private final LinearAlgebra algebra;
  private final long features;
  private final Precision precision;
  /// The precision that stands for MIXED where there are few features.
  private final Precision computing;
  private final List<Tensor> tensors = new ArrayList<>();
  private final Centering centering;
  /// Below the diagonal and on it.
  private final Tensor products;
  /// Products in F32 that are not in `products` yet, of so many rows.
  private @Nullable Tensor recent;
  private long recentRows;
  /// The most rows whose products were added up in F32.
  private long rowsInF32;
  private @Nullable Tensor centered;
  private final @Nullable FourthMoments moments;

  private Covariance(Device device, long features, Precision precision, Shrinkage shrinkage, long widestInF64) {
    this.device = device;
    this.features = features;
    this.precision = precision;
    computing = precision == Precision.MIXED && features <= widestInF64 ? Precision.F64 : precision;
    algebra = device.linearAlgebra();
    centering = new Centering(device, features);
    products = zeros(precision == Precision.F32 ? DType.F32 : DType.F64, features, features);
    moments = shrinkage == Shrinkage.LEDOIT_WOLF ? new FourthMoments(device, features) : null;
  }

  /// Of no rows yet.
  ///
  /// @throws IllegalArgumentException if `features` is not positive
  public static Covariance open(Device device, long features, Precision precision) {
    return open(device, features, precision, Shrinkage.NONE);
  }

  /// Of no rows yet, which will be shrunk: that takes two passes over each batch more.
  ///
  /// @throws IllegalArgumentException if `features` is not positive
  public static Covariance open(Device device, long features, Precision precision, Shrinkage shrinkage) {
    return open(device, features, precision, shrinkage, WIDEST_IN_F64);
  }

  /// The same with another limit than 1024 features.
  static Covariance open(Device device, long features, Precision precision, Shrinkage shrinkage, long widestInF64) {
    return new Covariance(device, features, precision, shrinkage, widestInF64);
  }

  private Tensor zeros(DType dtype, long... extents) {
    Tensor tensor = device.full(dtype, Shape.of(extents), 0);
    tensors.add(tensor);
    return tensor;
  }

  @Override
  public Device device() {
    return device;
  }

  @Override
  public Side side() {
    return Side.COVARIANCE;
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

  @Override
  public void add(Tensor batch) {
    DType dtype = centering.require(batch, computing);
    long count = batch.shape().extent(0);
    if (count == 0) {
      return;
    }
    Tensor differences = scratch(dtype, batch.shape());
    centering.add(batch, differences);
    if (moments != null) {
      moments.add(batch, centering.shift);
    }
    if (dtype == DType.F32) {
      rowsInF32 = Math.max(rowsInF32, precision == Precision.F32 ? rows() : Math.min(recentRows + count, ROWS_IN_F32));
    }
    if (dtype == products.dtype()) {
      algebra.syrk(Op.T, 1, differences, 1, products);
    } else {
      addRecent(differences);
    }
  }

  private void addRecent(Tensor differences) {
    if (recent == null) {
      recent = zeros(DType.F32, features, features);
    }
    long rows = differences.shape().extent(0);
    for (long from = 0, some; from < rows; from += some) {
      some = Math.min(rows - from, ROWS_IN_F32 - recentRows);
      Tensor part = differences.view(from * features * Float.BYTES, Shape.of(some, features));
      algebra.syrk(Op.T, 1, part, recentRows == 0 ? 0 : 1, recent);
      recentRows += some;
      if (recentRows == ROWS_IN_F32) {
        settle();
      }
    }
  }

  /// Adds what is in F32 to what is in F64.
  private void settle() {
    if (recent != null && recentRows > 0) {
      algebra.axpy(1, recent, products);
      recentRows = 0;
    }
  }

  /// Memory for rows less the shift, kept from batch to batch.
  private Tensor scratch(DType dtype, Shape shape) {
    if (centered == null || centered.dtype() != dtype || centered.elements() < shape.elements()) {
      centered = release(centered);
      centered = device.allocate(dtype, shape);
      tensors.add(centered);
    }
    return centered.shape().equals(shape) ? centered : centered.view(0, shape);
  }

  private @Nullable Tensor release(@Nullable Tensor tensor) {
    if (tensor != null) {
      tensors.remove(tensor);
      tensor.close();
    }
    return null;
  }

  /// Adds the rows that `other` has seen, as if they had been added here. The order of merging matters to rounding alone.
  ///
  /// @throws IllegalArgumentException if it is of other features, of another precision or shrinkage
  public void merge(Covariance other) {
    if (other.features != features || other.precision != precision || (other.moments == null) != (moments == null)) {
      throw new IllegalArgumentException(other + " cannot join " + this);
    }
    if (other.rows() == 0) {
      return;
    }
    other.settle();
    rowsInF32 = Math.max(rowsInF32, other.rowsInF32);
    long count = other.rows();
    double[] theirSums = other.centering.sums();
    double[] difference = centering.merge(other.centering);
    // x - shift = (x - their shift) + difference, and the products follow.
    try (Tensor theirs = device.allocate(products.dtype(), products.shape());
         Tensor delta = device.allocate(products.dtype(), Shape.of(features));
         Tensor s = device.allocate(products.dtype(), Shape.of(features))) {
      copy(other.products, theirs);
      delta.copyFrom(difference);
      if (moments != null && other.moments != null) {
        algebra.symmetrize(theirs);
        algebra.gemv(Op.N, 1, theirs, delta, 0, s);
        moments.merge(other.moments, count, difference, theirSums, s.toDoubles());
      }
      s.copyFrom(theirSums);
      algebra.ger(1, s, delta, theirs);
      algebra.ger(1, delta, s, theirs);
      algebra.ger((double) count, delta, delta, theirs);
      algebra.axpy(1, theirs, products);
    }
  }

  /// Writes what was learnt so far, for [#load] on another device or machine: d x d and some numbers more. The stream stays open.
  public void save(OutputStream out) throws IOException {
    settle();
    DataOutputStream data = new DataOutputStream(out);
    data.writeLong(FORMAT);
    data.writeLong(features);
    data.writeUTF(precision.name());
    data.writeBoolean(moments != null);
    data.writeLong(rowsInF32);
    centering.save(data);
    if (moments != null) {
      moments.save(data);
    }
    byte[] row = new byte[Math.toIntExact(features * products.dtype().bytes())];
    for (long i = 0; i < features; i++) {
      int count = Math.toIntExact((i + 1) * products.dtype().bytes());
      device.read(products, i * row.length, MemorySegment.ofArray(row).asSlice(0, count));
      data.write(row, 0, count);
    }
    data.flush();
  }

  /// What [#save] wrote, on this device.
  ///
  /// @throws IOException if it is something else, or ends too early
  public static Covariance load(Device device, InputStream in) throws IOException {
    DataInputStream data = new DataInputStream(in);
    try {
      if (data.readLong() != FORMAT) {
        throw new IOException("these are not the bytes of a covariance that this version has saved");
      }
      long features = data.readLong();
      Precision precision = Precision.valueOf(data.readUTF());
      Covariance covariance = open(device, features, precision, data.readBoolean() ? Shrinkage.LEDOIT_WOLF : Shrinkage.NONE);
      try {
        covariance.read(data);
        return covariance;
      } catch (IOException | RuntimeException e) {
        covariance.close();
        throw e;
      }
    } catch (EOFException e) {
      throw new IOException("the bytes of a covariance end too early", e);
    }
  }

  private void read(DataInputStream data) throws IOException {
    rowsInF32 = data.readLong();
    centering.load(data);
    if (moments != null) {
      moments.load(data);
    }
    byte[] row = new byte[Math.toIntExact(features * products.dtype().bytes())];
    for (long i = 0; i < features; i++) {
      int count = Math.toIntExact((i + 1) * products.dtype().bytes());
      data.readFully(row, 0, count);
      device.write(products, i * row.length, MemorySegment.ofArray(row).asSlice(0, count));
    }
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

  @Override
  public double[] mean() {
    return centering.mean();
  }

  /// The covariance matrix, both triangles, in F64 (in precision F32 as that), as a tensor of the device that is the caller's to close.
  /// Nothing in it is shrunk.
  ///
  /// @param ddof what is taken from the number of rows before dividing by it: 1 for the unbiased estimate, 0 for the mean product
  /// @throws IllegalStateException if there are not more rows than that
  public Tensor matrix(int ddof) {
    centering.requireRows(ddof);
    settle();
    Tensor matrix = device.allocate(products.dtype(), products.shape());
    double degrees = (double) rows() - ddof;
    device.convert(products, 1 / degrees, matrix);
    try (Tensor s = device.allocate(products.dtype(), Shape.of(features))) {
      s.copyFrom(centering.sums());
      algebra.ger(-1 / (rows() * degrees), s, s, matrix);
    }
    algebra.symmetrize(matrix);
    return matrix;
  }

  /// For a whitening, of which the vectors are then.
  Axes axes(int ddof) {
    Tensor vectors = matrix(ddof);
    try (Tensor values = device.allocate(vectors.dtype(), Shape.of(features))) {
      double degrees = (double) rows() - ddof;
      double fourth = moments == null ? 0 : moments.aroundMean(rows(), centering.offset(), image(vectors, degrees, centering.offset()));
      double[] ones = new double[(int) features];
      Arrays.fill(ones, 1);
      Centering.requireFinite(image(vectors, 1, ones), precision);
      algebra.syevd(vectors, values);
      centered = release(centered);
      recent = release(recent);
      Axes.reverseRows(vectors);
      int d = (int) features;
      double[] eigenvalues = Axes.falling(values.toDoubles(), d, 2 * d * Axes.DOUBLE, centering.offsetSquared(), rows());
      double intensity = moments == null ? 0
          : FourthMoments.intensity(Arrays.stream(eigenvalues).map(value -> value * degrees).toArray(), fourth, rows());
      double noise = rowsInF32 > 0 ? Axes.noiseOfSingles(d) * eigenvalues[0] : 0;
      return new Axes(Axes.shrunk(eigenvalues, intensity), noise, vectors, vectors, intensity, rounding());
    } catch (RuntimeException e) {
      vectors.close();
      throw e;
    }
  }

  /// Errors of n products add up like a random walk.
  private double rounding() {
    return Axes.SINGLE * Math.sqrt((double) rowsInF32) + Axes.DOUBLE * Math.sqrt((double) rows())
        + (precision == Precision.F32 ? Axes.SINGLE : Axes.DOUBLE) * Math.sqrt((double) features);
  }

  /// `factor` times the matrix times x.
  private double[] image(Tensor matrix, double factor, double[] x) {
    Shape vector = Shape.of(features);
    try (Tensor from = device.allocate(matrix.dtype(), vector); Tensor to = device.allocate(matrix.dtype(), vector)) {
      from.copyFrom(x);
      algebra.gemv(Op.N, factor, matrix, from, 0, to);
      return to.toDoubles();
    }
  }

  /// As in `covariance of 784 features, 10000 rows, precision mixed`.
  @Override
  public String toString() {
    return "covariance of " + features + " features, " + rows() + " rows, precision " + precision.name().toLowerCase(Locale.ROOT)
        + (moments == null ? "" : ", to be shrunk");
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
    centering.close();
    if (moments != null) {
      moments.close();
    }
  }
}
