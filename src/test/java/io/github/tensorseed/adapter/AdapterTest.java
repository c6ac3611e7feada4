package io.github.tensorseed.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import Jama.Matrix;
import Jama.QRDecomposition;
import Jama.SingularValueDecomposition;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.DType;
import io.github.tensorseed.Expression;
import io.github.tensorseed.Fork;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.checkpoint.StoredType;
import io.github.tensorseed.checkpoint.TensorFile;
import io.github.tensorseed.cli.CommandRun;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Adapters beside what JAMA makes of the same weights, in F64.
class AdapterTest {
  private static final String TALL = "model.layers.0.mlp.up_proj";
  private static final String WIDE = "model.layers.0.mlp.down_proj";
  private static final int RANK = 4;

  @TempDir Path dir;

  /// A tensor that is to be stored.
  private record Given(String name, StoredType type, Shape shape, MemorySegment bytes) {
    static Given of(String name, DType dtype, Matrix values) {
      double[] packed = values.getRowPackedCopy();
      MemorySegment bytes = MemorySegment.ofArray(new byte[packed.length * dtype.bytes()]);
      for (int i = 0; i < packed.length; i++) {
        dtype.set(bytes, i, packed[i]);
      }
      return new Given(name, StoredType.of(dtype), Shape.of(values.getRowDimension(), values.getColumnDimension()), bytes);
    }

    /// Bytes 0, 1, 2, ...
    static Given counted(String name, StoredType type, long... extents) {
      Shape shape = Shape.of(extents);
      MemorySegment bytes = MemorySegment.ofArray(new byte[(int) shape.elements() * type.bits() / 8]);
      for (int i = 0; i < bytes.byteSize(); i++) {
        bytes.set(ValueLayout.JAVA_BYTE, i, (byte) i);
      }
      return new Given(name, type, shape, bytes);
    }
  }

  private static void store(Path file, List<Given> tensors) throws IOException {
    LinkedHashMap<String, TensorFile.Entry> entries = new LinkedHashMap<>();
    tensors.forEach(tensor -> entries.put(tensor.name, new TensorFile.Entry(tensor.type, tensor.shape)));
    try (TensorFile out = TensorFile.create(file, entries, Map.of(), false)) {
      for (Given tensor : tensors) {
        out.write(tensor.bytes);
      }
      out.finish();
    }
  }

  private static Matrix random(int rows, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[][] values = new double[rows][columns];
    for (double[] row : values) {
      Arrays.setAll(row, _ -> random.nextGaussian());
    }
    return new Matrix(values);
  }

  /// A model of one file.
  private Path model(String type, Given... tensors) throws IOException {
    Path folder = Files.createDirectory(dir.resolve("model"));
    store(folder.resolve("model.safetensors"), List.of(tensors));
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"" + type + "\"}");
    return folder;
  }

  private Path llama(DType dtype) throws IOException {
    return model("llama", Given.of(TALL + ".weight", dtype, random(30, 20, 1)), Given.of(WIDE + ".weight", dtype, random(20, 30, 2)),
        Given.of("model.embed_tokens.weight", dtype, random(9, 20, 3)), Given.of("lm_head.weight", dtype, random(9, 20, 4)));
  }

  private static CommandRun adapt(Object... arguments) {
    return CommandRun.of(Stream.concat(Stream.of("adapt", "--device", "cpu"), Stream.of(arguments).map(Object::toString))
        .toArray(String[]::new));
  }

  private static void requireDone(CommandRun run) {
    assertThat(run.code()).as(run.err()).isZero();
  }

  private static byte[] bytes(Path path, String name) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      StoredTensor tensor = checkpoint.tensors().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
      byte[] bytes = new byte[(int) tensor.bytes()];
      checkpoint.read(tensor, 0, MemorySegment.ofArray(bytes));
      return bytes;
    }
  }

  private static Matrix matrix(Path path, String name) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      StoredTensor tensor = checkpoint.tensors().stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
      MemorySegment bytes = MemorySegment.ofArray(bytes(path, name));
      DType dtype = tensor.type().dtype().orElseThrow();
      Matrix values = new Matrix((int) tensor.shape().extent(0), (int) tensor.shape().extent(1));
      for (int i = 0; i < values.getRowDimension(); i++) {
        for (int j = 0; j < values.getColumnDimension(); j++) {
          values.set(i, j, dtype.get(bytes, (long) i * values.getColumnDimension() + j));
        }
      }
      return values;
    }
  }

  private static Matrix a(Path folder, String module) throws IOException {
    return matrix(folder.resolve("adapter_model.safetensors"), "base_model.model." + module + ".lora_A.weight");
  }

  private static Matrix b(Path folder, String module) throws IOException {
    return matrix(folder.resolve("adapter_model.safetensors"), "base_model.model." + module + ".lora_B.weight");
  }

  private static double largest(Matrix values) {
    return Arrays.stream(values.getRowPackedCopy()).map(Math::abs).max().orElseThrow();
  }

  private static void assertClose(Matrix actual, Matrix expected, double tolerance) {
    assertThat(actual.getRowDimension()).isEqualTo(expected.getRowDimension());
    assertThat(actual.getColumnDimension()).isEqualTo(expected.getColumnDimension());
    assertThat(largest(actual.minus(expected))).isLessThanOrEqualTo(tolerance);
  }

  private static Matrix column(Matrix values, int j) {
    return values.getMatrix(0, values.getRowDimension() - 1, j, j);
  }

  private static Matrix row(Matrix values, int i) {
    return values.getMatrix(i, i, 0, values.getColumnDimension() - 1);
  }

  private static JsonNode config(Path folder) throws IOException {
    return new ObjectMapper().readTree(folder.resolve("adapter_config.json").toFile());
  }

  /// The laws of PEFT's `reset_lora_parameters`, filled by their expressions.
  @ParameterizedTest
  @CsvSource({"kaiming, uniform_fan(in)", "gaussian, 'normal(0, 0.25)'"})
  void loraHasTheBitsOfItsLaw(String init, String law) throws IOException {
    Path out = dir.resolve("lora");
    requireDone(adapt(llama(DType.BF16), "--method", "lora", "--rank", RANK, "--alpha", 8, "--init", init, "--seed", 7, "--out", out));
    String name = "base_model.model." + TALL + ".lora_A.weight";
    try (CpuDevice device = CpuDevice.open(1); Tensor expected = device.allocate(DType.F32, Shape.of(RANK, 20))) {
      Expression.parse(law).resolve(expected.shape()).fill(expected, RandomStream.of(7).named(name));
      assertThat(matrix(out.resolve("adapter_model.safetensors"), name).getRowPackedCopy()).containsExactly(expected.toDoubles());
    }
    assertThat(b(out, TALL).getRowPackedCopy()).hasSize(30 * RANK).containsOnly(0);
    assertThat(a(out, WIDE).getColumnDimension()).isEqualTo(30);
    assertThat(CommandRun.of("verify", out.resolve("adapter_model.safetensors").toString(), "--device", "cpu").code()).isZero();
    assertThat(config(out).get("init_lora_weights").asText()).isEqualTo(init.equals("gaussian") ? "gaussian" : "true");
    try (Stream<Path> files = Files.list(out)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("adapter_config.json", "adapter_model.safetensors");
    }
  }

  @Test
  void configurationIsWhatPeftReads() throws IOException {
    Path model = llama(DType.F32);
    requireDone(adapt(model, "--method", "lora", "--rank", RANK, "--alpha", 8, "--out", dir.resolve("lora")));
    requireDone(adapt(model, "--method", "pissa", "--rank", RANK, "--target", "*.up_proj", "--out", dir.resolve("pissa")));
    JsonNode lora = config(dir.resolve("lora"));
    assertThat(lora.get("peft_type").asText()).isEqualTo("LORA");
    assertThat(lora.get("task_type").isNull()).isTrue();
    assertThat(lora.get("r").asInt()).isEqualTo(RANK);
    assertThat(lora.get("lora_alpha").asInt()).isEqualTo(8);
    assertThat(lora.get("bias").asText()).isEqualTo("none");
    assertThat(lora.get("fan_in_fan_out").asBoolean()).isFalse();
    assertThat(lora.get("base_model_name_or_path").asText()).isEqualTo(model.toString());
    assertThat(lora.get("target_modules")).map(JsonNode::asText).containsExactly("down_proj", "up_proj");
    JsonNode pissa = config(dir.resolve("pissa/pissa_init"));
    assertThat(pissa.get("init_lora_weights").isBoolean() && pissa.get("init_lora_weights").asBoolean()).isTrue();
    assertThat(pissa.get("lora_alpha").asInt()).isEqualTo(RANK);
    assertThat(pissa.get("base_model_name_or_path").asText()).isEqualTo(dir.resolve("pissa").toString());
    assertThat(pissa.get("target_modules")).map(JsonNode::asText).containsExactly("up_proj");
  }

  /// What the weight loses the adapter gives back. The bound is half a unit in the last place of the largest weight that is left, and 1e-5
  /// for the arithmetic of F32; without the adapter, or with alpha twice, the distance is about 1.
  @ParameterizedTest
  @CsvSource({"pissa, F32, F32, 0", "pissa, BF16, F32, 0x1p-8", "pissa, F16, BF16, 0x1p-11", "pissa, F64, F64, 0", "olora, F32, F32, 0",
      "olora, BF16, BF16, 0x1p-8", "olora, F16, F32, 0x1p-11", "olora, F64, F32, 0"})
  void sumIsTheWeight(String method, DType stored, DType dtype, String half) throws IOException {
    Path model = llama(stored);
    Path out = dir.resolve("out");
    requireDone(adapt(model, "--method", method, "--rank", RANK, "--alpha", 6, "--dtype", dtype, "--out", out));
    for (String module : List.of(TALL, WIDE)) {
      Matrix weight = matrix(model, module + ".weight");
      Matrix rest = matrix(out, module + ".weight");
      Path adapter = out.resolve(method + "_init");
      Matrix sum = rest.plus(b(adapter, module).times(a(adapter, module)).times(6.0 / RANK));
      assertClose(sum, weight, Double.parseDouble(half) * largest(rest) + (stored == DType.F64 ? 1e-14 : 1e-5) * largest(weight));
      assertThat(largest(rest.minus(weight))).isGreaterThan(0.1);
      try (Checkpoint checkpoint = Checkpoint.open(adapter.resolve("adapter_model.safetensors"))) {
        assertThat(checkpoint.tensors()).extracting(StoredTensor::type).containsOnly(StoredType.of(dtype));
      }
    }
    assertThat(bytes(out, "lm_head.weight")).isEqualTo(bytes(model, "lm_head.weight"));
  }

  /// By JAMA's singular values and vectors; what two of them give together has no sign.
  private static void assertPissa(Path adapter, String module, Matrix weight, double scale, double tolerance) throws IOException {
    boolean tall = weight.getRowDimension() >= weight.getColumnDimension(); // JAMA wants that
    SingularValueDecomposition svd = (tall ? weight : weight.transpose()).svd();
    Matrix u = tall ? svd.getU() : svd.getV();
    Matrix v = tall ? svd.getV() : svd.getU();
    Matrix a = a(adapter, module);
    Matrix b = b(adapter, module);
    for (int i = 0; i < RANK; i++) {
      double value = svd.getSingularValues()[i];
      assertClose(column(b, i).times(row(a, i)).times(scale), column(u, i).times(column(v, i).transpose()).times(value), tolerance);
      assertThat(column(b, i).normF()).isCloseTo(Math.sqrt(value / scale), within(tolerance));
      assertThat(row(a, i).normF()).isCloseTo(Math.sqrt(value / scale), within(tolerance));
    }
  }

  @ParameterizedTest
  @CsvSource({"F32, 1e-6", "F64, 1e-12"})
  void pissaIsTheLargestSingularValues(DType dtype, double tolerance) throws IOException {
    Path model = llama(dtype);
    requireDone(adapt(model, "--method", "pissa", "--rank", RANK, "--alpha", 6, "--dtype", dtype, "--out", dir.resolve("out")));
    for (String module : List.of(TALL, WIDE)) {
      assertPissa(dir.resolve("out/pissa_init"), module, matrix(model, module + ".weight"), 1.5, 10 * tolerance);
    }
  }

  /// By JAMA's Householder QR of the first columns, whose signs are its own.
  @Test
  void oloraIsQAndR() throws IOException {
    Path model = llama(DType.F32);
    Path out = dir.resolve("out");
    requireDone(adapt(model, "--method", "olora", "--rank", RANK, "--alpha", 6, "--out", out));
    for (String module : List.of(TALL, WIDE)) {
      assertOlora(out.resolve("olora_init"), module, matrix(model, module + ".weight"));
    }
  }

  private static void assertOlora(Path adapter, String module, Matrix weight) throws IOException {
    int side = Math.min(weight.getRowDimension(), weight.getColumnDimension());
    QRDecomposition qr = weight.getMatrix(0, weight.getRowDimension() - 1, 0, side - 1).qr();
    Matrix r = qr.getQ().transpose().times(weight);
    for (int i = 0; i < RANK; i++) {
      double sign = Math.signum(r.get(i, i));
      assertClose(column(b(adapter, module), i), column(qr.getQ(), i).times(sign), 1e-6);
      assertClose(row(a(adapter, module), i), row(r, i).times(sign), 1e-5);
      for (int j = 0; j < i; j++) {
        assertThat(a(adapter, module).get(i, j)).isZero();
      }
    }
  }

  /// Conv1D stores \[in, out\]: what is known of a weight \[out, in\] must hold for the transpose of what is stored. Of the square one only
  /// the values tell.
  @ParameterizedTest
  @CsvSource({"pissa, ''", "pissa, 3", "olora, ''"})
  void conv1dIsTransposed(String method, String iterations) throws IOException {
    Matrix wide = random(12, 36, 5);
    Matrix square = random(12, 12, 6);
    Path model = model("gpt2", Given.of("h.0.attn.c_attn.weight", DType.F32, wide), Given.of("h.0.attn.c_proj.weight", DType.F32, square),
        Given.of("wte.weight", DType.F32, random(5, 12, 7)));
    Path out = dir.resolve("out");
    List<Object> arguments = new ArrayList<>(List.of(model, "--method", method, "--rank", RANK, "--alpha", 6, "--out", out));
    if (!iterations.isEmpty()) {
      arguments.addAll(List.of("--niter", iterations));
    }
    requireDone(adapt(arguments.toArray()));
    Path adapter = out.resolve(method + "_init");
    assertThat(config(adapter).get("fan_in_fan_out").asBoolean()).isTrue();
    assertThat(config(adapter).get("target_modules")).map(JsonNode::asText).containsExactly("c_attn", "c_proj");
    for (String module : List.of("h.0.attn.c_attn", "h.0.attn.c_proj")) {
      Matrix weight = matrix(model, module + ".weight").transpose();
      assertClose(matrix(out, module + ".weight").transpose().plus(b(adapter, module).times(a(adapter, module)).times(1.5)), weight, 1e-5);
      if (method.equals("olora")) {
        assertOlora(adapter, module, weight);
      } else {
        // There are no more than 12 directions, so the randomised decomposition has all.
        assertPissa(adapter, module, weight, 1.5, 1e-5);
      }
    }
    assertThat(bytes(out, "wte.weight")).isEqualTo(bytes(model, "wte.weight"));
  }

  /// U diag(1, 1/2, 1/4, ...) V^T: beyond the ten extra directions there is 2^-14 of the largest, and two iterations take its fifth power.
  @Test
  void randomisedIsExactWhereTheSpectrumDecays() throws IOException {
    Matrix u = random(60, 50, 8).qr().getQ();
    Matrix v = random(50, 50, 9).qr().getQ();
    Matrix diagonal = new Matrix(50, 50);
    for (int i = 0; i < 50; i++) {
      diagonal.set(i, i, Math.scalb(1.0, -i));
    }
    String module = "layers.3.fc";
    Path model = model("x", Given.of(module + ".weight", DType.F32, u.times(diagonal).times(v.transpose())));
    for (String out : List.of("one", "two")) {
      requireDone(adapt(model, "--method", "pissa", "--niter", 2, "--rank", RANK, "--alpha", 6, "--threads", 1, "--out", dir.resolve(out)));
    }
    assertPissa(dir.resolve("one/pissa_init"), module, matrix(model, module + ".weight"), 1.5, 2e-6);
    for (String file : List.of("pissa_init/adapter_model.safetensors", "model.safetensors")) {
      assertThat(dir.resolve("one").resolve(file)).hasSameBinaryContentAs(dir.resolve("two").resolve(file));
    }
    requireDone(adapt(model, "--method", "pissa", "--niter", 0, "--rank", RANK, "--seed", 1, "--out", dir.resolve("other")));
    assertThat(bytes(dir.resolve("other"), module + ".weight")).isNotEqualTo(bytes(dir.resolve("one"), module + ".weight"));
  }

  @Test
  void largeMatricesAreRandomised() {
    Method.Pissa bySize = new Method.Pissa(OptionalInt.empty());
    assertThat(bySize.iterations(4096, 16)).isEmpty();
    assertThat(bySize.iterations(4097, 16)).hasValue(4);
    assertThat(bySize.iterations(5000, 625)).isEmpty();
    assertThat(new Method.Pissa(OptionalInt.of(0)).iterations(10, 1)).hasValue(0);
  }

  @Test
  void rankOfTheMatrixIsLessThanAskedFor() throws IOException {
    Path model = model("x", Given.of("layers.0.w.weight", DType.F32, random(9, 2, 10).times(random(2, 8, 11))),
        Given.of("layers.0.zero.weight", DType.F32, new Matrix(7, 9)));
    for (String method : List.of("pissa", "olora")) {
      Path out = dir.resolve(method);
      requireDone(adapt(model, "--method", method, "--rank", RANK, "--out", out));
      for (String module : List.of("layers.0.w", "layers.0.zero")) {
        Matrix product = b(out.resolve(method + "_init"), module).times(a(out.resolve(method + "_init"), module));
        assertClose(product, matrix(model, module + ".weight"), 1e-5);
      }
    }
  }

  @Test
  void filesKeepTheirNamesAndOtherTensorsTheirBytes() throws IOException {
    Path model = Files.createDirectory(dir.resolve("model"));
    store(model.resolve("model-00001-of-00002.safetensors"), List.of(Given.counted("model.steps", StoredType.I64, 3),
        Given.of("model.embed_tokens.weight", DType.BF16, random(5, 8, 1)), Given.of(TALL + ".weight", DType.BF16, random(16, 8, 2))));
    store(model.resolve("model-00002-of-00002.safetensors"), List.of(Given.of(WIDE + ".weight", DType.F16, random(8, 16, 3)),
        Given.counted("model.norm.weight", StoredType.F16, 2), Given.counted("empty", StoredType.F16, 0, 4)));
    Files.writeString(model.resolve("config.json"), "{\n \"model_type\":   \"llama\"}");
    Files.writeString(model.resolve("model.safetensors.index.json"), """
        {"metadata": {"total_size": 1}, "weight_map": {"model.steps": "model-00001-of-00002.safetensors",
         "model.embed_tokens.weight": "model-00001-of-00002.safetensors",
         "model.layers.0.mlp.up_proj.weight": "model-00001-of-00002.safetensors",
         "model.layers.0.mlp.down_proj.weight": "model-00002-of-00002.safetensors", "model.norm.weight": "model-00002-of-00002.safetensors",
         "empty": "model-00002-of-00002.safetensors"}}
        """);
    Path out = dir.resolve("out");
    requireDone(adapt(model, "--method", "olora", "--rank", 2, "--out", out));
    for (String name : List.of("config.json", "model.safetensors.index.json")) {
      assertThat(out.resolve(name)).hasSameBinaryContentAs(model.resolve(name));
    }
    try (Checkpoint before = Checkpoint.open(model); Checkpoint after = Checkpoint.open(out)) {
      for (int i = 0; i < before.tensors().size(); i++) {
        StoredTensor one = before.tensors().get(i);
        StoredTensor two = after.tensors().get(i);
        assertThat(two.name()).isEqualTo(one.name());
        assertThat(two.type()).isEqualTo(one.type());
        assertThat(two.file().getFileName()).isEqualTo(one.file().getFileName());
        boolean same = Arrays.equals(bytes(model, one.name()), bytes(out, one.name()));
        assertThat(same).as(one.name()).isEqualTo(!one.name().contains("_proj"));
      }
    }
    try (Stream<Path> files = Files.walk(out)) {
      assertThat(files.filter(Files::isRegularFile).map(file -> out.relativize(file).toString())).containsExactlyInAnyOrder("config.json",
          "model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
          "olora_init/adapter_config.json", "olora_init/adapter_model.safetensors");
    }
  }

  /// Layers of a mixture of experts, a BERT and a T5, with what is to be left alone.
  @Test
  void linearLayersOfAttentionAndMlpAreTheTargets() throws IOException {
    Matrix square = random(4, 4, 1);
    List<String> wanted = List.of("model.layers.0.block_sparse_moe.experts.1.w1", "encoder.layer.0.attention.self.query",
        "encoder.layer.0.attention.output.dense", "encoder.block.0.layer.0.SelfAttention.q");
    List<String> others = List.of("model.layers.0.block_sparse_moe.gate", "embeddings.word_embeddings", "pooler.dense", "lm_head", "shared",
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias");
    List<Given> tensors = new ArrayList<>();
    Stream.concat(wanted.stream(), others.stream()).forEach(module -> tensors.add(Given.of(module + ".weight", DType.F32, square)));
    tensors.add(Given.of("model.layers.0.w1_scale", DType.F32, square));
    tensors.add(Given.counted("model.layers.0.norm.weight", StoredType.F32, 1));
    Path model = model("x", tensors.toArray(Given[]::new));
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      List<Target> targets = Target.of(checkpoint, "x", List.of());
      assertThat(targets).extracting(Target::module).containsExactlyInAnyOrderElementsOf(wanted);
      // pooler.dense also ends in dense, so PEFT has to be told whole names.
      assertThat(Target.names(targets, checkpoint)).containsExactlyInAnyOrderElementsOf(wanted);
      List<Target> some = Target.of(checkpoint, "x", List.of("*.query", "lm_?ead"));
      assertThat(Target.names(some, checkpoint)).containsExactly("lm_head", "query");
      assertThatThrownBy(() -> Target.of(checkpoint, "x", List.of("lm_head", "*.q_proj"))).isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("no module matches --target '*.q_proj'; there are encoder.block.*.layer.*.SelfAttention.q, ");
    }
  }

  @Test
  void wrongInputIsNamed() throws IOException {
    Path model = llama(DType.F32);
    Path out = dir.resolve("out");
    assertWrong("rank 21 is more than model.layers.0.mlp.up_proj has, whose weight is [30, 20]", model, "--method", "pissa", "--rank", 21);
    assertWrong("both must be at least 1", model, "--method", "lora", "--rank", 0);
    assertWrong("no module matches --target 'q*'; there are lm_head, model.layers.*.mlp.down_proj, model.layers.*.mlp.up_proj",
        model, "--method", "lora", "--rank", 1, "--target", "q*");
    assertWrong("no such folder", dir.resolve("nothing"), "--method", "lora", "--rank", 1);
    assertWrong("is no folder", model.resolve("config.json"), "--method", "lora", "--rank", 1);
    assertWrong("has neither model.safetensors.index.json nor model.safetensors", dir, "--method", "lora", "--rank", 1);
    assertWrong("--init is for --method lora", model, "--method", "olora", "--rank", 1, "--init", "gaussian");
    assertWrong("--niter is for --method pissa", model, "--method", "olora", "--rank", 1, "--niter", 1);
    assertWrong("PEFT loads F32, BF16, F16 and F64", model, "--method", "lora", "--rank", 1, "--dtype", "F8_E4M3");
    Path file = model.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));
    assertWrong("and the file has", model, "--method", "pissa", "--rank", 1);
    whole[whole.length - 4 * 9 * 20 * 2 - 1] = 0x7f; // an infinite last value of down_proj
    whole[whole.length - 4 * 9 * 20 * 2 - 2] = (byte) 0x80;
    Files.write(file, whole);
    assertWrong("down_proj.weight' of " + file + " has values that are not finite", model, "--method", "olora", "--rank", 1);
    Files.delete(model.resolve("config.json"));
    assertWrong("config.json: no such file", model, "--method", "lora", "--rank", 1);
    assertThat(out).doesNotExist();
  }

  private void assertWrong(String message, Object... arguments) {
    CommandRun run = adapt(Stream.concat(Stream.of(arguments), Stream.of("--out", dir.resolve("out"))).toArray());
    assertThat(run.err()).contains(message);
    assertThat(run.code()).isEqualTo(2);
  }

  @Test
  void integersAreNotDecomposed() throws IOException {
    Path model = model("x", Given.counted("layers.0.w.weight", StoredType.I8, 2, 3));
    assertWrong("tensor 'layers.0.w.weight' is I8", model, "--method", "pissa", "--rank", 1);
    requireDone(adapt(model, "--method", "lora", "--rank", 1, "--out", dir.resolve("lora")));
  }

  /// A failure at any tensor leaves nothing, and nothing allocated; what a killed run leaves the next one removes.
  @Test
  void interruptedRunLeavesNothing() throws IOException {
    Path model = llama(DType.F32);
    Path out = dir.resolve("out");
    Adapter adapter = new Adapter(new Method.Olora(), 2, 2, DType.F32, 0);
    try (CpuDevice device = CpuDevice.open(1); Checkpoint checkpoint = Checkpoint.open(model)) {
      List<Target> targets = Target.of(checkpoint, "llama", List.of());
      for (int fails = 0; fails < 4; fails++) {
        int[] left = {fails};
        AdapterWriter writer = new AdapterWriter(device, 1, _ -> {
          if (left[0]-- == 0) {
            throw new IllegalStateException("stop");
          }
        });
        assertThatThrownBy(() -> writer.write(adapter, checkpoint, model, targets, out, false)).hasMessage("stop");
        try (Stream<Path> there = Files.list(dir)) {
          assertThat(there).containsExactly(model);
        }
        assertThat(device.allocatedBytes()).isZero();
      }
      Files.createDirectories(dir.resolve(".tensorseed-out.new/olora_init"));
      Files.writeString(dir.resolve(".tensorseed-out.new/olora_init/half"), "half");
      new AdapterWriter(device, 1, _ -> {}).write(adapter, checkpoint, model, targets, out, false);
      try (Stream<Path> there = Files.list(dir)) {
        assertThat(there).containsExactlyInAnyOrder(model, out);
      }
      assertThat(out.resolve("olora_init/half")).doesNotExist();
    }
  }

  @Test
  void onlyWhatWeWroteIsReplaced() throws IOException {
    Path model = llama(DType.F32);
    Path out = dir.resolve("out");
    requireDone(adapt(model, "--method", "lora", "--rank", 1, "--out", out));
    assertWrong("is there already; choose another name", model, "--method", "pissa", "--rank", 1);
    requireDone(adapt(model, "--method", "pissa", "--rank", 1, "--out", out, "--force"));
    assertThat(out.resolve("adapter_config.json")).doesNotExist();
    assertThat(out.resolve("pissa_init/adapter_config.json")).exists();
    Files.writeString(out.resolve("pissa_init/notes.txt"), "mine");
    assertWrong("with more than tensorseed wrote", model, "--method", "pissa", "--rank", 1, "--force");
    assertThat(out.resolve("pissa_init/notes.txt")).hasContent("mine");
    Path texts = Files.createDirectory(dir.resolve("texts"));
    Files.writeString(texts.resolve("config.json"), "mine");
    assertThat(adapt(model, "--method", "lora", "--rank", 1, "--out", texts, "--force").err()).contains("with more than tensorseed wrote");
    assertThat(texts.resolve("config.json")).hasContent("mine");
    CommandRun run = adapt(model, "--method", "lora", "--rank", 1, "--out", model, "--force");
    assertThat(run.err()).contains("has the checkpoint itself");
    assertThat(model.resolve("model.safetensors")).exists();
  }

  @Test
  void reportIsJson() throws IOException {
    CommandRun run = adapt(llama(DType.F32), "--method", "pissa", "--rank", 2, "--out", dir.resolve("out"), "--json");
    requireDone(run);
    JsonNode report = new ObjectMapper().readTree(run.out());
    assertThat(report.get("adapter").asText()).isEqualTo(dir.resolve("out/pissa_init").toString());
    assertThat(report.get("modules")).map(JsonNode::asText).containsExactly(TALL, WIDE);
    assertThat(report.get("parameters").asLong()).isEqualTo(2 * 2 * 50);
  }

  /// Six matrices of 16 MB in one file, and a heap of 24 MB.
  @Test
  void heapIsSmall() throws IOException, InterruptedException {
    Path model = Files.createDirectory(dir.resolve("model"));
    LinkedHashMap<String, TensorFile.Entry> entries = new LinkedHashMap<>();
    for (int layer = 0; layer < 6; layer++) {
      entries.put("layers." + layer + ".w.weight", new TensorFile.Entry(DType.F32, Shape.of(2048, 2048)));
    }
    try (TensorFile file = TensorFile.create(model.resolve("model.safetensors"), entries, Map.of(), false)) {
      float[] values = new float[2048 * 2048];
      for (int layer = 0; layer < 6; layer++) {
        SplittableRandom random = new SplittableRandom(layer);
        for (int i = 0; i < values.length; i++) {
          values[i] = (float) random.nextDouble() - 0.5f;
        }
        byte[] bytes = new byte[values.length * Float.BYTES];
        MemorySegment.ofArray(bytes).copyFrom(MemorySegment.ofArray(values));
        file.write(MemorySegment.ofArray(bytes));
      }
      file.finish();
    }
    Files.writeString(model.resolve("config.json"), "{}");
    Fork fork = Fork.run(Map.of(), List.of("-Xmx24m"), AdapterTest.class, model.toString(), dir.resolve("out").toString());
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(dir.resolve("out/model.safetensors")).hasSize(Files.size(model.resolve("model.safetensors")));
  }

  public static void main(String[] arguments) {
    CommandRun run = adapt(arguments[0], "--method", "olora", "--rank", "8", "--out", arguments[1]);
    System.err.println(run.err());
    System.exit(run.code());
  }
}
