package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.github.tensorseed.DeviceUnavailableException;
import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A shared library in this process, by the functions of the system's own loader: Java's tell neither the file nor why there is none. It
/// stays for as long as the process runs.
final class SharedLibrary {
  private static final String SEARCH_PATH = "LD_LIBRARY_PATH";
  private static final Path CACHE = Path.of("/etc/ld.so.cache");

  private static final int RTLD_NOW = 2;
  private static final int RTLD_NOLOAD = 4;
  private static final int RTLD_DI_LINKMAP = 2;
  private static final int LONGEST_TEXT = 4096;

  private static final FunctionDescriptor OPEN = FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT);

  private final String name;
  private final MemorySegment handle;

  private SharedLibrary(String name, MemorySegment handle) {
    this.name = name;
    this.handle = handle;
  }

  /// The library of this name that is loaded already, by whomever.
  ///
  /// @throws DeviceUnavailableException if this Java cannot ask
  static Optional<SharedLibrary> loaded(String name) {
    return dlopen(name, RTLD_NOW | RTLD_NOLOAD);
  }

  /// Loads a library, unless it is there already.
  ///
  /// @param name that the loader looks for, or an absolute path
  /// @param needs what the loader will look for with it
  /// @throws IOException if the loader does not give it, with the loader's reason
  /// @throws DeviceUnavailableException if this Java cannot ask
  static SharedLibrary open(String name, List<String> needs) throws IOException {
    Optional<SharedLibrary> loaded = loaded(name);
    if (loaded.isPresent()) {
      return loaded.get();
    }
    requireNotFromCurrentFolder(name);
    for (String need : needs) {
      requireNotFromCurrentFolder(need);
    }
    Optional<SharedLibrary> opened = dlopen(name, RTLD_NOW);
    if (opened.isPresent()) {
      return opened.get();
    }
    throw new IOException(error(name));
  }

  /// A file where the loader looks that has the library of this name in another version.
  static Optional<Path> otherVersion(String name) {
    Pattern versions = Pattern.compile("/[^\\x00]*/" + Pattern.quote(name.substring(0, name.lastIndexOf('.') + 1)) + "\\d+(?![^\\x00])");
    Stream<String> files = entries().filter(entry -> entry.startsWith("/")).flatMap(SharedLibrary::files);
    return Stream.concat(files, Stream.of(cache())).flatMap(text -> versions.matcher(text).results()).map(match -> Path.of(match.group()))
        .filter(file -> !file.endsWith(name)).findFirst();
  }

  private static Stream<String> files(String folder) {
    try (Stream<Path> files = Files.list(Path.of(folder))) {
      return files.map(Path::toString).toList().stream();
    } catch (IOException e) {
      return Stream.empty();
    }
  }

  /// The loader's list of what is installed: paths, with zeros between, among other things.
  private static String cache() {
    try {
      return Files.readString(CACHE, ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }

  private static Stream<String> entries() {
    String path = Optional.ofNullable(System.getenv(SEARCH_PATH)).orElse("");
    return path.isEmpty() ? Stream.empty() : Stream.of(path.split("[:;]", -1));
  }

  /// To the loader an empty entry is the folder in which the program happens to run, and whoever wrote there would be run.
  private static void requireNotFromCurrentFolder(String name) throws IOException {
    for (String entry : entries().filter(entry -> !entry.startsWith("/") && !entry.startsWith("$")).toList()) {
      Path folder = Path.of(entry).toAbsolutePath();
      if (Files.exists(folder.resolve(name)) || Files.exists(folder.resolve("glibc-hwcaps"))) {
        throw new IOException("the current folder would be searched for " + name + "; take the "
            + (entry.isEmpty() ? "empty entry" : "entry '" + entry + "'") + " out of " + SEARCH_PATH);
      }
    }
  }

  private static Optional<SharedLibrary> dlopen(String name, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment handle = (MemorySegment) invoke(system("dlopen", OPEN), arena.allocateFrom(name), flags);
      return handle.address() == 0 ? Optional.empty() : Optional.of(new SharedLibrary(name, handle));
    }
  }

  /// Why a library cannot be opened.
  private static String error(String name) {
    MethodHandle error = system("dlerror", FunctionDescriptor.of(text()));
    dlopen(name, RTLD_NOW);
    invoke(error); // for the first time, which makes the JVM look up symbols, after which the error is gone
    dlopen(name, RTLD_NOW);
    MemorySegment reason = (MemorySegment) invoke(error);
    return reason.address() == 0 ? name + " cannot be opened" : reason.getString(0);
  }

  /// The user in whose name this process acts.
  static int user() {
    return (int) invoke(system("geteuid", FunctionDescriptor.of(JAVA_INT)));
  }

  /// The file from which it was loaded.
  @SuppressWarnings("restricted")
  Path file() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment map = arena.allocate(ADDRESS);
      invoke(system("dlinfo", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS)), handle, RTLD_DI_LINKMAP, map);
      // struct link_map: an address, then the name
      MemorySegment file = map.get(ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(2, text())), 0).getAtIndex(text(), 1);
      return Path.of(file.getString(0)).toAbsolutePath();
    }
  }

  /// The address of a function.
  ///
  /// @throws DeviceUnavailableException if it has none of this name
  MemorySegment symbol(String function) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment symbol = (MemorySegment) invoke(
          system("dlsym", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS)), handle, arena.allocateFrom(function));
      if (symbol.address() == 0) {
        throw new DeviceUnavailableException(file() + " has no " + function + ", so it is not NVIDIA's; install that");
      }
      return symbol;
    }
  }

  /// Calls a function that gives an int.
  ///
  /// @throws DeviceUnavailableException if it has none of this name
  int call(String function, FunctionDescriptor types, Object... arguments) {
    return (int) invoke(handle(symbol(function), types), arguments);
  }

  /// The address of a text that ends with a zero.
  @SuppressWarnings("restricted")
  static AddressLayout text() {
    return ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(LONGEST_TEXT, JAVA_BYTE));
  }

  private static MethodHandle system(String function, FunctionDescriptor types) {
    try {
      return handle(Linker.nativeLinker().defaultLookup().find(function).orElseThrow(UnsupportedOperationException::new), types);
    } catch (UnsupportedOperationException e) {
      throw new DeviceUnavailableException("this platform has no CUDA; take the device cpu, which gives the same bits", e);
    } catch (IllegalCallerException e) {
      throw new DeviceUnavailableException("native libraries are denied; start Java with --enable-native-access=ALL-UNNAMED", e);
    }
  }

  @SuppressWarnings("restricted")
  private static MethodHandle handle(MemorySegment symbol, FunctionDescriptor types) {
    return Linker.nativeLinker().downcallHandle(symbol, types);
  }

  private static Object invoke(MethodHandle function, Object... arguments) {
    try {
      return function.invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new DeviceUnavailableException("a function of a native library cannot be called", e);
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
