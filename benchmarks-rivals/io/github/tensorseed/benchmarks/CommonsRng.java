package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import java.util.List;
import org.apache.commons.rng.UniformRandomProvider;
import org.apache.commons.rng.sampling.distribution.SharedStateContinuousSampler;
import org.apache.commons.rng.sampling.distribution.ZigguratSampler;
import org.apache.commons.rng.simple.RandomSource;

/// Apache Commons RNG: values one by one into an array, a generator for each thread; Philox, and what was the fastest of six
/// generators here.
public final class CommonsRng extends JavaArray {
  @Override
  public String name() {
    return "Commons RNG";
  }

  @Override
  public String jar() {
    return "commons-rng-simple-";
  }

  @Override
  public List<String> settings(Law law, DType dtype) {
    return supported(law, dtype) ? List.of("PHILOX_4X32", law == Law.UNIFORM ? "JSF_64" : "SFC_64") : List.of();
  }

  @Override
  Source source(String setting, Law law, DType dtype, int thread) {
    UniformRandomProvider random = RandomSource.valueOf(setting).create(1L + thread);
    if (law == Law.NORMAL) {
      SharedStateContinuousSampler normal = ZigguratSampler.NormalizedGaussian.of(random);
      return () -> 0.02 * normal.sample();
    }
    return dtype == DType.F32 ? () -> Math.fma(0.1f, random.nextFloat(), -0.05f) : () -> Math.fma(0.1, random.nextDouble(), -0.05);
  }
}
