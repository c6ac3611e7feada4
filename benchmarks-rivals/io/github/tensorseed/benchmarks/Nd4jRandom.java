package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.random.impl.GaussianDistribution;
import org.nd4j.linalg.api.ops.random.impl.TruncatedNormalDistribution;
import org.nd4j.linalg.api.ops.random.impl.UniformDistribution;
import org.nd4j.linalg.factory.Nd4j;

/// ND4J's random operations, in place.
public final class Nd4jRandom implements Rival {
  private Law law = Law.UNIFORM;
  private @Nullable INDArray array;

  @Override
  public String name() {
    return "ND4J";
  }

  @Override
  public String jar() {
    return "nd4j-native-1";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return List.of("");
  }

  @Override
  public void open(String setting, Law law, DType dtype, int elements, int threads) {
    this.law = law;
    System.setProperty("org.bytedeco.javacpp.platform.extension", "-avx512");
    Nd4j.getEnvironment().setMaxThreads(threads);
    Nd4j.getEnvironment().setMaxMasterThreads(threads);
    array = Nd4j.create(switch (dtype) {
      case F32 -> DataType.FLOAT;
      case F64 -> DataType.DOUBLE;
      case BF16 -> DataType.BFLOAT16;
      case F16 -> DataType.FLOAT16;
      default -> throw new IllegalArgumentException(dtype.name());
    }, elements);
  }

  @Override
  public void fill() {
    Nd4j.getExecutioner().exec(switch (law) {
      case UNIFORM -> new UniformDistribution(opened(), -0.05, 0.05);
      case NORMAL -> new GaussianDistribution(opened(), 0, 0.02);
      case TRUNCATED_NORMAL -> new TruncatedNormalDistribution(opened(), 0, 0.02);
    }, Nd4j.getRandom());
  }

  private INDArray opened() {
    if (array == null) {
      throw new IllegalStateException("not open");
    }
    return array;
  }

  @Override
  public double[] values(int from, int count) {
    return IntStream.range(from, from + count).mapToDouble(opened()::getDouble).toArray();
  }

  @Override
  public void close() {
    opened().close();
  }
}
