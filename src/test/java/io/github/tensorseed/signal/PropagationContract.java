package io.github.tensorseed.signal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What a network does to a signal on every device, where it can be known.
public abstract class PropagationContract {
  private static final RandomStream SEED = RandomStream.of(7);

  private final Device device;

  protected PropagationContract(Device device) {
    this.device = device;
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Tensor normal(RandomStream stream, long... extents) {
    Tensor tensor = device.allocate(DType.F32, Shape.of(extents));
    device.fill(tensor, new Distribution.Normal(0, 1), stream);
    return tensor;
  }

  private static double[] forth(Nonlinearity f, double[] x, double[] weight, int width) {
    int in = weight.length / width;
    double[] y = new double[x.length / in * width];
    for (int i = 0; i < y.length; i++) {
      for (int k = 0; k < in; k++) {
        y[i] += x[i / width * in + k] * weight[i % width * in + k];
      }
      y[i] = f.apply(y[i]);
    }
    return y;
  }

  private static double variance(double[] values) {
    double sum = 0;
    double squares = 0;
    for (double value : values) {
      sum += value;
      squares += value * value;
    }
    return squares / values.length - sum / values.length * sum / values.length;
  }

  /// Variances and gradients of three layers by plain loops in F64 and central differences; the bound is what sums of F32 leave.
  @Test
  void gradientsAreThoseOfCentralDifferences() {
    int width = 4;
    double h = 1e-5;
    for (Nonlinearity f : new Nonlinearity[] {Nonlinearity.TANH, Nonlinearity.GELU, Nonlinearity.SELU}) {
      Tensor rows = normal(SEED.named("rows"), 6, 5);
      AtomicLong told = new AtomicLong();
      List<Signal.Layer> layers = new Propagation(3, width, f).measure(rows, Initializers.glorotNormal(), SEED, told::addAndGet).layers();
      assertThat(told).hasValue(2L * 3 * 6 * width * Float.BYTES);
      double[] loss = normal(SEED.named("gradient"), 6, width).toDoubles();
      List<double[]> weights = new ArrayList<>();
      List<double[]> x = new ArrayList<>(List.of(rows.toDoubles()));
      for (int l = 1; l <= 3; l++) {
        Tensor weight = device.allocate(DType.F32, Shape.of(width, l == 1 ? 5 : width));
        Initializers.glorotNormal().fill(weight, SEED.named("layer." + l + ".weight"));
        weights.add(weight.toDoubles());
        x.add(forth(f, x.getLast(), weights.getLast(), width));
      }
      for (int l = 1; l <= 3; l++) {
        Signal.Layer layer = layers.get(l - 1);
        assertThat(layer.variance()).isCloseTo(variance(x.get(l)), withinPercentage(1e-3));
        double squares = 0;
        for (double slope : slopes(weights.get(l - 1), h, f, x.get(l - 1), weights, l, loss)) {
          squares += slope * slope;
        }
        assertThat(layer.gradientNorm()).as(f + ", layer " + l).isCloseTo(Math.sqrt(squares), withinPercentage(1e-3));
        double[] behind = l == 3 ? loss : slopes(x.get(l), h, f, x.get(l), weights, l + 1, loss);
        assertThat(layer.gradientVariance()).as(f + ", layer " + l).isCloseTo(variance(behind), withinPercentage(1e-3));
      }
    }
  }

  /// How the loss changes with each of `values`, if from layer `first` on the signal goes forth from x.
  private static double[] slopes(double[] values, double h, Nonlinearity f, double[] x, List<double[]> weights, int first, double[] loss) {
    double[] slopes = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      double value = values[i];
      for (int sign = -1; sign <= 1; sign += 2) {
        values[i] = value + sign * h;
        double[] y = x;
        for (double[] weight : weights.subList(first - 1, weights.size())) {
          y = forth(f, y, weight, 4);
        }
        for (int k = 0; k < y.length; k++) {
          slopes[i] += sign * y[k] * loss[k] / (2 * h);
        }
      }
      values[i] = value;
    }
    return slopes;
  }

  /// Xavier's weights are He's over sqrt(2) where fans are equal, and relu(x / s) = relu(x) / s: every layer halves the variance, forth and back.
  @Test
  void xavierHalvesEveryLayerOfRelu() {
    int depth = 12;
    Tensor rows = normal(SEED.named("rows"), 20, 16);
    Propagation network = new Propagation(depth, 16, Nonlinearity.RELU);
    Signal he = network.measure(rows, Initializers.heNormal(), SEED, _ -> {});
    Signal xavier = network.measure(rows, Initializers.glorotNormal(), SEED, _ -> {});
    for (int l = 1; l <= depth; l++) {
      Signal.Layer kept = he.layers().get(l - 1);
      Signal.Layer halved = xavier.layers().get(l - 1);
      assertThat(halved.variance() / kept.variance()).isCloseTo(Math.pow(2, -l), withinPercentage(0.01));
      assertThat(halved.gradientVariance() / kept.gradientVariance()).isCloseTo(Math.pow(2, l - depth), withinPercentage(0.01));
      assertThat(halved.gradientNorm() / kept.gradientNorm()).isCloseTo(Math.pow(2, -(depth - 1) / 2.), withinPercentage(0.01));
      assertThat(halved.dead()).isEqualTo(kept.dead());
    }
    assertThat(xavier.forward() / he.forward()).isCloseTo(Math.pow(2, 1 - depth), withinPercentage(0.01));
    assertThat(xavier.backward() / he.backward()).isCloseTo(Math.pow(2, 1 - depth), withinPercentage(0.01));
  }

  @Test
  void theIdentityChangesNothing() {
    Tensor rows = normal(SEED.named("rows"), 9, 8);
    Signal signal = new Propagation(5, 8, Nonlinearity.LINEAR).measure(rows, Initializers.identity(1), SEED, _ -> {});
    assertThat(signal.layers()).hasSize(5).allMatch(signal.layers().getFirst()::equals);
    Distribution.Moments moments = rows.moments();
    assertThat(signal.layers().getFirst().mean()).isEqualTo(moments.mean());
    assertThat(signal.layers().getFirst().variance()).isEqualTo(moments.std() * moments.std());
    assertThat(signal.drift()).isEqualTo(1);
  }

  /// Units that are below 0, or saturated, in all rows.
  @Test
  void deadUnits() {
    Tensor rows = device.allocate(DType.F32, Shape.of(2, 4));
    rows.copyFrom(1, -1, 1, -1, 1, -1, -1, -1); // of four units the second and the fourth are negative in both rows
    assertThat(dead(rows, Nonlinearity.RELU, 1)).isEqualTo(0.5);
    assertThat(dead(rows, Nonlinearity.RELU, -1)).isEqualTo(0.25);
    assertThat(dead(rows, Nonlinearity.LEAKY_RELU, 1)).isZero();
    assertThat(dead(rows, Nonlinearity.LINEAR, 1)).isZero();
    for (Nonlinearity soft : new Nonlinearity[] {Nonlinearity.GELU, Nonlinearity.SILU, Nonlinearity.SELU}) {
      assertThat(dead(rows, soft, 1)).as(soft + "").isZero();
      assertThat(dead(rows, soft, 40)).as(soft + "").isEqualTo(0.5);
    }
    for (Nonlinearity saturating : new Nonlinearity[] {Nonlinearity.TANH, Nonlinearity.SIGMOID}) {
      assertThat(dead(rows, saturating, 5)).as(saturating + "").isZero();
      assertThat(dead(rows, saturating, 40)).as(saturating + "").isEqualTo(1);
    }
  }

  private double dead(Tensor rows, Nonlinearity f, double gain) {
    return new Propagation(1, 4, f).measure(rows, Initializers.identity(gain), SEED, _ -> {}).layers().getFirst().dead();
  }

  @Test
  void theSameSeedGivesTheSameNumbers() {
    Tensor rows = normal(SEED.named("rows"), 30, 70);
    Propagation network = new Propagation(6, 50, Nonlinearity.TANH);
    for (Initializer initializer : new Initializer[] {Initializers.heUniform(), Initializers.orthogonal(1.2)}) {
      Signal first = network.measure(rows, initializer, SEED, _ -> {});
      assertThat(network.measure(rows, initializer, SEED, _ -> {})).isEqualTo(first);
      assertThat(network.measure(rows, initializer, RandomStream.of(8), _ -> {})).isNotEqualTo(first);
    }
    assertThat(device.allocatedBytes()).isEqualTo(rows.bytes());
  }

  @Test
  void wrongNetworks() {
    assertThatThrownBy(() -> new Propagation(0, 3, Nonlinearity.RELU)).hasMessageContaining("depth 0");
    assertThatThrownBy(() -> new Propagation(3, 0, Nonlinearity.RELU)).hasMessageContaining("width 0");
    Propagation network = new Propagation(3, 5, Nonlinearity.RELU);
    Tensor rows = normal(SEED, 3, 5);
    assertThatThrownBy(() -> network.measure(rows, Initializers.dirac(1), SEED, _ -> {})).isInstanceOf(IllegalArgumentException.class);
    Initializer fails = (tensor, _) -> {
      throw new IllegalArgumentException("no values for " + tensor);
    };
    assertThatThrownBy(() -> network.measure(rows, fails, SEED, _ -> {})).hasMessageContaining("no values for F32 [5, 5]");
    assertThat(device.allocatedBytes()).isEqualTo(rows.bytes());
    try (Tensor wide = device.full(DType.F64, Shape.of(3, 5), 1); Tensor empty = device.allocate(DType.F32, Shape.of(0, 5));
         Tensor row = device.full(DType.F32, Shape.of(5), 1); Tensor zeros = device.full(DType.F32, Shape.of(4, 5), 0)) {
      for (Tensor wrong : List.of(wide, empty, row)) {
        assertThatThrownBy(() -> network.measure(wrong, Initializers.ones(), SEED, _ -> {})).hasMessageContaining("rows of features in F32");
      }
      assertThatThrownBy(() -> network.scale(zeros, SEED, _ -> {})).isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("the rows do not vary");
      assertThatThrownBy(() -> new Propagation(1, 5, Nonlinearity.RELU).scale(rows, SEED, _ -> {})).hasMessageContaining("2 layers or more");
    }
  }

  /// As [Tensor#moments] finds them in pieces, of which there are two here.
  @Test
  void moments() {
    Tensor tensor = device.allocate(DType.F32, Shape.of(70000));
    double[] values = new double[70000];
    for (int i = 0; i < values.length; i++) {
      values[i] = 4096 + i % 7; // 0 to 6 have the mean 3 and the variance (7^2 - 1) / 12 = 4
    }
    tensor.copyFrom(values);
    assertThat(tensor.moments().mean()).isCloseTo(4099, offset(1e-9));
    assertThat(tensor.moments().std()).isCloseTo(2, offset(1e-9));
    values[66000] = Double.POSITIVE_INFINITY;
    tensor.copyFrom(values);
    assertThat(tensor.moments().std()).isNaN();
    assertThat(device.allocate(DType.F32, Shape.of(0)).moments().mean()).isNaN();
  }
}
