package io.github.tensorseed.checkpoint;

import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Keeps a second writer away from the same files.
///
/// Byte i of the lock file stands for file i of the checkpoint. A whole run locks all bytes there can be, a part those of its own
/// files, so that different parts may run at once. The system gives locks back when a process ends, however it ends.
final class TargetLock implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final List<FileLock> locks;

  private TargetLock(Path path, FileChannel channel, List<FileLock> locks) {
    this.path = path;
    this.channel = channel;
    this.locks = locks;
  }

  /// Locks the files of `part` out of `files`.
  ///
  /// @throws IOException if another writer has one of them, or if the lock file cannot be made
  static TargetLock acquire(Path path, Part part, int files) throws IOException {
    while (true) {
      if (Files.exists(path, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
        throw new IOException(path + " is not a plain file and cannot be locked; remove it");
      }
      FileChannel channel;
      try {
        channel = FileChannel.open(path, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS));
      } catch (IOException e) {
        throw DurableFile.explained(path, e);
      }
      try {
        List<FileLock> locks = new ArrayList<>();
        if (part.count() == 1) {
          locks.add(lock(path, channel, 0, Long.MAX_VALUE));
        } else {
          for (int file = 0; file < files; file++) {
            if (part.includes(file)) {
              locks.add(lock(path, channel, file, 1));
            }
          }
        }
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
          return new TargetLock(path, channel, locks);
        }
        channel.close(); // its last holder removed it between our opening and locking it
      } catch (Throwable e) {
        channel.close();
        throw e;
      }
    }
  }

  private static FileLock lock(Path path, FileChannel channel, long file, long count) throws IOException {
    FileLock lock = tryLock(channel, file, count);
    if (lock == null) {
      throw new IOException("another run is writing to " + path.toAbsolutePath().getParent() + ": it holds " + path.getFileName()
          + "; let it end, or choose another place");
    }
    return lock;
  }

  private static @Nullable FileLock tryLock(FileChannel channel, long position, long size) throws IOException {
    try {
      return channel.tryLock(position, size, false);
    } catch (OverlappingFileLockException e) {
      return null; // held by a writer in this very process
    }
  }

  /// Gives the locks back; the last holder removes the file.
  @Override
  public void close() throws IOException {
    try (channel) {
      for (FileLock lock : locks) {
        lock.release();
      }
      if (tryLock(channel, 0, Long.MAX_VALUE) != null) {
        Files.deleteIfExists(path);
      }
    }
  }
}
