package io.github.tensorseed;

import java.util.Arrays;

/// Dense linear algebra where a device's tensors lie: operations of BLAS and LAPACK, by their names.
///
/// A matrix is a tensor of rank 2, row-major, a vector one of rank 1. All operands of a call belong to this device and are F32, or all F64.
/// What a call writes overlaps nothing that it reads. After every decomposition the residual is looked at on random vectors, because
/// libraries have returned wrong ones without an error.
///
/// The last bits depend on the library, its version, the machine and its threads: they are outside the promise of one seed.
public abstract class LinearAlgebra {
  /// A matrix as it is, or its transpose.
  public enum Op {
    N,
    T
  }

  /// The largest order of an eigenproblem: LAPACK counts the 2 n^2 + 6 n + 1 numbers that it works in with 31 bits.
  public static final int MAX_ORDER = 32766;

  private final Device device;

  /// @param device whose tensors are taken
  protected LinearAlgebra(Device device) {
    this.device = device;
  }

  /// The device whose tensors are taken.
  public final Device device() {
    return device;
  }

  /// The library that does it, as in `OpenBLAS 0.3.30, 2 threads`.
  public abstract String library();

  /// `c = alpha op(a) op(b) + beta c`. With a beta of 0, c may hold anything before.
  public final void gemm(Op opA, Op opB, double alpha, Tensor a, Tensor b, double beta, Tensor c) {
    requireOperands("gemm", a, b, c);
    requireShape("gemm", c, rows(opA, a), columns(opB, b));
    if (columns(opA, a) != rows(opB, b)) {
      throw new IllegalArgumentException("gemm of " + text(opA, a) + " and " + text(opB, b) + ": the inner extents differ");
    }
    c.requireWritable();
    callGemm(opA, opB, alpha, a, b, beta, c);
  }

  /// `y = alpha op(a) x + beta y`.
  public final void gemv(Op op, double alpha, Tensor a, Tensor x, double beta, Tensor y) {
    requireOperands("gemv", a, x, y);
    requireShape("gemv", x, columns(op, a));
    requireShape("gemv", y, rows(op, a));
    y.requireWritable();
    callGemv(op, alpha, a, x, beta, y);
  }

  /// `a = alpha x y^T + a`.
  public final void ger(double alpha, Tensor x, Tensor y, Tensor a) {
    requireOperands("ger", x, y, a);
    requireShape("ger", x, extent("ger", a, 0));
    requireShape("ger", y, extent("ger", a, 1));
    a.requireWritable();
    callGer(alpha, x, y, a);
  }

  /// `c = alpha op(a) op(a)^T + beta c` on and below the diagonal; above it c stays as it is. With a beta of 0, c may hold anything before.
  public final void syrk(Op op, double alpha, Tensor a, double beta, Tensor c) {
    requireOperands("syrk", a, c);
    requireShape("syrk", c, rows(op, a), rows(op, a));
    c.requireWritable();
    callSyrk(op, alpha, a, beta, c);
  }

  /// Copies what is below the diagonal to above it.
  public final void symmetrize(Tensor c) {
    requireOperands("symmetrize", c);
    requireShape("symmetrize", c, extent("symmetrize", c, 0), extent("symmetrize", c, 0));
    c.requireWritable();
    callSymmetrize(c);
  }

  /// `b = a^-1 b`, where a is lower triangular: what is above its diagonal is not read.
  public final void trsm(Tensor a, Tensor b) {
    requireOperands("trsm", a, b);
    requireShape("trsm", a, extent("trsm", b, 0), extent("trsm", b, 0));
    b.requireWritable();
    callTrsm(a, b);
  }

  /// `row i of a = x_i * row i of a`: LAPACK's and cuBLAS's multiplication by a diagonal matrix from the left.
  public final void dgmm(Tensor x, Tensor a) {
    requireOperands("dgmm", x, a);
    requireShape("dgmm", x, extent("dgmm", a, 0));
    a.requireWritable();
    callDgmm(x, a);
  }

  /// `y = alpha x + y`, element by element. x may be F32 where y is F64.
  public final void axpy(double alpha, Tensor x, Tensor y) {
    requireOwn("axpy", x, y);
    if (x.dtype() != DType.F32 || y.dtype() != DType.F64) {
      requireOperands("axpy", x, y);
    }
    if (!x.shape().equals(y.shape())) {
      throw new IllegalArgumentException("axpy of " + x + " and " + y + ": the shapes differ");
    }
    y.requireWritable();
    callAxpy(alpha, x, y);
  }

  /// `out = a - 1 shift^T`, every row less the shift, and adds the sums of out's columns to `sums`. `out` is as wide as `a`, or F64; shift and
  /// sums are F64, and the shift counts with all its digits where `out` is F32, too.
  public final void center(Tensor a, Tensor shift, Tensor out, Tensor sums) {
    requireOperands("center", shift, sums);
    requireOwn("center", a, out);
    if (a.dtype() != DType.F32 || out.dtype() != DType.F64) {
      requireOperands("center", a, out);
    }
    if (sums.dtype() != DType.F64 || !a.shape().equals(out.shape())) {
      throw new IllegalArgumentException("center of " + a + " into " + out + " and " + sums + ": shapes or dtypes do not go together");
    }
    requireShape("center", shift, extent("center", a, 1));
    requireShape("center", sums, extent("center", a, 1));
    out.requireWritable();
    sums.requireWritable();
    callCenter(a, shift, out, sums);
  }

  /// `b = a^T`.
  public final void transpose(Tensor a, Tensor b) {
    requireOperands("transpose", a, b);
    requireShape("transpose", b, columns(Op.N, a), rows(Op.N, a));
    b.requireWritable();
    callTranspose(a, b);
  }

  /// The eigenvalues, ascending, and eigenvectors of the symmetric matrix whose diagonal and lower triangle are in `a`: row i of `a` becomes
  /// the eigenvector of value i.
  ///
  /// @throws DeviceException if the method does not converge, or its result is not a decomposition of the matrix
  public final void syevd(Tensor a, Tensor values) {
    requireOperands("syevd", a, values);
    a.requireWritable();
    values.requireWritable();
    long n = extent("syevd", a, 0);
    if (n > MAX_ORDER) {
      throw new IllegalArgumentException("syevd of " + a + ": LAPACK takes an order of at most " + MAX_ORDER);
    }
    requireShape("syevd", a, n, n);
    requireShape("syevd", values, n);
    if (n == 0) {
      return;
    }
    try (Residual residual = Residual.ofSymmetric(this, device, a)) {
      callSyevd(a, values);
      residual.requireEigenvectors(a, values);
    }
  }

  /// The rows of `a`, of which there are at most as many as columns, become orthonormal: those of Q^T where a^T = Q R and the diagonal of R
  /// is not negative. If `a` is Gaussian, Q is uniform on its manifold (Haar).
  ///
  /// - Source: F. Mezzadri, arXiv math-ph/0609050.
  ///
  /// @throws DeviceException if the result is not such a Q
  public final void qr(Tensor a) {
    requireOperands("qr", a);
    a.requireWritable();
    long rows = extent("qr", a, 0);
    if (rows > extent("qr", a, 1)) {
      throw new IllegalArgumentException("qr of " + a + ": it has more rows than columns, which cannot be orthonormal; transpose it");
    }
    if (rows == 0) {
      return;
    }
    try (Residual residual = Residual.ofRows(this, device, a)) {
      callQr(a);
      residual.requireOrthonormal(a);
    }
  }

  // What a library does, once the operands are known to go together.

  protected abstract void callGemm(Op opA, Op opB, double alpha, Tensor a, Tensor b, double beta, Tensor c);

  protected abstract void callGemv(Op op, double alpha, Tensor a, Tensor x, double beta, Tensor y);

  protected abstract void callGer(double alpha, Tensor x, Tensor y, Tensor a);

  protected abstract void callSyrk(Op op, double alpha, Tensor a, double beta, Tensor c);

  protected abstract void callSymmetrize(Tensor c);

  protected abstract void callTrsm(Tensor a, Tensor b);

  protected abstract void callDgmm(Tensor x, Tensor a);

  protected abstract void callAxpy(double alpha, Tensor x, Tensor y);

  protected abstract void callCenter(Tensor a, Tensor shift, Tensor out, Tensor sums);

  protected abstract void callTranspose(Tensor a, Tensor b);

  /// Eigenvectors of a matrix whose triangles are both there.
  protected abstract void callSyevd(Tensor a, Tensor values);

  protected abstract void callQr(Tensor a);

  private static long rows(Op op, Tensor a) {
    return extent("a matrix", a, op == Op.N ? 0 : 1);
  }

  private static long columns(Op op, Tensor a) {
    return extent("a matrix", a, op == Op.N ? 1 : 0);
  }

  /// @throws IllegalArgumentException unless it is a matrix
  private static long extent(String what, Tensor a, int axis) {
    if (a.shape().rank() != 2) {
      throw new IllegalArgumentException(what + ": " + a + " is no matrix");
    }
    return a.shape().extent(axis);
  }

  private static String text(Op op, Tensor a) {
    return a + (op == Op.T ? " transposed" : "");
  }

  private void requireOwn(String operation, Tensor... operands) {
    for (Tensor operand : operands) {
      if (operand.device() != device) {
        throw new IllegalArgumentException(operation + ": " + operand + " belongs to another device than " + device.name() + " here");
      }
      for (long extent : operand.shape().extents()) {
        if (extent > Integer.MAX_VALUE) {
          throw new IllegalArgumentException(operation + ": " + operand + " has an extent beyond 2^31 - 1, which no BLAS takes");
        }
      }
    }
  }

  private void requireOperands(String operation, Tensor... operands) {
    requireOwn(operation, operands);
    DType dtype = operands[0].dtype();
    if (dtype != DType.F32 && dtype != DType.F64 || !Arrays.stream(operands).allMatch(operand -> operand.dtype() == dtype)) {
      throw new IllegalArgumentException(operation + " of " + Arrays.toString(operands) + ": all must be F32, or all F64");
    }
  }

  private static void requireShape(String operation, Tensor operand, long... extents) {
    if (!operand.shape().equals(Shape.of(extents))) {
      throw new IllegalArgumentException(operation + ": " + operand + " must be of shape " + Shape.of(extents));
    }
  }
}
