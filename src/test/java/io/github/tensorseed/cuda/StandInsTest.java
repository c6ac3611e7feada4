package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The stand-ins for NVIDIA's libraries, by JCuda's classes unmodified, in processes of their own.
@Execution(ExecutionMode.CONCURRENT)
class StandInsTest {
  @TempDir
  private Path folder;

  private Fork run(Map<String, String> environment, Class<?> program, String... arguments) throws Exception {
    // JCuda unpacks its libraries under fixed names into the folder for temporary files.
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + folder)).toList();
    Fork fork = Fork.run(environment, flags, program, arguments);
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    return fork;
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:3"})
  void curand(String mode) throws Exception {
    run(Fork.environment(mode), CurandProgram.class, mode);
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:3"})
  void cublas(String mode) throws Exception {
    run(Fork.environment(mode), CublasProgram.class, mode);
  }

  @ParameterizedTest
  @ValueSource(strings = {"eager", "lazy", "random:3"})
  void cusolver(String mode) throws Exception {
    run(Fork.environment(mode), CusolverProgram.class, mode);
  }

  @Test
  void aMachineMayLackLibrariesOrHaveThemOfAnotherVersion() throws Exception {
    Path links = Emulator.folder("libcuda.so.1", "libcublas.so.12", "libcusolver.so.11");
    Fork fork = run(Emulator.environment(links, "eager"), Loads.class, "libcuda.so.1", "libcurand.so.10", "libcublas.so.11",
        "libcublas.so.12", "libcublas.so.11", "libcusolver.so.11", "libcusolverMg.so.11");
    assertThat(fork.out().lines()).containsExactly("libcuda.so.1", "libcublas.so.12", "libcusolver.so.11");
  }

  /// Prints those of its arguments that the system's loader finds.
  static final class Loads {
    private Loads() {}

    @SuppressWarnings("restricted")
    public static void main(String... names) {
      for (String name : names) {
        try {
          SymbolLookup.libraryLookup(name, Arena.global());
          System.out.println(name);
        } catch (IllegalArgumentException e) {
          // It is not there.
        }
      }
    }
  }
}
