package io.github.tensorseed.whitening;

import io.github.tensorseed.Arguments;
import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.Initializer;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;

/// An embedding for a larger vocabulary: the rows of the old one as they are, then rows drawn from N(mean, scale * covariance) of these.
///
/// - Shape: \[rows, features\], of at least as many rows as the data.
/// - Precision: Gaussian values of F32, for F64 tensors of F64, at the rows' own place; the rest in F64, rounded once; outside the promise
///   of one seed.
/// - Source: J. Hewitt, Initializing New Word Embeddings for Pretrained Language Models, 2021, with scale 1 and the covariance divided by
///   the number of rows; transformers' `resize_token_embeddings` has a scale of 1e-9.
///
/// @param data the old rows, as [RowFile#open] takes them
/// @param files where the data is
public record MeanCovResize(String data, double scale, DataFiles files) implements Initializer {
  /// Rows that are drawn at once.
  private static final long BLOCK = 4096;

  public MeanCovResize {
    Arguments.quoted(data);
    if (!(scale >= 0 && scale < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("mean_cov_resize(scale=" + scale + "): it must be finite and not negative");
    }
  }

  @Override
  public MeanCovResize resolve(Shape whole) {
    Shape old = files.shape(data);
    if (whole.rank() != 2 || DataFiles.features(old) != whole.extent(1)) {
      throw new IllegalArgumentException(this + ": the data has rows of " + DataFiles.features(old) + " features, and not those of "
          + whole);
    }
    if (whole.extent(0) < old.extent(0)) {
      throw new IllegalArgumentException(this + ": the data has " + old.extent(0) + " rows, and a tensor of " + whole
          + " has no room for them");
    }
    return this;
  }

  @Override
  public boolean byLinearAlgebra() {
    return true;
  }

  @Override
  public void fill(Tensor tensor, RandomStream stream) {
    resolve(tensor.slice().whole());
    Device device = tensor.device();
    long features = tensor.slice().whole().extent(1);
    try (Covariance covariance = Covariance.open(device, features, Covariance.Precision.F64)) {
      files.forEachBatch(data, device, Long.MAX_VALUE, batch -> {
        tensor.copyFrom(batch, covariance.rows() * features, 1);
        covariance.add(batch);
      });
      if (covariance.rows() < tensor.slice().whole().extent(0)) {
        draw(tensor, covariance, stream);
      }
    }
  }

  private void draw(Tensor tensor, Covariance covariance, RandomStream stream) {
    Device device = tensor.device();
    LinearAlgebra algebra = device.linearAlgebra();
    Shape whole = tensor.slice().whole();
    long features = whole.extent(1);
    DType drawn = tensor.dtype() == DType.F64 ? DType.F64 : DType.F32;
    try (Tensor root = ZcaColoring.root(covariance, 0); Tensor mean = device.allocate(DType.F64, Shape.of(features))) {
      mean.copyFrom(covariance.mean());
      for (long row = covariance.rows(); row < whole.extent(0); row += BLOCK) {
        Slice block = Slice.of(whole).along(0, row, Math.min(BLOCK, whole.extent(0) - row));
        try (Tensor gaussian = device.allocate(drawn, block); Tensor wide = device.allocate(DType.F64, block.shape());
             Tensor ones = device.full(DType.F64, Shape.of(block.shape().extent(0)), 1);
             Tensor rows = device.full(DType.F64, block.shape(), 0)) {
          device.fill(gaussian, new Distribution.Normal(0, 1), stream);
          device.convert(gaussian, 1, wide);
          algebra.ger(1, ones, mean, rows);
          algebra.gemm(Op.N, Op.N, Math.sqrt(scale), wide, root, 1, rows);
          tensor.copyFrom(rows, row * features, 1);
        }
      }
    }
  }

  @Override
  public String toString() {
    return "mean_cov_resize(" + Arguments.quoted(data) + ", " + scale + ")";
  }
}
