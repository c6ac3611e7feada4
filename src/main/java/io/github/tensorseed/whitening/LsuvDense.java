package io.github.tensorseed.whitening;

import io.github.tensorseed.Arguments;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.Orthogonal;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The weight of one dense layer by [Lsuv]. The layers below it are made first, by the same law on the streams of their names, and rounded
/// to the dtype of this tensor, so that they are what is written where all have one dtype and every other argument is the same.
///
/// - Shape: \[out, in\] in layout OIHW, \[in, out\] in the others.
/// - Precision: everything in F64, each weight rounded once; outside the promise of one seed.
/// - Source: as [Lsuv].
///
/// @param data the rows that go into the first layer, as [RowFile#open] takes them
/// @param activation between any two layers
/// @param below names and shapes of the layers below, as in `fc1.weight[512,784] fc2.weight[256,512]`
/// @param first how many rows of the data are taken
/// @param files where the data is
public record LsuvDense(String data, Nonlinearity activation, String below, long first, Fans.Layout layout, DataFiles files)
    implements Initializer {
  private static final Pattern LAYER = Pattern.compile("(\\S+)\\[\\s*(\\d{1,10})\\s*,\\s*(\\d{1,10})\\s*]");

  public LsuvDense {
    Arguments.quoted(data);
    Arguments.quoted(below);
    layers(below);
    if (first < 2) {
      throw new IllegalArgumentException("lsuv(first=" + first + "): at least 2 rows are needed");
    }
  }

  private static SequencedMap<String, Shape> layers(String text) {
    SequencedMap<String, Shape> layers = new LinkedHashMap<>();
    Matcher matcher = LAYER.matcher(text);
    int at = 0;
    while (!text.substring(at).isBlank()) {
      if (!matcher.find() || !text.substring(at, matcher.start()).isBlank()) {
        throw new IllegalArgumentException("lsuv(below='" + text + "'): from '" + text.substring(at).strip()
            + "' on it is no list of layers, as in 'fc1.weight[512,784] fc2.weight[256,512]'");
      }
      Shape shape = Shape.of(Long.parseLong(matcher.group(2)), Long.parseLong(matcher.group(3)));
      if (layers.put(matcher.group(1), shape) != null) {
        throw new IllegalArgumentException("lsuv(below='" + text + "'): '" + matcher.group(1) + "' is there twice");
      }
      at = matcher.end();
    }
    return layers;
  }

  private long in(Shape weight) {
    return weight.extent(layout == Fans.Layout.OIHW ? 1 : 0);
  }

  private long out(Shape weight) {
    return weight.extent(layout == Fans.Layout.OIHW ? 0 : 1);
  }

  @Override
  public LsuvDense resolve(Shape whole) {
    long width = DataFiles.features(files.shape(data));
    String from = "the data";
    SequencedMap<String, Shape> layers = layers(below);
    layers.put("the tensor", whole);
    for (var layer : layers.entrySet()) {
      Shape shape = layer.getValue();
      if (shape.rank() != 2 || in(shape) != width || out(shape) < 1) {
        throw new IllegalArgumentException(this + ": " + from + " gives " + width + " values, and " + layer.getKey() + " of shape " + shape
            + " in layout " + layout + " is no dense layer that takes them");
      }
      width = out(shape);
      from = layer.getKey();
    }
    return this;
  }

  @Override
  public boolean byLinearAlgebra() {
    return true;
  }

  /// @throws IllegalArgumentException if there are layers below, which have streams of their own that only the checkpoint's leads to
  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    if (!below.isBlank()) {
      throw new IllegalArgumentException(this + ": the layers below have streams of their own; give the stream of the checkpoint and the"
          + " tensor's name");
    }
    fill(tensor, List.of("the tensor"), List.of(stream));
  }

  @Override
  public void fill(Tensor tensor, RandomStream seed, String name) {
    List<String> names = new ArrayList<>(layers(below).keySet());
    if (names.contains(name)) {
      throw new IllegalArgumentException(this + ": '" + name + "' cannot be below itself");
    }
    names.add(name);
    fill(tensor, names, names.stream().map(seed::named).toList());
  }

  private void fill(Tensor tensor, List<String> names, List<RandomStream> streams) {
    Shape whole = tensor.slice().whole();
    resolve(whole);
    Device device = tensor.device();
    List<Shape> shapes = new ArrayList<>(layers(below).values());
    shapes.add(whole);
    List<Tensor> tensors = new ArrayList<>();
    List<Tensor> weights = new ArrayList<>();
    try {
      for (int i = 0; i < shapes.size(); i++) {
        Tensor weight = device.allocate(DType.F64, shapes.get(i));
        tensors.add(weight);
        weights.add(weight);
        new Orthogonal(1, layout).fill(weight, streams.get(i));
      }
      Tensor rows = rows(device);
      tensors.add(rows);
      try (DenseStack stack = DenseStack.open(rows, weights, layout, activation)) {
        for (int i = 0; i < shapes.size(); i++) {
          Tensor weight = weights.get(i);
          Lsuv.standard().scale(names.get(i), weight, stack, i);
          try (Tensor written = device.allocate(tensor.dtype(), shapes.get(i))) {
            device.convert(weight, 1, written);
            device.convert(written, 1, weight);
          }
        }
      }
      tensor.copyFrom(weights.getLast(), 0, 1);
    } finally {
      tensors.forEach(Tensor::close);
    }
  }

  /// The first rows of the data, in F64.
  private Tensor rows(Device device) {
    Shape array = files.shape(data);
    long features = DataFiles.features(array);
    Tensor rows = device.allocate(DType.F64, Shape.of(Math.min(first, array.extent(0)), features));
    try {
      long[] done = {0};
      files.forEachBatch(data, device, first, batch -> {
        rows.copyFrom(batch, done[0] * features, 1);
        done[0] += batch.shape().extent(0);
      });
      return rows;
    } catch (RuntimeException e) {
      rows.close();
      throw e;
    }
  }

  @Override
  public String toString() {
    return "lsuv(" + Arguments.quoted(data) + ", " + activation + ", " + Arguments.quoted(below) + ", " + first + ", " + layout + ")";
  }
}
