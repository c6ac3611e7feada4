package io.github.tensorseed.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.LinearAlgebra;
import io.github.tensorseed.LinearAlgebra.Op;
import io.github.tensorseed.LinearAlgebraContract;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;

class CpuLinearAlgebraTest extends LinearAlgebraContract {
  CpuLinearAlgebraTest() {
    super(CpuDevice.open(2));
  }

  /// Memory that belongs to the caller's thread alone is worked on by that thread, to the same bits.
  @Test
  void memoryOfOneThread() {
    try (CpuDevice device = CpuDevice.open(2); Arena arena = Arena.ofConfined()) {
      Shape shape = Shape.of(100, 70);
      Shape square = Shape.of(70, 70);
      assertThat(centered(device, device.allocate(DType.F32, shape), device.allocate(DType.F32, shape), device.allocate(DType.F32, square)))
          .isEqualTo(centered(device, wrapped(device, arena, shape), wrapped(device, arena, shape), wrapped(device, arena, square)));
    }
  }

  private static Tensor wrapped(CpuDevice device, Arena arena, Shape shape) {
    return device.wrap(arena.allocate(shape.bytes(DType.F32)), DType.F32, Slice.of(shape));
  }

  private static double[] centered(CpuDevice device, Tensor rows, Tensor differences, Tensor products) {
    LinearAlgebra algebra = device.linearAlgebra();
    device.fill(rows, new Distribution.Normal(0, 1), RandomStream.of(1));
    Tensor shift = device.allocate(DType.F64, Shape.of(70));
    Tensor sums = device.allocate(DType.F64, Shape.of(70));
    Tensor wide = device.allocate(DType.F64, Shape.of(70, 70));
    shift.copyFrom(new double[70]);
    sums.copyFrom(new double[70]);
    wide.copyFrom(new double[4900]);
    algebra.center(rows, shift, differences, sums);
    algebra.syrk(Op.T, 1, differences, 0, products);
    algebra.symmetrize(products);
    algebra.axpy(1, products, wide);
    return wide.toDoubles();
  }

  /// OpenBLAS by itself has other bits on two threads where 784 products are added.
  @Test
  void threadsChangeNoBitOfAProduct() {
    for (Op op : Op.values()) {
      double[] one = product(op, 1);
      assertThat(product(op, 2)).isEqualTo(one);
      assertThat(product(op, 3)).isEqualTo(one);
    }
  }

  private static double[] product(Op op, int threads) {
    try (CpuDevice device = CpuDevice.open(threads)) {
      Tensor a = device.allocate(DType.F32, op == Op.N ? Shape.of(130, 784) : Shape.of(784, 130));
      Tensor b = device.allocate(DType.F32, op == Op.N ? Shape.of(784, 250) : Shape.of(250, 784));
      Tensor c = device.allocate(DType.F32, Shape.of(130, 250));
      for (Tensor tensor : List.of(a, b, c)) {
        device.fill(tensor, new Distribution.Normal(0, 1), RandomStream.of(tensor.elements()));
      }
      device.linearAlgebra().gemm(op, op, 0.5, a, b, 2, c);
      return c.toDoubles();
    }
  }

  @Test
  void memoryOfTheHeapIsOutOfReach() {
    try (CpuDevice device = CpuDevice.open(2)) {
      Tensor heap = device.wrap(MemorySegment.ofArray(new double[4]), DType.F64, Slice.of(Shape.of(2, 2)));
      Tensor values = device.allocate(DType.F64, Shape.of(2));
      assertThatThrownBy(() -> device.linearAlgebra().syevd(heap, values)).isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("lies on Java's heap");
    }
  }
}
