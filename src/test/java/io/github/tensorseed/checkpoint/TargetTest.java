package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.Device;
import io.github.tensorseed.checkpoint.CheckpointWriter.Existing;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import io.github.tensorseed.cpu.CpuDevice;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TargetTest {
  @TempDir Path folder;

  /// Two parts of one checkpoint, started at the same time, of which one has another seed: only the index, which both write last, tells.
  @Test
  void partsOfDifferentSeedsAtTheSameTime() throws IOException {
    Path index = folder.resolve(ShardLayout.INDEX);
    byte[] other = Plans.layout(2).index().orElseThrow();
    try (Device device = CpuDevice.open(1)) {
      CheckpointWriter writer = new CheckpointWriter(device, 1, _ -> put(index, other));
      assertThatThrownBy(() -> writer.write(Plans.layout(1), folder, null, Existing.REFUSE, new Part(1, 2)))
          .isExactlyInstanceOf(IOException.class).hasMessageStartingWith(index + ": while this run was writing")
          .hasMessageContaining("the same seed");
      assertThat(index).hasBinaryContent(other);
    }
  }

  private static void put(Path file, byte[] bytes) {
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
