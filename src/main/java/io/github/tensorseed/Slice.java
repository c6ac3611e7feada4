package io.github.tensorseed;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.LongStream;

/// A box of a logical tensor: the whole of it, or the part that one shard or one chunk holds.
///
/// What is filled into a slice is what the whole tensor has there, and fans are taken from the whole.
///
/// ```java
/// // The second of eight row shards, as tensor parallelism cuts it:
/// Slice shard = Slice.of(Shape.of(53248, 16384)).along(0, 6656, 6656);
/// ```
public final class Slice {
  private final Shape whole;
  private final long[] offset;
  private final Shape shape;

  private Slice(Shape whole, long[] offset, Shape shape) {
    this.whole = whole;
    this.offset = offset;
    this.shape = shape;
  }

  /// All of a tensor of this shape.
  public static Slice of(Shape whole) {
    return new Slice(whole, new long[whole.rank()], whole);
  }

  /// The part of this slice from `start` along `axis`, `length` long; `start` counts from this slice's own beginning.
  ///
  /// @throws IllegalArgumentException if it does not lie inside this slice
  public Slice along(int axis, long start, long length) {
    if (axis < 0 || axis >= whole.rank()) {
      throw new IllegalArgumentException("axis " + axis + " of a slice of shape " + shape + ": the axes are 0 to " + (whole.rank() - 1));
    }
    if (start < 0 || length < 0 || start > shape.extent(axis) - length) {
      throw new IllegalArgumentException(
          "slice of " + length + " from " + start + " along axis " + axis + " does not lie inside " + shape);
    }
    long[] moved = offset.clone();
    moved[axis] += start;
    long[] extents = shape.extents();
    extents[axis] = length;
    return new Slice(whole, moved, Shape.of(extents));
  }

  /// The shape of the logical tensor.
  public Shape whole() {
    return whole;
  }

  /// The shape of this part.
  public Shape shape() {
    return shape;
  }

  /// Where this part begins along `axis` of the logical tensor.
  public long offset(int axis) {
    return offset[axis];
  }

  public long elements() {
    return shape.elements();
  }

  /// A run of elements that follow one another both in the logical tensor and in the slice.
  ///
  /// @param start row-major index of the first element in the logical tensor
  /// @param position its index in the slice
  /// @param count the number of elements
  public record Run(long start, long position, long count) {}

  /// Gives the runs of this slice in order, each as long as can be. A slice without elements has none.
  public void forEachRun(Consumer<Run> action) {
    forEachRun(0, elements(), action);
  }

  /// The same for elements `from` to `to` of this slice; the first and the last run are cut off there.
  public void forEachRun(long from, long to, Consumer<Run> action) {
    int rank = whole.rank();
    // Axes behind `inner` are taken whole, so that one step along `inner` is contiguous.
    int inner = rank - 1;
    long block = 1;
    while (inner > 0 && shape.extent(inner) == whole.extent(inner)) {
      block *= whole.extent(inner--);
    }
    long longest = rank == 0 ? 1 : block * shape.extent(inner);
    long count;
    for (long position = from; position < to; position += count) {
      long inside = position % longest;
      count = Math.min(longest - inside, to - position);
      long start = rank == 0 ? 0 : offset[inner] * block + inside;
      long stride = rank == 0 ? 0 : whole.extent(inner) * block;
      long rest = position / longest;
      for (int axis = inner - 1; axis >= 0; axis--) {
        start += (offset[axis] + rest % shape.extent(axis)) * stride;
        rest /= shape.extent(axis);
        stride *= whole.extent(axis);
      }
      action.accept(new Run(start, position, count));
    }
  }

  /// Row-major index in the logical tensor of this slice's first element.
  public long start() {
    long start = 0;
    for (int axis = 0; axis < whole.rank(); axis++) {
      start = start * whole.extent(axis) + offset[axis];
    }
    return start;
  }

  /// Cuts this slice, in order, into pieces that are contiguous in it, each of at most `most` elements and as near to that as its rows
  /// allow. A slice without elements has none.
  public Iterable<Slice> chunks(long most) {
    if (elements() == 0) {
      return List.of();
    }
    if (elements() <= most) {
      return List.of(this);
    }
    // Pieces are cut along `axis`: behind it whole rows fit, before it they are taken one by one.
    int axis = 0;
    long row = elements() / shape.extent(0);
    while (row > most) {
      row /= shape.extent(++axis);
    }
    int cut = axis;
    long step = Math.max(1, most / row);
    long pieces = Math.ceilDiv(shape.extent(cut), step);
    long all = elements() / row / shape.extent(cut) * pieces;
    return () -> LongStream.range(0, all).mapToObj(n -> piece(n, cut, step, pieces)).iterator();
  }

  private Slice piece(long n, int cut, long step, long pieces) {
    long start = n % pieces * step;
    Slice piece = along(cut, start, Math.min(step, shape.extent(cut) - start));
    long rest = n / pieces;
    for (int axis = cut - 1; axis >= 0; axis--) {
      piece = piece.along(axis, rest % shape.extent(axis), 1);
      rest /= shape.extent(axis);
    }
    return piece;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Slice slice
        && whole.equals(slice.whole)
        && shape.equals(slice.shape)
        && Arrays.equals(offset, slice.offset);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * whole.hashCode() + shape.hashCode()) + Arrays.hashCode(offset);
  }

  /// As in `[6656, 16384] at [6656, 0] of [53248, 16384]`.
  @Override
  public String toString() {
    return shape.equals(whole) ? whole.toString() : shape + " at " + Arrays.toString(offset) + " of " + whole;
  }
}
