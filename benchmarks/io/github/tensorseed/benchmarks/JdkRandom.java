package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/// The JDK's own generators: values one by one into an array, a generator for each thread.
public final class JdkRandom extends JavaArray {
  @Override
  public String name() {
    return "JDK";
  }

  @Override
  public String jar() {
    return "JDK";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return supported(law, dtype) ? List.of("SplittableRandom", "Xoroshiro128PlusPlus") : List.of();
  }

  @Override
  Source source(String setting, Law law, DType dtype, int thread) {
    RandomGenerator random = RandomGeneratorFactory.of(setting).create(1L + thread);
    return law == Law.NORMAL ? () -> 0.02 * random.nextGaussian()
        : dtype == DType.F32 ? () -> Math.fma(0.1f, random.nextFloat(), -0.05f) : () -> Math.fma(0.1, random.nextDouble(), -0.05);
  }
}
