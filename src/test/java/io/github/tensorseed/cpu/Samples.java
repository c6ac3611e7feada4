package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import io.github.tensorseed.RandomStream;
import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import io.github.tensorseed.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/// Elements of endless tensors, as the device writes them.
final class Samples {
  private static final long ENDLESS = 1L << 60;
  private static final int PIECE = 1 << 22;

  private Samples() {}

  /// The bytes of elements `start` to `start + count`, for the duration of `action`.
  static void fill(DType dtype, Distribution law, RandomStream stream, long start, long count, Consumer<MemorySegment> action) {
    try (CpuDevice device = CpuDevice.open(); Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(count * dtype.bytes());
      Tensor tensor = device.wrap(memory, dtype, Slice.of(Shape.of(ENDLESS)).along(0, start, count));
      device.fill(tensor, law, stream);
      action.accept(memory);
    }
  }

  /// The same in pieces of equal length, for counts that do not fit memory.
  static void stream(DType dtype, Distribution law, RandomStream stream, long count, Consumer<MemorySegment> action) {
    try (CpuDevice device = CpuDevice.open(); Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate((long) PIECE * dtype.bytes());
      for (long start = 0; start < count; start += PIECE) {
        device.fill(device.wrap(memory, dtype, Slice.of(Shape.of(ENDLESS)).along(0, start, PIECE)), law, stream);
        action.accept(memory);
      }
    }
  }

  static double[] values(DType dtype, Distribution law, RandomStream stream, int count) {
    return values(dtype, law, stream, 0, count);
  }

  static double[] values(DType dtype, Distribution law, RandomStream stream, long start, int count) {
    double[] values = new double[count];
    fill(dtype, law, stream, start, count, memory -> {
      for (int i = 0; i < count; i++) {
        values[i] = dtype.get(memory, i);
      }
    });
    return values;
  }
}
