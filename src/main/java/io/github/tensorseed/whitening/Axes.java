package io.github.tensorseed.whitening;

import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.Arrays;

/// The principal axes of rows: eigenvalues and eigenvectors of their covariance.
final class Axes implements AutoCloseable {
  /// The largest rounding error of one operation, relative.
  static final double SINGLE = 0x1p-24;
  static final double DOUBLE = 0x1p-53;

  /// All d, falling; those that count as 0 are 0, or what shrinkage makes of that.
  final double[] eigenvalues;
  /// What an eigenvalue may be by rounding alone.
  final double noise;
  /// An orthonormal row for each of the first ones; all that they do not span has the last eigenvalue.
  final Tensor vectors;
  /// What the vectors lie in.
  final Tensor memory;
  /// How much of the covariance gave way to a multiple of the identity.
  final double shrinkage;
  /// An estimate of the error of the covariance, next to its trace.
  final double rounding;

  Axes(double[] eigenvalues, double noise, Tensor vectors, Tensor memory, double shrinkage, double rounding) {
    this.eigenvalues = eigenvalues;
    this.noise = noise;
    this.vectors = vectors;
    this.memory = memory;
    this.shrinkage = shrinkage;
    this.rounding = rounding;
  }

  /// The part of the greatest of d eigenvalues that rounding in F32 may make of 0.
  static double noiseOfSingles(int d) {
    return SINGLE * Math.max(4, Math.sqrt(d));
  }

  /// All d eigenvalues, falling, of those that `syevd` gave, rising.
  ///
  /// @param share of the greatest that is no more than rounding, and counts as 0
  /// @param offset squared, of the mean from the shift: what has been taken away from the products of n rows left rounding, too
  static double[] falling(double[] rising, int d, double share, double offset, long n) {
    double[] eigenvalues = new double[d];
    double cut = share * rising[rising.length - 1] + 2 * DOUBLE * Math.sqrt((double) n) * offset;
    for (int i = 0; i < Math.min(rising.length, d); i++) {
      double value = rising[rising.length - 1 - i];
      eigenvalues[i] = value <= cut ? 0 : value;
    }
    return eigenvalues;
  }

  /// `eigenvalues` drawn to their mean.
  static double[] shrunk(double[] eigenvalues, double intensity) {
    double mean = Arrays.stream(eigenvalues).sum() / eigenvalues.length;
    return Arrays.stream(eigenvalues).map(value -> (1 - intensity) * value + intensity * mean).toArray();
  }

  /// How many vectors there are.
  int count() {
    return Math.toIntExact(vectors.shape().extent(0));
  }

  /// The first row becomes the last.
  static void reverseRows(Tensor matrix) {
    Device device = matrix.device();
    long rows = matrix.shape().extent(0);
    Shape row = Shape.of(matrix.shape().extent(1));
    long bytes = row.bytes(matrix.dtype());
    try (Tensor other = device.allocate(matrix.dtype(), row)) {
      for (long i = 0; i < rows / 2; i++) {
        Tensor upper = matrix.view(i * bytes, row);
        Tensor lower = matrix.view((rows - 1 - i) * bytes, row);
        device.convert(upper, 1, other);
        device.convert(lower, 1, upper);
        device.convert(other, 1, lower);
      }
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
