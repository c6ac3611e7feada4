package io.github.tensorseed.whitening;

import Jama.EigenvalueDecomposition;
import Jama.Matrix;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;

/// Rows and what plain loops in double make of them: the oracle of covariance and whitening.
final class Reference {
  private final int n;
  private final int d;
  private final double[] x;

  /// @param n rows
  /// @param d features
  /// @param x the values, row by row
  Reference(int n, int d, double[] x) {
    this.n = n;
    this.d = d;
    this.x = x;
  }

  int n() {
    return n;
  }

  int d() {
    return d;
  }

  double[] x() {
    return x;
  }

  /// Normal rows around `mean`, whose covariance has eigenvalues from 1 down to 1 / condition in equal steps of their logarithm, along axes
  /// that are no feature's; every value is one of F32.
  static Reference rows(int n, int d, double condition, double mean) {
    SplittableRandom random = new SplittableRandom(11);
    double[][] axes = new double[d][d];
    for (int i = 0; i < d; i++) {
      for (int j = 0; j < d; j++) {
        axes[i][j] = random.nextGaussian();
      }
      for (int k = 0; k < i; k++) {
        double along = dot(axes[i], axes[k]);
        for (int j = 0; j < d; j++) {
          axes[i][j] -= along * axes[k][j];
        }
      }
      double length = Math.sqrt(dot(axes[i], axes[i]));
      for (int j = 0; j < d; j++) {
        axes[i][j] /= length;
      }
    }
    double[] x = new double[n * d];
    for (int i = 0; i < n; i++) {
      for (int k = 0; k < d; k++) {
        double score = random.nextGaussian() * Math.pow(condition, d == 1 ? 0 : -0.5 * k / (d - 1));
        for (int j = 0; j < d; j++) {
          x[i * d + j] += score * axes[k][j];
        }
      }
    }
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) (x[i] + mean);
    }
    return new Reference(n, d, x);
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  double[] mean() {
    double[] mean = new double[d];
    for (int i = 0; i < x.length; i++) {
      mean[i % d] += x[i] / n;
    }
    return mean;
  }

  double[] covariance(int ddof) {
    double[] mean = mean();
    double[] covariance = new double[d * d];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < d; j++) {
        for (int k = 0; k < d; k++) {
          covariance[j * d + k] += (x[i * d + j] - mean[j]) * (x[i * d + k] - mean[k]) / (n - ddof);
        }
      }
    }
    return covariance;
  }

  /// Ledoit and Wolf's intensity, as their article and scikit-learn's `ledoit_wolf_shrinkage` have it: b^2 / d^2 of the sample covariance S
  /// of the rows (ddof 0), d^2 = |S - m I|^2 with m = tr(S) / p, b^2 = min(d^2, sum of |x_k x_k^T - S|^2 / n^2).
  double ledoitWolf() {
    double[] s = covariance(0);
    double[] mean = mean();
    double m = 0;
    for (int i = 0; i < d; i++) {
      m += s[i * d + i] / d;
    }
    double spread = 0;
    for (int i = 0; i < d * d; i++) {
      double value = s[i] - (i / d == i % d ? m : 0);
      spread += value * value;
    }
    double error = 0;
    for (int k = 0; k < n; k++) {
      for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
          double value = (x[k * d + i] - mean[i]) * (x[k * d + j] - mean[j]) - s[i * d + j];
          error += value * value / n / n;
        }
      }
    }
    return Math.min(error, spread) / spread;
  }

  /// Eigenvalues, falling, and eigenvectors as rows.
  static final class Eigen {
    private final double[] values;
    private final double[][] vectors;

    private Eigen(double[] values, double[][] vectors) {
      this.values = values;
      this.vectors = vectors;
    }

    double[] values() {
      return values;
    }

    double[] vector(int k) {
      return vectors[k];
    }

    /// By Jacobi's rotations, until nothing is left beside the diagonal.
    static Eigen of(double[] symmetric, int d) {
      double[][] a = new double[d][d];
      double[][] v = new double[d][d];
      for (int i = 0; i < d; i++) {
        v[i][i] = 1;
        System.arraycopy(symmetric, i * d, a[i], 0, d);
      }
      for (int sweep = 0; sweep < 30; sweep++) {
        for (int p = 0; p < d; p++) {
          for (int q = p + 1; q < d; q++) {
            if (a[p][q] != 0) {
              rotate(a, v, p, q);
            }
          }
        }
      }
      Integer[] order = new Integer[d];
      for (int i = 0; i < d; i++) {
        order[i] = i;
      }
      Arrays.sort(order, (i, j) -> Double.compare(a[j][j], a[i][i]));
      double[] values = new double[d];
      double[][] vectors = new double[d][];
      for (int i = 0; i < d; i++) {
        values[i] = a[order[i]][order[i]];
        vectors[i] = v[order[i]];
      }
      return new Eigen(values, vectors);
    }

    /// Of many features, by JAMA: Householder's reduction to tridiagonal form and QL iterations, as EISPACK has them.
    ///
    /// @param lower whose numbers below the diagonal and on it are used
    static Eigen of(double[][] lower) {
      int d = lower.length;
      Matrix symmetric = new Matrix(d, d);
      for (int i = 0; i < d; i++) {
        for (int j = 0; j < d; j++) {
          symmetric.set(i, j, lower[Math.max(i, j)][Math.min(i, j)]); // exactly so, or JAMA takes it for an unsymmetric one
        }
      }
      EigenvalueDecomposition eigen = new EigenvalueDecomposition(symmetric);
      double[][] columns = eigen.getV().getArray();
      double[] values = new double[d];
      double[][] vectors = new double[d][d];
      for (int k = 0; k < d; k++) {
        values[k] = eigen.getRealEigenvalues()[d - 1 - k];
        for (int i = 0; i < d; i++) {
          vectors[k][i] = columns[i][d - 1 - k];
        }
      }
      return new Eigen(values, vectors);
    }

    private static void rotate(double[][] a, double[][] v, int p, int q) {
      double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
      double t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
      double c = 1 / Math.sqrt(t * t + 1);
      double s = t * c;
      for (int k = 0; k < a.length; k++) {
        double kp = a[k][p];
        a[k][p] = c * kp - s * a[k][q];
        a[k][q] = s * kp + c * a[k][q];
      }
      for (int k = 0; k < a.length; k++) {
        double pk = a[p][k];
        a[p][k] = c * pk - s * a[q][k];
        a[q][k] = s * pk + c * a[q][k];
        double vp = v[p][k];
        v[p][k] = c * vp - s * v[q][k];
        v[q][k] = s * vp + c * v[q][k];
      }
      a[p][q] = 0;
      a[q][p] = 0;
    }

    /// U diag(f) U^T.
    double[] matrix(DoubleUnaryOperator f) {
      int d = values.length;
      double[] factors = Arrays.stream(values).map(f).toArray();
      double[] matrix = new double[d * d];
      for (int i = 0; i < d; i++) {
        for (int k = 0; k < d; k++) {
          double factor = vectors[k][i] * factors[k];
          for (int j = 0; j < d; j++) {
            matrix[i * d + j] += factor * vectors[k][j];
          }
        }
      }
      return matrix;
    }
  }

  /// The product of matrices, row by row, of which the first has so many rows.
  static double[] product(double[] a, int rows, double[] b) {
    int inner = a.length / rows;
    int columns = b.length / inner;
    double[] c = new double[rows * columns];
    for (int i = 0; i < rows; i++) {
      for (int k = 0; k < inner; k++) {
        for (int j = 0; j < columns; j++) {
          c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
        }
      }
    }
    return c;
  }

  static double[] transposed(double[] a, int rows) {
    int columns = a.length / rows;
    double[] t = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      t[i % columns * rows + i / columns] = a[i];
    }
    return t;
  }

  /// The greatest difference next to the greatest value.
  static double error(double[] a, double[] expected) {
    double greatest = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      greatest = Math.max(greatest, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs(a[i] - expected[i]));
      if (Double.isNaN(a[i])) {
        return Double.NaN;
      }
    }
    return a.length == expected.length ? difference / greatest : Double.NaN;
  }
}
