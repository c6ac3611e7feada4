package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import io.github.tensorseed.cli.Main;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The kernels that ship and the device on the emulated driver, in JVMs of their own.
@Execution(ExecutionMode.CONCURRENT)
class ContractTest {
  @TempDir Path dir;

  /// Runs all of [Contract].
  private static void requireContract(Map<String, String> environment) throws Exception {
    Fork fork = Fork.run(environment, Fork.FLAGS, Contract.class);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out().lines()).hasSize(11).allMatch(line -> line.contains(": ok, "));
  }

  /// Nothing may be left behind, nor run without being waited for.
  @ParameterizedTest
  @ValueSource(strings = {"eager,sm=70", "lazy,sm=80", "random:7,sm=90"})
  void holds(String mode) throws Exception {
    Path report = dir.resolve("report.json");
    requireContract(Fork.environment(mode + ",devices=2,report=" + report));
    JsonNode left = new ObjectMapper().readTree(Files.readString(report));
    assertThat(left.get("leaks")).isEmpty();
    assertThat(left.get("never_waited")).isEmpty();
    assertThat(left.get("destroyed_with_context")).isEmpty();
    left.get("live").forEach(count -> assertThat(count.asInt()).as(left.get("live").toString()).isZero());
    assertThat(left.get("kernels").size()).as("kernels that ran: of laws, and one that converts").isEqualTo(37);
  }

  /// JCuda's default is to load what lies under its library's name in the folder for temporary files.
  @Test
  void plantedLibraryIsNotLoaded() throws Exception {
    Path planted = Files.writeString(dir.resolve("libJCudaDriver-11.7.0-linux-x86_64.so"), "planted");
    Fork fork = Fork.run(Fork.environment("eager"), List.of("-Djava.io.tmpdir=" + dir), Contract.class, "memory");
    assertThat(fork.code()).as(fork.err()).isZero();
    try (var files = Files.list(dir)) {
      assertThat(files).as("what was unpacked is gone").containsExactly(planted);
    }
    assertThat(planted).hasContent("planted");
  }

  @Test
  void folderThatCannotBeWrittenIsNamed() throws Exception {
    Fork fork = Fork.run(Fork.environment("eager"), List.of("-Djava.io.tmpdir=" + dir.resolve("missing")), Contract.class, "memory");
    assertThat(fork.out()).contains("cuda:0 cannot be used: JCuda's library cannot be unpacked", "start Java with -Djava.io.tmpdir=");
  }

  /// The environment is that of a user whose driver has one fault after another.
  @ParameterizedTest
  @ValueSource(strings = {
    "devices=0                | NVIDIA's driver sees no GPU (CUDA_ERROR_NO_DEVICE, 100); nvidia-smi must list one",
    "driver=10020             | NVIDIA's driver has CUDA 10.2, and the kernels need 11.0; install driver 450 or a newer one",
    "fail=cuInit:1:34         | libcuda.so.1 is the stub of a toolkit, not a driver (CUDA_ERROR_STUB_LIBRARY, 34); take its folder out of LD_LIBRARY_PATH",
    "fail=cuInit:1:802        | the GPUs are not ready (CUDA_ERROR_SYSTEM_NOT_READY, 802); start NVIDIA's fabric manager",
    "fail=cuInit:1:803        | library and kernel module are of different versions (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, 803); restart the machine",
    "fail=cuInit:1:804        | does not go with this GPU (CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, 804); take its folder out of LD_LIBRARY_PATH",
    "fail=cuInit:1:999        | NVIDIA's driver does not start (cuInit failed with CUDA_ERROR_UNKNOWN (999)); see whether nvidia-smi works",
    "fail=cuInit:1:12345      | NVIDIA's driver does not start (cuInit failed with error (12345)); see whether nvidia-smi works",
    "sm=61                    | Emulated GPU 0 has compute capability 6.1, and the kernels need 7.0 (Volta) or later",
    "fail=cuDeviceGetName:1:1 | cuDeviceGetName of NVIDIA's driver failed with CUDA_ERROR_INVALID_VALUE (1)",
    "fail=cuDevicePrimaryCtxRetain:1:46 | CUDA_ERROR_DEVICE_UNAVAILABLE (46); another program has the GPU for itself",
    "fail=cuModuleLoadDataEx:1:222 | CUDA_ERROR_UNSUPPORTED_PTX_VERSION (222); the driver does not take the kernels: install a newer one",
    "fail=cuStreamCreate:1:700 | the CUDA context is lost, for everything in this process that uses the GPU: start the program anew",
  })
  void unusableDriversAreNamed(String line) throws Exception {
    String options = line.substring(0, line.indexOf('|')).strip();
    String reason = line.substring(line.indexOf('|') + 1).strip();
    Path out = dir.resolve("w.npy");
    String[] init = {"init", "--tensor", "w:F32[300]=normal(0, 1)", "--out", out.toString(), "--device", "cuda:0"};
    Fork refused = Fork.emulated(options, Main.class, init);
    assertThat(refused.code()).as(refused.err()).isEqualTo(2);
    assertThat(refused.err().lines().filter(text -> !text.startsWith("WARNING"))).singleElement().asString()
        .startsWith("tensorseed: device cuda:0: ").contains(reason).doesNotContain("Exception");
    assertThat(out).doesNotExist();
    init[init.length - 1] = "auto";
    Fork chosen = Fork.emulated(options, Main.class, init);
    assertThat(chosen.code()).as(chosen.err()).isZero();
    assertThat(chosen.err()).contains("device: cpu (", reason);
    assertThat(out).exists();
    Fork devices = Fork.emulated(options, Main.class, "devices");
    assertThat(devices.code()).isZero();
    assertThat(devices.out().lines()).as("one line for each device, and none for libraries").hasSize(3)
        .last().asString().matches("cuda(:0)? +no .*").contains(reason).doesNotContain("Exception");
  }

  @Test
  void devicesAreTried() throws Exception {
    Fork two = Fork.emulated("lazy,devices=2,memory=64M,driver=12040", Main.class, "devices", "--json");
    JsonNode devices = new ObjectMapper().readTree(two.out()).get("devices");
    assertThat(devices).hasSize(3);
    for (int i = 0; i < 2; i++) {
      JsonNode device = devices.get(i + 1);
      assertThat(device.get("device").asText()).isEqualTo("cuda:" + i);
      assertThat(device.get("usable").asBoolean()).isTrue();
      assertThat(device.get("details").asText()).endsWith("a fill has the bits of the cpu");
      assertThat(device.get("gpu")).isEqualTo(new ObjectMapper().readTree("""
          {"ordinal": %d, "name": "Emulated GPU %<d", "memory": 67108864, "computeCapability": "8.0", "driver": "12.4"}""".formatted(i)));
    }
    // The GPU that fails is named, and the next one taken.
    Fork other = Fork.emulated("devices=2,fail=cuStreamCreate:1:2", Main.class, "devices");
    assertThat(other.out()).containsPattern("(?m)^cuda:0 +no .*cuStreamCreate failed with CUDA_ERROR_OUT_OF_MEMORY").containsPattern("(?m)^cuda:1 +yes ");
    // A kernel that does not run is no usable GPU.
    Fork broken = Fork.emulated("fail=kernel:1:719", Main.class, "devices");
    assertThat(broken.code()).isZero();
    assertThat(broken.out()).containsPattern("(?m)^cuda:0 +no .*CUDA_ERROR_LAUNCH_FAILED.*log_normal_f32 of 1001 elements from 0");
  }

  /// The same on the machine's own GPU, and nothing of the emulated driver's.
  @Test
  @EnabledIfSystemProperty(named = "gpu", matches = "required", disabledReason = "-Dgpu=required has the contract proven on this machine's GPU")
  void holdsOnTheGpu() throws Exception {
    requireContract(Map.of());
    requireCheckpoints(Map.of("cpu", Map.of(), "cuda:0", Map.of()), _ -> {});
  }

  @Test
  void checkpointsAreThoseOfTheCpu() throws Exception {
    Path report = dir.resolve("report.json");
    requireCheckpoints(Map.of("cpu", Fork.environment("eager,report=" + report),
        "cuda:0", Fork.environment("lazy,memory=16M,report=" + report),
        "cuda:1,cuda:0", Fork.environment("random:3,devices=2,report=" + report)), device -> {
      if (device.equals("cpu")) {
        assertThat(report).as("the driver is left alone").doesNotExist();
      } else {
        JsonNode left = new ObjectMapper().readTree(report.toFile());
        assertThat(left.get("leaks")).isEmpty();
        assertThat(left.get("kernels").size()).isBetween(2, 3);
        Files.delete(report);
      }
    });
  }

  private interface Check {
    void of(String device) throws Exception;
  }

  /// A model of 5 tensors in 2 files, of all kinds of initializers; byte for byte.
  ///
  /// @param environments by device; the cpu must be one
  /// @param afterwards for each device, when it has made a checkpoint
  private void requireCheckpoints(Map<String, Map<String, String>> environments, Check afterwards) throws Exception {
    Path recipe = Files.writeString(dir.resolve("r.recipe"), """
        *norm.weight = ones()
        *embed*      = normal(0, 0.02) with row(0) = 0
        *gate*       = sparse(0.5, 0.1)
        *            = truncated_normal_sigma(0.02, k=2)
        """);
    Path config = Files.writeString(dir.resolve("config.json"), """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "vocab_size": 3000,
         "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2, "initializer_range": 0.02, "torch_dtype": "bfloat16"}
        """);
    for (String plan : new String[] {"", recipe.toString()}) {
      Path expected = dir.resolve("cpu" + plan.length());
      for (String device : new TreeSet<>(environments.keySet())) {
        Path out = dir.resolve(device + plan.length());
        List<String> init = new ArrayList<>(List.of("init", config.toString(), "--seed", "42", "--shard-size", "400KB", "--threads", "2",
            "--out", out.toString(), "--device", device));
        if (!plan.isEmpty()) {
          init.addAll(List.of("--recipe", plan));
        }
        Fork fork = Fork.run(environments.getOrDefault(device, Map.of()), Fork.FLAGS, Main.class, init.toArray(String[]::new));
        assertThat(fork.code()).as(fork.err()).isZero();
        try (var files = Files.list(expected)) {
          List<Path> all = files.toList();
          assertThat(all).hasSizeGreaterThan(4);
          for (Path file : all) {
            assertThat(out.resolve(file.getFileName())).as(device).hasSameBinaryContentAs(file);
          }
        }
        afterwards.of(device);
      }
    }
  }
}
