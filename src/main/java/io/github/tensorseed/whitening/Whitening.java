package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;

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

  private final Device device;
  private final Kind kind;
  private final double[] mean;
  private final double[] eigenvalues;
  private final double[] weights;
  /// All eigenvectors, by rising eigenvalue, as they were computed.
  private final Tensor vectors;

  private Whitening(Device device, Kind kind, double[] mean, double[] eigenvalues, double[] weights, Tensor vectors) {
    this.device = device;
    this.kind = kind;
    this.mean = mean;
    this.eigenvalues = eigenvalues;
    this.weights = weights;
    this.vectors = vectors;
  }

  /// Fits the map to what a covariance has seen.
  ///
  /// @param ddof see [Covariance#matrix]
  public static Whitening fit(Covariance covariance, Kind kind, Epsilon epsilon, Rank rank, int ddof) {
    Device device = covariance.device();
    int d = Math.toIntExact(covariance.features());
    Tensor matrix = covariance.matrix(ddof);
    try (Tensor values = device.allocate(matrix.dtype(), Shape.of(d))) {
      device.linearAlgebra().syevd(matrix, values);
      double[] rising = values.toDoubles();
      double cut = d * 0x1p-52 * rising[d - 1];
      double[] falling = new double[d];
      for (int i = 0; i < d; i++) {
        double value = rising[d - 1 - i];
        falling[i] = value <= cut ? 0 : value;
      }
      double[] all = epsilon.weights(falling, covariance.rows());
      double[] weights = new double[rank.of(falling, all)];
      System.arraycopy(all, 0, weights, 0, weights.length);
      return new Whitening(device, kind, covariance.mean(), falling, weights, matrix);
    } catch (RuntimeException e) {
      matrix.close();
      throw e;
    }
  }

  public Kind kind() {
    return kind;
  }

  /// The mean of the data.
  public double[] mean() {
    return mean.clone();
  }

  /// All eigenvalues of the covariance, falling.
  public double[] eigenvalues() {
    return eigenvalues.clone();
  }

  /// How many components are kept.
  public int rank() {
    return weights.length;
  }

  /// W, [d, d] for ZCA and [rank, d] for PCA, as a tensor that is the caller's to close.
  public Tensor matrix(DType dtype) {
    return switch (kind) {
      case ZCA -> symmetric(weights, dtype);
      case PCA -> components(weights, dtype);
    };
  }

  /// What takes white data back, x = W^+ y + mean: [d, d] for ZCA and [d, rank] for PCA. The caller's to close.
  public Tensor inverse(DType dtype) {
    double[] back = new double[weights.length];
    for (int i = 0; i < back.length; i++) {
      back[i] = 1 / weights[i];
    }
    if (kind == Kind.ZCA) {
      return symmetric(back, dtype);
    }
    try (Tensor rows = components(back, vectors.dtype()); Tensor turned = device.allocate(vectors.dtype(), Shape.of(mean.length, back.length))) {
      device.linearAlgebra().transpose(rows, turned);
      return rounded(turned, dtype);
    }
  }

  /// V^T diag(factors) V, as the product of a matrix with its own transpose.
  private Tensor symmetric(double[] factors, DType dtype) {
    LinearAlgebra algebra = device.linearAlgebra();
    long d = mean.length;
    try (Tensor scaled = device.allocate(vectors.dtype(), Shape.of(factors.length, d));
         Tensor roots = device.allocate(vectors.dtype(), Shape.of(factors.length));
         Tensor product = device.allocate(vectors.dtype(), Shape.of(d, d))) {
      double[] rising = new double[factors.length];
      for (int i = 0; i < rising.length; i++) {
        rising[i] = Math.sqrt(factors[rising.length - 1 - i]);
      }
      roots.copyFrom(rising);
      Copy.rows(vectors, d - factors.length, scaled, 0, factors.length);
      algebra.dgmm(roots, scaled);
      algebra.syrk(Op.T, 1, scaled, 0, product);
      algebra.symmetrize(product);
      return rounded(product, dtype);
    }
  }

  /// diag(factors) V, by falling eigenvalue.
  private Tensor components(double[] factors, DType dtype) {
    Tensor rows = device.allocate(dtype, Shape.of(factors.length, mean.length));
    for (int i = 0; i < factors.length; i++) {
      double factor = factors[i];
      Copy.row(vectors, mean.length - 1 - i, rows, i, row -> {
        double greatest = 0;
        for (double value : row) {
          greatest = Math.abs(value) > Math.abs(greatest) ? value : greatest;
        }
        for (int j = 0; j < row.length; j++) {
          row[j] *= greatest < 0 ? -factor : factor;
        }
      });
    }
    return rows;
  }

  private Tensor rounded(Tensor matrix, DType dtype) {
    Tensor result = device.allocate(dtype, matrix.shape());
    Copy.rows(matrix, 0, result, 0, matrix.shape().extent(0));
    return result;
  }

  /// Gives the eigenvectors' memory back.
  @Override
  public void close() {
    vectors.close();
  }
}
