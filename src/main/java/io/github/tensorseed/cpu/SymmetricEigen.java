package io.github.tensorseed.cpu;

import static io.github.tensorseed.cpu.OpenBlas.COLUMN_MAJOR;
import static io.github.tensorseed.cpu.OpenBlas.LEFT;
import static io.github.tensorseed.cpu.OpenBlas.NON_UNIT;
import static io.github.tensorseed.cpu.OpenBlas.NO_TRANSPOSE;
import static io.github.tensorseed.cpu.OpenBlas.TRANSPOSE;
import static io.github.tensorseed.cpu.OpenBlas.UPPER;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.github.tensorseed.DType;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// LAPACK's syevd in its three steps, of which the last is our own: A = Q T Q^T with T tridiagonal (sytrd), T = Z L Z^T by divide and conquer
/// (stedc), and the eigenvectors Q Z. LAPACK's ormtr takes 32 reflectors of Q at a time, which leaves gemm waiting for memory; of [#REFLECTORS]
/// at a time that step takes two thirds as long at order 3072.
///
/// Columns are LAPACK's: column j of a matrix is our row j.
///
/// - Source: for I - V S^-1 V^T as the product of reflectors, C. Puglisi, SIAM J. Sci. Stat. Comput. 13(3), 1992, doi:10.1137/0913042.
final class SymmetricEigen {
  /// Reflectors that are applied as one.
  static final int REFLECTORS = 192;

  private final OpenBlas.Functions functions;
  private final DType dtype;
  private final int n;
  private final Tensor a;

  /// @param functions of the dtype of the matrix
  /// @param a both triangles
  SymmetricEigen(OpenBlas.Functions functions, Tensor a) {
    this.functions = functions;
    this.a = a;
    dtype = a.dtype();
    n = Math.toIntExact(a.shape().extent(0));
  }

  /// Bytes that [#solve] works in: the eigenvectors, and what stedc takes or the blocks of reflectors.
  long workspace() {
    long block = Math.min(REFLECTORS, n);
    return dtype.bytes() * (square() + Math.max(conquering(), block * (2L * n + block)));
  }

  private long square() {
    return (long) n * n;
  }

  private int conquering() {
    return Math.toIntExact(1 + 4L * n + square());
  }

  /// Turns the matrix into its eigenvectors.
  ///
  /// @param values ascending
  /// @param workspace of so many bytes
  void solve(Tensor values, MemorySegment workspace) {
    double scale = scale();
    scale(a, scale);
    MemorySegment z = workspace.asSlice(0, a.bytes());
    MemorySegment work = workspace.asSlice(a.bytes());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment besideDiagonal = arena.allocate(values.bytes(), Double.BYTES);
      MemorySegment tau = arena.allocate(values.bytes(), Double.BYTES);
      int integers = 3 + 5 * n;
      OpenBlas.decompose("syevd (sytrd)", functions.sytrd, COLUMN_MAJOR, (byte) 'L', n, a.memory(), n, CpuLinearAlgebra.memory(values),
          besideDiagonal, tau);
      OpenBlas.decompose("syevd (stedc)", functions.stedc, COLUMN_MAJOR, (byte) 'I', n, values.memory(), besideDiagonal, z, n, work,
          conquering(), arena.allocate(JAVA_INT, integers), integers);
      reflect(tau, z, work);
    }
    a.memory().copyFrom(z);
    scale(values, 1 / scale);
  }

  /// 1, or a power of two where the squares of numbers would overflow or vanish.
  private double scale() {
    long greatest = (long) OpenBlas.call(functions.amax, n * n, a.memory(), 1);
    int exponent = Math.getExponent(dtype.get(a.memory(), greatest));
    int most = dtype == DType.F64 ? 400 : 40;
    return Math.abs(exponent) <= most || exponent > Double.MAX_EXPONENT ? 1 : Math.scalb(1.0, -Math.max(exponent, -2 * most));
  }

  private void scale(Tensor tensor, double factor) {
    if (factor != 1) {
      OpenBlas.call(functions.scal, (int) tensor.elements(), functions.number(factor), tensor.memory(), 1);
    }
  }

  /// `z = H_0 H_1 ... H_(n-2) z`, the last block of reflectors first. Reflector i is I - tau_i v v^T; v is 1 at i + 1, what column i of the
  /// matrix has below that, and 0 above.
  private void reflect(MemorySegment tau, MemorySegment z, MemorySegment work) {
    int most = Math.min(REFLECTORS, n);
    MemorySegment v = work;
    MemorySegment w = v.asSlice((long) dtype.bytes() * most * n);
    MemorySegment s = w.asSlice((long) dtype.bytes() * most * n);
    for (int first = (n - 2) / most * most; first >= 0; first -= most) {
      int count = Math.min(most, n - 1 - first);
      int length = n - 1 - first;
      MemorySegment part = z.asSlice((first + 1L) * dtype.bytes());
      for (int i = 0; i < count; i++) {
        reflector(first + i, length, v.asSlice((long) i * length * dtype.bytes()), dtype.get(tau, first + i) != 0);
      }
      // S = strict upper triangle of V^T V + diag(1 / tau)
      OpenBlas.call(functions.syrk, COLUMN_MAJOR, UPPER, TRANSPOSE, count, length, functions.number(1), v, length, functions.number(0), s,
          count);
      for (int i = 0; i < count; i++) {
        double factor = dtype.get(tau, first + i);
        dtype.set(s, (long) i * (count + 1), factor == 0 ? 1 : 1 / factor);
      }
      // z = z - V S^-1 (V^T z)
      OpenBlas.call(functions.gemm, COLUMN_MAJOR, TRANSPOSE, NO_TRANSPOSE, count, n, length, functions.number(1), v, length, part, n,
          functions.number(0), w, count);
      OpenBlas.call(functions.trsm, COLUMN_MAJOR, LEFT, UPPER, NO_TRANSPOSE, NON_UNIT, count, n, functions.number(1), s, count, w, count);
      OpenBlas.call(functions.gemm, COLUMN_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, length, n, count, functions.number(-1), v, length, w, count,
          functions.number(1), part, n);
    }
  }

  /// Column `i`'s reflector without its leading zeros that the whole block has; all 0 where it is the identity.
  private void reflector(int i, int length, MemorySegment v, boolean any) {
    int bytes = dtype.bytes();
    int zeros = any ? length - (n - 1 - i) : length;
    v.asSlice(0, (long) zeros * bytes).fill((byte) 0);
    if (any) {
      dtype.set(v, zeros, 1);
      MemorySegment.copy(a.memory(), ((long) i * n + i + 2) * bytes, v, (zeros + 1L) * bytes, (n - 2L - i) * bytes);
    }
  }
}
