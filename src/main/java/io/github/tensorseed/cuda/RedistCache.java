package io.github.tensorseed.cuda;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import org.jspecify.annotations.Nullable;

/// NVIDIA's libraries out of the jar [#JAR], unpacked once for all programs of a user, which do without the jar afterwards.
///
/// Each lies in a folder of its own, named by the SHA-256 of the library, as in `~/.cache/tensorseed/SHA-256/libcurand.so.10`; below
/// `$XDG_CACHE_HOME` where that is set. Beside it, `entry` has the size and the CRC-32 that the jar gives it, by which it is found again
/// without being read. A folder is complete before it gets its name. A library that somebody else could change is not used.
final class RedistCache {
  static final String JAR = "org.bytedeco:cuda:11.8-8.6-1.5.8:linux-x86_64-redist";

  private static final String RESOURCES = "org/bytedeco/cuda/linux-x86_64/";
  private static final String ENTRY = "entry";
  private static final int BUFFER = 1 << 20;
  private static final int WRITABLE_BY_OTHERS = 0022; // an access control list shows in the bits of the group
  private static final int STICKY = 01000; // others may add, as in /tmp, and change only what is theirs
  private static final int ROOT = 0;

  private final ClassLoader classes;
  private final int user;
  private final @Nullable Path home;
  private final Path root;
  private final Path folder;

  /// What a library is recognized by, in the jar and in the cache.
  private record Entry(long size, long crc) {
    private static final Pattern TEXT = Pattern.compile("(\\d{1,18}) (\\p{XDigit}{1,8})\\s*");

    static Entry of(ZipEntry packed) {
      return new Entry(packed.getSize(), packed.getCrc());
    }

    /// The entry of a folder, if it has one.
    static Optional<Entry> in(Path folder) throws IOException {
      Path file = folder.resolve(ENTRY);
      if (!Files.isRegularFile(file, NOFOLLOW_LINKS) || Files.size(file) > 32) {
        return Optional.empty();
      }
      Matcher matcher = TEXT.matcher(Files.readString(file));
      return matcher.matches()
          ? Optional.of(new Entry(Long.parseLong(matcher.group(1)), Long.parseLong(matcher.group(2), 16)))
          : Optional.empty();
    }

    @Override
    public String toString() {
      return size + " " + Long.toHexString(crc);
    }
  }

  /// @param classes where the jar may be
  /// @param environment of the process
  /// @param user whose cache it is, by number
  /// @throws IOException if the environment has no place for it
  RedistCache(ClassLoader classes, Map<String, String> environment, int user) throws IOException {
    this.classes = classes;
    this.user = user;
    home = absolute(environment.get("HOME"));
    Path given = absolute(environment.get("XDG_CACHE_HOME"));
    if (given != null) {
      root = given;
    } else if (home != null) {
      root = home.resolve(".cache");
    } else {
      throw new IOException("there is no home for a cache; set XDG_CACHE_HOME to a folder of your own");
    }
    folder = root.resolve("tensorseed");
  }

  /// A relative path has no meaning there, says the XDG specification.
  private static @Nullable Path absolute(@Nullable String path) {
    return path == null || !path.startsWith("/") ? null : Path.of(path).normalize();
  }

  /// The file of a library, unpacked now if need be; none if neither the class path nor the cache has it.
  ///
  /// @throws IOException if it cannot be unpacked, or somebody else could change it, with the reason and the remedy
  Optional<Path> file(String library) throws IOException {
    try {
      Optional<Entry> packed = packed(library);
      Optional<Path> found = find(library, packed);
      if (found.isPresent() || packed.isEmpty()) {
        return found;
      }
      synchronized (RedistCache.class) { // the file's lock is one between processes
        return Optional.of(unpack(library, packed.get()));
      }
    } catch (FileSystemException e) {
      String reason = e.getMessage() + (e instanceof AccessDeniedException ? ": permission denied" : "");
      throw new IOException("the cache cannot be used (" + reason + "); set XDG_CACHE_HOME to a folder of your own", e);
    }
  }

  private Optional<Entry> packed(String library) throws IOException {
    URL resource = classes.getResource(RESOURCES + library);
    if (resource == null || !(resource.openConnection() instanceof JarURLConnection connection)) {
      return Optional.empty();
    }
    connection.setUseCaches(false);
    try (JarFile _ = connection.getJarFile()) {
      return Optional.of(Entry.of(connection.getJarEntry()));
    }
  }

  /// The file that is there already.
  ///
  /// @param packed its entry in the jar; where there is no jar the latest is taken
  private Optional<Path> find(String library, Optional<Entry> packed) throws IOException {
    if (!Files.exists(folder, NOFOLLOW_LINKS)) {
      return Optional.empty();
    }
    requireOurs(folder);
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "[0-9a-f]*")) {
      for (Path one : all) {
        Optional<Entry> recorded = Entry.in(one);
        if (recorded.isPresent() && (packed.isEmpty() || packed.equals(recorded)) && Files.exists(one.resolve(library), NOFOLLOW_LINKS)) {
          found.add(one);
        }
      }
    }
    Optional<Path> latest = found.stream().max(Comparator.comparing(one -> one.toFile().lastModified()));
    if (latest.isPresent()) {
      requireWhole(latest.get().resolve(library), Entry.in(latest.get()).orElseThrow().size);
    }
    return latest.map(one -> one.resolve(library));
  }

  private void requireWhole(Path file, long size) throws IOException {
    requireOurs(file);
    if (!Files.isRegularFile(file, NOFOLLOW_LINKS) || Files.size(file) != size) {
      throw new IOException(file + " has " + Files.size(file) + " bytes, not " + size + ", and is not used; delete its folder, to have it"
          + " unpacked again");
    }
  }

  /// Requires that nobody but root and the user can put something else at a path, by way of it or of what its links lead to.
  private void requireOurs(Path path) throws IOException {
    requireOursOn(path);
    requireOursOn(path.toRealPath());
  }

  private void requireOursOn(Path path) throws IOException {
    for (Path there = path; there != null; there = there.getParent()) {
      int mode = (int) Files.getAttribute(there, "unix:mode", NOFOLLOW_LINKS);
      int owner = (int) Files.getAttribute(there, "unix:uid", NOFOLLOW_LINKS);
      if (owner != ROOT && owner != user) {
        throw refused(there, "belongs to user " + owner + ", who is neither root nor you (" + user + ")", "take that away");
      }
      if (Files.isSymbolicLink(there)) {
        boolean below = there.startsWith(root) || home != null && there.startsWith(home) && !there.equals(home);
        if (below || owner != ROOT) {
          throw refused(there, "is a symbolic link", "put a folder in its place");
        }
      } else if ((mode & WRITABLE_BY_OTHERS) != 0 && !(Files.isDirectory(there, NOFOLLOW_LINKS) && (mode & STICKY) != 0)) {
        throw refused(there, "can be written by others (mode " + Integer.toOctalString(mode & 07777) + ")", "chmod go-w " + there);
      }
    }
  }

  private IOException refused(Path path, String reason, String remedy) {
    return new IOException("the cache " + folder + " is not used, since " + path + " " + reason + "; " + remedy
        + ", or set XDG_CACHE_HOME to a folder of your own");
  }

  private Path unpack(String library, Entry entry) throws IOException {
    for (Path there = folder; there != null; there = there.getParent()) {
      if (Files.exists(there, NOFOLLOW_LINKS)) {
        requireOurs(there);
        break;
      }
    }
    Files.createDirectories(folder, PrivateFolder.FOLDER);
    // One process at a time; the next finds the work done.
    try (FileChannel channel = FileChannel.open(folder.resolve("lock"), Set.of(CREATE, WRITE), PrivateFolder.FILE); var _ = lock(channel)) {
      Optional<Path> made = find(library, Optional.of(entry));
      if (made.isPresent()) {
        return made.get();
      }
      sweep();
      try (PrivateFolder part = PrivateFolder.in(folder)) {
        Path complete = folder.resolve(copy(library, entry, part.path().resolve(library)));
        Files.writeString(part.path().resolve(ENTRY), entry + "\n");
        if (!Files.exists(complete, NOFOLLOW_LINKS)) {
          Files.move(part.path(), complete, ATOMIC_MOVE);
        }
        return find(library, Optional.of(entry)).orElseThrow(() -> new IOException(complete + " is damaged; delete it"));
      }
    }
  }

  private FileLock lock(FileChannel channel) throws IOException {
    try {
      return channel.lock();
    } catch (IOException e) {
      throw new IOException("the cache " + folder + " cannot be locked (" + e.getMessage() + "); set XDG_CACHE_HOME to a folder on a disk"
          + " of this machine", e);
    }
  }

  /// Deletes what processes left that were killed while they unpacked.
  private void sweep() throws IOException {
    try (DirectoryStream<Path> parts = Files.newDirectoryStream(folder, PrivateFolder.PREFIX + "*")) {
      parts.forEach(part -> new PrivateFolder(part).close());
    }
  }

  /// Unpacks a library.
  ///
  /// @return its SHA-256
  private String copy(String library, Entry entry, Path file) throws IOException {
    URLConnection connection = Objects.requireNonNull(classes.getResource(RESOURCES + library)).openConnection();
    connection.setUseCaches(false);
    CRC32 crc = new CRC32();
    MessageDigest sha256 = sha256();
    try (InputStream in = connection.getInputStream();
        FileChannel out = FileChannel.open(file, Set.of(CREATE_NEW, WRITE), PrivateFolder.FILE)) {
      byte[] buffer = new byte[BUFFER];
      for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
        crc.update(buffer, 0, length);
        sha256.update(buffer, 0, length);
        for (ByteBuffer rest = ByteBuffer.wrap(buffer, 0, length); rest.hasRemaining(); ) {
          out.write(rest);
        }
      }
      if (!entry.equals(new Entry(out.size(), crc.getValue()))) {
        throw new IOException("the jar has other bytes than it says");
      }
      out.force(true); // or its name could be on the disk before it
    } catch (IOException e) {
      throw new IOException(library + " cannot be unpacked into " + folder + " (" + e.getMessage() + "); that takes " + entry.size
          + " bytes there, and a whole " + JAR, e);
    }
    return HexFormat.of().formatHex(sha256.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }
}
