package io.github.tensorseed.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Fans.Layout;
import io.github.tensorseed.checkpoint.TensorSpec;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlanLikeTest {
  private Path folder = Path.of("");

  @BeforeEach
  void inFolder(@TempDir Path made) {
    folder = made;
  }

  @Test
  void takesNamesShapesAndTypes() throws IOException {
    Path file = write("""
        {"fc.bias": {"dtype": "F32", "shape": [3], "data_offsets": [16, 28]},
         "fc.weight": {"dtype": "BF16", "shape": [4, 2], "data_offsets": [0, 16]}}""", 28);
    List<String> sets = List.of("*.weight = constant(fan_in)", "*.bias = constant(layer_fan_in)");
    assertThat(Plan.like(file, Layout.OIHW, null, null, sets).tensors()).extracting(PlanLikeTest::text)
        .containsExactly("fc.weight BF16 [4, 2] constant(2)", "fc.bias F32 [3] constant(2)");
    assertThat(Plan.like(file, Layout.HWIO, DType.F16, null, sets).tensors()).extracting(PlanLikeTest::text)
        .containsExactly("fc.weight F16 [4, 2] constant(4)", "fc.bias F16 [3] constant(4)");
    assertThat(Plan.like(file, Layout.OIHW, null, Recipe.of("torch-default"), List.of()).tensors()).extracting(TensorSpec::expression)
        .allMatch(expression -> expression.startsWith("uniform(-0.7071067811865"));
  }

  /// A stand-in for ResNet's names: m = 2, so that the last convolution of a branch is zero; L = 16, a factor of 1/4.
  @Test
  void fixup() throws IOException {
    Path file = write("""
        {"layer1.0.conv1.weight": {"dtype": "F32", "shape": [2, 1, 1, 1], "data_offsets": [0, 8]},
         "layer1.0.conv2.weight": {"dtype": "F32", "shape": [2, 1, 1, 1], "data_offsets": [8, 16]},
         "layer1.0.scale": {"dtype": "F32", "shape": [1], "data_offsets": [16, 20]},
         "fc.bias": {"dtype": "F32", "shape": [1], "data_offsets": [20, 24]}}""", 24);
    assertThat(Plan.like(file, Layout.OIHW, null, Recipe.of("fixup(L=16, m=2)"), List.of()).tensors()).extracting(PlanLikeTest::text)
        .containsExactly("layer1.0.conv1.weight F32 [2, 1, 1, 1] normal(0, 0.25)", "layer1.0.conv2.weight F32 [2, 1, 1, 1] normal(0, 0)",
            "layer1.0.scale F32 [1] ones()", "fc.bias F32 [1] zeros()");
  }

  @Test
  void takesTheConfigurationBesideIt() throws IOException {
    write("{\"a\": {\"dtype\": \"F16\", \"shape\": [2], \"data_offsets\": [0, 4]}}", 4);
    List<String> sets = List.of("* = constant(hidden_size)");
    assertThatThrownBy(() -> Plan.like(folder, Layout.OIHW, null, null, sets))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("unknown name 'hidden_size'");
    Files.writeString(folder.resolve("config.json"),
        "{\"architectures\": [\"Unheard\"], \"hidden_size\": 64, \"torch_dtype\": \"float32\"}");
    Plan plan = Plan.like(folder, Layout.OIHW, null, null, sets);
    assertThat(plan.tensors()).extracting(PlanLikeTest::text).containsExactly("a F16 [2] constant(64)");
    assertThat(plan.config()).contains("Unheard", "\"torch_dtype\" : \"float16\"");
  }

  /// A folder goes by the template if there is one for its class, and else by its weights; a file always by its weights.
  @Test
  void aClassWithoutATemplateIsPlannedLikeItsWeights() throws IOException {
    Path file = write("{\"a\": {\"dtype\": \"F16\", \"shape\": [2], \"data_offsets\": [0, 4]}}", 4);
    Path config = folder.resolve("config.json");
    List<String> sets = List.of("* = constant(hidden_size)");
    for (String classes : List.of("\"architectures\": [\"FalconForCausalLM\"]", "\"architectures\": []", "\"x\": 1")) {
      Files.writeString(config, "{" + classes + ", \"hidden_size\": 64}");
      Plan plan = Plan.of(folder.toString(), null, null, sets);
      assertThat(plan.tensors()).extracting(PlanLikeTest::text).containsExactly("a F16 [2] constant(64)");
      assertThat(plan.config()).contains("hidden_size");
      // The configuration beside a file counts too.
      assertThat(Plan.of(file.toString(), null, null, sets)).isEqualTo(plan);
    }
    assertThatThrownBy(() -> Plan.of(folder.toString(), null, null, List.of()))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("needs a recipe");
    assertThatThrownBy(() -> Plan.of(config.toString(), null, null, sets)).isInstanceOf(IllegalArgumentException.class);

    Files.writeString(config, """
        {"architectures": ["GPT2Model"], "n_embd": 4, "n_layer": 1, "n_positions": 4, "vocab_size": 10}""");
    assertThat(Plan.of(folder.toString(), null, null, List.of())).isEqualTo(Plan.of(config.toString(), null, null, List.of()));
    assertThat(Plan.of(file.toString(), null, null, sets).tensors()).hasSize(1);
  }

  @Test
  void anIndexStandsForItsFolder() throws IOException {
    Path weights = write("{\"a\": {\"dtype\": \"F16\", \"shape\": [3, 2], \"data_offsets\": [0, 12]}}", 12);
    Files.move(weights, folder.resolve("model-00001-of-00001.safetensors"));
    Path index = Files.writeString(folder.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {\"a\": \"model-00001-of-00001.safetensors\"}}");
    Path config = Files.writeString(folder.resolve("config.json"), "{\"architectures\": [\"Unheard\"], \"k\": 7}");
    List<String> sets = List.of("* = constant(fan_in + k)");
    for (Path path : List.of(index, folder)) {
      assertThat(Plan.of(path.toString(), Layout.OIHW, null, null, sets).tensors()).extracting(PlanLikeTest::text)
          .containsExactly("a F16 [3, 2] constant(9)");
      assertThat(Plan.of(path.toString(), Layout.HWIO, null, null, sets).tensors()).extracting(PlanLikeTest::text)
          .containsExactly("a F16 [3, 2] constant(10)");
    }
    Files.writeString(config, """
        {"architectures": ["GPT2Model"], "n_embd": 4, "n_layer": 1, "n_positions": 4, "vocab_size": 10}""");
    assertThat(Plan.of(index.toString(), null, null, List.of())).isEqualTo(Plan.of(config.toString(), null, null, List.of()));
  }

  @Test
  void faults() throws IOException {
    Path file = write("{\"n\": {\"dtype\": \"I64\", \"shape\": [1], \"data_offsets\": [0, 8]}}", 8);
    assertThatThrownBy(() -> Plan.like(file, Layout.OIHW, null, null, List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("needs a recipe");
    assertThatThrownBy(() -> Plan.like(file, Layout.OIHW, null, null, List.of("* = normal(0, 1)")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("tensor 'n'").hasMessageContaining("I64");
    assertThatThrownBy(() -> Plan.like(file, Layout.OIHW, null, null, List.of("* = constant(0.5)")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("constant(0.5) is no value of I64");
    Path empty = write("{}", 0);
    assertThatThrownBy(() -> Plan.like(empty, Layout.OIHW, null, null, List.of("* = ones()")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0 tensors");
    assertThatThrownBy(() -> Plan.like(folder.resolve("none"), Layout.OIHW, null, null, List.of("* = ones()")))
        .isInstanceOf(IOException.class);
  }

  private static String text(TensorSpec tensor) {
    return tensor.name() + " " + tensor.type() + " " + tensor.shape() + " " + tensor.expression();
  }

  private Path write(String header, int bytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer file = ByteBuffer.allocate(8 + json.length + bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json);
    return Files.write(folder.resolve("model.safetensors"), file.array());
  }
}
