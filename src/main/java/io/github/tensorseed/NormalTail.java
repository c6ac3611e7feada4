package io.github.tensorseed;

import static java.lang.Math.fma;

/// Probabilities of the standard normal distribution, computed from whichever tail is nearer.
///
/// A truncated normal is as good as the probabilities of its ends: next to 8 standard deviations `1 - P(Z < x)` has no correct digit,
/// so nothing here subtracts from 1 where the difference is small. Every operation is IEEE 754 or `StrictMath.exp`, hence the
/// same bits on every machine.
///
/// - Precision: [#upper] within 6 ulp for `x >= 0`, [#between] within 8 ulp; one unit of the least subnormal where the result is
///   subnormal.
/// - Source: Laplace's continued fraction of the tail and the density's Taylor series in Hermite polynomials; Abramowitz and Stegun,
///   26.2.14 and 26.2.28 ff.
final class NormalTail {
  private static final double ONE_OVER_ROOT_TWO_PI = 0x1.9884533d43651p-2;
  /// Past this the density is smaller than the least subnormal.
  private static final double END = 39;
  /// Enough for full precision at 1, where the fraction converges slowest.
  private static final int FRACTION_TERMS = 256;
  /// Enough for full precision over a strip as wide as [#isNarrow] allows.
  private static final int SERIES_TERMS = 32;

  private NormalTail() {}

  /// `P(Z > x)`. For a negative `x` it is `1 - upper(-x)`, a difference that cannot cancel.
  static double upper(double x) {
    if (x < 0) {
      return 1 - upper(-x);
    }
    return x < 1 ? 0.5 - strip(0, x) : density(x, 1 / fraction(x));
  }

  /// `P(Z < x)`, for functions of many values: many times as fast as [#upper], whose bits are promised, and not bit for bit the same.
  ///
  /// - Precision: within 1e-14 of itself where `x > -37`.
  static double below(double x) {
    double y = Math.abs(x);
    double tail = y < END ? Places.tail(y) : Double.isNaN(y) ? y : 0;
    return x < 0 ? tail : 1 - tail;
  }

  /// The tail's Taylor series at places from 0 to the end.
  private static final class Places {
    /// Of a unit.
    private static final int PLACES = 32;
    /// At 39 and as far from a place as can be, the next term is 1e-15 of the sum.
    private static final int DEGREE = 14;
    private static final int LAST = PLACES * (int) END;
    /// Of each place, the constant term first.
    private static final double[] TERMS = new double[(LAST + 1) * (DEGREE + 1)];

    static {
      for (int place = 0; place <= LAST; place++) {
        double a = (double) place / PLACES;
        int at = place * (DEGREE + 1);
        TERMS[at] = upper(a);
        // Minus the density by Hermite polynomials over factorials, as in [#strip].
        double before = 0;
        double term = -density(a);
        for (int n = 1; n <= DEGREE; n++) {
          TERMS[at + n] = term / n;
          double next = -(a * term + before) / n;
          before = term;
          term = next;
        }
      }
    }

    static double tail(double y) {
      int place = (int) (PLACES * y + 0.5);
      double beyond = y - (double) place / PLACES;
      int first = place * (DEGREE + 1);
      double sum = TERMS[first + DEGREE];
      for (int n = DEGREE - 1; n >= 0; n--) {
        sum = fma(sum, beyond, TERMS[first + n]);
      }
      return sum;
    }
  }

  /// `P(a < Z < b)` for `a < b`; either may be infinite. On one side of zero it is the difference of two tails or, where those are
  /// too much alike, the integral of the density; around zero it is the sum of the two sides.
  static double between(double a, double b) {
    if (b <= 0) {
      return between(-b, -a);
    }
    if (a < 0) {
      return central(-a) + central(b);
    }
    double width = b - a;
    return isNarrow(a, width) ? strip(a, width) : upper(a) - upper(b);
  }

  /// `P(0 < Z < x)` for `x >= 0`.
  private static double central(double x) {
    return isNarrow(0, x) ? strip(0, x) : 0.5 - upper(x);
  }

  private static boolean isNarrow(double a, double width) {
    return width * Math.max(a, 1) <= 1;
  }

  /// `P(a < Z < a + width)` for `a >= 0` and a narrow width `d`, as the density at `a` times the sum over n of `t / (n + 1) d`, where
  /// `t = He_n(a) (-d)^n / n!`; the Hermite polynomials' recurrence leads from one `t` to the next.
  private static double strip(double a, double width) {
    double slope = a * width;
    double curvature = width * width;
    double previous = 0;
    double term = 1;
    double sum = 0;
    for (int n = 1; n <= SERIES_TERMS; n++) {
      sum += term / n;
      double next = -fma(slope, term, curvature * previous) / n;
      previous = term;
      term = next;
    }
    return density(a, sum * width);
  }

  /// The normal density over the upper tail for `x >= 1`: `x + 1/(x + 2/(x + 3/(x + ...)))`, from the innermost term, which is
  /// the root that the terms tend to.
  private static double fraction(double x) {
    double value = (x + Math.sqrt(fma(x, x, 4.0 * FRACTION_TERMS))) / 2;
    for (int n = FRACTION_TERMS - 1; n > 0; n--) {
      value = x + n / value;
    }
    return value;
  }

  /// The normal density at `x`.
  static double density(double x) {
    return density(Math.abs(x), 1);
  }

  /// The normal density at `x >= 0`, times `factor`. The rounding error of the square is put back, since the exponential would
  /// multiply it by `x x / 2`; and the exponential is taken as two roots, so that a subnormal product is rounded once.
  private static double density(double x, double factor) {
    if (x > END) {
      return 0;
    }
    double square = x * x;
    double rest = fma(x, x, -square);
    double root = StrictMath.exp(-square / 4);
    return root * (root * (fma(factor, -rest / 2, factor) * ONE_OVER_ROOT_TWO_PI));
  }
}
