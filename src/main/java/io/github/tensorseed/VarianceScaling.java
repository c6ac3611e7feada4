package io.github.tensorseed;

import java.util.Locale;

/// The family of Glorot, He and LeCun: a variance of `scale / fan`.
///
/// - Law: [Law#NORMAL] is N(0, v); [Law#TRUNCATED] is N truncated at two sigma, its sigma widened so that the variance is still v;
///   [Law#UNIFORM] is U(-sqrt(3 v), sqrt(3 v)).
/// - Shape: rank 2 or more, see [Fans.Layout].
/// - Precision: v in double; then as the law.
/// - Source: X. Glorot and Y. Bengio, AISTATS 2010; K. He et al., arXiv 1502.01852; the truncated form as in Keras and JAX.
///
/// @param scale positive
/// @param mode which fan divides
/// @param law which distribution
/// @param layout where the fans are in the shape
public record VarianceScaling(double scale, Mode mode, Law law, Fans.Layout layout) implements Initializer {

  /// The standard deviation of a standard normal that is truncated at two sigma.
  public static final double TRUNCATED_STD = 0.8796256610342398;

  /// Which fan divides the scale.
  public enum Mode {
    IN,
    OUT,
    /// (in + out) / 2
    AVG,
    /// sqrt(in * out)
    GEO_AVG,
    /// max(in, out)
    MAX;

    double of(Fans fans) {
      return switch (this) {
        case IN -> fans.in();
        case OUT -> fans.out();
        case AVG -> (fans.in() + fans.out()) / 2;
        case GEO_AVG -> Math.sqrt(fans.in() * fans.out());
        case MAX -> Math.max(fans.in(), fans.out());
      };
    }
  }

  /// Which distribution has the variance.
  public enum Law { NORMAL, TRUNCATED, UNIFORM }

  public VarianceScaling {
    if (!(scale >= 0 && scale < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("variance_scaling(scale=" + scale + "): the scale must be finite and not negative");
    }
  }

  /// The law for these fans.
  public Distribution of(Fans fans) {
    double variance = scale / mode.of(fans);
    return switch (law) {
      case NORMAL -> new Distribution.Normal(0, Math.sqrt(variance));
      case TRUNCATED -> {
        double std = Math.sqrt(variance) / TRUNCATED_STD;
        yield std == 0 ? new Distribution.Constant(0) : new Distribution.TruncatedNormal(0, std, -2 * std, 2 * std);
      }
      case UNIFORM -> {
        double limit = Math.sqrt(3 * variance);
        yield new Distribution.Uniform(-limit, limit);
      }
    };
  }

  @Override
  public Distribution resolve(Shape whole) {
    return of(layout.of(whole));
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    resolve(tensor.slice().whole()).fill(tensor, stream);
  }

  /// As in `variance_scaling(2, in, normal, oihw)`.
  @Override
  public String toString() {
    return ("variance_scaling(" + Numbers.text(scale) + ", " + mode + ", " + law + ", " + layout + ")").toLowerCase(Locale.ROOT);
  }
}
