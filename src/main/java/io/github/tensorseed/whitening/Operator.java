package io.github.tensorseed.whitening;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A whitening and its inverse for rows of one dtype, with everything that they need from call to call.
final class Operator implements AutoCloseable {
  /// How many rows go at a time: as many as keep the matrices busy, and their differences from the mean small.
  private static final long MOST_ROWS = 1 << 13;
  private static final long MOST_NUMBERS = 1 << 24;

  final DType dtype;
  private final Whitening whitening;
  private final Device device;
  private final LinearAlgebra algebra;
  private final long features;
  private final long components;
  private final long block;
  private final List<Tensor> tensors = new ArrayList<>();
  /// The matrix or the vectors.
  private final Tensor matrix;
  private @Nullable Tensor inverse;
  private final Tensor shift;
  private final Tensor origin;
  private final Tensor ignored;
  private final Tensor mean;
  private final Tensor ones;
  /// Rows less the mean, or their components, by columns.
  private final Tensor scratch;
  /// Of the components, in what `apply` and `restore` do.
  private final Tensor factors;
  private final Tensor inverseFactors;

  Operator(Whitening whitening, DType dtype) {
    this.whitening = whitening;
    this.dtype = dtype;
    device = whitening.form().matrix().device();
    algebra = device.linearAlgebra();
    double[] means = whitening.mean();
    features = means.length;
    components = whitening.form().matrix().shape().extent(0);
    block = Math.max(1, Math.min(MOST_ROWS, MOST_NUMBERS / features));
    matrix = converted(whitening.form().matrix());
    shift = vector(DType.F64, means);
    origin = vector(DType.F64, new double[means.length]);
    ignored = vector(DType.F64, new double[means.length]);
    mean = vector(dtype, means);
    ones = device.full(dtype, Shape.of(block), 1);
    tensors.add(ones);
    boolean implicit = whitening.form() instanceof Whitening.Implicit;
    scratch = allocate(block * (implicit ? components : features));
    double other = other();
    factors = vector(dtype, Arrays.stream(whitening.weights()).map(weight -> weight - other).toArray());
    inverseFactors = vector(dtype, Arrays.stream(whitening.weights())
        .map(weight -> implicit ? 1 / weight - inverse(other) : 1 / (weight * weight)).toArray());
  }

  private static double inverse(double weight) {
    return weight == 0 ? 0 : 1 / weight;
  }

  /// The weight of all that the vectors of an implicit operator do not span.
  private double other() {
    return whitening.form() instanceof Whitening.Implicit(_, double other) ? other : 0;
  }

  private Tensor allocate(long... extents) {
    Tensor tensor = device.allocate(dtype, Shape.of(extents));
    tensors.add(tensor);
    return tensor;
  }

  private Tensor vector(DType type, double[] values) {
    Tensor tensor = device.allocate(type, Shape.of(values.length));
    tensors.add(tensor);
    tensor.copyFrom(values);
    return tensor;
  }

  private Tensor converted(Tensor tensor) {
    if (tensor.dtype() == dtype) {
      return tensor;
    }
    Tensor converted = allocate(tensor.shape().extents());
    device.convert(tensor, 1, converted);
    return converted;
  }

  private long width() {
    return whitening.form() instanceof Whitening.Components ? components : features;
  }

  private interface Rows {
    void take(Tensor from, Tensor to);
  }

  /// Goes through rows of `from` and of `to` a block at a time.
  private void inBlocks(Tensor from, long fromWidth, Tensor to, long toWidth, Rows rows) {
    long n = require(from, fromWidth, -1);
    require(to, toWidth, n);
    for (long at = 0; at < n; at += block) {
      long count = Math.min(block, n - at);
      rows.take(from.view(at * fromWidth * dtype.bytes(), Shape.of(count, fromWidth)),
          to.view(at * toWidth * dtype.bytes(), Shape.of(count, toWidth)));
    }
  }

  /// @param rows how many there must be; -1 if it does not matter
  private long require(Tensor tensor, long width, long rows) {
    if (tensor.dtype() != dtype || tensor.shape().rank() != 2 || tensor.shape().extent(1) != width
        || rows >= 0 && tensor.shape().extent(0) != rows) {
      throw new IllegalArgumentException(tensor + ": " + (rows < 0 ? "" : rows + " ") + "rows of " + width + " numbers in " + dtype
          + " are wanted");
    }
    return tensor.shape().extent(0);
  }

  void apply(Tensor rows, Tensor white) {
    inBlocks(rows, features, white, width(), (from, to) -> {
      if (whitening.form() instanceof Whitening.Implicit) {
        algebra.center(from, shift, to, ignored);
        throughAxes(to, factors, other());
      } else {
        Tensor differences = scratch.view(0, from.shape());
        algebra.center(from, shift, differences, ignored);
        algebra.gemm(Op.N, Op.T, 1, differences, matrix, 0, to);
      }
    });
  }

  /// `rows = rows (other I + U^T diag(factors) U)`.
  private void throughAxes(Tensor rows, Tensor diagonal, double other) {
    Tensor along = scratch.view(0, Shape.of(components, rows.shape().extent(0)));
    if (components > 0) {
      algebra.gemm(Op.N, Op.T, 1, matrix, rows, 0, along);
      algebra.dgmm(diagonal, along);
    }
    algebra.gemm(Op.T, Op.N, 1, along, matrix, other, rows);
  }

  void restore(Tensor white, Tensor rows) {
    inBlocks(white, width(), rows, features, (from, to) -> {
      color(from, to);
      algebra.ger(1, ones.view(0, Shape.of(to.shape().extent(0))), mean, to);
    });
  }

  private void color(Tensor white, Tensor rows) {
    switch (whitening.form()) {
      case Whitening.Dense _ -> algebra.gemm(Op.N, Op.T, 1, white, inverse(), 0, rows);
      case Whitening.Components _ -> {
        Tensor along = scratch.view(0, Shape.of(components, white.shape().extent(0)));
        algebra.transpose(white, along);
        algebra.dgmm(inverseFactors, along);
        algebra.gemm(Op.T, Op.N, 1, along, matrix, 0, rows);
      }
      case Whitening.Implicit _ -> {
        algebra.center(white, origin, rows, ignored);
        throughAxes(rows, inverseFactors, inverse(other()));
      }
    }
  }

  /// Of a dense matrix, computed when it is first asked for.
  private Tensor inverse() {
    if (inverse == null) {
      Tensor made = whitening.inverse();
      if (made.dtype() == dtype) {
        tensors.add(made);
        inverse = made;
      } else {
        try (made) {
          inverse = converted(made);
        }
      }
    }
    return inverse;
  }

  @Override
  public void close() {
    tensors.forEach(Tensor::close);
  }
}
