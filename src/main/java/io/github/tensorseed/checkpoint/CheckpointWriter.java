package io.github.tensorseed.checkpoint;

import io.github.tensorseed.Device;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// Fills tensors and writes them to files, in constant memory.
///
/// A file appears under its name only when it is complete and on the disk.
@SuppressWarnings("DoNotCallSuggester") // to be written
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

    boolean includes(int shard) {
      return shard % count == number - 1;
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
  /// @throws IllegalArgumentException if `config` is not marked, or if a tensor cannot be filled
  /// @throws IOException if something is in the way, or the disk is full or not to be written; with the path, the reason and the remedy
  public Result write(ShardLayout layout, Path directory, @Nullable String config, Existing existing, Part part) throws IOException {
    throw new UnsupportedOperationException("soon " + device + threads + progress);
  }

  /// Writes one safetensors file.
  ///
  /// @param force replaces a file that is ours
  public void writeSafetensors(List<TensorSpec> tensors, long seed, Path file, boolean force) throws IOException {
    throw new UnsupportedOperationException("soon");
  }

  /// Writes one tensor as an npy file, which holds F64, F32 and F16.
  ///
  /// @param force replaces a file that is there
  /// @throws IllegalArgumentException for a dtype that the format has not
  public void writeNpy(TensorSpec tensor, long seed, Path file, boolean force) throws IOException {
    throw new UnsupportedOperationException("soon");
  }
}
