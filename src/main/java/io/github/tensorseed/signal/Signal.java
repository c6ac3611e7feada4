package io.github.tensorseed.signal;

import java.util.List;
import java.util.stream.DoubleStream;

/// What became of a signal on its way through the layers of a network, the first one first, and of a gradient on its way back.
///
/// What overflows F32 is infinite or not a number, what underflows 0.
public record Signal(List<Layer> layers) {
  /// One layer x = f(W input), over all rows and units.
  ///
  /// @param mean of the x
  /// @param variance of the x
  /// @param dead share of the units through which no gradient goes back: in no row is |f'| above 2^-24. So are units of relu that are never
  ///     above 0, and of tanh and sigmoid that are saturated on one side or the other in every row; leaky_relu and linear have none
  /// @param gradientVariance of the gradient with respect to the x
  /// @param gradientNorm Frobenius norm of the gradient with respect to W
  public record Layer(double mean, double variance, double dead, double gradientVariance, double gradientNorm) {}

  public Signal {
    layers = List.copyOf(layers);
    if (layers.isEmpty()) {
      throw new IllegalArgumentException("a signal through no layer; give at least 1");
    }
  }

  /// The variance behind the last layer over that behind the first.
  public double forward() {
    return layers.getLast().variance / layers.getFirst().variance;
  }

  /// The variance of the gradient behind the first layer over that behind the last.
  public double backward() {
    return layers.getFirst().gradientVariance / layers.getLast().gradientVariance;
  }

  /// The largest factor, up or down, between a layer's variance and the first layer's, or its gradient's and the last layer's: 1 where both
  /// stay as they are, and infinite where one is lost.
  public double drift() {
    double largest = layers.stream().flatMapToDouble(layer -> DoubleStream.of(layer.variance / layers.getFirst().variance,
        layer.gradientVariance / layers.getLast().gradientVariance)).map(ratio -> Math.abs(Math.log(ratio))).max().orElse(0);
    return Double.isNaN(largest) ? Double.POSITIVE_INFINITY : Math.exp(largest);
  }

  /// log(forward) + log(backward): above 0 if weights are too large, below if they are too small. Where a variance overflows or underflows,
  /// it is infinite, and what came first decides: without a signal forth the one back says nothing.
  double balance() {
    for (double ratio : new double[] {forward(), backward()}) {
      if (!(ratio > 0 && ratio < Double.POSITIVE_INFINITY)) {
        return ratio == 0 || layers.getFirst().variance == 0 ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
      }
    }
    return Math.log(forward()) + Math.log(backward());
  }
}
