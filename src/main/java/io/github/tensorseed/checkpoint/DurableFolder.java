package io.github.tensorseed.checkpoint;

import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;

/// A folder that appears under its name only when all of it is on the disk.
///
///     try (DurableFolder out = DurableFolder.create(folder, bytes, false)) {
///       // files in out.path()
///       out.finish();
///     }
public final class DurableFolder implements AutoCloseable {
  private static final List<String> TEXTS = List.of(ShardLayout.CONFIG, ShardLayout.INDEX, "adapter_config.json");
  private static final int DEEPEST = 2;

  private final Path folder;
  private final Path temporary;
  private final Path earlier;
  private final boolean force;
  private final TargetLock lock;

  private DurableFolder(Path folder, Path temporary, Path earlier, boolean force, TargetLock lock) {
    this.folder = folder;
    this.temporary = temporary;
    this.earlier = earlier;
    this.force = force;
    this.lock = lock;
  }

  /// Begins a folder beside its place, and removes what a killed run left there.
  ///
  /// @param bytes that there must be room for
  /// @param force replaces a folder that has nothing but what we wrote
  /// @throws IOException if there is a folder already or none can be made; with the path, the reason and the remedy
  public static DurableFolder create(Path path, long bytes, boolean force) throws IOException {
    Path folder = path.toAbsolutePath().normalize();
    Path parent = folder.getParent();
    if (parent == null) {
      throw new IllegalArgumentException("'" + path + "' names no folder that could be made");
    }
    try {
      Files.createDirectories(parent);
    } catch (IOException e) {
      throw DurableFile.explained(folder, e);
    }
    String name = ".tensorseed-" + folder.getFileName();
    TargetLock lock = TargetLock.acquire(parent.resolve(name + ".lock"), Part.WHOLE, 1);
    boolean made = false;
    try {
      DurableFolder durable = new DurableFolder(folder, parent.resolve(name + ".new"), parent.resolve(name + ".old"), force, lock);
      durable.begin(parent, bytes);
      made = true;
      return durable;
    } finally {
      if (!made) {
        lock.close();
      }
    }
  }

  private void begin(Path parent, long bytes) throws IOException {
    try {
      delete(temporary);
      if (Files.exists(earlier, LinkOption.NOFOLLOW_LINKS) && !Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
        Files.move(earlier, folder, StandardCopyOption.ATOMIC_MOVE); // a run was killed between two names
      }
      delete(earlier);
      requireFree();
      DurableFile.requireRoom(parent, bytes, "");
      Files.createDirectory(temporary);
    } catch (IOException e) {
      throw e.getMessage() != null && e.getMessage().startsWith(folder.toString()) ? e : DurableFile.explained(folder, e);
    }
  }

  private void requireFree() throws IOException {
    if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS) && !(force && isOurs())) {
      throw new IOException(folder + " is there already" + (force ? ", with more than tensorseed wrote" : "")
          + "; choose another name or remove it");
    }
  }

  /// Whether there are weights that we wrote, and nothing else but the texts beside them.
  private boolean isOurs() throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    boolean weights = false;
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder, DEEPEST + 1)) {
      paths = walk.toList();
    }
    for (Path path : paths) {
      if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
        if (folder.relativize(path).getNameCount() >= DEEPEST) {
          return false;
        }
      } else if (TensorFile.isOurs(path)) {
        weights = true;
      } else if (!TEXTS.contains(path.getFileName().toString())) {
        return false;
      }
    }
    return weights;
  }

  /// Where its files are to be made.
  public Path path() {
    return temporary;
  }

  /// Makes one of its files.
  ///
  /// @param name below the folder
  public void write(String name, byte[] text) throws IOException {
    Path file = temporary.resolve(name);
    DurableFile.write(file, file.resolveSibling(".tensorseed-" + file.getFileName() + ".tmp"),
        channel -> TensorFile.write(channel, ByteBuffer.wrap(text)));
  }

  /// Gives the folder its name.
  public void finish() throws IOException {
    requireFree();
    try {
      boolean replaces = Files.exists(folder, LinkOption.NOFOLLOW_LINKS);
      if (replaces) {
        Files.move(folder, earlier, StandardCopyOption.ATOMIC_MOVE);
      }
      Files.move(temporary, folder, StandardCopyOption.ATOMIC_MOVE);
      DurableFile.syncDirectory(folder.resolveSibling(""));
      delete(earlier);
    } catch (IOException e) {
      throw DurableFile.explained(folder, e);
    }
  }

  /// Deletes what is not finished.
  @Override
  public void close() throws IOException {
    try (lock) {
      delete(temporary);
    }
  }

  /// Deletes a folder of ours, not what links lead to.
  private static void delete(Path path) throws IOException {
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(path)) {
      paths = walk.toList();
    }
    for (Path each : paths.reversed()) {
      Files.delete(each);
    }
  }
}
