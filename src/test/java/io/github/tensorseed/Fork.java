package io.github.tensorseed;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.github.tensorseed.cuda.Emulator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/// What a JVM of its own did, whose flags are few and its compiler quick unless flags say otherwise.
///
/// @param out what it printed
/// @param err what it printed as errors
public record Fork(int code, String out, String err) {
  /// What the command and the tests are started with.
  public static final List<String> FLAGS = List.of("--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED");

  private static final long TIMEOUT_SECONDS = 600;

  /// The environment of a process that finds the emulated driver, with options of [Emulator], where it looks for NVIDIA's.
  public static Map<String, String> environment(String options) {
    return Emulator.environment(Emulator.folder(), options);
  }

  /// Runs a main class on the emulated driver.
  public static Fork emulated(String options, Class<?> main, String... arguments) throws IOException, InterruptedException {
    return run(environment(options), FLAGS, main, arguments);
  }

  /// Runs a main class of the tests' class path.
  ///
  /// @param environment is added to that of this process
  /// @param flags for Java
  public static Fork run(Map<String, String> environment, List<String> flags, Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    return run(environment, flags, System.getProperty("java.class.path"), main.getName(), arguments);
  }

  public static Fork run(Map<String, String> environment, List<String> flags, String classPath, String main, String... arguments)
      throws IOException, InterruptedException {
    return run(environment, command(flags, classPath, main, arguments));
  }

  /// Runs any command.
  public static Fork run(Map<String, String> environment, List<String> command) throws IOException, InterruptedException {
    Path out = Files.createTempFile("fork", ".out");
    Path err = Files.createTempFile("fork", ".err");
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
      builder.environment().putAll(environment);
      Process process = builder.start();
      if (!process.waitFor(TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
        throw new AssertionError("hangs: " + String.join(" ", command) + "\n" + read(out) + read(err));
      }
      return new Fork(process.exitValue(), read(out), read(err));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }

  /// The command that starts a main class of the tests' class path.
  public static List<String> command(List<String> flags, Class<?> main, String... arguments) {
    return command(flags, System.getProperty("java.class.path"), main.getName(), arguments);
  }

  private static List<String> command(List<String> flags, String classPath, String main, String... arguments) {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
        "-XX:TieredStopAtLevel=1", "-ea"));
    command.addAll(flags);
    command.addAll(List.of("-cp", classPath, main));
    command.addAll(List.of(arguments));
    return command;
  }

  private static String read(Path file) throws IOException {
    return new String(Files.readAllBytes(file), UTF_8);
  }
}
