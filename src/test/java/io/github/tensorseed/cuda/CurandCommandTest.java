package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import io.github.tensorseed.cli.Main;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The command with cuRAND's generators, on the emulated driver, and what its files say.
@Execution(ExecutionMode.CONCURRENT)
class CurandCommandTest {
  @TempDir Path dir;

  private static Fork run(String... arguments) throws Exception {
    return Fork.emulated("lazy", Main.class, arguments);
  }

  private void refused(String message, String... arguments) throws Exception {
    Fork fork = run(arguments);
    assertThat(fork.code()).as(fork.err()).isEqualTo(2);
    assertThat(fork.err()).contains(message).doesNotContain("Exception");
  }

  private String[] init(String out, String... options) throws Exception {
    Path config = Files.writeString(dir.resolve("config.json"), """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "vocab_size": 3000,
         "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "initializer_range": 0.02, "torch_dtype": "bfloat16"}
        """);
    return Stream.concat(Stream.of("init", config.toString(), "--seed", "42", "--shard-size", "400KB", "--threads", "2", "--set",
        "*norm.weight = uniform(0.9, 1.1)", "--out", dir.resolve(out).toString()), Stream.of(options)).toArray(String[]::new);
  }

  private void succeed(String... arguments) throws Exception {
    Fork fork = run(arguments);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
  }

  private Path first(String out) throws Exception {
    try (Stream<Path> files = Files.list(dir.resolve(out))) {
      return files.filter(path -> path.toString().endsWith("safetensors")).sorted().findFirst().orElseThrow();
    }
  }

  private String header(String out) throws Exception {
    return new String(Files.readAllBytes(first(out)), 8, 1000, StandardCharsets.UTF_8);
  }

  @Test
  void filesSayWhatMadeThem() throws Exception {
    String[] curand = {"--device", "cuda:0", "--generator", "curand"};
    succeed(init("a", curand));
    assertThat(header("a")).contains("\"tensorseed.generator\":\"curand\"");
    assertThat(dir.resolve("a/model.safetensors.index.json")).content().contains("\"tensorseed.generator\": \"curand\"");
    String a = dir.resolve("a").toString();
    succeed("verify", a, curand[0], curand[1], curand[2], curand[3]);
    refused("was made with the generator curand, and cuda:0 has tensorseed; verify it with --device cuda:0 --generator curand",
        "verify", a, "--device", "cuda:0");
    refused("generator curand there, tensorseed here", init("a", "--device", "cuda:0", "--resume"));
    Path first = first("a");
    Path moved = Files.move(first, dir.resolve("moved"));
    succeed(init("a", "--resume", curand[0], curand[1], curand[2], curand[3]));
    assertThat(first).hasSameBinaryContentAs(moved);

    succeed(init("b", "--device", "cuda:0"));
    assertThat(header("b")).contains("tensorseed.seed").doesNotContain("tensorseed.generator");
    refused("was made with the generator tensorseed, and cuda:0 has curand; verify it with --generator tensorseed",
        "verify", dir.resolve("b").toString(), curand[0], curand[1], curand[2], curand[3]);
    // The uniforms are the same, and rounded normals mostly.
    Fork diff = run("diff", a, dir.resolve("b").toString());
    assertThat(diff.out()).contains("0 in one only").doesNotContain("norm.weight");
  }

  @Test
  void xorwowMakesModels() throws Exception {
    succeed(init("x", "--device", "cuda:0", "--generator", "curand-xorwow"));
    assertThat(header("x")).contains("\"tensorseed.generator\":\"curand-xorwow\"");
    succeed("verify", dir.resolve("x").toString(), "--device", "cuda:0", "--generator", "CURAND-XORWOW");
    refused("tensor 'model.embed_tokens.weight': truncated_normal(0, 0.02, -0.04, 0.04): cuRAND has no such law for curand-xorwow; take the"
        + " generator curand or tensorseed",
        init("y", "--device", "cuda:0", "--generator", "curand-xorwow", "--set", "*embed* = truncated_normal(0, 0.02, -0.04, 0.04)"));
    assertThat(dir.resolve("y")).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(strings = {
    "eager     | cuda:0 | curant | unknown generator 'curant'; did you mean 'curand'?",
    "eager     | cpu    | curand | the device cpu has no generator curand, which is a GPU's; take cuda:0, or the generator tensorseed",
    "devices=0 | auto   | curand | the generator curand needs a GPU; no cuda: NVIDIA's driver sees no GPU",
    "sm=61     | auto   | curand | the generator curand needs a GPU; cuda:0: Emulated GPU 0 has compute capability 6.1",
    "fail=curandCreateGenerator:1:203 | cuda:0 | curand-xorwow | device cuda:0: cuda:0: curandCreateGenerator failed with"
        + " CURAND_STATUS_INITIALIZATION_FAILED (203); the generator tensorseed needs no cuRAND",
    "fail=kernel:1:700 | cuda:0 | curand | the CUDA context is lost",
  })
  void whatCannotBeIsNamed(String line) throws Exception {
    List<String> fields = Stream.of(line.split("\\|")).map(String::strip).toList();
    Path out = dir.resolve("w.safetensors");
    Fork fork = Fork.emulated(fields.get(0), Main.class, "init", "--tensor", "w:BF16[300]=uniform(-1, 1)", "--out", out.toString(),
        "--device", fields.get(1), "--generator", fields.get(2));
    assertThat(fork.code()).as(fork.err()).isEqualTo(2);
    assertThat(fork.err().lines().filter(text -> !text.startsWith("WARNING"))).singleElement().asString()
        .startsWith("tensorseed: ").contains(fields.get(3)).doesNotContain("Exception");
    assertThat(out).doesNotExist();
  }
}
