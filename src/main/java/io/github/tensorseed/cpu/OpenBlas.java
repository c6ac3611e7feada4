package io.github.tensorseed.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.tensorseed.DeviceException;
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
  /// Its idle threads spin for 2^26 ticks, some 20 ms, and take the cores from loops of ours that come between two calls. 2^20 is still more than
  /// what lies between the calls of one decomposition.
  private static final String TIMEOUT = "20";

  // CBLAS's and LAPACKE's numbers.
  static final int ROW_MAJOR = 101;
  static final int COLUMN_MAJOR = 102;
  static final int NO_TRANSPOSE = 111;
  static final int TRANSPOSE = 112;
  static final int UPPER = 121;
  static final int LOWER = 122;
  static final int NON_UNIT = 131;
  static final int LEFT = 141;

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
    final MethodHandle trsm;
    final MethodHandle amax;
    final MethodHandle omatcopy;
    final MethodHandle sytrd;
    final MethodHandle stedc;
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
      trsm = library.function(cblas + "trsm", null, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS,
          JAVA_INT, ADDRESS, JAVA_INT);
      amax = library.function("cblas_i" + precision + "amax", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_INT);
      omatcopy = library.function(cblas + "omatcopy", null, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, real, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT);
      sytrd = library.function(lapacke + "sytrd", JAVA_INT, JAVA_INT, JAVA_BYTE, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS);
      stedc = library.function(lapacke + "stedc_work", JAVA_INT, JAVA_INT, JAVA_BYTE, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS,
          JAVA_INT, ADDRESS, JAVA_INT);
      geqrf = library.function(lapacke + "geqrf", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
      orgqr = library.function(lapacke + "orgqr", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS);
    }

    /// As these functions take it.
    Object number(double value) {
      return real == JAVA_DOUBLE ? (Object) value : (Object) (float) value;
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
      try (Arena arena = Arena.ofConfined()) {
        Linker linker = Linker.nativeLinker();
        call(linker.downcallHandle(linker.defaultLookup().findOrThrow("setenv"), FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT)),
            arena.allocateFrom("OPENBLAS_THREAD_TIMEOUT"), arena.allocateFrom(TIMEOUT), 0); // what the user has set stays
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

  /// Calls a function of LAPACK.
  ///
  /// @throws DeviceException unless it says that it succeeded
  static void decompose(String name, MethodHandle function, Object... arguments) {
    int info = (int) call(function, arguments);
    if (info != 0) {
      throw new DeviceException("cpu: " + name + " of OpenBLAS failed with info = " + info
          + (info > 0 ? "; the method did not converge: is the matrix finite?" : ", which means that argument " + -info + " is not a number"));
    }
  }
}
