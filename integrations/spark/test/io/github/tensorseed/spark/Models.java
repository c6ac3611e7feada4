package io.github.tensorseed.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.cli.CommandRun;
import io.github.tensorseed.model.Plan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/// A small model of seven files, of which one has ten chunks and others many small tensors, and what one machine makes of it.
final class Models {
  static final long SEED = 42;
  static final long SHARD_SIZE = 1_000_000;

  private static final String CONFIG = """
      {"architectures": ["GPT2Model"], "n_layer": 4, "n_head": 4, "n_embd": 128, "vocab_size": 5000, "n_positions": 256}
      """;

  private Models() {}

  static Path config(Path folder) throws IOException {
    return Files.writeString(folder.resolve("given.json"), CONFIG);
  }

  static Plan plan(Path folder) throws IOException {
    return Plan.of(config(folder).toString(), null, null, List.of());
  }

  /// The files that `tensorseed init` writes, by their names.
  static Map<String, byte[]> byOneMachine(Path folder) throws IOException {
    Path out = folder.resolve("one");
    command("init", config(folder).toString(), "--seed", "" + SEED, "--shard-size", "1MB", "--device", "cpu", "--out", out.toString());
    return contents(out);
  }

  static void command(String... arguments) {
    CommandRun run = CommandRun.of(arguments);
    assertThat(run.code()).as(run.err()).isZero();
  }

  static Map<String, byte[]> contents(Path folder) throws IOException {
    Map<String, byte[]> contents = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        contents.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    contents.remove(".tensorseed.lock");
    return contents;
  }

  /// Name by name and byte by byte.
  static void requireSame(Map<String, byte[]> found, Map<String, byte[]> expected) {
    assertThat(expected).hasSizeGreaterThan(6);
    assertThat(found.keySet()).isEqualTo(expected.keySet());
    expected.forEach((name, bytes) -> assertThat(found.get(name)).as(name).isEqualTo(bytes));
  }
}
