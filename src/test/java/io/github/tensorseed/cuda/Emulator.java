package io.github.tensorseed.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.net.URL;
import java.net.URLConnection;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/// The emulated CUDA driver of src/test/cuda and the stand-ins for NVIDIA's libraries over it: builds them, controls them and
/// asks them; [io.github.tensorseed.Fork] starts processes on them.
///
/// Options, in the environment variable TENSORSEED_EMULATOR of a process or given to [#reset], separated by commas:
///
/// | option | meaning |
/// |---|---|
/// | `eager`, `lazy`, `random:SEED` | when submitted work runs: at once; when something waits for it; at the next calls, by chance |
/// | `devices=1`, `memory=4G`, `sm=80`, `driver=11070` | the machine |
/// | `fail=FUNCTION:N:CODE` | the N-th call of the function (`*`: of any; `kernel`: the N-th kernel that runs) fails with the code |
/// | `info=N`, `error=N` | decompositions of cuSOLVER say N in their info; one number of their result is N millionths off |
/// | `log=FILE`, `report=FILE` | where each fault is logged (`stderr` too), and the report of the exit |
///
/// The code of `fail` is the driver's, but for a function of a library one of that library's statuses: `fail=curandGenerate:2:102`.
@SuppressWarnings("restricted")
public final class Emulator {
  private static final Path FOLDER = Path.of("target", "emulator").toAbsolutePath();
  private static final Path SOURCES = Path.of("src", "test", "cuda");
  private static final List<String> LIBRARIES =
      List.of("libcurand.so.10", "libcublas.so.11", "libcusolver.so.11", "libcusolverMg.so.11");
  /// What the stand-ins for cuBLAS and cuSOLVER compute with, from the jar of its natives.
  private static final List<String> OPENBLAS = List.of("libopenblas.so.0", "libgfortran.so.5", "libquadmath.so.0");
  private static final List<String> COMPILE = List.of("g++", "-std=c++17", "-O3", "-mavx2", "-mfma", "-ffp-contract=off", "-fno-math-errno",
      "-fno-trapping-math", "-fwrapv", "-fno-strict-aliasing", "-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra",
      "-Wno-missing-field-initializers", "-Werror");

  private final SymbolLookup symbols;

  private Emulator(Path library) {
    symbols = SymbolLookup.libraryLookup(library, Arena.global());
  }

  /// The folder with libcuda.so.1 and the stand-ins for NVIDIA's libraries, for LD_LIBRARY_PATH.
  public static synchronized Path folder() {
    try {
      build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return FOLDER;
  }

  /// A folder with only these of the driver and the libraries, for LD_LIBRARY_PATH: a machine that lacks the others. A library may be of
  /// another version, such as libcublas.so.12, which has what libcublas.so.11 has.
  public static synchronized Path folder(String... names) throws IOException {
    Path links = Files.createDirectories(folder().resolve("machines").resolve(String.join("+", names)));
    for (String name : names) {
      Path library = FOLDER.resolve(name);
      if (Files.notExists(library)) {
        library = Files.createDirectories(FOLDER.resolve("other")).resolve(name);
        linkLibrary(library);
      }
      if (Files.notExists(links.resolve(name))) {
        Files.createSymbolicLink(links.resolve(name), library);
      }
    }
    return links;
  }

  /// What a process needs to find the driver and the libraries of a folder, and these what they compute with: OpenBLAS, and NVIDIA's own
  /// generator where the build has unpacked it.
  public static Map<String, String> environment(Path folder, String options) {
    Map<String, String> environment = new HashMap<>(Map.of("LD_LIBRARY_PATH", folder.toString(), "TENSORSEED_EMULATOR", options,
        "TENSORSEED_OPENBLAS", FOLDER.resolve("openblas").resolve(OPENBLAS.getFirst()).toString()));
    String curand = System.getProperty("curand.directory");
    if (curand != null) {
      environment.put("TENSORSEED_CURAND", Path.of(curand, "org", "bytedeco", "cuda", "linux-x86_64", "libcurand.so.10").toString());
    }
    return environment;
  }

  /// The driver in this process, under a name of its own: nothing else in the process takes it for the driver of the machine.
  public static Emulator inProcess() {
    return new Emulator(folder().resolve("libemulator.so"));
  }

  /// The driver that this forked process runs on.
  public static Emulator ofProcess() {
    return new Emulator(FOLDER.resolve("libcuda.so.1"));
  }

  /// As if the process had just started with these options: all handles and addresses are void.
  public void reset(String options) {
    apply("emulator_reset", options);
  }

  /// Applies options on top of the present ones.
  public void configure(String options) {
    apply("emulator_configure", options);
  }

  /// The report as JSON: calls, kernels with executed instructions, leaks, live handles, launches never waited for, faults, log.
  public String report() {
    try (Arena arena = Arena.ofConfined()) {
      long length = (long) invoke("emulator_report", ValueLayout.JAVA_LONG, MemorySegment.NULL, 0L);
      MemorySegment text = arena.allocate(length + 1);
      invoke("emulator_report", ValueLayout.JAVA_LONG, text, length + 1);
      return text.getString(0);
    }
  }

  /// How many calls of a function there were; `*` for all.
  public long calls(String function) {
    try (Arena arena = Arena.ofConfined()) {
      return (long) invoke("emulator_calls", ValueLayout.JAVA_LONG, arena.allocateFrom(function));
    }
  }

  /// Calls an entry point of the driver with ints, longs and segments; its result code.
  public int call(String function, Object... arguments) {
    return (int) invoke(function, ValueLayout.JAVA_INT, arguments);
  }

  private void apply(String function, String options) {
    try (Arena arena = Arena.ofConfined()) {
      if (call(function, arena.allocateFrom(options)) != 0) {
        throw new IllegalArgumentException("the emulated driver does not know the options '" + options + "'");
      }
    }
  }

  private Object invoke(String function, MemoryLayout result, Object... arguments) {
    MemoryLayout[] types = Stream.of(arguments).map(Emulator::layout).toArray(MemoryLayout[]::new);
    MemorySegment symbol = symbols.find(function).orElseThrow(() -> new IllegalArgumentException("the emulated driver has no " + function));
    try {
      return Linker.nativeLinker().downcallHandle(symbol, FunctionDescriptor.of(result, types)).invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException(function, e);
    }
  }

  private static MemoryLayout layout(Object argument) {
    return switch (argument) {
      case Integer _ -> ValueLayout.JAVA_INT;
      case Long _ -> ValueLayout.JAVA_LONG;
      case Byte _ -> ValueLayout.JAVA_BYTE;
      case MemorySegment _ -> ValueLayout.ADDRESS;
      default -> throw new IllegalArgumentException("an argument of " + argument.getClass());
    };
  }

  /// Compiles what is newer than its object, and links. Several processes may ask at once.
  private static void build() throws IOException {
    Files.createDirectories(FOLDER);
    try (FileChannel lock = FileChannel.open(FOLDER.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      lock.lock();
      List<Path> headers = files(SOURCES, Integer.MAX_VALUE, ".h");
      List<Path> sources = files(SOURCES, Integer.MAX_VALUE, ".cpp");
      List<Path> stale = sources.stream().filter(source -> newest(headers, source) > time(object(source))).toList();
      if (!stale.isEmpty()) {
        requireCompiler();
        stale.parallelStream().forEach(source -> {
          List<String> command = new ArrayList<>(COMPILE);
          if (source.startsWith(SOURCES.resolve("libraries"))) {
            command.add("-O1"); // nothing there takes long but to compile
          }
          command.addAll(List.of("-c", source.toString(), "-o", object(source) + ".part"));
          run(command);
          rename(Path.of(object(source) + ".part"), object(source));
        });
      }
      List<Path> objects = objects(SOURCES);
      for (String name : List.of("libemulator.so", "libcuda.so.1")) {
        link(objects, FOLDER.resolve(name), List.of());
      }
      for (String name : LIBRARIES) {
        linkLibrary(FOLDER.resolve(name));
      }
      unpackOpenblas();
    }
  }

  /// Programs that were linked with NVIDIA's libraries want symbols whose version is the name of the library.
  private static void linkLibrary(Path library) throws IOException {
    String name = library.getFileName().toString();
    Path versions = FOLDER.resolve(name + ".versions");
    if (Files.notExists(versions)) {
      Files.writeString(versions, name + " { global: cu*; local: *; };");
    }
    List<Path> inputs = new ArrayList<>(objects(SOURCES.resolve("libraries").resolve(name.substring("lib".length(), name.indexOf('.')))));
    inputs.add(FOLDER.resolve("libcuda.so.1"));
    link(inputs, library, List.of("-Wl,--version-script=" + versions));
  }

  private static void unpackOpenblas() throws IOException {
    Path folder = Files.createDirectories(FOLDER.resolve("openblas"));
    for (String name : OPENBLAS) {
      URL resource = Emulator.class.getResource("/org/bytedeco/openblas/linux-x86_64/" + name);
      if (resource == null) {
        throw new IllegalStateException(name + " is not on the class path of the tests");
      }
      URLConnection source = resource.openConnection();
      Path file = folder.resolve(name);
      if (file.toFile().length() != source.getContentLengthLong()) {
        try (InputStream in = source.getInputStream()) {
          Files.copy(in, folder.resolve(name + ".part"), StandardCopyOption.REPLACE_EXISTING);
        }
        rename(folder.resolve(name + ".part"), file);
      }
    }
  }

  private static void link(List<Path> objects, Path library, List<String> flags) {
    if (newest(objects, objects.getFirst()) <= time(library)) {
      return;
    }
    Path part = Path.of(library + ".part");
    List<String> command = new ArrayList<>(
        List.of("g++", "-shared", "-pthread", "-Wl,-z,defs", "-Wl,-soname," + library.getFileName(), "-o", part.toString()));
    command.addAll(flags);
    objects.forEach(object -> command.add(object.toString()));
    run(command);
    rename(part, library);
  }

  private static Path object(Path source) {
    return FOLDER.resolve(SOURCES.relativize(source).toString().replace('/', '-') + ".o");
  }

  private static List<Path> objects(Path folder) throws IOException {
    return files(folder, 1, ".cpp").stream().map(Emulator::object).toList();
  }

  private static List<Path> files(Path folder, int depth, String suffix) throws IOException {
    try (Stream<Path> all = Files.walk(folder, depth)) {
      return all.filter(path -> path.toString().endsWith(suffix)).sorted().toList();
    }
  }

  private static long newest(List<Path> files, Path file) {
    return Math.max(time(file), files.stream().mapToLong(Emulator::time).max().orElse(0));
  }

  private static long time(Path file) {
    return file.toFile().lastModified();
  }

  private static void rename(Path from, Path to) {
    try {
      Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void requireCompiler() {
    try {
      run(List.of("g++", "--version"));
    } catch (UncheckedIOException e) {
      String line = "g++ is not there, and the emulated CUDA driver is built with it: install g++";
      if (System.getenv("CI") != null) {
        throw new IllegalStateException(line, e);
      }
      Assumptions.abort(line);
    }
  }

  private static void run(List<String> command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IllegalStateException(String.join(" ", command) + "\n" + output);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
