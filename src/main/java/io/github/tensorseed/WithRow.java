package io.github.tensorseed;

/// Another initializer with one row overwritten by a constant, as the padding row of an embedding is by zeros.
///
/// - Shape: rank 1 or more; row `row` is what has index `row` along axis 0.
/// - Precision: the value is rounded to the dtype once.
///
/// @param initializer fills the rest
/// @param row index along axis 0
/// @param value what the row gets
public record WithRow(Initializer initializer, long row, double value) implements Initializer {

  public WithRow {
    if (row < 0) {
      throw new IllegalArgumentException("row(" + row + "): a row's index must not be negative");
    }
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException("row(" + row + ") = " + value + ": the value must be finite");
    }
  }

  @Override
  public WithRow resolve(Shape whole) {
    check(whole);
    return new WithRow(initializer.resolve(whole), row, value);
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    check(tensor);
    initializer.fill(tensor, stream);
    overwrite(tensor);
  }

  @Override
  public void fill(Tensor tensor, RandomStream seed, String name) {
    check(tensor);
    initializer.fill(tensor, seed, name);
    overwrite(tensor);
  }

  private void check(Tensor tensor) {
    check(tensor.slice().whole());
    check(tensor.dtype());
  }

  private void overwrite(Tensor tensor) {
    Slice slice = tensor.slice();
    long inside = row - slice.offset(0);
    if (slice.elements() > 0 && inside >= 0 && inside < slice.shape().extent(0)) {
      long elements = slice.elements() / slice.shape().extent(0);
      try (HostWriter out = new HostWriter(tensor, inside * elements)) {
        out.put(value, elements);
      }
    }
  }

  @Override
  public void check(DType dtype) {
    dtype.requireHeld(this, "the row's value", value);
    initializer.check(dtype);
  }

  @Override
  public boolean byLinearAlgebra() {
    return initializer.byLinearAlgebra();
  }

  private void check(Shape whole) {
    if (whole.rank() == 0 || row >= whole.extent(0)) {
      throw new IllegalArgumentException("row(" + row + "): a tensor of shape " + whole + " has "
          + (whole.rank() == 0 ? "no rows" : "rows 0 to " + (whole.extent(0) - 1)));
    }
  }

  /// As in `normal(0, 0.02) with row(0) = 0`.
  @Override
  public String toString() {
    return initializer + " with row(" + row + ") = " + Numbers.text(value);
  }
}
