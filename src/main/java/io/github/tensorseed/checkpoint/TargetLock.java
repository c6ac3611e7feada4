package io.github.tensorseed.checkpoint;

import io.github.tensorseed.checkpoint.CheckpointWriter.Part;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Keeps a second writer away from the same files.
///
/// Byte i of the lock file stands for file i of the checkpoint. A whole run locks all bytes there can be, a part those of its own
/// files, so that different parts may run at once. The system gives locks back when a process ends, however it ends.
final class TargetLock implements AutoCloseable {
  /// The lock files that this process has open. Static, because so are POSIX locks: a process has one set of them per file, and loses it
  /// as soon as it closes any channel of that file. So its writers share one, and the last of them closes it.
  private static final Map<Path, Opened> OPEN = new HashMap<>();

  /// Bytes by which a holder knows its file again; those of a part have their place behind the bytes that are locked.
  private static final int NONCE = 16;

  /// An open lock file.
  private static final class Opened {
    private final FileChannel channel;
    private final FileChannel witness;
    private int holders;

    Opened(FileChannel channel, FileChannel witness) {
      this.channel = channel;
      this.witness = witness;
    }
  }

  private final Path path;
  private final Opened opened;
  private final List<FileLock> locks;

  private TargetLock(Path path, Opened opened, List<FileLock> locks) {
    this.path = path;
    this.opened = opened;
    this.locks = locks;
    opened.holders++;
  }

  /// Locks the files of `part` out of `files`.
  ///
  /// @throws IOException if another writer has one of them, or if the lock file cannot be made
  static TargetLock acquire(Path file, Part part, int files) throws IOException {
    Path path;
    try {
      path = file.toAbsolutePath().resolveSibling("").toRealPath().resolve(String.valueOf(file.getFileName()));
    } catch (IOException e) {
      throw DurableFile.explained(file, e);
    }
    synchronized (OPEN) {
      Opened opened = OPEN.get(path);
      if (opened != null) {
        return new TargetLock(path, opened, locks(path, opened.channel, part, files));
      }
      TargetLock lock = null;
      while (lock == null) {
        lock = open(path, part, files);
      }
      OPEN.put(path, lock.opened);
      return lock;
    }
  }

  /// The lock; null if the last holder removed the file between our opening and locking it.
  private static @Nullable TargetLock open(Path path, Part part, int files) throws IOException {
    requirePlain(path);
    FileChannel channel;
    try {
      channel = FileChannel.open(path, Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS));
    } catch (IOException e) {
      throw DurableFile.explained(path, e);
    }
    FileChannel witness = null;
    try {
      List<FileLock> locks = locks(path, channel, part, files);
      witness = witness(path, channel, files + (long) NONCE * part.number());
      return witness == null ? null : new TargetLock(path, new Opened(channel, witness), locks);
    } finally {
      if (witness == null) {
        channel.close();
      }
    }
  }

  private static void requirePlain(Path path) throws IOException {
    try {
      if (!Files.readAttributes(path, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS).isRegularFile()) {
        throw new IOException(path + " is not a plain file and cannot be locked; remove it");
      }
    } catch (NoSuchFileException e) {
      return; // it will be made
    }
  }

  private static List<FileLock> locks(Path path, FileChannel channel, Part part, int files) throws IOException {
    List<FileLock> locks = new ArrayList<>();
    boolean all = false;
    try {
      if (part.count() == 1) {
        locks.add(lock(path, channel, 0, Long.MAX_VALUE));
      } else {
        for (int file = 0; file < files; file++) {
          if (part.includes(file)) {
            locks.add(lock(path, channel, file, 1));
          }
        }
      }
      all = true;
      return locks;
    } finally {
      if (!all) {
        release(locks);
      }
    }
  }

  private static void release(List<FileLock> locks) throws IOException {
    for (FileLock lock : locks) {
      lock.release();
    }
  }

  /// A second channel, opened by the path, if it reads at `position` what is written there through the first: then the path still names
  /// the file that is locked. It stays open as long as the locks are to hold.
  private static @Nullable FileChannel witness(Path path, FileChannel channel, long position) throws IOException {
    byte[] nonce = new byte[NONCE];
    new SecureRandom().nextBytes(nonce);
    for (ByteBuffer bytes = ByteBuffer.wrap(nonce); bytes.hasRemaining(); ) {
      channel.write(bytes, position + bytes.position());
    }
    FileChannel witness;
    try {
      witness = FileChannel.open(path, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    } catch (NoSuchFileException e) {
      return null;
    }
    boolean same = false;
    try {
      ByteBuffer there = ByteBuffer.allocate(NONCE);
      while (there.hasRemaining() && witness.read(there, position + there.position()) >= 0) {}
      same = Arrays.equals(nonce, there.array());
    } finally {
      if (!same) {
        witness.close();
      }
    }
    return same ? witness : null;
  }

  private static FileLock lock(Path path, FileChannel channel, long file, long count) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock(file, count, false);
    } catch (OverlappingFileLockException e) {
      lock = null; // held by a writer in this very process
    }
    if (lock == null) {
      throw new IOException("another run is writing to " + path.getParent() + ": it holds " + path.getFileName()
          + "; let it end, or choose another place");
    }
    return lock;
  }

  /// Gives the locks back; the last holder removes the file. Between the two another may have come, removed it and gone, and a third have made
  /// the next one, which the path names then: that one stays.
  @Override
  public void close() throws IOException {
    synchronized (OPEN) {
      release(locks);
      if (--opened.holders == 0) {
        OPEN.remove(path);
        try (FileChannel channel = opened.channel; FileChannel _ = opened.witness) {
          if (channel.tryLock() != null) {
            try (FileChannel same = witness(path, channel, 0)) {
              if (same != null) {
                Files.deleteIfExists(path);
              }
            }
          }
        }
      }
    }
  }
}
