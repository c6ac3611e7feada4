package io.github.tensorseed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// A weight as one matrix \[out, in\] for each position of its kernel.
///
/// @param out units out
/// @param in units in
/// @param kernel positions of the kernel, in row-major order; 1 for a matrix
/// @param centre the position whose index is extent / 2 along every axis
/// @param outFirst whether the order is \[out, in, kernel\], or else \[kernel, in, out\]
record Weight(long out, long in, long kernel, long centre, boolean outFirst) {

  /// @throws IllegalArgumentException for a rank below 2 or above 5
  static Weight of(Initializer initializer, Shape shape, Fans.Layout layout) {
    int rank = shape.rank();
    if (rank < 2 || rank > 5) {
      throw new IllegalArgumentException(initializer + " is for tensors of rank 2 to 5, and " + shape + " has rank " + rank);
    }
    boolean outFirst = outFirst(initializer, layout);
    long kernel = 1;
    long centre = 0;
    for (int axis = 0; axis < rank - 2; axis++) {
      long extent = shape.extent(outFirst ? axis + 2 : axis);
      kernel *= extent;
      centre = centre * extent + extent / 2;
    }
    return outFirst
        ? new Weight(shape.extent(0), shape.extent(1), kernel, centre, true)
        : new Weight(shape.extent(rank - 1), shape.extent(rank - 2), kernel, centre, false);
  }

  /// Whether a weight of this layout begins with the axes of outputs and inputs.
  static boolean outFirst(Initializer initializer, Fans.Layout layout) {
    return switch (layout) {
      case OIHW -> true;
      case HWIO, KERAS -> false;
      case ARTICLE -> throw new IllegalArgumentException(initializer + ": the layout 'article' does not say where inputs and outputs are;"
          + " use oihw or hwio");
    };
  }

  /// The element that joins input `i` to output `o` at the centre.
  long index(long o, long i) {
    return outFirst ? (o * in + i) * kernel + centre : (centre * in + i) * out + o;
  }

  long outputOf(long index) {
    return outFirst ? index / kernel / in : index % out;
  }

  long inputOf(long index) {
    return outFirst ? index / kernel % in : index / out % in;
  }

  long positionOf(long index) {
    return outFirst ? index % kernel : index / out / in;
  }

  /// Fills a tensor with zeros but for `gain` where, in each of `groups` equal groups of outputs, output number n meets input n at the
  /// centre.
  void fillDiagonal(Tensor tensor, RandomStream stream, long groups, double gain) {
    new Distribution.Constant(0).fill(tensor, stream);
    long perGroup = out / groups;
    long ones = Math.min(perGroup, in);
    try (Arena arena = Arena.ofConfined()) {
      DType dtype = tensor.dtype();
      MemorySegment one = arena.allocate(dtype.bytes(), dtype.bytes());
      dtype.set(one, 0, gain);
      tensor.slice().forEachRun(run -> {
        // The diagonals' elements ascend in the order of n: search the first of this run.
        long low = 0;
        long high = ones * groups;
        while (low < high) {
          long middle = low + high >>> 1;
          if (diagonal(middle, groups, perGroup, ones) < run.start()) {
            low = middle + 1;
          } else {
            high = middle;
          }
        }
        for (long n = low; n < ones * groups; n++) {
          long inside = diagonal(n, groups, perGroup, ones) - run.start();
          if (inside >= run.count()) {
            break;
          }
          tensor.device().write(tensor, (run.position() + inside) * dtype.bytes(), one);
        }
      });
    }
  }

  /// The element of the `n`-th one, in ascending order.
  private long diagonal(long n, long groups, long perGroup, long ones) {
    return outFirst
        ? index(n / ones * perGroup + n % ones, n % ones)
        : index(n % groups * perGroup + n / groups, n / groups);
  }
}
