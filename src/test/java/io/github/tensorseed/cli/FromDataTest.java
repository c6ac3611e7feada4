package io.github.tensorseed.cli;

import static io.github.tensorseed.whitening.InitializersFromDataContract.npy;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Tensors that come from data, or through linear algebra otherwise, by the command.
class FromDataTest {
  private static final int ROWS = 200;
  private static final int FEATURES = 6;

  @TempDir Path dir;
  private double[] rows;
  private Path data;

  private record Run(int code, String out, String err) {}

  private static Run run(Object... args) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int code = Main.run(Stream.of(args).map(Object::toString).toArray(String[]::new), new PrintWriter(out, true), new PrintWriter(err, true));
    return new Run(code, out.toString(), err.toString());
  }

  @BeforeEach
  void data() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    rows = new double[ROWS * FEATURES];
    Arrays.setAll(rows, i -> (float) (random.nextGaussian() * (1 + i % FEATURES) + (i % FEATURES > 0 ? rows[i - 1] : 2)));
    data = npy(dir.resolve("x.npy"), rows, ROWS, FEATURES);
    npy(dir.resolve("images.npy"), random.doubles(10 * 8 * 8).toArray(), 10, 8, 8);
    double[] bad = rows.clone();
    bad[12 * FEATURES + 4] = Double.NaN;
    npy(dir.resolve("nan.npy"), bad, ROWS, FEATURES);
    npy(dir.resolve("one.npy"), Arrays.copyOf(rows, FEATURES), 1, FEATURES);
  }

  private static double[] read(Path path, String name) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      StoredTensor tensor = checkpoint.tensors().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
      MemorySegment bytes = MemorySegment.ofArray(new byte[(int) tensor.bytes()]);
      checkpoint.read(tensor, 0, bytes);
      DType dtype = tensor.type().dtype().orElseThrow();
      double[] values = new double[(int) tensor.shape().elements()];
      Arrays.setAll(values, i -> dtype.get(bytes, i));
      return values;
    }
  }

  @Test
  void whatIsMadeFromDataIsVerifiedWithData() throws IOException {
    Path file = dir.resolve("w.safetensors");
    Run init = run("init", "--tensor", "w:F32[6,6]=zca(data=" + data + ", eps=0.1)", "--tensor", "b:F32[6]=zca('" + data + "', 0.1)",
        "--tensor", "n:BF16[9]=normal(0, 1)", "--device", "cpu", "--out", file);
    assertThat(init.err).isEmpty();
    assertThat(init.out).contains("through linear algebra, so not the same to the last bit elsewhere: w, b").doesNotContain(", n");
    Run verify = run("verify", file, "--device", "cpu", "--threads", "1");
    assertThat(verify.out).contains("3 tensors").contains("2 tensors made through linear algebra within 1e-5")
        .contains("every bit of the others");
    assertThat(verify.code).isZero();
    JsonNode json = new ObjectMapper().readTree(run("verify", file, "--json").out);
    assertThat(json.get("within")).hasSize(2);
    assertThat(json.get("within").get(0).get("deviation").asDouble()).isBetween(0., 1e-5);

    Path moved = Files.move(data, dir.resolve("moved=1.npy"));
    Run without = run("verify", file, "--device", "cpu");
    assertThat(without.code).isEqualTo(2);
    assertThat(without.err).contains("the expression of tensor").contains("x.npy: no such file; --data [NAME=]FILE says where the data is");
    assertThat(run("verify", file, "--data", moved).code).isZero();
    assertThat(run("verify", file, "--data", data + "=" + moved).code).isZero();
    Run typo = run("verify", file, "--data", data + "=" + moved, "--data", "y.npy=" + moved);
    assertThat(typo.code).isEqualTo(2);
    assertThat(typo.err).contains("no initializer names the data 'y.npy'; they name " + data);
    assertThat(run("verify", file, "--data", moved, "--data", data).err).contains("both stand for all data");

    rows[0] += 1;
    Run other = run("verify", file, "--device", "cpu", "--data", npy(dir.resolve("other.npy"), rows, ROWS, FEATURES));
    assertThat(other.code).isEqualTo(1);
    assertThat(other.out).contains("w (w.safetensors): element 0 is").contains(" within ").contains("2 tensors not as the seed makes them");
    assertThat(run("inspect", file).code).isZero();
    assertThat(run("diff", file, file).code).isZero();
  }

  /// Through the written file every layer has unit variance, and plan, parts and resuming know such tensors as any other.
  @Test
  void aRecipeOfLayers() throws IOException {
    Path old = dir.resolve("old.safetensors");
    assertThat(run("init", "--tensor", "fc1.weight:F32[12,6]=zeros", "--tensor", "fc2.weight:F32[9,12]=zeros", "--tensor",
        "fc3.weight:F32[4,9]=zeros", "--tensor", "fc3.bias:F32[4]=zeros", "--tensor", "conv.weight:F32[8,1,3,3]=zeros", "--out", old).code).isZero();
    Path recipe = Files.writeString(dir.resolve("data.recipe"), """
        fc1.weight  = lsuv(data=%1$s, activation=silu)   # the first
        fc2.weight  = lsuv(data=%1$s, activation=silu, below="fc1.weight[12,6]")
        fc3.weight  = lsuv(data='%1$s', activation=silu, below="fc1.weight[12,6] fc2.weight[9,12]")
        conv.weight = patch_whitening(data='%2$s', eps=0.01)   # images of 8 x 8
        *           = zeros()
        """.formatted(data, Files.move(dir.resolve("images.npy"), dir.resolve("my #1 images.npy"))));
    Run plan = run("plan", old, "--recipe", recipe);
    assertThat(plan.err).isEmpty();
    assertThat(plan.out).contains("lsuv('" + data + "', silu, 'fc1.weight[12,6]', 1000, oihw)");
    Path made = dir.resolve("made");
    assertThat(run("init", old, "--recipe", recipe, "--out", made, "--shard-size", "400B", "--part", "2/2", "--threads", "1").code).isZero();
    assertThat(run("init", old, "--recipe", recipe, "--out", made, "--shard-size", "400B", "--part", "1/2", "--threads", "2").code).isZero();
    assertThat(run("init", old, "--recipe", recipe, "--out", made, "--shard-size", "400B", "--resume").out).contains("0 files written");
    Run verify = run("verify", made);
    assertThat(verify.out).contains("4 tensors made through linear algebra within 1e-5");
    assertThat(verify.code).isZero();

    double[] input = rows;
    int in = FEATURES;
    for (String name : new String[] {"fc1.weight", "fc2.weight", "fc3.weight"}) {
      double[] weight = read(made, name);
      int out = weight.length / in;
      double[] output = new double[ROWS * out];
      for (int i = 0; i < output.length; i++) {
        for (int k = 0; k < in; k++) {
          output[i] += input[i / out * in + k] * weight[i % out * in + k];
        }
      }
      double mean = Arrays.stream(output).average().orElseThrow();
      assertThat(Arrays.stream(output).map(x -> (x - mean) * (x - mean)).average().orElseThrow()).as(name).isCloseTo(1, within(1e-5));
      input = Arrays.stream(output).map(x -> x / (1 + Math.exp(-x))).toArray();
      in = out;
    }
    // A tensor of a file is data as well.
    Run further = run("init", "--tensor", "wte:F32[20,12]=mean_cov_resize(data=" + old + ":fc2.weight)", "--out", dir.resolve("wte.npy"));
    assertThat(further.err).doesNotContain("tensorseed:");
    assertThat(further.code).isZero();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      F32[6,6]   | zca(data=none.npy)                          | none.npy: no such file
      F32[6,6]   | zca(data=DIR)                               | is not a plain file
      F32[6,5]   | zca(data=DIR/x.npy)                         | the data has 6 features, and [6, 5] in layout oihw takes 5
      F32[7,6]   | zca(data=DIR/x.npy)                         | 7 outputs of 6 features
      F32[3,6]   | zca(data=DIR/x.npy, kind=zca)               | 3 outputs of 6 features
      F32[6,6,1] | zca(data=DIR/x.npy)                         | and not for [6, 6, 1]
      F32[6,6]   | zca(data=DIR/x.npy, ddof=2)                 | ddof = 2: it is 1
      F32[6,6]   | zca(data=DIR/x.npy, epsilon=1)              | zca has no argument 'epsilon'; known: data, eps, kind, ddof, layout
      F32[6,6]   | zca(data=DIR/x.npy, eps=-1)                 | epsilon = -1.0
      F32[6,6]   | zca(data=DIR/x.npy, eps=x.npy)              | x.npy is text, and a number is wanted here
      F32[6,6]   | zca(data=max(1, 2))                         | max(1, 2) is no text; put it in quotes
      F32[6,6]   | zca(data='x.npy)                            | the text in quotes that begins here does not end
      F32[6,6]   | zca(DIR/nan.npy)                            | nan.npy: row 12 has NaN as feature 4
      F32[6,6]   | zca(DIR/one.npy)                            | 1 row is too few
      F32[6,6]   | zac(DIR/x.npy)                              | did you mean 'zca'?
      F32[6,5]   | zca_coloring(DIR/x.npy)                     | the weight is [6, 6] and the bias [6], and not [6, 5]
      F32[8,1,3,3] | patch_whitening(DIR/x.npy)                | an array of shape [200, 6] is not one of images, which is [n, h, w] or [n, c, h, w]
      F32[8,3,3,3] | patch_whitening(DIR/images.npy)           | has kernels of 3 channels, 3 x 3, and the images have 1, 8 x 8
      F32[8,1,9,3] | patch_whitening(DIR/images.npy)           | and the images have 1, 8 x 8
      F32[7,1,3,3] | patch_whitening(DIR/images.npy)           | 7 outputs; there are two, with either sign
      F32[20,1,3,3] | patch_whitening(DIR/images.npy)          | so at most 18
      F32[8,9]     | patch_whitening(DIR/images.npy)           | convolutions of rank 4
      F32[8,1,3,3] | patch_whitening(DIR/images.npy, images=nchw) | 'nchw' is none of the words chw, hwc
      F32[8,1,3,3] | patch_whitening(DIR/images.npy, first=0)  | at least 1 image
      F32[9,6]   | lsuv(DIR/x.npy, below="a[6]")               | is no list of layers, as in 'fc1.weight[512,784]
      F32[9,6]   | lsuv(DIR/x.npy, below="a[6,6] b[5,4]")      | a gives 6 values, and b of shape [5, 4] in layout oihw is no dense layer
      F32[9,5]   | lsuv(DIR/x.npy)                             | the data gives 6 values, and the tensor of shape [9, 5]
      F32[9,6]   | lsuv(DIR/x.npy, below="t[6,6]")             | 't' cannot be below itself
      F32[9,6]   | lsuv(DIR/nan.npy)                           | the output of layer 't' has the variance NaN
      F32[9,6]   | lsuv(DIR/x.npy, activation=swish)           | 'swish' is none of the words
      F32[9,6]   | mean_cov_resize(DIR/x.npy)                  | the data has 200 rows, and a tensor of [9, 6] has no room for them
      F32[300,5] | mean_cov_resize(DIR/x.npy)                  | rows of 6 features
      F32[300,6] | mean_cov_resize(DIR/x.npy, scale=-1)        | scale=-1.0
      F32[300,6] | mean_cov_resize(DIR/nan.npy)                | nan.npy: row 12 has NaN as feature 4
      """)
  void badInput(String tensor, String law, String complaint) throws IOException {
    Path out = dir.resolve("t.safetensors");
    Run run = run("init", "--tensor", "t:" + tensor + "=" + law.replace("DIR", dir.toString()), "--device", "cpu", "--out", out);
    assertThat(run.err).startsWith("tensorseed: ").contains(complaint).doesNotContain("\tat ");
    assertThat(run.code).isEqualTo(2);
    assertThat(out).doesNotExist();
    try (Stream<Path> files = Files.list(dir)) {
      assertThat(files.filter(file -> file.getFileName().toString().startsWith(".tensorseed") && !file.toString().endsWith(".lock"))).isEmpty();
    }
  }

  @Test
  void relativePathsBeginInTheWorkingFolder() throws IOException {
    Path here = Path.of("").toAbsolutePath();
    Path relative = here.relativize(data.toAbsolutePath());
    assertThat(relative.toString()).startsWith("..");
    Run run = run("plan", "--tensor", "t:F32[6,6]=zca(data=" + relative + ")", "--json");
    assertThat(run.out).contains("zca('" + relative + "', auto, auto, 1, oihw)");
  }
}
