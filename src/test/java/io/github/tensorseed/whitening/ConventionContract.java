package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;

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

  private Whitening fit(Reference reference, Precision precision, Options options) {
    try (Covariance covariance = Covariance.open(device, reference.d(), precision)) {
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


  /// `PCA(whiten=True)` of scikit-learn 1.5 and later: components_ / sqrt(S^2 / (n - 1)), S the singular values of the centered rows, each
  /// component with the sign that makes its first greatest number positive (`svd_flip(u_based_decision=False)`).
  @Test
  void scikitLearnPca() {
    Options options = Options.of(Kind.PCA).with(new Epsilon.Absolute(0));
    for (Reference reference : new Reference[] {TAME, WILD}) {
      double[] expected = scikitLearnPca(reference);
      for (Precision precision : new Precision[] {Precision.F64, Precision.MIXED}) {
        try (Whitening whitening = fit(reference, precision, options)) {
          double[] matrix = whitening.matrix().toDoubles();
          // Without epsilon the smallest components are noise where products are in F32: an eigenvalue of 1e-9 next to one of 1.
          boolean noisy = reference == WILD && precision == Precision.MIXED;
          assertThat(whitening.rank()).isEqualTo(noisy ? 9 : D);
          for (int k = 0; k < whitening.rank(); k++) {
            System.out.println("SK " + precision + " " + (reference == WILD) + " " + k + " "
                + Reference.error(Arrays.copyOfRange(matrix, k * D, k * D + D), Arrays.copyOfRange(expected, k * D, k * D + D)));
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
      double singular = Math.sqrt(eigen.values()[k]);
      double greatest = 0;
      for (double value : eigen.vector(k)) {
        greatest = Math.abs(value) > Math.abs(greatest) ? value : greatest;
      }
      for (int j = 0; j < D; j++) {
        expected[k * D + j] = eigen.vector(k)[j] * Math.signum(greatest) / Math.sqrt(singular * singular / (N - 1));
      }
    }
    return expected;
  }

  /// `zca_whitening=True` of Keras's ImageDataGenerator: u, s of the SVD of X^T; (u * sqrt(n) / (s + eps)) u^T.
  @Test
  void kerasImageDataGenerator() {
    for (Reference reference : new Reference[] {TAME, WILD}) {
      Eigen eigen = Eigen.of(Arrays.stream(reference.covariance(0)).map(value -> value * N).toArray(), D);
      for (double epsilon : new double[] {1e-1, 1e-5, 1e-6}) {
        Options options = Options.of(Kind.ZCA).with(new Epsilon.SingularValue(epsilon)).withDdof(0);
        double[] expected = eigen.matrix(l -> Math.sqrt(N) / (Math.sqrt(l) + epsilon));
        check("KERAS " + epsilon, reference, options, expected);
      }
    }
  }

  private void check(String name, Reference reference, Options options, double[] expected) {
    for (Precision precision : Precision.values()) {
      try (Whitening whitening = fit(reference, precision, options)) {
        System.out.println(name + " " + precision + " wild=" + (reference == WILD) + " "
            + Reference.error(whitening.matrix().toDoubles(), expected) + " bound " + whitening.origin().errorBound());
      }
    }
  }

  /// kornia's ZCAWhitening: the unbiased covariance, U diag(1 / sqrt(S + eps)) U^T.
  @Test
  void korniaZca() {
    for (Reference reference : new Reference[] {TAME, WILD}) {
      Eigen eigen = Eigen.of(reference.covariance(1), D);
      for (double epsilon : new double[] {1e-1, 1e-3, 1e-5, 1e-6}) {
        check("KORNIA " + epsilon, reference, Options.of(Kind.ZCA).with(new Epsilon.Absolute(epsilon)), eigen.matrix(l -> 1 / Math.sqrt(l + epsilon)));
      }
    }
  }

  /// The recipe in the documentation of torchvision's LinearTransformation: X^T X of the centered rows, its SVD, U diag(1 / sqrt(S + eps)) U^T.
  @Test
  void torchvisionLinearTransformation() {
    for (Reference reference : new Reference[] {TAME, WILD}) {
      Eigen eigen = Eigen.of(Arrays.stream(reference.covariance(0)).map(value -> value * N).toArray(), D);
      for (double epsilon : new double[] {1e-1, 1e-5}) {
        check("TV " + epsilon, reference, Options.of(Kind.ZCA).with(new Epsilon.OfSums(epsilon)).withDdof(0),
            eigen.matrix(l -> 1 / Math.sqrt(l + epsilon)));
      }
    }
  }
}
