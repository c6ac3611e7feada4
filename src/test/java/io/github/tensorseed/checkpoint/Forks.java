package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Other processes for tests.
final class Forks {
  private Forks() {}

  /// Starts the main method of a test class. What it prints is its output; its standard error is that of the tests.
  static Process java(String heap, Class<?> main, String... arguments) throws IOException {
    return start(command(heap, main, arguments));
  }

  static List<String> command(String heap, Class<?> main, String... arguments) {
    List<String> command = new ArrayList<>(List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), heap, "-XX:TieredStopAtLevel=1",
        "-cp", System.getProperty("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    return command;
  }

  static Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }
}
