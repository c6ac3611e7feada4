package io.github.tensorseed.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.function.Predicate;

/// A file that appears under its name only when it is complete and on the disk.
final class DurableFile implements AutoCloseable {
  private final Path file;
  private final Path temporary;
  private final Predicate<Path> replaceable;
  private final FileChannel channel;
  private boolean whole;

  private DurableFile(Path file, Path temporary, Predicate<Path> replaceable, FileChannel channel) {
    this.file = file;
    this.temporary = temporary;
    this.replaceable = replaceable;
    this.channel = channel;
  }

  /// Writes the contents of a file, or the next of them.
  interface Contents {
    void write(FileChannel channel) throws IOException;
  }

  /// Makes `file` by way of `temporary`, beside it, which must not be there and is not there afterwards, come what may.
  ///
  /// @throws IOException with the path, the reason and the remedy; also if something else has appeared at `file` meanwhile
  static void write(Path file, Path temporary, Contents contents) throws IOException {
    try (DurableFile made = create(file, temporary, _ -> false)) {
      made.write(contents);
      made.finish();
    }
  }

  /// Begins a file by way of `temporary`, beside it, which must not be there and is not there once this is closed.
  ///
  /// @param replaceable whether what is at `file` when the contents are complete may be replaced
  static DurableFile create(Path file, Path temporary, Predicate<Path> replaceable) throws IOException {
    try {
      return new DurableFile(file, temporary, replaceable, FileChannel.open(
          temporary, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS)));
    } catch (IOException e) {
      throw explained(file, e);
    }
  }

  void write(Contents contents) throws IOException {
    try {
      contents.write(channel);
    } catch (IOException e) {
      throw explained(file, e);
    }
  }

  /// Gives the file its name, once all of it is on the disk.
  void finish() throws IOException {
    try {
      channel.force(true);
      channel.close();
      publish(temporary, file, replaceable);
      whole = true;
      syncDirectory(file.toAbsolutePath().resolveSibling(""));
    } catch (IOException e) {
      throw explained(file, e);
    }
  }

  /// Deletes what is not finished.
  @Override
  public void close() throws IOException {
    try (channel) {
      if (!whole) {
        Files.deleteIfExists(temporary);
      }
    }
  }

  /// Gives a complete file its name. A link fails where something is already, whereas a move replaces it; where there are no links, a
  /// file that appears between the last look and the move is lost.
  private static void publish(Path temporary, Path file, Predicate<Path> replaceable) throws IOException {
    if (isLinked(temporary, file)) {
      Files.delete(temporary);
      return;
    }
    if (Files.exists(file, LinkOption.NOFOLLOW_LINKS) && !isSame(temporary, file) && !replaceable.test(file)) {
      throw new FileAlreadyExistsException(file.toString());
    }
    Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
  }

  private static boolean isLinked(Path temporary, Path file) {
    try {
      Files.createLink(file, temporary);
      return true;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }

  /// Parts that end at once make the same index.
  private static boolean isSame(Path temporary, Path file) throws IOException {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Files.mismatch(temporary, file) == -1;
  }

  /// A disk that is full after an hour is known to be too small at once.
  ///
  /// @param remedy how to need less of it
  static void requireRoom(Path directory, long bytes, String remedy) throws IOException {
    long free = Files.getFileStore(directory).getUsableSpace();
    if (bytes > free) {
      throw new IOException("cannot write " + bytes + " bytes to " + directory + ", where " + free + " are free; choose another disk"
          + remedy);
    }
  }

  /// Deletes a file, not what a link leads to.
  static void delete(Path file) throws IOException {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw explained(file, e);
    }
  }

  /// Makes the names in `directory` durable.
  static void syncDirectory(Path directory) throws IOException {
    // Elsewhere a directory cannot be opened, and need not be.
    if (directory.getFileSystem().supportedFileAttributeViews().contains("unix")) {
      try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
        channel.force(true);
      }
    }
  }

  /// The failure to write `path`, with the reason in words and a remedy.
  static IOException explained(Path path, IOException cause) {
    String reason = switch (cause) {
      case AccessDeniedException _ -> "permission denied";
      case NoSuchFileException e -> "there is no " + e.getFile();
      case NotDirectoryException e -> e.getFile() + " is not a directory";
      case AtomicMoveNotSupportedException e -> "the file system cannot rename in one step: " + e.getReason();
      case FileAlreadyExistsException e -> e.getFile() + " is in the way";
      case FileSystemException e when e.getReason() != null -> e.getReason();
      default -> String.valueOf(cause.getMessage());
    };
    String remedy = reason.contains("No space") || reason.contains("quota")
        ? "make room and run it again; of a model, init --resume keeps the files that are finished"
        : "choose another place, or change this one";
    return new IOException("cannot write " + path + ": " + reason + "; " + remedy, cause);
  }
}
