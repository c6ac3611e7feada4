package io.github.tensorseed.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.tensorseed.DType;
import io.github.tensorseed.Device;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import io.github.tensorseed.cpu.ScalarDevice;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Devices of the host stand for GPUs: each is asked for what it holds.
class DeviceGroupTest {
  private final Device first = ScalarDevice.open();
  private final Device second = ScalarDevice.open();

  @Test
  void takesTurns() {
    try (DeviceGroup group = new DeviceGroup(List.of(first, second))) {
      for (int i = 0; i < 2; i++) {
        assertThat(group.allocate(DType.F32, Shape.of(5)).device()).isSameAs(first);
        assertThat(group.allocate(DType.F64, Shape.of(5)).device()).isSameAs(second);
      }
      assertThat(group.allocatedBytes()).isEqualTo(2 * 20 + 2 * 40);
      assertThat(group.name()).isEqualTo("cpu,cpu");
      Tensor tensor = group.allocate(DType.F32, Shape.of(5));
      group.fill(tensor, new Distribution.Constant(3), RandomStream.of(1));
      assertThat(tensor.dtype().get(tensor.memory(), 4)).isEqualTo(3);
      group.clear(tensor);
      assertThat(tensor.dtype().get(tensor.memory(), 4)).isZero();
    }
    assertThat(first.allocatedBytes() + second.allocatedBytes()).isZero();
  }

  @Test
  void linearAlgebraIsThatOfTheFirst() {
    try (DeviceGroup group = new DeviceGroup(List.of(first, second))) {
      assertThat(group.linearAlgebra().device()).isSameAs(first);
    }
  }

  @Test
  void memoryBelongsToOneDevice() {
    try (DeviceGroup group = new DeviceGroup(List.of(first, second))) {
      assertThatThrownBy(() -> group.wrap(Arena.ofAuto().allocate(4), DType.F32, Slice.of(Shape.of(1))))
          .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("open that one");
    }
  }
}
