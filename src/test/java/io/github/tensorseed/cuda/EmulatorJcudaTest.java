package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// JCuda's own natives, unmodified, on the emulated driver in processes of their own.
class EmulatorJcudaTest {
  @TempDir
  private Path folder;

  private static String run(String options, String... arguments) throws IOException, InterruptedException {
    Process process = Emulator.fork(options, EmulatedProgram.class, arguments);
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    return output;
  }

  private JsonNode report() throws IOException {
    return new ObjectMapper().readTree(folder.resolve("report.json").toFile());
  }

  private static double sum() {
    return IntStream.range(0, EmulatedProgram.COUNT).mapToDouble(i -> (float) Math.sqrt(i)).sum();
  }

  @Test
  void aCarefulProgramIsRightInEveryModeAndLeavesNothing() throws Exception {
    for (String mode : new String[] {"eager", "lazy", "random:5"}) {
      String output = run(mode + ",driver=11040,report=" + folder.resolve("report.json"));
      assertThat(output).as(mode).startsWith(sum() + " on 11040");
      JsonNode report = report();
      assertThat(report.get("leaks")).isEmpty();
      assertThat(report.get("never_waited")).isEmpty();
      assertThat(report.get("destroyed_with_context")).isEmpty();
      assertThat(report.get("live")).allMatch(count -> count.asInt() == 0);
      assertThat(report.at("/kernels/roots/launches").asInt()).isOne();
    }
  }

  @Test
  void aForgetfulProgramIsWrongInLazyModeAndItsExitReportSaysWhy() throws Exception {
    assertThat(run("lazy,report=" + folder.resolve("report.json"), "forgetful")).startsWith("0.0 on");
    JsonNode report = report();
    assertThat(report.get("leaks")).hasSize(1);
    assertThat(report.at("/live/contexts").asInt()).isOne();
    assertThat(report.get("never_waited").toString()).contains("roots");
  }
}
