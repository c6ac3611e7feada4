package io.github.tensorseed.signal;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.VarianceScaling;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.LongConsumer;

/// A network of dense layers without biases, x_l = f(W_l x_{l-1}), whose weights are fresh: how it carries a signal forth and a gradient back.
///
/// ```java
/// Signal signal = new Propagation(50, 512, Nonlinearity.RELU).measure(rows, Initializers.heNormal(), RandomStream.of(42), _ -> {});
/// ```
///
/// W_l comes on `stream.named("layer.{l}.weight")`, l from 1. The gradient begins behind the last layer as N(0, 1) on
/// `stream.named("gradient")`: that of the loss sum(G x), over all rows.
///
/// - Shape: W_1 \[width, features\], the others \[width, width\], layout OIHW.
/// - Precision: tensors in F32, moments in F64. The weights are as one seed makes them; what goes through them comes by linear algebra, and is
///   outside the promise of one seed.
/// - Memory: depth + 2 times rows x width values, and one weight. Weights are made again on the way back.
///
/// @param depth layers
/// @param width outputs of each
/// @param f behind each
public record Propagation(int depth, int width, Nonlinearity f) {
  /// How many scales [#scale] tries at most.
  public static final int TRIALS = 40;

  /// Rows that [#scale] looks at: behind many layers one row tells what another does.
  public static final long TRIAL_ROWS = 256;

  private static final double LEAST = 0.01;
  private static final double MOST = 1000;

  /// Times a gradient of 1 it is lost beside 1 in F32.
  private static final double DEAD = 0x1p-24;

  public Propagation {
    if (depth < 1 || width < 1) {
      throw new IllegalArgumentException("depth " + depth + " and width " + width + ": give at least 1 layer of 1 unit");
    }
  }

  /// The shape of W_l.
  private Shape weight(int layer, long features) {
    return Shape.of(width, layer == 1 ? features : width);
  }

  /// Checks an initializer before anything is made.
  ///
  /// @throws IllegalArgumentException if it has no values for a weight of this network
  public void requireWeights(Initializer initializer, long features) {
    for (int layer = 1; layer <= Math.min(depth, 2); layer++) {
      initializer.resolve(weight(layer, features)).check(DType.F32);
    }
  }

  /// Sends rows through the network, and a gradient back.
  ///
  /// @param rows \[n, features\], F32
  /// @param progress is told the bytes of each layer's outputs, on the way forth and on the way back
  /// @throws IllegalArgumentException if they are no such rows, or if the initializer has no values for a weight
  public Signal measure(Tensor rows, Initializer initializer, RandomStream stream, LongConsumer progress) {
    if (rows.shape().rank() != 2 || rows.dtype() != DType.F32 || rows.elements() == 0) {
      throw new IllegalArgumentException(rows + ": rows of features in F32 are wanted, at least one");
    }
    long features = rows.shape().extent(1);
    requireWeights(initializer, features);
    Device device = rows.device();
    LinearAlgebra algebra = device.linearAlgebra();
    Shape outputs = Shape.of(rows.shape().extent(0), width);
    List<Tensor> inputsOfF = new ArrayList<>();
    List<Tensor> others = new ArrayList<>();
    try {
      Tensor x = allocate(device, outputs, others);
      Tensor anyWeight = allocate(device, Shape.of(width, Math.max(features, width)), others);
      Distribution.Moments[] forth = new Distribution.Moments[depth];
      double[] dead = new double[depth];
      for (int l = 1; l <= depth; l++) {
        Tensor weight = anyWeight.view(0, weight(l, features));
        initializer.fill(weight, stream, name(l));
        Tensor z = allocate(device, outputs, inputsOfF);
        algebra.gemm(Op.N, Op.T, 1, l == 1 ? rows : x, weight, 0, z);
        device.activate(f, z, x);
        forth[l - 1] = x.moments();
        dead[l - 1] = dead(z);
        progress.accept(z.bytes());
      }
      Tensor gradient = allocate(device, outputs, others);
      device.fill(gradient, new Distribution.Normal(0, 1), stream.named("gradient"));
      List<Signal.Layer> layers = new ArrayList<>();
      for (int l = depth; l >= 1; l--) {
        double back = gradient.moments().std();
        device.backward(f, inputsOfF.get(l - 1), gradient);
        if (l > 1) {
          device.activate(f, inputsOfF.get(l - 2), x);
        }
        // The weight's gradient takes the weight's place, and then the weight its own again.
        Tensor weight = anyWeight.view(0, weight(l, features));
        algebra.gemm(Op.T, Op.N, 1, gradient, l == 1 ? rows : x, 0, weight);
        Distribution.Moments there = weight.moments();
        layers.add(new Signal.Layer(forth[l - 1].mean(), forth[l - 1].std() * forth[l - 1].std(), dead[l - 1], back * back,
            Math.hypot(there.mean(), there.std()) * Math.sqrt((double) weight.elements())));
        if (l > 1) {
          initializer.fill(weight, stream, name(l));
          algebra.gemm(Op.N, Op.N, 1, gradient, weight, 0, x);
          Tensor free = gradient;
          gradient = x;
          x = free;
        }
        progress.accept(x.bytes());
      }
      Collections.reverse(layers);
      return new Signal(layers);
    } finally {
      inputsOfF.forEach(Tensor::close);
      others.forEach(Tensor::close);
    }
  }

  private static String name(int layer) {
    return "layer." + layer + ".weight";
  }

  private static Tensor allocate(Device device, Shape shape, List<Tensor> list) {
    Tensor tensor = device.allocate(DType.F32, shape);
    list.add(tensor);
    return tensor;
  }

  /// The share of units that are dead, as [Signal.Layer] says. Most are seen alive in the first rows.
  private double dead(Tensor z) {
    boolean[] alive = new boolean[width];
    int left = width;
    long row = (long) width * Float.BYTES;
    long piece = Math.max(1, (1 << 18) / row) * row;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(piece, Float.BYTES);
      for (long at = 0; at < z.bytes() && left > 0; at += piece) {
        MemorySegment here = host.asSlice(0, Math.min(piece, z.bytes() - at));
        z.device().read(z, at, here);
        for (long i = 0; i < here.byteSize() / Float.BYTES && left > 0; i++) {
          int unit = (int) (i % width);
          if (!alive[unit] && Math.abs(f.derivative(DType.F32.get(here, i))) > DEAD) {
            alive[unit] = true;
            left--;
          }
        }
      }
    }
    return (double) left / width;
  }

  /// The scale at which weights of variance scale / fan_in, normal, keep the signal: the last layer's variance over the first's is the inverse
  /// of the same ratio of gradients, so that what one way loses the other does not. Both grow with the scale, and so where F32 overflows
  /// the scale was too large, where it underflows too small.
  ///
  /// - Precision: with the first [#TRIAL_ROWS] the product of both ratios is within 1 % of 1, or the scale within 1e-7 of where the product passes
  ///   through 1.
  ///
  /// @param progress as of [#measure] of so many rows, for each scale that is tried, [#TRIALS] at most
  /// @throws IllegalArgumentException as [#measure], and if there is one layer only
  /// @throws IllegalStateException if no scale from 0.01 to 1000 does
  public double scale(Tensor rows, RandomStream stream, LongConsumer progress) {
    if (depth < 2) {
      throw new IllegalArgumentException("depth " + depth + ": a scale is looked for by what 2 layers or more do");
    }
    if (rows.shape().rank() == 2 && rows.shape().extent(0) > TRIAL_ROWS) {
      return scale(rows.view(0, Shape.of(TRIAL_ROWS, rows.shape().extent(1))), stream, progress);
    }
    double low = Math.log(LEAST);
    double high = Math.log(MOST);
    double below = balance(low, rows, stream, progress);
    double above = balance(high, rows, stream, progress);
    if (!(below < 0 && above > 0)) {
      throw new IllegalStateException("no scale from " + LEAST + " to " + MOST + " keeps the signal of " + depth + " layers with " + f
          + (rows.moments().std() == 0 ? ": the rows do not vary" : ""));
    }
    double middle = 0;
    int side = 0;
    for (int trial = 2; trial < TRIALS && high - low > 1e-7; trial++) {
      // Straight lines, which for functions that scale is all there is to it; halves as long as an end is infinite.
      middle = Double.isInfinite(below) || Double.isInfinite(above) ? (low + high) / 2 : low - below * (high - low) / (above - below);
      double balance = balance(middle, rows, stream, progress);
      if (Math.abs(balance) < 0.01) {
        break;
      }
      // An end that stays for a second time counts half (the Illinois method), or the other would creep towards the root.
      if (balance < 0) {
        low = middle;
        below = balance;
        above /= side < 0 ? 2 : 1;
        side = -1;
      } else {
        high = middle;
        above = balance;
        below /= side > 0 ? 2 : 1;
        side = 1;
      }
    }
    return Math.exp(middle);
  }

  private double balance(double log, Tensor rows, RandomStream stream, LongConsumer progress) {
    return measure(rows, Initializers.varianceScaling(Math.exp(log), VarianceScaling.Mode.IN, VarianceScaling.Law.NORMAL, Fans.Layout.OIHW),
        stream, progress).balance();
  }
}
