package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Device;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.checkpoint.ShardLayout.Shard;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// Fills tensors and writes them to files, in constant memory.
///
/// A file appears under its name only when it is complete and on the disk.
public final class CheckpointWriter {
  private final Device device;
  private final int threads;
  private final LongConsumer progress;

  /// What to do about files of an earlier run.
  public enum Existing {
    /// An error that names the first one.
    REFUSE,
    /// Finished files stay as they are, if this run would make the same; else an error that names the difference.
    RESUME,
    /// Files of ours are deleted first; anything else is an error.
    FORCE
  }

  /// Every `count`-th file of a checkpoint, from the `number`-th on, counted from 1: one of `count` machines' share.
  public record Part(int number, int count) {
    /// All files.
    public static final Part WHOLE = new Part(1, 1);

    public Part {
      if (number < 1 || number > count) {
        throw new IllegalArgumentException("part " + number + "/" + count + ": parts are 1/" + count + " to " + count + "/" + count);
      }
    }

    boolean includes(int file) {
      return file % count == number - 1;
    }

    /// Whether a file is in this share.
    public boolean includes(Shard shard) {
      return includes(shard.place());
    }
  }

  /// What a run did.
  ///
  /// @param written names of the files that were written
  /// @param kept names of the files that were there already
  public record Result(List<String> written, List<String> kept) {}

  /// Writes with this many threads.
  public CheckpointWriter(Device device, int threads) {
    this(device, threads, _ -> {});
  }

  /// @param progress is told of bytes as they are written, or found to be written already; called from several threads
  /// @throws IllegalArgumentException if `threads` is not positive
  public CheckpointWriter(Device device, int threads, LongConsumer progress) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads = " + threads + ": at least 1 is needed");
    }
    this.device = device;
    this.threads = threads;
    this.progress = progress;
  }

  /// Writes the files of `layout` that belong to `part` to `directory`, which is made if it is missing, then the index and `config`.
  ///
  /// @param config the text of `config.json`, marked with [Provenance#CONFIG_KEY] at its top level; null for none
  /// @throws IllegalArgumentException if `config` is not marked, if the layout is of another generator than the device's, or if a tensor
  ///     cannot be filled
  /// @throws IOException if something is in the way, another run is writing there, or the disk is full or not to be written; with the
  ///     path, the reason and the remedy
  public Result write(ShardLayout layout, Path directory, @Nullable String config, Existing existing, Part part) throws IOException {
    requireGenerator(layout.provenance());
    SequencedMap<String, byte[]> texts = layout.texts(config);
    String algebra = algebra(layout.shards().stream().anyMatch(shard -> part.includes(shard) && shard.byLinearAlgebra()));
    List<String> written = new ArrayList<>();
    List<String> kept = new ArrayList<>();
    try (Target target = Target.open(directory, layout, part, texts)) {
      Set<String> finished = target.clear(existing);
      DurableFile.requireRoom(directory, layout.shards().stream()
          .filter(shard -> part.includes(shard) && !finished.contains(shard.file())).mapToLong(Shard::dataBytes).sum(),
          ", a narrower dtype, or a share of the files with --part");
      for (Shard shard : layout.shards()) {
        if (finished.contains(shard.file())) {
          kept.add(shard.file());
          progress.accept(shard.dataBytes());
        } else if (part.includes(shard)) {
          written.add(shard.file());
          DurableFile.write(directory.resolve(shard.file()), target.temporary(shard.file()), channel -> {
            byte[] header = shard.header(algebra);
            TensorFile.write(channel, ByteBuffer.wrap(header));
            fill(new PackSink.Places(channel), header.length, shard.tensors(), shard.provenance().seed());
          });
        }
      }
      target.finish();
    }
    return new Result(List.copyOf(written), List.copyOf(kept));
  }

  private void requireGenerator(Provenance provenance) {
    if (provenance.generator() != device.generator()) {
      throw new IllegalArgumentException("the layout is of the generator " + provenance.generator() + ", and " + device.name()
          + " has " + device.generator() + "; both must have the same");
    }
  }

  /// What does linear algebra here. Its libraries are loaded where they are needed alone, and before anything is written.
  private String algebra(boolean needed) {
    return needed ? Provenance.text(device.linearAlgebra()) : "";
  }

  /// Writes one file of a checkpoint to a stream, from the first byte to the last, for places that this class does not know: a distributed
  /// file system, an object store, a socket. The stream stays open. Beside the files go [ShardLayout#texts].
  ///
  /// @throws IllegalArgumentException if the layout is of another generator than the device's, or if a tensor cannot be filled
  public void write(Shard shard, OutputStream out) throws IOException {
    requireGenerator(shard.provenance());
    byte[] header = shard.header(algebra(shard.byLinearAlgebra()));
    out.write(header);
    fill(new PackSink.Turns(out, header.length), header.length, shard.tensors(), shard.provenance().seed());
  }

  /// Writes one safetensors file.
  ///
  /// @param force replaces a file that we wrote
  /// @throws IllegalArgumentException if there are no tensors or two of one name, or if one cannot be filled
  /// @throws IOException if the file is there already or cannot be written; with the path, the reason and the remedy
  public void writeSafetensors(List<TensorSpec> tensors, long seed, Path file, boolean force) throws IOException {
    Shard shard = ShardLayout.single(file.toString(), tensors, seed, device.generator());
    write(file, shard.header(algebra(shard.byLinearAlgebra())), shard.tensors(), seed, force);
  }

  /// Writes one tensor as an npy file, which holds F64, F32 and F16. Such a file cannot say that it is ours, so none is ever replaced.
  ///
  /// @throws IllegalArgumentException for a dtype that the format has not, or if the tensor cannot be filled
  /// @throws IOException if the file is there already or cannot be written; with the path, the reason and the remedy
  public void writeNpy(TensorSpec tensor, long seed, Path file) throws IOException {
    write(file, Npy.header(tensor.type(), tensor.shape()), List.of(tensor), seed, false);
  }

  private void write(Path file, byte[] header, List<TensorSpec> tensors, long seed, boolean force) throws IOException {
    try (TensorFile alone = TensorFile.create(file, header, tensors.stream().mapToLong(TensorSpec::bytes).sum(), force)) {
      alone.fill(channel -> fill(new PackSink.Places(channel), header.length, tensors, seed));
      alone.finish();
    }
  }

  private void fill(PackSink sink, long position, List<TensorSpec> tensors, long seed) throws IOException {
    new ChunkWriter(device, threads, sink, position, tensors, RandomStream.of(seed), progress).write();
  }
}
