package io.github.tensorseed.model;

import static io.github.tensorseed.Fans.Layout.HWIO;
import static io.github.tensorseed.Fans.Layout.OIHW;

import io.github.tensorseed.Fans;
import io.github.tensorseed.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The parameters of a model, as its template lists them: modules by their names, which may add several tensors each.
final class Parameters {
  /// Far above any model of today, and small enough for the memory of any machine.
  static final int MOST = 1 << 18;

  private final String weights;
  private final List<Parameter> list = new ArrayList<>();

  /// @param weights the expression for the weights of linear maps, convolutions and embeddings
  Parameters(String weights) {
    this.weights = weights;
  }

  List<Parameter> list() {
    return list;
  }

  /// torch's Linear: \[out, in\], and a bias of zeros.
  void linear(String name, long in, long out, boolean bias) {
    linear(name, in, out, new Fans(in, out), bias);
  }

  /// A Linear that is several fused into one along its outputs; `fans` are those of one of them.
  void linear(String name, long in, long out, Fans fans, boolean bias) {
    module(name, OIHW, fans, weights, bias ? out : 0, out, in);
  }

  /// GPT-2's own linear map: \[in, out\], and a bias of zeros.
  void conv1d(String name, long in, long out, Fans fans, String initializer) {
    module(name, HWIO, fans, initializer, out, in, out);
  }

  /// A convolution over images, with a bias of zeros.
  void conv2d(String name, long in, long out, long height, long width) {
    double kernel = (double) height * width;
    module(name, OIHW, new Fans(in * kernel, out * kernel), weights, out, out, in, height, width);
  }

  private void module(String name, Fans.Layout layout, Fans fans, String initializer, long bias, long... extents) {
    list.add(new Parameter(name + ".weight", shape(name + ".weight", extents), layout, fans, null, initializer));
    if (bias > 0) {
      list.add(new Parameter(name + ".bias", Shape.of(bias), layout, null, fans, "zeros()"));
    }
  }

  /// An embedding of `rows` vectors.
  ///
  /// @param padding the row that the implementation zeroes
  void embedding(String name, long rows, long width, @Nullable Long padding) {
    add(name + ".weight", padding == null ? weights : weights + " with row(" + padding + ") = 0", rows, width);
  }

  /// A LayerNorm: weight one, bias zero.
  void layerNorm(String name, long width) {
    add(name + ".weight", "ones()", width);
    add(name + ".bias", "zeros()", width);
  }

  /// A norm without bias, its weight such that it does nothing.
  void rmsNorm(String name, long width) {
    add(name + ".weight", "constant(norm_neutral)", width);
  }

  /// A tensor that belongs to no module of the kinds above.
  void add(String name, String initializer, long... extents) {
    list.add(new Parameter(name, shape(name, extents), OIHW, null, null, initializer));
  }

  private static Shape shape(String name, long... extents) {
    try {
      return Shape.of(extents);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("tensor '" + name + "': " + e.getMessage(), e);
    }
  }

  /// `count` blocks of the same form, called `name.0.`, `name.1.` and so on.
  ///
  /// @throws IllegalArgumentException if that made more than [#MOST] tensors; before they are made
  void repeat(String name, long count, Consumer<String> block) {
    int before = list.size();
    for (long i = 0; i < count; i++) {
      block.accept(name + "." + i + ".");
      int each = list.size() - before;
      if (i == 0 && each * count > MOST) {
        throw new IllegalArgumentException(count + " blocks '" + name + "' of " + each + " tensors are "
            + each * count + " tensors; a model may have " + MOST);
      }
    }
  }
}
