package io.github.tensorseed.cpu;

import io.github.tensorseed.DType;
import io.github.tensorseed.Distribution;
import java.lang.foreign.MemorySegment;

/// Fills runs of consecutive elements. Every implementation writes the same bits.
interface Kernels {

  /// Writes elements `start` to `start + count` of the logical tensor to the beginning of `out`.
  ///
  /// @param law has been checked against `dtype`
  /// @param key of the stream
  /// @param out native memory of at least `count` elements, at any alignment
  void fill(Distribution law, DType dtype, long key, long start, long count, MemorySegment out);

  /// Writes one value `count` times: what is there already is copied behind itself until it is long enough to be copied on as a block.
  static void constant(DType dtype, double value, long count, MemorySegment out) {
    if (count == 0) {
      return;
    }
    dtype.set(out, 0, value);
    long bytes = count * dtype.bytes();
    for (long done = dtype.bytes(), block; done < bytes; done += block) {
      block = Math.min(bytes - done, Math.min(done, 1 << 13));
      MemorySegment.copy(out, 0, out, done, block);
    }
  }
}
