package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/// Small models for tests, and what is to be in their files.
final class Plans {
  static final String CONFIG = "{\"model_type\": \"test\", \"tensorseed_version\": \"0.1.0\"}\n";

  private Plans() {}

  static TensorSpec normal(String name, DType dtype, long... extents) {
    return new TensorSpec(name, dtype, Shape.of(extents), new Distribution.Normal(0, 0.02));
  }

  /// Eight layers of 40 kB, and the shard size 100,000 makes four files of them.
  static List<TensorSpec> layers(DType dtype) {
    List<TensorSpec> tensors = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      tensors.add(normal("layers." + i + ".weight", dtype, 99, 100));
      tensors.add(new TensorSpec("layers." + i + ".bias", dtype, Shape.of(100), new Distribution.Uniform(-0.5, 0.5)));
    }
    return tensors;
  }

  static ShardLayout layout(long seed) {
    return ShardLayout.of(layers(DType.F32), seed, 100_000);
  }

  /// The bytes of a tensor that is filled as a whole.
  static byte[] values(Device device, TensorSpec spec, long seed) {
    byte[] bytes = new byte[(int) spec.bytes()];
    try (Tensor tensor = device.allocate(spec.type().dtype().orElseThrow(), spec.shape())) {
      spec.initializer().fill(tensor, RandomStream.of(seed).named(spec.name()));
      device.read(tensor, 0, MemorySegment.ofArray(bytes));
    }
    return bytes;
  }

  /// The bytes of all files in a directory, by their names.
  static Map<String, byte[]> contents(Path directory) throws IOException {
    Map<String, byte[]> contents = new TreeMap<>();
    try (Stream<Path> files = Files.list(directory)) {
      files.forEach(file -> contents.put(file.getFileName().toString(), bytes(file)));
    }
    return contents;
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What changes when a file is written again.
  static String identity(Path file) throws IOException {
    return Files.getAttribute(file, "unix:ino") + " " + Files.getLastModifiedTime(file);
  }
}
