package io.github.tensorseed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HostWriterTest {

  @Test
  void theBufferIsFreedWhenTheDeviceFails() {
    List<MemorySegment> buffers = new ArrayList<>();
    Device failing = (Device) Proxy.newProxyInstance(HostWriterTest.class.getClassLoader(), new Class<?>[] {Device.class},
        (_, _, arguments) -> {
          buffers.add((MemorySegment) arguments[2]);
          throw new DeviceException("no write", new IllegalStateException());
        });
    Tensor tensor = new Tensor(failing, DType.F32, Slice.of(Shape.of(4)), MemorySegment.NULL, () -> {});
    assertThatThrownBy(() -> {
      try (HostWriter out = new HostWriter(tensor, 0)) {
        out.put(1);
      }
    }).isInstanceOf(DeviceException.class);
    assertThat(buffers).singleElement().satisfies(buffer -> assertThat(buffer.scope().isAlive()).isFalse());
  }
}
