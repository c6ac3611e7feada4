package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.tensorseed.Fork;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HostileFilesTest {
  private final Path folder;

  HostileFilesTest(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void largeOnesPassOrFailCleanlyIn256Megabytes() throws IOException, InterruptedException {
    Fork fork = Fork.run(Map.of(), List.of("-Xmx256m"), HostileFiles.class, folder.toString());
    assertThat(fork.code()).as(fork.out() + fork.err()).isZero();
    assertThat(fork.out().lines()).satisfiesExactly(
        line -> assertThat(line).startsWith("a million tensors: ").contains("too many to be held in 64 MB"),
        line -> assertThat(line).isEqualTo("200000 tensors: 200000 tensors"),
        line -> assertThat(line).startsWith("a string of 90 MB: ").contains("exceeds the maximum"),
        line -> assertThat(line).startsWith("strings of 8 M characters: ").contains("too many to be held in 64 MB"),
        line -> assertThat(line).startsWith("a name of 90 MB: ").contains("exceeds the maximum"),
        line -> assertThat(line).startsWith("a number of 90 MB: ").contains("exceeds the maximum"),
        line -> assertThat(line).startsWith("a shape of 40 M axes: ").contains("more than 64 numbers"),
        line -> assertThat(line).isEqualTo("names with the same hash: 131072 tensors"),
        line -> assertThat(line).isEqualTo("two of 200000 tensors each: 200000 the same, 0 others"),
        line -> assertThat(line).isEqualTo("two of 3 strings of 8 M characters: 0 the same, 0 others"),
        line -> assertThat(line).startsWith("two of 7 strings of 8 M characters: ").contains("too many to be held in 64 MB"),
        line -> assertThat(line).startsWith("an index of a million tensors: ").contains("too many to be held in 64 MB"));
  }
}
