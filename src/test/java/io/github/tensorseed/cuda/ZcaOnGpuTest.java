package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.Fork;
import io.github.tensorseed.cli.CommandRun;
import io.github.tensorseed.cli.Main;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `tensorseed zca` on the emulated driver, where batches are read ahead of what the stream does.
@Execution(ExecutionMode.CONCURRENT)
class ZcaOnGpuTest {
  @TempDir Path dir;

  private static float[] values(Path npy) throws Exception {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(npy)).order(ByteOrder.LITTLE_ENDIAN).position(128);
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  private static void onGpu(String mode, String... arguments) throws Exception {
    Fork fork = Fork.emulated(mode, Main.class, Stream.concat(Stream.of(arguments), Stream.of("--device", "cuda:0")).toArray(String[]::new));
    assertThat(fork.code()).as(fork.err()).isZero();
  }

  private static void onCpu(String... arguments) {
    CommandRun run = CommandRun.of(Stream.concat(Stream.of(arguments), Stream.of("--device", "cpu")).toArray(String[]::new));
    assertThat(run.code()).as(run.err()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"lazy", "random:5"})
  void theSameRowsAsOnTheCpu(String mode) throws Exception {
    Path rows = dir.resolve("rows.npy");
    onCpu("init", "--tensor", "x:F32[90,6]=normal(3, 2)", "--out", rows.toString());
    String gpu = dir.resolve("gpu.safetensors").toString();
    String cpu = dir.resolve("cpu.safetensors").toString();
    onGpu(mode, "zca", "fit", "--data", rows.toString(), "--eps", "0.1", "--batch", "7", "--out", gpu);
    onCpu("zca", "fit", "--data", rows.toString(), "--eps", "0.1", "--out", cpu);
    Path white = dir.resolve("gpu.npy");
    Path expected = dir.resolve("cpu.npy");
    onGpu(mode, "zca", "apply", "--with", gpu, "--data", rows.toString(), "--batch", "11", "--out", white.toString());
    onCpu("zca", "apply", "--with", cpu, "--data", rows.toString(), "--out", expected.toString());
    assertThat(values(white)).containsExactly(values(expected), within(1e-5f));
    // What a GPU has fitted serves a machine that has none.
    onCpu("zca", "apply", "--with", gpu, "--data", white.toString(), "--inverse", "--out", dir.resolve("back.npy").toString());
    assertThat(values(dir.resolve("back.npy"))).containsExactly(values(rows), within(1e-4f));
  }
}
