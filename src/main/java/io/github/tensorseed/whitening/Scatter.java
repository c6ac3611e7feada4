package io.github.tensorseed.whitening;

import io.github.tensorseed.Device;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.whitening.Covariance.Precision;

/// How rows that come in batches scatter around their mean, from either side of one eigenproblem: X^T X of the features, or X X^T of the
/// rows.
///
/// X, the centered rows, has the eigenvalues of X X^T for those of X^T X that are not 0, and V^T X / sqrt(l) for its eigenvectors.
public sealed interface Scatter extends AutoCloseable permits Covariance, Gram {
  /// Of which matrix the eigenvectors are computed.
  enum Side {
    /// Of the smaller one: [#GRAM] if there are fewer rows than features.
    AUTO,
    /// X^T X, features by features, summed up from any number of rows.
    COVARIANCE,
    /// X X^T, rows by rows; all rows are kept on the device.
    GRAM
  }

  /// What eigenvalues of few rows, which spread too far, are drawn to.
  enum Shrinkage {
    NONE,
    /// (1 - a) C + a mu I, mu the mean eigenvalue and a estimated from the rows: scikit-learn's LedoitWolf.
    ///
    /// - Source: O. Ledoit, M. Wolf, Journal of Multivariate Analysis 88(2), 2004, doi:10.1016/S0047-259X(03)00096-4.
    LEDOIT_WOLF
  }

  /// Of no rows yet.
  ///
  /// @param rows how many will be added; if they turn out to be more, the Gram side has no room for them
  /// @throws IllegalArgumentException if neither side can be, or not the one asked for, with the remedy
  static Scatter open(Device device, long rows, long features, Precision precision, Shrinkage shrinkage, Side side) {
    boolean gram = side == Side.GRAM || side == Side.AUTO && rows < features;
    long order = gram ? rows : features;
    if (order > LinearAlgebra.MAX_ORDER) {
      throw new IllegalArgumentException((gram ? "rows = " : "features = ") + order + ": an eigenproblem has an order of at most "
          + LinearAlgebra.MAX_ORDER + " in LAPACK; " + (Math.min(rows, features) <= LinearAlgebra.MAX_ORDER
          ? "take the " + (gram ? "covariance" : "Gram") + " side" : "take at most as many rows, for the Gram side, or fewer features"));
    }
    return gram ? Gram.open(device, rows, features, precision, shrinkage) : Covariance.open(device, features, precision, shrinkage);
  }

  Device device();

  /// The side that this is of.
  Side side();

  Precision precision();

  long features();

  /// How many rows there were.
  long rows();

  /// Adds the rows of a matrix on the device, which stays as it is.
  ///
  /// @throws IllegalArgumentException if a value is not finite, with its row, counted over all batches; nothing has been added then
  void add(Tensor batch);

  /// The mean of all rows.
  ///
  /// @throws IllegalStateException if there were none
  double[] mean();

  @Override
  void close();
}
