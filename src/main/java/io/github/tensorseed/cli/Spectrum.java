package io.github.tensorseed.cli;

import io.github.tensorseed.whitening.Whitening;
import java.util.Arrays;

/// The eigenvalues of a covariance before whitening and after.
final class Spectrum {
  /// Falling.
  final double[] before;
  /// Of the components that are kept.
  final double[] after;
  /// What epsilon adds to each eigenvalue.
  final double added;

  private Spectrum(double[] before, double[] after, double added) {
    this.before = before;
    this.after = after;
    this.added = added;
  }

  static Spectrum of(Whitening whitening) {
    double[] before = whitening.eigenvalues();
    double[] after = whitening.weights();
    for (int i = 0; i < after.length; i++) {
      after[i] *= after[i] * before[i];
    }
    return new Spectrum(before, after, whitening.origin().epsilon().added(Arrays.stream(before).average().orElse(0)));
  }

  double conditionBefore() {
    return condition(before);
  }

  double conditionAfter() {
    return condition(after);
  }

  /// Over what is not 0; NaN of nothing.
  private static double condition(double[] values) {
    double[] positive = Arrays.stream(values).filter(value -> value > 0).sorted().toArray();
    return positive.length == 0 ? Double.NaN : positive[positive.length - 1] / positive[0];
  }
}
