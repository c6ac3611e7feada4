package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Statistics.assertDistributed;
import static io.github.tensorseed.cpu.Statistics.assertDrawn;
import static io.github.tensorseed.cpu.Statistics.assertMoments;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.LogNormal;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.RandomStream;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.commons.statistics.distribution.ContinuousDistribution;
import org.apache.commons.statistics.distribution.LogNormalDistribution;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.distribution.TruncatedNormalDistribution;
import org.apache.commons.statistics.distribution.UniformContinuousDistribution;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Every law has the distribution of its name, by an independent library's distribution functions.
///
/// The seed was fixed beforehand. There are 14 Kolmogorov-Smirnov tests, 56 of moments and 28 chi-squares, at 1e-4 each: a correct
/// generator would have failed here with another seed in one of a hundred cases.
class LawStatisticsTest {
  private static final int COUNT = 1 << 20;
  private static final int ROUNDED_COUNT = 1 << 22;
  private static final RandomStream STREAM = RandomStream.of(20260101).named("statistics");

  static Stream<Distribution> laws() {
    return Stream.of(
        new Uniform(0, 1),
        new Uniform(-0.05, 0.05),
        new Normal(0, 0.02),
        new LogNormal(0, 0.25),
        new TruncatedNormal(0, 1, -2, 2),
        new TruncatedNormal(0.5, 1, -0.25, 3),
        new TruncatedNormal(0, 1, 4, 6));
  }

  static Stream<Arguments> wide() {
    return laws().flatMap(law -> Stream.of(DType.F64, DType.F32).map(dtype -> Arguments.of(law, dtype)));
  }

  /// The last law saturates in F8_E4M3 and overflows in F16.
  static Stream<Arguments> narrow() {
    List<DType> dtypes = List.of(DType.BF16, DType.F16, DType.F8_E4M3, DType.F8_E5M2);
    return Stream.concat(laws().skip(1), Stream.of(new Normal(300, 30000)))
        .flatMap(law -> dtypes.stream().map(dtype -> Arguments.of(law, dtype)));
  }

  private static ContinuousDistribution distribution(Distribution law) {
    return switch (law) {
      case Uniform(double low, double high) -> UniformContinuousDistribution.of(low, high);
      case Normal(double mean, double std) -> NormalDistribution.of(mean, std);
      case LogNormal(double mean, double std) -> LogNormalDistribution.of(mean, std);
      case TruncatedNormal(double mean, double std, double low, double high) -> TruncatedNormalDistribution.of(mean, std, low, high);
      case Distribution.Signs _, Distribution.Constant _ -> throw new IllegalArgumentException(law + " has no density");
    };
  }

  @ParameterizedTest
  @MethodSource("wide")
  void distributionFunctionAndMoments(Distribution law, DType dtype) {
    ContinuousDistribution exact = distribution(law);
    double[] values = Samples.values(dtype, law, STREAM, COUNT);
    assertDistributed(values, exact::cumulativeProbability);
    // Beyond 1e-30 on either side the eighth power of a normal weighs nothing.
    assertMoments(values, exact, exact.inverseCumulativeProbability(1e-30), exact.inverseSurvivalProbability(1e-30));
  }

  /// The probability of each code is the law's between the places where rounding passes to the code's neighbours.
  @ParameterizedTest
  @MethodSource("narrow")
  void roundedCodes(Distribution law, DType dtype) {
    ContinuousDistribution exact = distribution(law);
    int[] codes = codesInOrder(dtype);
    int[] places = new int[1 << 8 * dtype.bytes()];
    double[] probabilities = new double[codes.length];
    double from = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < codes.length; i++) {
      places[codes[i]] = i;
      double to = i == codes.length - 1 ? Double.POSITIVE_INFINITY : middle(dtype, codes[i], codes[i + 1]);
      probabilities[i] = from < 0
          ? exact.cumulativeProbability(to) - exact.cumulativeProbability(from)
          : exact.survivalProbability(from) - exact.survivalProbability(to);
      from = to;
    }
    long[] observed = new long[codes.length];
    Samples.fill(dtype, law, STREAM, 0, ROUNDED_COUNT, memory -> {
      for (int i = 0; i < ROUNDED_COUNT; i++) {
        observed[places[(int) dtype.bits(memory, i)]]++;
      }
    });
    assertDrawn(probabilities, observed);
  }

  /// All codes that rounding gives, by their values, -0 before +0.
  private static int[] codesInOrder(DType dtype) {
    boolean infinite = dtype == DType.BF16 || dtype == DType.F16;
    return IntStream.range(0, 1 << 8 * dtype.bytes())
        .filter(code -> infinite ? !Float.isNaN(dtype.widen(code)) : Float.isFinite(dtype.widen(code)))
        .boxed().sorted(Comparator.comparing(dtype::widen)).mapToInt(Integer::intValue).toArray();
  }

  private static double middle(DType dtype, int lower, int upper) {
    double a = dtype.widen(lower);
    double b = dtype.widen(upper);
    if (Double.isInfinite(a) || Double.isInfinite(b)) {
      // Where the next value would come, had the exponent one more step.
      double last = Double.isInfinite(a) ? b : a;
      return last + Math.copySign(Math.ulp((float) last) * (dtype == DType.BF16 ? 0x1p16 : 0x1p13) / 2, last);
    }
    return (a + b) / 2;
  }
}
