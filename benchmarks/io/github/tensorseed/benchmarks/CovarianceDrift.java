package io.github.tensorseed.benchmarks;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.whitening.Covariance;
import io.github.tensorseed.whitening.Covariance.Precision;
import java.util.Locale;

/// How far covariances of F32 rows, N(100, 1), are from that in F64 as the rows become more: in Markdown, ten times as many from line to line.
final class CovarianceDrift {
  private static final int FEATURES = 64;
  private static final int BATCH = 1 << 16;

  private CovarianceDrift() {}

  static void print(long rows) {
    System.out.println("\n| rows of " + FEATURES + " features | default - F64 | f32 - F64 |\n|---|---|---|");
    try (CpuDevice device = CpuDevice.open(Runtime.getRuntime().availableProcessors());
         Tensor batch = device.allocate(DType.F32, Shape.of(BATCH, FEATURES));
         Covariance mixed = Covariance.open(device, FEATURES, Precision.MIXED);
         Covariance single = Covariance.open(device, FEATURES, Precision.F32);
         Covariance wide = Covariance.open(device, FEATURES, Precision.F64)) {
      long told = 1_000_000;
      for (long from = 0; from < rows; from += BATCH) {
        device.fill(batch, new Distribution.Normal(100, 1), RandomStream.of(from));
        mixed.add(batch);
        single.add(batch);
        wide.add(batch);
        if (from + BATCH >= told) {
          System.out.printf(Locale.ROOT, "| %d | %.1e | %.1e |%n", from + BATCH, distance(mixed, wide), distance(single, wide));
          told *= 10;
        }
      }
    }
  }

  private static double distance(Covariance a, Covariance b) {
    try (Tensor first = a.matrix(1); Tensor second = b.matrix(1)) {
      double[] x = first.toDoubles();
      double[] y = second.toDoubles();
      double largest = 0;
      for (int i = 0; i < x.length; i++) {
        largest = Math.max(largest, Math.abs(x[i] - y[i]));
      }
      return largest;
    }
  }
}
