package io.github.tensorseed.dl4j;

import io.github.tensorseed.DType;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.stream.LongStream;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.BaseLayer;
import org.deeplearning4j.nn.conf.layers.BaseRecurrentLayer;
import org.deeplearning4j.nn.weights.IWeightInit;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.shade.jackson.annotation.JsonProperty;

/// One of our initializers in a configuration of DL4J, and in its JSON: element \[i, j\] of a weight is that of a CPU tensor of the same
/// shape, in whatever order DL4J has it in memory.
///
/// DL4J does not say which weight it initializes: each needs an initializer of its own name, for on one stream equal shapes get equal
/// values. [#nameLayers] names them.
///
/// - Shape: dense weights are \[in, out\], those of convolutions \[out, in, kernel...\]. Fans are those that DL4J states, unless the
///   expression names a layout: with a stride, the fan-out of a convolution is divided by the stride's area.
/// - Precision: DOUBLE, FLOAT, FLOAT16 and BFLOAT16.
///
/// @param expression what [Expression#parse] reads
/// @param seed of the model
/// @param name of the weight; empty until [#nameLayers] gives one
public record WeightInitExpression(
    @JsonProperty("expression") String expression, @JsonProperty("seed") long seed, @JsonProperty("name") String name)
    implements IWeightInit {
  private static final long serialVersionUID = 1;
  /// Elements that are made in row-major order before they are taken to their columns.
  private static final long PANEL = 1 << 18;
  /// Rows that are taken to their columns together: as many as a cache has room for where they are a power of two apart.
  private static final long ROWS = 8;

  /// @throws io.github.tensorseed.ExpressionException if the text is no initializer's
  public WeightInitExpression {
    expression = Expression.parse(expression).toString();
  }

  /// For all layers of a network, whose weights [#nameLayers] then names.
  public WeightInitExpression(String expression, long seed) {
    this(expression, seed, "");
  }

  /// Names what has no name yet, by its layer, as in `layer0_W`, or `layer0_RW` for the recurrent weights. Layers inside wrappers, such as
  /// `Bidirectional`, are left alone.
  public static void nameLayers(MultiLayerConfiguration network) {
    for (NeuralNetConfiguration configuration : network.getConfs()) {
      if (configuration.getLayer() instanceof BaseLayer layer) {
        if (layer instanceof BaseRecurrentLayer recurrent) {
          // Without one of their own they would share the input weights'.
          IWeightInit own = recurrent.getWeightInitFnRecurrent();
          recurrent.setWeightInitFnRecurrent(named(own == null ? layer.getWeightInitFn() : own, layer.getLayerName() + "_RW"));
        }
        layer.setWeightInitFn(named(layer.getWeightInitFn(), layer.getLayerName() + "_W"));
      }
    }
  }

  private static IWeightInit named(IWeightInit init, String name) {
    return init instanceof WeightInitExpression(String expression, long seed, String old) && old.isEmpty()
        ? new WeightInitExpression(expression, seed, name)
        : init;
  }

  /// Fills memory of DL4J on the host in place; what lies on a GPU it fetches before and takes back after that.
  ///
  /// @throws IllegalStateException if this has no name
  /// @throws IllegalArgumentException if there are no values of this shape and type
  @Override
  public INDArray init(double fanIn, double fanOut, long[] extents, char order, INDArray paramView) {
    if (name.isEmpty()) {
      throw new IllegalStateException(this + " has no name, so that weights of one shape would be the same; give each layer one of its own,"
          + " or call WeightInitExpression.nameLayers(configuration) before the network is made");
    }
    DType dtype = switch (paramView.dataType()) {
      case DOUBLE -> DType.F64;
      case FLOAT -> DType.F32;
      case HALF -> DType.F16;
      case BFLOAT16 -> DType.BF16;
      default -> throw new IllegalArgumentException(
          "weight '" + name + "' is " + paramView.dataType() + ", and first weights are DOUBLE, FLOAT, FLOAT16 or BFLOAT16");
    };
    Shape shape = Shape.of(extents);
    Initializer law = Expression.parse(expression)
        .resolve(new Expression.Scope(shape, Fans.Layout.OIHW, new Fans(fanIn, fanOut), Map.of()));
    law.check(dtype);
    AffinityManager affinity = Nd4j.getAffinityManager();
    affinity.ensureLocation(paramView, AffinityManager.Location.HOST);
    MemorySegment memory = memory(paramView, shape.bytes(dtype));
    try (CpuDevice cpu = CpuDevice.open()) {
      if (order == 'c' || shape.rank() < 2) {
        law.fill(cpu.wrap(memory, dtype, Slice.of(shape)), RandomStream.of(seed), name);
      } else {
        fillColumns(cpu, law, memory, dtype, shape);
      }
    }
    affinity.tagLocation(paramView, AffinityManager.Location.HOST);
    return paramView.reshape(order, extents);
  }

  @SuppressWarnings("restricted")
  private MemorySegment memory(INDArray view, long bytes) {
    if (view.length() * view.dataType().width() != bytes || view.elementWiseStride() != 1) {
      throw new IllegalArgumentException("weight '" + name + "' of " + bytes + " bytes is to be put in " + view.shapeInfoToString());
    }
    return MemorySegment.ofAddress(view.data().addressPointer().address()).reinterpret(bytes);
  }

  /// Fills memory in which the first index runs fastest: some rows at a time, in a small row-major tensor.
  private void fillColumns(CpuDevice cpu, Initializer law, MemorySegment memory, DType dtype, Shape shape) {
    if (shape.elements() == 0) {
      return;
    }
    long rows = shape.extent(0);
    long row = shape.elements() / rows;
    long most = Math.min(rows, law.byLinearAlgebra() ? rows : Math.max(ROWS, PANEL / row));
    try (Tensor panel = cpu.allocate(dtype, Shape.of(most, row))) {
      for (long start = 0; start < rows; start += most) {
        long count = Math.min(most, rows - start);
        law.fill(cpu.wrap(panel.memory(), dtype, Slice.of(shape).along(0, start, count)), RandomStream.of(seed), name);
        long begin = start;
        LongStream.range(0, Math.ceilDiv(count, ROWS)).parallel().forEach(group -> {
          for (long k = 0; k < row; k++) {
            long to = column(shape, k) * rows + begin;
            for (long r = group * ROWS; r < Math.min((group + 1) * ROWS, count); r++) {
              copy(panel.memory(), r * row + k, memory, to + r, dtype.bytes());
            }
          }
        });
      }
    }
  }

  /// Where the first index runs fastest, the number of the column that holds element `k` of every row.
  private static long column(Shape shape, long k) {
    long column = 0;
    for (int axis = shape.rank() - 1; axis > 0; axis--) {
      column = column * shape.extent(axis) + k % shape.extent(axis);
      k /= shape.extent(axis);
    }
    return column;
  }

  private static void copy(MemorySegment from, long i, MemorySegment to, long j, int bytes) {
    switch (bytes) {
      case 8 -> to.setAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, j, from.getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i));
      case 4 -> to.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, j, from.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i));
      default -> to.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, j, from.getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i));
    }
  }
}
