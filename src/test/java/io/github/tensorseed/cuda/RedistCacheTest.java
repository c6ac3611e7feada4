package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is unpacked, where, and whom it is taken from. The libraries are texts here: nothing is loaded.
class RedistCacheTest {
  private static final String NAME = "libcurand.so.10";
  private static final byte[] BYTES = "a library".repeat(1000).getBytes(US_ASCII);
  private static final int USER = SharedLibrary.user();

  @TempDir Path dir;
  Path home;
  Path folder;
  /// Where the library comes to lie.
  Path own;

  @BeforeEach
  void makeHome() throws Exception {
    home = Files.createDirectory(dir.resolve("home"));
    setMode(home, 0700);
    folder = home.resolve(".cache/tensorseed");
    own = folder.resolve(sha256(BYTES));
  }

  private static void setMode(Path path, int mode) throws IOException {
    Files.setAttribute(path, "unix:mode", mode);
  }

  private static int mode(Path path) throws IOException {
    return (int) Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS) & 07777;
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private Path jar(String name, byte[] bytes) throws IOException {
    return Jars.of(dir.resolve(name), Map.of(NAME, bytes));
  }

  /// The library, by a user whose class path has these jars.
  private Optional<Path> file(Path... jars) throws IOException {
    return file(Map.of("HOME", home.toString()), jars);
  }

  private static Optional<Path> file(Map<String, String> environment, Path... jars) throws IOException {
    URL[] urls = new URL[jars.length];
    for (int i = 0; i < jars.length; i++) {
      urls[i] = jars[i].toUri().toURL();
    }
    try (URLClassLoader classes = new URLClassLoader(urls, null)) {
      return new RedistCache(classes, environment, USER).file(NAME);
    }
  }

  private void assertRefused(Path path, String... messages) throws IOException {
    Path jar = jar("refused.jar", BYTES);
    assertThatIOException().isThrownBy(() -> file(jar)).withMessageStartingWith("the cache " + folder + " is not used, since " + path + " ")
        .satisfies(e -> assertThat(e).hasMessageContainingAll(messages))
        .withMessageEndingWith(", or set XDG_CACHE_HOME to a folder of your own");
  }

  @Test
  void unpackedOnceIntoAFolderOfItsHash() throws Exception {
    assertThat(file()).as("no jar").isEmpty();
    assertThat(folder).doesNotExist();
    Path file = file(jar("a.jar", BYTES)).orElseThrow();
    assertThat(file).isEqualTo(own.resolve(NAME)).hasBinaryContent(BYTES);
    for (Path made : new Path[] {home.resolve(".cache"), folder, own}) {
      assertThat(mode(made)).as(made.toString()).isEqualTo(0700);
    }
    FileTime time = Files.getLastModifiedTime(file);
    assertThat(file(jar("b.jar", BYTES))).hasValue(file);
    assertThat(file()).as("the jar is not needed any more").hasValue(file);
    assertThat(Files.getLastModifiedTime(file)).isEqualTo(time);
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactlyInAnyOrder(own, folder.resolve("lock"));
    }
  }

  @Test
  void eachJarHasItsOwn() throws Exception {
    Path one = jar("one.jar", BYTES);
    Path other = jar("other.jar", "other".repeat(2000).getBytes(US_ASCII));
    Path file = file(one).orElseThrow();
    Path later = file(other).orElseThrow();
    Files.setLastModifiedTime(later.resolveSibling("."), FileTime.fromMillis(System.currentTimeMillis() + 10_000));
    assertThat(later).isNotEqualTo(file);
    assertThat(file(one)).hasValue(file);
    assertThat(file()).as("without a jar the latest").hasValue(later);
  }

  @Test
  void placeIsThatOfTheXdgSpecification() throws Exception {
    Path jar = jar("a.jar", BYTES);
    Path given = dir.resolve("given");
    Map<String, String> both = Map.of("HOME", home.toString(), "XDG_CACHE_HOME", given.toString());
    assertThat(file(both, jar).orElseThrow()).startsWith(given.resolve("tensorseed"));
    assertThat(file(Map.of("XDG_CACHE_HOME", given.toString()), jar).orElseThrow()).startsWith(given);
    assertThat(file(Map.of("HOME", home.toString(), "XDG_CACHE_HOME", "relative"), jar).orElseThrow()).startsWith(folder);
    assertThat(Path.of("relative")).doesNotExist();
    Map<String, String> neither = Map.of("HOME", "", "XDG_CACHE_HOME", "");
    assertThatIOException().isThrownBy(() -> file(neither, jar)).withMessageContaining("set XDG_CACHE_HOME");
  }

  /// Before anything is unpacked, and after.
  @ParameterizedTest
  @ValueSource(strings = {"", ".cache", ".cache/tensorseed"})
  void whatOthersCanWriteIsNotUsed(String path) throws Exception {
    Path there = home.resolve(path);
    Files.createDirectories(there);
    for (int mode : new int[] {0777, 0707, 0770}) {
      setMode(there, mode);
      assertRefused(there, "can be written by others (mode " + Integer.toOctalString(mode) + "); chmod go-w " + there);
    }
    setMode(there, 0700);
    assertThat(file(jar("a.jar", BYTES))).isPresent();
    setMode(there, 0777);
    assertRefused(there, "mode 777");
    assertThatIOException().as("nor without a jar").isThrownBy(this::file).withMessageContaining("mode 777");
    setMode(there, 01777);
    assertThat(file()).as("others can add there, and not change what is ours").isPresent();
  }

  @Test
  void librariesThatOthersCanWriteAreNotUsed() throws Exception {
    Path file = file(jar("a.jar", BYTES)).orElseThrow();
    setMode(file, 0666);
    assertRefused(file, "mode 666");
    setMode(file, 0600);
    setMode(own, 0722);
    assertRefused(own, "mode 722");
  }

  @Test
  void othersCachesAreNotUsed() throws Exception {
    assumeThat(USER).as("only root can give files away").isZero();
    Path file = file(jar("a.jar", BYTES)).orElseThrow();
    for (Path path : new Path[] {file, own, folder, home}) {
      Files.setAttribute(path, "unix:uid", 12345);
      assertRefused(path, "belongs to user 12345, who is neither root nor you (0)");
      Files.setAttribute(path, "unix:uid", 0);
    }
    assertThat(file()).hasValue(file);
  }

  @ParameterizedTest
  @ValueSource(strings = {".cache", ".cache/tensorseed"})
  void linksBelowTheHomeAreNotFollowed(String path) throws Exception {
    Path there = home.resolve(path);
    Path elsewhere = Files.createDirectory(dir.resolve("elsewhere"));
    Files.createDirectories(there.getParent());
    Files.createSymbolicLink(there, elsewhere);
    assertRefused(there, "is a symbolic link; put a folder in its place");
    assertThat(elsewhere).isEmptyDirectory();
    Files.delete(elsewhere);
    assertRefused(there, "is a symbolic link; put a folder in its place");
  }

  @Test
  void linkedLibrariesAreNotUsed() throws Exception {
    Path jar = jar("a.jar", BYTES);
    Path file = file(jar).orElseThrow();
    Path moved = Files.move(file, dir.resolve("moved"));
    Files.createSymbolicLink(file, moved);
    assertRefused(file, "is a symbolic link");
    Files.delete(file);
    Files.move(moved, file);
    Path away = Files.move(own, dir.resolve("away"));
    Files.createSymbolicLink(own, away);
    assertRefused(own, "is a symbolic link");
  }

  /// As when /home is a link to where the homes are.
  @Test
  void linksOfRootAboveTheHomeAreFollowed() throws Exception {
    assumeThat(USER).isZero();
    Path homes = Files.createDirectory(dir.resolve("homes"));
    Files.createDirectory(homes.resolve("user"));
    Path link = Files.createSymbolicLink(dir.resolve("link"), homes);
    Map<String, String> environment = Map.of("HOME", link.resolve("user").toString());
    Path file = file(environment, jar("a.jar", BYTES)).orElseThrow();
    assertThat(file).startsWith(link).hasBinaryContent(BYTES);
    setMode(homes, 0777);
    assertThatIOException().isThrownBy(() -> file(environment)).withMessageContaining(homes + " can be written by others");
    setMode(homes, 0755);
    Files.setAttribute(link, "unix:uid", 12345, LinkOption.NOFOLLOW_LINKS);
    assertThatIOException().isThrownBy(() -> file(environment)).withMessageContaining(link + " belongs to user 12345");
  }

  @Test
  void truncatedLibrariesAreNamed() throws Exception {
    Path jar = jar("a.jar", BYTES);
    Path file = file(jar).orElseThrow();
    Files.write(file, new byte[5]);
    assertThatIOException().isThrownBy(() -> file(jar))
        .withMessage(file + " has 5 bytes, not " + BYTES.length + ", and is not used; delete its folder, to have it unpacked again");
    assertThatIOException().isThrownBy(this::file);
    Files.delete(file);
    assertThatIOException().isThrownBy(() -> file(jar)).withMessageContaining(own + " is damaged; delete it");
    Files.write(file, BYTES);
    Files.writeString(file.resolveSibling("entry"), "?");
    assertThatIOException().isThrownBy(() -> file(jar)).withMessageContaining(own + " is damaged; delete it");
    Files.delete(file.resolveSibling("entry"));
    Files.delete(file);
    Files.delete(own);
    assertThat(file(jar)).hasValue(file);
  }

  @Test
  void damagedJarsAreNamed() throws Exception {
    Path jar = jar("a.jar", BYTES);
    byte[] bytes = Files.readAllBytes(jar);
    bytes[bytes.length / 2] ^= 1;
    Files.write(jar, bytes);
    assertThatIOException().isThrownBy(() -> file(jar)).withMessageStartingWith(NAME + " cannot be unpacked into " + folder
        + " (the jar has other bytes than it says); that takes " + BYTES.length + " bytes there, and a whole " + RedistCache.JAR);
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactly(folder.resolve("lock"));
    }
  }

  /// With a umask of 0 everybody could write what is not protected.
  @Test
  @SuppressWarnings("restricted")
  void umaskDoesNotMatter() throws Throwable {
    Linker linker = Linker.nativeLinker();
    MethodHandle umask = linker.downcallHandle(linker.defaultLookup().findOrThrow("umask"), FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    int before = (int) umask.invokeExact(0);
    try {
      Path file = file(jar("a.jar", BYTES)).orElseThrow();
      assertThat(mode(file)).isEqualTo(0600);
      assertThat(mode(own)).isEqualTo(0700);
      assertThat(file()).hasValue(file);
    } finally {
      int _ = (int) umask.invokeExact(before);
    }
  }

  @Test
  void threadsUnpackAtOnce() throws Exception {
    List<Callable<Optional<Path>>> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Path jar = jar(i + ".jar", ("thread " + i % 2).repeat(1_000_000).getBytes(US_ASCII));
      threads.add(() -> file(jar));
    }
    try (ExecutorService executor = Executors.newFixedThreadPool(threads.size())) {
      Set<Path> files = new HashSet<>();
      for (Future<Optional<Path>> file : executor.invokeAll(threads)) {
        files.add(file.get().orElseThrow());
      }
      assertThat(files).hasSize(2);
    }
  }

  @Test
  void leftoversOfKilledProcessesAreDeleted() throws Exception {
    Files.createDirectories(folder);
    setMode(folder, 0700);
    setMode(home.resolve(".cache"), 0700);
    Path leftover = Files.createDirectory(folder.resolve(PrivateFolder.PREFIX + "4711"));
    Files.write(leftover.resolve(NAME), new byte[5]);
    assertThat(file()).isEmpty();
    assertThat(file(jar("a.jar", BYTES)).orElseThrow()).hasBinaryContent(BYTES);
    assertThat(leftover).doesNotExist();
  }

  @Test
  void placesThatCannotBeWrittenAreNamed() throws Exception {
    Path file = Files.writeString(dir.resolve("file"), "no folder");
    Path jar = jar("a.jar", BYTES);
    assertThatIOException().isThrownBy(() -> file(Map.of("XDG_CACHE_HOME", file.resolve("cache").toString()), jar))
        .withMessageStartingWith("the cache cannot be used (" + file).withMessageContaining("set XDG_CACHE_HOME");
    assertThatIOException().isThrownBy(() -> file(Map.of("XDG_CACHE_HOME", "/proc/none"), jar))
        .withMessageStartingWith("the cache cannot be used (/proc/none").withMessageContaining("set XDG_CACHE_HOME");
  }
}
