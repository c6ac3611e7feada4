package io.github.tensorseed.whitening;

import io.github.tensorseed.Arguments;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.Arrays;

/// A dense layer that gives white input the data's mean and covariance: its weight is the symmetric root U D^(1/2) U^T of the covariance
/// U D U^T, and its bias the mean.
///
/// - Shape: \[features, features\]; the bias \[features\].
/// - Precision: covariance and decomposition in F64, rounded once; outside the promise of one seed.
///
/// @param data the rows, as [RowFile#open] takes them
/// @param ddof see [Covariance#matrix]
/// @param files where the data is
public record ZcaColoring(String data, int ddof, DataFiles files) implements Initializer {
  public ZcaColoring {
    Arguments.quoted(data);
  }

  @Override
  public ZcaColoring resolve(Shape whole) {
    long features = DataFiles.features(files.shape(data));
    if (!whole.equals(Shape.of(features)) && !whole.equals(Shape.of(features, features))) {
      throw new IllegalArgumentException(this + ": the data has " + features + " features, so the weight is " + Shape.of(features, features)
          + " and the bias " + Shape.of(features) + ", and not " + whole);
    }
    return this;
  }

  @Override
  public boolean byLinearAlgebra() {
    return true;
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    Shape whole = tensor.slice().whole();
    resolve(whole);
    long features = whole.extent(0);
    try (Covariance covariance = files.addTo(Covariance.open(tensor.device(), features, Covariance.Precision.F64), data);
         Tensor made = whole.rank() == 1 ? tensor.device().allocate(DType.F64, whole) : root(covariance, ddof)) {
      if (whole.rank() == 1) {
        made.copyFrom(covariance.mean());
      }
      tensor.copyFrom(made, 0, 1);
    }
  }

  /// The symmetric root of the covariance, [d, d], the caller's to close.
  static Tensor root(Covariance covariance, int ddof) {
    Device device = covariance.device();
    try (Tensor vectors = covariance.matrix(ddof); Tensor values = device.allocate(vectors.dtype(), Shape.of(covariance.features()))) {
      device.linearAlgebra().syevd(vectors, values);
      return Whitening.symmetric(vectors, Arrays.stream(values.toDoubles()).map(value -> Math.sqrt(Math.max(0, value))).toArray());
    }
  }

  @Override
  public String toString() {
    return "zca_coloring(" + Arguments.quoted(data) + ", " + ddof + ")";
  }
}
