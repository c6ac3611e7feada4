package io.github.tensorseed;

import io.github.tensorseed.LinearAlgebra.Op;
import java.util.ArrayList;
import java.util.List;

/// Whether a decomposition is one, as a few random vectors see it: what it takes is little next to the decomposition, and no copy of the
/// matrix. A wrong one passes only if its error is small on all of them.
final class Residual implements AutoCloseable {
  private static final int VECTORS = 4;
  /// Backward errors are a few units of rounding times the square root of the order; what is wrong is far beyond.
  private static final double TOLERANCE = 200;

  private final LinearAlgebra algebra;
  private final Device device;
  private final DType dtype;
  private final List<Tensor> tensors = new ArrayList<>();
  /// The vectors, one a row, and what the matrix made of them.
  private final Tensor given;
  private final Tensor expected;

  private Residual(LinearAlgebra algebra, Device device, Tensor a, long length, long imageLength) {
    this.algebra = algebra;
    this.device = device;
    dtype = a.dtype();
    given = allocate(VECTORS, length);
    expected = allocate(VECTORS, imageLength);
    device.fill(given, new Distribution.Normal(0, 1), RandomStream.of(0).named("residual"));
  }

  /// Before the eigenvectors of a symmetric matrix are computed, of which the lower triangle is there.
  static Residual ofSymmetric(LinearAlgebra algebra, Device device, Tensor a) {
    algebra.symmetrize(a);
    return ofRows(algebra, device, a);
  }

  /// Before the rows are made orthonormal: vectors in their span.
  static Residual ofRows(LinearAlgebra algebra, Device device, Tensor a) {
    Residual residual = new Residual(algebra, device, a, a.shape().extent(0), a.shape().extent(1));
    algebra.gemm(Op.N, Op.N, 1, residual.given, a, 0, residual.expected);
    return residual;
  }

  void requireEigenvectors(Tensor vectors, Tensor values) {
    requireOrthonormal("syevd", vectors);
    long n = vectors.shape().extent(0);
    Tensor inBasis = allocate(n, VECTORS);
    algebra.gemm(Op.N, Op.T, 1, vectors, given, 0, inBasis);
    algebra.dgmm(values, inBasis);
    Tensor made = allocate(VECTORS, n);
    algebra.gemm(Op.T, Op.N, 1, inBasis, vectors, 0, made);
    double[] spectrum = values.toDoubles();
    double greatest = Math.max(Math.abs(spectrum[0]), Math.abs(spectrum[spectrum.length - 1]));
    require("syevd", "A - V^T L V", made, expected, greatest * Math.sqrt((double) n));
  }

  void requireOrthonormal(Tensor rows) {
    requireOrthonormal("qr", rows);
    // What was in the span of the rows still is.
    Tensor inBasis = allocate(VECTORS, rows.shape().extent(0));
    algebra.gemm(Op.N, Op.T, 1, expected, rows, 0, inBasis);
    Tensor made = allocate(VECTORS, rows.shape().extent(1));
    algebra.gemm(Op.N, Op.N, 1, inBasis, rows, 0, made);
    require("qr", "the rows' span", made, expected, norm(expected));
  }

  private void requireOrthonormal(String operation, Tensor rows) {
    Tensor image = allocate(VECTORS, rows.shape().extent(1));
    algebra.gemm(Op.N, Op.N, 1, given, rows, 0, image);
    Tensor back = allocate(VECTORS, rows.shape().extent(0));
    algebra.gemm(Op.N, Op.T, 1, image, rows, 0, back);
    require(operation, "Q Q^T - I", back, given, norm(given));
  }

  private void require(String operation, String what, Tensor made, Tensor wanted, double scale) {
    double[] wrong = made.toDoubles();
    double[] right = wanted.toDoubles();
    double unit = scale > 0 ? scale : 1;
    double sum = 0;
    for (int i = 0; i < wrong.length; i++) {
      // Relative, since squares of large numbers overflow.
      double error = (wrong[i] - right[i]) / unit;
      sum += error * error;
    }
    double epsilon = dtype == DType.F64 ? 0x1p-53 : 0x1p-24;
    double residual = Math.sqrt(sum) / VECTORS;
    double allowed = TOLERANCE * epsilon * Math.sqrt((double) made.shape().extent(1));
    if (!(residual <= allowed)) {
      throw new DeviceException(device.name() + ": " + operation + " by " + algebra.library() + " is wrong: the relative residual of " + what
          + " is " + residual + ", and " + allowed + " is allowed; is the matrix finite? Else try F64, another version of the library, or the other"
          + " device");
    }
  }

  private static double norm(Tensor tensor) {
    double sum = 0;
    for (double value : tensor.toDoubles()) {
      sum += value * value;
    }
    return Math.sqrt(sum);
  }

  private Tensor allocate(long rows, long columns) {
    Tensor tensor = device.allocate(dtype, Shape.of(rows, columns));
    tensors.add(tensor);
    return tensor;
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }
}
