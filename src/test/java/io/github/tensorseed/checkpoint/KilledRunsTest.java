package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledRunsTest {
  private final Path folder;

  KilledRunsTest(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void killedAtTwentyMomentsThenResumed() throws IOException, InterruptedException {
    Path target = folder.resolve("killed");
    Random random = new Random(20);
    int finished = 0;
    int partly = 0;
    for (int kill = 0; kill < 20; kill++) {
      Map<Path, String> before = shards(target);
      Process process = new ProcessBuilder(command(target)).redirectError(ProcessBuilder.Redirect.INHERIT).start();
      try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
        for (int lines = random.nextInt(6); lines > 0; lines--) {
          assertThat(output.readLine()).isIn("begins", "a file");
        }
        TimeUnit.MICROSECONDS.sleep(random.nextInt(10_000));
        process.toHandle().destroyForcibly(); // kill -9; the process's own method would close its output
        process.waitFor();
        assertThat(output.lines()).isSubsetOf("begins", "a file", "done");
      }
      Map<Path, String> after = shards(target);
      assertThat(after).containsAllEntriesOf(before);
      partly += after.size() > 0 && after.size() < 4 ? 1 : 0;
      if (after.size() >= 3) { // end it and begin again, so that later kills have something to interrupt
        requireWhole(target);
        finished++;
        for (Path shard : shards(target).keySet()) {
          Files.delete(shard);
        }
        Files.deleteIfExists(target.resolve(ShardLayout.INDEX));
      }
    }
    assertThat(partly).as("kills between the first file and the last; %d runs ended", finished).isGreaterThanOrEqualTo(5);
    requireWhole(target);
  }

  private static List<String> command(Path target) {
    return Fork.command(List.of("-Xmx64m"), KilledRuns.class, target.toString());
  }

  private static Map<Path, String> shards(Path target) throws IOException {
    Map<Path, String> shards = new HashMap<>();
    for (ShardLayout.Shard shard : Plans.layout(42).shards()) {
      Path path = target.resolve(shard.file());
      if (Files.exists(path)) {
        shards.put(path, Plans.identity(path));
      }
    }
    return shards;
  }

  private void requireWhole(Path target) throws IOException {
    Path whole = folder.resolve("whole");
    try (CpuDevice device = CpuDevice.open(1)) {
      CheckpointWriter writer = new CheckpointWriter(device, 1);
      writer.write(Plans.layout(42), whole, Plans.CONFIG, Existing.RESUME, Part.WHOLE);
      writer.write(Plans.layout(42), target, Plans.CONFIG, Existing.RESUME, Part.WHOLE);
    }
    assertThat(Plans.contents(target)).containsExactlyEntriesOf(Plans.contents(whole));
  }

  /// Stands for a full disk: the process may write files of 64 kB only, and shards have 80 kB.
  @Test
  void noRoom() throws IOException, InterruptedException {
    Path target = folder.resolve("full");
    String command = command(target).stream().map(word -> "'" + word + "'").collect(Collectors.joining(" "));
    Fork fork = Fork.run(Map.of(), List.of("bash", "-c", "ulimit -f 64; exec " + command));
    assertThat(fork.out()).as(fork.err()).contains("cannot write " + target.resolve("model-00001-of-00004.safetensors") + ": File too large");
    assertThat(Plans.contents(target)).isEmpty();
  }
}
