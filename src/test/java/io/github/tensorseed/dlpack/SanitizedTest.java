package io.github.tensorseed.dlpack;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// [HostProgram] where all memory that is allocated by C is watched by AddressSanitizer: reads of freed memory, writes beyond an end,
/// double frees.
class SanitizedTest {
  private static Fork run(String... more) throws Exception {
    Path runtime = Path.of(Fork.run(Map.of(), List.of("gcc", "-print-file-name=libasan.so")).out().strip());
    if (System.getenv("CI") == null) {
      Assumptions.assumeTrue(Files.exists(runtime), "gcc has no AddressSanitizer here");
    }
    String[] arguments = new String[1 + more.length];
    arguments[0] = Foreign.build("libforeign-asan.so", "-fsanitize=address").toString();
    System.arraycopy(more, 0, arguments, 1, more.length);
    // What the JVM does with signals, and never frees, is its own affair.
    Map<String, String> environment =
        Map.of("LD_PRELOAD", runtime.toString(), "ASAN_OPTIONS", "handle_segv=0:detect_leaks=0:exitcode=99");
    return Fork.run(environment, Fork.FLAGS, HostProgram.class, arguments);
  }

  @Test
  void memoryIsUsedWhileItIsThere() throws Exception {
    Fork fork = run();
    assertThat(fork.err()).doesNotContain("AddressSanitizer");
    assertThat(fork.out()).isEqualTo("live 0, twice 0, ours 0\n");
    assertThat(fork.code()).isZero();
  }

  @Test
  void aLateReadIsSeen() throws Exception {
    Fork fork = run("late");
    assertThat(fork.err()).contains("AddressSanitizer: heap-use-after-free", "foreign_bits");
    assertThat(fork.code()).isEqualTo(99);
  }
}
