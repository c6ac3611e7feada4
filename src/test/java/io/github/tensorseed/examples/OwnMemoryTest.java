package io.github.tensorseed.examples;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The example of a program that owns context, stream and memory, on the emulated driver, where work is done as late as can be.
class OwnMemoryTest {
  @TempDir Path dir;

  @Test
  void weightsAreMadeWhereTheyLie() throws Exception {
    Path report = dir.resolve("report.json");
    // JCuda unpacks its library into the folder for temporary files, where other tests do that too.
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + dir)).toList();
    Fork fork = Fork.run(Fork.environment("lazy,report=" + report), flags, OwnMemory.class);
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.out()).isEqualTo("[256, 784] weights in memory of mine, with the bits of the host\n");
    JsonNode left = new ObjectMapper().readTree(report.toFile());
    assertThat(left.get("leaks")).isEmpty();
    assertThat(left.get("never_waited")).isEmpty();
    assertThat(left.get("kernels").toString()).contains("normal_bf16");
  }
}
