package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.VarianceScaling;
import io.github.tensorseed.signal.Propagation;
import io.github.tensorseed.signal.PropagationContract;
import io.github.tensorseed.signal.Signal;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// The contract, and what only holds on average: seeds are fixed, and a rate of false alarms is that of another seed.
class CpuPropagationTest extends PropagationContract {
  CpuPropagationTest() {
    super(CpuDevice.open(2));
  }

  private static Tensor normal(Device device, DType dtype, RandomStream stream, long... extents) {
    Tensor tensor = device.allocate(dtype, Shape.of(extents));
    device.fill(tensor, new Distribution.Normal(0, 1), stream);
    return tensor;
  }

  private static double secondMoment(Signal.Layer layer) {
    return layer.mean() * layer.mean() + layer.variance();
  }

  /// Behind a layer of W units the second moment is on average what it was, with a relative variance of at most 5/W (relu) or 2/W (linear) if
  /// all rows went the same way. Five standard deviations of the mean of 60: a false alarm in 2 million.
  @ParameterizedTest
  @CsvSource({"RELU, 5", "LINEAR, 2"})
  void theSecondMomentIsKept(Nonlinearity f, double variance) {
    int width = 512;
    try (Device device = CpuDevice.open(2)) {
      Initializer initializer = f == Nonlinearity.RELU ? Initializers.heNormal() : Initializers.glorotNormal();
      double forth = 0;
      double back = 0;
      for (int seed = 0; seed < 20; seed++) {
        RandomStream stream = RandomStream.of(seed);
        try (Tensor rows = normal(device, DType.F32, stream.named("rows"), 32, width)) {
          var layers = new Propagation(4, width, f).measure(rows, initializer, stream, _ -> {}).layers();
          for (int l = 1; l < 4; l++) {
            forth += secondMoment(layers.get(l)) / secondMoment(layers.get(l - 1)) / 60;
            back += layers.get(l - 1).gradientVariance() / layers.get(l).gradientVariance() / 60;
          }
        }
      }
      double bound = 5 * Math.sqrt(variance / width / 60);
      assertThat(forth).isCloseTo(1, within(bound));
      assertThat(back).isCloseTo(1, within(bound));
    }
  }

  /// E\[f(z)^2\] is 1 / gain^2, over 2^20 normals within five standard errors of the sample, a false alarm in 2 million.
  @ParameterizedTest
  @EnumSource(names = {"GELU", "SILU"})
  void theGainIsThatOfManyNormals(Nonlinearity f) {
    try (Device device = CpuDevice.open(2); Tensor z = normal(device, DType.F64, RandomStream.of(1), 1 << 20)) {
      device.activate(f, z, z);
      double[] squares = Arrays.stream(z.toDoubles()).map(y -> y * y).toArray();
      double mean = Arrays.stream(squares).average().orElseThrow();
      double variance = Arrays.stream(squares).map(square -> (square - mean) * (square - mean)).average().orElseThrow();
      assertThat(mean).isCloseTo(1 / f.scale(), within(5 * Math.sqrt(variance / squares.length)));
    }
  }

  /// The same behind one wide layer that keeps N(0, 1). Rows of 2048 values have a mean square of 1 within sqrt(2 / 2048), 256 of them within
  /// 0.002; f makes less than twice of that, and 2 % are five times as much.
  @ParameterizedTest
  @EnumSource(names = {"GELU", "SILU"})
  void theGainIsThatOfOneWideLayer(Nonlinearity f) {
    try (Device device = CpuDevice.open(2); Tensor rows = normal(device, DType.F32, RandomStream.of(2), 256, 2048)) {
      Signal signal = new Propagation(1, 2048, f).measure(rows, Initializers.lecunNormal(), RandomStream.of(3), _ -> {});
      assertThat(secondMoment(signal.layers().getFirst()) * f.scale()).isCloseTo(1, within(0.02));
    }
  }

  /// Of relu it is 2, of linear 1, each within what the weights scatter: log(forward) and log(backward) together by at most
  /// 2 sqrt(5 depth / width), divided by twice the depth, five times of which is 0.25. In 120 layers F32 overflows and underflows at scales not
  /// far from these.
  @ParameterizedTest
  @CsvSource({"RELU, 20, 2", "LINEAR, 20, 1", "LEAKY_RELU, 20, 2", "RELU, 120, 2", "LINEAR, 120, 1", "TANH, 30, 0", "SIGMOID, 30, 0",
      "SELU, 30, 0", "SILU, 10, 0", "GELU, 10, 0"})
  void aScaleKeepsTheSignal(Nonlinearity f, int depth, double expected) {
    try (Device device = CpuDevice.open(2); Tensor rows = normal(device, DType.F32, RandomStream.of(4), 32, 128)) {
      Propagation network = new Propagation(depth, 128, f);
      double scale = network.scale(rows, RandomStream.of(5), _ -> {});
      if (expected > 0) {
        assertThat(scale).isCloseTo(expected, withinPercentage(25));
      }
      Initializer found = Initializers.varianceScaling(scale, VarianceScaling.Mode.IN, VarianceScaling.Law.NORMAL, Fans.Layout.OIHW);
      Signal signal = network.measure(rows, found, RandomStream.of(5), _ -> {});
      assertThat(Math.log(signal.forward()) + Math.log(signal.backward())).isCloseTo(0, within(0.011));
      if (f != Nonlinearity.RELU || depth < 100) {
        assertThat(signal.drift()).isLessThan(30);
      }
    }
  }

  @Test
  void whatIsLostDriftsWithoutBound() {
    try (Device device = CpuDevice.open(2); Tensor rows = normal(device, DType.F32, RandomStream.of(6), 16, 32)) {
      Propagation network = new Propagation(60, 32, Nonlinearity.RELU);
      for (double std : new double[] {1e-3, 100}) {
        Signal signal = network.measure(rows, Initializers.normal(0, std), RandomStream.of(7), _ -> {});
        assertThat(signal.drift()).isEqualTo(Double.POSITIVE_INFINITY);
      }
    }
  }
}
