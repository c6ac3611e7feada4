package io.github.tensorseed.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.TensorFile;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `tensorseed zca` on images of Fashion-MNIST, against plain loops.
class ZcaTest {
  private static final Path SOME = Path.of("examples/fashion-mnist-500-images-idx3-ubyte.gz");
  private static final int D = 784;

  @TempDir Path dir;

  private static CommandRun run(Object... args) {
    return CommandRun.of(Stream.of(args).map(Object::toString).toArray(String[]::new));
  }

  private static CommandRun done(Object... args) {
    CommandRun run = run(args);
    assertThat(run.code()).as(run.err()).isZero();
    return run;
  }

  /// All test images where Debian's dataset-fashion-mnist or -Dfashion.mnist=FOLDER has them, which CI demands; else 500 of them.
  private static Path images() {
    Path all = Path.of(System.getProperty("fashion.mnist", "/usr/share/datasets/fashion-mnist"), "t10k-images-idx3-ubyte.gz");
    assertThat(Files.exists(all) || System.getenv("CI") == null).as(all + " is not there; install dataset-fashion-mnist").isTrue();
    return Files.exists(all) ? all : SOME;
  }

  /// Pixels from 0 to 1, without the code under test.
  private static double[] pixels(Path file) throws IOException {
    try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(file))) {
      byte[] bytes = in.readAllBytes();
      return IntStream.range(16, bytes.length).mapToDouble(i -> (bytes[i] & 0xff) / 255f).toArray();
    }
  }

  /// The values of an npy file of f4 or f8.
  private static double[] values(Path npy, DType dtype) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(npy)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.position(10 + bytes.getShort(8));
    return IntStream.range(0, bytes.remaining() / dtype.bytes()).mapToDouble(_ -> dtype == DType.F64 ? bytes.getDouble() : bytes.getFloat())
        .toArray();
  }

  private static double[] means(double[] rows) {
    double[] means = new double[D];
    for (int i = 0; i < rows.length; i++) {
      means[i % D] += rows[i];
    }
    for (int j = 0; j < D; j++) {
      means[j] /= rows.length / D;
    }
    return means;
  }

  /// Sums of products in double, over n - 1.
  private static double[][] covariance(double[] rows) {
    double[] means = means(rows);
    double[][] columns = new double[D][rows.length / D];
    for (int i = 0; i < rows.length; i++) {
      columns[i % D][i / D] = rows[i] - means[i % D];
    }
    double[][] covariance = new double[D][D];
    IntStream.range(0, D).parallel().forEach(j -> {
      for (int k = 0; k <= j; k++) {
        double[] sums = new double[4];
        for (int i = 0; i < columns[j].length; i++) {
          sums[i & 3] += columns[j][i] * columns[k][i];
        }
        covariance[j][k] = (sums[0] + sums[1] + sums[2] + sums[3]) / (columns[j].length - 1);
      }
    });
    for (int j = 0; j < D; j++) {
      for (int k = 0; k < j; k++) {
        covariance[k][j] = covariance[j][k];
      }
    }
    return covariance;
  }

  /// C (C + epsilon I)^-1 = U diag(l / (l + epsilon)) U^T, by Cholesky's factors instead of eigenvectors.
  private static double[][] filtered(double[][] c, double epsilon) {
    double[][] low = new double[D][D];
    for (int i = 0; i < D; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = c[i][j] + (i == j ? epsilon : 0);
        for (int k = 0; k < j; k++) {
          sum -= low[i][k] * low[j][k];
        }
        low[i][j] = i == j ? Math.sqrt(sum) : sum / low[j][j];
      }
    }
    double[][] result = new double[D][];
    IntStream.range(0, D).parallel().forEach(row -> {
      double[] x = c[row].clone();
      for (int i = 0; i < D; i++) {
        for (int k = 0; k < i; k++) {
          x[i] -= low[i][k] * x[k];
        }
        x[i] /= low[i][i];
      }
      for (int i = D - 1; i >= 0; i--) {
        for (int k = i + 1; k < D; k++) {
          x[i] -= low[k][i] * x[k];
        }
        x[i] /= low[i][i];
      }
      result[row] = x;
    });
    return result;
  }

  private static double[][] product(double[][] a, double[][] b) {
    double[][] product = new double[D][D];
    IntStream.range(0, D).parallel().forEach(i -> {
      for (int k = 0; k < D; k++) {
        for (int j = 0; j < D; j++) {
          product[i][j] += a[i][k] * b[k][j];
        }
      }
    });
    return product;
  }

  private static double greatestDifference(double[][] a, double[][] b) {
    double greatest = 0;
    for (int i = 0; i < D; i++) {
      for (int j = 0; j < D; j++) {
        greatest = Math.max(greatest, Math.abs(a[i][j] - b[i][j]));
      }
    }
    return greatest;
  }

  /// The images as rows of F64.
  private Path wide(double[] rows) throws IOException {
    Path file = dir.resolve("wide.npy");
    ByteBuffer bytes = ByteBuffer.allocate(rows.length * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asDoubleBuffer().put(rows);
    try (TensorFile out = TensorFile.create(file, new LinkedHashMap<>(Map.of("x", new TensorFile.Entry(DType.F64, Shape.of(rows.length / D, D)))),
        Map.of(), false)) {
      out.write(MemorySegment.ofBuffer(bytes));
      out.finish();
    }
    return file;
  }

  private double[][] white(Path data, String name, DType dtype, Object... more) throws IOException {
    Path fit = dir.resolve(name + ".safetensors");
    Path white = dir.resolve(name + ".npy");
    done(Stream.concat(Stream.of("zca", "fit", "--device", "cpu", "--data", data, "--out", fit), Stream.of(more)).toArray());
    done("zca", "apply", "--device", "cpu", "--with", fit, "--data", data, "--out", white);
    return covariance(values(white, dtype));
  }

  @Test
  void imagesBecomeWhite() throws IOException {
    Path file = images();
    double[] rows = pixels(file);
    double[][] before = covariance(rows);
    double[][] expected = filtered(before, 0.1);
    assertThat(greatestDifference(white(file, "single", DType.F32, "--eps", "0.1"), expected)).isLessThanOrEqualTo(2e-4);
    Path wide = wide(rows);
    assertThat(greatestDifference(white(wide, "double", DType.F64, "--eps", "0.1", "--precision", "f64"), expected)).isLessThanOrEqualTo(1e-8);
    requireProjection(white(file, "single0", DType.F32, "--eps", "0"), before, 2e-4);
    requireProjection(white(wide, "double0", DType.F64, "--eps", "0", "--precision", "f64"), before, 1e-8);
  }

  /// The identity on a subspace that has nearly all of the variance, and 0 beside it.
  private static void requireProjection(double[][] after, double[][] before, double bound) {
    assertThat(greatestDifference(product(after, after), after)).isLessThanOrEqualTo(bound);
    double rank = 0;
    double variance = 0;
    double kept = 0;
    double[][] along = product(after, before);
    for (int i = 0; i < D; i++) {
      rank += after[i][i];
      variance += before[i][i];
      kept += along[i][i];
    }
    assertThat(rank).isGreaterThan(300).isCloseTo(Math.rint(rank), within(D * bound));
    assertThat(kept / variance).isCloseTo(1, within(1e-4));
  }
}
