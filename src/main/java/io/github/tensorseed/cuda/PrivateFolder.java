package io.github.tensorseed.cuda;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/// A folder that nobody else can enter, for as long as it is open. It holds files alone.
record PrivateFolder(Path path) implements AutoCloseable {
  static final String PREFIX = "tensorseed-";
  /// Modes, whatever the process's umask is.
  static final FileAttribute<Set<PosixFilePermission>> FOLDER = mode("rwx------");
  static final FileAttribute<Set<PosixFilePermission>> FILE = mode("rw-------");

  private static FileAttribute<Set<PosixFilePermission>> mode(String text) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(text));
  }

  /// A new one in the folder for temporary files.
  static PrivateFolder make() throws IOException {
    return new PrivateFolder(Files.createTempDirectory(PREFIX, FOLDER));
  }

  /// A new one in another folder.
  static PrivateFolder in(Path parent) throws IOException {
    return new PrivateFolder(Files.createTempDirectory(parent, PREFIX, FOLDER));
  }

  /// Deletes it with its files, unless it has been moved. What cannot be deleted is left, and is nobody else's.
  @Override
  public void close() {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path)) {
      for (Path file : files) {
        Files.delete(file);
      }
      Files.delete(path);
    } catch (IOException | DirectoryIteratorException e) {
      // It lies where temporary files do.
    }
  }
}
