package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.Statistics.assertCounted;
import static io.github.tensorseed.cpu.Statistics.assertStandardNormal;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Distribution.Normal;
import io.github.tensorseed.Distribution.TruncatedNormal;
import io.github.tensorseed.Distribution.Uniform;
import io.github.tensorseed.RandomStream;
import java.util.Arrays;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.distribution.TruncatedNormalDistribution;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The rare values: ends, zeros, tails. The seed was fixed beforehand; 31 assertions have a false-alarm rate of 1e-4 each.
class EndsTest {
  private static final RandomStream STREAM = RandomStream.of(20260101).named("ends");
  private static final long MANY = 1L << 27;

  /// The number of words out of 2^32 that give a value, by the stream's arithmetic. U, which is float(w) 2^-32 + 2^-33, is 1 from w = 2^32 - 128
  /// on and 1/2 from 2^31 - 64 to 2^31 + 128; -1 + 2U is -1 while 2U does not pass 2^-25, to w = 63. In narrow types a value is 0 up to
  /// half of the least subnormal, and 1 from the middle to 1's lower neighbour on, which is a tie to the even 1.
  @ParameterizedTest
  @CsvSource({
      "F32, -1, 1, 64, 193, 128",
      "BF16, 0, 1, 0, 0, 8388736",
      "F16, 0, 1, 128, 128, 1048704",
      "F16, 0, 0.0009765625, 131072, 131072, 1048704",
      "F8_E4M3, 0, 1, 4194304, 4194304, 134217856",
      "F8_E5M2, 0, 1, 32768, 32768, 268435584"})
  void uniformsHitEndsAndZeroAsOftenAsTheirWords(
      DType dtype, double low, double high, long lowWords, long zeroWords, long highWords) {
    long count = dtype == DType.F32 ? MANY : 1 << 24;
    long[] found = new long[3];
    Samples.stream(dtype, new Uniform(low, high), STREAM, count, memory -> {
      for (long i = 0; i < memory.byteSize() / dtype.bytes(); i++) {
        double x = dtype.get(memory, i);
        if (x == low) {
          found[0]++;
        }
        if (x == 0) {
          found[1]++;
        }
        if (x == high) {
          found[2]++;
        }
      }
    });
    assertCounted("low", found[0], count, lowWords * 0x1p-32);
    assertCounted("zero", found[1], count, zeroWords * 0x1p-32);
    assertCounted("high", found[2], count, highWords * 0x1p-32);
  }

  /// Tails beyond 4, 5 and 6 standard deviations; a pair is zero where its radius is, for 128 words out of 2^32.
  @ParameterizedTest
  @EnumSource(names = {"F32", "F64"})
  void normalsHaveTheirTailsAndZeros(DType dtype) {
    long count = dtype == DType.F32 ? MANY : MANY / 4;
    int[] beyond = new int[7];
    int[] zeros = new int[1];
    double[] extremes = new double[2];
    Samples.stream(dtype, new Normal(0, 1), STREAM, count, memory -> {
      for (long i = 0; i < memory.byteSize() / dtype.bytes(); i++) {
        double z = dtype.get(memory, i);
        if (z == 0) {
          zeros[0]++;
        } else if (Math.abs(z) > 4) {
          for (int sigma = 4; sigma < Math.min(7, Math.abs(z)); sigma++) {
            beyond[sigma]++;
          }
          extremes[0] = Math.min(extremes[0], z);
          extremes[1] = Math.max(extremes[1], z);
        }
      }
    });
    NormalDistribution normal = NormalDistribution.of(0, 1);
    for (int sigma = 4; sigma <= 6; sigma++) {
      assertCounted("beyond " + sigma, beyond[sigma], count, 2 * normal.survivalProbability(sigma));
    }
    assertThat(extremes[0]).isLessThan(-5);
    assertThat(extremes[1]).isGreaterThan(5);
    if (dtype == DType.F32) {
      assertThat(zeros[0] % 2).isZero();
      assertCounted("pairs of zeros", zeros[0] / 2, count / 2, 0x1p-25);
      // The least uniform is 2^-33.
      assertThat(Math.max(-extremes[0], extremes[1])).isLessThan(Math.sqrt(66 * Math.log(2)) + 1e-6);
    } else {
      assertThat(zeros[0]).isZero();
    }
  }

  /// A value beyond a bound would be beyond what the bound rounds to, since rounding keeps order.
  @ParameterizedTest
  @EnumSource
  void nothingPassesTheBoundsAsRounded(DType dtype) {
    assertInside(dtype, new Uniform(-0.05, 0.05), -0.05, 0.05);
    assertInside(dtype, new Uniform(1, 1.1), 1, 1.1);
    assertInside(dtype, new TruncatedNormal(0, 0.02, -0.04, 0.04), -0.04, 0.04);
    assertInside(dtype, new TruncatedNormal(0, 1, 4, 6), 4, 6);
    assertInside(dtype, new TruncatedNormal(0.3, 0.1, -1, 0.31), -1, 0.31);
  }

  private static void assertInside(DType dtype, Distribution law, double low, double high) {
    double lowest = dtype == DType.F64 ? low : dtype.widen(dtype.round((float) low));
    double highest = dtype == DType.F64 ? high : dtype.widen(dtype.round((float) high));
    for (double value : Samples.values(dtype, law, STREAM, 1 << 20)) {
      if (!(value >= lowest && value <= highest)) {
        throw new AssertionError(law + " in " + dtype + ": " + value);
      }
    }
  }

  /// In F32 a far tail has 2^22 numbers, of which some are drawn more than once: if all of them can occur, number v with probability q is among
  /// n draws with probability 1 - (1 - q)^n. The integers and the probabilities behind them are finer than these numbers, but T, within 5
  /// ulp, is not so smooth that each has its share: nine tenths of that many. (From 1 minus a probability it would be a few hundred
  /// at 6 and more.) In F64, 2^20 draws repeat one with a probability of 1e-3.
  @ParameterizedTest
  @ValueSource(ints = {4, 6})
  void farTailsHaveAllTheirValues(int sigma) {
    int count = 1 << 20;
    Distribution law = new TruncatedNormal(0, 1, sigma, sigma + 2);
    TruncatedNormalDistribution exact = TruncatedNormalDistribution.of(0, 1, sigma, sigma + 2);
    double expected = 0;
    float unit = Math.ulp((float) sigma);
    for (double x = sigma; x <= sigma + 2; x += unit) {
      expected += -Math.expm1(count * Math.log1p(-exact.density(x) * unit));
    }
    long distinct = Arrays.stream(Samples.values(DType.F32, law, STREAM, count)).distinct().count();
    assertThat((double) distinct).isBetween(0.9 * expected, 1.01 * expected);
    assertThat(Arrays.stream(Samples.values(DType.F64, law, STREAM, count)).distinct().count()).isEqualTo(count);
  }

  /// Both halves have the same probabilities and the same number of words, and so the values below and above are as many.
  @Test
  void symmetricTruncationIsSymmetric() {
    TruncatedNormal law = new TruncatedNormal(0, 0.02, -0.04, 0.04);
    assertThat(law.tails(false).split()).isEqualTo(1L << 31);
    assertThat(law.tails(true).split()).isEqualTo(1L << 52);
    assertThat(law.tails(true).below()).isEqualTo(law.tails(true).above());
    for (DType dtype : DType.values()) {
      double[] values = Samples.values(dtype, law, STREAM, 1 << 20);
      double negative = Arrays.stream(values).filter(value -> value < 0).count();
      double positive = Arrays.stream(values).filter(value -> value > 0).count();
      assertStandardNormal(dtype + " below and above", (negative - positive) / Math.sqrt(negative + positive));
      assertThat(Arrays.stream(values).max().orElseThrow()).isEqualTo(-Arrays.stream(values).min().orElseThrow(),
          offset(1e-6));
    }
  }

  /// Intervals are sought whose split is a given word or the integer above it: that word belongs to the upper half, or is the last of the lower
  /// one. Where p is just short of 1/2, the sign tells which half it was taken for.
  @ParameterizedTest
  @EnumSource(names = {"F32", "F64"})
  void halvesMeetAtTheSplit(DType dtype) {
    // Its first word becomes a smaller binary32 than it is, which brings p below 1/2.
    RandomStream stream = RandomStream.of(42);
    boolean wide = dtype == DType.F64;
    long word = wide ? 0x9ceaf053L ^ 0x77f5493bL << 21 : 0x9ceaf053L;
    int[] told = new int[2];
    for (int i = 0; i < 64; i++) {
      double low = -1 - i * 0x1p-9;
      for (int above = 0; above < 2; above++) {
        TruncatedNormal law = withSplit(low, word + above, wide);
        if (law.tails(wide).split() == word + above) {
          double value = Samples.values(dtype, law, stream, 1)[0];
          assertThat(above == 0 ? value : -value).as("%s", law).isGreaterThanOrEqualTo(0);
          told[above] += value != 0 ? 1 : 0;
        }
      }
    }
    assertThat(told[0]).isPositive();
    assertThat(told[1]).isPositive();
  }

  /// The split falls as the upper bound grows; next to the right place rounding may hide it.
  private static TruncatedNormal withSplit(double low, long split, boolean wide) {
    double near = 0x1p-6;
    double far = 4;
    for (int i = 0; i < 100; i++) {
      double middle = (near + far) / 2;
      if (new TruncatedNormal(0, 1, low, middle).tails(wide).split() > split) {
        near = middle;
      } else {
        far = middle;
      }
    }
    return new TruncatedNormal(0, 1, low, far);
  }
}
