package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// JCuda's own natives, unmodified, on the emulated driver in processes of their own.
class EmulatorJcudaTest {
  @TempDir
  private Path folder;

  private String run(String options, String... arguments) throws Exception {
    // JCuda unpacks its library under a fixed name into the folder for temporary files.
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + folder)).toList();
    Fork fork = Fork.run(Fork.environment(options), flags, EmulatedProgram.class, arguments);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    return fork.out();
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
