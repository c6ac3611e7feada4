package io.github.tensorseed.spark;

import io.github.tensorseed.checkpoint.ShardLayout;
import io.github.tensorseed.checkpoint.ShardLayout.Shard;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.StreamCapabilities;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.jspecify.annotations.Nullable;

/// A folder in any file system that Hadoop knows. Files appear there under their names only when they are whole.
///
/// There is no lock: of two makers of the same file, or of one that Spark began twice, the first to end names it, and the other finds the
/// same bits there.
final class HadoopFolder implements Closeable {
  private static final String TEMPORARY = ".tensorseed-";

  private final FileSystem files;
  private final Path folder;

  private HadoopFolder(FileSystem files, Path folder) {
    this.files = files;
    this.folder = folder;
  }

  /// Writes the contents of a file.
  interface Contents {
    void write(OutputStream out) throws IOException;
  }

  /// Makes the folder if it is missing.
  ///
  /// @throws IOException if it cannot be reached or made, with the reason and the remedy
  static HadoopFolder open(String uri, Configuration configuration) throws IOException {
    Path folder = new Path(uri);
    FileSystem files;
    try {
      files = FileSystem.newInstance(folder.toUri(), configuration);
    } catch (IOException | RuntimeException e) {
      throw explained(folder, e);
    }
    try {
      files.setWriteChecksum(false); // the local one would put a .crc beside every file
      files.mkdirs(folder);
      return new HadoopFolder(files, files.makeQualified(folder));
    } catch (IOException | RuntimeException e) {
      files.close();
      throw explained(folder, e);
    }
  }

  /// The URI, from which other nodes open it.
  String uri() {
    return folder.toString();
  }

  /// Whether there is something of that name.
  boolean has(String name) throws IOException {
    return files.exists(new Path(folder, name));
  }

  /// Finds out what of a checkpoint is there already. Nothing is ever deleted.
  ///
  /// @param texts the files beside the shards, by their names
  /// @param resume files that this run would write just so may stay
  /// @return the shards that stay
  /// @throws IOException if something else is in the way, or anything and there is nothing to resume
  Set<String> kept(ShardLayout layout, Map<String, byte[]> texts, boolean resume) throws IOException {
    Map<String, Shard> shards = new HashMap<>();
    layout.shards().forEach(shard -> shards.put(shard.file(), shard));
    Set<String> kept = new TreeSet<>();
    for (FileStatus there : files.listStatus(folder)) {
      String name = there.getPath().getName();
      if (!texts.containsKey(name) && !name.endsWith(".safetensors") && !name.endsWith(".safetensors.index.json")) {
        continue;
      }
      if (!resume) {
        throw new IOException(there.getPath() + " is in the way; --resume goes on with an interrupted run, or choose another folder");
      }
      if (!isSame(there, shards.get(name), texts.get(name))) {
        throw new IOException(there.getPath() + " does not belong to the run that is to be resumed; repeat that run's arguments, choose"
            + " another folder, or delete it");
      }
      if (shards.containsKey(name)) {
        kept.add(name);
      }
    }
    return kept;
  }

  private boolean isSame(FileStatus there, @Nullable Shard shard, byte @Nullable [] text)
      throws IOException {
    if (!there.isFile()) {
      return false;
    }
    try (FSDataInputStream in = files.open(there.getPath())) {
      return shard != null ? shard.isWhole(in, there.getLen())
          : text != null && there.getLen() == text.length && Arrays.equals(text, in.readAllBytes());
    }
  }

  /// Makes a file by way of a temporary one.
  ///
  /// @param maker tells this attempt from others
  void write(String name, String maker, Contents contents) throws IOException {
    Path file = new Path(folder, name);
    Path temporary = new Path(folder, TEMPORARY + name + "." + maker + ".tmp");
    try {
      try (FSDataOutputStream out = files.create(temporary, true)) {
        contents.write(out);
        if (out.hasCapability(StreamCapabilities.HSYNC)) {
          out.hsync();
        }
      }
      if (!isRenamed(temporary, file)) {
        requireSame(files.getFileStatus(temporary), file);
        files.delete(temporary, false);
      }
    } catch (IOException e) {
      discard(temporary, e);
      throw explained(file, e);
    } catch (RuntimeException e) {
      discard(temporary, e);
      throw e;
    }
  }

  private void discard(Path temporary, Exception reason) {
    try {
      files.delete(temporary, false);
    } catch (IOException e) {
      reason.addSuppressed(e);
    }
  }

  /// Some file systems replace what is there, with the same bits; others will not.
  private boolean isRenamed(Path temporary, Path file) throws IOException {
    try {
      return files.rename(temporary, file);
    } catch (FileAlreadyExistsException _) {
      return false;
    }
  }

  private void requireSame(FileStatus made, Path file) throws IOException {
    FileStatus there = files.getFileStatus(file);
    if (!there.isFile() || there.getLen() != made.getLen()) {
      throw new IOException("another file has come there meanwhile");
    }
  }

  /// Once all tasks are done: every shard is here, where the driver sees it.
  void requireWhole(ShardLayout layout) throws IOException {
    for (Shard shard : layout.shards()) {
      Path file = new Path(folder, shard.file());
      try {
        if (files.getFileStatus(file).getLen() > shard.dataBytes()) {
          continue;
        }
      } catch (FileNotFoundException _) {
        // said below
      }
      throw new IOException(file + ": a task has written it, and it is not there for the driver; " + folder
          + " must be one place for all nodes: give a shared or distributed file system");
    }
  }

  /// Deletes what attempts that were killed have left.
  void deleteTemporaries() throws IOException {
    for (FileStatus left : files.listStatus(folder, path -> path.getName().startsWith(TEMPORARY) && path.getName().endsWith(".tmp"))) {
      files.delete(left.getPath(), false);
    }
  }

  private static IOException explained(Path path, Exception cause) {
    String remedy = switch (cause) {
      case UnsupportedFileSystemException _ -> "; give the jars of that file system to spark-submit with --packages";
      case RuntimeException e when String.valueOf(e.getMessage()).contains("ClassNotFound") ->
          "; give the jars of that file system to spark-submit, as with --packages org.apache.hadoop:hadoop-aws:3.5.0 for s3a";
      default -> "; see that it can be reached and written from every node, or choose another place";
    };
    return new IOException("cannot write " + path + ": " + Tasks.line(cause) + remedy, cause);
  }

  @Override
  public void close() throws IOException {
    files.close();
  }
}
