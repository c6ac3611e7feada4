package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.tensorseed.cpu.CpuDevice;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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

  /// Of a Haar matrix of order n the trace has mean 0 and variance 1 (P. Diaconis, M. Shahshahani, 1994); without the sign fix it has
  /// another mean. 400 matrices: the mean's standard error is 0.05, that of the variance about 0.07; bounds of five of these, so that a false
  /// alarm has a probability below 1e-6.
  @Test
  void isHaar() {
    double sum = 0;
    double squares = 0;
    int count = 400;
    for (int seed = 0; seed < count; seed++) {
      double[] q = values(new Orthogonal(1, Fans.Layout.OIHW), DType.F32, Slice.of(Shape.of(12, 12)), seed);
      double trace = 0;
      for (int i = 0; i < 12; i++) {
        trace += q[i * 13];
      }
      sum += trace;
      squares += trace * trace;
    }
    assertThat(sum / count).isCloseTo(0, within(0.25));
    assertThat(squares / count).isCloseTo(1, within(0.35));
  }

  @Test
  void whatItCannotBe() {
    assertThatThrownBy(() -> new Orthogonal(1, Fans.Layout.OIHW).resolve(Shape.of(3))).hasMessageContaining("rank 2 or more");
    assertThatThrownBy(() -> new Orthogonal(Double.NaN, Fans.Layout.OIHW)).hasMessageContaining("finite");
  }
}
