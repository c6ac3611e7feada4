package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// What Ledoit and Wolf's shrinkage needs to know of rows z less a shift, beyond their covariance: the sums of |z|^2, |z|^2 z and |z|^4.
///
/// - Precision: F64.
final class FourthMoments implements AutoCloseable {
  /// Numbers that are squared at a time.
  private static final long AT_ONCE = 1 << 20;

  private final Device device;
  private final LinearAlgebra algebra;
  private final long features;
  private final long piece;
  private final List<Tensor> tensors = new ArrayList<>();
  private final Tensor squares;
  private final Tensor cubes;
  private final Tensor fourth;
  private final Tensor z;
  private final Tensor products;
  private final Tensor lengths;
  private final Tensor ones;
  private final Tensor ignored;

  FourthMoments(Device device, long features) {
    this.device = device;
    this.features = features;
    algebra = device.linearAlgebra();
    piece = Math.max(1, AT_ONCE / features);
    squares = of(0, 1);
    cubes = of(0, features);
    fourth = of(0, 1);
    z = of(0, piece, features);
    products = of(0, piece, features);
    lengths = of(0, piece);
    ones = of(1, Math.max(piece, features));
    ignored = of(0, features);
  }

  private Tensor of(double value, long... extents) {
    Tensor tensor = device.full(DType.F64, Shape.of(extents), value);
    tensors.add(tensor);
    return tensor;
  }

  void add(Tensor batch, Tensor shift) {
    long rows = batch.shape().extent(0);
    for (long from = 0; from < rows; from += piece) {
      long count = Math.min(piece, rows - from);
      Tensor some = batch.view(from * features * batch.dtype().bytes(), Shape.of(count, features));
      algebra.center(some, shift, z.view(0, Shape.of(count, features)), ignored);
      algebra.center(some, shift, products.view(0, Shape.of(count, features)), ignored);
      algebra.dgmm(z.view(0, Shape.of(count * features)), products.view(0, Shape.of(count * features, 1)));
      Tensor w = lengths.view(0, Shape.of(count));
      algebra.gemv(Op.N, 1, products.view(0, Shape.of(count, features)), ones.view(0, Shape.of(features)), 0, w);
      algebra.gemv(Op.N, 1, lengths.view(0, Shape.of(1, count)), ones.view(0, Shape.of(count)), 1, squares);
      algebra.gemv(Op.T, 1, z.view(0, Shape.of(count, features)), w, 1, cubes);
      algebra.gemv(Op.N, 1, lengths.view(0, Shape.of(1, count)), w, 1, fourth);
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /// Adds the sums of n other rows, whose shift is this one plus `by`.
  ///
  /// @param sum of those rows less their shift
  /// @param image of `by` under the sum of their products
  void merge(FourthMoments other, long n, double[] by, double[] sum, double[] image) {
    double theirSquares = other.squares.toDoubles()[0];
    double[] theirCubes = other.cubes.toDoubles();
    double length = dot(by, by);
    double along = dot(by, sum);
    // |z + by|^2 = |z|^2 + 2 z.by + |by|^2, and so on.
    double newSquares = theirSquares + 2 * along + n * length;
    double newFourth = other.fourth.toDoubles()[0] + 4 * dot(by, image) + n * length * length + 4 * dot(by, theirCubes)
        + 2 * length * theirSquares + 4 * length * along;
    double[] total = cubes.toDoubles();
    for (int i = 0; i < total.length; i++) {
      total[i] += theirCubes[i] + 2 * image[i] + length * sum[i] + by[i] * newSquares;
    }
    squares.copyFrom(squares.toDoubles()[0] + newSquares);
    fourth.copyFrom(fourth.toDoubles()[0] + newFourth);
    cubes.copyFrom(total);
  }

  void save(DataOutputStream out) throws IOException {
    for (Tensor sum : List.of(squares, cubes, fourth)) {
      Centering.write(out, sum.toDoubles());
    }
  }

  void load(DataInputStream in) throws IOException {
    for (Tensor sum : List.of(squares, cubes, fourth)) {
      sum.copyFrom(Centering.read(in, (int) sum.elements()));
    }
  }

  /// The sum of |x - mean|^4 of all n rows.
  ///
  /// @param offset the mean less the shift
  /// @param image of the offset under the sum of products of rows less their mean
  double aroundMean(long n, double[] offset, double[] image) {
    double length = dot(offset, offset);
    return fourth.toDoubles()[0] - 4 * dot(offset, cubes.toDoubles()) + 4 * dot(offset, image)
        + 2 * length * squares.toDoubles()[0] + n * length * length;
  }

  /// How much of the covariance gives way to a multiple of the identity.
  ///
  /// @param eigenvalues all, of the sum of products of n rows less their mean
  /// @param fourth sum of the rows' |x - mean|^4
  static double intensity(double[] eigenvalues, double fourth, long n) {
    int d = eigenvalues.length;
    double mean = 0;
    double squares = 0;
    for (double value : eigenvalues) {
      mean += value / n / d;
      squares += value / n * (value / n);
    }
    double spread = 0;
    for (double value : eigenvalues) {
      spread += (value / n - mean) * (value / n - mean);
    }
    double error = Math.max(0, fourth / n - squares) / n;
    if (!Double.isFinite(error) || !Double.isFinite(spread)) {
      throw new IllegalArgumentException("the fourth powers of the rows overflow; scale the data down");
    }
    return error >= spread ? (spread == 0 ? 0 : 1) : error / spread;
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }
}
