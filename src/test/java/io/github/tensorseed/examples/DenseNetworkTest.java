package io.github.tensorseed.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The network of the examples, in F64, where differences are exact enough to know a gradient by.
class DenseNetworkTest {
  private static final byte[] LABELS = {0, 2, 1, 2};
  private static final RandomStream STREAM = RandomStream.of(42);

  private static DenseNetwork open(Device device, Nonlinearity f) {
    DenseNetwork network = new DenseNetwork(device, DType.F64, f, 5, List.of(6, 5, 4, 3));
    device.fill(network.input(), new Distribution.Normal(0, 1), STREAM.named("input"));
    network.initialize(Initializers.heNormal(), STREAM);
    return network;
  }

  private static double loss(DenseNetwork network) {
    network.forward();
    return network.score(LABELS).loss();
  }

  /// (loss(w + h) - loss(w - h)) / 2h is the gradient but for h^2 times a third derivative, some 1e-10, and rounding over h, some 1e-11.
  @ParameterizedTest
  @EnumSource(names = {"RELU", "LEAKY_RELU", "TANH", "GELU"})
  void gradientsAreThoseOfCentralDifferences(Nonlinearity f) {
    double h = 1e-5;
    try (Device device = CpuDevice.open(1); DenseNetwork network = open(device, f)) {
      loss(network);
      network.backward(0);
      for (int layer = 0; layer < network.layers(); layer++) {
        for (Parameter parameter : List.of(new Parameter(network.weight(layer), network.velocity(layer)),
            new Parameter(network.bias(layer), network.biasVelocity(layer)))) {
          double[] gradient = parameter.gradient.toDoubles();
          double[] values = parameter.values.toDoubles();
          for (int i = 0; i < values.length; i++) {
            double[] changed = values.clone();
            changed[i] = values[i] + h;
            parameter.values.copyFrom(changed);
            double above = loss(network);
            changed[i] = values[i] - h;
            parameter.values.copyFrom(changed);
            assertThat(gradient[i]).as("element " + i + " of layer " + layer).isCloseTo((above - loss(network)) / (2 * h), within(1e-8));
          }
          parameter.values.copyFrom(values);
          assertThat(gradient).as("layer " + layer).isNotEqualTo(new double[gradient.length]);
        }
      }
    }
  }

  private record Parameter(Tensor values, Tensor gradient) {}

  @Test
  void stepsGoDownWithMomentum() {
    try (Device device = CpuDevice.open(1); DenseNetwork network = open(device, Nonlinearity.RELU)) {
      double[] weight = network.weight(1).toDoubles();
      loss(network);
      network.backward(0);
      double[] gradient = network.velocity(1).toDoubles();
      network.backward(0.5);
      network.step(0.1);
      for (int i = 0; i < weight.length; i++) {
        weight[i] -= 0.1 * 1.5 * gradient[i];
      }
      assertThat(network.weight(1).toDoubles()).containsExactly(weight, within(1e-15));
    }
  }

  /// What a layer gets is its own stream's, and other layers have no part in it.
  @Test
  void weightsAnewAndNoiseAreThoseOfTheStreams() {
    try (Device device = CpuDevice.open(1); DenseNetwork network = open(device, Nonlinearity.RELU);
         Tensor expected = device.allocate(DType.F64, network.weight(1).shape())) {
      double[] above = network.weight(2).toDoubles();
      network.reset(1, 1, Initializers.heNormal(), STREAM);
      Initializers.heNormal().fill(expected, STREAM.named("layer.1.weight").named("reset.1"));
      assertThat(network.weight(1).toDoubles()).isEqualTo(expected.toDoubles());
      assertThat(network.weight(2).toDoubles()).isEqualTo(above);
      assertThat(network.velocity(1).toDoubles()).containsOnly(0);
      network.addNoise(0.5, STREAM.named("noise.7"));
      device.fill(expected, new Distribution.Normal(0, 0.5), STREAM.named("noise.7").named("layer.1.weight"));
      assertThat(network.velocity(1).toDoubles()).isEqualTo(expected.toDoubles());
    }
  }

  /// ln 3 where all logits are 0; rows without a label count for nothing.
  @Test
  void lossAndWhatIsRight() {
    try (Device device = CpuDevice.open(1); DenseNetwork network = open(device, Nonlinearity.RELU)) {
      network.initialize(Initializers.zeros(), STREAM);
      network.forward();
      DenseNetwork.Score score = network.score(LABELS);
      assertThat(score.loss()).isCloseTo(Math.log(3), within(1e-15));
      assertThat(score.correct()).as("the first of equals is taken").isEqualTo(1);
      network.backward(0);
      // (softmax - one) / 4 rows, summed: 4/3 less the labels of each class, over 4.
      assertThat(network.biasVelocity(2).toDoubles()).containsExactly(new double[] {1 / 12., 1 / 12., -1 / 6.}, within(1e-15));
    }
  }
}
