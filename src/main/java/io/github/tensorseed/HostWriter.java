package io.github.tensorseed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Writes values that the host has worked out to consecutive elements of a tensor on any device, through a buffer of bounded size.
final class HostWriter implements AutoCloseable {
  private static final long BUFFER = 1 << 18;

  private final Tensor tensor;
  private final DType dtype;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer;
  private final long capacity;
  private long position;
  private long held;

  /// Begins at element `position` of what `tensor` holds.
  HostWriter(Tensor tensor, long position) {
    this.tensor = tensor;
    this.position = position;
    dtype = tensor.dtype();
    capacity = Math.min(BUFFER / dtype.bytes(), tensor.elements());
    buffer = arena.allocate(capacity * dtype.bytes(), dtype.bytes());
  }

  void put(double value) {
    if (held == capacity) {
      flush();
    }
    dtype.set(buffer, held++, value);
  }

  void put(double value, long count) {
    for (long i = 0; i < count; i++) {
      put(value);
    }
  }

  private void flush() {
    if (held == 0) {
      return;
    }
    tensor.device().write(tensor, position * dtype.bytes(), buffer.asSlice(0, held * dtype.bytes()));
    position += held;
    held = 0;
  }

  /// Writes what is left.
  @Override
  public void close() {
    try (arena) {
      flush();
    }
  }
}
