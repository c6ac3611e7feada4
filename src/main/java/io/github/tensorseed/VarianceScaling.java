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
/// @param scale finite and not negative; 0 gives zeros
/// @param mode which fan divides
/// @param law which distribution
/// @param layout where the fans are in the shape
public record VarianceScaling(double scale, Mode mode, Law law, Fans.Layout layout) implements Initializer {

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

  /// What `dialect` means by this: its layout, and its law if this one is normal.
  public VarianceScaling as(Dialect dialect) {
    return new VarianceScaling(scale, mode, law == Law.UNIFORM ? law : dialect.normal(), dialect.layout());
  }

  /// This for weights of another layout.
  public VarianceScaling in(Fans.Layout layout) {
    return new VarianceScaling(scale, mode, law, layout);
  }

  /// The law for these fans.
  public Distribution of(Fans fans) {
    double std = Math.sqrt(scale / mode.of(fans));
    return switch (law) {
      case NORMAL -> Initializers.normal(0, std);
      case TRUNCATED -> Initializers.truncatedNormalSigma(std, 2, true);
      case UNIFORM -> {
        double limit = Math.sqrt(3 * scale / mode.of(fans));
        yield Initializers.uniform(-limit, limit);
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
