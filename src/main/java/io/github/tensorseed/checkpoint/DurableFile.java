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

/// Files that appear under their names only when they are complete and on the disk.
final class DurableFile {
  private DurableFile() {}

  /// Writes the contents of a file.
  interface Contents {
    void write(FileChannel channel) throws IOException;
  }

  /// Makes `file` by way of `temporary`, beside it, which must not be there and is not there afterwards, come what may.
  ///
  /// @throws IOException with the path, the reason and the remedy; also if something else has appeared at `file` meanwhile
  static void write(Path file, Path temporary, Contents contents) throws IOException {
    write(file, temporary, _ -> false, contents);
  }

  /// The same, where some files may be replaced.
  ///
  /// @param replaceable whether what is at `file` when the contents are complete may be replaced
  static void write(Path file, Path temporary, Predicate<Path> replaceable, Contents contents) throws IOException {
    boolean made = false;
    try {
      try (FileChannel channel = FileChannel.open(
          temporary, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS))) {
        made = true;
        contents.write(channel);
        channel.force(true);
      }
      publish(temporary, file, replaceable);
      made = false;
      syncDirectory(file.toAbsolutePath().resolveSibling(""));
    } catch (IOException e) {
      throw explained(file, e);
    } finally {
      if (made) {
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

  /// Deletes a file, not what a link leads to.
  static void delete(Path file) throws IOException {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw explained(file, e);
    }
  }

  /// Makes the names in `directory` durable.
  private static void syncDirectory(Path directory) throws IOException {
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
        ? "make room and run it again; --resume keeps the files that are finished"
        : "choose another place, or change this one";
    return new IOException("cannot write " + path + ": " + reason + "; " + remedy, cause);
  }
}
