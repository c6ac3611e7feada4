package io.github.tensorseed.cuda;

import io.github.tensorseed.Shape;
import io.github.tensorseed.Slice;
import java.util.function.Consumer;

/// Rows of a slice that follow one another at one distance in the logical tensor: what one launch fills.
///
/// Place p of them is element `start + p / run * stride + p % run`.
///
/// @param position index in the slice of the first element
/// @param count elements of all rows
/// @param start row-major index in the logical tensor of the first element
/// @param run elements of a row
/// @param stride elements from the beginning of a row to that of the next
record Rows(long position, long count, long start, long run, long stride) {

  /// Cuts a slice, in order, into as few as can be. A slice without elements has none.
  static void forEach(Slice slice, Consumer<Rows> action) {
    if (slice.elements() == 0) {
      return;
    }
    Shape shape = slice.shape();
    Shape whole = slice.whole();
    // Axes behind `axis` are taken whole, so that one step along it is contiguous.
    int axis = whole.rank() - 1;
    long block = 1;
    while (axis > 0 && shape.extent(axis) == whole.extent(axis)) {
      block *= whole.extent(axis--);
    }
    long run = axis < 0 ? 1 : block * shape.extent(axis);
    long stride = axis < 0 ? 1 : block * whole.extent(axis);
    // The axis before it counts rows; as long as such an axis is taken whole, the one before goes on at the same distance.
    long rows = 1;
    boolean regular = true;
    int outer = Math.max(axis, 0) - 1;
    for (; outer >= 0 && regular; outer--) {
      rows *= shape.extent(outer);
      regular = shape.extent(outer) == whole.extent(outer);
    }
    long count = rows * run;
    for (long position = 0; position < slice.elements(); position += count) {
      action.accept(new Rows(position, count, start(slice, outer, position / count), run, stride));
    }
  }

  /// Where combination `n` of axes 0 to `last` begins in the logical tensor.
  private static long start(Slice slice, int last, long n) {
    long start = slice.start();
    long stride = 1;
    for (int axis = slice.whole().rank() - 1; axis > last; axis--) {
      stride *= slice.whole().extent(axis);
    }
    long rest = n;
    for (int axis = last; axis >= 0; axis--) {
      start += rest % slice.shape().extent(axis) * stride;
      rest /= slice.shape().extent(axis);
      stride *= slice.whole().extent(axis);
    }
    return start;
  }
}
