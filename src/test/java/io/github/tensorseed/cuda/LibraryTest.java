package io.github.tensorseed.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.tensorseed.Fork;
import io.github.tensorseed.cli.Main;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What `devices` finds of NVIDIA's libraries, and what a user is told who has none that can be used. The GPU can be used all the same.
@Execution(ExecutionMode.CONCURRENT)
class LibraryTest {
  private static final String ADD = "add org.bytedeco:cuda:11.8-8.6-1.5.8:linux-x86_64-redist to the class path, or install CUDA 11";

  @TempDir Path dir;
  /// Where the system's loader looks, before it finds the driver in a folder without libraries.
  private Path system;
  private Path cache;

  @BeforeEach
  void makeSystem() throws IOException {
    system = Files.createDirectory(dir.resolve("system"));
    cache = dir.resolve("cache");
  }

  private static Path standIn(String name) {
    return Emulator.folder().resolve(name);
  }

  /// Runs `devices` with these jars on the class path.
  private Fork devices(String options, Path... jars) throws Exception {
    return devices(options, Map.of(), jars);
  }

  private Fork devices(String options, Map<String, String> environment, Path... jars) throws Exception {
    Map<String, String> all = new HashMap<>(Fork.environment(options));
    all.put("LD_LIBRARY_PATH", path());
    all.put("XDG_CACHE_HOME", cache.toString());
    all.putAll(environment);
    List<String> classPath = new ArrayList<>(List.of(System.getProperty("java.class.path")));
    Arrays.stream(jars).map(Path::toString).forEach(classPath::add);
    Fork fork = Fork.run(all, Fork.FLAGS, String.join(File.pathSeparator, classPath), Main.class.getName(), "devices", "--json");
    assertThat(fork.code()).as(fork.err()).isZero();
    assertThat(fork.out()).doesNotContain("Exception", "Error:", "\tat ");
    return fork;
  }

  private String path() throws IOException {
    return system + ":" + Emulator.folder("libcuda.so.1");
  }

  private static JsonNode library(Fork fork, String name) throws IOException {
    JsonNode report = new ObjectMapper().readTree(fork.out());
    assertThat(report.at("/devices/1/usable").asBoolean()).as("the GPU").isTrue();
    for (JsonNode library : report.get("libraries")) {
      if (library.get("library").asText().equals(name)) {
        return library;
      }
    }
    throw new AssertionError("no " + name + " in " + fork.out());
  }

  private static void assertUsable(JsonNode library, Path file) {
    assertThat(library.get("usable").asBoolean()).as(library.toString()).isTrue();
    assertThat(library.at("/file").asText()).isEqualTo(file.toString());
  }

  private static void assertMissing(JsonNode library, String reason) {
    assertThat(library.get("usable").asBoolean()).isFalse();
    assertThat(library.get("file").isNull()).as("not loaded").isTrue();
    assertThat(library.get("details").asText()).isEqualTo(reason);
  }

  /// A shared library that needs others, and whose functions say that it cannot be used.
  private Path tiny(String name, Path... needs) throws Exception {
    Path source = Files.writeString(dir.resolve("tiny.cpp"), """
        extern "C" {
        int cublasGetProperty(int part, int* value) { *value = part + 1; return 0; }
        int cublasCreate_v2(void**) { return 1; }
        int cublasDestroy_v2(void*) { return 0; }
        int cusolverGetProperty(int part, int* value) { *value = part + 1; return 0; }
        int cusolverDnCreate(void**) { return 1; }
        int cusolverDnDestroy(void*) { return 0; }
        }
        """);
    Path versions = Files.writeString(dir.resolve("tiny.versions"), name + " { global: *; };");
    Path library = dir.resolve(name);
    List<String> command = new ArrayList<>(List.of("g++", "-shared", "-fPIC", "-Wl,--no-as-needed", "-Wl,-soname," + name,
        "-Wl,--version-script=" + versions, "-o", library.toString(), source.toString()));
    Arrays.stream(needs).map(Path::toString).forEach(command::add);
    assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
    return library;
  }

  /// A call of a function that it lacks would end the process.
  @Test
  void foreignLibrariesAreNamed() throws Exception {
    Path foreign = Files.move(tiny("libcurand.so.10"), system.resolve("libcurand.so.10"));
    assertMissing(library(devices("eager"), "libcurand.so.10"), foreign + " has no curandGetProperty, so it is not NVIDIA's; install that");
  }

  /// A jar as NVIDIA's libraries come in.
  private Path redist() throws Exception {
    Path cublasLt = tiny("libcublasLt.so.11");
    Path cublas = tiny("libcublas.so.11", cublasLt);
    Path cusolver = tiny("libcusolver.so.11", cublas, cublasLt);
    Path cusolverMg = tiny("libcusolverMg.so.11", cublas, cublasLt);
    Map<String, byte[]> libraries = new LinkedHashMap<>();
    for (Path library : List.of(standIn("libcurand.so.10"), cublas, cublasLt, cusolver, cusolverMg)) {
      libraries.put(library.getFileName().toString(), Files.readAllBytes(library));
    }
    return Jars.of(dir.resolve("redist.jar"), libraries);
  }

  @Test
  void missingLibrariesAreNamed() throws Exception {
    Fork fork = devices("eager");
    for (String name : new String[] {"libcurand.so.10", "libcublas.so.11", "libcusolver.so.11"}) {
      assertMissing(library(fork, name), name + " is not installed: " + ADD);
    }
    assertThat(cache).doesNotExist();
  }

  @Test
  void otherVersionsAreNamed() throws Exception {
    Path machine = Emulator.folder("libcuda.so.1", "libcublas.so.12", "libcusolver.so.11");
    Files.createFile(system.resolve("libcurand.so.10.3"));
    Fork fork = devices("eager", Map.of("LD_LIBRARY_PATH", system + ":" + machine));
    assertMissing(library(fork, "libcublas.so.11"),
        "libcublas.so.12 found (" + machine.resolve("libcublas.so.12") + "), libcublas.so.11 needed: " + ADD);
    assertMissing(library(fork, "libcurand.so.10"), "libcurand.so.10 is not installed: " + ADD);
    assertMissing(library(fork, "libcusolver.so.11"), "libcusolverMg.so.11 is not installed: " + ADD);
  }

  @Test
  void damagedLibrariesAreNamedWithTheLoadersReason() throws Exception {
    Path damaged = Files.writeString(system.resolve("libcurand.so.10"), "damaged");
    assertMissing(library(devices("eager"), "libcurand.so.10"), damaged + ": file too short: " + ADD);
    Files.writeString(damaged, "damaged".repeat(1000));
    assertMissing(library(devices("eager"), "libcurand.so.10"), damaged + ": invalid ELF header: " + ADD);
    Fork other = devices("eager", redist());
    assertThat(library(other, "libcurand.so.10").at("/file").asText()).as("the jar's instead").startsWith(cache.toString());
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "libcurand.so.10   | 10.3.0  | 16 words are Philox's              | curandGenerate:1:201   | CURAND_STATUS_LAUNCH_FAILURE (201)",
    "libcublas.so.11   | 11.11.3 | a 4 x 4 gemm is exact              | cublasSgemm:1:13       | CUBLAS_STATUS_EXECUTION_FAILED (13)",
    "libcusolver.so.11 | 11.4.1  | a 4 x 4 syevd has its eigenvalues  | cusolverDnDsyevd:1:6   | CUSOLVER_STATUS_EXECUTION_FAILED (6)",
  })
  void systemsOwnComputeOnEachGpu(String name, String version, String computed, String fault, String status) throws Exception {
    Map<String, String> installed = Map.of("LD_LIBRARY_PATH", Emulator.folder().toString());
    JsonNode library = library(devices("lazy,devices=2", installed), name);
    assertUsable(library, standIn(name));
    assertThat(library.at("/version").asText()).isEqualTo(version);
    assertThat(library.get("devices").toString()).isEqualTo("""
        [{"device":"cuda:0","usable":true,"details":"%s"},{"device":"cuda:1","usable":true,"details":"%1$s"}]""".formatted(computed));
    JsonNode failing = library(devices("devices=2,fail=" + fault, installed), name);
    assertThat(failing.get("usable").asBoolean()).isFalse();
    String call = fault.substring(0, fault.indexOf(':'));
    assertThat(failing.get("details").asText()).isEqualTo("cuda:0: " + call + " failed with " + status);
    assertThat(failing.at("/devices/1/usable").asBoolean()).isTrue();
  }

  @Test
  void systemsOwnGoBeforeTheJars() throws Exception {
    Path installed = Files.copy(standIn("libcurand.so.10"), system.resolve("libcurand.so.10"));
    assertUsable(library(devices("eager", redist()), "libcurand.so.10"), installed);
    assertThat(cache.resolve("tensorseed").toFile().list()).as("the others and the lock").hasSize(5);
  }

  /// As the framework does with which a program shares its GPU.
  @Test
  void loadedOnesAreTaken() throws Exception {
    Path theirs = Files.copy(standIn("libcurand.so.10"), dir.resolve("theirs.so"));
    Fork fork = Fork.emulated("eager", LoadedProgram.class, theirs.toString());
    assertThat(fork.out()).as(fork.err()).contains("file=" + theirs + ",");
  }

  /// Loads a library, and says which one is taken.
  static final class LoadedProgram {
    private LoadedProgram() {}

    @SuppressWarnings("restricted")
    public static void main(String[] arguments) {
      System.load(arguments[0]);
      System.out.println(Library.CURAND.found());
    }
  }

  /// What needs another library is loaded after it: the loader alone would not find that one.
  @Test
  void jarIsUnpackedOnceAndThenNotNeeded() throws Exception {
    Path jar = redist();
    Fork first = devices("eager", jar);
    JsonNode curand = library(first, "libcurand.so.10");
    Path file = Path.of(curand.at("/file").asText());
    assertUsable(curand, file);
    assertThat(file).startsWith(cache.resolve("tensorseed")).hasSameBinaryContentAs(standIn("libcurand.so.10"));
    for (String name : new String[] {"libcublas.so.11", "libcusolver.so.11"}) {
      JsonNode library = library(first, name);
      assertThat(library.at("/file").asText()).startsWith(cache.toString()).endsWith(name);
      assertThat(library.at("/version").asText()).isEqualTo("1.2.3");
    }
    assertThat(library(first, "libcublas.so.11").get("details").asText())
        .isEqualTo("cuda:0: cublasCreate failed with CUBLAS_STATUS_NOT_INITIALIZED (1)");
    assertThat(library(first, "libcusolver.so.11").get("details").asText())
        .isEqualTo("cuda:0: cusolverDnCreate failed with CUSOLVER_STATUS_NOT_INITIALIZED (1)");
    Files.delete(jar);
    assertThat(devices("eager").out()).isEqualTo(first.out());
  }

  @Test
  void processesUnpackAtOnce() throws Exception {
    Path jar = redist();
    List<Callable<Fork>> starts = List.of(() -> devices("eager", jar), () -> devices("eager", jar), () -> devices("eager", jar));
    try (ExecutorService threads = Executors.newFixedThreadPool(starts.size())) {
      List<String> answers = new ArrayList<>();
      for (Future<Fork> start : threads.invokeAll(starts)) {
        assertUsable(library(start.get(), "libcurand.so.10"), Path.of(library(start.get(), "libcurand.so.10").at("/file").asText()));
        answers.add(start.get().out());
      }
      assertThat(answers).containsOnly(answers.getFirst());
    }
    try (Stream<Path> left = Files.list(cache.resolve("tensorseed"))) {
      assertThat(left.map(path -> path.getFileName().toString())).hasSize(6).allMatch(name -> name.matches("[0-9a-f]{64}|lock"));
    }
  }

  /// One after the other in one cache, whose libraries work before and after.
  @Test
  void hostileCachesAreNamed() throws Exception {
    Path jar = redist();
    Path good = Path.of(library(devices("eager", jar), "libcurand.so.10").at("/file").asText());
    Path folder = cache.resolve("tensorseed");

    Files.setAttribute(folder, "unix:mode", 0777);
    String unused = "the cache " + folder + " is not used, since " + folder + " ";
    String instead = ", or set XDG_CACHE_HOME to a folder of your own";
    String writable = unused + "can be written by others (mode 777); chmod go-w " + folder + instead;
    assertMissing(library(devices("eager", jar), "libcurand.so.10"), writable);
    Fork text = Fork.run(Map.of("LD_LIBRARY_PATH", path(), "XDG_CACHE_HOME", cache.toString()), Fork.FLAGS, Main.class, "devices");
    assertThat(text.out().lines()).as("one line").filteredOn(line -> line.startsWith("libcublas.so.11 "))
        .singleElement().asString().matches("libcublas.so.11 +- +no +\\Q" + writable + "\\E");
    Files.setAttribute(folder, "unix:mode", 0700);

    Path elsewhere = Files.move(folder, dir.resolve("elsewhere"));
    Files.createSymbolicLink(folder, elsewhere);
    assertMissing(library(devices("eager", jar), "libcurand.so.10"), unused + "is a symbolic link; put a folder in its place" + instead);
    Files.delete(folder);
    Files.move(elsewhere, folder);

    byte[] whole = Files.readAllBytes(good);
    Files.write(good, Arrays.copyOf(whole, 1000));
    assertMissing(library(devices("eager", jar), "libcurand.so.10"),
        good + " has 1000 bytes, not " + whole.length + ", and is not used; delete its folder, to have it unpacked again");
    Files.write(good, whole);
    assertUsable(library(devices("eager", jar), "libcurand.so.10"), good);
  }

  /// An empty or relative entry in the loader's path means wherever a program happens to run.
  @Test
  void currentFolderIsNotSearched() throws Exception {
    Path planted = Files.createTempDirectory(Path.of("target"), "planted");
    try {
      Path library = Files.copy(standIn("libcurand.so.10"), planted.resolve("libcurand.so.10"));
      Fork fork = devices("eager", Map.of("LD_LIBRARY_PATH", path() + ":" + planted));
      assertMissing(library(fork, "libcurand.so.10"), "the current folder would be searched for libcurand.so.10; take the entry '"
          + planted + "' out of LD_LIBRARY_PATH: " + ADD);
      Files.move(library, planted.resolve("libcublasLt.so.11"));
      assertThat(library(devices("eager", Map.of("LD_LIBRARY_PATH", path() + ":" + planted)), "libcublas.so.11").get("details").asText())
          .contains("searched for libcublasLt.so.11");
      Files.move(planted.resolve("libcublasLt.so.11"), planted.resolve("libcuda.so.1"));
      Fork driver = Fork.run(Map.of("LD_LIBRARY_PATH", planted.toString()), Fork.FLAGS, Main.class, "devices");
      assertThat(driver.out()).contains("the current folder would be searched for libcuda.so.1");
      Files.delete(planted.resolve("libcuda.so.1"));
      Fork empty = devices("eager", Map.of("LD_LIBRARY_PATH", ":" + path()));
      assertMissing(library(empty, "libcurand.so.10"), "libcurand.so.10 is not installed: " + ADD);
    } finally {
      Files.delete(planted);
    }
  }

  /// They are what JCuda by itself would load.
  @Test
  void plantedLibrariesOfJcudaAreNamedAndNotLoaded() throws Exception {
    Path temporary = Files.createDirectory(dir.resolve("temporary"));
    List<Path> planted = new ArrayList<>();
    for (String name : new String[] {"JCublas2", "JCudaDriver", "JCurand", "JCusolver"}) {
      planted.add(Files.writeString(temporary.resolve("lib" + name + "-11.7.0-linux-x86_64.so"), "planted"));
    }
    Files.copy(standIn("libcurand.so.10"), system.resolve("libcurand.so.10"));
    Map<String, String> environment = Map.of("LD_LIBRARY_PATH", path(), "TENSORSEED_EMULATOR", "eager");
    List<String> flags = Stream.concat(Fork.FLAGS.stream(), Stream.of("-Djava.io.tmpdir=" + temporary)).toList();
    Fork fork = Fork.run(environment, flags, Main.class, "devices");
    assertThat(fork.out()).as(fork.err()).containsPattern("(?m)^cuda:0 +yes ").containsPattern("(?m)^libcurand.so.10 +10.3.0 +yes ");
    assertThat(fork.out().lines()).filteredOn(line -> line.startsWith("note: ")).containsExactlyElementsOf(planted.stream()
        .map(file -> "note: " + file + " was not loaded: JCuda by itself would do so, whoever put it there; the one in its jar was")
        .toList());
    try (Stream<Path> files = Files.list(temporary)) {
      assertThat(files).as("nothing else stays there").containsExactlyInAnyOrderElementsOf(planted);
    }
  }
}
