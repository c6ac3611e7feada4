package io.github.tensorseed.checkpoint;

import io.github.tensorseed.DType;
import io.github.tensorseed.Shape;
import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;

/// One file of tensors whose values are known to the caller, written from the first byte to the last: `.safetensors`, or `.npy` of one
/// tensor. It appears under its name only when it is complete and on the disk.
///
///     try (TensorFile out = TensorFile.create(path, tensors, Map.of(), false)) {
///       out.write(values); // as often as it takes
///       out.finish();
///     }
public final class TensorFile implements AutoCloseable {
  /// Marks a file whose values do not come from a seed as ours; its value is the version.
  static final String WRITER_KEY = "tensorseed.writer";

  private static final int WRITE_AT_ONCE = 1 << 30;

  private final Path file;
  private final TargetLock lock;
  private final DurableFile made;
  private long left;

  private TensorFile(Path file, TargetLock lock, DurableFile made, long left) {
    this.file = file;
    this.lock = lock;
    this.made = made;
    this.left = left;
  }

  /// What one tensor is.
  public record Entry(StoredType type, Shape shape) {
    /// @throws IllegalArgumentException if it has more than 2^63 - 1 bytes
    public Entry {
      TensorSpec.bytes(type, shape);
    }

    public Entry(DType dtype, Shape shape) {
      this(StoredType.of(dtype), shape);
    }

    /// Bytes of its values.
    public long bytes() {
      return TensorSpec.bytes(type, shape);
    }
  }

  /// Begins a file, whose suffix says its format.
  ///
  /// @param tensors by name, in the order in which their values come; wide types first keep all aligned
  /// @param metadata of a safetensors file, under keys that begin with `tensorseed.`; an npy file has none
  /// @param force replaces a safetensors file that we wrote
  /// @throws IllegalArgumentException for another suffix, or tensors or metadata that the format cannot hold
  /// @throws IOException if the file is there already or cannot be written, or the disk has no room for it; with the path, the reason and
  ///     the remedy
  public static TensorFile create(Path file, SequencedMap<String, Entry> tensors, Map<String, String> metadata, boolean force)
      throws IOException {
    long bytes = 0;
    for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
      if (tensor.getKey().equals(SafetensorsHeader.METADATA)) {
        throw new IllegalArgumentException("a tensor cannot be named '" + tensor.getKey() + "': that is the place of a file's metadata");
      }
      try {
        bytes = Math.addExact(bytes, tensor.getValue().bytes());
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("the tensors up to '" + tensor.getKey() + "' have more than 2^63 - 1 bytes", e);
      }
    }
    return create(file, header(file, tensors, metadata), bytes, force);
  }

  private static byte[] header(Path file, SequencedMap<String, Entry> tensors, Map<String, String> metadata) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".npy")) {
      if (tensors.size() != 1) {
        throw new IllegalArgumentException("an npy file holds one tensor, not " + tensors.size() + "; write .safetensors");
      }
      Entry tensor = tensors.firstEntry().getValue();
      return Npy.header(tensor.type, tensor.shape);
    }
    if (!name.endsWith(".safetensors")) {
      throw new IllegalArgumentException("'" + file + "' must end in .safetensors or .npy");
    }
    SortedMap<String, String> all = new TreeMap<>(Map.of(Provenance.FORMAT_KEY, "pt", WRITER_KEY, Provenance.VERSION));
    metadata.forEach((key, value) -> {
      if (!key.startsWith("tensorseed.") || all.put(key, value) != null) {
        throw new IllegalArgumentException("metadata under '" + key + "': keys begin with tensorseed. and are not " + WRITER_KEY);
      }
    });
    return SafetensorsHeader.encode(all, tensors);
  }

  /// @param bytes that follow the header
  static TensorFile create(Path file, byte[] header, long bytes, boolean force) throws IOException {
    if (file.getFileName() == null || file.getFileName().toString().isEmpty()) {
      throw new IllegalArgumentException("'" + file + "' names no file");
    }
    String name = ".tensorseed-" + file.getFileName();
    TargetLock lock = TargetLock.acquire(file.resolveSibling(name + ".lock"), Part.WHOLE, 1);
    TensorFile made = null;
    try {
      Path temporary = file.resolveSibling(name + ".new");
      if (Files.isRegularFile(temporary, LinkOption.NOFOLLOW_LINKS)) {
        DurableFile.delete(temporary);
      }
      requireFree(file, force);
      DurableFile.requireRoom(file.toAbsolutePath().resolveSibling(""), bytes, "");
      made = new TensorFile(file, lock, DurableFile.create(file, temporary, there -> force && isOurs(there)), bytes);
    } finally {
      if (made == null) {
        lock.close();
      }
    }
    try {
      made.made.write(channel -> write(channel, ByteBuffer.wrap(header)));
      return made;
    } catch (Throwable e) {
      made.close();
      throw e;
    }
  }

  /// For those who want to know it before they compute what the file is to hold.
  ///
  /// @param force whether a safetensors file that we wrote may be replaced
  /// @throws IOException if there is a file already
  public static void requireFree(Path file, boolean force) throws IOException {
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !(force && isOurs(file))) {
      throw new IOException(file + " is there already" + (force ? ", and tensorseed did not write it" : "")
          + "; choose another name or remove it");
    }
  }

  static boolean isOurs(Path file) {
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      Checkpoint.Shard shard = checkpoint.shards().getFirst();
      return shard.header().metadata().containsKey(WRITER_KEY) || Provenance.of(shard).isPresent();
    } catch (IOException e) {
      return false;
    }
  }

  static void write(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /// Appends the next bytes of the tensors' values, which lie one behind the other.
  ///
  /// @param bytes native memory, or a byte array's
  /// @throws IllegalArgumentException if they are more than there is place for
  public void write(MemorySegment bytes) throws IOException {
    if (bytes.byteSize() > left) {
      throw new IllegalArgumentException(bytes.byteSize() + " bytes for " + file + ", which wants " + left + " more");
    }
    made.write(channel -> {
      for (long at = 0; at < bytes.byteSize(); at += WRITE_AT_ONCE) {
        write(channel, bytes.asSlice(at, Math.min(WRITE_AT_ONCE, bytes.byteSize() - at)).asByteBuffer());
      }
    });
    left -= bytes.byteSize();
  }

  /// Has all values written at once.
  void fill(DurableFile.Contents values) throws IOException {
    made.write(values);
    left = 0;
  }

  /// Gives the file its name, once all of it is on the disk.
  ///
  /// @throws IllegalStateException if values are missing
  public void finish() throws IOException {
    if (left > 0) {
      throw new IllegalStateException(file + " lacks " + left + " bytes of its values");
    }
    made.finish();
  }

  /// Deletes what is not finished.
  @Override
  public void close() throws IOException {
    try (lock) {
      made.close();
    }
  }
}
