package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The stand-ins for NVIDIA's libraries, by JCuda's classes unmodified, in processes of their own.
class StandInsTest {
  @TempDir
  private Path folder;

  /// JCuda unpacks its libraries under fixed names into the folder for temporary files.
  private void run(Class<?> program, String mode) throws Exception {
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + folder)).toList();
    Fork fork = Fork.run(Fork.environment(mode), flags, program, mode);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:3"})
  void curand(String mode) throws Exception {
    run(CurandProgram.class, mode);
  }
}
