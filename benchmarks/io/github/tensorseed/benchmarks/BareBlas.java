package io.github.tensorseed.benchmarks;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.tensorseed.DType;
import io.github.tensorseed.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Objects;
import org.bytedeco.javacpp.Loader;

/// The calls of OpenBLAS that a fit or an application is made of, with nothing around them: the floor of both. They go to the library that the
/// CPU's device has loaded. JavaCPP's binding would bring another copy, whose idle threads spin and take the cores from this one.
@SuppressWarnings("restricted")
final class BareBlas {
  private static final int ROW_MAJOR = 101;
  private static final int COLUMN_MAJOR = 102;
  private static final int NO_TRANSPOSE = 111;
  private static final int TRANSPOSE = 112;
  private static final int LOWER = 122;

  private static final SymbolLookup LIBRARY = library();

  private BareBlas() {}

  private static SymbolLookup library() {
    try {
      return SymbolLookup.libraryLookup(Loader.cacheResource(Objects.requireNonNull(
          BareBlas.class.getResource("/org/bytedeco/openblas/linux-x86_64/libopenblas.so.0"))).toPath(), Arena.global());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Object call(String name, MemoryLayout result, Object... arguments) {
    MemoryLayout[] types = new MemoryLayout[arguments.length];
    for (int i = 0; i < types.length; i++) {
      types[i] = switch (arguments[i]) {
        case Integer _ -> JAVA_INT;
        case Byte _ -> JAVA_BYTE;
        case Float _ -> JAVA_FLOAT;
        case Double _ -> JAVA_DOUBLE;
        case MemorySegment _ -> ADDRESS;
        default -> throw new IllegalArgumentException(name + ": " + arguments[i]);
      };
    }
    try {
      return Linker.nativeLinker().downcallHandle(LIBRARY.findOrThrow(name), FunctionDescriptor.of(result, types)).invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw new IllegalStateException(name, e);
    }
  }


  private static Object number(Tensor tensor, double value) {
    return tensor.dtype() == DType.F32 ? (Object) (float) value : (Object) value;
  }

  private static String named(Tensor tensor, String prefix, String name) {
    return prefix + (tensor.dtype() == DType.F32 ? "s" : "d") + name;
  }

  private static int extent(Tensor tensor, int axis) {
    return (int) tensor.shape().extent(axis);
  }

  static void threads(int threads) {
    call("openblas_set_num_threads", JAVA_INT, threads);
  }

  /// `c = a^T a`.
  static void syrk(Tensor a, Tensor c) {
    int n = extent(a, 1);
    call(named(a, "cblas_", "syrk"), JAVA_INT, ROW_MAJOR, LOWER, TRANSPOSE, n, extent(a, 0), number(a, 1), a.memory(), n, number(a, 0), c.memory(), n);
  }

  static void syevd(Tensor a, Tensor values) {
    int n = extent(a, 0);
    Object info = call(named(a, "LAPACKE_", "syevd"), JAVA_INT, COLUMN_MAJOR, (byte) 'V', (byte) 'U', n, a.memory(), n, values.memory());
    if (!info.equals(0)) {
      throw new IllegalStateException("syevd: " + info);
    }
  }

  /// `c = a b^T`.
  static void gemm(Tensor a, Tensor b, Tensor c) {
    int m = extent(a, 0);
    int n = extent(b, 0);
    int k = extent(a, 1);
    call(named(a, "cblas_", "gemm"), JAVA_INT, ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, m, n, k, number(a, 1), a.memory(), k, b.memory(), k, number(a, 0),
        c.memory(), n);
  }
}
