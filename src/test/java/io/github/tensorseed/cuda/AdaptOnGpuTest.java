package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.DType;
import io.github.tensorseed.Fork;
import io.github.tensorseed.checkpoint.Checkpoint;
import io.github.tensorseed.checkpoint.StoredTensor;
import io.github.tensorseed.cli.CommandRun;
import io.github.tensorseed.cli.Main;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `tensorseed adapt` on the emulated driver leaves the weights that it leaves on the host; the factors may differ by signs.
@Execution(ExecutionMode.CONCURRENT)
class AdaptOnGpuTest {
  @TempDir Path dir;

  @ParameterizedTest
  @CsvSource({"lazy, pissa", "random:5, pissa --niter 8", "lazy, olora", "eager, lora"})
  void theSameAsOnTheCpu(String mode, String method) throws Exception {
    Path model = Files.createDirectory(dir.resolve("model"));
    Path file = model.resolve("model.safetensors");
    // 14 directions are nearly all of the 16.
    CommandRun init = CommandRun.of("init", "--tensor", "h.0.attn.c_attn.weight:BF16[16,40]=normal(0, 1)", "--out", file.toString());
    assertThat(init.code()).as(init.err()).isZero();
    Files.writeString(model.resolve("config.json"), "{\"model_type\": \"gpt2\"}");
    CommandRun host = CommandRun.of(arguments(method, model, dir.resolve("host"), "cpu"));
    assertThat(host.code()).as(host.err()).isZero();
    Fork gpu = Fork.emulated(mode, Main.class, arguments(method, model, dir.resolve("gpu"), "cuda:0"));
    assertThat(gpu.code()).as(gpu.err()).isZero();
    if (method.equals("lora")) {
      assertThat(dir.resolve("gpu/adapter_model.safetensors")).hasSameBinaryContentAs(dir.resolve("host/adapter_model.safetensors"));
    } else {
      double[] left = values(dir.resolve("gpu/model.safetensors"));
      assertThat(left).isNotEqualTo(values(file));
      assertThat(left).containsExactly(values(dir.resolve("host/model.safetensors")), within(0x1p-6)); // a unit of 3 in BF16
    }
  }

  private static String[] arguments(String method, Path model, Path out, String device) {
    List<String> arguments = new ArrayList<>(List.of("adapt", model.toString(), "--rank", "4", "--out", out.toString(), "--device", device,
        "--method"));
    arguments.addAll(List.of(method.split(" ", -1)));
    return arguments.toArray(String[]::new);
  }

  private static double[] values(Path file) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      StoredTensor tensor = checkpoint.tensors().getFirst();
      MemorySegment bytes = MemorySegment.ofArray(new byte[(int) tensor.bytes()]);
      checkpoint.read(tensor, 0, bytes);
      double[] values = new double[(int) tensor.shape().elements()];
      Arrays.setAll(values, i -> DType.BF16.get(bytes, i));
      return values;
    }
  }
}
