package io.github.tensorseed.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.checkpoint.CheckpointWriter;
import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelConfigTest {
  private static final String GPT2 = """
      {"architectures": ["GPT2Model"], "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 4, "vocab_size": 10}""";

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "1", "null", "{\"a\": 1, \"a\": 2}", "{} {}", "{\"a\": NaN}", "{'a': 1}", "{\"a\": 01}",
      "{\"a\": 1,}", "{\"a\": \"\u0001\"}"})
  void malformed(String json) {
    assertThatThrownBy(() -> parse(json)).isInstanceOf(IOException.class).hasMessageContaining("config.json: malformed JSON at byte");
  }

  @Test
  void malformedBytes() {
    assertThatThrownBy(() -> ModelConfig.parse("config.json", new byte[] {'{', '"', (byte) 0xc3, '"', ':', '1', '}'}))
        .isInstanceOf(IOException.class).hasMessageContaining("malformed JSON");
    assertThatThrownBy(() -> parse("[".repeat(100_000))).isInstanceOf(IOException.class).hasMessageContaining("nesting depth");
    assertThatThrownBy(() -> parse("{\"a\":".repeat(100) + "1" + "}".repeat(100))).isInstanceOf(IOException.class);
    assertThatThrownBy(() -> parse("{\"a\": " + "9".repeat(1000) + "}")).isInstanceOf(IOException.class);
  }

  /// What has a plan can be written: beside weights the text is read again, with limits of its own.
  @Test
  void limitsAreThoseOfWriting(@TempDir Path folder) throws IOException {
    String deepest = """
        {"architectures": ["GPT2Model"], "n_embd": 4, "n_layer": 1, "n_positions": 4, "vocab_size": 10, "a": %s}""";
    String nested = "[".repeat(15) + "]".repeat(15);
    for (String value : List.of(nested, "9".repeat(100))) {
      Plan plan = Plan.of(parse(deepest.formatted(value)), null, null, List.of("* = zeros()"));
      try (Device device = CpuDevice.open(1)) {
        new CheckpointWriter(device, 1).write(ShardLayout.of(plan.tensors(), 0, 1 << 20), folder.resolve("" + value.length()),
            plan.config(), CheckpointWriter.Existing.REFUSE, CheckpointWriter.Part.WHOLE);
      }
    }
    assertThatThrownBy(() -> parse(deepest.formatted("[" + nested + "]"))).isInstanceOf(IOException.class).hasMessageContaining("depth");
    assertThatThrownBy(() -> parse(deepest.formatted("9".repeat(101)))).isInstanceOf(IOException.class).hasMessageContaining("101");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "\"n_embd\": 8 | \"n_embd\": -8 | \"n_embd\" is -8; it must be a whole number from 1 to 2147483647",
      "\"n_embd\": 8 | \"n_embd\": 8.0 | \"n_embd\" is 8.0",
      "\"n_embd\": 8 | \"n_embd\": \"8\" | \"n_embd\" is \"8\"",
      "\"n_embd\": 8 | \"n_embd\": 0 | \"n_embd\" is 0",
      "\"n_embd\": 8 | \"n_embd\": 99999999999999999999 | \"n_embd\" is 99999999999999999999",
      "\"n_embd\": 8 | \"n_embd\": null | the key \"n_embd\" is missing; GPT2Model needs it",
      "\"n_layer\": 1 | \"n_layer\": 1000000000 | 1000000000 blocks 'h' of 12 tensors are 12000000000 tensors; a model may have 262144",
      "\"n_embd\": 8 | \"n_embd\": 2147483647 | tensor 'h.0.attn.c_attn.weight': shape [2147483647, 6442450941] has more than",
      "GPT2Model | GPT2Modle | did you mean 'GPT2Model'?",
      "GPT2Model | FalconForCausalLM | Templates are there for GPT2, Llama,",
      "[\"GPT2Model\"] | [] | \"architectures\" is []",
      "[\"GPT2Model\"] | \"GPT2Model\" | \"architectures\" is \"GPT2Model\"; it must be a list",
      "\"n_head\": 2 | \"quantization_config\": {\"bits\": 4} | \"quantization_config\"",
      "\"n_head\": 2 | \"add_cross_attention\": true | \"add_cross_attention\" is true; it must be false",
      "\"n_head\": 2 | \"dtype\": \"int8\" | \"dtype\" is \"int8\"; it must be a dtype we can write"})
  void wrongValues(String part, String replacement, String message) throws IOException {
    ModelConfig config = parse(GPT2.replace(part, replacement));
    assertThatIllegalArgumentException().isThrownBy(() -> Plan.of(config, null, null, List.of())).withMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "\"num_attention_heads\": 12 | \"num_attention_heads\": 1000 | is 1000; it must be a divisor of \"hidden_size\", 8",
      "\"num_attention_heads\": 12 | \"num_attention_heads\": 12, \"num_key_value_heads\": 5 | is 5; it must be a divisor of",
      "\"tie_word_embeddings\": true | \"tie_word_embeddings\": 1 | \"tie_word_embeddings\" is 1; it must be true or false",
      "\"head_dim\": 4 | \"head_dim\": 1.5 | \"head_dim\" is 1.5"})
  void wrongValuesOfLlama(String part, String replacement, String message) throws IOException {
    String llama = """
        {"architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 8, "vocab_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 12, "tie_word_embeddings": true, "head_dim": 4}""";
    ModelConfig config = parse(llama.replace(part, replacement).replace(replacement.contains("1000") ? ", \"head_dim\": 4" : "\0", ""));
    assertThatIllegalArgumentException().isThrownBy(() -> Plan.of(config, null, null, List.of())).withMessageContaining(message);
  }

  @Test
  void dtypes() throws IOException {
    assertThat(parse(GPT2).dtype()).isEmpty();
    assertThat(parse("{\"torch_dtype\": \"torch.float16\"}").dtype()).contains(DType.F16);
    assertThat(parse("{\"dtype\": \"bfloat16\", \"torch_dtype\": \"float32\"}").dtype()).contains(DType.BF16);
    assertThat(parse("{\"dtype\": null, \"torch_dtype\": \"float64\"}").dtype()).contains(DType.F64);
    for (DType dtype : DType.values()) {
      assertThat(parse(parse(GPT2).json(dtype)).dtype()).contains(dtype);
      assertThat(parse(parse("{\"dtype\": \"int8\"}").json(dtype)).dtype()).contains(dtype);
    }
    assertThat(parse("{\"dtype\": \"float32\"}").json(DType.F16)).doesNotContain("torch_dtype");
  }

  /// Everything else stays as it was, in its order.
  @Test
  void unknownKeysAreKept() throws IOException {
    String json = "{\"z\": {\"a\": [1, null]}, \"rms_norm_eps\": 1e-05, \"torch_dtype\": \"float32\", \"b\": 12345678901234567890}";
    assertThat(parse(json).json(DType.F32))
        .contains("\"z\" : {").containsSubsequence("\"z\"", "\"rms_norm_eps\" : 1.0E-5", "\"torch_dtype\"", "12345678901234567890");
  }

  @Test
  void variables() throws IOException {
    assertThat(parse(GPT2).variables()).containsEntry("n_embd", 8.0).containsEntry("hidden_size", 8.0)
        .containsEntry("num_hidden_layers", 1.0).containsEntry("initializer_range", 0.02).containsEntry("norm_neutral", 1.0)
        .doesNotContainKey("architectures");
    assertThat(parse("{\"num_hidden_layers\": 3, \"initializer_range\": 0.5, \"model_type\": \"gemma2\", \"big\": 1e999}").variables())
        .containsEntry("n_layer", 3.0).containsEntry("initializer_range", 0.5).containsEntry("norm_neutral", 0.0).doesNotContainKey("big");
  }

  /// The class decides; the type does where we have no template for the class, by transformers' norms: `1.0 + self.weight` in Gemma,
  /// Gemma 2 and Gemma 3, `self.weight` in Gemma 3n.
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "\"architectures\": [\"GemmaForCausalLM\"] | 0", "\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"gemma\" | 1",
      "\"architectures\": [\"Gemma2ForCausalLM\"], \"model_type\": \"gemma2\" | 0", "\"model_type\": \"gemma3_text\" | 0",
      "\"architectures\": [\"Gemma3nForConditionalGeneration\"], \"model_type\": \"gemma3n\" | 1",
      "\"model_type\": \"gemma3n_text\" | 1"})
  void neutralNorms(String keys, double neutral) throws IOException {
    assertThat(parse("{" + keys + "}").variables()).containsEntry("norm_neutral", neutral);
  }

  @Test
  void paths(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("config.json"), GPT2);
    assertThat(Plan.of(folder.toString(), null, null, List.of())).isEqualTo(Plan.of(file.toString(), null, null, List.of()));
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThatThrownBy(() -> ModelConfig.of(empty.toString())).isInstanceOf(IOException.class).hasMessageContaining("no such file");
    Path large = folder.resolve("large.json");
    Files.write(large, new byte[(2 << 20) + 1]);
    assertThatThrownBy(() -> ModelConfig.of(large.toString())).isInstanceOf(IOException.class)
        .hasMessageContaining("larger than 2097152 bytes");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {"gtp2 | did you mean 'gpt2'?", "meta-llama/Llama-3.2-1B | did you mean 'llama-3.2-1b'?",
      "no-such-thing-at-all | known: gpt2, gpt2-medium", "no-such-thing-at-all | nor the path of a config.json", "'' | unknown model ''"})
  void unknownNames(String name, String message) {
    assertThatIllegalArgumentException().isThrownBy(() -> ModelConfig.of(name)).withMessageContaining(message);
  }

  private static ModelConfig parse(String json) throws IOException {
    return ModelConfig.parse("config.json", json.getBytes(StandardCharsets.UTF_8));
  }
}
