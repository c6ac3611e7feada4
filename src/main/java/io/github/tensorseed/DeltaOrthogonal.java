package io.github.tensorseed;

/// A convolution that keeps lengths: at the centre of its kernel an orthogonal map from inputs to outputs, uniform among all such (Haar),
/// times `gain`, and zero elsewhere.
///
/// - Shape: rank 3 to 5, a convolution's in `layout`, with at most as many inputs as outputs. The centre is position (k - 1) / 2, rounded
///   down, along each axis of the kernel.
/// - Precision: as [Orthogonal]; outside the promise of one seed.
/// - Source: L. Xiao et al., arXiv 1806.05393.
public record DeltaOrthogonal(double gain, Fans.Layout layout) implements Initializer {
  public DeltaOrthogonal {
    Numbers.requireFinite("delta_orthogonal", "gain", gain);
  }

  @Override
  public DeltaOrthogonal resolve(Shape whole) {
    weight(whole);
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

  private Weight weight(Shape whole) {
    Weight weight = Weight.of(this, whole, layout);
    if (whole.rank() == 2) {
      throw new IllegalArgumentException(this + " is for convolutions, of rank 3 to 5, and " + whole + " has rank 2; use orthogonal");
    }
    if (weight.in() > weight.out()) {
      throw new IllegalArgumentException(this + ": " + whole + " has " + weight.in() + " inputs and " + weight.out()
          + " outputs, and lengths can be kept only by as many outputs as inputs or more");
    }
    return weight;
  }

  /// Position of the kernel where the map is, in row-major order.
  private static long centre(Shape whole, Weight weight) {
    long centre = 0;
    for (int axis = 0; axis < whole.rank() - 2; axis++) {
      long extent = whole.extent(weight.outFirst() ? axis + 2 : axis);
      centre = centre * extent + (extent - 1) / 2;
    }
    return centre;
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    check(tensor.dtype());
    Shape whole = tensor.slice().whole();
    Weight weight = weight(whole);
    if (tensor.elements() == 0) {
      return;
    }
    Device device = tensor.device();
    LinearAlgebra algebra = device.linearAlgebra();
    Shape one = Shape.of(weight.kernel());
    Shape map = Shape.of(weight.in() * weight.out());
    try (Tensor rows = Orthogonal.rows(device, tensor.dtype(), Shape.of(weight.in(), weight.out()), stream);
         Tensor position = device.allocate(DType.F64, one);
         Tensor all = device.full(DType.F64, whole, 0)) {
      double[] delta = new double[Math.toIntExact(weight.kernel())];
      delta[(int) centre(whole, weight)] = 1;
      position.copyFrom(delta);
      if (weight.outFirst()) {
        try (Tensor columns = device.allocate(DType.F64, Shape.of(weight.out(), weight.in()))) {
          algebra.transpose(rows, columns);
          algebra.ger(1, columns.view(0, map), position, all.view(0, Shape.of(map.elements(), weight.kernel())));
        }
      } else {
        algebra.ger(1, position, rows.view(0, map), all.view(0, Shape.of(weight.kernel(), map.elements())));
      }
      tensor.copyFrom(all, 0, gain);
    }
  }

  @Override
  public String toString() {
    return "delta_orthogonal(" + Numbers.text(gain) + ", " + layout + ")";
  }
}
