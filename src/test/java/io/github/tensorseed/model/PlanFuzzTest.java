package io.github.tensorseed.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

/// Whatever is in a configuration, a recipe or a rule: there is a plan, or one of the two exceptions that say what is wrong.
class PlanFuzzTest {
  private static final List<String> KEYS = List.of(
      "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
      "max_position_embeddings", "type_vocab_size", "image_size", "patch_size", "num_channels", "encoder_stride", "num_local_experts",
      "n_inner", "pad_token_id", "num_labels", "id2label", "attention_bias", "tie_word_embeddings", "dtype", "torch_dtype",
      "architectures", "initializer_range", "qkv_bias", "model_type", "quantization_config", "x");
  private static final List<String> VALUES = List.of(
      "1", "2", "3", "7", "0", "-1", "null", "true", "false", "2147483647", "2147483648", "1e3", "9223372036854775807",
      "9223372036854775808", "-9223372036854775808", "1e999", "0.02", "-0.5", "\"1\"", "[]", "[2, 3]", "[1, 2, 3]", "[-1, 2]", "{}",
      "{\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}", "\"float16\"", "\"int8\"", "[null]", "[[\"GPT2Model\"]]", "\"\"", "\"gemma\"");

  @Property(tries = 10_000)
  void configurations(@ForAll("edits") List<String[]> edits, @ForAll("architectures") String architecture) {
    StringBuilder json = new StringBuilder("{\"architectures\": [\"" + architecture + "\"]");
    for (String key : List.of("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
        "max_position_embeddings", "num_local_experts")) {
      if (edits.stream().noneMatch(edit -> edit[0].equals(key))) {
        json.append(", \"").append(key).append("\": 4");
      }
    }
    for (String[] edit : edits) {
      json.append(", \"").append(edit[0]).append("\": ").append(edit[1]);
    }
    check(json.append('}').toString().getBytes(StandardCharsets.UTF_8), null);
  }

  @Property(tries = 10_000)
  void damagedBytes(@ForAll("architectures") String architecture, @ForAll @IntRange(max = 250) int position, @ForAll byte value,
      @ForAll boolean cut) {
    byte[] json = ("{\"architectures\": [\"" + architecture + "\"], \"hidden_size\": 8, \"intermediate_size\": 8, \"vocab_size\": 10,"
        + " \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"max_position_embeddings\": 4}").getBytes(StandardCharsets.UTF_8);
    int at = Math.min(position, json.length - 1);
    json[at] = value;
    check(cut ? Arrays.copyOf(json, at) : json, "* = zeros()");
  }

  @Property(tries = 10_000)
  void recipes(@ForAll("texts") String recipe, @ForAll("texts") String set) {
    byte[] gpt2 = "{\"architectures\": [\"GPT2Model\"], \"n_embd\": 4, \"n_layer\": 2, \"n_positions\": 4, \"vocab_size\": 10}"
        .getBytes(StandardCharsets.UTF_8);
    check(gpt2, recipe);
    try {
      Plan.of(ModelConfig.parse("config.json", gpt2), DType.F16, null, List.of(set));
    } catch (IllegalArgumentException | IOException e) {
      assertThat(e).hasMessageMatching("(?s).+");
    }
    try {
      assertThat(Plan.ofTensors(List.of(set))).isEqualTo(Plan.ofTensors(List.of(set)));
    } catch (IllegalArgumentException e) {
      assertThat(e).hasMessageMatching("(?s).+");
    }
    try {
      Recipe.of(set);
    } catch (IllegalArgumentException | IOException e) {
      assertThat(e).hasMessageMatching("(?s).+");
    }
  }

  /// The same input gives the same plan, and what it writes can be read again.
  private static void check(byte[] json, @Nullable String recipe) {
    try {
      ModelConfig config = ModelConfig.parse("config.json", json);
      Recipe rules = recipe == null ? null : Recipe.parse("mine", recipe);
      Plan plan = Plan.of(config, null, rules, List.of());
      assertThat(plan).isEqualTo(Plan.of(config, null, rules, List.of()));
      byte[] written = Objects.requireNonNull(plan.config()).getBytes(StandardCharsets.UTF_8);
      assertThat(Plan.of(ModelConfig.parse("config.json", written), null, rules, List.of()).tensors()).isEqualTo(plan.tensors());
    } catch (IllegalArgumentException | IOException e) {
      assertThat(e).hasMessageMatching("(?s).+");
    }
  }

  @Provide
  Arbitrary<List<String[]>> edits() {
    Arbitrary<String[]> edit = Combinators.combine(Arbitraries.of(KEYS), Arbitraries.of(VALUES))
        .as((key, value) -> new String[] {key, value});
    return edit.list().ofMaxSize(3);
  }

  @Provide
  Arbitrary<String> architectures() {
    return Arbitraries.of(Family.allArchitectures());
  }

  @Provide
  Arbitrary<String> texts() {
    return Arbitraries.of(
        "*", "?", "{l}", "{", "}", "h.", "ln_1.", "weight", "bias", ".", " ", "=", " = ", "\n", "#", "zeros()", "ones()", "normal(0, ",
        "0.02", "sqrt(", "l", "fan_in", ")", "(", ",", "/", "^", "he_normal()", "with row(", "-1", "1e400", "a:F32[", "2,3", "]", ":",
        "mup", "width_mult", "\u0000", "\ud800", "\uffff", "n_layer", "constant(")
        .list().ofMaxSize(14).map(parts -> String.join("", parts));
  }
}
