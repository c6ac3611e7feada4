package io.github.tensorseed.dlpack;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// [GpuProgram] on the emulated driver, in JVMs of its own: nothing is leaked, nor run without being waited for.
class GpuTest {
  @TempDir Path dir;

  @ParameterizedTest
  @ValueSource(strings = {"lazy", "random:5"})
  void gpuMemoryIsLentAndBorrowed(String mode) throws Exception {
    Path report = dir.resolve("report.json");
    // JCuda unpacks its library into the folder for temporary files, where other tests do that too.
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + dir)).toList();
    Fork fork = Fork.run(
        Fork.environment(mode + ",devices=2,report=" + report), flags, GpuProgram.class, Foreign.build("libforeign.so").toString());
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out()).isEqualTo("ok\n");
    JsonNode left = new ObjectMapper().readTree(report.toFile());
    assertThat(left.get("leaks")).isEmpty();
    assertThat(left.get("never_waited")).isEmpty();
    assertThat(left.get("destroyed_with_context")).isEmpty();
  }
}
