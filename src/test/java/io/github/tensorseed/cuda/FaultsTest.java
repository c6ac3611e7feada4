package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FaultsTest {
  /// Each fault ends in an exception with the name of the call and of the code, and nothing is leaked.
  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy"})
  void everyCallMayFail(String mode) throws Exception {
    Fork fork = Fork.emulated(mode, Faults.class, mode);
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.out()).matches("1\\d\\d ordinary, 2 of memory, \\d\\d sticky\\R");
  }
}
