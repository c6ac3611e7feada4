package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The device with cuRAND's generators, on the emulated driver and a stand-in for the library.
@Execution(ExecutionMode.CONCURRENT)
class CurandContractTest {
  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:7"})
  void holds(String mode, @TempDir Path dir) throws Exception {
    Path report = dir.resolve("report.json");
    Map<String, String> environment = new HashMap<>(Fork.environment(mode + ",report=" + report));
    environment.put("TENSORSEED_CURAND", ""); // NVIDIA's own takes a millisecond for each call; CurandAgreementTest has it
    Fork fork = Fork.run(environment, Fork.FLAGS, CurandContract.class);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out().lines().filter(line -> line.contains(": ok, "))).hasSize(9);
    JsonNode left = new ObjectMapper().readTree(Files.readString(report));
    assertThat(left.get("leaks")).isEmpty();
    assertThat(left.get("never_waited")).isEmpty();
    assertThat(left.get("destroyed_with_context")).isEmpty();
    left.get("live").forEach(count -> assertThat(count.asInt()).as(left.get("live").toString()).isZero());
  }
}
