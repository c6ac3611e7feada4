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
}
