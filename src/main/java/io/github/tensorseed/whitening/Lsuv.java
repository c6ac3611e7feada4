package io.github.tensorseed.whitening;

import io.github.tensorseed.Fans;
import io.github.tensorseed.Orthogonal;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Tensor;
import java.util.Map;
import java.util.SequencedMap;

/// Layer-sequential unit variance: weights begin orthonormal, and each, from the first layer to the last, is divided by the standard
/// deviation of its layer's output on real data until that is 1.
///
/// ```java
/// try (DenseStack stack = DenseStack.open(rows, weights.sequencedValues(), Fans.Layout.OIHW, Nonlinearity.RELU)) {
///   Lsuv.standard().fill(weights, Fans.Layout.OIHW, RandomStream.of(42), stack);
/// }
/// ```
///
/// - Source: D. Mishkin, J. Matas, arXiv 1511.06422; tolerance and iterations are those of their code, which warns where they do not
///   suffice.
///
/// @param tolerance by how much a variance may differ from 1
/// @param iterations how often a weight is scaled at most
public record Lsuv(double tolerance, int iterations) {
  public Lsuv {
    if (!(tolerance > 0) || iterations < 1) {
      throw new IllegalArgumentException("lsuv with tolerance " + tolerance + " and " + iterations + " iterations: both are positive");
    }
  }

  /// What a network does with its data.
  @FunctionalInterface
  public interface Forward {
    /// The output of layer `layer`, counted from 0, before the function that follows it, by the weights as they are now. It is only read,
    /// and has been when this is called again.
    Tensor output(int layer);
  }

  /// Variances within 0.02 of 1, in at most 20 iterations.
  public static Lsuv standard() {
    return new Lsuv(0.02, 20);
  }

  /// Fills weights, each on the stream of its name, and scales them.
  ///
  /// @param weights by name, in the order in which data goes through them: whole tensors of rank 2 or more
  /// @return the variance of each layer's output, within the tolerance unless the iterations did not suffice
  /// @throws IllegalStateException if a variance is 0 or not finite, with the layer
  public double[] fill(SequencedMap<String, Tensor> weights, Fans.Layout layout, RandomStream seed, Forward forward) {
    Orthogonal start = new Orthogonal(1, layout);
    weights.forEach((name, weight) -> start.fill(weight, seed.named(name)));
    double[] variances = new double[weights.size()];
    int layer = 0;
    for (Map.Entry<String, Tensor> weight : weights.entrySet()) {
      variances[layer] = scale(weight.getKey(), weight.getValue(), forward, layer);
      layer++;
    }
    return variances;
  }

  /// Scales one weight, those below it being as they should be.
  ///
  /// @return the variance of the layer's output
  /// @throws IllegalStateException if it is 0 or not finite, with the layer
  double scale(String name, Tensor weight, Forward forward, int layer) {
    double variance = variance(name, forward.output(layer));
    for (int i = 0; i < iterations && Math.abs(variance - 1) > tolerance; i++) {
      weight.device().convert(weight, 1 / Math.sqrt(variance), weight);
      variance = variance(name, forward.output(layer));
    }
    return variance;
  }

  private static double variance(String name, Tensor output) {
    double variance = Math.pow(output.moments().std(), 2);
    if (!(variance > 0 && variance < Double.POSITIVE_INFINITY)) {
      throw new IllegalStateException("lsuv: the output of layer '" + name + "' has the variance " + variance + " over "
          + output.elements() + " values, which no scale makes 1; is the data finite, and does it vary?");
    }
    return variance;
  }
}
