package io.github.tensorseed.whitening;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance.Precision;
import io.github.tensorseed.whitening.Scatter.Shrinkage;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// Covariance and whitening on every device against plain loops in double.
public abstract class WhiteningContract {
  private static final int N = 400;
  private static final int D = 7;

  protected final Device device;
  /// Correlated, of very different variances, around a mean that is far away.
  private final double[] data = data(N, 1000);

  protected WhiteningContract(Device device) {
    this.device = device;
  }

  private static double[] data(int rows, double mean) {
    SplittableRandom random = new SplittableRandom(7);
    double[] data = new double[rows * D];
    for (int i = 0; i < rows; i++) {
      double common = random.nextGaussian();
      for (int j = 0; j < D; j++) {
        data[i * D + j] = (float) (mean + common + random.nextGaussian() * (j + 1));
      }
    }
    return data;
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Tensor rows(DType dtype, double[] values, int from, int to) {
    Tensor tensor = device.allocate(dtype, Shape.of(to - from, D));
    tensor.copyFrom(Arrays.copyOfRange(values, from * D, to * D));
    return tensor;
  }

  private static double[] reference(double[] data, int ddof) {
    int n = data.length / D;
    double[] mean = new double[D];
    for (int i = 0; i < data.length; i++) {
      mean[i % D] += data[i] / n;
    }
    double[] covariance = new double[D * D];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < D; j++) {
        for (int k = 0; k < D; k++) {
          covariance[j * D + k] += (data[i * D + j] - mean[j]) * (data[i * D + k] - mean[k]) / (n - ddof);
        }
      }
    }
    return covariance;
  }

  @Test
  void covarianceIsThatOfAllRowsHoweverTheyCome() {
    for (Precision precision : Precision.values()) {
      covarianceIsThatOfAllRows(precision);
    }
  }

  private void covarianceIsThatOfAllRows(Precision precision) {
    for (int ddof = 0; ddof < 2; ddof++) {
      for (int[] cuts : new int[][] {{0, N}, {0, 1, 2, N}, {0, 100, 100, 399, N}}) {
        // Whatever the number of features, products are in F32 where that is the precision of more.
        try (Covariance covariance = Covariance.open(device, D, precision, Shrinkage.NONE, 0);
             Covariance merged = Covariance.open(device, D, precision, Shrinkage.NONE, 0)) {
          for (int i = 1; i < cuts.length; i++) {
            covariance.add(rows(DType.F32, data, cuts[i - 1], cuts[i]));
            try (Covariance part = Covariance.open(device, D, precision, Shrinkage.NONE, 0)) {
              part.add(rows(DType.F32, data, cuts[i - 1], cuts[i]));
              merged.merge(part);
            }
          }
          double[] expected = reference(data, ddof);
          double bound = precision == Precision.F64 ? 1e-9 : 1e-4;
          assertThat(covariance.matrix(ddof).toDoubles()).containsExactly(expected, within(bound));
          assertThat(merged.matrix(ddof).toDoubles()).containsExactly(expected, within(bound));
          assertThat(merged.rows()).isEqualTo(N);
          for (int j = 0; j < D; j++) {
            double sum = 0;
            for (int i = 0; i < N; i++) {
              sum += data[i * D + j];
            }
            assertThat(covariance.mean()[j]).isCloseTo(sum / N, within(1e-4));
          }
        }
      }
    }
  }

  @Test
  void whiteDataHasTheIdentityForItsCovariance() {
    for (Kind kind : Kind.values()) {
      whiteDataHasTheIdentity(kind);
    }
  }

  private void whiteDataHasTheIdentity(Kind kind) {
    try (Covariance covariance = Covariance.open(device, D, Precision.F64)) {
      covariance.add(rows(DType.F64, data, 0, N));
      try (Whitening whitening = Whitening.fit(covariance, Options.of(kind).with(new Epsilon.Absolute(0)))) {
        double[] w = whitening.matrix().toDoubles();
        double[] back = whitening.inverse().toDoubles();
        double[] c = reference(data, 1);
        double[] product = multiply(multiply(w, c), transposed(w));
        double[] identity = new double[D * D];
        for (int i = 0; i < D; i++) {
          identity[i * D + i] = 1;
        }
        assertThat(product).containsExactly(identity, within(1e-10));
        assertThat(multiply(back, w)).containsExactly(identity, within(1e-10));
        if (kind == Kind.ZCA) {
          assertThat(w).containsExactly(transposed(w), within(1e-15));
        }
        double trace = 0;
        for (double value : whitening.eigenvalues()) {
          trace += value;
        }
        double expected = 0;
        for (int i = 0; i < D; i++) {
          expected += c[i * D + i];
        }
        assertThat(trace).isCloseTo(expected, within(1e-9));
        assertThat(whitening.eigenvalues()).isSortedAccordingTo(Comparator.reverseOrder());
      }
    }
  }

  private static double[] multiply(double[] a, double[] b) {
    double[] c = new double[D * D];
    for (int i = 0; i < D; i++) {
      for (int j = 0; j < D; j++) {
        for (int k = 0; k < D; k++) {
          c[i * D + j] += a[i * D + k] * b[k * D + j];
        }
      }
    }
    return c;
  }

  private static double[] transposed(double[] a) {
    double[] t = new double[D * D];
    for (int i = 0; i < D * D; i++) {
      t[i] = a[i % D * D + i / D];
    }
    return t;
  }

  @Test
  void aConstantFeatureIsLeftOutOrWeightedByEpsilonAlone() {
    double[] constant = data.clone();
    for (int i = 0; i < N; i++) {
      constant[i * D + 3] = 5;
    }
    try (Covariance covariance = Covariance.open(device, D, Precision.MIXED)) {
      covariance.add(rows(DType.F32, constant, 0, N));
      try (Whitening exact = Whitening.fit(covariance, Options.of(Kind.PCA).with(new Epsilon.Absolute(0)));
           Whitening soft = Whitening.fit(covariance, Options.of(Kind.ZCA).with(new Epsilon.Absolute(0.25)))) {
        assertThat(exact.rank()).isEqualTo(D - 1);
        assertThat(exact.eigenvalues()[D - 1]).isZero();
        assertThat(soft.matrix().toDoubles()[3 * D + 3]).isCloseTo(2, within(1e-12));
      }
      try (Whitening most = Whitening.fit(covariance, Options.of(Kind.PCA).with(new Rank.Variance(0.5)))) {
        assertThat(most.rank()).isBetween(1, D - 2);
      }
    }
  }

  @Test
  void rowsThatAreNoNumbersAreNamedAndNotCounted() {
    try (Covariance covariance = Covariance.open(device, D, Precision.MIXED)) {
      covariance.add(rows(DType.F32, data, 0, 10));
      double[] bad = data.clone();
      bad[12 * D + 4] = Double.NaN;
      assertThatThrownBy(() -> covariance.add(rows(DType.F32, bad, 10, 20)))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("row 12 has NaN as feature 4");
      covariance.add(rows(DType.F32, data, 10, N));
      assertThat(covariance.matrix(1).toDoubles()).containsExactly(reference(data, 1), within(1e-4));
    }
    try (Covariance covariance = Covariance.open(device, D, Precision.MIXED)) {
      double[] bad = data.clone();
      bad[0] = Double.NEGATIVE_INFINITY;
      assertThatThrownBy(() -> covariance.add(rows(DType.F32, bad, 0, 20))).hasMessageContaining("row 0 has -Infinity as feature 0");
      assertThatThrownBy(() -> covariance.matrix(1)).isInstanceOf(IllegalStateException.class).hasMessageContaining("0 rows are too few");
      covariance.add(rows(DType.F32, data, 0, 1));
      assertThatThrownBy(() -> covariance.matrix(1)).hasMessageContaining("1 row is too few for a covariance with ddof 1");
      assertThat(covariance.matrix(0).toDoubles()).containsOnly(0);
    }
  }

  @Test
  void appliedToTheDataItIsWhite() {
    for (DType dtype : new DType[] {DType.F32, DType.F64}) {
      try (Covariance covariance = Covariance.open(device, D, Precision.F64); Covariance after = Covariance.open(device, D, Precision.F64)) {
        covariance.add(rows(dtype, data, 0, N));
        try (Whitening whitening = Whitening.fit(covariance, Options.of(Kind.ZCA).with(new Epsilon.Absolute(0)));
             Tensor rows = rows(dtype, data, 0, N); Tensor white = device.allocate(dtype, Shape.of(N, D))) {
          whitening.apply(rows, white);
          after.add(white);
          double[] identity = new double[D * D];
          for (int i = 0; i < D; i++) {
            identity[i * D + i] = 1;
          }
          assertThat(after.matrix(1).toDoubles()).containsExactly(identity, within(dtype == DType.F64 ? 1e-9 : 1e-4));
        }
      }
    }
  }
}
