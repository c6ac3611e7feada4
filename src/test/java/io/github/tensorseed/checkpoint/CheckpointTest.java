package io.github.tensorseed.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
  private final Path folder;
  private final Path directory;

  CheckpointTest(@TempDir Path folder) throws IOException {
    this.folder = folder;
    directory = Files.createDirectory(folder.resolve("checkpoint"));
    file(directory.resolve("one.safetensors"), "a", 3);
    file(directory.resolve("two.safetensors"), "b", 2);
    file(folder.resolve("outside.safetensors"), "c", 1);
  }

  private static void file(Path file, String tensor, int bytes) throws IOException {
    byte[] json = ("{\"" + tensor + "\":{\"dtype\":\"U8\",\"shape\":[" + bytes + "],\"data_offsets\":[0," + bytes + "]}}")
        .getBytes(StandardCharsets.UTF_8);
    HostileFiles.write(file, json, json.length, bytes);
  }

  private void index(String json) throws IOException {
    Files.writeString(directory.resolve(ShardLayout.INDEX), json.replace('\'', '"'));
  }

  @Test
  void readsTheFilesOfAnIndex() throws IOException {
    index("{'metadata':{'total_size':5.0,'x':[{}]},'weight_map':{'b':'two.safetensors','a':'one.safetensors'},'more':[1,{'a':2}]}");
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      assertThat(checkpoint.tensors()).extracting(StoredTensor::name).containsExactly("a", "b");
      StoredTensor b = checkpoint.tensors().getLast();
      checkpoint.read(b, 1, MemorySegment.ofArray(new byte[1]));
      checkpoint.read(b, 2, MemorySegment.ofArray(new byte[0]));
      for (long offset : new long[] {-1, 2, Long.MAX_VALUE}) {
        assertThatThrownBy(() -> checkpoint.read(b, offset, MemorySegment.ofArray(new byte[1])))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("1 bytes from " + offset + " of tensor 'b'");
      }
      Files.write(b.file(), new byte[8]);
      assertThatThrownBy(() -> checkpoint.read(b, 0, MemorySegment.ofArray(new byte[2])))
          .isInstanceOf(IOException.class).hasMessageContaining("has become shorter");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"../outside.safetensors", "/etc/passwd", "", " ", ".", "..", "x/one.safetensors", "one.safetensors/", "a\\\\b",
      "..\\\\outside.safetensors", "C:one.safetensors", "C:\\\\x", "one.safetensors\\u0000", "\\u0000", "one\\n",
      "//host/x", "\\\\\\\\host\\\\x"})
  void namesThatLeadElsewhere(String name) throws IOException {
    index("{'weight_map':{'a':'one.safetensors','c':'" + name + "'}}");
    refuses("only plain names of files beside the index are opened");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
    "{'weight_map':{'a':'one.safetensors','b':'one.safetensors'}}|places tensor 'b' in one.safetensors, which has none",
    "{'weight_map':{'a':'one.safetensors','z':'two.safetensors'}}|has tensor 'b', which",
    "{'weight_map':{'a':'one.safetensors','b':'one.safetensors','c':'two.safetensors'}}|has tensor 'b', which",
    "{'weight_map':{'a':'one.safetensors','a':'one.safetensors'}}|'a' is there twice",
    "{'weight_map':{'a':'one.safetensors'},'weight_map':{}}|'weight_map' is there twice",
    "{'weight_map':{'a':'three.safetensors'}}|three.safetensors: no such file",
    "{'weight_map':{'a':1}}|to be a string",
    "{'weight_map':['a']}|to be an object",
    "{'weight_map':{'a':{'b':'c'}}}|to be a string",
    "{'metadata':{}}|no weight_map",
    "{'x':[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]],'weight_map':{}}|epth",
    "{'weight_map':{'a':'one.safetensors'}}x|x",
    "{'weight_map':{'a':'one.safetensors'}|end",
    "null|to be an object",
  })
  void indexesThatCannotBe(String json, String message) throws IOException {
    index(json);
    refuses(message);
  }

  private void refuses(String message) {
    assertThatThrownBy(() -> Checkpoint.open(directory)).isInstanceOf(IOException.class).hasMessageContaining(message);
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS) // a pipe would be waited for
  void onlyPlainFilesAreOpened() throws Exception {
    index("{'weight_map':{'c':'link.safetensors'}}");
    Path link = directory.resolve("link.safetensors");
    Files.createSymbolicLink(link, folder.resolve("outside.safetensors"));
    refuses("links in a checkpoint's directory are not followed");
    Files.delete(link);
    Files.createDirectory(link);
    refuses("not a plain file");
    Files.delete(link);
    assertThat(new ProcessBuilder("mkfifo", link.toString()).start().waitFor()).isZero();
    refuses("not a plain file");
    assertThatThrownBy(() -> Checkpoint.open(link)).hasMessageContaining("not a plain file");
    Files.delete(directory.resolve(ShardLayout.INDEX));
    refuses("has neither");
    Files.createSymbolicLink(directory.resolve("model.safetensors"), folder.resolve("outside.safetensors"));
    refuses("links in a checkpoint's directory are not followed");
    assertThatThrownBy(() -> Checkpoint.open(folder.resolve("nothing"))).hasMessageContaining("no such file");

    // What the caller names is followed.
    Path given = Files.createSymbolicLink(folder.resolve("given"), folder.resolve("outside.safetensors"));
    try (Checkpoint checkpoint = Checkpoint.open(given)) {
      assertThat(checkpoint.tensors()).hasSize(1);
    }
  }
}
