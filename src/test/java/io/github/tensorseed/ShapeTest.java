package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void elementsAreTheProduct() {
    assertThat(Shape.of(53248, 16384).elements()).isEqualTo(872415232L);
    assertThat(Shape.of(1L << 31, 3).elements()).isEqualTo(6442450944L);
    assertThat(Shape.of().elements()).isEqualTo(1);
    assertThat(Shape.of(7, 0, 3).elements()).isZero();
  }

  @Test
  void theLargestShapes() {
    assertThat(Shape.of(Long.MAX_VALUE).elements()).isEqualTo(Long.MAX_VALUE);
    assertThat(Shape.of(Long.MAX_VALUE, Long.MAX_VALUE, 0).elements()).isZero();
    assertThat(Shape.of(1L << 60).bytes(DType.F32)).isEqualTo(1L << 62);
  }

  @Test
  void tooManyElementsOrBytes() {
    assertThatThrownBy(() -> Shape.of(1L << 32, 1L << 31))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shape [4294967296, 2147483648] has more than 2^63 - 1 elements");
    assertThatThrownBy(() -> Shape.of(1L << 61).bytes(DType.F32))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a F32 tensor of shape [2305843009213693952] has more than 2^63 - 1 bytes");
  }

  @Test
  void negativeExtents() {
    assertThatThrownBy(() -> Shape.of(0, -5))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shape [0, -5] has the negative extent -5");
  }

  @Test
  void extentsAreCopied() {
    long[] extents = {2, 3};
    Shape shape = Shape.of(extents);
    extents[0] = 99;
    shape.extents()[1] = 99;
    assertThat(shape).isEqualTo(Shape.of(2, 3)).hasSameHashCodeAs(Shape.of(2, 3)).hasToString("[2, 3]");
    assertThat(shape).isNotEqualTo(Shape.of(3, 2)).isNotEqualTo(Shape.of(2, 3, 1));
  }
}
