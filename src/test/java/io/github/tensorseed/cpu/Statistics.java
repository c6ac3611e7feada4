package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.apache.commons.statistics.distribution.ContinuousDistribution;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.distribution.PoissonDistribution;
import org.apache.commons.statistics.inference.ChiSquareTest;
import org.apache.commons.statistics.inference.KolmogorovSmirnovTest;

/// Tests of hypotheses, each with the same false-alarm rate. Seeds are fixed, so a test that has passed goes on passing until a value
/// moves; the rate says how likely a correct generator was to fail when the seed was chosen.
final class Statistics {
  /// Of each single assertion here.
  static final double FALSE_ALARM = 1e-4;
  private static final int LEAST_EXPECTED = 10;
  private static final int PANELS = 1 << 15;
  private static final NormalDistribution NORMAL = NormalDistribution.of(0, 1);

  private Statistics() {}

  /// Kolmogorov and Smirnov: the values have this distribution function.
  static void assertDistributed(double[] values, DoubleUnaryOperator cdf) {
    assertProbable("Kolmogorov-Smirnov", KolmogorovSmirnovTest.withDefaults().test(values, cdf).getPValue());
  }

  /// The first four moments of the values, taken about the law's mean and in units of its standard deviation, are the law's.
  ///
  /// @param from where the law's density begins, or is nothing beside its moments
  static void assertMoments(double[] values, ContinuousDistribution law, double from, double to) {
    double mean = integral(law, from, to, x -> x);
    double deviation = Math.sqrt(integral(law, from, to, x -> (x - mean) * (x - mean)));
    for (int k = 1; k <= 4; k++) {
      int power = k;
      DoubleUnaryOperator moment = x -> Math.pow((x - mean) / deviation, power);
      double expected = integral(law, from, to, moment);
      double variance = integral(law, from, to, x -> Math.pow(moment.applyAsDouble(x) - expected, 2));
      double found = Arrays.stream(values).map(moment).average().orElseThrow();
      assertStandardNormal("moment " + k, (found - expected) / Math.sqrt(variance / values.length));
    }
  }

  /// Simpson's rule.
  private static double integral(ContinuousDistribution law, double from, double to, DoubleUnaryOperator function) {
    double step = (to - from) / PANELS;
    double sum = 0;
    for (int i = 0; i <= PANELS; i++) {
      double x = i == PANELS ? to : from + i * step;
      int weight = i == 0 || i == PANELS ? 1 : 2 + 2 * (i & 1);
      sum += weight * law.density(x) * function.applyAsDouble(x);
    }
    return sum * step / 3;
  }

  /// Pearson's chi-square: `observed` were drawn with these probabilities. Neighbours are pooled until ten are expected.
  static void assertDrawn(double[] probabilities, long[] observed) {
    long total = Arrays.stream(observed).sum();
    List<Double> expected = new ArrayList<>();
    List<Long> pooled = new ArrayList<>();
    double expectedHere = 0;
    long observedHere = 0;
    for (int i = 0; i < observed.length; i++) {
      assertThat(observed[i] == 0 || probabilities[i] > 0).as("class %d was drawn %d times and is impossible", i, observed[i]).isTrue();
      expectedHere += probabilities[i] * total;
      observedHere += observed[i];
      if (expectedHere >= LEAST_EXPECTED) {
        expected.add(expectedHere);
        pooled.add(observedHere);
        expectedHere = 0;
        observedHere = 0;
      }
    }
    int last = expected.size() - 1;
    expected.set(last, expected.get(last) + expectedHere);
    pooled.set(last, pooled.get(last) + observedHere);
    assertProbable("chi-square over " + pooled.size() + " classes", ChiSquareTest.withDefaults()
        .test(expected.stream().mapToDouble(Double::doubleValue).toArray(), pooled.stream().mapToLong(Long::longValue).toArray())
        .getPValue());
  }

  /// `found` of `count` draws had a property of this probability, which is small or the count large.
  static void assertCounted(String what, long found, long count, double probability) {
    double expected = count * probability;
    String text = what + ": " + found + ", expected " + expected;
    if (probability == 0) {
      assertThat(found).as(text).isZero();
    } else if (expected > 1000) {
      assertStandardNormal(text, (found - expected) / Math.sqrt(expected * (1 - probability)));
    } else {
      PoissonDistribution poisson = PoissonDistribution.of(expected);
      double atMost = poisson.cumulativeProbability((int) found);
      double atLeast = poisson.survivalProbability((int) found - 1);
      assertProbable(text, Math.min(1, 2 * Math.min(atMost, atLeast)));
    }
  }

  static void assertStandardNormal(String what, double z) {
    assertProbable(what + ": " + z + " standard errors", 2 * NORMAL.survivalProbability(Math.abs(z)));
  }

  private static void assertProbable(String what, double probability) {
    assertThat(probability).as(what).isGreaterThan(FALSE_ALARM);
  }
}
