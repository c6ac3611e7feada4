package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.cpu.CpuDevice;
import java.util.Arrays;
import org.apache.commons.statistics.distribution.NormalDistribution;
import org.apache.commons.statistics.inference.KolmogorovSmirnovTest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class OrthogonalTest {
  private final Device device = CpuDevice.open(2);

  @AfterEach
  void close() {
    device.close();
  }

  private double[] values(Initializer law, DType dtype, Slice slice, long seed) {
    try (Tensor tensor = device.allocate(dtype, slice)) {
      law.fill(tensor, RandomStream.of(seed));
      return tensor.toDoubles();
    }
  }

  /// Rows are orthonormal, or columns where there are fewer of them.
  @ParameterizedTest
  @EnumSource(names = {"F64", "F32", "BF16", "F16"})
  void vectorsAreOrthonormal(DType dtype) {
    double bound = switch (dtype) {
      case F64 -> 1e-14;
      case F32 -> 2e-6;
      default -> 2e-2;
    };
    for (Fans.Layout layout : new Fans.Layout[] {Fans.Layout.OIHW, Fans.Layout.HWIO}) {
      for (Shape shape : new Shape[] {Shape.of(20, 20), Shape.of(8, 30), Shape.of(30, 8), Shape.of(6, 4, 3, 3), Shape.of(3, 3, 4, 40), Shape.of(1, 5)}) {
        double[] q = values(new Orthogonal(2, layout), dtype, Slice.of(shape), 42);
        int rows = (int) (layout == Fans.Layout.OIHW ? shape.extent(0) : shape.elements() / shape.extent(shape.rank() - 1));
        int columns = q.length / rows;
        boolean tall = rows > columns;
        int count = tall ? columns : rows;
        int length = tall ? rows : columns;
        for (int i = 0; i < count; i++) {
          for (int j = 0; j <= i; j++) {
            double dot = 0;
            for (int k = 0; k < length; k++) {
              dot += tall ? q[k * columns + i] * q[k * columns + j] : q[i * columns + k] * q[j * columns + k];
            }
            assertThat(dot / 4).as(shape + " " + i + " " + j).isCloseTo(i == j ? 1 : 0, within(bound));
          }
        }
      }
    }
  }

  @Test
  void aSliceHasWhatTheWholeHas() {
    Slice whole = Slice.of(Shape.of(12, 9));
    double[] all = values(new Orthogonal(1, Fans.Layout.OIHW), DType.F32, whole, 1);
    double[] part = values(new Orthogonal(1, Fans.Layout.OIHW), DType.F32, whole.along(0, 3, 5).along(1, 2, 6), 1);
    for (int i = 0; i < 30; i++) {
      assertThat(part[i]).isEqualTo(all[(3 + i / 6) * 9 + 2 + i % 6]);
    }
  }

  /// What is narrower has the values of F32, rounded.
  @ParameterizedTest
  @EnumSource(names = {"BF16", "F16", "F8_E4M3", "F8_E5M2"})
  void narrowTypesAreRoundedOnce(DType dtype) {
    for (Initializer law : new Initializer[] {new Orthogonal(1.5, Fans.Layout.OIHW), new DeltaOrthogonal(1.5, Fans.Layout.OIHW)}) {
      Slice whole = Slice.of(Shape.of(20, 16, 3));
      double[] wide = values(law, DType.F32, whole, 5);
      double[] narrow = values(law, dtype, whole, 5);
      for (int i = 0; i < wide.length; i++) {
        assertThat(narrow[i]).isEqualTo(dtype.widen(dtype.round((float) wide[i])));
      }
    }
  }

  /// At most 1e-5 at order 4096 is what is asked for, which `-Dorthogonal.order=4096` shows; the error grows with the order's root at most.
  @Test
  void largeOnesAreOrthonormal() {
    int n = Integer.getInteger("orthogonal.order", 1024);
    Shape shape = Shape.of(n, n);
    try (Tensor q = device.allocate(DType.F32, shape); Tensor wide = device.allocate(DType.F64, shape);
         Tensor product = device.allocate(DType.F64, shape)) {
      new Orthogonal(1, Fans.Layout.OIHW).fill(q, RandomStream.of(42));
      device.convert(q, 1, wide);
      for (LinearAlgebra.Op op : LinearAlgebra.Op.values()) {
        device.linearAlgebra().gemm(op, op == LinearAlgebra.Op.N ? LinearAlgebra.Op.T : LinearAlgebra.Op.N, 1, wide, wide, 0, product);
        double[] values = product.toDoubles();
        double worst = 0;
        for (int i = 0; i < values.length; i++) {
          worst = Math.max(worst, Math.abs(values[i] - (i / n == i % n ? 1 : 0)));
        }
        assertThat(worst).isLessThanOrEqualTo(1e-5);
      }
    }
  }

  /// Of a Haar matrix of order n the trace has the moments of N(0, 1) up to one that grows with n, and is nearer to it than 2000 values can
  /// tell (P. Diaconis, M. Shahshahani, Journal of Applied Probability 31A, 1994); E\[tr^2\] = 1 and E\[tr^4\] = 3 are exact from order 4 on.
  /// Each of the nine assertions fails for a right generator with a probability of at most 1e-6, when the seeds were chosen.
  @ParameterizedTest
  @ValueSource(ints = {8, 12, 16})
  void isHaar(int n) {
    int count = 2000;
    double[] traces = new double[count];
    double squares = 0;
    double fourths = 0;
    for (int seed = 0; seed < count; seed++) {
      double[] q = values(new Orthogonal(1, Fans.Layout.OIHW), DType.F32, Slice.of(Shape.of(n, n)), seed);
      for (int i = 0; i < n; i++) {
        traces[seed] += q[i * (n + 1)];
      }
      squares += Math.pow(traces[seed], 2) / count;
      fourths += Math.pow(traces[seed], 4) / count;
    }
    assertThat(KolmogorovSmirnovTest.withDefaults().test(traces, NormalDistribution.of(0, 1)::cumulativeProbability).getPValue())
        .isGreaterThan(1e-6);
    // Of a normal z, z^2 has the variance 2 and z^4 the variance 96; 4.9 standard errors.
    assertThat(squares).isCloseTo(1, within(4.9 * Math.sqrt(2. / count)));
    assertThat(fourths).isCloseTo(3, within(4.9 * Math.sqrt(96. / count)));
  }

  /// The map at the centre has orthonormal rows, one of each input; everything else is zero.
  @ParameterizedTest
  @EnumSource(DType.class)
  void deltas(DType dtype) {
    for (Shape shape : new Shape[] {Shape.of(7, 5, 3), Shape.of(6, 6, 4, 3), Shape.of(5, 2, 1, 2, 5)}) {
      int[] axes = shape.rank() == 3 ? new int[] {3} : shape.rank() == 4 ? new int[] {4, 3} : new int[] {1, 2, 5};
      int kernel = Arrays.stream(axes).reduce(1, (a, b) -> a * b);
      int centre = 0;
      for (int extent : axes) {
        centre = centre * extent + (extent - 1) / 2;
      }
      int out = (int) shape.extent(0);
      int in = (int) shape.extent(1);
      double[] q = values(new DeltaOrthogonal(2, Fans.Layout.OIHW), dtype, Slice.of(shape), 3);
      long[] turned = new long[shape.rank()];
      for (int i = 0; i < axes.length; i++) {
        turned[i] = axes[i];
      }
      turned[axes.length] = in;
      turned[axes.length + 1] = out;
      double[] last = values(new DeltaOrthogonal(2, Fans.Layout.HWIO), dtype, Slice.of(Shape.of(turned)), 3);
      double bound = Math.max(1e-6, 8 * (1 - dtypeBelowOne(dtype)));
      for (int i = 0; i < in; i++) {
        for (int j = 0; j <= i; j++) {
          double dot = 0;
          for (int o = 0; o < out; o++) {
            dot += q[(o * in + i) * kernel + centre] * q[(o * in + j) * kernel + centre];
          }
          assertThat(dot).isCloseTo(i == j ? 4 : 0, within(bound));
        }
        for (int o = 0; o < out; o++) {
          for (int k = 0; k < kernel; k++) {
            assertThat(last[(k * in + i) * out + o]).isEqualTo(q[(o * in + i) * kernel + k]);
            if (k != centre) {
              assertThat(q[(o * in + i) * kernel + k]).isZero();
            }
          }
        }
      }
      Slice part = Slice.of(shape).along(0, 1, 3).along(1, 1, 1);
      double[] some = values(new DeltaOrthogonal(2, Fans.Layout.OIHW), dtype, part, 3);
      for (int i = 0; i < some.length; i++) {
        assertThat(some[i]).isEqualTo(q[((i / kernel + 1) * in + 1) * kernel + i % kernel]);
      }
    }
  }

  /// 1 less half a step of the dtype below it.
  private static double dtypeBelowOne(DType dtype) {
    return dtype == DType.F64 ? Math.nextDown(1.0) : dtype.widen(dtype.round(1f) - 1);
  }

  @Test
  void whatItCannotBe() {
    assertThatThrownBy(() -> new Orthogonal(1, Fans.Layout.OIHW).resolve(Shape.of(3))).hasMessageContaining("rank 2 or more");
    assertThatThrownBy(() -> new Orthogonal(Double.NaN, Fans.Layout.OIHW)).hasMessageContaining("finite");
    DeltaOrthogonal delta = Initializers.deltaOrthogonal(1);
    assertThatThrownBy(() -> delta.resolve(Shape.of(4, 5, 3))).hasMessageContaining("5 inputs and 4 outputs");
    assertThatThrownBy(() -> delta.resolve(Shape.of(4, 4))).hasMessageContaining("has rank 2; use orthogonal");
    assertThatThrownBy(() -> delta.resolve(Shape.of(4))).hasMessageContaining("rank 2 to 5");
    assertThatThrownBy(() -> new DeltaOrthogonal(1e9, Fans.Layout.OIHW).check(DType.F16)).hasMessageContaining("not finite in F16");
    assertThatThrownBy(() -> new DeltaOrthogonal(1, Fans.Layout.ARTICLE).resolve(Shape.of(4, 4, 3))).hasMessageContaining("use oihw or hwio");
  }

  @Test
  void fromTheirTexts() {
    assertThat(Expression.parse("orthogonal").resolve(Shape.of(4, 5))).isEqualTo(Initializers.orthogonal(1));
    assertThat(Expression.parse("orthogonal(sqrt(2), hwio)").resolve(Shape.of(4, 5))).isEqualTo(new Orthogonal(Math.sqrt(2), Fans.Layout.HWIO));
    assertThat(Expression.parse("delta_orthogonal(gain=3)").resolve(Shape.of(4, 4, 3))).isEqualTo(Initializers.deltaOrthogonal(3))
        .hasToString("delta_orthogonal(3, oihw)");
    // An empty tensor needs no library.
    assertThat(values(Initializers.orthogonal(1), DType.F32, Slice.of(Shape.of(0, 3)), 1)).isEmpty();
    assertThat(values(Initializers.deltaOrthogonal(1), DType.F32, Slice.of(Shape.of(4, 0, 3)), 1)).isEmpty();
  }
}
