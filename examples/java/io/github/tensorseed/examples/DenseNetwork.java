package io.github.tensorseed.examples;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Initializers;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Dense layers that learn classes, by steepest descent with momentum. Everything lies in a device's memory, and all work is given to the
/// device in order; on a GPU that is its stream. Only the logits, a few numbers a row, go by way of the host.
final class DenseNetwork implements AutoCloseable {
  /// What a layer makes of its input is `sums = input weight^T + 1 bias^T` and `output = f(sums)`; the last layer's output are its sums.
  ///
  /// @param gradient of the loss, by the output on its way to becoming the one by the sums
  private record Layer(
      Tensor weight, Tensor bias, Tensor weightVelocity, Tensor biasVelocity, Tensor sums, Tensor output, Tensor gradient) {}

  /// @param loss the mean cross-entropy
  /// @param correct rows whose label has the largest logit
  record Score(double loss, int correct) {}

  private final Device device;
  private final LinearAlgebra algebra;
  private final Nonlinearity f;
  private final List<Layer> layers = new ArrayList<>();
  private final List<Tensor> owned = new ArrayList<>();
  private final Tensor input;
  /// One for every row: sums of columns are products with it.
  private final Tensor ones;
  private final Tensor noise;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment logits;

  /// @param batch rows that it takes at a time
  /// @param widths of the input, of each layer's output, and last the number of classes
  DenseNetwork(Device device, DType dtype, Nonlinearity f, int batch, List<Integer> widths) {
    this.device = device;
    this.f = f;
    algebra = device.linearAlgebra();
    input = allocate(dtype, Shape.of(batch, widths.getFirst()));
    ones = allocate(dtype, Shape.of(batch));
    device.fill(ones, Initializers.ones(), RandomStream.of(0));
    long largest = 0;
    for (int i = 1; i < widths.size(); i++) {
      Shape weight = Shape.of(widths.get(i), widths.get(i - 1));
      Shape bias = Shape.of(widths.get(i));
      Shape rows = Shape.of(batch, widths.get(i));
      Tensor sums = allocate(dtype, rows);
      layers.add(new Layer(allocate(dtype, weight), allocate(dtype, bias), allocate(dtype, weight), allocate(dtype, bias), sums,
          i == widths.size() - 1 ? sums : allocate(dtype, rows), allocate(dtype, rows)));
      largest = Math.max(largest, weight.elements());
    }
    noise = allocate(dtype, Shape.of(largest));
    logits = arena.allocate(layers.getLast().output.bytes(), Double.BYTES);
  }

  private Tensor allocate(DType dtype, Shape shape) {
    Tensor tensor = device.allocate(dtype, shape);
    owned.add(tensor);
    return tensor;
  }

  int layers() {
    return layers.size();
  }

  /// The rows that [#forward] takes, \[batch, features\].
  Tensor input() {
    return input;
  }

  /// \[out, in\].
  Tensor weight(int layer) {
    return layers.get(layer).weight;
  }

  Tensor bias(int layer) {
    return layers.get(layer).bias;
  }

  /// What momentum has made of the gradients by the weight: the gradient itself after [#backward] with none.
  Tensor velocity(int layer) {
    return layers.get(layer).weightVelocity;
  }

  /// The same of the bias.
  Tensor biasVelocity(int layer) {
    return layers.get(layer).biasVelocity;
  }

  /// The stream of a layer's weight, by its name alone: what one layer gets does not depend on the others.
  private static RandomStream streamOf(int layer, RandomStream stream) {
    return stream.named("layer." + layer + ".weight");
  }

  /// Gives every layer its first weights.
  void initialize(Initializer initializer, RandomStream stream) {
    for (int i = 0; i < layers.size(); i++) {
      initialize(i, initializer, streamOf(i, stream));
    }
  }

  /// Gives a layer other weights, `count` times so far, and the others keep theirs: on the stream of the first ones these are `reset.1`,
  /// `reset.2`, and so on.
  void reset(int layer, int count, Initializer initializer, RandomStream stream) {
    initialize(layer, initializer, streamOf(layer, stream).named("reset." + count));
  }

  /// In place, where the weight lies. Biases begin as zeros, and nothing moves yet.
  private void initialize(int i, Initializer initializer, RandomStream stream) {
    Layer layer = layers.get(i);
    initializer.fill(layer.weight, stream);
    for (Tensor tensor : List.of(layer.bias, layer.weightVelocity, layer.biasVelocity)) {
      device.fill(tensor, Initializers.zeros(), stream);
    }
  }

  /// From [#input] to the logits.
  void forward() {
    Tensor below = input;
    for (Layer layer : layers) {
      algebra.gemm(Op.N, Op.T, 1, below, layer.weight, 0, layer.sums);
      algebra.ger(1, ones, layer.bias, layer.sums);
      if (layer.output != layer.sums) {
        device.activate(f, layer.sums, layer.output);
      }
      below = layer.output;
    }
  }

  /// How the logits suit the labels of the first rows, and the loss's gradient by the logits, from which [#backward] begins. Other rows
  /// count for nothing. This waits for the device, which nothing else in a step does.
  ///
  /// @param labels from 0 on, at most one for each row
  Score score(byte[] labels) {
    Tensor output = layers.getLast().output;
    DType dtype = output.dtype();
    int classes = (int) output.shape().extent(1);
    device.read(output, 0, logits);
    double loss = 0;
    int correct = 0;
    double[] shares = new double[classes];
    for (int row = 0; row < labels.length; row++) {
      int best = 0;
      for (int j = 0; j < classes; j++) {
        shares[j] = dtype.get(logits, (long) row * classes + j);
        best = shares[j] > shares[best] ? j : best;
      }
      correct += best == labels[row] ? 1 : 0;
      double greatest = shares[best]; // less which no exponential overflows
      double ofLabel = shares[labels[row]] - greatest;
      double sum = 0;
      for (int j = 0; j < classes; j++) {
        shares[j] = StrictMath.exp(shares[j] - greatest);
        sum += shares[j];
      }
      loss += StrictMath.log(sum) - ofLabel;
      for (int j = 0; j < classes; j++) {
        dtype.set(logits, (long) row * classes + j, (shares[j] / sum - (j == labels[row] ? 1 : 0)) / labels.length);
      }
    }
    logits.asSlice((long) labels.length * classes * dtype.bytes()).fill((byte) 0);
    device.write(layers.getLast().gradient, 0, logits);
    return new Score(loss / labels.length, correct);
  }

  /// From the gradient by the logits down: `velocity = momentum velocity + gradient`, for every weight and bias.
  void backward(double momentum) {
    for (int i = layers.size() - 1; i >= 0; i--) {
      Layer layer = layers.get(i);
      Tensor below = i == 0 ? input : layers.get(i - 1).output;
      algebra.gemm(Op.T, Op.N, 1, layer.gradient, below, momentum, layer.weightVelocity);
      algebra.gemv(Op.T, 1, layer.gradient, ones, momentum, layer.biasVelocity);
      if (i > 0) {
        Tensor gradient = layers.get(i - 1).gradient;
        algebra.gemm(Op.N, Op.N, 1, layer.gradient, layer.weight, 0, gradient);
        device.backward(f, layers.get(i - 1).sums, gradient);
      }
    }
  }

  /// Adds normal noise to the gradients by the weights.
  ///
  /// - Source: A. Neelakantan et al., arXiv 1511.06807.
  ///
  /// @param stream of this step
  void addNoise(double std, RandomStream stream) {
    for (int i = 0; i < layers.size(); i++) {
      Tensor velocity = layers.get(i).weightVelocity;
      Tensor scratch = noise.view(0, velocity.shape());
      device.fill(scratch, new Distribution.Normal(0, std), streamOf(i, stream));
      algebra.axpy(1, scratch, velocity);
    }
  }

  /// `weight = weight - rate velocity`, for every weight and bias.
  void step(double rate) {
    for (Layer layer : layers) {
      algebra.axpy(-rate, layer.weightVelocity, layer.weight);
      algebra.axpy(-rate, layer.biasVelocity, layer.bias);
    }
  }

  @Override
  public void close() {
    owned.forEach(Tensor::close);
    arena.close();
  }
}
