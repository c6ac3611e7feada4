package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Offset.offset;

import java.util.function.DoubleUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NonlinearityTest {
  /// PyTorch's torch.nn.init.calculate_gain.
  @Test
  void gainsOfPyTorch() {
    assertThat(Nonlinearity.LINEAR.gain()).isEqualTo(1);
    assertThat(Nonlinearity.CONV.gain()).isEqualTo(1);
    assertThat(Nonlinearity.SIGMOID.gain()).isEqualTo(1);
    assertThat(Nonlinearity.TANH.gain()).isEqualTo(5 / 3.);
    assertThat(Nonlinearity.RELU.gain()).isEqualTo(Math.sqrt(2));
    assertThat(Nonlinearity.LEAKY_RELU.gain()).isEqualTo(Math.sqrt(2 / (1 + 0.01 * 0.01)));
    assertThat(Nonlinearity.SELU.gain()).isEqualTo(0.75);
    assertThat(Nonlinearity.leakyScale(Math.sqrt(5))).isCloseTo(1 / 3., offset(1e-15));
  }

  @Test
  void gainsOfGeluAndSiluKeepTheSecondMoment() {
    // 2 E[relu(z)^2] = 1 shows that the integral is right.
    assertThat(secondMoment(z -> Math.max(0, z))).isCloseTo(1 / Nonlinearity.RELU.scale(), offset(1e-15));
    assertThat(secondMoment(z -> z / (1 + Math.exp(-z)))).isCloseTo(1 / Nonlinearity.SILU.scale(), offset(1e-15));
    assertThat(secondMoment(z -> z * standardNormal(z))).isCloseTo(1 / Nonlinearity.GELU.scale(), offset(1e-15));
    assertThat(Nonlinearity.GELU.gain()).isCloseTo(1.5335304411955353, offset(3e-16));
    assertThat(Nonlinearity.SILU.gain()).isCloseTo(1.676532470331091, offset(3e-16));
  }

  /// E\[f(z)^2\] by the trapezoidal rule, which converges faster than any power of the step for such integrands.
  private static double secondMoment(DoubleUnaryOperator f) {
    int steps = 1 << 14;
    double step = 24. / steps;
    double sum = 0;
    double lost = 0;
    for (int i = 0; i <= steps; i++) {
      double z = -12 + i * step;
      double value = f.applyAsDouble(z);
      double term = value * value * Math.exp(-z * z / 2) - lost;
      double next = sum + term;
      lost = next - sum - term;
      sum = next;
    }
    return sum * step / Math.sqrt(2 * Math.PI);
  }

  /// Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3 5) + ...), of which all terms have one sign.
  private static double standardNormal(double z) {
    double term = z;
    double sum = z;
    for (int n = 3; Math.abs(term) > 1e-18 * Math.abs(sum); n += 2) {
      term *= z * z / n;
      sum += term;
    }
    return 0.5 + sum * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  }

  /// E\[f(z)^2\] times the squared gain is 1 for a standard normal z, by the midpoint rule; the gains of sigmoid, tanh and selu mean something
  /// else.
  @ParameterizedTest
  @EnumSource(names = {"LINEAR", "CONV", "RELU", "LEAKY_RELU", "GELU", "SILU"})
  void theGainIsThatOfTheFunction(Nonlinearity nonlinearity) {
    double sum = 0;
    double step = 1e-3;
    for (double z = -12 + step / 2; z < 12; z += step) {
      sum += Math.pow(nonlinearity.apply(z), 2) * Math.exp(-z * z / 2) * step / Math.sqrt(2 * Math.PI);
    }
    assertThat(sum * nonlinearity.scale()).isCloseTo(1, offset(1e-9));
  }

  /// 1 / (1 + e^2), tanh(1/2), -P(Z > 1), 1 + tanh(1), and for SELU lambda alpha (1/e - 1) and 2 lambda with the paper's constants.
  @Test
  void functions() {
    assertThat(Nonlinearity.SIGMOID.apply(-2)).isCloseTo(0.11920292202211756, offset(1e-16));
    assertThat(Nonlinearity.TANH.apply(0.5)).isCloseTo(0.46211715726000974, offset(1e-16));
    assertThat(Nonlinearity.GELU.apply(-1)).isCloseTo(-0.15865525393145705, offset(1e-16));
    assertThat(Nonlinearity.SILU.apply(2)).isCloseTo(1.7615941559557649, offset(1e-15));
    assertThat(Nonlinearity.SELU.apply(-1)).isCloseTo(-1.1113307378125625, offset(1e-14));
    assertThat(Nonlinearity.SELU.apply(2)).isCloseTo(2.101401974710961, offset(1e-15));
    assertThat(Nonlinearity.LEAKY_RELU.apply(-3)).isEqualTo(-0.03);
    assertThat(Nonlinearity.RELU.apply(-3)).isZero();
  }

  /// By the central difference, whose error is h^2 f''' / 6 and rounding over h.
  @ParameterizedTest
  @EnumSource
  void derivatives(Nonlinearity f) {
    double h = 1e-5;
    for (double x = -6.05; x < 6; x += 0.1) {
      assertThat(f.derivative(x)).as("at %s", x).isCloseTo((f.apply(x + h) - f.apply(x - h)) / (2 * h), offset(1e-9));
    }
  }

  /// As PyTorch has them.
  @Test
  void derivativesAtTheCorner() {
    assertThat(Nonlinearity.RELU.derivative(0)).isZero();
    assertThat(Nonlinearity.LEAKY_RELU.derivative(0)).isEqualTo(0.01);
  }
}
