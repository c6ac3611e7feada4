package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/// Images of Fashion-MNIST as tests take them, and what plain loops in double make of them, without the code under test.
public final class FashionMnist {
  /// 500 of the test images.
  public static final Path SOME = Path.of("examples/fashion-mnist-500-images-idx3-ubyte.gz");
  /// Pixels of an image.
  public static final int D = 784;

  private FashionMnist() {}

  /// All test images where Debian's dataset-fashion-mnist or -Dfashion.mnist=FOLDER has them, which CI demands; else 500 of them.
  public static Path images() {
    Path all = Path.of(System.getProperty("fashion.mnist", "/usr/share/datasets/fashion-mnist"), "t10k-images-idx3-ubyte.gz");
    assertThat(Files.exists(all) || System.getenv("CI") == null).as(all + " is not there; install dataset-fashion-mnist").isTrue();
    return Files.exists(all) ? all : SOME;
  }

  /// Pixels from 0 to 1, as F32 has them.
  public static double[] pixels(Path file) throws IOException {
    try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      byte[] bytes = in.readAllBytes();
      return IntStream.range(16, bytes.length).mapToDouble(i -> (bytes[i] & 0xff) / 255f).toArray();
    }
  }

  private static double[] means(double[] rows) {
    double[] means = new double[D];
    for (int i = 0; i < rows.length; i++) {
      means[i % D] += rows[i];
    }
    for (int j = 0; j < D; j++) {
      means[j] *= (double) D / rows.length;
    }
    return means;
  }

  /// Sums of products in double, over n - 1.
  public static double[][] covariance(double[] rows) {
    double[] means = means(rows);
    double[] centered = new double[rows.length];
    for (int i = 0; i < rows.length; i++) {
      centered[i] = rows[i] - means[i % D];
    }
    double[][] covariance = new double[D][D];
    int block = 16;
    IntStream.range(0, D / block).parallel().forEach(blockOfJ -> {
      for (int i = 0; i < rows.length; i += D) {
        for (int j = blockOfJ * block; j < (blockOfJ + 1) * block; j++) {
          addTo(covariance[j], centered[i + j] / (rows.length / (double) D - 1), centered, i);
        }
      }
    });
    return covariance;
  }

  /// `sums += factor * row`.
  public static void addTo(double[] sums, double factor, double[] rows, int offset) {
    for (int k = 0; k < D; k++) {
      sums[k] += factor * rows[offset + k];
    }
  }
}
