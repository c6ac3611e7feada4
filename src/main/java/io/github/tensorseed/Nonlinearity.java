package io.github.tensorseed;

import java.util.Locale;

/// The function after a layer, and the gain with which the layer's weights make up for what it does to the variance.
///
/// - Source: PyTorch's `torch.nn.init.calculate_gain` for all but GELU and SiLU, which it lacks.
public enum Nonlinearity {
  LINEAR(1),
  CONV(1),
  SIGMOID(1),
  TANH(25. / 9),
  RELU(2),
  /// By default with the slope 0.01.
  LEAKY_RELU(2 / (1 + 0.01 * 0.01)),
  SELU(9. / 16),
  /// 1 / E\[(z Phi(z))^2\] for a standard normal z, integrated to 30 digits: 0.425221482570298675 is the expectation.
  GELU(2.351715614073373),
  /// 1 / E\[(z / (1 + exp(-z)))^2\] for a standard normal z, integrated to 30 digits: 0.355775519817352156 is the expectation.
  SILU(2.810761124074471);

  private static final double SELU_SCALE = 1.0507009873554805;
  private static final double SELU_ALPHA = 1.6732632423543772;

  private final double scale;

  Nonlinearity(double scale) {
    this.scale = scale;
  }

  /// The factor that keeps a layer's standard deviation: 1; tanh 5/3; relu sqrt(2); leaky_relu sqrt(2 / (1 + 0.01^2)); selu 3/4;
  /// gelu 1.53353044119553523; silu 1.67653247033109116.
  public double gain() {
    return Math.sqrt(scale);
  }

  /// The gain squared: the factor of a variance.
  public double scale() {
    return scale;
  }

  /// The gain squared of a leaky ReLU: 2 / (1 + slope^2).
  public static double leakyScale(double slope) {
    return 2 / (1 + slope * slope);
  }

  /// Its derivative; at 0 that of relu is 0 and that of leaky_relu the slope.
  ///
  /// - Precision: as [#apply].
  public double derivative(double x) {
    return switch (this) {
      case LINEAR, CONV -> 1;
      case SIGMOID -> {
        double y = apply(x);
        yield y * (1 - y);
      }
      case TANH -> {
        double y = StrictMath.tanh(x);
        yield 1 - y * y;
      }
      case RELU -> x > 0 ? 1 : 0;
      case LEAKY_RELU -> x > 0 ? 1 : 0.01;
      case SELU -> SELU_SCALE * (x > 0 ? 1 : SELU_ALPHA * StrictMath.exp(x));
      case GELU -> NormalTail.below(x) + x * StrictMath.exp(-x * x / 2) / StrictMath.sqrt(2 * Math.PI);
      case SILU -> {
        double y = SIGMOID.apply(x);
        yield y * (1 + x * (1 - y));
      }
    };
  }

  /// The function itself; the slope of leaky_relu is 0.01, and GELU is the exact one.
  ///
  /// - Precision: some units in the last place of binary64.
  public double apply(double x) {
    return switch (this) {
      case LINEAR, CONV -> x;
      case SIGMOID -> 1 / (1 + StrictMath.exp(-x));
      case TANH -> StrictMath.tanh(x);
      case RELU -> Math.max(x, 0);
      case LEAKY_RELU -> x < 0 ? 0.01 * x : x;
      case SELU -> SELU_SCALE * (x < 0 ? SELU_ALPHA * StrictMath.expm1(x) : x);
      case GELU -> x * NormalTail.below(x);
      case SILU -> x / (1 + StrictMath.exp(-x));
    };
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
