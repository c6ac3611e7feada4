package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The linear map that makes data white: y = W (x - mean) has the identity for its covariance, as far as epsilon lets it.
///
/// With the covariance C = V^T diag(l) V, rows of V the eigenvectors, and the weights f(l) that [Epsilon] gives,
///
/// - PCA: W = diag(f) V, components by falling eigenvalue; the greatest component of each eigenvector by magnitude is positive;
/// - ZCA: W = V^T diag(f) V, of all such maps the one nearest to the identity.
///
/// Eigenvalues of at most d 2^-52 l_max count as 0. Where epsilon is 0, their directions are left out: constant features, repeated ones and
/// those that depend on others. So are, where products were computed in F32, those of at most 2^-24 max(4, sqrt(d)) l_max, which may be its
/// rounding.
///
/// Of the Gram side, which has no matrix of features by features, ZCA stays in two parts, y = c z + U^T diag(f - c) U z with z = x - mean,
/// U the eigenvectors of the rows' span and c the weight of an eigenvalue of 0, or 0 where [Rank] leaves any out. PCA has the components of
/// that span alone.
///
/// - Precision: that of the covariance; what is asked for in another dtype is rounded once. [Origin#errorBound] is what the fit may be off.
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

  /// Where a map comes from.
  ///
  /// @param rows that were seen
  /// @param side of the eigenproblem; never AUTO
  /// @param shrinkage how much of the covariance gave way to a multiple of the identity, 0 to 1
  /// @param errorBound how far an entry of W C W^T may be from what exact arithmetic makes of the rows: f_max^2 tr(C), which is at least
  ///   the condition number of C as epsilon leaves it, times the rounding of the fit. A product of n terms has an error of u sqrt(n), u
  ///   being 2^-24 for F32 and 2^-53 for F64, and the decomposition one of u sqrt(d). From 1 on, the smallest components are noise
  /// @param device on which it was fitted
  /// @param library by which
  public record Origin(Kind kind, Epsilon epsilon, int ddof, long rows, Scatter.Side side, Covariance.Precision precision, double shrinkage,
      double errorBound, String device, String library) {}

  /// What makes rows white.
  sealed interface Form {
    Tensor matrix();
  }

  /// W, [d, d], symmetric.
  record Dense(Tensor matrix) implements Form {}

  /// W, [rank, d], orthogonal rows.
  record Components(Tensor matrix) implements Form {}

  /// other I + U^T diag(weights - other) U.
  ///
  /// @param matrix U, [r, d], orthonormal rows
  record Implicit(Tensor matrix, double other) implements Form {}

  private final Origin origin;
  private final double[] mean;
  private final double[] eigenvalues;
  private final double[] weights;
  private final Form form;
  /// What the matrix lies in.
  private final Tensor memory;
  private @Nullable Operator operator;

  Whitening(Origin origin, double[] mean, double[] eigenvalues, double[] weights, Form form, Tensor memory) {
    this.origin = origin;
    this.mean = mean;
    this.eigenvalues = eigenvalues;
    this.weights = weights;
    this.form = form;
    this.memory = memory;
  }

  /// Fits the map to the rows that a covariance or a Gram side has seen. A Gram side gives its rows away by that.
  ///
  /// @throws IllegalArgumentException if no direction is left, since all rows are equal and epsilon is 0, or a share of nothing
  /// @throws IllegalStateException if there were not more rows than ddof
  public static Whitening fit(Scatter scatter, Options options) {
    Axes axes = switch (scatter) {
      case Covariance covariance -> covariance.axes(options.ddof);
      case Gram gram -> gram.axes(options.ddof);
    };
    try {
      double[] eigenvalues = axes.eigenvalues;
      double[] all = options.epsilon.weights(eigenvalues, scatter.rows());
      if (options.epsilon.isZero()) {
        for (int i = 0; i < all.length; i++) {
          all[i] = eigenvalues[i] <= axes.noise ? Double.POSITIVE_INFINITY : all[i];
        }
      }
      int kept = options.rank.of(eigenvalues, all);
      boolean implicit = options.kind == Kind.ZCA && scatter instanceof Gram;
      double other = implicit && kept == all.length && axes.count() < kept ? all[kept - 1] : 0;
      double[] weights = Arrays.copyOf(all, Math.min(kept, axes.count()));
      if (weights.length == 0 && other == 0) {
        throw new IllegalArgumentException("the " + scatter.rows() + " rows are all equal, and have no direction of any variance; look at"
            + " the data, or take ZCA with an absolute epsilon above 0");
      }
      double greatest = Math.max(other, Arrays.stream(weights).max().orElse(0));
      double bound = greatest * greatest * Arrays.stream(eigenvalues).sum() * axes.rounding;
      Device device = scatter.device();
      Origin origin = new Origin(options.kind, options.epsilon, options.ddof, scatter.rows(), scatter.side(), scatter.precision(),
          axes.shrinkage, bound, device.name(), device.linearAlgebra().library());
      Tensor vectors = axes.vectors.view(0, Shape.of(weights.length, scatter.features()));
      if (options.kind == Kind.PCA) {
        toComponents(vectors, weights);
        return new Whitening(origin, scatter.mean(), eigenvalues, weights, new Components(vectors), axes.memory);
      }
      if (implicit) {
        return new Whitening(origin, scatter.mean(), eigenvalues, weights, new Implicit(vectors, other), axes.memory);
      }
      Tensor matrix = symmetric(vectors, weights);
      axes.close();
      return new Whitening(origin, scatter.mean(), eigenvalues, weights, new Dense(matrix), matrix);
    } catch (RuntimeException e) {
      axes.close();
      throw e;
    }
  }

  /// V^T diag(factors) V, as the product of a matrix with its own transpose.
  ///
  /// @param vectors which are scaled by that
  /// @param factors not negative
  static Tensor symmetric(Tensor vectors, double[] factors) {
    Device device = vectors.device();
    LinearAlgebra algebra = device.linearAlgebra();
    scale(vectors, Arrays.stream(factors).map(Math::sqrt).toArray());
    long d = vectors.shape().extent(1);
    Tensor product = device.allocate(vectors.dtype(), Shape.of(d, d));
    algebra.syrk(Op.T, 1, vectors, 0, product);
    algebra.symmetrize(product);
    return product;
  }

  /// diag(weights) V, in place, with the sign of each row that makes its greatest number positive.
  private static void toComponents(Tensor vectors, double[] weights) {
    double[] factors = weights.clone();
    Shape row = Shape.of(vectors.shape().extent(1));
    for (int i = 0; i < factors.length; i++) {
      double greatest = 0;
      for (double value : vectors.view(row.bytes(vectors.dtype()) * i, row).toDoubles()) {
        greatest = Math.abs(value) > Math.abs(greatest) ? value : greatest;
      }
      factors[i] = greatest < 0 ? -factors[i] : factors[i];
    }
    scale(vectors, factors);
  }

  private static void scale(Tensor rows, double[] factors) {
    Device device = rows.device();
    try (Tensor scales = device.allocate(rows.dtype(), Shape.of(factors.length))) {
      scales.copyFrom(factors);
      device.linearAlgebra().dgmm(scales, rows);
    }
  }

  /// Reads a whitening that was saved, whatever device it was fitted on.
  ///
  /// @throws IOException if the file is damaged or no such, with the rule
  public static Whitening load(Path file, Device device) throws IOException {
    return WhiteningFile.load(file, device);
  }

  /// Writes a safetensors file: `mean` and `eigenvalues` of d numbers, and `matrix`, d x d or rank x d, or for ZCA of the Gram side
  /// `vectors`, rank x d, as they were computed; [Origin] is in its metadata. It appears when it is complete.
  ///
  /// @param metadata more of it, as of the data, under keys that begin with `tensorseed.`
  /// @param force replaces a file that we wrote
  /// @throws IOException if the file is there already or cannot be written, with the reason and the remedy
  public void save(Path file, Map<String, String> metadata, boolean force) throws IOException {
    WhiteningFile.save(this, file, metadata, force);
  }

  public Kind kind() {
    return origin.kind;
  }

  public Origin origin() {
    return origin;
  }

  Form form() {
    return form;
  }

  /// The mean of the data.
  public double[] mean() {
    return mean.clone();
  }

  /// All d eigenvalues of the covariance, shrunk if that was asked for, falling; those that count as 0 are 0.
  public double[] eigenvalues() {
    return eigenvalues.clone();
  }

  /// The weight of each component that is kept, f of its eigenvalue.
  public double[] weights() {
    return weights.clone();
  }

  /// How many components are kept; of the Gram side, how many of those that the rows span.
  public int rank() {
    return weights.length;
  }

  /// W, [d, d] for ZCA and [rank, d] for PCA, on the device of the covariance and in the precision of its products. It is closed with this.
  ///
  /// @throws IllegalStateException for ZCA of the Gram side, which has no such matrix
  public Tensor matrix() {
    requireMatrix();
    return form.matrix();
  }

  private void requireMatrix() {
    if (form instanceof Implicit) {
      throw new IllegalStateException("ZCA of the Gram side has no matrix of " + mean.length + " x " + mean.length
          + "; apply it to rows, or fit the covariance side");
    }
  }

  /// What takes white data back, x = W^+ y + mean: [d, d] for ZCA and [d, rank] for PCA. The caller's to close.
  ///
  /// @throws IllegalStateException for ZCA of the Gram side, which has no such matrix
  public Tensor inverse() {
    requireMatrix();
    Tensor matrix = form.matrix();
    Device device = matrix.device();
    LinearAlgebra algebra = device.linearAlgebra();
    try (Tensor rows = device.allocate(matrix.dtype(), matrix.shape())) {
      device.convert(matrix, 1, rows);
      if (form instanceof Dense) {
        try (Tensor values = device.allocate(matrix.dtype(), Shape.of(mean.length))) {
          // Its eigenvalues are the weights, rising as it should be, behind a 0 for each component that is left out.
          algebra.syevd(rows, values);
          int left = mean.length - weights.length;
          return symmetric(rows.view((long) left * mean.length * rows.dtype().bytes(), Shape.of(weights.length, mean.length)),
              Arrays.stream(values.toDoubles()).skip(left).map(value -> 1 / value).toArray());
        }
      }
      Tensor inverse = device.allocate(matrix.dtype(), Shape.of(mean.length, weights.length));
      scale(rows, Arrays.stream(weights).map(weight -> 1 / (weight * weight)).toArray());
      algebra.transpose(rows, inverse);
      return inverse;
    }
  }

  /// Whitens rows on the device of the covariance. What the first call of a dtype makes of W, the next ones find: one thread at a time.
  ///
  /// @param rows [n, d], F32 or F64
  /// @param white [n, d] for ZCA and [n, rank] for PCA, of the same dtype
  public void apply(Tensor rows, Tensor white) {
    operator(rows.dtype()).apply(rows, white);
  }

  /// Takes white rows back, x = W^+ y + mean, as [#apply] makes them; exactly so where no component was left out.
  ///
  /// @param white [n, d] for ZCA and [n, rank] for PCA, F32 or F64
  /// @param rows [n, d], of the same dtype
  public void restore(Tensor white, Tensor rows) {
    operator(white.dtype()).restore(white, rows);
  }

  private Operator operator(DType dtype) {
    if (operator == null || operator.dtype != dtype) {
      if (dtype != DType.F32 && dtype != DType.F64) {
        throw new IllegalArgumentException("rows of " + dtype + " cannot be whitened; give F32 or F64");
      }
      if (operator != null) {
        operator.close();
      }
      operator = new Operator(this, dtype);
    }
    return operator;
  }

  @Override
  public void close() {
    if (operator != null) {
      operator.close();
    }
    memory.close();
  }
}
