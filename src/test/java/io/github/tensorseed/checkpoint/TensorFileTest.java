package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.TensorFile.Entry;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorFileTest {
  @TempDir Path folder;

  private static SequencedMap<String, Entry> two() {
    SequencedMap<String, Entry> tensors = new LinkedHashMap<>();
    tensors.put("b", new Entry(DType.F64, Shape.of(2)));
    tensors.put("a", new Entry(DType.F32, Shape.of(3, 1)));
    return tensors;
  }

  private static SequencedMap<String, Entry> one(DType dtype) {
    return new LinkedHashMap<>(Map.of("x", new Entry(dtype, Shape.of(2, 2))));
  }

  /// The numbers from `from` on.
  private static byte[] bytes(int from, int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) (from + i);
    }
    return bytes;
  }

  private static void write(Path file, SequencedMap<String, Entry> tensors, int from, int total, boolean force) throws IOException {
    try (TensorFile out = TensorFile.create(file, tensors, Map.of("tensorseed.kind", "zca"), force)) {
      for (int at = 0; at < total; at += 5) {
        out.write(MemorySegment.ofArray(bytes(from + at, Math.min(5, total - at))));
      }
      assertThat(file.resolveSibling(".tensorseed-" + file.getFileName() + ".new")).exists();
      out.finish();
    }
  }

  @Test
  void safetensors() throws IOException {
    Path file = folder.resolve("x.safetensors");
    write(file, two(), 1, 28, false);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.tensors()).extracting(StoredTensor::name, StoredTensor::type, tensor -> tensor.shape().toString())
          .containsExactly(tuple("b", StoredType.F64, "[2]"),
              tuple("a", StoredType.F32, "[3, 1]"));
      assertThat(checkpoint.shards().getFirst().header().metadata())
          .isEqualTo(Map.of("format", "pt", "tensorseed.kind", "zca", "tensorseed.writer", Provenance.VERSION));
      assertThat(Provenance.of(checkpoint.shards().getFirst())).as("no seed makes it").isEmpty();
    }
    assertThat(Files.readAllBytes(file)).endsWith(bytes(1, 28));
    assertThat(Plans.contents(folder)).containsOnlyKeys("x.safetensors");
  }

  @Test
  void npy() throws IOException {
    Path file = folder.resolve("x.NPY");
    write(file, one(DType.F32), 0, 16, false);
    assertThat(Files.readAllBytes(file)).hasSize(128 + 16).startsWith(Npy.header(StoredType.F32, Shape.of(2, 2))).endsWith(bytes(0, 16));
    assertThatThrownBy(() -> write(file, one(DType.F32), 0, 16, true)).hasMessageContaining("tensorseed did not write it");
  }

  @Test
  void onlyOurOwnIsReplaced() throws IOException {
    Path file = folder.resolve("x.safetensors");
    write(file, two(), 1, 28, false);
    byte[] first = Files.readAllBytes(file);
    assertThatThrownBy(() -> write(file, two(), 9, 28, false)).hasMessage(file + " is there already; choose another name or remove it");
    assertThat(file).hasBinaryContent(first);
    write(file, one(DType.BF16), 9, 8, true);
    assertThat(Files.readAllBytes(file)).endsWith(bytes(9, 8)).hasSizeLessThan(first.length);
    byte[] foreign = SafetensorsHeader.encode(new TreeMap<>(Map.of("format", "pt")), new LinkedHashMap<>());
    Files.write(file, foreign);
    assertThatThrownBy(() -> write(file, two(), 1, 28, true)).hasMessageContaining("tensorseed did not write it");
    assertThat(file).hasBinaryContent(foreign);
  }

  @Test
  void whatIsNotFinishedIsNotThere() throws IOException {
    Path file = folder.resolve("x.safetensors");
    Files.write(folder.resolve(".tensorseed-x.safetensors.new"), new byte[3]); // of a killed run
    try (TensorFile out = TensorFile.create(file, two(), Map.of(), false)) {
      out.write(MemorySegment.ofArray(new byte[27]));
      assertThatThrownBy(out::finish).isExactlyInstanceOf(IllegalStateException.class).hasMessage(file + " lacks 1 bytes of its values");
      assertThatThrownBy(() -> out.write(MemorySegment.ofArray(new byte[2]))).isExactlyInstanceOf(IllegalArgumentException.class)
          .hasMessage("2 bytes for " + file + ", which wants 1 more");
      assertThatThrownBy(() -> TensorFile.create(file, two(), Map.of(), false)).hasMessageContaining("another run is writing");
    }
    assertThat(Plans.contents(folder)).isEmpty();
  }

  @Test
  void filesThatCannotBe() {
    Path file = folder.resolve("x.safetensors");
    refused(folder.resolve("x.bin"), two(), "must end in .safetensors or .npy");
    refused(folder.resolve("x.npy"), two(), "holds one tensor, not 2");
    refused(folder.resolve("x.npy"), one(DType.BF16), "npy has no BF16");
    refused(file, new LinkedHashMap<>(Map.of("__metadata__", new Entry(DType.F32, Shape.of(1)))), "cannot be named");
    SequencedMap<String, Entry> huge = new LinkedHashMap<>(Map.of("x", new Entry(DType.F32, Shape.of(1L << 60))));
    assertThatThrownBy(() -> TensorFile.create(file, huge, Map.of(), false)).hasMessageContaining("are free; choose another disk");
    huge.put("y", new Entry(DType.F32, Shape.of(1L << 60)));
    refused(file, huge, "more than 2^63 - 1 bytes");
    for (String key : Arrays.asList("kind", TensorFile.WRITER_KEY)) {
      assertThatThrownBy(() -> TensorFile.create(file, two(), Map.of(key, ""), false)).hasMessageContaining("metadata under '" + key + "'");
    }
    assertThat(folder).isEmptyDirectory();
  }

  private static void refused(Path file, SequencedMap<String, Entry> tensors, String message) {
    assertThatThrownBy(() -> TensorFile.create(file, tensors, Map.of(), false))
        .isExactlyInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
  }
}
