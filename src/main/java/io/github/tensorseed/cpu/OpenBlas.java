package io.github.tensorseed.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.tensorseed.DeviceUnavailableException;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import java.util.Objects;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/// OpenBLAS, as `org.bytedeco:openblas` brings it: unpacked once into the user's cache by JavaCPP, called on memory where it lies.
final class OpenBlas {
  private static final String FOLDER = "/org/bytedeco/openblas/linux-x86_64/";
  /// The library last: it finds the others beside it.
  private static final String[] FILES = {"libgcc_s.so.1", "libquadmath.so.0", "libgfortran.so.5", "libopenblas.so.0"};
  private static final int LONGEST_TEXT = 1024;

  /// The only attempt to load it.
  private static final class Load {
    static final @Nullable OpenBlas LIBRARY;
    static final @Nullable DeviceUnavailableException PROBLEM;

    static {
      OpenBlas library = null;
      DeviceUnavailableException problem = null;
      try {
        library = new OpenBlas();
      } catch (DeviceUnavailableException e) {
        problem = e;
      }
      LIBRARY = library;
      PROBLEM = problem;
    }
  }

  /// The functions of one precision.
  static final class Functions {
    final ValueLayout real;
    final MethodHandle gemm;
    final MethodHandle gemv;
    final MethodHandle ger;
    final MethodHandle syrk;
    final MethodHandle scal;
    final MethodHandle axpy;
    final MethodHandle copy;
    final MethodHandle omatcopy;
    final MethodHandle syevd;
    final MethodHandle geqrf;
    final MethodHandle orgqr;

    private Functions(OpenBlas library, char precision, ValueLayout real) {
      this.real = real;
      String cblas = "cblas_" + precision;
      String lapacke = "LAPACKE_" + precision;
      gemm = library.function(cblas + "gemm", null, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT,
          ADDRESS, JAVA_INT, real, ADDRESS, JAVA_INT);
      gemv = library.function(cblas + "gemv", null, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, real,
          ADDRESS, JAVA_INT);
      ger = library.function(cblas + "ger", null, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
      syrk = library.function(cblas + "syrk", null, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT, real, ADDRESS,
          JAVA_INT);
      scal = library.function(cblas + "scal", null, JAVA_INT, real, ADDRESS, JAVA_INT);
      axpy = library.function(cblas + "axpy", null, JAVA_INT, real, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
      copy = library.function(cblas + "copy", null, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
      omatcopy = library.function(cblas + "omatcopy", null, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
      syevd = library.function(lapacke + "syevd", JAVA_INT, JAVA_INT, JAVA_BYTE, JAVA_BYTE, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
      geqrf = library.function(lapacke + "geqrf", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
      orgqr = library.function(lapacke + "orgqr", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    }
  }

  private final SymbolLookup symbols;
  final Functions single;
  final Functions wide;
  final String version;
  private final MethodHandle setThreads;

  /// @throws DeviceUnavailableException if it cannot be had, with the reason and the remedy
  static OpenBlas require() {
    if (Load.PROBLEM != null) {
      throw new DeviceUnavailableException(String.valueOf(Load.PROBLEM.getMessage()), Load.PROBLEM);
    }
    return Objects.requireNonNull(Load.LIBRARY);
  }

  @SuppressWarnings("restricted")
  private OpenBlas() {
    File file = new File("");
    try {
      for (String name : FILES) {
        URL packed = OpenBlas.class.getResource(FOLDER + name);
        if (packed == null) {
          throw new DeviceUnavailableException("OpenBLAS is not on the class path; add org.bytedeco:openblas with the classifier linux-x86_64,"
              + " the only platform that linear algebra is made for");
        }
        file = Loader.cacheResource(packed);
      }
      symbols = SymbolLookup.libraryLookup(file.toPath(), Arena.global());
    } catch (IOException | IllegalArgumentException e) {
      throw new DeviceUnavailableException("OpenBLAS cannot be unpacked or loaded (" + e.getMessage() + "); see whether there is room in the"
          + " home folder, and that programs may run from there", e);
    } catch (IllegalCallerException e) {
      throw new DeviceUnavailableException("native libraries are denied; start Java with --enable-native-access=ALL-UNNAMED", e);
    }
    single = new Functions(this, 's', JAVA_FLOAT);
    wide = new Functions(this, 'd', JAVA_DOUBLE);
    setThreads = function("openblas_set_num_threads", null, JAVA_INT);
    AddressLayout text = ADDRESS.withTargetLayout(MemoryLayout.sequenceLayout(LONGEST_TEXT, JAVA_BYTE));
    // As in "OpenBLAS 0.3.30 NO_AFFINITY USE_OPENMP ..."
    String[] words = ((MemorySegment) call(function("openblas_get_config", text))).getString(0).split(" ", 3);
    version = words[0] + " " + words[1];
  }

  /// Threads of every call from now on, in the whole process.
  void setThreads(int threads) {
    call(setThreads, threads);
  }

  @SuppressWarnings("restricted")
  private MethodHandle function(String name, @Nullable MemoryLayout result, MemoryLayout... arguments) {
    MemorySegment symbol = symbols.find(name)
        .orElseThrow(() -> new DeviceUnavailableException("this OpenBLAS has no " + name + "; use org.bytedeco:openblas as this was built with"));
    FunctionDescriptor types = result == null ? FunctionDescriptor.ofVoid(arguments) : FunctionDescriptor.of(result, arguments);
    return Linker.nativeLinker().downcallHandle(symbol, types);
  }

  /// Calls a function; its result, null if it has none.
  static Object call(MethodHandle function, Object... arguments) {
    try {
      return function.invokeWithArguments(arguments);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
