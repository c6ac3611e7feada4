package io.github.tensorseed.whitening;

import io.github.tensorseed.Device;
import io.github.tensorseed.Fans;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Nonlinearity;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/// Dense layers without biases, one on the other, with a function between any two: the [Lsuv.Forward] of a plain network.
///
/// Going on to a layer takes the weights of those below as they are then; later changes of these are seen by going back to one of them.
///
/// - Shape: rows \[n, features\]; weights \[out, in\] in layout OIHW, \[in, out\] in the others; all F32, or all F64.
public final class DenseStack implements Lsuv.Forward, AutoCloseable {
  private final Device device;
  private final Tensor rows;
  private final List<Tensor> weights;
  private final boolean outFirst;
  private final Nonlinearity activation;
  /// Of each layer; activated where it is below `reached`.
  private final List<Tensor> outputs = new ArrayList<>();
  private int reached;

  private DenseStack(Tensor rows, Collection<Tensor> weights, Fans.Layout layout, Nonlinearity activation) {
    device = rows.device();
    this.rows = rows;
    this.weights = List.copyOf(weights);
    outFirst = layout == Fans.Layout.OIHW;
    this.activation = activation;
  }

  /// A network of these layers on these rows, all on one device, which stay the caller's.
  ///
  /// @throws IllegalArgumentException if a weight does not take what the layer below gives
  public static DenseStack open(Tensor rows, Collection<Tensor> weights, Fans.Layout layout, Nonlinearity activation) {
    DenseStack stack = new DenseStack(rows, weights, layout, activation);
    try {
      if (rows.shape().rank() != 2) {
        throw new IllegalArgumentException(rows + " is no matrix of rows");
      }
      long width = rows.shape().extent(1);
      for (Tensor weight : stack.weights) {
        Shape shape = weight.shape();
        if (shape.rank() != 2 || shape.extent(stack.outFirst ? 1 : 0) != width) {
          throw new IllegalArgumentException("layer " + stack.outputs.size() + ": the weight " + weight + " in layout " + layout
              + " does not take " + width + " inputs");
        }
        width = shape.extent(stack.outFirst ? 0 : 1);
        stack.outputs.add(stack.device.allocate(weight.dtype(), Shape.of(rows.shape().extent(0), width)));
      }
      return stack;
    } catch (RuntimeException e) {
      stack.close();
      throw e;
    }
  }

  @Override
  public Tensor output(int layer) {
    if (layer < reached) {
      reached = 0;
    }
    while (reached < layer) {
      Tensor output = multiply(reached);
      device.activate(activation, output, output);
      reached++;
    }
    return multiply(layer);
  }

  private Tensor multiply(int layer) {
    Tensor input = layer == 0 ? rows : outputs.get(layer - 1);
    device.linearAlgebra().gemm(Op.N, outFirst ? Op.T : Op.N, 1, input, weights.get(layer), 0, outputs.get(layer));
    return outputs.get(layer);
  }

  @Override
  public void close() {
    outputs.forEach(Tensor::close);
  }
}
