package io.github.tensorseed.benchmarks;

import static org.bytedeco.openblas.global.openblas_nolapack.CblasLower;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasNoTrans;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasRowMajor;
import static org.bytedeco.openblas.global.openblas_nolapack.CblasTrans;

import io.github.tensorseed.DType;
import io.github.tensorseed.Tensor;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_nolapack;

/// The calls of OpenBLAS that a fit or an application is made of, by another binding and with nothing around them: the floor of both.
final class BareBlas {
  private BareBlas() {}

  static void threads(int threads) {
    openblas_nolapack.blas_set_num_threads(threads);
  }

  private static FloatPointer floats(Tensor tensor) {
    return new FloatPointer(address(tensor));
  }

  private static DoublePointer doubles(Tensor tensor) {
    return new DoublePointer(address(tensor));
  }

  private static Pointer address(Tensor tensor) {
    long start = tensor.memory().address();
    return new Pointer() {
      {
        address = start;
      }
    };
  }

  private static int extent(Tensor tensor, int axis) {
    return (int) tensor.shape().extent(axis);
  }

  /// `c = a^T a`.
  static void syrk(Tensor a, Tensor c) {
    int n = extent(a, 1);
    if (a.dtype() == DType.F32) {
      openblas_nolapack.cblas_ssyrk(CblasRowMajor, CblasLower, CblasTrans, n, extent(a, 0), 1, floats(a), n, 0, floats(c), n);
    } else {
      openblas_nolapack.cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, n, extent(a, 0), 1, doubles(a), n, 0, doubles(c), n);
    }
  }

  static void syevd(Tensor a, Tensor values) {
    int n = extent(a, 0);
    int info = a.dtype() == DType.F32
        ? openblas.LAPACKE_ssyevd(CblasRowMajor, (byte) 'V', (byte) 'L', n, floats(a), n, floats(values))
        : openblas.LAPACKE_dsyevd(CblasRowMajor, (byte) 'V', (byte) 'L', n, doubles(a), n, doubles(values));
    if (info != 0) {
      throw new IllegalStateException("syevd: " + info);
    }
  }

  /// `c = a b^T`.
  static void gemm(Tensor a, Tensor b, Tensor c) {
    int m = extent(a, 0);
    int n = extent(b, 0);
    int k = extent(a, 1);
    if (a.dtype() == DType.F32) {
      openblas_nolapack.cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, floats(a), k, floats(b), k, 0, floats(c), n);
    } else {
      openblas_nolapack.cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, doubles(a), k, doubles(b), k, 0, doubles(c), n);
    }
  }
}
