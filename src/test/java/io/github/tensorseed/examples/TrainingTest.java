package io.github.tensorseed.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Device;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Fork;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.cpu.CpuDevice;
import io.github.tensorseed.examples.Training.Change;
import io.github.tensorseed.examples.Training.Result;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// The example of training at toy size: 400 images to learn from, 100 others to tell.
class TrainingTest {
  @TempDir Path dir;

  private static Result run(int threads, String weights, Change change) throws IOException {
    Training training = new Training("toy", List.of(48, 32), 0.05, weights, change);
    try (Device device = CpuDevice.open(threads); Arena arena = Arena.ofConfined()) {
      LabelledImages all = LabelledImages.read(Path.of("examples"), "fashion-mnist-500", arena);
      return training.run(device, all.slice(0, 400), all.slice(400, 500), 20, 3, RandomStream.of(42));
    }
  }

  /// It begins at some ln 10 = 2.3; 0.64 was measured after three epochs, and seven in ten of the others known.
  @Test
  void aGoodBeginningLearns() throws IOException {
    Result result = run(1, "he_normal()", Change.NONE);
    assertThat(result.loss()).isLessThan(0.9);
    assertThat(result.accuracy()).isGreaterThan(0.6);
    assertThat(result.curve()).hasSize(60).first().extracting(Training.Point::loss).asInstanceOf(InstanceOfAssertFactories.DOUBLE)
        .isGreaterThan(2);
  }

  /// Of zeros only the last bias learns. Weights that are too large send the first steps so far that no unit is above 0 any more, and where
  /// the loss is no number the training ends.
  @Test
  void badBeginningsDoNot() throws IOException {
    assertThat(run(1, "zeros()", Change.NONE).loss()).isCloseTo(Math.log(10), within(0.1));
    assertThat(run(1, "normal(0, 5)", Change.NONE).loss()).isCloseTo(Math.log(10), within(0.1));
    Result overflows = run(1, "normal(0, 1e20)", Change.NONE);
    assertThat(overflows.loss()).isNaN();
    assertThat(overflows.curve()).hasSize(1);
  }

  @ParameterizedTest
  @EnumSource
  void lossesRepeatBitForBit(Change change) throws IOException {
    List<Training.Point> curve = run(2, "he_normal()", change).curve();
    assertThat(run(2, "he_normal()", change).curve()).isEqualTo(curve);
    if (change != Change.NONE) {
      assertThat(run(2, "he_normal()", Change.NONE).curve()).as(change + " does something").isNotEqualTo(curve);
    }
  }

  /// All but those that come through linear algebra, which are outside that promise.
  @ParameterizedTest
  @CsvSource(delimiter = ';', value = {"he_normal()", "xavier_normal()", "normal(0, 0.01)", "normal(0, 0.5)", "zeros()"})
  void firstWeightsDoNotDependOnThreads(String weights) {
    List<double[]> values = new ArrayList<>();
    for (int threads : new int[] {1, 2}) {
      Training training = new Training("wide", List.of(512, 128), 0.05, weights, Change.NONE);
      try (Device device = CpuDevice.open(threads); DenseNetwork network = training.open(device, 784, 1)) {
        network.initialize(Expression.parse(weights), RandomStream.of(42));
        values.add(network.weight(0).toDoubles()); // of more elements than one thread takes at a time
        values.add(network.weight(1).toDoubles());
      }
    }
    assertThat(values.get(2)).isEqualTo(values.get(0));
    assertThat(values.get(3)).isEqualTo(values.get(1));
  }

  private JsonNode curves(String device, Map<String, String> environment) throws Exception {
    Path out = dir.resolve(device.replace(':', '-'));
    // JCuda unpacks its library into the folder for temporary files, where other tests do that too.
    List<String> flags = new ArrayList<>(Fork.FLAGS);
    flags.add("-Djava.io.tmpdir=" + Files.createDirectories(dir.resolve("tmp")));
    Fork fork = Fork.run(environment, flags, TrainingCommand.class, "--device", device, "--data", dir.toString(), "--epochs", "1",
        "--out", out.toString());
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out()).contains("400 images to learn from, 100 others", device);
    assertThat(Files.readString(out.resolve("deep.svg")).endsWith("</svg>\n")).isTrue();
    assertThat(ImageIO.read(out.resolve("wide.png").toFile()).getWidth()).isEqualTo(900);
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files).as("nothing is left that is not whole").hasSize(5);
    }
    return new ObjectMapper().readTree(out.resolve("curves.json").toFile()).get("runs");
  }

  /// The whole example, in a CUDA context and on a stream of its own. The stand-in for cuBLAS is OpenBLAS, so that losses were the same bit
  /// for bit; with more threads it may add up in another order, and 20 steps make more than the last digits of that, but no thousandth.
  @Test
  void aGpuLearnsTheSame() throws Exception {
    Path report = dir.resolve("report.json");
    JsonNode expected = curves("cpu", Map.of());
    JsonNode runs = curves("cuda:0", Fork.environment("lazy,report=" + report));
    assertThat(runs).hasSize(14).hasSameSizeAs(expected);
    for (int i = 0; i < runs.size(); i++) {
      JsonNode run = runs.get(i);
      JsonNode like = expected.get(i);
      assertThat(run.get("strategy")).isEqualTo(like.get("strategy"));
      if (run.get("strategy").asText().equals("normal(0, 0.5)")) {
        continue; // the way to infinity is no smooth one
      }
      assertThat(run.get("loss")).hasSize(20).hasSameSizeAs(like.get("loss"));
      for (int j = 0; j < 20; j++) {
        double loss = like.get("loss").get(j).asDouble();
        assertThat(run.get("loss").get(j).asDouble()).as(run.get("network") + " " + run.get("strategy") + ", point " + j)
            .isCloseTo(loss, within(1e-3 * loss));
      }
    }
    JsonNode left = new ObjectMapper().readTree(report.toFile());
    assertThat(left.get("leaks")).isEmpty();
    assertThat(left.get("kernels").toString()).contains("activate_f32", "backward_f32", "normal_f32");
  }

  @ParameterizedTest
  @CsvSource({"--device, gpu, cpu or cuda:N is wanted", "--epochs, 0, at least 1 is needed", "--threads, 0, at least 1 is needed"})
  void typosAreNamed(String option, String value, String reason) throws Exception {
    Fork fork = Fork.run(Map.of(), Fork.FLAGS, TrainingCommand.class, option, value, "--out", dir.toString());
    assertThat(fork.code()).isEqualTo(2);
    assertThat(fork.err()).contains("training: ", reason).doesNotContain("Exception", "\tat ");
  }
}
