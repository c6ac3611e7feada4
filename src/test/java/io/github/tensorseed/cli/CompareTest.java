package io.github.tensorseed.cli;

import static io.github.tensorseed.whitening.InitializersFromDataContract.npy;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// `tensorseed compare`.
class CompareTest {
  private static final String[] SMALL = {"compare", "--device", "cpu", "--width", "64"};

  @TempDir Path dir;

  /// 20 layers and 50 rows unless said otherwise.
  private static CommandRun done(Object... more) {
    List<String> line = new ArrayList<>(List.of(SMALL));
    line.addAll(Stream.of(more).map(Object::toString).toList());
    line.addAll(line.contains("--depth") ? List.of() : List.of("--depth", "20"));
    line.addAll(line.contains("--rows") ? List.of() : List.of("--rows", "50"));
    CommandRun run = CommandRun.of(line.toArray(String[]::new));
    assertThat(run.code()).as(run.err()).isZero();
    return run;
  }

  private static JsonNode json(Object... more) throws IOException {
    return new ObjectMapper().readTree(done(Stream.concat(Stream.of("--json"), Stream.of(more)).toArray()).out());
  }

  /// He's weights are Xavier's times sqrt(2) here, so that 19 layers of relu make a factor of 2^19.
  @Test
  void heKeepsReluAndXavierDoesNot() throws IOException {
    JsonNode report = json("--init", "xavier_normal", "--init", "he_normal", "--init", "normal(0, sqrt(2/fan_in))");
    assertThat(report.get("recommended").asText()).isEqualTo("he_normal");
    assertThat(report.get("recipe").isNull()).isTrue();
    assertThat(report.get("features").asInt()).isEqualTo(64);
    JsonNode xavier = report.get("inits").get(0);
    JsonNode he = report.get("inits").get(1);
    assertThat(he.get("layers")).hasSize(20);
    assertThat(he.get("forward").asDouble() / xavier.get("forward").asDouble()).isCloseTo(1 << 19, withinPercentage(0.01));
    assertThat(he.get("backward").asDouble() / xavier.get("backward").asDouble()).isCloseTo(1 << 19, withinPercentage(0.01));
    assertThat(report.get("inits").get(2).get("layers")).as("the same law in other words").isEqualTo(he.get("layers"));
    String text = done("--init", "xavier_normal", "--init", "he_normal").out();
    assertThat(text).contains("20 layers of 64 units with relu; 50 rows of 64 features, N(0, 1), seed 0, on cpu by ")
        .contains("he_normal keeps the signal best:").contains("xavier_normal: the variance of layer 20 is ").doesNotContain("--auto");
    assertThat(text.lines().filter(line -> line.matches("(he_normal| ) +(1|6|10|11|15|20) .* %.*"))).as(text).hasSizeGreaterThanOrEqualTo(5);
    assertThat(done("--init", "zeros", "--init", "xavier_normal").out()).contains("none keeps the signal within a factor of 10; --auto searches")
        .contains("zeros: no signal is left in layer 1\n");
    // 64 x 1e3 times as much from layer to layer: 7 layers stay below 2^128, 9 do not, by how much a sum of 64 normals is away from 0.
    assertThat(done("--init", "constant(1e3)").out()).containsPattern("constant\\(1e3\\)?.*: the signal overflows F32 in layer [5-9]\n");
    assertThat(done().out()).contains("he_normal", "xavier_normal", "normal(0, 0.02)");
  }

  @Test
  void theSameSeedGivesTheSameReport() throws IOException {
    JsonNode report = json("--seed", "3");
    assertThat(json("--seed", "0x3")).isEqualTo(report);
    assertThat(json("--seed", "4")).isNotEqualTo(report);
  }

  /// What is printed is a rule that init takes, and an initializer that keeps the signal.
  @Test
  void theScaleThatIsFoundIsARule() throws IOException {
    JsonNode report = json("--auto", "--init", "xavier_normal", "--activation", "tanh");
    String rule = report.get("recipe").asText();
    assertThat(rule).matches("\\*\\.weight = variance_scaling\\(\\d\\.\\d+, in, normal\\)");
    assertThat(done("--auto", "--init", "xavier_normal", "--activation", "tanh").out().stripTrailing()).endsWith(rule);
    String init = rule.substring(rule.indexOf('=') + 2);
    assertThat(report.get("recommended").asText()).isEqualTo(init);
    JsonNode again = json("--init", init, "--activation", "tanh").get("inits").get(0);
    assertThat(again).isEqualTo(report.get("inits").get(1));
    assertThat(Math.log(again.get("forward").asDouble()) + Math.log(again.get("backward").asDouble())).isCloseTo(0, within(0.011));
    assertThat(CommandRun.of("init", "--tensor", "a.weight:F32[4,4]=zeros", "--out", dir.resolve("old.safetensors").toString()).code()).isZero();
    CommandRun plan = CommandRun.of("plan", dir.resolve("old.safetensors").toString(), "--set", rule);
    assertThat(plan.code()).as(plan.err()).isZero();
    assertThat(plan.out()).contains("normal(0, ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"relu", "gelu", "silu", "tanh", "sigmoid", "selu", "leaky_relu", "LINEAR"})
  void activations(String name) throws IOException {
    assertThat(json("--activation", name, "--init", "lecun_normal").get("activation").asText()).isEqualToIgnoringCase(name);
  }

  @Test
  void rowsOfAFile() throws IOException {
    SplittableRandom random = new SplittableRandom(1);
    double[] rows = random.doubles(40 * 6).toArray();
    Path file = npy(dir.resolve("x.npy"), rows, 40, 2, 3);
    JsonNode report = json("--data", file, "--init", "orthogonal", "--activation", "linear", "--depth", "1");
    assertThat(report.get("rows").asInt()).isEqualTo(40);
    assertThat(report.get("features").asInt()).isEqualTo(6);
    JsonNode layer = report.get("inits").get(0).get("layers").get(0);
    // 64 x 6 with orthonormal columns: the sum of squares stays, over 64 instead of 6 values in each row.
    double squares = Arrays.stream(rows).map(x -> x * x).sum() / (40 * 64);
    assertThat(layer.get("variance").asDouble() + Math.pow(layer.get("mean").asDouble(), 2)).isCloseTo(squares, withinPercentage(0.01));
    assertThat(json("--data", file, "--rows", "7").get("rows").asInt()).isEqualTo(7);
    rows[13] = Double.NaN;
    npy(file, rows, 40, 2, 3);
    CommandRun nan = CommandRun.of("compare", "--data", file.toString());
    assertThat(nan.err()).contains(file + ": row 2 has NaN as feature 1; give rows that are finite");
    assertThat(nan.code()).isEqualTo(2);
  }

  @Test
  void page() throws IOException {
    Path page = dir.resolve("compare.html");
    done("--html", page, "--auto", "--init", "he_normal", "--init", "constant(1e3)", "--init", "normal(0, min(1, 2))");
    String html = Files.readString(page);
    assertThat(html).doesNotContain("http").contains("20 layers of 64 units with relu", "variance of a layer's outputs", "Frobenius norm of the gradient", "share of a layer's units", "<code>*.weight = variance_scaling(");
    assertThat(html.split("<svg class=chart", -1)).hasSize(5);
    assertThat(html.split("<title>he_normal</title>", -1)).as("a line in each chart").hasSize(5);
    assertThat(html).doesNotContainPattern("points=\"[^\"]*[NI]");
    done("--html", page, "--depth", "1", "--init", "zeros");
    assertThat(Files.readString(page)).contains("1 layer of 64 units");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
      --depth 0                            | depth 0 and width 512: give at least 1 layer of 1 unit
      --width 0                            | width 0
      --depth deep                         | deep
      --rows 0                             | --rows 0: give at least 1 row
      --activation swish                   | RELU, LEAKY_RELU, SELU, GELU, SILU
      --init he_norml                      | did you mean 'he_normal'?
      --init dirac                         | --init 'dirac':
      --init normal(0,x)                   | --init 'normal(0,x)':
      --init normal(0,1e39)                | --init 'normal(0,1e39)':
      --init lsuv(data=none.npy)           | none.npy: no such file
      --auto --depth 1                     | a scale is looked for by what 2 layers or more do
      --data none.npy                      | none.npy: no such file
      --data pom.xml                       | is no npy, safetensors or IDX file
      --seed x                             | seed 'x' is not a 64-bit number
      --html pom.xml                       | pom.xml is there already
      --html none/x.html                   | there is no folder
      --device gpu                         | gpu
      """)
  void wrongInput(String line, String expected) {
    CommandRun run = CommandRun.of(("compare " + line.strip()).split(" +", -1));
    assertThat(run.code()).as(run.err()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
    assertThat(run.err()).contains("tensorseed: ").contains(expected).doesNotContain("\tat ").doesNotContain("Exception");
  }
}
