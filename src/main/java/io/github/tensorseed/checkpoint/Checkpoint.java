package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// A checkpoint that is there: one `.safetensors` file, or a directory of them.
///
/// Reading it allocates what its tensors' names and metadata take, within a fixed budget, and nothing for their values.
public final class Checkpoint implements AutoCloseable {
  private static final int READ_AT_ONCE = 1 << 30;

  /// One file of it.
  public record Shard(Path file, SafetensorsHeader header) {}

  private final List<Shard> shards = new ArrayList<>();
  private final Map<Path, FileChannel> channels = new HashMap<>();
  private final Json.Budget budget = new Json.Budget();

  private Checkpoint() {}

  /// Opens a `.safetensors` file, or a directory with `model.safetensors.index.json` or `model.safetensors`.
  ///
  /// The files may be hostile. What lies in the directory must be plain files: links there are not followed.
  ///
  /// @throws IOException if anything in them is malformed or does not fit together, with the file and the rule
  public static Checkpoint open(Path path) throws IOException {
    Checkpoint checkpoint = new Checkpoint();
    try {
      if (!Files.isDirectory(path)) {
        checkpoint.add(path);
      } else if (Files.exists(path.resolve(ShardLayout.INDEX), LinkOption.NOFOLLOW_LINKS)) {
        checkpoint.addShards(path);
      } else if (Files.exists(path.resolve(ShardLayout.SINGLE), LinkOption.NOFOLLOW_LINKS)) {
        checkpoint.add(path.resolve(ShardLayout.SINGLE), LinkOption.NOFOLLOW_LINKS);
      } else {
        throw new IOException(path + ": the directory has neither " + ShardLayout.INDEX + " nor " + ShardLayout.SINGLE);
      }
      return checkpoint;
    } catch (Throwable e) {
      checkpoint.close();
      throw e;
    }
  }

  private void addShards(Path directory) throws IOException {
    Path path = directory.resolve(ShardLayout.INDEX);
    requirePlain(path, LinkOption.NOFOLLOW_LINKS);
    Map<String, String> missing = ShardIndex.read(path, budget).files();
    for (String file : new TreeSet<>(missing.values())) {
      for (StoredTensor tensor : add(directory.resolve(file), LinkOption.NOFOLLOW_LINKS).header().tensors()) {
        if (!missing.remove(tensor.name(), file)) {
          throw new IOException(tensor.file() + " has tensor '" + Printable.of(tensor.name()) + "', which " + path
              + " does not place there");
        }
      }
    }
    if (!missing.isEmpty()) {
      Map.Entry<String, String> first = Collections.min(missing.entrySet(), Map.Entry.comparingByKey());
      throw new IOException(path + " places tensor '" + Printable.of(first.getKey()) + "' in " + first.getValue()
          + ", which has none of that name");
    }
  }

  private Shard add(Path file, LinkOption... links) throws IOException {
    requirePlain(file, links);
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    channels.put(file, channel);
    Shard shard = new Shard(file, SafetensorsHeader.read(file, channel, budget));
    shards.add(shard);
    return shard;
  }

  /// A pipe or a device would be waited for, and a link may lead anywhere.
  private static void requirePlain(Path file, LinkOption... links) throws IOException {
    if (!Files.isRegularFile(file, links)) {
      if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
        throw new NoSuchFileException(file.toString(), null, "no such file");
      }
      throw new IOException(file + " is not a plain file" + (Files.isSymbolicLink(file) && links.length > 0
          ? "; links in a checkpoint's directory are not followed, name what it leads to" : ""));
    }
  }

  /// The files, in the order of their names.
  public List<Shard> shards() {
    return Collections.unmodifiableList(shards);
  }

  /// All tensors, in the order of the files and of their values there.
  public List<StoredTensor> tensors() {
    return shards.stream().flatMap(shard -> shard.header().tensors().stream()).toList();
  }

  /// Copies `host.byteSize()` bytes of a tensor's values, from byte `offset` on, to `host`. May be called from several threads.
  ///
  /// @throws IOException if the file has become shorter
  /// @throws IllegalArgumentException if the tensor has no such bytes, or is of another checkpoint
  public void read(StoredTensor tensor, long offset, MemorySegment host) throws IOException {
    FileChannel channel = channels.get(tensor.file());
    if (channel == null || offset < 0 || offset > tensor.bytes() - host.byteSize()) {
      throw new IllegalArgumentException(host.byteSize() + " bytes from " + offset + " of tensor '" + tensor.name() + "' in "
          + tensor.file() + ", which is not open here or has only " + tensor.bytes());
    }
    for (long done = 0; done < host.byteSize(); ) {
      ByteBuffer buffer = host.asSlice(done, Math.min(READ_AT_ONCE, host.byteSize() - done)).asByteBuffer();
      int count = channel.read(buffer, tensor.offset() + offset + done);
      if (count < 0) {
        throw new IOException(tensor.file() + " has become shorter: tensor '" + tensor.name() + "' ends at offset "
            + (tensor.offset() + offset + done));
      }
      done += count;
    }
  }

  @Override
  public void close() throws IOException {
    for (FileChannel channel : channels.values()) {
      channel.close();
    }
  }
}
