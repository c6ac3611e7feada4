package io.github.tensorseed;

/// A matrix with orthonormal rows or, where it has more rows than columns, columns, times `gain`; uniform among all such (Haar). The
/// smaller number of vectors is Gaussian, and made orthonormal by [LinearAlgebra#qr].
///
/// - Shape: rank 2 or more, taken as the matrix \[first extent, all others\] in layout OIHW, \[all others, last extent\] in the others.
/// - Precision: Gaussian values of F32, for F64 tensors of F64; the rest in F64, rounded once. The last bits depend on the library, the
///   machine and its threads, within 1e-5 of the largest value: this law is outside the promise of one seed.
/// - Memory: the matrix in F64, twice if it has more rows than columns, and in F32. A long one of 32 Mi elements or more takes two panels and
///   a few triangles instead, see [OrthogonalPanels].
/// - Source: A. Saxe et al., arXiv 1312.6120; the diagonal of R made positive as by F. Mezzadri, arXiv math-ph/0609050.
public record Orthogonal(double gain, Fans.Layout layout) implements Initializer {
  public Orthogonal {
    Numbers.requireFinite("orthogonal", "gain", gain);
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
  public boolean byLinearAlgebra() {
    return true;
  }

  /// The matrix that a tensor is taken as.
  Shape matrix(Shape whole) {
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
    OrthogonalPanels panels = new OrthogonalPanels(this, tensor.dtype(), tensor.slice().whole(), stream);
    if (panels.count() > 1) {
      try (OrthogonalPanels.Triangle all = panels.triangle(device)) {
        panels.fill(tensor, all);
      }
      return;
    }
    boolean tall = shape.extent(0) > shape.extent(1);
    try (Tensor rows = rows(device, tensor.dtype(), tall ? Shape.of(shape.extent(1), shape.extent(0)) : shape, stream)) {
      if (tall) {
        try (Tensor columns = device.allocate(DType.F64, shape)) {
          device.linearAlgebra().transpose(rows, columns);
          tensor.copyFrom(columns, 0, gain);
        }
      } else {
        tensor.copyFrom(rows, 0, gain);
      }
    }
  }

  /// Orthonormal rows, uniform among all such, in F64. Square ones of 2048 came out 6e-5 apart on two kinds of processors when they were
  /// computed in F32, and 3e-14 in F64.
  ///
  /// @param dtype what they are for: the Gaussian rows that they are made of are drawn as such a tensor's values are
  /// @param shape of at most as many rows as columns
  /// @return the caller's to close
  static Tensor rows(Device device, DType dtype, Shape shape, RandomStream stream) {
    Tensor rows = gaussian(device, dtype, Slice.of(shape), stream);
    try {
      device.linearAlgebra().qr(rows);
      return rows;
    } catch (RuntimeException e) {
      rows.close();
      throw e;
    }
  }

  /// A slice of the Gaussian rows that an orthogonal matrix for a tensor of `dtype` is made of, in F64.
  ///
  /// @return the caller's to close
  static Tensor gaussian(Device device, DType dtype, Slice slice, RandomStream stream) {
    Tensor rows = device.allocate(DType.F64, slice);
    try {
      Distribution gaussian = new Distribution.Normal(0, 1);
      if (dtype == DType.F64) {
        device.fill(rows, gaussian, stream);
      } else {
        try (Tensor drawn = device.allocate(DType.F32, slice)) {
          device.fill(drawn, gaussian, stream);
          device.convert(drawn, 1, rows);
        }
      }
      return rows;
    } catch (RuntimeException e) {
      rows.close();
      throw e;
    }
  }

  @Override
  public String toString() {
    return "orthogonal(" + Numbers.text(gain) + ", " + layout + ")";
  }
}
