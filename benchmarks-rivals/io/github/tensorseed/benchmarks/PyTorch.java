package io.github.tensorseed.benchmarks;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import io.github.tensorseed.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// PyTorch through DJL, which has no fill in place. PyTorch's generator on the CPU is one stream under a lock: threads do not help it.
public final class PyTorch implements Rival {
  private @Nullable NDManager manager;
  private @Nullable NDArray last;
  private Supplier<NDArray> next = () -> {
    throw new IllegalStateException("not open");
  };

  @Override
  public String name() {
    return "PyTorch (DJL)";
  }

  @Override
  public String jar() {
    return "pytorch-jni-";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return law == Law.TRUNCATED_NORMAL ? List.of() : List.of("");
  }

  @Override
  public boolean threaded() {
    return false;
  }

  @Override
  public String allocates() {
    return "the tensor";
  }

  @Override
  public void open(String setting, Law law, DType dtype, int elements, int threads) {
    System.setProperty("ai.djl.offline", "true"); // the jars have everything
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("DJL_CACHE_DIR", Path.of("target", "benchmarks", "djl").toAbsolutePath().toString());
    NDManager opened = NDManager.newBaseManager("PyTorch");
    manager = opened;
    JniUtils.setNumThreads(threads);
    Shape shape = new Shape(elements);
    DataType type = switch (dtype) {
      case F32 -> DataType.FLOAT32;
      case F64 -> DataType.FLOAT64;
      case BF16 -> DataType.BFLOAT16;
      case F16 -> DataType.FLOAT16;
      default -> throw new IllegalArgumentException(dtype.name());
    };
    next = law == Law.UNIFORM ? () -> opened.randomUniform(-0.05f, 0.05f, shape, type) : () -> opened.randomNormal(0, 0.02f, shape, type);
  }

  @Override
  public void fill() {
    if (last != null) {
      last.close();
    }
    last = next.get();
  }

  @Override
  public double[] values(int from, int count) {
    if (last == null) {
      throw new IllegalStateException("nothing is filled");
    }
    float[] values = last.get(new NDIndex(from + ":" + (from + count))).toType(DataType.FLOAT32, true).toFloatArray();
    return IntStream.range(0, count).mapToDouble(i -> values[i]).toArray();
  }

  @Override
  public void close() {
    if (manager != null) {
      manager.close();
    }
  }
}
