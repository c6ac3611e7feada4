package io.github.tensorseed.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.tensorseed.DeviceException;
import io.github.tensorseed.DeviceUnavailableException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// NVIDIA's libraries that JCuda's classes call, each loaded when it is first needed: the one that is in the process already, else the
/// system's own, else that of [RedistCache].
public enum Library {
  CURAND("jcuda.jcurand.JCurand", "curandGetProperty"),
  CUBLAS("jcuda.jcublas.JCublas2", "cublasGetProperty"),
  CUSOLVER("jcuda.jcusolver.JCusolver", "cusolverGetProperty");

  private static final int PARTS_OF_VERSION = 3;

  /// Each is made once, whatever comes of it: what is in a process stays there.
  private static final Map<Library, FutureTask<SharedLibrary>> SEARCHES =
      Stream.of(values()).collect(Collectors.toUnmodifiableMap(library -> library, library -> new FutureTask<>(library::search)));

  private final String jcuda;
  private final String property;

  /// What was loaded.
  ///
  /// @param version as in `11.11.3`
  public record Found(String file, String version) {}

  Library(String jcuda, String property) {
    this.jcuda = jcuda;
    this.property = property;
  }

  /// The names by which JCuda's native libraries ask the system's loader.
  private List<String> names() {
    return switch (this) {
      case CURAND -> List.of("libcurand.so.10");
      case CUBLAS -> List.of("libcublas.so.11");
      case CUSOLVER -> List.of("libcusolver.so.11", "libcusolverMg.so.11");
    };
  }

  /// What these need of NVIDIA's in turn, in order.
  private List<String> needs() {
    return switch (this) {
      case CURAND -> List.of();
      case CUBLAS -> List.of("libcublasLt.so.11");
      case CUSOLVER -> CUBLAS.files().toList();
    };
  }

  /// All of them, each after what it needs.
  private Stream<String> files() {
    return Stream.concat(needs().stream(), names().stream());
  }

  /// Loads the library and JCuda's classes over it, unless that has been done.
  ///
  /// @throws DeviceUnavailableException if it cannot be used, with the reason and the remedy
  SharedLibrary require() {
    FutureTask<SharedLibrary> search = Objects.requireNonNull(SEARCHES.get(this));
    search.run();
    try {
      return search.get();
    } catch (ExecutionException e) {
      throw new DeviceUnavailableException(String.valueOf(Objects.requireNonNull(e.getCause()).getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DeviceUnavailableException(this + " was being loaded when this thread was interrupted; call again", e);
    }
  }

  /// The library, loaded now if need be.
  ///
  /// @throws DeviceUnavailableException if it cannot be used, with the reason and the remedy
  public Found found() {
    SharedLibrary library = require();
    return new Found(library.file().toString(), version(library));
  }

  /// Computes a few values whose like are known.
  ///
  /// @return what was computed
  /// @throws DeviceException if that fails, or other values come out
  public String compute(CudaDevice device) {
    require();
    return Trial.of(this, device);
  }

  private SharedLibrary search() {
    try {
      for (String name : names()) {
        SharedLibrary.open(name, needs());
      }
    } catch (IOException e) {
      unpack(String.valueOf(e.getMessage()));
    }
    SharedLibrary library = SharedLibrary.loaded(toString()).orElseThrow();
    library.symbol(property); // or a call through JCuda would end the process
    JCudaLibrary.load(jcuda);
    return library;
  }

  /// Loads what is not there by absolute paths: what comes later finds it by its name.
  ///
  /// @param problem why the system's cannot be had
  private void unpack(String problem) {
    try {
      ClassLoader classes = Objects.requireNonNullElse(Library.class.getClassLoader(), ClassLoader.getSystemClassLoader());
      RedistCache cache = new RedistCache(classes, System.getenv(), SharedLibrary.user());
      for (String name : files().toList()) {
        if (SharedLibrary.loaded(name).isEmpty()) {
          Path file = cache.file(name).orElseThrow(() -> missing(problem));
          SharedLibrary.open(file.toString(), List.of());
        }
      }
    } catch (IOException e) {
      throw new DeviceUnavailableException(String.valueOf(e.getMessage()), e);
    }
  }

  private DeviceUnavailableException missing(String problem) {
    String reason = files().filter(name -> problem.startsWith(name + ":")).findFirst()
        .map(name -> SharedLibrary.otherVersion(name)
            .map(file -> file.getFileName() + " found (" + file + "), " + name + " needed")
            .orElse(name + " is not installed"))
        .orElse(problem);
    return new DeviceUnavailableException(reason + ": add " + RedistCache.JAR + " to the class path, or install CUDA 11");
  }

  private String version(SharedLibrary library) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment number = arena.allocate(JAVA_INT);
      List<String> parts = new ArrayList<>();
      for (int part = 0; part < PARTS_OF_VERSION; part++) {
        int code = library.call(property, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS), part, number);
        if (code != 0) {
          throw new DeviceUnavailableException(
              this + " does not tell its version (" + Codes.text(property, code) + "); install that of CUDA 11");
        }
        parts.add(String.valueOf(number.get(JAVA_INT, 0)));
      }
      return String.join(".", parts);
    }
  }

  /// The name by which it is looked for, as in `libcurand.so.10`.
  @Override
  public String toString() {
    return names().getFirst();
  }
}
