package io.github.tensorseed.whitening;

/// What keeps directions of little variance from being blown up: how an eigenvalue becomes a weight.
public sealed interface Epsilon {
  /// 1e-6 of the mean eigenvalue, added to each.
  static Epsilon standard() {
    return new Relative(1e-6);
  }

  /// f(l) = 1 / sqrt(l + value): of numpy scripts and kornia; with 0, of scikit-learn's PCA(whiten=True).
  record Absolute(double value) implements Epsilon {
    public Absolute {
      require(value);
    }
  }

  /// As [Absolute] with `share` of the mean eigenvalue.
  record Relative(double share) implements Epsilon {
    public Relative {
      require(share);
    }
  }

  /// f(l) = sqrt(n) / (sqrt(n l) + value), which adds to the singular value of the n rows: of Keras's ImageDataGenerator, which divides by
  /// n, so that ddof is 0.
  record SingularValue(double value) implements Epsilon {
    public SingularValue {
      require(value);
    }
  }

  /// f(l) = 1 / sqrt(n l + value), which takes the sum of products for the covariance, as torchvision's recipe for LinearTransformation
  /// does; ddof is 0 there. White data have the variance 1 / n.
  record OfSums(double value) implements Epsilon {
    public OfSums {
      require(value);
    }
  }

  /// The weight of each eigenvalue: infinite for 0 without epsilon.
  ///
  /// @param rows of the data
  default double[] weights(double[] eigenvalues, long rows) {
    double sum = 0;
    for (double value : eigenvalues) {
      sum += value;
    }
    double added = added(sum / eigenvalues.length);
    double[] weights = new double[eigenvalues.length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = switch (this) {
        case Absolute _, Relative _ -> 1 / Math.sqrt(eigenvalues[i] + added);
        case SingularValue(double value) -> 1 / (Math.sqrt(eigenvalues[i]) + value / Math.sqrt((double) rows));
        case OfSums(double value) -> 1 / Math.sqrt(rows * eigenvalues[i] + value);
      };
    }
    return weights;
  }

  /// Whether nothing is added.
  default boolean isZero() {
    return switch (this) {
      case Absolute(double value) -> value == 0;
      case Relative(double share) -> share == 0;
      case SingularValue(double value) -> value == 0;
      case OfSums(double value) -> value == 0;
    };
  }

  /// What is added to an eigenvalue; where it is not to one, this is 0.
  ///
  /// @param mean of all eigenvalues
  default double added(double mean) {
    return switch (this) {
      case Absolute(double value) -> value;
      case Relative(double share) -> share * mean;
      case SingularValue _, OfSums _ -> 0;
    };
  }

  private static void require(double value) {
    if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("epsilon = " + value + ": it is finite and not negative");
    }
  }
}
