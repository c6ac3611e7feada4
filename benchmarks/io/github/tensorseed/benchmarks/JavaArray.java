package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// A rival that makes one value after the other, in Java, for an array.
abstract class JavaArray implements Rival {
  /// One value after the other.
  interface Source {
    double next();
  }

  private final List<Source> sources = new ArrayList<>();
  private float[] floats = {};
  private double[] doubles = {};

  static boolean supported(Law law, DType dtype) {
    return law != Law.TRUNCATED_NORMAL && (dtype == DType.F32 || dtype == DType.F64);
  }

  abstract Source source(String setting, Law law, DType dtype, int thread);

  @Override
  public void open(String setting, Law law, DType dtype, int elements, int threads) {
    floats = new float[dtype == DType.F32 ? elements : 0];
    doubles = new double[dtype == DType.F64 ? elements : 0];
    for (int i = 0; i < threads; i++) {
      sources.add(source(setting, law, dtype, i));
    }
  }

  @Override
  public void fill() {
    Rival.each(sources.size(), i -> {
      Source source = sources.get(i);
      fill(floats, floats.length / sources.size() * i, floats.length / sources.size() * (i + 1), source);
      fill(doubles, doubles.length / sources.size() * i, doubles.length / sources.size() * (i + 1), source);
    });
  }

  private static void fill(float[] array, int from, int to, Source source) {
    for (int i = from; i < to; i++) {
      array[i] = (float) source.next();
    }
  }

  private static void fill(double[] array, int from, int to, Source source) {
    for (int i = from; i < to; i++) {
      array[i] = source.next();
    }
  }

  @Override
  public double[] values(int from, int count) {
    return IntStream.range(from, from + count).mapToDouble(i -> floats.length > 0 ? floats[i] : doubles[i]).toArray();
  }

  @Override
  public void close() {}
}
