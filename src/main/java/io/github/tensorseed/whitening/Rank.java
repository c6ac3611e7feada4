package io.github.tensorseed.whitening;

/// How many of the components, by falling eigenvalue, are kept.
public sealed interface Rank {
  /// All that have a finite weight.
  static Rank all() {
    return new Count(Integer.MAX_VALUE);
  }

  /// At most that many.
  record Count(int components) implements Rank {
    public Count {
      if (components < 1) {
        throw new IllegalArgumentException("rank = " + components + ": at least 1 component is kept");
      }
    }
  }

  /// As few as have this share of the variance together.
  record Variance(double share) implements Rank {
    public Variance {
      if (!(share > 0 && share <= 1)) {
        throw new IllegalArgumentException("share of the variance = " + share + ": it is above 0 and at most 1");
      }
    }
  }

  /// The number that is kept.
  ///
  /// @param eigenvalues falling
  /// @param weights of each; those that are not finite are not kept
  default int of(double[] eigenvalues, double[] weights) {
    int finite = 0;
    while (finite < weights.length && Double.isFinite(weights[finite])) {
      finite++;
    }
    return switch (this) {
      case Count(int components) -> Math.min(components, finite);
      case Variance(double share) -> {
        double total = 0;
        for (double value : eigenvalues) {
          total += value;
        }
        double sum = 0;
        int kept = 0;
        while (kept < finite && sum < share * total) {
          sum += eigenvalues[kept++];
        }
        yield kept;
      }
    };
  }
}
