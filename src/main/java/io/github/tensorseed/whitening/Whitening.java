package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.Arrays;

/// The linear map that makes data white: y = W (x - mean) has the identity for its covariance, as far as epsilon lets it.
///
/// With the covariance C = V^T diag(l) V, rows of V the eigenvectors, and the weights f(l) that [Epsilon] gives,
///
/// - PCA: W = diag(f) V, components by falling eigenvalue; the greatest component of each eigenvector by magnitude is positive;
/// - ZCA: W = V^T diag(f) V, of all such maps the one nearest to the identity.
///
/// Eigenvalues of at most d 2^-52 l_max count as 0: where epsilon gives them no finite weight, their directions are left out.
///
/// - Precision: that of the covariance; what is asked for in another dtype is rounded once.
/// - Source: A. Kessy, A. Lewin, K. Strimmer, The American Statistician 72(4), 2018, doi:10.1080/00031305.2016.1277159.
public final class Whitening implements AutoCloseable {
  /// Which of the maps that make data white.
  public enum Kind {
    ZCA,
    PCA
  }

  /// How a map is made of what was learnt from data.
  ///
  /// @param ddof see [Covariance#matrix]
  public record Options(Kind kind, Epsilon epsilon, Rank rank, int ddof) {
    /// 1e-6 of the mean eigenvalue as epsilon, all components, the unbiased covariance.
    public static Options of(Kind kind) {
      return new Options(kind, Epsilon.standard(), Rank.all(), 1);
    }

    public Options with(Epsilon other) {
      return new Options(kind, other, rank, ddof);
    }

    public Options with(Rank other) {
      return new Options(kind, epsilon, other, ddof);
    }

    public Options withDdof(int other) {
      return new Options(kind, epsilon, rank, other);
    }
  }

  private final Kind kind;
  private final double[] mean;
  private final double[] eigenvalues;
  private final double[] weights;
  /// W, [d, d] or [rank, d].
  private final Tensor matrix;

  private Whitening(Kind kind, double[] mean, double[] eigenvalues, double[] weights, Tensor matrix) {
    this.kind = kind;
    this.mean = mean;
    this.eigenvalues = eigenvalues;
    this.weights = weights;
    this.matrix = matrix;
  }

  /// Fits the map to what a covariance has seen.
  public static Whitening fit(Covariance covariance, Options options) {
    Device device = covariance.device();
    int d = Math.toIntExact(covariance.features());
    try (Tensor vectors = covariance.matrix(options.ddof); Tensor values = device.allocate(vectors.dtype(), Shape.of(d))) {
      device.linearAlgebra().syevd(vectors, values);
      double[] rising = values.toDoubles();
      double cut = d * 0x1p-52 * rising[d - 1];
      double[] eigenvalues = new double[d];
      for (int i = 0; i < d; i++) {
        double value = rising[d - 1 - i];
        eigenvalues[i] = value <= cut ? 0 : value;
      }
      double[] all = options.epsilon.weights(eigenvalues, covariance.rows());
      double[] weights = Arrays.copyOf(all, options.rank.of(eigenvalues, all));
      Tensor matrix = options.kind == Kind.ZCA ? symmetric(vectors, weights) : components(vectors, weights);
      return new Whitening(options.kind, covariance.mean(), eigenvalues, weights, matrix);
    }
  }

  /// V^T diag(factors) V, as the product of a matrix with its own transpose.
  ///
  /// @param vectors all eigenvectors, by rising eigenvalue
  /// @param factors not negative, of the greatest eigenvalues, falling
  private static Tensor symmetric(Tensor vectors, double[] factors) {
    Device device = vectors.device();
    LinearAlgebra algebra = device.linearAlgebra();
    int d = Math.toIntExact(vectors.shape().extent(1));
    int kept = factors.length;
    double[] roots = new double[kept];
    for (int i = 0; i < kept; i++) {
      roots[i] = Math.sqrt(factors[kept - 1 - i]);
    }
    Tensor product = device.allocate(vectors.dtype(), Shape.of(d, d));
    try (Tensor scaled = device.allocate(vectors.dtype(), Shape.of(kept, d));
         Tensor scales = device.allocate(vectors.dtype(), Shape.of(kept))) {
      scales.copyFrom(roots);
      device.convert(device.view(vectors, (long) (d - kept) * d * vectors.dtype().bytes(), scaled.shape()), 1, scaled);
      algebra.dgmm(scales, scaled);
      algebra.syrk(Op.T, 1, scaled, 0, product);
      algebra.symmetrize(product);
    }
    return product;
  }

  /// diag(factors) V, by falling eigenvalue.
  private static Tensor components(Tensor vectors, double[] factors) {
    Device device = vectors.device();
    int d = Math.toIntExact(vectors.shape().extent(1));
    Shape row = Shape.of(d);
    Tensor matrix = device.allocate(vectors.dtype(), Shape.of(factors.length, d));
    for (int i = 0; i < factors.length; i++) {
      Tensor vector = device.view(vectors, row.bytes(vectors.dtype()) * (d - 1 - i), row);
      double greatest = 0;
      for (double value : vector.toDoubles()) {
        greatest = Math.abs(value) > Math.abs(greatest) ? value : greatest;
      }
      device.convert(vector, greatest < 0 ? -factors[i] : factors[i], device.view(matrix, row.bytes(matrix.dtype()) * i, row));
    }
    return matrix;
  }

  public Kind kind() {
    return kind;
  }

  /// The mean of the data.
  public double[] mean() {
    return mean.clone();
  }

  /// All eigenvalues of the covariance, falling; those that count as 0 are 0.
  public double[] eigenvalues() {
    return eigenvalues.clone();
  }

  /// How many components are kept.
  public int rank() {
    return weights.length;
  }

  /// W, [d, d] for ZCA and [rank, d] for PCA, on the device of the covariance and in the precision of its products. It is closed with this.
  public Tensor matrix() {
    return matrix;
  }

  /// What takes white data back, x = W^+ y + mean: [d, d] for ZCA and [d, rank] for PCA. The caller's to close.
  public Tensor inverse() {
    Device device = matrix.device();
    int d = mean.length;
    if (kind == Kind.ZCA) {
      try (Tensor vectors = device.allocate(matrix.dtype(), matrix.shape()); Tensor values = device.allocate(matrix.dtype(), Shape.of(d))) {
        device.convert(matrix, 1, vectors);
        device.linearAlgebra().syevd(vectors, values);
        double[] rising = values.toDoubles();
        double[] factors = new double[weights.length];
        for (int i = 0; i < factors.length; i++) {
          factors[i] = 1 / rising[d - 1 - i];
        }
        return symmetric(vectors, factors);
      }
    }
    Tensor inverse = device.allocate(matrix.dtype(), Shape.of(d, weights.length));
    try (Tensor rows = device.allocate(matrix.dtype(), matrix.shape()); Tensor scales = device.allocate(matrix.dtype(), Shape.of(weights.length))) {
      scales.copyFrom(Arrays.stream(weights).map(weight -> 1 / (weight * weight)).toArray());
      device.convert(matrix, 1, rows);
      device.linearAlgebra().dgmm(scales, rows);
      device.linearAlgebra().transpose(rows, inverse);
    }
    return inverse;
  }

  /// Whitens rows on the device of the covariance.
  ///
  /// @param rows [n, d], F32 or F64
  /// @param white [n, d] for ZCA and [n, rank] for PCA, of the same dtype
  public void apply(Tensor rows, Tensor white) {
    Device device = matrix.device();
    LinearAlgebra algebra = device.linearAlgebra();
    DType dtype = rows.dtype();
    try (Tensor shift = device.allocate(DType.F64, Shape.of(mean.length)); Tensor sums = device.allocate(DType.F64, Shape.of(mean.length));
         Tensor centered = device.allocate(dtype, rows.shape()); Tensor w = device.allocate(dtype, matrix.shape())) {
      shift.copyFrom(mean);
      sums.copyFrom(new double[mean.length]);
      algebra.center(rows, shift, centered, sums);
      device.convert(matrix, 1, w);
      algebra.gemm(Op.N, Op.T, 1, centered, w, 0, white);
    }
  }

  @Override
  public void close() {
    matrix.close();
  }
}
