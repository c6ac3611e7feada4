package io.github.tensorseed.adapter;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;

/// The factors of an adapter, by rows: a \[r, in\] and b^T \[r, out\].
///
/// The weight \[out, in\] is op(w), so that one that is stored as \[in, out\] is taken as it lies. Everything is as wide as w.
///
/// @param bt b transposed
record Factors(Tensor a, Tensor bt) implements AutoCloseable {
  /// Directions that a randomised decomposition looks at beyond those that are wanted.
  private static final int OVERSAMPLING = 10;

  /// Those of [Method.Pissa], exactly. `w` is F64.
  static Factors pissa(LinearAlgebra algebra, Op op, Tensor w, int rank, double scale) {
    Device device = algebra.device();
    long out = out(op, w);
    long in = in(op, w);
    boolean wide = out <= in;
    Factors factors = new Factors(device.allocate(DType.F64, Shape.of(rank, in)), device.allocate(DType.F64, Shape.of(rank, out)));
    Tensor vectors = wide ? factors.bt : factors.a;
    Tensor rest = wide ? factors.a : factors.bt;
    // The eigenvectors of the smaller of W W^T and W^T W. Squares lose the digits of small singular values alone, and the large are wanted.
    Op side = wide ? op : other(op);
    long order = Math.min(out, in);
    try (Tensor gram = device.allocate(DType.F64, Shape.of(order, order)); Tensor values = device.allocate(DType.F64, Shape.of(order))) {
      algebra.syrk(side, 1, w, 0, gram);
      algebra.syevd(gram, values);
      takeLargest(gram, vectors);
    }
    algebra.gemm(Op.N, side, 1, vectors, w, 0, rest);
    balance(algebra, vectors, rest, scale);
    return factors;
  }

  /// Those of [Method.Pissa], out of the space that op(w) makes of random vectors.
  static Factors pissa(LinearAlgebra algebra, Op op, Tensor w, int rank, double scale, int iterations, RandomStream stream) {
    Device device = algebra.device();
    DType dtype = w.dtype();
    long out = out(op, w);
    long in = in(op, w);
    long width = Math.min(rank + OVERSAMPLING, Math.min(out, in));
    Factors factors = new Factors(device.allocate(dtype, Shape.of(rank, in)), device.allocate(dtype, Shape.of(rank, out)));
    try (Tensor left = device.allocate(dtype, Shape.of(width, out)); Tensor right = device.allocate(dtype, Shape.of(width, in));
        Tensor mix = device.allocate(dtype, Shape.of(rank, width))) {
      device.fill(right, new Distribution.Normal(0, 1), stream);
      for (int i = 0; i <= iterations; i++) {
        if (i > 0) {
          algebra.qr(right);
        }
        algebra.gemm(Op.N, other(op), 1, right, w, 0, left);
        algebra.qr(left);
        algebra.gemm(Op.N, op, 1, left, w, 0, right);
      }
      // The weight is left^T right, nearly. Little is left to decompose, and the squares of its singular values want the digits of F64.
      try (Tensor doubles = device.allocate(DType.F64, right.shape()); Tensor gram = device.allocate(DType.F64, Shape.of(width, width));
          Tensor values = device.allocate(DType.F64, Shape.of(width))) {
        device.convert(right, 1, doubles);
        algebra.syrk(Op.N, 1, doubles, 0, gram);
        algebra.syevd(gram, values);
        takeLargest(gram, mix);
      }
      algebra.gemm(Op.N, Op.N, 1, mix, left, 0, factors.bt);
      algebra.gemm(Op.N, Op.N, 1, mix, right, 0, factors.a);
    }
    balance(algebra, factors.bt, factors.a, scale);
    return factors;
  }

  /// Those of [Method.Olora]. The first r columns of Q are those of the first r columns of the weight, and R is Q^T times all of it.
  static Factors olora(LinearAlgebra algebra, Op op, Tensor w, int rank) {
    Device device = algebra.device();
    DType dtype = w.dtype();
    long out = out(op, w);
    long in = in(op, w);
    Factors factors = new Factors(device.allocate(dtype, Shape.of(rank, in)), device.allocate(dtype, Shape.of(rank, out)));
    if (op == Op.N) {
      try (Tensor columns = device.allocate(dtype, Shape.of(out, rank))) {
        for (long i = 0; i < out; i++) {
          copy(w, i * in, columns, i * rank, rank);
        }
        algebra.transpose(columns, factors.bt);
      }
    } else {
      copy(w, 0, factors.bt, 0, rank * out);
    }
    algebra.qr(factors.bt);
    algebra.gemm(Op.N, op, 1, factors.bt, w, 0, factors.a);
    for (long i = 1; i < rank; i++) { // below its diagonal R is zero, but for rounding
      device.clear(factors.a.view(i * in * dtype.bytes(), Shape.of(i)));
    }
    return factors;
  }

  /// Takes what the adapter adds from the weight.
  void subtractFrom(LinearAlgebra algebra, Op op, Tensor w, double scale) {
    if (op == Op.N) {
      algebra.gemm(Op.T, Op.N, -scale, bt, a, 1, w);
    } else {
      algebra.gemm(Op.T, Op.N, -scale, a, bt, 1, w);
    }
  }

  /// Eigenvectors come with the smallest value first, factors with the largest.
  private static void takeLargest(Tensor vectors, Tensor rows) {
    long length = vectors.shape().extent(1);
    for (long i = 0; i < rows.shape().extent(0); i++) {
      copy(vectors, (vectors.shape().extent(0) - 1 - i) * length, rows, i * length, length);
    }
  }

  /// Gives each singular value, which is the length of its row of `rest`, to both sides in equal parts.
  private static void balance(LinearAlgebra algebra, Tensor vectors, Tensor rest, double scale) {
    Device device = algebra.device();
    DType dtype = rest.dtype();
    int rank = (int) rest.shape().extent(0);
    double[] values = new double[rank];
    for (int i = 0; i < rank; i++) {
      long length = rest.shape().extent(1);
      double squares = 0;
      for (double value : rest.view(i * length * dtype.bytes(), Shape.of(length)).toDoubles()) {
        squares += value * value;
      }
      values[i] = Math.sqrt(squares);
    }
    try (Tensor factor = device.allocate(dtype, Shape.of(rank))) {
      double[] root = new double[rank];
      double[] inverse = new double[rank];
      for (int i = 0; i < rank; i++) {
        root[i] = Math.sqrt(values[i] / scale);
        inverse[i] = values[i] > 0 ? 1 / (scale * root[i]) : 0;
      }
      factor.copyFrom(root);
      algebra.dgmm(factor, vectors);
      factor.copyFrom(inverse);
      algebra.dgmm(factor, rest);
    }
  }

  private static void copy(Tensor from, long start, Tensor to, long place, long count) {
    Shape shape = Shape.of(count);
    from.device().convert(from.view(start * from.dtype().bytes(), shape), 1, to.view(place * to.dtype().bytes(), shape));
  }

  private static long out(Op op, Tensor w) {
    return w.shape().extent(op == Op.N ? 0 : 1);
  }

  private static long in(Op op, Tensor w) {
    return w.shape().extent(op == Op.N ? 1 : 0);
  }

  private static Op other(Op op) {
    return op == Op.N ? Op.T : Op.N;
  }

  @Override
  public void close() {
    a.close();
    bt.close();
  }
}
