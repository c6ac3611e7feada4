package io.github.tensorseed;

/// A matrix with orthonormal rows or, where it has more rows than columns, columns, times `gain`; uniform among all such (Haar). The smaller
/// number of vectors is Gaussian, and made orthonormal by [LinearAlgebra#qr].
///
/// - Shape: rank 2 or more, taken as the matrix \[first extent, all others\] in layout OIHW, \[all others, last extent\] in the others.
/// - Precision: computed in F32, for F64 tensors in F64, and rounded once. The last bits depend on the library, the machine and its threads:
///   this law is outside the promise of one seed.
/// - Source: A. Saxe et al., arXiv 1312.6120; the diagonal of R made positive as by F. Mezzadri, arXiv math-ph/0609050.
public record Orthogonal(double gain, Fans.Layout layout) implements Initializer {
  public Orthogonal {
    if (!Double.isFinite(gain)) {
      throw new IllegalArgumentException("orthogonal(gain=" + gain + "): it must be finite");
    }
  }

  @Override
  public Orthogonal resolve(Shape whole) {
    matrix(whole);
    return this;
  }

  @Override
  public void check(DType dtype) {
    dtype.requireHeld(this, "gain", gain);
  }

  @Override
  public boolean comesWhole() {
    return true;
  }

  private Shape matrix(Shape whole) {
    int rank = whole.rank();
    if (rank < 2) {
      throw new IllegalArgumentException(this + " is for tensors of rank 2 or more, and " + whole + " has rank " + rank);
    }
    long one = whole.extent(layout == Fans.Layout.OIHW ? 0 : rank - 1);
    long others = one == 0 ? 0 : whole.elements() / one;
    return layout == Fans.Layout.OIHW ? Shape.of(one, others) : Shape.of(others, one);
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    check(tensor.dtype());
    Shape shape = matrix(tensor.slice().whole());
    if (tensor.elements() == 0) {
      return;
    }
    Device device = tensor.device();
    boolean tall = shape.extent(0) > shape.extent(1);
    DType computing = tensor.dtype() == DType.F64 ? DType.F64 : DType.F32;
    try (Tensor rows = device.allocate(computing, tall ? Shape.of(shape.extent(1), shape.extent(0)) : shape)) {
      device.fill(rows, new Distribution.Normal(0, 1), stream);
      LinearAlgebra algebra = device.linearAlgebra();
      algebra.qr(rows);
      if (tall) {
        try (Tensor columns = device.allocate(computing, shape)) {
          algebra.transpose(rows, columns);
          write(columns, tensor);
        }
      } else {
        write(rows, tensor);
      }
    }
  }

  private void write(Tensor matrix, Tensor tensor) {
    Device device = tensor.device();
    tensor.slice().forEachRun(run -> {
      Shape shape = Shape.of(run.count());
      device.convert(device.view(matrix, run.start() * matrix.dtype().bytes(), shape), gain,
          device.view(tensor, run.position() * tensor.dtype().bytes(), shape));
    });
  }

  @Override
  public String toString() {
    return "orthogonal(" + Numbers.text(gain) + ", " + layout + ")";
  }
}
