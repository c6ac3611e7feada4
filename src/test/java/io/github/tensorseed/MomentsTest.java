package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MomentsTest {
  /// Expected: the textbooks' formulas; for truncated normals Python 3.12, mpmath 1.3 with 50 digits:
  /// D = quad(npdf, [a, b]); m = quad(x npdf, [a, b]) / D; sqrt(quad((x - m)^2 npdf, [a, b]) / D).
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "uniform(-1, 3) | 1 | 1.1547005383792515",
      "normal(2, 0.5) | 2 | 0.5",
      "log_normal(0, 1) | 1.6487212707001282 | 2.1611974158950877",
      "signs(0.01) | 0 | 0.01",
      "constant(7) | 7 | 0",
      "truncated_normal(0, 1, -2, 2) | 0 | 0.8796256610342398",
      "truncated_normal(1, 0.02, -2, 2) | 1 | 0.02",
      "truncated_normal(0, 1, 6, 8) | 6.15848136683998 | 0.154871602974950",
      "truncated_normal(0, 1, 1, 1.0001) | 1.00005 | 2.8867513459481288e-5"})
  void moments(String text, double mean, double std) {
    Distribution law = (Distribution) Expression.parse(text).resolve(Shape.of(1));
    assertThat(law.moments().mean()).isCloseTo(mean, within(1e-8 * Math.max(1, Math.abs(mean))));
    assertThat(law.moments().std()).isCloseTo(std, within(1e-7 * std));
  }
}
