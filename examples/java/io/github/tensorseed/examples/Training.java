package io.github.tensorseed.examples;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.RandomStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Trains one network from one kind of first weights.
///
/// @param network its name
/// @param hidden the widths of its hidden layers
/// @param rate the learning rate of the first step, from which it falls to 0 in a straight line
/// @param weights the text of an initializer
/// @param change what is done to the network while it learns
record Training(String network, List<Integer> hidden, double rate, String weights, Change change) {
  private static final int CLASSES = 10;
  private static final double MOMENTUM = 0.9;
  /// Points of a curve in each epoch.
  private static final int POINTS = 20;

  /// What is done to a network while it learns.
  enum Change {
    NONE,
    /// A layer in the middle gets other weights once half of the steps are done.
    RESET,
    /// Noise is added to every gradient, less from step to step.
    NOISE
  }

  /// A point of a curve.
  ///
  /// @param epoch how much of the training is done, in epochs
  /// @param loss the mean since the point before
  record Point(double epoch, double loss) {}

  /// What came of it.
  ///
  /// @param curve ends where the loss is no number any more, and the training with it
  /// @param accuracy the share of the test images that it knows
  record Result(Training training, List<Point> curve, double firstEpoch, double accuracy, double seconds) {
    /// The loss at the end.
    double loss() {
      return curve.getLast().loss;
    }
  }

  /// As in `he_normal(), a layer reset`.
  String strategy() {
    return weights + switch (change) {
      case NONE -> "";
      case RESET -> ", a layer reset";
      case NOISE -> ", noisy gradients";
    };
  }

  /// As in `deep: 20 hidden layers of 64 units`.
  String title() {
    String units = hidden.stream().distinct().map(String::valueOf).collect(Collectors.joining(" and "));
    return network + ": " + hidden.size() + " hidden layers of " + units + " units";
  }

  DenseNetwork open(Device device, int features, int batch) {
    List<Integer> widths = Stream.of(List.of(features), hidden, List.of(CLASSES)).flatMap(List::stream).toList();
    return new DenseNetwork(device, DType.F32, Nonlinearity.RELU, batch, widths);
  }

  /// Begins a network and goes through the training images `epochs` times, in an order that is another each time.
  Result run(Device device, LabelledImages train, LabelledImages test, int batch, int epochs, RandomStream stream) {
    long started = System.nanoTime();
    Initializer initializer = Expression.parse(weights);
    int batches = train.count() / batch;
    int steps = batches * epochs;
    List<Point> curve = new ArrayList<>();
    double firstEpoch = Double.NaN;
    try (DenseNetwork network = open(device, train.features(), batch); Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(network.input().bytes(), Float.BYTES);
      network.initialize(initializer, stream);
      int[] order = {};
      double sum = 0;
      double sumOfEpoch = 0;
      int since = 0;
      for (int step = 0; step < steps && Double.isFinite(sum); step++) {
        int place = step % batches;
        if (place == 0) {
          order = order(train.count(), stream.named("order." + step / batches));
        }
        byte[] labels = train.copyTo(network.input(), order, place * batch, (place + 1) * batch, host);
        network.forward();
        double loss = network.score(labels).loss();
        network.backward(MOMENTUM);
        if (change == Change.NOISE) {
          network.addNoise(0.001 / Math.sqrt(1 + step), stream.named("noise." + step));
        }
        if (change == Change.RESET && step == steps / 2) {
          network.reset(network.layers() / 2, 1, initializer, stream);
        }
        network.step(rate * (steps - step) / steps);
        sum += loss;
        since++;
        sumOfEpoch += loss;
        if (step == batches - 1) {
          firstEpoch = sumOfEpoch / batches;
        }
        if ((place + 1) * POINTS / batches > place * POINTS / batches || !Double.isFinite(sum)) {
          curve.add(new Point((step + 1.0) / batches, sum / since));
          since = 0;
          sum = Double.isFinite(sum) ? 0 : sum;
        }
      }
      double accuracy = accuracy(network, test, batch, host);
      return new Result(this, curve, firstEpoch, accuracy, (System.nanoTime() - started) * 1e-9);
    }
  }

  private static double accuracy(DenseNetwork network, LabelledImages test, int batch, MemorySegment host) {
    int[] order = IntStream.range(0, test.count()).toArray();
    int correct = 0;
    for (int from = 0; from < test.count(); from += batch) {
      byte[] labels = test.copyTo(network.input(), order, from, Math.min(from + batch, test.count()), host);
      network.forward();
      correct += network.score(labels).correct();
    }
    return (double) correct / test.count();
  }

  /// A permutation, by Java's own generator, whose numbers its documentation defines.
  private static int[] order(int count, RandomStream stream) {
    Random random = new Random(stream.key());
    int[] order = IntStream.range(0, count).toArray();
    for (int i = count - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
    }
    return order;
  }
}
