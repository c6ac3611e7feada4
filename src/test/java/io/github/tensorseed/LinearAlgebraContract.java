package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.LinearAlgebra.Op;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// What linear algebra on every device has to give: plain loops in double are its oracle.
public abstract class LinearAlgebraContract {
  private final SplittableRandom random = new SplittableRandom(42);
  protected final Device device;
  private final LinearAlgebra algebra;

  protected LinearAlgebraContract(Device device) {
    this.device = device;
    algebra = device.linearAlgebra();
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Tensor tensor(DType dtype, long... extents) {
    Tensor tensor = device.allocate(dtype, Shape.of(extents));
    tensor.copyFrom(random.doubles(tensor.elements(), -1, 1).toArray());
    return tensor;
  }

  private static double at(double[] a, Tensor shape, Op op, int i, int j) {
    int columns = (int) shape.shape().extent(1);
    return op == Op.N ? a[i * columns + j] : a[j * columns + i];
  }

  private static double tolerance(DType dtype) {
    return dtype == DType.F64 ? 1e-14 : 1e-5;
  }

  @Test
  void gemmAndGemv() {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      for (int[] s : new int[][] {{1, 1, 1}, {3, 5, 2}, {7, 1, 4}, {33, 17, 29}, {2, 3, 0}}) {
        for (Op opA : Op.values()) {
          for (Op opB : Op.values()) {
            Tensor a = opA == Op.N ? tensor(dtype, s[0], s[2]) : tensor(dtype, s[2], s[0]);
            Tensor b = opB == Op.N ? tensor(dtype, s[2], s[1]) : tensor(dtype, s[1], s[2]);
            Tensor c = tensor(dtype, s[0], s[1]);
            double[] expected = c.toDoubles();
            double[] va = a.toDoubles();
            double[] vb = b.toDoubles();
            for (int i = 0; i < s[0]; i++) {
              for (int j = 0; j < s[1]; j++) {
                double sum = 0;
                for (int k = 0; k < s[2]; k++) {
                  sum += at(va, a, opA, i, k) * at(vb, b, opB, k, j);
                }
                expected[i * s[1] + j] = 0.5 * sum - 2 * expected[i * s[1] + j];
              }
            }
            algebra.gemm(opA, opB, 0.5, a, b, -2, c);
            assertThat(c.toDoubles()).as(opA + " " + opB + " " + Arrays.toString(s)).containsExactly(expected, within(tolerance(dtype) * 10));
          }
        }
      }
      Tensor a = tensor(dtype, 4, 3);
      double[] va = a.toDoubles();
      for (Op op : Op.values()) {
        Tensor x = tensor(dtype, op == Op.N ? 3 : 4);
        Tensor y = tensor(dtype, op == Op.N ? 4 : 3);
        y.copyFrom(new double[(int) y.elements()]);
        double[] vx = x.toDoubles();
        double[] expected = new double[(int) y.elements()];
        for (int i = 0; i < expected.length; i++) {
          for (int k = 0; k < vx.length; k++) {
            expected[i] += 3 * at(va, a, op, i, k) * vx[k];
          }
        }
        algebra.gemv(op, 3, a, x, 0, y);
        assertThat(y.toDoubles()).containsExactly(expected, within(tolerance(dtype) * 10));
      }
    }
  }

  @Test
  void activations() {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      Tensor x = tensor(dtype, 3, 7001);
      Tensor gradient = tensor(dtype, 3, 7001);
      double[] vx = x.toDoubles();
      double[] vg = gradient.toDoubles();
      Tensor y = device.allocate(dtype, x.shape());
      for (Nonlinearity f : Nonlinearity.values()) {
        device.activate(f, x, y);
        assertThat(y.toDoubles()).as(f + "").containsExactly(rounded(dtype, i -> f.apply(vx[i])));
        gradient.copyFrom(vg);
        device.backward(f, x, gradient);
        assertThat(gradient.toDoubles()).as(f + "").containsExactly(rounded(dtype, i -> vg[i] * f.derivative(vx[i])));
      }
      device.activate(Nonlinearity.TANH, x, x);
      assertThat(x.toDoubles()).as("in place").containsExactly(rounded(dtype, i -> Math.tanh(vx[i])), within(tolerance(dtype)));
    }
    Tensor wide = tensor(DType.F64, 4);
    for (Tensor other : List.of(tensor(DType.F32, 4), tensor(DType.F64, 5), device.allocate(DType.BF16, Shape.of(4)))) {
      assertThatThrownBy(() -> device.activate(Nonlinearity.RELU, wide, other)).isInstanceOf(IllegalArgumentException.class);
      assertThatThrownBy(() -> device.backward(Nonlinearity.RELU, other, wide)).isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static double[] rounded(DType dtype, IntToDoubleFunction values) {
    return IntStream.range(0, 3 * 7001).mapToDouble(values).map(value -> dtype == DType.F32 ? (float) value : value).toArray();
  }

  @Test
  void withABetaOfZeroTheOldContentsDoNotMatter() {
    Tensor a = tensor(DType.F32, 3, 3);
    Tensor c = tensor(DType.F32, 3, 3);
    c.copyFrom(Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN, Double.NaN);
    algebra.gemm(Op.N, Op.N, 1, a, a, 0, c);
    assertThat(c.toDoubles()).doesNotContain(Double.NaN);
  }

  @Test
  void updatesOfOneMatrix() {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      Tensor a = tensor(dtype, 5, 4);
      double[] va = a.toDoubles();
      Tensor x = tensor(dtype, 5);
      Tensor y = tensor(dtype, 4);
      double[] vx = x.toDoubles();
      double[] vy = y.toDoubles();

      Tensor transposed = tensor(dtype, 4, 5);
      algebra.transpose(a, transposed);
      double[] vt = transposed.toDoubles();
      for (Op op : Op.values()) {
        int n = op == Op.N ? 5 : 4;
        Tensor c = tensor(dtype, n, n);
        double[] expected = c.toDoubles();
        for (int i = 0; i < n; i++) {
          for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int k = 0; k < 9 - n; k++) {
              sum += at(va, a, op, i, k) * at(va, a, op, j, k);
            }
            expected[i * n + j] = 2 * sum + expected[i * n + j];
          }
        }
        algebra.syrk(op, 2, a, 1, c);
        assertThat(c.toDoubles()).containsExactly(expected, within(tolerance(dtype) * 10));
        algebra.symmetrize(c);
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < i; j++) {
            expected[j * n + i] = expected[i * n + j];
          }
        }
        assertThat(c.toDoubles()).containsExactly(expected, within(tolerance(dtype) * 10));
      }
      algebra.ger(-1, x, y, a);
      double[] expected = va.clone();
      for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 4; j++) {
          assertThat(vt[j * 5 + i]).isEqualTo(va[i * 4 + j]);
          expected[i * 4 + j] -= vx[i] * vy[j];
        }
      }
      assertThat(a.toDoubles()).containsExactly(expected, within(tolerance(dtype)));
      algebra.dgmm(x, a);
      for (int i = 0; i < 20; i++) {
        expected[i] *= vx[i / 4];
      }
      assertThat(a.toDoubles()).containsExactly(expected, within(tolerance(dtype)));
      Tensor wide = tensor(DType.F64, 5, 4);
      double[] sum = wide.toDoubles();
      double[] added = a.toDoubles();
      algebra.axpy(0.25, a, wide);
      for (int i = 0; i < 20; i++) {
        sum[i] += 0.25 * added[i];
      }
      assertThat(wide.toDoubles()).containsExactly(sum, within(1e-15));
    }
  }

  @Test
  void eigenvalues() {
    // The second difference: eigenvalue k of order n is 2 - 2 cos(pi (k + 1) / (n + 1)).
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      for (int n : new int[] {1, 2, 5, 60}) {
        double[] matrix = new double[n * n];
        for (int i = 0; i < n; i++) {
          matrix[i * n + i] = 2;
          if (i > 0) {
            matrix[i * n + i - 1] = -1;
            matrix[(i - 1) * n + i] = Double.NaN; // nobody looks above the diagonal
          }
        }
        Tensor a = device.allocate(dtype, Shape.of(n, n));
        a.copyFrom(matrix);
        Tensor values = device.allocate(dtype, Shape.of(n));
        algebra.syevd(a, values);
        double[] expected = new double[n];
        for (int k = 0; k < n; k++) {
          expected[k] = 2 - 2 * Math.cos(Math.PI * (k + 1) / (n + 1));
        }
        assertThat(values.toDoubles()).containsExactly(expected, within(tolerance(dtype) * 4));
        double[] v = a.toDoubles();
        // The first eigenvector is sin(pi (j + 1) / (n + 1)) up to its sign and length.
        double length = Math.sqrt((n + 1) / 2.0) * Math.signum(v[0]);
        for (int j = 0; j < n; j++) {
          assertThat(v[j]).isCloseTo(Math.sin(Math.PI * (j + 1) / (n + 1)) / length, within(tolerance(dtype) * 100));
        }
      }
    }
  }

  /// Orders around those at which blocks of reflectors begin, and numbers whose squares are none.
  @Test
  void eigenvectors() {
    for (int n : new int[] {3, 191, 192, 193, 194, 385}) {
      eigenvectors(n, 1);
    }
    eigenvectors(40, 1e-33);
    eigenvectors(40, 1e33);
  }

  private void eigenvectors(int n, double scale) {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      double unit = dtype == DType.F32 ? scale : scale * scale * scale * scale * scale * scale;
      double[] values = tensor(dtype, n, n).toDoubles();
      double[] matrix = new double[n * n];
      for (int i = 0; i < n * n; i++) {
        matrix[i] = unit * (values[i] + values[i % n * n + i / n]);
      }
      Tensor a = device.allocate(dtype, Shape.of(n, n));
      a.copyFrom(matrix);
      Tensor spectrum = device.allocate(dtype, Shape.of(n));
      algebra.syevd(a, spectrum);
      double[] v = a.toDoubles();
      double[] l = spectrum.toDoubles();
      double greatest = Math.max(-l[0], l[n - 1]);
      for (int i = 0; i < n; i++) {
        assertThat(l[i]).isGreaterThanOrEqualTo(l[Math.max(0, i - 1)]);
        for (int j = 0; j < n; j++) {
          double dot = 0;
          double image = 0;
          for (int k = 0; k < n; k++) {
            dot += v[i * n + k] * v[j * n + k];
            image += matrix[j * n + k] * v[i * n + k];
          }
          assertThat(dot).isCloseTo(i == j ? 1 : 0, within(tolerance(dtype) * 4));
          assertThat(image / greatest).isCloseTo(l[i] * v[i * n + j] / greatest, within(tolerance(dtype) * 4));
        }
      }
    }
  }

  @Test
  void eigenvectorsOfWhatIsDiagonal() {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      for (int sign : new int[] {0, 1, -1}) {
        int n = 9;
        Tensor a = device.allocate(dtype, Shape.of(n, n));
        double[] matrix = new double[n * n];
        double[] expected = new double[n];
        for (int i = 0; i < n; i++) {
          matrix[i * n + i] = sign * i;
          expected[sign < 0 ? n - 1 - i : i] = sign * i;
        }
        a.copyFrom(matrix);
        Tensor values = device.allocate(dtype, Shape.of(n));
        algebra.syevd(a, values);
        assertThat(values.toDoubles()).containsExactly(expected, within(1e-30));
        double[] v = a.toDoubles();
        for (int i = 0; i < n; i++) {
          int k = sign < 0 ? n - 1 - i : i;
          assertThat(sign == 0 ? 1 : Math.abs(v[i * n + k])).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void trianglesAreSolved() {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      for (int[] s : new int[][] {{1, 1}, {5, 3}, {3, 5}, {40, 9}}) {
        int n = s[0];
        Tensor a = tensor(dtype, n, n);
        Tensor b = tensor(dtype, n, s[1]);
        double[] lower = a.toDoubles();
        for (int i = 0; i < n; i++) {
          lower[i * n + i] = 4 + i;
          for (int j = i + 1; j < n; j++) {
            lower[i * n + j] = Double.NaN; // is not read
          }
        }
        a.copyFrom(lower);
        double[] expected = b.toDoubles();
        algebra.trsm(a, b);
        double[] x = b.toDoubles();
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < s[1]; j++) {
            double sum = 0;
            for (int k = 0; k <= i; k++) {
              sum += lower[i * n + k] * x[k * s[1] + j];
            }
            assertThat(sum).isCloseTo(expected[i * s[1] + j], within(tolerance(dtype)));
          }
        }
      }
    }
  }

  /// A large orthogonal matrix in panels, against itself in one piece.
  @Test
  void orthogonalPanels() {
    Shape shape = Shape.of(30, 9);
    RandomStream stream = RandomStream.of(1);
    Orthogonal law = new Orthogonal(1, Fans.Layout.OIHW);
    OrthogonalPanels panels = new OrthogonalPanels(law, DType.F64, shape, stream, 10);
    try (OrthogonalPanels.Triangle all = panels.merge(panels.triangles(device, 0, 3)); Tensor made = device.allocate(DType.F64, shape);
         Tensor expected = device.allocate(DType.F64, shape)) {
      panels.fill(made, all);
      law.fill(expected, stream);
      assertThat(made.toDoubles()).containsExactly(expected.toDoubles(), within(1e-14));
    }
  }

  @Test
  void orthonormalRows() {
    for (DType dtype : List.of(DType.F32, DType.F64)) {
      for (int[] s : new int[][] {{1, 1}, {1, 6}, {4, 4}, {5, 9}, {40, 64}}) {
        Tensor a = tensor(dtype, s[0], s[1]);
        double[] before = a.toDoubles();
        algebra.qr(a);
        double[] q = a.toDoubles();
        for (int i = 0; i < s[0]; i++) {
          for (int j = 0; j <= i; j++) {
            double dot = 0;
            double projected = 0;
            for (int k = 0; k < s[1]; k++) {
              dot += q[i * s[1] + k] * q[j * s[1] + k];
              projected += before[j * s[1] + k] * q[i * s[1] + k];
            }
            assertThat(dot).isCloseTo(i == j ? 1 : 0, within(tolerance(dtype)));
            // R is upper triangular, and its diagonal positive.
            if (i == j) {
              assertThat(projected).isPositive();
            } else {
              assertThat(projected).isCloseTo(0, within(tolerance(dtype) * 10));
            }
          }
        }
      }
    }
  }

  @Test
  void whatIsNoNumberIsNoDecomposition() {
    Tensor a = tensor(DType.F32, 6, 6);
    double[] values = a.toDoubles();
    values[7] = Double.NaN;
    a.copyFrom(values);
    Tensor spectrum = device.allocate(DType.F32, Shape.of(6));
    assertThatThrownBy(() -> algebra.syevd(a, spectrum)).isInstanceOf(DeviceException.class).hasMessageContaining("syevd");
    a.copyFrom(values);
    assertThatThrownBy(() -> algebra.qr(a)).isInstanceOf(DeviceException.class).hasMessageContaining("qr");
  }

  @Test
  void aShiftCountsWithAllItsDigits() {
    for (DType dtype : new DType[] {DType.F32, DType.F64}) {
      try (Tensor rows = device.allocate(DType.F32, Shape.of(2, 2)); Tensor shift = device.allocate(DType.F64, Shape.of(2));
           Tensor out = device.allocate(dtype, Shape.of(2, 2)); Tensor sums = device.allocate(DType.F64, Shape.of(2))) {
        rows.copyFrom(0.1, 3, 0.1, 5);
        shift.copyFrom(0.1, 1);
        sums.copyFrom(0, 10);
        device.linearAlgebra().center(rows, shift, out, sums);
        double left = 0.1f - 0.1;
        assertThat(out.toDoubles()).containsExactly(new double[] {left, 2, left, 4}, within(1e-16));
        assertThat(sums.toDoubles()).containsExactly(new double[] {2 * left, 16}, within(1e-15));
      }
    }
  }

  @Test
  void operandsMustGoTogether() {
    Tensor a = tensor(DType.F32, 2, 3);
    Tensor b = tensor(DType.F32, 2, 3);
    Tensor wide = tensor(DType.F64, 3, 3);
    Tensor vector = tensor(DType.F32, 3);
    Tensor half = device.allocate(DType.BF16, Shape.of(3, 3));
    assertThatThrownBy(() -> algebra.gemm(Op.N, Op.N, 1, a, b, 0, a)).isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("inner extents differ");
    assertThatThrownBy(() -> algebra.gemm(Op.T, Op.N, 1, a, b, 0, wide)).hasMessageContaining("all must be F32, or all F64");
    assertThatThrownBy(() -> algebra.gemm(Op.T, Op.N, 1, a, b, 0, half)).hasMessageContaining("all must be F32, or all F64");
    assertThatThrownBy(() -> algebra.gemm(Op.T, Op.N, 1, a, b, 0, a)).hasMessageContaining("must be of shape [3, 3]");
    assertThatThrownBy(() -> algebra.syrk(Op.N, 1, vector, 0, a)).hasMessageContaining("is no matrix");
    assertThatThrownBy(() -> algebra.qr(tensor(DType.F64, 3, 2))).hasMessageContaining("more rows than columns");
    assertThatThrownBy(() -> algebra.axpy(1, wide, tensor(DType.F32, 3, 3))).hasMessageContaining("all must be F32, or all F64");
  }
}
