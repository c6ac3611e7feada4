package io.github.tensorseed.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.checkpoint.StoredType;
import io.github.tensorseed.checkpoint.TensorSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanTest {
  /// Where the numbers come from: GPT-2: the public checkpoints' tensors, without the attn.bias buffers. Llama, Mistral, Mixtral, Qwen,
  /// Gemma: "params" or total_size / 2 of the public checkpoints' safetensors indices (tied heads counted once). GPT-NeoX:
  /// 12 L d^2 + 13 L d + 2 d + 2 V d of arXiv 2204.06745's dimensions. BERT: the public checkpoint's tensors, as BertForPreTraining.
  /// ViT: timm's vit_base_patch16_224 and vit_large_patch16_224.
  @ParameterizedTest
  @CsvSource({
      "gpt2, 124439808, 148", "gpt2-medium, 354823168, 292", "gpt2-large, 774030080, 436", "gpt2-xl, 1557611200, 580",
      "llama-2-7b, 6738415616, 291", "llama-3-8b, 8030261248, 291", "llama-3-70b, 70553706496, 723",
      "llama-3.1-8b, 8030261248, 291", "llama-3.1-70b, 70553706496, 723", "llama-3.1-405b, 405853388800, 1137",
      "llama-3.2-1b, 1235814400, 146", "llama-3.2-3b, 3212749824, 254",
      "mistral-7b-v0.1, 7241732096, 291", "mistral-7b-v0.3, 7248023552, 291", "mixtral-8x7b, 46702792704, 995",
      "qwen2-0.5b, 494032768, 290", "qwen2-7b, 7615616512, 339", "qwen3-0.6b, 596049920, 310", "qwen3-8b, 8190735360, 399",
      "gemma-2b, 2506172416, 164", "gemma-7b, 8537680896, 254", "gpt-neox-20b, 20554567680, 532",
      "bert-base-uncased, 110106428, 206", "bert-large-uncased, 336226108, 398",
      "vit-base, 86567656, 200", "vit-large, 304326632, 392"})
  void builtInModels(String name, long parameters, int tensors) throws IOException {
    Plan plan = Plan.of(name, null, null, List.of());
    assertThat(plan.parameters()).isEqualTo(parameters);
    assertThat(plan.tensors()).hasSize(tensors);
  }

  @Test
  void everyBuiltInModelIsCounted() throws Exception {
    CsvSource counted = PlanTest.class.getDeclaredMethod("builtInModels", String.class, long.class, int.class)
        .getAnnotation(CsvSource.class);
    assertThat(counted.value()).extracting(line -> line.substring(0, line.indexOf(','))).hasSameElementsAs(ModelConfig.builtInNames());
  }

  /// The other classes of BERT and ViT whose sizes are well known: "110M" is BertModel with its pooler, of 590,592; ViTModel is timm's
  /// without the head and with the pooler.
  @ParameterizedTest
  @CsvSource({"bert-base-uncased, BertModel, 109482240", "bert-base-uncased, BertForMaskedLM, 109514298",
      "bert-base-uncased, BertLMHeadModel, 109514298", "bert-base-uncased, BertForNextSentencePrediction, 109483778",
      "bert-base-uncased, BertForSequenceClassification, 109483778", "bert-base-uncased, BertForMultipleChoice, 109483009",
      "bert-base-uncased, BertForTokenClassification, 108893186", "bert-base-uncased, BertForQuestionAnswering, 108893186",
      "vit-base, ViTModel, 86389248", "gpt2, GPT2LMHeadModel, 124439808",
      "llama-3.2-1b, LlamaModel, 1235814400", "llama-3-8b, LlamaModel, 7504924672", "gpt2, GPT2ForSequenceClassification, 124441344"})
  void otherClasses(String name, String architecture, long parameters) throws IOException {
    assertThat(plan(name, architecture).parameters()).isEqualTo(parameters);
  }

  @Test
  void everyArchitectureHasAPlan() throws IOException {
    Map<String, String> models = Map.of("GPT2", "gpt2", "Llama", "llama-3.2-1b", "Mistral", "mistral-7b-v0.1", "Mixtral", "mixtral-8x7b",
        "Qwen2", "qwen2-7b", "Qwen3", "qwen3-8b", "Gemma", "gemma-2b", "GPTNeoX", "gpt-neox-20b",
        "Bert", "bert-base-uncased", "ViT", "vit-base");
    for (String architecture : Family.allArchitectures()) {
      String family = architecture.replaceFirst("(Model|LMHeadModel|For.*)$", "");
      Plan plan = plan(Objects.requireNonNull(models.get(family)), architecture);
      assertThat(plan.tensors()).as(architecture).isNotEmpty();
      // Only the model alone has no prefix.
      assertThat(plan.tensors().getFirst().name().matches("(transformer|model|gpt_neox|bert|vit)\\..*"))
          .as(architecture).isEqualTo(!architecture.equals(family + "Model"));
    }
  }

  /// The tensors of the public checkpoint `gpt2`, but for its buffers h.*.attn.bias.
  @Test
  void gpt2HasTheNamesOfThePublicCheckpoint() throws IOException {
    List<String> expected = new ArrayList<>(List.of("wte.weight", "wpe.weight", "ln_f.weight", "ln_f.bias"));
    for (int i = 0; i < 12; i++) {
      for (String name : List.of("ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight",
          "attn.c_proj.bias", "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias")) {
        expected.add("h." + i + "." + name);
      }
    }
    Map<String, String> shapes = shapes(Plan.of("gpt2", null, null, List.of()));
    assertThat(shapes.keySet()).containsExactlyInAnyOrderElementsOf(expected);
    assertThat(shapes).containsEntry("wte.weight", "[50257, 768]").containsEntry("wpe.weight", "[1024, 768]")
        .containsEntry("h.0.attn.c_attn.weight", "[768, 2304]").containsEntry("h.0.attn.c_attn.bias", "[2304]")
        .containsEntry("h.11.mlp.c_fc.weight", "[768, 3072]").containsEntry("h.11.mlp.c_proj.weight", "[3072, 768]");
  }

  /// Names, shapes as in the public checkpoints' indices and headers.
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "llama-3-8b | model.layers.31.self_attn.k_proj.weight | [1024, 4096]",
      "llama-3-8b | lm_head.weight | [128256, 4096]",
      "llama-3.2-1b | model.layers.15.mlp.down_proj.weight | [2048, 8192]",
      "mistral-7b-v0.3 | model.embed_tokens.weight | [32768, 4096]",
      "mixtral-8x7b | model.layers.0.block_sparse_moe.experts.7.w2.weight | [4096, 14336]",
      "mixtral-8x7b | model.layers.31.block_sparse_moe.gate.weight | [8, 4096]",
      "qwen2-7b | model.layers.27.self_attn.k_proj.bias | [512]",
      "qwen3-8b | model.layers.0.self_attn.q_norm.weight | [128]",
      "gemma-2b | model.layers.0.self_attn.k_proj.weight | [256, 2048]",
      "gemma-7b | model.layers.0.self_attn.q_proj.weight | [4096, 3072]",
      "gpt-neox-20b | gpt_neox.layers.43.attention.query_key_value.weight | [18432, 6144]",
      "gpt-neox-20b | embed_out.weight | [50432, 6144]",
      "bert-base-uncased | bert.encoder.layer.0.attention.self.query.weight | [768, 768]",
      "bert-base-uncased | bert.embeddings.LayerNorm.weight | [768]",
      "bert-base-uncased | cls.predictions.bias | [30522]",
      "bert-base-uncased | cls.seq_relationship.weight | [2, 768]",
      "vit-base | vit.embeddings.patch_embeddings.projection.weight | [768, 3, 16, 16]",
      "vit-base | vit.embeddings.position_embeddings | [1, 197, 768]",
      "vit-base | vit.encoder.layer.0.attention.attention.query.weight | [768, 768]",
      "vit-base | classifier.weight | [1000, 768]"})
  void namesAndShapes(String model, String name, String shape) throws IOException {
    assertThat(shapes(Plan.of(model, null, null, List.of()))).containsEntry(name, shape);
  }

  /// What `_init_weights` of each implementation does.
  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "gpt2 | wte.weight | normal(0, 0.02)",
      "gpt2 | h.3.attn.c_proj.weight | normal(0, 0.004082482904638631)",
      "gpt2 | h.3.mlp.c_proj.weight | normal(0, 0.004082482904638631)",
      "gpt2 | h.3.mlp.c_proj.bias | zeros()",
      "gpt2 | ln_f.weight | ones()",
      "llama-3-8b | model.embed_tokens.weight | normal(0, 0.02)",
      "llama-3-8b | model.norm.weight | ones()",
      "gemma-2b | model.norm.weight | zeros()",
      "gemma-2b | model.embed_tokens.weight | normal(0, 0.02) with row(0) = 0",
      "bert-base-uncased | bert.embeddings.word_embeddings.weight | normal(0, 0.02) with row(0) = 0",
      "bert-base-uncased | bert.embeddings.position_embeddings.weight | normal(0, 0.02)",
      "gpt-neox-20b | gpt_neox.embed_in.weight | normal(0, 0.02)",
      "vit-base | vit.embeddings.cls_token | 'truncated_normal(0, 0.02, -2, 2)'",
      "vit-base | classifier.weight | 'truncated_normal(0, 0.02, -2, 2)'",
      "vit-base | classifier.bias | zeros()"})
  void defaults(String model, String name, String expression) throws IOException {
    assertThat(expressions(Plan.of(model, null, null, List.of()))).containsEntry(name, expression);
  }

  @Test
  void aPaddingRowIsZeroOnlyWhereTheIdIsSet() throws IOException {
    String config = """
        {"architectures": ["LlamaModel"], "hidden_size": 8, "intermediate_size": 8, "vocab_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.5%s}""";
    assertThat(embedding(config.formatted(""))).isEqualTo("normal(0, 0.5)");
    assertThat(embedding(config.formatted(", \"pad_token_id\": null"))).isEqualTo("normal(0, 0.5)");
    assertThat(embedding(config.formatted(", \"pad_token_id\": 3"))).isEqualTo("normal(0, 0.5) with row(3) = 0");
    assertThat(embedding(config.formatted(", \"pad_token_id\": -1"))).isEqualTo("normal(0, 0.5) with row(9) = 0");
    assertThatThrownBy(() -> embedding(config.formatted(", \"pad_token_id\": 10")))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("\"pad_token_id\" is 10").hasMessageContaining("-10 to 9");
    String gemma = config.replace("LlamaModel", "GemmaModel");
    assertThat(embedding(gemma.formatted(""))).isEqualTo("normal(0, 0.5) with row(0) = 0");
    assertThat(embedding(gemma.formatted(", \"pad_token_id\": null"))).isEqualTo("normal(0, 0.5)");
  }

  @Test
  void biasesFollowTheFlags() throws IOException {
    String config = """
        {"architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 8, "vocab_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 2, "num_key_value_heads": 1, "attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true}""";
    assertThat(shapes(plan(config)).keySet()).filteredOn(name -> name.endsWith("bias")).hasSize(7);
    assertThat(shapes(plan(config)).keySet()).doesNotContain("lm_head.weight");
    // Mistral's and Mixtral's linear maps never have any, whatever the configuration says; Qwen2's query, key and value always do.
    assertThat(shapes(plan(config.replace("Llama", "Mistral"))).keySet()).noneMatch(name -> name.endsWith("bias"));
    assertThat(shapes(plan(config.replace("Llama", "Qwen2"))).keySet()).filteredOn(name -> name.endsWith("bias")).containsExactlyInAnyOrder(
        "model.layers.0.self_attn.q_proj.bias", "model.layers.0.self_attn.k_proj.bias", "model.layers.0.self_attn.v_proj.bias");
  }

  /// The defaults of the configuration classes: MistralConfig, MixtralConfig: 8 heads of keys and values, Qwen2Config, Qwen3Config: 32,
  /// GemmaConfig: 16, LlamaConfig: as many as heads; Qwen3Config: heads of 128, GemmaConfig: of 256. A null means as many as heads.
  @ParameterizedTest
  @CsvSource({"Llama, 128", "Mistral, 32", "Mixtral, 32", "Qwen2, 128", "Qwen3, 4096", "Gemma, 4096"})
  void whatAbsentKeysMean(String family, long rows) throws IOException {
    String config = """
        {"architectures": ["%sModel"], "hidden_size": 128, "intermediate_size": 8, "vocab_size": 10, "num_hidden_layers": 1,
         "num_attention_heads": 32%s}""";
    String name = "layers.0.self_attn.k_proj.weight";
    assertThat(shapes(plan(config.formatted(family, "")))).containsEntry(name, "[" + rows + ", 128]");
    assertThat(shapes(plan(config.formatted(family, ", \"num_key_value_heads\": null, \"head_dim\": 2")))).containsEntry(name, "[64, 128]");
  }

  @Test
  void visionShapes() throws IOException {
    String config = """
        {"architectures": ["ViTForMaskedImageModeling"], "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
         "num_attention_heads": 2, "image_size": [32, 64], "patch_size": [16, 8], "num_channels": 1, "encoder_stride": 4%s}""";
    assertThat(shapes(plan(config.formatted("")))).containsEntry("vit.embeddings.position_embeddings", "[1, 17, 8]")
        .containsEntry("vit.embeddings.patch_embeddings.projection.weight", "[8, 1, 16, 8]")
        .containsEntry("decoder.0.weight", "[16, 8, 1, 1]")
        .containsEntry("vit.embeddings.mask_token", "[1, 1, 8]").doesNotContainKey("vit.pooler.dense.weight");
    String classes = config.replace("MaskedImageModeling", "ImageClassification");
    assertThat(shapes(plan(classes.formatted("")))).containsEntry("classifier.weight", "[2, 8]");
    assertThat(shapes(plan(classes.formatted(", \"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}, \"num_labels\": 7"))))
        .containsEntry("classifier.weight", "[3, 8]");
    assertThat(shapes(plan(classes.formatted(", \"num_labels\": 7")))).containsEntry("classifier.weight", "[7, 8]");
    assertThat(shapes(plan(classes.formatted(", \"id2label\": {}")))).doesNotContainKey("classifier.weight");
  }

  /// Of a fused weight each block has the fans of its own, and a transposed one those of its transpose.
  @Test
  void fansAreLogical() throws IOException {
    String fans = " = constant(fan_in + fan_out / 10000)";
    Map<String, String> gpt2 = expressions(Plan.of("gpt2", null, null, List.of("*attn.c_attn.weight" + fans, "*c_fc.weight" + fans,
        "wte.weight" + fans, "*c_attn.bias = constant(layer_fan_in + layer_fan_out / 10000)")));
    assertThat(gpt2).containsEntry("h.0.attn.c_attn.weight", "constant(768.0768)")
        .containsEntry("h.0.attn.c_attn.bias", "constant(768.0768)")
        .containsEntry("h.0.mlp.c_fc.weight", "constant(768.3072)").containsEntry("wte.weight", "constant(773.0257)");
    assertThat(expressions(Plan.of("gpt-neox-20b", null, null, List.of("*query_key_value.weight" + fans))))
        .containsEntry("gpt_neox.layers.0.attention.query_key_value.weight", "constant(6144.6144)");
    assertThat(expressions(Plan.of("vit-base", null, null, List.of("*projection.weight" + fans))))
        .containsEntry("vit.embeddings.patch_embeddings.projection.weight", "constant(787.6608)");
    assertThatThrownBy(() -> Plan.of("gpt2", null, null, List.of("*.bias = he_normal()")))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("'h.0.ln_1.bias' [768]").hasMessageContaining("rank 1");
  }

  @Test
  void rulesAreTriedInOrder() throws IOException {
    Recipe recipe = Recipe.parse("mine", "h.{l}.*.c_proj.weight = constant(l + 1)\n*.weight = constant(2)\n* = constant(3)");
    Map<String, String> all = expressions(Plan.of("gpt2", null, recipe, List.of("h.5.* = constant(50)", "h.{n}.ln_?.bias = constant(n)")));
    assertThat(all).containsEntry("h.11.mlp.c_proj.weight", "constant(12)").containsEntry("h.5.mlp.c_proj.weight", "constant(50)")
        .containsEntry("h.5.ln_1.bias", "constant(50)").containsEntry("h.7.ln_1.bias", "constant(7)")
        .containsEntry("ln_f.weight", "constant(2)")
        .containsEntry("ln_f.bias", "constant(3)");
    // Without a recipe what is not set stays what the model does.
    assertThat(expressions(Plan.of("gpt2", null, null, List.of("ln_f.bias = constant(3)")))).containsEntry("ln_f.bias", "constant(3)")
        .containsEntry("ln_f.weight", "ones()");
  }

  @Test
  void aTensorWithoutARuleAndARuleWithoutATensorAreErrors() {
    Recipe partial = Recipe.parse("mine", "*.weight = zeros()");
    assertThatThrownBy(() -> Plan.of("gpt2", null, partial, List.of())).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no rule matches tensor 'h.0.ln_1.bias' [768]");
    Recipe dead = Recipe.parse("mine", "# first\n*.weights = ones()\n* = zeros()");
    assertThatThrownBy(() -> Plan.of("gpt2", null, dead, List.of())).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("mine line 2: the pattern '*.weights' matches no tensor");
    assertThatThrownBy(() -> Plan.of("gpt2", null, null, List.of("h.12.* = zeros()"))).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("--set 'h.12.* = zeros()'").hasMessageContaining("matches no tensor");
    // A rule that others go before is none.
    assertThatNoException().isThrownBy(() -> Plan.of("gpt2", null, partial, List.of("* = ones()")));
  }

  @Test
  void dtypes() throws IOException {
    assertThat(Plan.of("gpt2", null, null, List.of()).tensors().getFirst().type()).isEqualTo(StoredType.F32);
    assertThat(Plan.of("llama-3-8b", null, null, List.of()).tensors()).extracting(TensorSpec::type).containsOnly(StoredType.BF16);
    Plan half = Plan.of("llama-3-8b", DType.F16, null, List.of());
    assertThat(half.tensors()).extracting(TensorSpec::type).containsOnly(StoredType.F16);
    assertThat(half.bytes()).isEqualTo(2 * 8030261248L);
    assertThat(half.config()).contains("\"torch_dtype\" : \"float16\"");
    assertThatThrownBy(() -> Plan.of("gpt2", DType.F16, null, List.of("wte.weight = constant(1e6)")))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("wte.weight").hasMessageContaining("65504");
  }

  /// What is written beside the weights describes them: it gives the same plan again.
  @Test
  void theWrittenConfigurationGivesTheSamePlan() throws IOException {
    for (String name : ModelConfig.builtInNames()) {
      Plan plan = Plan.of(name, DType.BF16, null, List.of());
      String config = Objects.requireNonNull(plan.config());
      assertThat(plan(config)).isEqualTo(plan);
      assertThat(config).contains("tensorseed_version", "model_type", "architectures");
    }
  }

  @Test
  void onlyAndMissing() throws IOException {
    Plan whole = Plan.of("gpt2", null, null, List.of());
    Plan some = whole.only(List.of("h.1.ln_1.*", "w?e.weight"));
    assertThat(some.tensors()).extracting(TensorSpec::name)
        .containsExactly("wte.weight", "wpe.weight", "h.1.ln_1.weight", "h.1.ln_1.bias");
    assertThat(whole.tensors()).containsAll(some.tensors());
    assertThatThrownBy(() -> whole.only(List.of("w?e.weight", "nothing"))).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'nothing' matches no tensor");
    assertThat(whole.missingFrom(shapes(some).keySet()).tensors()).hasSize(144).doesNotContainAnyElementsOf(some.tensors());
    assertThat(whole.missingFrom(shapes(whole).keySet()).tensors()).isEmpty();
  }

  @Test
  void singleTensors() {
    Plan plan = Plan.ofTensors(List.of("a.weight:bf16[64, 32]=he_normal()", "layers[0]:x:F64[]=constant(-1)",
        "empty:F32[0,3] = normal(0, 1)"));
    assertThat(plan.tensors()).extracting(TensorSpec::name).containsExactly("a.weight", "layers[0]:x", "empty");
    assertThat(plan.tensors()).extracting(tensor -> tensor.type() + " " + tensor.shape() + " " + tensor.expression())
        .containsExactly("BF16 [64, 32] normal(0, 0.25)", "F64 [] constant(-1)", "F32 [0, 3] normal(0, 1)");
    assertThat(plan.parameters()).isEqualTo(2049);
    assertThat(plan.config()).isNull();
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "a:F32[2]      | expected NAME:DTYPE[d0,d1,...]=EXPRESSION",
      ":F32[2]=ones()  | expected NAME:DTYPE[d0,d1,...]=EXPRESSION",
      "a:F31[2]=ones() | unknown dtype 'F31'",
      "a:F32[2,]=ones() | column 7: the shape must be whole numbers",
      "a:F32[1e3]=ones() | column 7: the shape must be whole numbers",
      "a:F32[-2]=ones() | negative extent -2",
      "a:F32[9223372036854775808]=ones() | below 2^63",
      "a:F32[4294967296,4294967296]=ones() | more than 2^63 - 1 elements",
      "a:F32[4611686018427387904]=ones() | more than 2^63 - 1 bytes",
      "a:F32[8]=he_normal() | rank 1",
      "a:F32[8]=onse() | did you mean 'ones'? (column 10)",
      "a:F32[8]= | column 10",
      "'a:F32[8]=normal(0, -1)' | standard deviation must be finite and not negative"})
  void faultySingleTensors(String text, String message) {
    assertThatThrownBy(() -> Plan.ofTensors(List.of(text))).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
  }

  @Test
  void twoTensorsOfOneName() {
    assertThatThrownBy(() -> Plan.ofTensors(List.of("a:F32[2]=ones()", "a:F32[3]=ones()"))).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("two tensors are named 'a'");
    // Each has 2^62 bytes.
    assertThatThrownBy(() -> Plan.ofTensors(List.of("a:F8_E5M2[4611686018427387904]=ones()", "b:F8_E5M2[4611686018427387904]=ones()")))
        .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("'b'").hasMessageContaining("more than 2^63 - 1 bytes");
  }

  /// Ten thousand small tensors: a plan of them takes well under a second.
  @Test
  void largePlansAreFast() throws IOException {
    byte[] config = """
        {"architectures": ["LlamaForCausalLM"], "hidden_size": 8, "intermediate_size": 8, "vocab_size": 10, "num_hidden_layers": 1111,
         "num_attention_heads": 2}""".getBytes(StandardCharsets.UTF_8);
    Recipe recipe = Recipe.of("torchtitan");
    ModelConfig parsed = ModelConfig.parse("config.json", config);
    Plan.of(parsed, null, recipe, List.of()); // loads the classes
    assertThat(Duration.ofNanos(time(() -> assertThat(Plan.of(parsed, null, recipe, List.of()).tensors()).hasSize(10002))))
        .isLessThan(Duration.ofSeconds(1));
  }

  private static long time(Runnable action) {
    long start = System.nanoTime();
    action.run();
    return System.nanoTime() - start;
  }

  private static String embedding(String config) throws IOException {
    return plan(config).tensors().getFirst().expression();
  }

  private static Plan plan(String json) throws IOException {
    return Plan.of(ModelConfig.parse("config.json", json.getBytes(StandardCharsets.UTF_8)), null, null, List.of());
  }

  /// The plan of a built-in model with another class on top.
  private static Plan plan(String name, String architecture) throws IOException {
    ModelConfig known = ModelConfig.of(name);
    return plan(known.json(DType.F32).replace(known.architecture(), architecture));
  }

  private static Map<String, String> shapes(Plan plan) {
    return byName(plan, tensor -> tensor.shape().toString());
  }

  private static Map<String, String> expressions(Plan plan) {
    return byName(plan, TensorSpec::expression);
  }

  private static Map<String, String> byName(Plan plan, Function<TensorSpec, String> value) {
    return plan.tensors().stream().collect(Collectors.toMap(TensorSpec::name, value));
  }
}
