package io.github.tensorseed.whitening;

import io.github.tensorseed.Arguments;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Fans;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Whitening.Kind;
import io.github.tensorseed.whitening.Whitening.Options;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// A dense layer that whitens its input: its weight is W of a [Whitening] of the data, and its bias -W mean.
///
/// - Shape: \[out, features\] in layout OIHW, \[features, out\] in the others; the bias \[out\]. With as many outputs as features it is the
///   ZCA matrix, with fewer the leading components of PCA.
/// - Precision: covariance and decomposition in F64, rounded once; outside the promise of one seed.
/// - Source: as [Whitening].
///
/// @param data the rows, as [RowFile#open] takes them
/// @param ddof see [Covariance#matrix]
/// @param kind null for ZCA where it can be, else PCA
/// @param files where the data is
public record Zca(String data, Epsilon epsilon, @Nullable Kind kind, int ddof, Fans.Layout layout, DataFiles files) implements Initializer {
  public Zca {
    Arguments.quoted(data);
    if (epsilon instanceof Epsilon.SingularValue || epsilon instanceof Epsilon.Relative && !epsilon.equals(Epsilon.standard())) {
      throw new IllegalArgumentException("zca: the epsilon " + epsilon + " has no text form; give an absolute one, or the standard");
    }
  }

  @Override
  public Zca resolve(Shape whole) {
    kind(whole);
    return this;
  }

  @Override
  public boolean byLinearAlgebra() {
    return true;
  }

  private long outputs(Shape whole) {
    return whole.extent(whole.rank() == 1 || layout == Fans.Layout.OIHW ? 0 : 1);
  }

  private Kind kind(Shape whole) {
    if (whole.rank() != 1 && whole.rank() != 2) {
      throw new IllegalArgumentException(this + " is for a dense layer's weight, of rank 2, or its bias, of rank 1, and not for " + whole);
    }
    long features = DataFiles.features(files.shape(data));
    long out = outputs(whole);
    if (whole.rank() == 2 && whole.elements() / Math.max(1, out) != features) {
      throw new IllegalArgumentException(this + ": the data has " + features + " features, and " + whole + " in layout " + layout
          + " takes " + (out == 0 ? 0 : whole.elements() / out));
    }
    if (out < 1 || out > features || kind == Kind.ZCA && out < features) {
      throw new IllegalArgumentException(this + ": " + out + " outputs of " + features + " features; there are 1 to " + features
          + " components, and ZCA has all of them");
    }
    return kind != null ? kind : out == features ? Kind.ZCA : Kind.PCA;
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    Shape whole = tensor.slice().whole();
    Kind which = kind(whole);
    int out = Math.toIntExact(outputs(whole));
    Device device = tensor.device();
    LinearAlgebra algebra = device.linearAlgebra();
    Shape array = files.shape(data);
    // The components of few rows are had without a matrix of all features. Products in F64: their roundings would be larger than the bound.
    Scatter.Side side = which == Kind.ZCA ? Scatter.Side.COVARIANCE : Scatter.Side.AUTO;
    try (Scatter scatter = files.addTo(Scatter.open(device, array.extent(0), DataFiles.features(array), Covariance.Precision.F64,
             Scatter.Shrinkage.NONE, side), data);
         Whitening whitening = Whitening.fit(scatter, Options.of(which).with(epsilon).with(new Rank.Count(out)).withDdof(ddof))) {
      Tensor matrix = whitening.matrix();
      if (matrix.shape().extent(0) < out) {
        throw new IllegalArgumentException(this + ": only " + whitening.rank() + " directions of the data have any variance, and " + out
            + " are wanted; take fewer outputs, or an epsilon");
      }
      Shape result = whole.rank() == 1 ? whole : Shape.of(matrix.shape().extent(1), out);
      if (whole.rank() == 2 && layout == Fans.Layout.OIHW) {
        tensor.copyFrom(matrix, 0, 1);
        return;
      }
      try (Tensor made = device.allocate(DType.F64, result); Tensor mean = device.allocate(DType.F64, Shape.of(matrix.shape().extent(1)))) {
        if (whole.rank() == 1) {
          mean.copyFrom(whitening.mean());
          algebra.gemv(LinearAlgebra.Op.N, -1, matrix, mean, 0, made);
        } else {
          algebra.transpose(matrix, made);
        }
        tensor.copyFrom(made, 0, 1);
      }
    }
  }

  @Override
  public String toString() {
    String eps = epsilon instanceof Epsilon.Absolute(double value) ? Double.toString(value) : "auto";
    String which = kind == null ? "auto" : kind.name().toLowerCase(Locale.ROOT);
    return "zca(" + Arguments.quoted(data) + ", " + eps + ", " + which + ", " + ddof + ", " + layout + ")";
  }
}
