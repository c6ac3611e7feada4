package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Execution(ExecutionMode.CONCURRENT)
class FaultsTest {
  /// Each fault ends in an exception with the name of the call and of the code, and nothing is leaked.
  ///
  /// @param lines one for each part of the scenario
  @ParameterizedTest
  @CsvSource({"eager, device, 1, 2, 0", "lazy, checkpoint, 1, 1, 0", "random:5, curand, 1, 3, \\d\\d", "random:11, init, 1, 1, 0",
      "lazy, whitening, 1, \\d\\d, \\d\\d", "random:3, initializers, 9, \\d\\d, \\d\\d"})
  void everyCallMayFail(String mode, String scenario, int lines, String allocations, String statuses, @TempDir Path folder)
      throws Exception {
    Fork fork = Fork.emulated(mode, Faults.class, mode, scenario, folder.toString());
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.out().lines()).hasSize(lines)
        .allMatch(line -> line.matches(statuses + " of libraries, [1-9]\\d\\d ordinary, " + allocations + " of memory, \\d{2,3} sticky"));
  }
}
