package io.github.tensorseed.cli;

import static io.github.tensorseed.FashionMnist.D;
import static io.github.tensorseed.FashionMnist.SOME;
import static io.github.tensorseed.FashionMnist.addTo;
import static io.github.tensorseed.FashionMnist.covariance;
import static io.github.tensorseed.FashionMnist.images;
import static io.github.tensorseed.FashionMnist.pixels;
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
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `tensorseed zca` on images of Fashion-MNIST, against plain loops.
class ZcaTest {
  @TempDir Path dir;

  private static CommandRun run(Object... args) {
    return CommandRun.of(Stream.of(args).map(Object::toString).toArray(String[]::new));
  }

  private static CommandRun done(Object... args) {
    CommandRun run = run(args);
    assertThat(run.code()).as(run.err()).isZero();
    return run;
  }

  /// The values of an npy file of f4 or f8.
  private static double[] values(Path npy, DType dtype) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(npy)).order(ByteOrder.LITTLE_ENDIAN);
    bytes.position(10 + bytes.getShort(8));
    return IntStream.range(0, bytes.remaining() / dtype.bytes()).mapToDouble(_ -> dtype == DType.F64 ? bytes.getDouble() : bytes.getFloat())
        .toArray();
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
        addTo(product[i], a[i][k], b[k], 0);
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
    TensorFile.Entry entry = new TensorFile.Entry(DType.F64, Shape.of(rows.length / D, D));
    try (TensorFile out = TensorFile.create(file, new LinkedHashMap<>(Map.of("x", entry)), Map.of(), false)) {
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

  /// The images of the examples, fitted once.
  @TempDir static Path shared;

  @BeforeAll
  static void fitImages() {
    done("zca", "fit", "--device", "cpu", "--data", SOME, "--eps", "0.1", "--out", shared.resolve("zca.safetensors"));
  }

  private Path fit(Object... more) {
    Path fit = dir.resolve("zca.safetensors");
    done(Stream.concat(Stream.of("zca", "fit", "--device", "cpu", "--data", SOME, "--out", fit), Stream.of(more)).toArray());
    return fit;
  }

  /// What a fit of the 500 images says of itself.
  private JsonNode fitted(String name, Object... more) throws IOException {
    Object[] fit = {"zca", "fit", "--device", "cpu", "--data", SOME, "--out", dir.resolve(name + ".safetensors"), "--json"};
    return new ObjectMapper().readTree(done(Stream.concat(Stream.of(fit), Stream.of(more)).toArray()).out());
  }

  /// 500 images have at most 499 directions, whichever side finds them.
  @Test
  void fewerRowsThanFeatures() throws IOException {
    CommandRun text = done("zca", "fit", "--device", "cpu", "--data", SOME, "--eps", "0.01", "--out", dir.resolve("a.safetensors"));
    assertThat(text.err()).isEqualTo("side: gram, 500 rows are fewer than 784 features" + System.lineSeparator());
    assertThat(text.out()).contains("zca of 500 rows, 784 features; rank 499, epsilon 0.01, condition");
    JsonNode report = fitted("b", "--eps", "0.01", "--side", "covariance", "--precision", "f64");
    assertThat(report.get("side").asText()).isEqualTo("covariance");
    assertThat(report.get("epsilon").asDouble()).isEqualTo(0.01);
    assertThat(report.get("ddof").asInt()).isEqualTo(1);
    double[][] white = new double[2][];
    for (String name : List.of("a", "b")) {
      Path out = dir.resolve(name + ".npy");
      done("zca", "apply", "--device", "cpu", "--with", dir.resolve(name + ".safetensors"), "--data", SOME, "--batch", "7", "--out", out);
      white[name.charAt(0) - 'a'] = values(out, DType.F32);
    }
    assertThat(white[0]).containsExactly(white[1], within(2e-4));
  }

  @Test
  void thereAndBack() throws IOException {
    double[] rows = pixels(SOME);
    for (String kind : List.of("zca", "pca")) {
      Path fit = dir.resolve(kind + ".safetensors");
      done("zca", "fit", "--device", "cpu", "--kind", kind, "--eps", "0.1", "--data", SOME, "--out", fit, "--batch", "100");
      Path white = dir.resolve(kind + "-white.safetensors");
      String shape = kind.equals("zca") ? "[500, 28, 28]" : "[500, 499]";
      assertThat(done("zca", "apply", "--device", "cpu", "--with", fit, "--data", SOME, "--out", white).out())
          .startsWith(white + ": F32 " + shape + ", white; ");
      Path back = dir.resolve(kind + "-back.npy");
      done("zca", "apply", "--device", "cpu", "--with", fit, "--data", white + ":white", "--inverse", "--out", back);
      assertThat(values(back, DType.F32)).containsExactly(rows, within(1e-4));
      // The mark of the file lets nobody replace it here, and the fit only on request.
      assertThat(run("zca", "apply", "--with", fit, "--data", SOME, "--out", white).err()).contains("is there already");
      assertThat(run("zca", "fit", "--data", SOME, "--out", fit).err()).contains("is there already");
      done("zca", "fit", "--device", "cpu", "--data", SOME, "--out", fit, "--force");
    }
  }

  @Test
  void epsilonAndRank() throws IOException {
    JsonNode keras = fitted("k", "--eps", "keras:1e-6");
    assertThat(keras.get("ddof").asInt()).as("as Keras divides").isZero();
    assertThat(keras.get("epsilonForm").asText()).isEqualTo("on the singular value");
    assertThat(fitted("r", "--kind", "pca", "--rank", "10").get("rank").asInt()).isEqualTo(10);
    // numpy: l = np.linalg.eigvalsh(np.cov(x.T))[::-1]; np.searchsorted(np.cumsum(l) / l.sum(), 0.9) + 1
    JsonNode share = fitted("s", "--kind", "pca", "--rank", "0.9");
    assertThat(share.get("rank").asInt()).isEqualTo(58);
    assertThat(share.get("epsilonForm").asText()).isEqualTo("0.000001 of the mean eigenvalue");
  }

  @Test
  void pageOfImages() throws IOException {
    Path page = dir.resolve("zca.html");
    done("zca", "report", "--device", "cpu", "--with", shared.resolve("zca.safetensors"), "--data", SOME, "--html", page);
    String html = Files.readString(page);
    assertThat(html).doesNotContain("http").contains("<h2>Spectrum</h2>", "<title>before</title></polyline>", "<title>after</title></polyline>", ">epsilon</text>", "<h2>Filters</h2>");
    List<BufferedImage> pictures = Pattern.compile("base64,([^\"]+)").matcher(html).results().map(ZcaTest::picture).toList();
    assertThat(pictures).extracting(BufferedImage::getWidth).containsExactly(196, 196, 231, 231, 231);
    assertThat(pictures).extracting(BufferedImage::getHeight).containsExactly(196, 196, 115, 115, 115);
    // The first image is the first one shown: scaled from 0 to 1, as the data are.
    double[] rows = pixels(SOME);
    for (int i = 0; i < D; i++) {
      assertThat(pictures.get(2).getRGB(i % 28, i / 28) & 0xff).isEqualTo((int) Math.round(rows[i] * 255));
    }
    done("zca", "report", "--device", "cpu", "--with", fit("--kind", "pca"), "--data", SOME, "--html", page);
    assertThat(Files.readString(page)).contains("The first components");
  }

  private static BufferedImage picture(MatchResult match) {
    try {
      return ImageIO.read(new ByteArrayInputStream(Base64.getDecoder().decode(match.group(1))));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /// The row that is not finite is named, and nothing is left behind.
  @Test
  void rowsThatCannotBeTaken() throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(4 * 3 * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 12; i++) {
      bytes.putFloat(i == 7 ? Float.NaN : i * i);
    }
    Path file = Files.write(dir.resolve("rows.f32"), bytes.array());
    Path out = dir.resolve("x.safetensors");
    CommandRun nan = run("zca", "fit", "--device", "cpu", "--data", file + ":3", "--batch", "2", "--out", out);
    assertThat(nan.err()).contains("tensorseed: " + file + ":3: row 2 has NaN as feature 1");
    assertThat(nan.code()).isEqualTo(2);
    Files.write(file, Arrays.copyOf(bytes.array(), 12));
    assertThat(run("zca", "fit", "--device", "cpu", "--data", file + ":3", "--out", out).err()).contains(file + ":3: 1 row is too few");
    Files.write(file, new byte[0]);
    assertThat(run("zca", "fit", "--device", "cpu", "--data", file + ":3", "--out", out).err()).contains("has no rows");
    assertThat(dir).isDirectoryNotContaining("glob:**{x.safetensors,.tensorseed*}");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', textBlock = """
      fit --data IMAGES                                          | --out
      fit --out OUT                                              | --data
      fit --data none.npy --out OUT                              | none.npy: no such file
      fit --data pom.xml --out OUT                               | is no npy, safetensors or IDX file
      fit --data IMAGES --out x.npy                              | --out x.npy: it must end in .safetensors
      fit --data IMAGES --out pom.xml/x.safetensors              | pom.xml
      fit --data IMAGES --out OUT --eps -1                       | --eps -1: epsilon = -1.0: it is finite and not negative
      fit --data IMAGES --out OUT --eps keras:x                  | --eps keras:x: give a number
      fit --data IMAGES --out OUT --eps kera:1                   | give a number, as in 0.1, relative:S, keras:E, sums:E or auto
      fit --data IMAGES --out OUT --rank 0                       | --rank 0: rank = 0: at least 1 component is kept
      fit --data IMAGES --out OUT --rank 1.5                     | --rank 1.5: share of the variance = 1.5
      fit --data IMAGES --out OUT --rank many                    | --rank many: give a number of components
      fit --data IMAGES --out OUT --ddof 2                       | --ddof 2: it is 1
      fit --data IMAGES --out OUT --kind zcs                     | --kind zcs: it is zca or pca
      fit --data IMAGES --out OUT --precision f16                | --precision f16: it is
      fit --data IMAGES --out OUT --side both                    | --side both: it is auto or covariance or gram
      fit --data IMAGES --out OUT --shrinkage lw                 | --shrinkage lw: it is none or ledoit-wolf
      fit --data IMAGES --out OUT --batch 0                      | --batch 0: give at least 1 row
      fit --data IMAGES --out OUT --threads 0                    | give 1 to 1024
      fit --data IMAGES --out OUT --device cuda:0,cuda:1         | cuda
      fit --data IMAGES --out examples/none/x.safetensors        | examples/none
      apply --data IMAGES --out OUT                              | --with
      apply --with none.safetensors --data IMAGES --out OUT      | none.safetensors: no such file
      apply --with pom.xml --data IMAGES --out OUT               | pom.xml
      apply --with IMAGES --data IMAGES --out OUT                | images-idx3-ubyte.gz
      report --with FIT --data IMAGES --html pom.xml             | pom.xml is there already
      report --with FIT --data LABELS --html x.html              | has no rows of features
      apply --with FIT --data IMAGES --out IMAGES                | is there already
      apply --with FIT --data IMAGES --out FIT                   | is there already
      apply --with FIT --data IMAGES --out x.bin                 | must end in .safetensors or .npy
      apply --with FIT --data FIT:mean --out OUT                 | has no rows of features
      apply --with FIT --data OTHER:4 --out OUT                  | has rows of 4 features
      report --with FIT --data OTHER:4 --html x.html             | give rows like those that it was fitted to
      apply --with CUT --data IMAGES --out OUT                   | CUT
      apply --with FOREIGN --data IMAGES --out OUT               | FOREIGN
      fit --data FIT --out OUT                                   | tensors; say which, as in
      frobnicate                                                 | frobnicate
      """)
  void wrongInputIsNamedAndNothingIsWritten(String line, String expected) throws IOException {
    Path fit = shared.resolve("zca.safetensors");
    Path other = Files.write(dir.resolve("other"), new byte[64]);
    byte[] bytes = Files.readAllBytes(fit);
    Path cut = Files.write(dir.resolve("cut.safetensors"), Arrays.copyOf(bytes, bytes.length - 8));
    Path foreign = dir.resolve("foreign.safetensors");
    done("init", "--tensor", "mean:F64[784]=zeros()", "--out", foreign, "--device", "cpu");
    Map<String, Path> names = Map.of("IMAGES", SOME, "LABELS", Path.of("examples/fashion-mnist-500-labels-idx1-ubyte.gz"), "FIT", fit,
        "OTHER", other, "CUT", cut, "FOREIGN", foreign, "OUT", dir.resolve("out.safetensors"));
    String text = line.strip();
    for (Map.Entry<String, Path> name : names.entrySet()) {
      text = text.replaceAll("\\b" + name.getKey() + "\\b", name.getValue().toString());
    }
    List<Path> before = list();
    CommandRun run = run((Object[]) ("zca " + text).split(" +", -1));
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("tensorseed: ").contains(names.containsKey(expected) ? String.valueOf(names.get(expected)) : expected)
        .doesNotContain("\tat ").doesNotContain("Exception").doesNotContain("internal error");
    assertThat(list()).isEqualTo(before);
    assertThat(Path.of("x.html")).doesNotExist();
    assertThat(Path.of("x.npy")).doesNotExist();
  }

  private List<Path> list() throws IOException {
    try (Stream<Path> files = Files.list(dir)) {
      return files.sorted().toList();
    }
  }

  @Test
  void helpTeaches() {
    assertThat(done("zca", "--help").out()).contains("zca apply --with zca.safetensors");
    for (String command : List.of("fit", "apply", "report")) {
      assertThat(done("zca", command, "--help").out()).contains("Example").contains("tensorseed zca " + command + " --");
    }
  }
}
