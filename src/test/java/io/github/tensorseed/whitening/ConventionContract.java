package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Reference.Eigen;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Whitening on every device against what others compute, written out in double, and against its own bound of errors.
public abstract class ConventionContract {
  private static final int N = 500;
  private static final int D = 12;
  /// Rows of condition 1e4 and 1e9, the greatest eigenvalue about 1, the mean 3.
  private static final Reference TAME = Reference.rows(N, D, 1e4, 3);
  private static final Reference WILD = Reference.rows(N, D, 1e9, 3);

  protected final Device device;

  protected ConventionContract(Device device) {
    this.device = device;
  }

  @AfterEach
  void close() {
    device.close();
  }

  /// With products of F32 rows in F32, as of many features, where that is the precision.
  private Whitening fit(Reference reference, Precision precision, Options options) {
    return fit(reference, Covariance.open(device, reference.d(), precision, Scatter.Shrinkage.NONE, 0), options);
  }

  private Whitening fit(Reference reference, Covariance opened, Options options) {
    try (Covariance covariance = opened) {
      for (int from = 0; from < reference.n(); from += 200) {
        int to = Math.min(from + 200, reference.n());
        try (Tensor rows = device.allocate(DType.F32, Shape.of(to - from, reference.d()))) {
          rows.copyFrom(Arrays.copyOfRange(reference.x(), from * reference.d(), to * reference.d()));
          covariance.add(rows);
        }
      }
      return Whitening.fit(covariance, options);
    }
  }

  @Test
  void byDefaultProductsOfFewFeaturesAreInF64() {
    for (Options options : new Options[] {Options.of(Kind.PCA).with(new Epsilon.Absolute(0)), Options.of(Kind.ZCA).with(new Epsilon.Absolute(1e-5))}) {
      try (Whitening fitted = fit(WILD, Covariance.open(device, D, Precision.MIXED), options); Whitening wide = fit(WILD, Precision.F64, options)) {
        assertThat(Reference.error(fitted.matrix().toDoubles(), wide.matrix().toDoubles())).isLessThan(1e-9);
      }
    }
  }

  @Test
  void scikitLearnPca() {
    Options options = Options.of(Kind.PCA).with(new Epsilon.Absolute(0));
    for (Reference reference : new Reference[] {TAME, WILD}) {
      double[] expected = scikitLearnPca(reference);
      double[] eigenvalues = Eigen.of(reference.covariance(1), D).values();
      for (Precision precision : Precision.values()) {
        try (Whitening whitening = fit(reference, precision, options)) {
          double[] matrix = whitening.matrix().toDoubles();
          // In F32, products of the greatest component leave 6e-8 of it on all others. What is not above that is left out.
          assertThat(whitening.rank()).isEqualTo(reference == WILD && precision != Precision.F64 ? 9 : D);
          for (int k = 0; k < whitening.rank(); k++) {
            double bound = precision == Precision.F64 ? 1e-5 : 1e-6 + 0x1p-22 * eigenvalues[0] / eigenvalues[k];
            assertThat(Reference.error(Arrays.copyOfRange(matrix, k * D, k * D + D), Arrays.copyOfRange(expected, k * D, k * D + D)))
                .as(precision + " " + k).isLessThan(bound);
          }
        }
      }
    }
  }

  private static double[] scikitLearnPca(Reference reference) {
    double[] scatter = Arrays.stream(reference.covariance(0)).map(value -> value * N).toArray();
    Eigen eigen = Eigen.of(scatter, D);
    double[] expected = new double[D * D];
    for (int k = 0; k < D; k++) {
      System.arraycopy(scikitLearn(eigen.vector(k), eigen.values()[k], N), 0, expected, k * D, D);
    }
    return expected;
  }

  /// A component of `PCA(whiten=True)` of scikit-learn 1.5 and later: components_ / sqrt(S^2 / (n - 1)), S the singular values of the
  /// centered rows, each component with the sign that makes its first greatest number positive (`svd_flip(u_based_decision=False)`).
  ///
  /// @param scatter S^2, the vector's eigenvalue of X^T X
  static double[] scikitLearn(double[] vector, double scatter, int n) {
    double greatest = 0;
    for (double value : vector) {
      greatest = Math.abs(value) > Math.abs(greatest) ? value : greatest;
    }
    double factor = Math.signum(greatest) / Math.sqrt(scatter / (n - 1));
    return Arrays.stream(vector).map(value -> value * factor).toArray();
  }

  @Test
  void kerasImageDataGenerator() {
    for (Reference reference : new Reference[] {TAME, WILD}) {
      Eigen eigen = Eigen.of(Arrays.stream(reference.covariance(0)).map(value -> value * N).toArray(), D);
      for (double epsilon : new double[] {1e-1, 1e-5, 1e-6}) {
        Options options = Options.of(Kind.ZCA).with(new Epsilon.SingularValue(epsilon)).withDdof(0);
        double[] expected = eigen.matrix(scatter -> keras(scatter, N, epsilon));
        check(reference, options, expected);
      }
    }
  }

  /// `zca_whitening=True` of Keras's ImageDataGenerator: u, s of the SVD of X^T; (u * sqrt(n) / (s + eps)) u^T.
  ///
  /// @param scatter s^2, an eigenvalue of X^T X
  static double keras(double scatter, int n, double epsilon) {
    return Math.sqrt(n) / (Math.sqrt(scatter) + epsilon);
  }

  private void check(Reference reference, Options options, double[] expected) {
    for (Precision precision : Precision.values()) {
      try (Whitening whitening = fit(reference, precision, options)) {
        double bound = precision == Precision.F64 ? 1e-5 : bound(reference, precision, whitening);
        assertThat(Reference.error(whitening.matrix().toDoubles(), expected)).as(precision + " " + options).isLessThan(bound);
        requireErrorBound(reference, whitening, options.ddof());
      }
    }
  }

  /// With products in F32, 1e-4 is kept up to a condition of 1e4, with an epsilon of at least 1e-5 next to the eigenvalue. Beyond, some
  /// 6e-8 of the greatest eigenvalue are noise in all others: that much next to the eigenvalue, or its root next to the singular value.
  private static double bound(Reference reference, Precision precision, Whitening whitening) {
    Epsilon epsilon = whitening.origin().epsilon();
    double[] weights = whitening.weights();
    double noise = 0x1p-24 * Math.pow(weights[D - 1] / weights[0], 2);
    if (noise > 1) {
      assertThat(whitening.origin().errorBound()).isGreaterThan(1);
      return Double.POSITIVE_INFINITY;
    }
    double softest = epsilon.weights(new double[] {0}, N)[0] / (epsilon instanceof Epsilon.OfSums ? 1 / Math.sqrt(N) : 1);
    if (reference == TAME && precision == Precision.MIXED && softest * softest < 1.01e5) {
      return 1e-4;
    }
    return Math.max(1e-4, epsilon instanceof Epsilon.SingularValue ? Math.sqrt(noise) : 2 * noise);
  }

  /// W C W^T differs from what exact arithmetic gives, U diag(l f(l)^2) U^T, by no more than the fit says.
  private static void requireErrorBound(Reference reference, Whitening whitening, int ddof) {
    double[] covariance = reference.covariance(ddof);
    double[] w = whitening.matrix().toDoubles();
    double[] white = Reference.product(Reference.product(w, D, covariance), D, w);
    double[] expected = Eigen.of(covariance, D).matrix(l -> {
      double weight = whitening.origin().epsilon().weights(new double[] {l}, N)[0];
      return l * weight * weight;
    });
    double difference = 0;
    for (int i = 0; i < white.length; i++) {
      difference = Math.max(difference, Math.abs(white[i] - expected[i]));
    }
    assertThat(difference).as(whitening.origin().toString()).isLessThan(whitening.origin().errorBound());
  }

  @Test
  void korniaZca() {
    for (Reference reference : new Reference[] {TAME, WILD}) {
      Eigen eigen = Eigen.of(reference.covariance(1), D);
      for (double epsilon : new double[] {1e-1, 1e-3, 1e-5, 1e-6}) {
        check(reference, Options.of(Kind.ZCA).with(new Epsilon.Absolute(epsilon)), eigen.matrix(l -> kornia(l, epsilon)));
      }
    }
  }

  /// kornia's ZCAWhitening: the unbiased covariance, U diag(1 / sqrt(S + eps)) U^T.
  static double kornia(double eigenvalue, double epsilon) {
    return 1 / Math.sqrt(eigenvalue + epsilon);
  }

  @Test
  void torchvisionLinearTransformation() {
    for (Reference reference : new Reference[] {TAME, WILD}) {
      Eigen eigen = Eigen.of(Arrays.stream(reference.covariance(0)).map(value -> value * N).toArray(), D);
      for (double epsilon : new double[] {1e-1, 5e-3}) {
        check(reference, Options.of(Kind.ZCA).with(new Epsilon.OfSums(epsilon)).withDdof(0),
            eigen.matrix(scatter -> torchvision(scatter, epsilon)));
      }
    }
  }

  /// The recipe in the documentation of torchvision's LinearTransformation: X^T X of the centered rows, its SVD,
  /// U diag(1 / sqrt(S + eps)) U^T.
  ///
  /// @param scatter an eigenvalue of X^T X
  static double torchvision(double scatter, double epsilon) {
    return 1 / Math.sqrt(scatter + epsilon);
  }

  @Test
  void aFarMeanCostsNoDigits() {
    Reference reference = Reference.rows(9000, 3, 100, 10000.1);
    double[] mean = reference.mean();
    for (Kind kind : Kind.values()) {
      try (Whitening whitening = fit(reference, Precision.F64, Options.of(kind))) {
        double[] w = whitening.matrix().toDoubles();
        double[] differences = new double[reference.x().length];
        for (int i = 0; i < differences.length; i++) {
          differences[i] = reference.x()[i] - mean[i % 3];
        }
        double[] expected = Reference.product(differences, reference.n(), Reference.transposed(w, 3));
        for (DType dtype : new DType[] {DType.F32, DType.F64, DType.F32}) {
          try (Tensor rows = device.allocate(dtype, Shape.of(reference.n(), 3)); Tensor white = device.allocate(dtype, rows.shape());
               Tensor back = device.allocate(dtype, rows.shape())) {
            rows.copyFrom(reference.x());
            whitening.apply(rows, white);
            // Rounding the mean alone, to F32, would shift all rows by some 3e-4, of which the weights make 3e-3.
            assertThat(white.toDoubles()).containsExactly(expected, within(dtype == DType.F64 ? 1e-9 : 2e-5));
            whitening.restore(white, back);
            assertThat(back.toDoubles()).containsExactly(reference.x(), within(dtype == DType.F64 ? 1e-9 : 2e-3));
            long held = device.allocatedBytes();
            whitening.apply(rows, white);
            whitening.restore(white, back);
            assertThat(device.allocatedBytes()).isEqualTo(held);
          }
        }
      }
    }
  }

  @Test
  void whatDoesNotGoTogetherIsNamed() {
    try (Whitening whitening = fit(TAME, Precision.MIXED, Options.of(Kind.PCA).with(new Rank.Count(2)));
         Tensor rows = device.allocate(DType.F32, Shape.of(5, D)); Tensor white = device.allocate(DType.F32, Shape.of(5, 2));
         Tensor half = device.allocate(DType.BF16, Shape.of(5, D)); Tensor wide = device.allocate(DType.F64, Shape.of(5, 2))) {
      whitening.apply(rows, white);
      assertThatThrownBy(() -> whitening.apply(white, rows)).isInstanceOf(IllegalArgumentException.class)
          .hasMessage("F32 [5, 2] on " + device.name() + ": rows of 12 numbers in F32 are wanted");
      assertThatThrownBy(() -> whitening.apply(rows, wide)).hasMessageContaining("5 rows of 2 numbers in F32 are wanted");
      assertThatThrownBy(() -> whitening.apply(half, white)).hasMessageContaining("rows of BF16 cannot be whitened");
      assertThatThrownBy(() -> whitening.restore(white, white)).hasMessageContaining("5 rows of 12 numbers");
    }
  }
}
