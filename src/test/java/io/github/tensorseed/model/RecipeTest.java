package io.github.tensorseed.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.TensorSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecipeTest {
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      // gpt2 and megatron: 0.02 / sqrt(2 * 12); neox: sqrt(2 / (5 * 768)) and 2 / (12 sqrt(768))
      "gpt2 | gpt2 | h.0.mlp.c_proj.weight | normal(0, 0.004082482904638631)",
      "gpt2 | gpt2 | h.0.mlp.c_fc.weight | normal(0, 0.02)",
      "megatron | gpt2 | h.0.attn.c_proj.weight | normal(0, 0.004082482904638631)",
      "megatron | llama-3-8b | model.layers.0.mlp.down_proj.weight | normal(0, 0.0025)",
      "megatron | mixtral-8x7b | model.layers.0.block_sparse_moe.experts.0.w2.weight | normal(0, 0.0025)",
      "megatron | bert-base-uncased | bert.encoder.layer.0.output.dense.weight | normal(0, 0.004082482904638631)",
      "megatron | gpt-neox-20b | gpt_neox.layers.0.attention.dense.weight | normal(0, 0.00213200716355610434)",
      "neox | gpt2 | wte.weight | normal(0, 0.022821773229381923)",
      "neox | gpt2 | h.0.attn.c_proj.weight | normal(0, 0.006014065304058602)",
      "llama | gemma-2b | model.norm.weight | zeros()",
      "llama | llama-3-8b | model.norm.weight | ones()",
      "vit | vit-base | vit.encoder.layer.0.output.dense.weight | truncated_normal(0, 0.02, -2, 2)",
      // layer 3 of width 4096 and inner width 14336: 1/sqrt(2 * 4096 * 4), 1/sqrt(2 * 14336 * 4); else 1/sqrt(4096)
      "olmo | llama-3-8b | model.layers.3.self_attn.o_proj.weight | truncated_normal(0, 0.0055242717, -0.0165728152, 0.0165728152)",
      "olmo | llama-3-8b | model.layers.3.mlp.down_proj.weight | truncated_normal(0, 0.0029528475, -0.0088585424, 0.0088585424)",
      "olmo | llama-3-8b | model.embed_tokens.weight | truncated_normal(0, 0.015625, -0.046875, 0.046875)",
      "torchtitan | llama-3-8b | model.layers.7.mlp.up_proj.weight | truncated_normal(0, 0.005, -2, 2)",
      "torchtitan | llama-3-8b | model.layers.7.mlp.gate_proj.weight | truncated_normal(0, 0.02, -2, 2)",
      "torchtitan | llama-3-8b | lm_head.weight | truncated_normal(0, 0.015625, -0.046875, 0.046875)",
      "torchtitan | llama-3-8b | model.embed_tokens.weight | normal(0, 1)",
      // (8 * 32)^(-1/4) = 1/4, times sqrt(2 / (4096 + 4096)) = 1/64
      "deepnorm | llama-2-7b | model.layers.0.self_attn.v_proj.weight | normal(0, 0.00390625)",
      "deepnorm | llama-2-7b | model.layers.0.self_attn.q_proj.weight | normal(0, 0.015625)",
      "mup(width_mult=4) | llama-3-8b | model.layers.0.self_attn.q_proj.weight | normal(0, 0.01)",
      "mup(width_mult=4) | llama-3-8b | model.embed_tokens.weight | normal(0, 0.02)",
      // Where only the inputs grow nothing shrinks: heads and routers.
      "mup(width_mult=4) | mixtral-8x7b | model.layers.0.block_sparse_moe.gate.weight | normal(0, 0.02)",
      "mup(width_mult=4) | mixtral-8x7b | model.layers.0.block_sparse_moe.experts.0.w1.weight | normal(0, 0.01)",
      "mup(width_mult=4) | bert-base-uncased | cls.seq_relationship.weight | normal(0, 0.02)",
      "mup(width_mult=4) | bert-base-uncased | cls.predictions.transform.dense.weight | normal(0, 0.01)",
      "torch-default | gpt-neox-20b | embed_out.weight | uniform(-0.012757759076995719, 0.012757759076995719)",
      "torch-default | bert-base-uncased | bert.encoder.layer.0.output.dense.bias | uniform(-0.018042195912175808, 0.018042195912175808)",
      "torch-default | bert-base-uncased | bert.embeddings.LayerNorm.bias | zeros()",
      "keras-default | bert-base-uncased | bert.embeddings.word_embeddings.weight | uniform(-0.05, 0.05)",
      "keras-default | vit-base | classifier.weight | uniform(-0.0582551728, 0.0582551728)"})
  void builtIn(String recipe, String model, String name, String expected) throws IOException {
    String actual = Objects.requireNonNull(expressions(Plan.of(model, null, Recipe.of(recipe), List.of())).get(name));
    assertThat(numbers(actual)).containsExactly(numbers(expected), within(1e-9));
    assertThat(actual.replaceAll("[0-9.]+", "")).isEqualTo(expected.replaceAll("[0-9.]+", ""));
  }

  private static double[] numbers(String expression) {
    return Pattern.compile("[0-9.]+").matcher(expression).results().mapToDouble(r -> Double.parseDouble(r.group())).toArray();
  }

  @ParameterizedTest
  @CsvSource({"BertForMaskedLM, cls.predictions.decoder.weight, 0.02", "BertForMaskedLM, cls.predictions.transform.dense.weight, 0.01",
      "ViTForMaskedImageModeling, decoder.0.weight, 0.02"})
  void mupKeepsHeads(String architecture, String name, double deviation) throws IOException {
    String config = """
        {"architectures": ["%s"], "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
         "vocab_size": 10, "max_position_embeddings": 4, "tie_word_embeddings": false}""".formatted(architecture);
    ModelConfig parsed = ModelConfig.parse("config.json", config.getBytes(StandardCharsets.UTF_8));
    assertThat(expressions(Plan.of(parsed, null, Recipe.of("mup(width_mult=4)"), List.of())))
        .containsEntry(name, "normal(0, " + deviation + ")");
  }

  /// Every recipe for transformers has a rule for every tensor of every built-in model.
  @Test
  void builtInRecipesCoverTheBuiltInModels() throws IOException {
    for (String name : Recipe.builtInNames()) {
      Recipe recipe = Recipe.of(name.equals("mup") ? "mup(width_mult=2)" : name);
      for (String model : ModelConfig.builtInNames()) {
        boolean fused = name.equals("deepnorm") && model.startsWith("gpt");
        if (fused || name.equals("fixup")) {
          assertThatThrownBy(() -> Plan.of(model, null, recipe, List.of())).isInstanceOf(IllegalArgumentException.class)
              .hasMessageContaining("no rule matches tensor");
        } else {
          assertThat(Plan.of(model, null, recipe, List.of()).tensors()).as(name + " for " + model).isNotEmpty();
        }
      }
    }
  }

  /// Without a model: 3 is l, and 4 the fan-in of \[9, 2, 2\].
  @Test
  void initializersByName() throws IOException {
    Recipe mine = Recipe.parse("mine", "{l}.weight = normal(0, 1/l)\n*.weight = he_normal()\n*.bias = normal(0, width)");
    assertThat(mine.initializer("3.weight").resolve(Shape.of(2, 2))).hasToString("normal(0, " + 1 / 3. + ")");
    assertThat(mine.initializer("a.weight").resolve(Shape.of(9, 2, 2))).hasToString("normal(0, " + Math.sqrt(2 / 4.) + ")");
    assertThatThrownBy(() -> mine.initializer("a.bias").resolve(Shape.of(2))).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("mine line 3: ").hasMessageContaining("width");
    assertThatThrownBy(() -> mine.initializer("a.scale")).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no rule matches 'a.scale'");
    Recipe mup = Recipe.of("mup(width_mult=4, initializer_range=0.02)"); // 0.02 / sqrt(4)
    assertThat(mup.initializer("model.layers.0.self_attn.q_proj.weight").resolve(Shape.of(8, 8))).hasToString("normal(0, 0.01)");
  }

  @Test
  void filesAndTheirComments(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("my.recipe"), "# all\r\n\n  *.weight=normal(0, 0.5)   # half\r\n\t* = zeros()\n");
    Map<String, String> all = expressions(Plan.of("gpt2", null, Recipe.of(file.toString()), List.of()));
    assertThat(all).containsEntry("wte.weight", "normal(0, 0.5)").containsEntry("ln_f.bias", "zeros()");
  }

  /// Some editors begin a file with U+FEFF.
  @Test
  void aByteOrderMarkIsNoPartOfTheFirstPattern(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("marked.recipe"), "\ufeffwte.weight = normal(0, 0.5)\n* = zeros()\n");
    Map<String, String> all = expressions(Plan.of("gpt2", null, Recipe.of(file.toString()), List.of()));
    assertThat(all).containsEntry("wte.weight", "normal(0, 0.5)").containsEntry("wpe.weight", "zeros()");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "* zeros() | mine line 3 column 10: expected '='",
      "a{ = zeros() | mine line 3: pattern 'a{' column 2",
      "= zeros() | mine line 3: an empty pattern",
      "* = zeroes() | mine line 3: unknown initializer 'zeroes'; did you mean 'zeros'? (column 5)",
      "* = normal(0, 1 | (column 16)",
      "* = | (column 4)"})
  void faultyRules(String line, String message) {
    assertThatThrownBy(() -> Recipe.parse("mine", "# first\n\n" + line)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void faultsInUse() throws IOException {
    Recipe unknown = Recipe.parse("mine", "* = normal(0, width^-0.5)");
    assertThatThrownBy(() -> Plan.of("gpt2", null, unknown, List.of())).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("tensor 'wte.weight' [50257, 768], mine line 1: unknown name 'width'").hasMessageContaining("(column 15)");
    Recipe mup = Recipe.of("mup");
    assertThatThrownBy(() -> Plan.of("gpt2", null, mup, List.of())).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("unknown name 'width_mult'").hasMessageContaining("as in mup(width_mult=8)");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
      "megatorn | unknown recipe 'megatorn'", "megatorn | did you mean 'megatron'?", "megatorn(x=1) | did you mean 'megatron'?",
      "mup(width_mult) | \"'width_mult' must be a variable and its value\"", "mup(1=2) | \"'1=2' must be\"", "mup(a=b) | \"'a=b' must be\"",
      "mup(a=1,) | \"'' must be\"", "mup(a=1e999) | \"'a=1e999' must be\"", "\"\" | unknown recipe ''", "\u0000 | unknown recipe"})
  void faultyNames(String name, String message) {
    assertThatThrownBy(() -> Recipe.of(name)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
  }

  private static Map<String, String> expressions(Plan plan) {
    Map<String, String> all = new TreeMap<>();
    for (TensorSpec tensor : plan.tensors()) {
      all.put(tensor.name(), tensor.expression());
    }
    return all;
  }
}
