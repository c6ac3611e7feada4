package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.tensorflow.EagerSession;
import org.tensorflow.Operand;
import org.tensorflow.Tensor;
import org.tensorflow.ndarray.NdArray;
import org.tensorflow.op.Ops;
import org.tensorflow.proto.ConfigProto;
import org.tensorflow.types.TBfloat16;
import org.tensorflow.types.TFloat16;
import org.tensorflow.types.TFloat32;
import org.tensorflow.types.TFloat64;
import org.tensorflow.types.TInt32;
import org.tensorflow.types.family.TNumber;

/// TensorFlow's random operations, one after the other in eager mode. They make standard laws in a new tensor.
public final class TensorFlowRandom implements Rival {
  private @Nullable EagerSession session;
  private @Nullable Tensor last;
  private Supplier<Operand<? extends TNumber>> next = () -> {
    throw new IllegalStateException("not open");
  };

  @Override
  public String name() {
    return "TensorFlow";
  }

  @Override
  public String jar() {
    return "tensorflow-core-api-";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return List.of("");
  }

  @Override
  public String allocates() {
    return "the tensor";
  }

  @Override
  public Distribution makes(Law law) {
    return law.standard();
  }

  @Override
  public void open(String setting, Law law, DType dtype, int elements, int threads) {
    session = EagerSession.options()
        .config(ConfigProto.newBuilder().setIntraOpParallelismThreads(threads).setInterOpParallelismThreads(1).build()).build();
    Ops ops = Ops.create(session);
    Operand<TInt32> shape = ops.constant(new int[] {elements});
    Class<? extends TNumber> type = switch (dtype) {
      case F32 -> TFloat32.class;
      case F64 -> TFloat64.class;
      case BF16 -> TBfloat16.class;
      case F16 -> TFloat16.class;
      default -> throw new IllegalArgumentException(dtype.name());
    };
    next = switch (law) {
      case UNIFORM -> () -> ops.random.randomUniform(shape, type);
      case NORMAL -> () -> ops.random.randomStandardNormal(shape, type);
      case TRUNCATED_NORMAL -> () -> ops.random.truncatedNormal(shape, type);
    };
  }

  @Override
  public void fill() {
    if (last != null) {
      last.close();
    }
    last = next.get().asTensor();
  }

  @Override
  public double[] values(int from, int count) {
    if (!(last instanceof NdArray<?> array)) {
      throw new IllegalStateException("nothing is filled");
    }
    return LongStream.range(from, (long) from + count).mapToDouble(i -> ((Number) array.getObject(i)).doubleValue()).toArray();
  }

  @Override
  public void close() {
    if (session != null) {
      session.close();
    }
  }
}
